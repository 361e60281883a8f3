from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagegap.model.estimate import Estimate
from stagegap.stats.resample import expanded_tail, resample
from stagegap.stats.spread import clusters


def drawn(columns: dict[str, list[float]], units: list[str] | None = None, *, resamples: int = 2000, seed: int = 0):
    arrays = {name: np.array(values, dtype=float) for name, values in columns.items()}
    n = len(next(iter(arrays.values())))
    return resample(
        arrays, clusters(units or [str(i) for i in range(n)]), rng=np.random.default_rng(seed), resamples=resamples
    )


def test_interval_of_a_mean_is_that_of_the_normal_when_n_is_large():
    values = np.random.default_rng(5).random(2000)
    found = drawn({"y": values.tolist()}, resamples=10_000).mean("y")
    half = 1.96 * values.std(ddof=1) / math.sqrt(2000)
    assert (found.value, found.n) == (pytest.approx(values.mean()), 2000)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.04)
    assert found.method == "bootstrap, expanded percentile, 10000 resamples"


def test_whole_clusters_are_resampled():
    rng = np.random.default_rng(6)
    shared = np.repeat(rng.random(40), 10)
    units = [str(i // 10) for i in range(400)]
    wide = drawn({"y": shared.tolist()}, units).mean("y")
    narrow = drawn({"y": shared.tolist()}).mean("y")
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(math.sqrt(10), rel=0.1)
    assert wide.clusters == 40
    assert narrow.clusters is None


def test_numerator_and_denominator_are_resampled_together():
    # Clusters of 2 and of 20 records with nearly the same mean: their size must add no uncertainty, but a mean of
    # clusters that balance themselves is not taken for surer than one of independent records.
    values = [0.25, 0.75] * 49 + [0.25, 0.80]
    units = [f"{i // 2}" for i in range(20)] + [f"big{i // 20}" for i in range(80)]
    found = drawn({"y": values}, units).mean("y")
    assert found.value == pytest.approx(0.5, abs=0.001)
    alone = drawn({"y": values}).mean("y")
    assert found.high - found.low == pytest.approx(alone.high - alone.low, rel=0.05)


def test_clusters_that_are_all_alike_get_the_cautious_interval_of_a_share():
    found = drawn({"y": [0.25, 0.75] * 20}, [f"{i // 2}" for i in range(40)]).mean("y")
    assert found.method == "Wilson, effective n 40"
    assert found.high - found.low > 0.2


def test_a_record_without_a_value_is_not_in_that_mean():
    found = drawn({"y": [1.0, math.nan, 0.0, 1.0] * 20, "z": [1.0] * 80})
    assert (found.point("y"), found.mean("y").n) == (pytest.approx(2 / 3), 60)
    assert math.isnan(drawn({"y": [math.nan]}).point("y"))


def test_paired_difference_is_narrower_than_the_two_apart():
    rng = np.random.default_rng(7)
    easy = rng.random(300)
    a, b = (easy < 0.6).astype(float), (easy < 0.5).astype(float)
    found = drawn({"a": a.tolist(), "b": b.tolist()})
    change = found.difference("a", "b")
    assert change.value == pytest.approx(found.mean("a").value - found.mean("b").value)
    assert change.high - change.low < 0.5 * (found.mean("a").high - found.mean("a").low) * 2


def test_figures_of_one_picture_come_from_the_same_resamples():
    rng = np.random.default_rng(8)
    found = drawn({name: rng.integers(0, 2, 100).tolist() for name in "abc"})
    steps = (found.means["b"] - found.means["a"]) + (found.means["c"] - found.means["b"])
    assert steps == pytest.approx(found.means["c"] - found.means["a"])


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1 / 3, 0.5, 0.8, 1.0, math.nan]), min_size=6, max_size=30),
    st.integers(0, 1000),
    st.booleans(),
)
def test_a_figure_has_the_same_limits_whatever_stands_beside_it(values: list[float], seed: int, is_clustered: bool):
    n, rng = len(values), np.random.default_rng(seed)
    units = [str(i // 3 if is_clustered else i) for i in range(n)]
    lower = [value / 7 for value in values]
    alone = drawn({"y": values, "z": lower}, units, resamples=300)
    beside = drawn({"x": rng.random(n).tolist(), "z": lower, "y": values}, units, resamples=300, seed=seed)
    order = rng.permutation(n).tolist()
    mixed = drawn(
        {"y": [values[i] for i in order], "z": [lower[i] for i in order]}, [units[i] for i in order], resamples=300
    )
    for other in (beside, mixed):
        assert repr_of(other.mean("y")) == repr_of(alone.mean("y"))
        assert repr_of(other.difference("y", "z")) == repr_of(alone.difference("y", "z"))


def repr_of(estimate: Estimate) -> tuple[object, ...]:
    limits = (estimate.value, estimate.low, estimate.high)
    return (*(None if math.isnan(limit) else round(limit, 9) for limit in limits), estimate.n, estimate.method)


@pytest.mark.parametrize("units", [None, [str(i // 4) for i in range(60)]], ids=["records", "clusters"])
def test_a_mirrored_difference_has_the_mirrored_limits(units: list[str] | None):
    rng = np.random.default_rng(9)
    both = drawn({"a": rng.random(60).tolist(), "b": (rng.random(60) / 2).tolist()}, units)
    there, back = both.difference("a", "b"), both.difference("b", "a")
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))


def test_many_distinct_values_are_pooled_the_same_way_in_every_order():
    values = np.random.default_rng(4).random(5000)
    there, back = drawn({"y": values.tolist()}).mean("y"), drawn({"y": values[::-1].tolist()}).mean("y")
    assert (there.low, there.high) == pytest.approx((back.low, back.high), abs=1e-12)
    assert there.high - there.low == pytest.approx(2 * 1.96 * values.std(ddof=1) / math.sqrt(5000), rel=0.06)


def test_columns_with_different_records_have_no_paired_difference():
    found = drawn({"a": [1.0, 0.0, math.nan], "b": [1.0, math.nan, 0.0]})
    with pytest.raises(ValueError, match="not paired"):
        found.difference("a", "b")


def test_a_column_minus_itself_is_nothing():
    assert drawn({"a": [1.0, 0.0, 1.0]}).difference("a", "a").value == 0.0


@pytest.mark.parametrize(
    ("values", "units", "method"),
    [
        ([], [], "not measured: no record has this score"),
        ([math.nan], ["a"], "not measured: no record has this score"),
        ([1.0], ["a"], "too few: 1 record"),
        ([1.0, 0.0], ["a", "a"], "too few: all 2 records belong to one cluster"),
        ([7.0, 7.0], ["a", "b"], "too few: every resample gives the same mean, so its spread is unknown"),
    ],
)
def test_too_little_data_is_named_and_never_a_number(values: list[float], units: list[str], method: str):
    columns = {"y": np.array(values, dtype=float)}
    found = resample(columns, clusters(units), rng=np.random.default_rng(0), resamples=50)
    assert not found.mean("y").is_measured
    assert found.mean("y").method == method


def test_too_little_data_has_no_difference_either():
    assert drawn({"a": [1.0], "b": [0.0]}).difference("a", "b").method == "too few: 1 record"
    same = drawn({"a": [0.75, 0.25], "b": [0.5, 0.0]}).difference("a", "b")
    assert same.method == "too few: every resample gives the same difference, so its spread is unknown"


def test_no_column_is_no_figure():
    assert resample({}, clusters(["a"]), rng=np.random.default_rng(0)).means == {}


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_or_all_wrong_gets_a_wilson_interval_and_not_one_of_width_0(value: float):
    found = drawn({"y": [value] * 30}).mean("y")
    assert found.method == "Wilson"
    assert found.high - found.low == pytest.approx(0.1135, abs=1e-3)


def test_all_right_in_few_clusters_is_as_unsure_as_the_number_of_clusters():
    found = drawn({"y": [1.0] * 30}, [str(i // 3) for i in range(30)]).mean("y")
    assert found.method == "Wilson, effective n 10; only 10 clusters, the interval may be too narrow"
    assert found.low == pytest.approx(10 / (10 + 2.0452**2), abs=1e-4)


def test_equal_scores_that_are_not_0_or_1_get_the_cautious_interval_of_a_share():
    assert drawn({"y": [0.5] * 30}).mean("y").method == "Wilson"


def test_rare_changes_get_a_score_interval():
    found = drawn({"a": [1.0] * 3 + [0.0] * 97, "b": [0.0] * 100}).difference("a", "b")
    assert found.method == "Tango score"
    assert found.low < 0, "three changes, all for the better, are no evidence yet (McNemar p = 0.25)"


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 1)), min_size=3, max_size=40), st.integers(2, 4))
def test_duplicated_clusters_change_no_point_estimate(rows: list[tuple[str, float]], times: int):
    once = drawn({"y": [y for _, y in rows]}, [c for c, _ in rows], resamples=20)
    again = drawn(
        {"y": [y for _ in range(times) for _, y in rows]},
        [f"{c}{copy}" for copy in range(times) for c, _ in rows],
        resamples=20,
    )
    assert again.point("y") == pytest.approx(once.point("y"))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=3, max_size=40), st.randoms(use_true_random=False))
def test_the_order_of_records_changes_nothing(values: list[float], random):
    mixed = list(values)
    random.shuffle(mixed)
    assert drawn({"y": mixed}).mean("y") == drawn({"y": values}).mean("y")


def test_the_tail_is_cut_further_out_for_few_clusters():
    assert expanded_tail(5) < expanded_tail(15) < expanded_tail(1000) < 0.025


def test_a_mean_that_one_cluster_decides_says_so_and_gives_the_mean_of_clusters():
    values = [1.0] * 60 + [0.0, 1.0] * 30
    found = drawn({"y": values}, ["big"] * 60 + [f"{i // 2}" for i in range(60)]).mean("y")
    assert found.value == 0.75
    assert (
        "the largest holds 50% of the records; the interval is not to be trusted; "
        "one cluster decides this mean; mean of clusters 0.516 (" in found.caveat
    )
    assert drawn({"y": values}, [f"{i // 2}" for i in range(120)]).mean("y").caveat == ""
