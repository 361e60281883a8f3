"""Tests of a screen: values from other sources, and that none claims more often than it says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stagegap.stats.intervals import wilson_of
from stagegap.stats.significance import above_p, mean, mean_p, trend
from stagegap.stats.spread import Clusters


def alone(n: int) -> Clusters:
    return Clusters(codes=np.arange(n), count=n)


def in_pairs(n: int) -> Clusters:
    return Clusters(codes=np.arange(n) // 2, count=(n + 1) // 2)


def test_share_above_a_tolerance_is_the_binomial_tail() -> None:
    from scipy.stats import binom

    hits = np.r_[np.ones(4), np.zeros(96), np.full(20, np.nan)]
    assert above_p(hits, 0.01, alone(120)) == pytest.approx(binom.sf(3, 100, 0.01))


def test_nothing_found_is_no_evidence() -> None:
    assert above_p(np.zeros(50), 0.01, alone(50)) == 1.0
    assert above_p(np.full(3, np.nan), 0.01, alone(3)) == 1.0
    assert above_p(np.ones(6), 0.5, Clusters(codes=np.zeros(6, dtype=np.int64), count=1)) == 1.0


def test_hits_of_one_cluster_count_once() -> None:
    hits = np.r_[np.ones(10), np.zeros(190)]
    together = Clusters(codes=np.r_[np.zeros(10, dtype=np.int64), 1 + np.arange(190)], count=191)
    assert above_p(hits, 0.01, alone(200)) < 1e-4
    assert above_p(hits, 0.01, together) == 1.0


@pytest.mark.parametrize("linked", [0.0, 1.0])
def test_tolerance_is_claimed_to_be_exceeded_in_at_most_5_percent(linked: float) -> None:
    rng = np.random.default_rng(3)
    units, claims = in_pairs(400), 0
    for _ in range(400):
        own, pair = rng.random(400) < 0.02, (rng.random(200) < 0.02)[units.codes]
        hits = np.where(rng.random(400) < linked, pair, own).astype(float)
        claims += above_p(hits, 0.02, units) <= 0.05
    assert claims / 400 <= 0.05


def test_share_of_linked_records_is_wider() -> None:
    hits = np.repeat([1.0, 0.0, 0.0, 1.0, 0.0] * 10, 2)
    linked, single = wilson_of(hits, in_pairs(100)), wilson_of(hits, alone(100))
    assert linked.high - linked.low > single.high - single.low
    assert (linked.n, linked.clusters, single.clusters) == (100, 50, None)
    assert not wilson_of(np.full(4, np.nan), alone(4)).is_measured


def test_mean_of_independent_records_is_students_t() -> None:
    from scipy.stats import ttest_1samp

    values = np.array([0.3, -0.1, 0.5, 0.2, 0.0, 0.4, 0.1, -0.2, 0.3, 0.6, np.nan])
    known = values[:-1]
    found = mean(values, alone(11))
    reference = ttest_1samp(known, 0, alternative="greater")
    assert mean_p(values, alone(11)) == pytest.approx(reference.pvalue)  # pyright: ignore[reportAttributeAccessIssue]  # missing in scipy's stubs
    low, high = ttest_1samp(known, 0).confidence_interval()
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_too_few_units_give_no_p() -> None:
    assert math.isnan(mean_p(np.ones(9), alone(9)))
    assert not mean(np.ones(1), alone(1)).is_measured
    assert math.isnan(trend(np.ones(20), np.ones(20), alone(20))[1])
    assert mean_p(np.ones(12), alone(12)) == 0.5**12
    assert mean_p(-np.ones(12), alone(12)) == 1.0


def test_trend_is_the_slope_with_a_valid_p() -> None:
    rng = np.random.default_rng(4)
    x = np.repeat([0.0, 1.0, 2.0], 100)
    y = (rng.random(300) < 0.2 + 0.2 * x).astype(float)
    slope, p = trend(y, x, alone(300))
    assert slope.value == pytest.approx(float(np.polyfit(x, y, 1)[0]))
    assert slope.low < 0.2 < slope.high
    assert p < 1e-4
    claims = [trend((rng.random(300) < 0.3).astype(float), x, in_pairs(300))[1] <= 0.05 for _ in range(400)]
    assert np.mean(claims) <= 0.07


@pytest.mark.parametrize(
    ("value", "low", "high"), [(1.0, 0.93, 1.0), (0.4, 0.28, 0.53), (-0.4, -0.53, -0.28), (0, -0.07, 0.07)]
)
def test_a_mean_of_equal_values_has_no_interval_of_width_zero(value: float, low: float, high: float) -> None:
    estimate = mean(np.full(50, value), alone(50))
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.011)
    assert mean_p(np.full(50, value), alone(50)) == (0.5**50 if value > 0 else 1)
    assert not mean(np.full(50, value * 9 + 20), alone(50)).is_measured


def test_values_on_a_line_without_exception_have_no_interval_of_width_zero() -> None:
    slope, p = trend(np.arange(12.0), np.arange(12.0), alone(12))
    assert not slope.is_measured
    assert p < 0.01
    flat, p = trend(np.ones(12), np.arange(12.0), alone(12))
    assert (flat.is_measured, p) == (False, 1.0)
