"""Correlations with intervals: values of scipy, influence by leaving one out, a planted one recovered in clusters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from stagegap.stats import correlation
from stagegap.stats.correlation import correlations
from stagegap.stats.spread import Clusters, clusters


def pair(n: int, *, rho: float, seed: int, steps: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = rho * x + np.sqrt(1 - rho**2) * rng.normal(size=n)
    return (np.round(x * steps), np.round(y * steps)) if steps else (x, y)


@given(st.integers(0, 10_000), st.sampled_from([0, 1, 2]), st.integers(10, 60))
def test_values_are_those_of_scipy_with_and_without_ties(seed: int, steps: int, n: int):
    x, y = pair(n, rho=0.4, seed=seed, steps=steps)
    found = correlations(x, y, clusters(range(n)))
    of_scipy = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}
    for name, expected in of_scipy.items():
        estimate = getattr(found, name)
        if estimate.is_measured:
            assert estimate.value == pytest.approx(expected(x, y)[0])
            assert -1 <= estimate.low < estimate.value < estimate.high <= 1


def test_a_value_that_no_record_moves_has_no_interval_of_width_zero():
    x, y = np.array([1.0, -1, 0, 0] * 3), np.array([0.0, 0, 1, -1] * 3)
    assert stats.pearsonr(x, y)[0] == 0
    assert "spread is unknown" in correlations(x, y, clusters(range(12))).pearson.method


@pytest.mark.parametrize("name", ["_pearson", "_spearman", "_kendall"])
def test_the_influence_of_a_record_is_what_leaving_it_out_changes(name: str):
    of: Callable[..., tuple[float, np.ndarray]] = getattr(correlation, name)
    x, y = pair(300, rho=0.5, seed=2, steps=2)
    value, influence = of(x, y)
    without = np.array([of(np.delete(x, i), np.delete(y, i))[0] for i in range(300)])
    assert influence.mean() == pytest.approx(0, abs=1e-9)
    assert influence == pytest.approx(299 * (value - without), abs=0.06)
    assert np.corrcoef(influence, value - without)[0, 1] > 0.999


def test_clusters_widen_the_interval_and_few_are_named():
    x, y = pair(60, rho=0.5, seed=1)
    alone = correlations(np.repeat(x, 5), np.repeat(y, 5), clusters(range(300))).kendall
    together = correlations(np.repeat(x, 5), np.repeat(y, 5), clusters(np.repeat(np.arange(60), 5).tolist())).kendall
    assert together.value == alone.value
    assert together.high - together.low > 1.8 * (alone.high - alone.low)
    assert (together.clusters, together.n) == (60, 300)
    few = correlations(np.repeat(x[:12], 5), np.repeat(y[:12], 5), clusters(np.repeat(np.arange(12), 5).tolist()))
    assert few.pearson.method.endswith("only 12 clusters, the interval may be too narrow")


def test_too_little_and_no_spread_say_why():
    x, y = pair(30, rho=0.5, seed=1)
    thin = correlations(np.where(np.arange(30) < 9, x, np.nan), y, clusters(range(30)))
    assert (thin.pearson.method, thin.pearson.n) == ("too few: 9 records have both, and 10 are needed", 9)
    same = correlations(np.ones(30), y, clusters(range(30))).kendall
    assert same.method == "not measured: one of the two is the same at every record"
    one = correlations(x, y, Clusters(codes=np.zeros(30, dtype=np.int64), count=1)).spearman
    assert one.method == "too few: all 30 records belong to one cluster"
    exact = correlations(x, 2 * x, clusters(range(30)))
    assert exact.pearson.method == "too few: the two go together without exception, so the spread is unknown"


def covered(rho: float, n: int, per_cluster: int, simulations: int) -> dict[str, float]:
    """How often each interval holds the truth; clusters share half of the variance of both figures."""
    truths = {"pearson": rho, "spearman": 6 / np.pi * np.arcsin(rho / 2), "kendall": 2 / np.pi * np.arcsin(rho)}
    rng = np.random.default_rng(7)
    held = dict.fromkeys(truths, 0)
    codes = np.repeat(np.arange(n // per_cluster), per_cluster)
    groups = clusters(codes.tolist())
    for _ in range(simulations):
        shared = rng.normal(size=(2, n // per_cluster))[:, codes]
        first, second = np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=(2, n))
        found = correlations(first, rho * first + np.sqrt(1 - rho**2) * second, groups)
        for name, truth in truths.items():
            estimate = getattr(found, name)
            held[name] += estimate.low <= truth <= estimate.high
    return {name: count / simulations for name, count in held.items()}


@pytest.mark.slow
@pytest.mark.parametrize(("rho", "n", "per_cluster"), [(0.0, 60, 1), (0.6, 60, 1), (0.3, 200, 5), (0.6, 120, 4)])
def test_intervals_hold_the_truth(rho: float, n: int, per_cluster: int):
    for name, share in covered(rho, n, per_cluster, 1_000).items():
        assert 0.93 <= share <= 0.975, name
