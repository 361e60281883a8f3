from __future__ import annotations

import numpy as np
import pytest

from stagegap.stats.intervals import hajek, wilson
from stagegap.stats.spread import clusters


def test_equal_chances_give_the_plain_mean_with_wilsons_interval():
    values = np.array([1.0] * 30 + [0.0] * 10)
    found = hajek(values, np.full(40, 0.1), clusters(range(40)))
    plain = wilson(0.75, n=40)
    assert found.value == 0.75
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.01)
    assert (found.n, found.clusters, found.method) == (40, None, "Hájek, Wilson on the effective n")


def test_hunt_by_doubt_finds_the_true_rate_that_the_plain_mean_misses():
    rng = np.random.default_rng(0)
    inside = missed = 0
    for _ in range(400):
        doubt = rng.random(2_000)
        right = (rng.random(2_000) > doubt).astype(float)
        chance = np.clip(doubt * 0.2, 0.004, 1)
        drawn = rng.random(2_000) < chance
        found = hajek(right[drawn], chance[drawn], clusters(range(int(drawn.sum()))))
        inside += found.low <= right.mean() <= found.high
        missed += abs(right[drawn].mean() - right.mean()) > 0.08
    assert inside / 400 > 0.92, "95% promised; the cautious spread may give more"
    assert missed / 400 > 0.9, "without weights the hunted are taken for all"


def test_scores_between_get_students_interval_within_the_scale():
    found = hajek(np.array([0.9, 1.0, 0.7, 0.95]), np.array([0.5, 0.1, 0.5, 0.2]), clusters("abcd"))
    assert found.method == "Hájek, Student"
    assert found.low < found.value < found.high == 1.0


def test_records_of_one_cluster_count_as_one_unit():
    values, chances = np.array([1.0, 1.0, 0.0, 0.0] * 5), np.full(20, 0.5)
    alone = hajek(values, chances, clusters(range(20)))
    together = hajek(values, chances, clusters(["a", "a", "b", "b"] * 5))
    assert together.clusters == 2
    assert together.high - together.low > alone.high - alone.low


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_are_named(n: int):
    found = hajek(np.ones(n), np.ones(n), clusters(range(n)))
    assert not found.is_measured
    assert found.method == f"too few: {n} {'record' if n == 1 else 'records'} of {n} independent units"


def test_records_without_a_score_are_left_out_and_equal_ones_have_an_interval():
    found = hajek(np.array([1.0, np.nan, 1.0]), np.array([0.5, 0.5, 0.25]), clusters("abc"))
    assert (found.value, found.n) == (1.0, 2)
    assert found.low < 1.0


@pytest.mark.parametrize("chance", [0.0, -0.1, 1.1])
def test_impossible_chances_are_refused(chance: float):
    with pytest.raises(ValueError, match="a chance lies above 0"):
        hajek(np.ones(2), np.array([0.5, chance]), clusters("ab"))
