from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagegap.stats.paired import mcnemar, sign_flip_p
from stagegap.stats.spread import Clusters, clusters


def p_of(values: list[float], units: list[int] | None = None, *, seed: int = 0) -> float:
    made = clusters(range(len(values)) if units is None else units)
    return sign_flip_p(np.array(values, dtype=float), made, rng=np.random.default_rng(seed))


@settings(deadline=None)
@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=60))
def test_it_is_mcnemar_for_independent_0_1_scores(values: list[float]):
    assert p_of(values) == mcnemar(values.count(1.0), values.count(-1.0)).p


def test_fishers_darwin_data():
    # Fisher 1935, section 21: Darwin's 15 pairs of maize, differences in eighths of an inch; 1726 of 32768 assignments
    # are as far from 0 as the observed sum of 314.
    eighths = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert p_of([float(x) for x in eighths]) == pytest.approx(1726 / 32768, abs=0.007)
    scaled = np.array(eighths, dtype=float)
    masks = np.arange(1 << 15)[:, None] >> np.arange(15) & 1
    assert int((np.abs((2 * masks - 1) @ np.abs(scaled)) >= 314).sum()) == 1726


def test_few_units_are_counted_exactly():
    # Sums 3, 2, 1 with signs: 6 or -6 are 2 of 8 assignments.
    assert p_of([3.0, 2.0, 1.0]) == 0.25


def test_nothing_moved_says_nothing():
    assert p_of([0.0, 0.0, float("nan")]) == 1.0
    assert p_of([]) == 1.0


def test_a_cluster_changes_sides_as_a_whole():
    # Ten records that rose, all of one customer: one unit, so nothing is shown.
    assert p_of([1.0] * 10, [0] * 10) == 1.0
    assert p_of([1.0] * 10) < 0.01


@pytest.mark.parametrize("n", [12, 100, 900])
def test_it_does_not_matter_which_is_called_new(n: int):
    values = np.random.default_rng(n).normal(0.1, 1, n)
    assert p_of(values.tolist()) == p_of((-values).tolist())


def test_the_drawn_and_the_normal_p_agree():
    values = np.random.default_rng(4).normal(0.07, 1, 900)
    exactly = Clusters(codes=np.arange(900), count=900)
    normal = sign_flip_p(values, exactly, rng=np.random.default_rng(0))
    signs = 2 * np.random.default_rng(1).integers(0, 2, size=(20_000, 900)) - 1
    assert normal == pytest.approx(float((np.abs(signs @ values) >= abs(values.sum())).mean()), abs=0.01)


def test_false_alarms_keep_the_level_with_clusters():
    rng = np.random.default_rng(9)
    alarms = 0
    for _ in range(400):
        codes = np.repeat(np.arange(20), rng.integers(1, 6, 20))
        values = rng.normal(0, 1, 20)[codes] + rng.normal(0, 1, len(codes))
        alarms += sign_flip_p(values, Clusters(codes=codes, count=20), rng=rng) <= 0.05
    assert alarms <= 33, "5% of 400 with three standard errors"
