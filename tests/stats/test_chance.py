from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagegap.stats.agreement import Chance, agreement_beyond_chance, closeness, coefficient_interval, counts_of
from stats.textbook_agreement import cohen_kappa, crossed, fleiss_kappa, gwet_ac1

NAN = math.nan
GWET = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
"""Gwet, Handbook of Inter-Rater Reliability (2014), four raters and twelve units, one of them rated once."""
CHANCES: tuple[Chance, ...] = get_args(Chance)


@pytest.mark.parametrize(
    ("chance", "value", "error"),
    [("gwet", 0.77544, 0.14295), ("fleiss", 0.76117, 0.15302), ("brennan-prediger", 0.77273, 0.14472)],
)
def test_gwets_table_and_its_published_standard_errors(chance: Chance, value: float, error: float):
    coefficient = agreement_beyond_chance(GWET, chance=chance)
    assert (coefficient.value, coefficient.error) == pytest.approx((value, error), abs=5e-6)


def test_congers_kappa_of_gwets_table():
    assert agreement_beyond_chance(GWET, chance="conger").value == pytest.approx(0.76207, abs=5e-6)


def drawn(seed: int) -> np.ndarray:
    """Three raters and 4 to 12 items, a quarter of the ratings missing."""
    rng = np.random.default_rng(seed)
    table = rng.integers(1, 4, (3, rng.integers(4, 13))).astype(float)
    table[rng.random(table.shape) < rng.choice([0.0, 0.25])] = NAN
    return table


ratings = st.integers(0, 10_000).map(drawn)


@settings(deadline=None)
@given(ratings, st.sampled_from(CHANCES), st.sampled_from(["identity", "linear", "quadratic", "ordinal"]))
def test_items_share_a_coefficient_out_and_each_share_is_its_influence(table: np.ndarray, chance: Chance, kind: str):
    weights, answers = closeness(3, kind), np.array([1.0, 2.0, 3.0])  # pyright: ignore[reportArgumentType]

    def value(of: np.ndarray) -> float:
        return agreement_beyond_chance(of, chance=chance, categories=answers, weights=weights).value

    whole = agreement_beyond_chance(table, chance=chance, categories=answers, weights=weights)
    if math.isnan(whole.value):
        assert np.isnan(whole.items).all()
        return
    assert whole.items.mean() == pytest.approx(whole.value)
    raters = (~np.isnan(table)).sum(axis=0)
    if (raters == 1).any():
        return  # Gwet's published error takes which items were rated once as given: no influence function.
    rated = table[:, raters > 0]
    many = np.tile(rated, 100)
    more = value(np.concatenate([many, rated[:, [0]]], axis=1))
    moved = (more - whole.value) * (many.shape[1] + 1)
    assert moved == pytest.approx(whole.items[0] - whole.value, abs=0.15)


@given(ratings)
def test_two_raters_have_cohens_kappa(table: np.ndarray):
    a, b = table[:2]
    both = ~np.isnan(a) & ~np.isnan(b)
    pair = table[:2][:, both]
    wanted = cohen_kappa(crossed(a, b)) if both.any() else NAN
    answer = agreement_beyond_chance(pair, chance="conger").value
    assert answer == pytest.approx(wanted, nan_ok=True)


@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=3, max_size=12))
def test_complete_ratings_have_fleiss_kappa_and_ac1(rows: list[list[int]]):
    table = np.array(rows, dtype=float).T
    counts = counts_of(table)
    assert agreement_beyond_chance(table, chance="fleiss").value == pytest.approx(fleiss_kappa(counts), nan_ok=True)
    assert agreement_beyond_chance(table, chance="gwet").value == pytest.approx(gwet_ac1(counts), nan_ok=True)


def test_near_misses_count_for_ordered_answers():
    near = np.array([[1.0, 2, 3, 4, 1, 2, 3, 4], [2.0, 2, 3, 3, 1, 2, 4, 4]])
    plain, weighted = (
        agreement_beyond_chance(near, chance="gwet", weights=closeness(4, kind)).value  # pyright: ignore[reportArgumentType]
        for kind in ("identity", "quadratic")
    )
    assert weighted > plain + 0.2


