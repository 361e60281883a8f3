from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from statsmodels.stats.proportion import proportion_confint

from stagegap.stats.intervals import mean_of, mean_of_clusters, mean_t, paired_difference, predicted_total, wilson
from stagegap.stats.spread import clusters, spread


@given(st.integers(1, 500), st.data())
def test_wilson_agrees_with_statsmodels(n: int, data: st.DataObject):
    k = data.draw(st.integers(0, n))
    low, high = proportion_confint(k, n, method="wilson")
    found = wilson(k / n, n=n)
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)


def test_wilson_of_all_right_has_a_width():
    found = wilson(1.0, n=20)
    assert (found.low, found.high) == (pytest.approx(0.8389, abs=1e-4), 1.0)


def test_wilson_on_a_smaller_effective_number_is_wider_but_keeps_the_true_n():
    tens = spread(np.repeat([1.0, 1, 1, 1, 0, 1, 1, 1, 1, 0], 10), np.arange(100) // 10)
    found = wilson(0.8, n=100, within=tens)
    assert found.low < wilson(0.8, n=100, effective_n=tens.effective_n).low < wilson(0.8, n=100).low
    assert (found.n, found.clusters, found.method[:24]) == (100, 10, "Wilson, effective n 10; ")


def test_wilson_of_no_record_is_too_few():
    assert wilson(0.5, n=0).method == "too few: no record"


def test_a_share_outside_0_and_1_is_refused():
    with pytest.raises(ValueError, match=r"got 1\.5"):
        wilson(1.5, n=3)


def test_mean_t_leaves_nan_out():
    found = mean_t(np.array([1.0, 2.0, 3.0, math.nan, 4.0]))
    assert (found.value, found.n) == (2.5, 4)
    assert found.high == pytest.approx(4.5543, abs=1e-4)


@pytest.mark.parametrize(("values", "method"), [([], "too few: 0 values"), ([1.0], "too few: 1 value")])
def test_mean_of_less_than_two_values_is_too_few(values: list[float], method: str):
    found = mean_t(np.array(values))
    assert not found.is_measured
    assert found.method == method


@pytest.mark.parametrize(("b", "c", "n"), [(12, 4, 60), (3, 0, 50), (1, 9, 30), (20, 20, 90)])
def test_tango_limits_are_where_the_score_test_just_rejects(b: int, c: int, n: int):
    # The definition, with the constrained maximum likelihood found by search instead of in closed form.
    found = paired_difference(up=b / n, down=c / n, n=n)
    for delta in (found.low, found.high):

        def minus_log_likelihood(q: float, delta: float = delta) -> float:
            return -(b * math.log(q + delta) + c * math.log(q) + (n - b - c) * math.log(1 - 2 * q - delta))

        low, high = max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12
        q = minimize_scalar(minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
        z = (b - c - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))
        assert abs(z) == pytest.approx(1.959964, abs=1e-3)


def test_no_discordant_pair_has_the_closed_form_width():
    found = paired_difference(up=0.0, down=0.0, n=100)
    z2 = 1.959964**2
    assert found.high == pytest.approx(z2 / (100 + z2), abs=1e-6)
    assert found.low == pytest.approx(-found.high, abs=1e-9)


def test_paired_difference_of_no_record_is_too_few():
    assert not paired_difference(up=0.0, down=0.0, n=0).is_measured


@given(st.integers(2, 200), st.data())
def test_paired_difference_contains_its_value_and_mirrors(n: int, data: st.DataObject):
    up = data.draw(st.integers(0, n))
    down = data.draw(st.integers(0, n - up))
    found = paired_difference(up=up / n, down=down / n, n=n)
    mirrored = paired_difference(up=down / n, down=up / n, n=n)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.low == pytest.approx(-mirrored.high, abs=1e-9)


@given(st.integers(2, 200), st.data())
def test_paired_difference_on_an_effective_number_has_the_limits_of_so_many_records(n: int, data: st.DataObject):
    up = data.draw(st.integers(0, n))
    down = data.draw(st.integers(0, n - up))
    worth = data.draw(st.integers(1, n))
    sure = replace(spread(np.array([0.0, 1.0]), np.arange(2)), n=10**9, effective_n=worth)
    together = paired_difference(up=up / n, down=down / n, n=n, within=sure)
    alone = paired_difference(up=up / n, down=down / n, n=worth)
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high), abs=1e-6)
    assert (together.n, alone.n) == (n, worth)


