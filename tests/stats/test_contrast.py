from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import fisher_exact, hypergeom

from stagegap.stats.distributions import hypergeometric_tail
from stagegap.stats.significance import excess_p
from stagegap.stats.spread import Clusters, clusters


@pytest.mark.parametrize(("k", "n", "marked", "total"), [(0, 5, 3, 12), (3, 4, 4, 8), (7, 30, 40, 300), (5, 5, 5, 9)])
def test_tail_is_that_of_scipy(k: int, n: int, marked: int, total: int):
    assert hypergeometric_tail(k, n, marked=marked, total=total) == pytest.approx(hypergeom.sf(k - 1, total, marked, n))


def test_independent_records_get_fishers_exact_test():
    failed = np.array([1.0] * 8 + [0] * 2 + [1] * 5 + [0] * 25 + [math.nan])
    inside = np.arange(41) < 10
    table = [[8, 2], [5, 25]]
    found = excess_p(failed, inside, clusters(range(41)))
    assert found == pytest.approx(fisher_exact(table, alternative="greater").pvalue)  # pyright: ignore[reportAttributeAccessIssue]  # missing in scipy's stubs


def test_whole_clusters_that_fail_alike_are_less_convincing():
    failed = np.array([1.0] * 10 + [0] * 10 + [1.0] * 10 + [0] * 50)
    inside = np.arange(80) < 20
    alone = excess_p(failed, inside, clusters(range(80)))
    together = excess_p(failed, inside, Clusters(codes=np.arange(80) // 10, count=8))
    assert alone < 0.01
    assert together > 0.1


def test_level_is_held_with_clusters():
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(40), 5)
    called = 0
    for _ in range(600):
        failed = (rng.random(40)[codes] < 0.3).astype(float)
        inside = (rng.random(40) < 0.4)[codes]
        p = excess_p(failed, inside, Clusters(codes=codes, count=40))
        called += p < 0.05
    assert called / 600 <= 0.08


def test_too_few_are_not_tested_and_no_failure_is_no_excess():
    few = np.zeros(20)
    assert math.isnan(excess_p(few, np.arange(20) < 4, clusters(range(20))))
    assert math.isnan(excess_p(few, np.arange(20) < 10, Clusters(codes=np.zeros(20, dtype=np.int64), count=1)))
    assert excess_p(few, np.arange(20) < 10, Clusters(codes=np.arange(20) // 2, count=10)) == 1.0