def test_closeness_falls_with_distance():
    assert closeness(3, "quadratic")[0].tolist() == [1.0, 0.75, 0.0]
    assert closeness(3, "ordinal")[0].tolist() == pytest.approx([1.0, 2 / 3, 0.0])
    assert closeness(3, "linear", values=np.array([0.0, 1.0, 4.0]))[0].tolist() == [1.0, 0.75, 0.0]
    assert closeness(1, "linear").tolist() == [[1.0]]


@pytest.mark.parametrize("table", [np.full((2, 3), NAN), np.array([[1.0, 2.0]]), np.array([[1.0, 1], [1, 1]])])
@pytest.mark.parametrize("chance", CHANCES)
def test_nothing_to_disagree_about_is_not_defined(table: np.ndarray, chance: Chance):
    assert math.isnan(agreement_beyond_chance(table, chance=chance).value)


def test_one_item_has_no_standard_error():
    assert math.isnan(agreement_beyond_chance(np.array([[1.0], [2.0]]), chance="fleiss").error)


def test_intervals_of_coefficients_hold_the_truth():
    rng, hits = np.random.default_rng(5), dict.fromkeys(CHANCES, 0)
    truths = {
        chance: agreement_beyond_chance(labelled(200_000, rng), chance=chance).value  # pyright: ignore[reportArgumentType]
        for chance in CHANCES
    }
    for _ in range(200):
        table = labelled(60, rng)
        for chance in CHANCES:
            interval = coefficient_interval(agreement_beyond_chance(table, chance=chance), np.arange(60))
            hits[chance] += interval.low <= truths[chance] <= interval.high
    assert all(0.91 <= held / 200 <= 0.985 for held in hits.values()), hits


def labelled(n: int, rng: np.random.Generator) -> np.ndarray:
    """Three careful raters with habits of their own, a sixth of their ratings missing."""
    truth = rng.choice(3, n, p=[0.6, 0.3, 0.1])
    table = np.where(rng.random((3, n)) < 0.8, truth, rng.choice(3, (3, n), p=[0.2, 0.3, 0.5])).astype(float)
    table[rng.random((3, n)) < 1 / 6] = NAN
    return np.where(np.isnan(table).all(axis=0), truth, table)


def test_a_coefficient_without_a_base_has_no_interval():
    agreed = np.tile([1.0, 2.0], (2, 6))
    assert coefficient_interval(agreement_beyond_chance(agreed, chance="fleiss"), np.arange(12)).method == (
        "too few: all items agree alike, so the spread is unknown"
    )
    rare = np.array([[1.0] * 11 + [2.0], [1.0] * 12])
    assert coefficient_interval(agreement_beyond_chance(rare, chance="fleiss"), np.arange(12)).method == (
        "too few: one answer is too common"
    )
    assert coefficient_interval(agreement_beyond_chance(rare, chance="gwet"), np.arange(12)).is_measured
    assert coefficient_interval(agreement_beyond_chance(rare, chance="gwet"), np.zeros(12, dtype=int)).method == (
        "too few: all 12 items belong to one cluster"
    )
    nothing = agreement_beyond_chance(np.full((2, 3), NAN), chance="gwet")
    assert coefficient_interval(nothing, np.arange(3)).method.startswith("not measured")
    pairs = coefficient_interval(agreement_beyond_chance(GWET, chance="gwet"), np.arange(12) // 2)
    assert (pairs.clusters, pairs.n) == (6, 11)


def test_missing_ratings_can_bring_a_coefficient_below_minus_one_and_its_interval_holds_it():
    # Items that one person rated count for what is common, not for how far people agree.
    ratings = np.array([[0.0] * 38, [1.0] * 8 + [NAN] * 30])
    coefficient = agreement_beyond_chance(ratings, chance="fleiss")
    assert coefficient.value < -1
    interval = coefficient_interval(coefficient, np.arange(38))
    assert interval.is_measured
    assert interval.low <= interval.value <= interval.high