@pytest.mark.parametrize(("clusters", "level"), [(3, 0.95), (10, 0.95), (10, 0.9), (400, 0.95)])
def test_paired_difference_of_clusters_has_the_quantile_of_their_spread(clusters: int, level: float):
    values = np.repeat(np.random.default_rng(clusters).random(clusters), 3) + np.tile([0.1, 0.5, 0.7], clusters)
    within = replace(spread(values, np.arange(3 * clusters) // 3), effective_n=100.0)
    # With nothing moved the limits are -/+ q^2 / (n + q^2), so the quantile can be read off them.
    high = paired_difference(up=0.0, down=0.0, n=900, within=within, level=level).high
    assert math.sqrt(100 * high / (1 - high)) == pytest.approx(within.quantile(level), rel=1e-6)


@pytest.mark.parametrize("per_cluster", [1, 2])
@given(values=st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_a_mean_of_scores_has_limits_that_scores_can_have(values: list[float], per_cluster: int):
    found = mean_of(np.array(values), clusters(str(i // per_cluster) for i in range(len(values))))
    assert not found.is_measured or 0 <= found.low <= found.value <= found.high <= 1


def test_a_mean_of_differences_reaches_as_far_as_it_must():
    assert mean_of(np.array([-1.0, 0.5, 0.6]), clusters("abc")).high > 1


def test_one_cluster_has_no_interval():
    reason = "too few: all 9 records belong to one cluster"
    units = clusters(["a"] * 9)
    assert mean_of(np.array([0.0, 1.0] * 4 + [1.0]), units).method == reason
    assert mean_of(np.linspace(0.1, 0.9, 9), units).method == reason


def test_predicted_total_holds_the_next_total_as_often_as_it_says():
    rng = np.random.default_rng(5)
    draws = rng.normal(10.0, 3.0, size=(2_000, 30))
    found = [predicted_total(row[:10], 20) for row in draws]
    held = [one.low <= row[10:].sum() <= one.high for one, row in zip(found, draws, strict=True)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


def test_predicted_total_of_nothing_to_come_is_nothing():
    found = predicted_total(np.array([]), 0)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_predicted_total_from_one_value_is_not_measured():
    assert predicted_total(np.array([3.0]), 5).method == "too few: 1 value"
    assert predicted_total(np.array([]), 5).method == "too few: 0 values"


def test_predicted_total_is_never_below_nothing():
    assert predicted_total(np.array([0.0, 0.0, 9.0]), 2).low == 0.0


def test_equal_values_have_no_t_interval():
    assert mean_t(np.full(5, 0.3)).method == "too few: all values are equal, so their spread is unknown"


def test_clusters_widen_the_t_interval_and_one_cluster_has_none():
    values = np.array([0.1, 0.1, 0.5, 0.5, 0.9, 0.9])
    together = mean_t(values, within=spread(values, np.array([0, 0, 1, 1, 2, 2])))
    assert together.high - together.low > 1.1 * (mean_t(values).high - mean_t(values).low)
    assert together.method == "Student t of clusters; only 3 clusters, the interval may be too narrow"


def test_every_cluster_counts_the_same_in_the_mean_of_clusters():
    units = clusters(["big"] * 8 + ["a", "a", "b", "b"])
    interval = mean_of_clusters(np.array([1.0] * 8 + [0.0, 1.0, 0.0, 0.0]), units)
    assert interval.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert (interval.n, interval.clusters) == (12, 3)
    assert interval.method.startswith("mean of 3 clusters, score interval; only 3 clusters")
    amounts = mean_of_clusters(np.array([10.0] * 8 + [2.0, 4.0, 1.0, 1.0]), units)
    assert amounts.value == pytest.approx(14 / 3)
    assert amounts.method.startswith("mean of 3 clusters, Student t")
    assert mean_of_clusters(np.full(12, np.nan), units).method == "too few: no record"
    assert mean_of_clusters(np.ones(3), clusters("aaa")).method == "too few: all 3 records belong to one cluster"
    assert mean_of_clusters(np.ones(12), units).low < 1
