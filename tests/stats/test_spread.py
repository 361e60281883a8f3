from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.regression.linear_model import OLS

from stagegap.stats.distributions import t_quantile
from stagegap.stats.intervals import wilson
from stagegap.stats.spread import Spread, spread


def correlated(sizes: np.ndarray, rng: np.random.Generator, *, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    """Normal values of clusters of these sizes, and the clusters' codes."""
    codes = np.repeat(np.arange(len(sizes)), sizes)
    shared, own = rng.standard_normal(len(sizes))[codes], rng.standard_normal(len(codes))
    return math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own, codes


def test_independent_records_have_students_quantile_and_the_usual_error():
    values = np.random.default_rng(0).random(40)
    within = spread(values, np.arange(40))
    assert within.error == pytest.approx(values.std(ddof=1) / math.sqrt(40))
    assert within.quantile(0.9) == pytest.approx(t_quantile(0.95, 39))
    assert (within.count, within.effective_n, within.worth, within.note) == (40, 40.0, 40.0, "")
    assert within.freedom == 39


@pytest.mark.parametrize(("values", "codes"), [([1.0], [0]), ([1.0, 2.0], [0, 0])])
def test_one_cluster_has_no_spread(values: list[float], codes: list[int]):
    with pytest.raises(ValueError, match="two values and two clusters"):
        spread(np.array(values), np.array(codes))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_many_even_clusters_agree_with_the_cluster_variance_of_statsmodels(seed: int):
    rng = np.random.default_rng(seed)
    values, codes = correlated(rng.integers(2, 5, 400), rng, correlation=0.4)
    model = OLS(values, np.ones(len(codes))).fit(cov_type="cluster", cov_kwds={"groups": codes})
    within = spread(values, codes)
    assert within.error == pytest.approx(model.bse[0], rel=0.05)
    assert within.quantile(0.95) == pytest.approx(1.96, abs=0.05)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 50), st.floats(-20, 20))
def test_scale_place_and_order_of_the_records_change_nothing(seed: int, scale: float, shift: float):
    rng = np.random.default_rng(seed)
    values, codes = correlated(rng.integers(1, 20, 12), rng, correlation=0.3)
    order = rng.permutation(len(codes))
    first = spread(values, codes)
    other = spread((values * scale + shift)[order], (codes + 5)[order])
    assert other.error == pytest.approx(first.error * scale, rel=1e-6)
    assert other.quantile(0.95) == pytest.approx(first.quantile(0.95), rel=1e-6)
    assert 1 <= first.worth <= first.count
    assert first.worth <= first.effective_n <= first.n
    assert first.variance >= values.var(ddof=1) / len(values) * (1 - 1e-12)


def test_weights_of_a_mean_are_the_mean():
    values, codes = correlated(np.arange(1, 15), np.random.default_rng(1), correlation=0.5)
    plain, weighted = spread(values, codes), spread(values, codes, weights=np.full(len(codes), 1 / len(codes)))
    assert weighted.error == pytest.approx(plain.error)
    assert weighted.quantile(0.95) == pytest.approx(plain.quantile(0.95))


def test_copies_of_records_tell_nothing_more():
    values = np.random.default_rng(3).random(40)
    copies = spread(np.repeat(values, 10), np.repeat(np.arange(40), 10))
    assert copies.effective_n == pytest.approx(40, rel=0.08)
    assert copies.error == pytest.approx(spread(values, np.arange(40)).error, rel=0.05)


def test_equal_values_are_worth_the_equal_clusters():
    within = spread(np.ones(4), np.array([0, 0, 0, 1]))
    assert (within.error, within.effective_n) == (0.0, pytest.approx(1.6))


def test_few_or_uneven_clusters_say_so():
    rng = np.random.default_rng(0)
    assert spread(rng.random(60), np.arange(60) // 2).note == ""
    assert spread(rng.random(28), np.arange(28) // 2).note == "; only 14 clusters, the interval may be too narrow"
    half = spread(rng.random(100), np.r_[np.zeros(50, dtype=int), np.arange(1, 51)])
    assert half.note == (
        "; 51 clusters tell as much as 4 equal ones: the largest holds 50% of the records;"
        " the interval is not to be trusted"
    )
    assert half.largest == 0.5


def test_what_is_rare_and_mostly_in_a_few_large_clusters_is_not_to_be_trusted():
    codes = np.r_[np.repeat(0, 60), np.repeat(np.arange(1, 51), 2), np.arange(51, 201)]
    right = np.ones(len(codes))
    right[:12], right[100] = 0.0, 0.0
    told = "; what is rare here comes mostly from 1 of 201 clusters; the interval is not to be trusted"
    assert spread(right, codes).note == spread(1 - right, codes).note == told
    assert wilson(float(right.mean()), n=len(right), within=spread(right, codes)).caveat in told
    right[60:160:9] = 0.0
    right[:8] = 1.0
    assert spread(right, codes).note == ""
    assert spread(np.ones(len(codes)), codes).note == "", "nothing is rare where all is alike"


def test_a_spread_has_a_student_t_that_is_as_wide():
    values, codes = correlated(np.array([60, 20, 10, 5, 5, 3, 2, 1]), np.random.default_rng(2), correlation=0.3)
    within = spread(values, codes)
    assert t_quantile(0.975, within.freedom) == pytest.approx(within.quantile(0.95), rel=1e-3)
    assert within.tail(within.quantile(0.95)) == pytest.approx(0.025, abs=1e-6)


@pytest.mark.parametrize(
    ("sizes", "least", "most"),
    [
        (np.r_[150, np.full(40, 3), np.full(30, 1)], 0.92, 1.0),
        (np.r_[60, 30, 20, 15, 10, 8, 6, 5, 4, np.full(20, 3), np.full(40, 1)], 0.92, 0.985),
        (np.full(15, 5), 0.92, 0.985),
    ],
    ids=["half of the records in one cluster", "few large clusters", "15 even clusters"],
)
def test_intervals_hold_with_few_and_with_uneven_clusters(sizes: np.ndarray, least: float, most: float):
    rng, hits = np.random.default_rng(7), {"share": 0, "mean": 0}
    for _ in range(300):
        values, codes = correlated(sizes, rng, correlation=0.3)
        right = (values < norm.ppf(0.7)).astype(float)
        share = wilson(float(right.mean()), n=len(right), within=spread(right, codes))
        within = spread(values, codes)
        hits["share"] += share.low <= 0.7 <= share.high
        hits["mean"] += abs(values.mean()) <= within.quantile(0.95) * within.error
    assert least <= hits["share"] / 300 <= 1.0
    assert least <= hits["mean"] / 300 <= most


def test_quantile_at_an_end_of_its_range_is_that_end_whatever_rounding_says() -> None:
    for n in range(3, 400):
        for scales, chances in (([0.3, 1.0], [0.0, 1.0]), ([1.0, 3.0], [1.0, 0.0])):
            ends = Spread(
                n=n, count=n, worth=n, largest=1 / n, rare=math.inf, variance=1.0, effective_n=n,
                scales=np.array(scales), chances=np.array(chances),
            )  # fmt: skip
            assert ends.quantile(0.95) == pytest.approx(t_quantile(0.975, n - 1), rel=1e-6)
