from __future__ import annotations

import math
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa as oracle_fleiss

from stagegap.stats import agreement
from stagegap.stats.agreement import (
    Chance,
    Scale,
    agreement_beyond_chance,
    alpha_bootstrap,
    counts_of,
    krippendorff_alpha,
)
from stagegap.stats.resample import expanded_tail
from stats import textbook_agreement
from stats.textbook_agreement import cohen_kappa, crossed, fleiss_kappa, gwet_ac1, raw_agreement

NAN = math.nan
SCALES: tuple[Scale, ...] = get_args(Scale)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0, 5.0, NAN]), min_size=4, max_size=4), min_size=1, max_size=9),
    st.sampled_from(SCALES),
)
def test_alpha_over_items_is_the_textbooks_over_coincidences(items: list[list[float]], scale: Scale):
    ratings = np.array(items).T
    wanted = textbook_agreement.krippendorff_alpha(ratings, scale=scale)
    assert krippendorff_alpha(ratings, scale=scale) == pytest.approx(wanted, abs=1e-12, nan_ok=True)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=4, max_size=30))
def test_cohen_agrees_with_scikit_learn(pairs: list[tuple[int, int]]):
    a, b = np.array(pairs, dtype=float).T
    found = cohen_kappa(crossed(a, b))
    if math.isnan(found):
        assert len(set(a) | set(b)) == 1
    else:
        assert found == pytest.approx(cohen_kappa_score(a, b))


@given(st.integers(2, 6), st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=3, max_size=12))
def test_fleiss_agrees_with_statsmodels(m: int, items: list[list[int]]):
    counts = np.array([np.bincount(item[:m], minlength=3) for item in items], dtype=float)
    found = fleiss_kappa(counts)
    if not math.isnan(found):
        assert found == pytest.approx(oracle_fleiss(counts, method="fleiss"))


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0, NAN]), min_size=4, max_size=4), min_size=2, max_size=8),
    st.sampled_from(["nominal", "ordinal", "interval", "ratio"]),
)
def test_krippendorff_is_one_minus_observed_over_expected_disagreement(items: list[list[float]], scale: Scale):
    # The definition over all pairs of values, without the coincidence matrix.
    units = [[v for v in item if not math.isnan(v)] for item in items]
    units = [unit for unit in units if len(unit) >= 2]
    pooled = [v for unit in units for v in unit]
    found = krippendorff_alpha(np.array(items).T, scale=scale)
    if len(set(pooled)) < 2:
        assert math.isnan(found)
        return

    def distance(a: float, b: float) -> float:
        if scale == "nominal":
            return float(a != b)
        if scale == "interval":
            return (a - b) ** 2
        if scale == "ratio":
            return ((a - b) / (a + b)) ** 2
        low, high = sorted((a, b))
        between = sum(low <= v <= high for v in pooled) - (pooled.count(a) + pooled.count(b)) / 2
        return between**2 if a != b else 0.0

    n = len(pooled)
    observed = sum(2 * sum(distance(a, b) for a, b in combinations(unit, 2)) / (len(unit) - 1) for unit in units) / n
    expected = 2 * sum(distance(a, b) for a, b in combinations(pooled, 2)) / (n * (n - 1))
    assert found == pytest.approx(1 - observed / expected, abs=1e-9)


def test_raters_who_always_agree_have_alpha_1_and_those_who_never_do_have_less_than_0():
    assert krippendorff_alpha(np.array([[1.0, 2, 3], [1, 2, 3]])) == 1.0
    assert krippendorff_alpha(np.array([[1.0, 2, 1], [2, 1, 2]])) < 0


def test_a_ratio_scale_has_no_negative_values():
    with pytest.raises(ValueError, match="no negative"):
        krippendorff_alpha(np.array([[-1.0, 2], [1, 2]]), scale="ratio")
    assert krippendorff_alpha(np.array([[0.0, 0, 2], [0, 2, 2]]), scale="ratio") < 1


def test_same_agreement_can_have_different_kappas():
    # Feinstein & Cicchetti: 60% raw agreement both times, other marginals.
    assert cohen_kappa(np.array([[45.0, 15], [25, 15]])) == pytest.approx(0.1304, abs=1e-4)
    assert cohen_kappa(np.array([[25.0, 35], [5, 35]])) == pytest.approx(0.2593, abs=1e-4)


def test_gwet_stays_high_where_one_category_dominates():
    counts = counts_of(np.array([[0.0] * 95 + [1] * 3 + [0] * 2, [0.0] * 95 + [0] * 3 + [1] * 2]))
    assert raw_agreement(counts) == 0.95
    pi = 0.025
    assert gwet_ac1(counts) == pytest.approx((0.95 - 2 * pi * (1 - pi)) / (1 - 2 * pi * (1 - pi)))
    assert fleiss_kappa(counts) < 0


def test_unequal_numbers_of_ratings_are_no_case_for_fleiss():
    with pytest.raises(ValueError, match="Krippendorff"):
        fleiss_kappa(counts_of(np.array([[1.0, 2], [1, NAN]])))


@pytest.mark.parametrize("ratings", [np.full((2, 3), NAN), np.array([[1.0, 2.0]]), np.zeros((2, 0))])
def test_nobody_rated_twice_is_not_defined(ratings: np.ndarray):
    counts = counts_of(ratings)
    assert math.isnan(raw_agreement(counts))
    assert math.isnan(krippendorff_alpha(ratings))
    assert math.isnan(gwet_ac1(counts))
    assert math.isnan(fleiss_kappa(counts))
    assert math.isnan(cohen_kappa(np.zeros((0, 0))))


def test_agreement_has_an_interval_from_resampled_items():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 80).astype(float)
    ratings = np.array([np.where(rng.random(80) < 0.85, truth, 1 - truth) for _ in range(3)])
    found = alpha_bootstrap(ratings, np.arange(80), scale="nominal", rng=np.random.default_rng(1), resamples=300)
    assert found.low < found.value < found.high
    assert (found.n, found.clusters) == (80, None)
    wide = alpha_bootstrap(ratings, np.arange(80) // 8, scale="nominal", rng=np.random.default_rng(1), resamples=300)
    assert wide.clusters == 10


@pytest.mark.parametrize(
    ("ratings", "codes", "reason"),
    [
        (np.array([[1.0, 1.0], [1.0, 1.0]]), [0, 1], "not measured: the coefficient is not defined for these ratings"),
        (np.array([[1.0, 2.0], [1.0, 2.0]]), [0, 0], "too few: all 2 items belong to one cluster"),
        (np.tile([1.0, 2.0], (2, 6)), list(range(12)), "too few: every resample gives the same value"),
        (
            np.array([[1.0] * 11 + [2.0]] * 2),
            list(range(12)),
            "too few: not defined in 26% of the resamples, one answer is too common",
        ),
    ],
)
def test_agreement_without_a_base_is_named(ratings: np.ndarray, codes: list[int], reason: str):
    at_once = alpha_bootstrap(ratings, np.array(codes), scale="nominal", rng=np.random.default_rng(0), resamples=50)
    assert at_once.method == reason


@pytest.mark.parametrize("scale", ["nominal", "interval"])
def test_alpha_of_all_resamples_at_once_is_alpha_of_each(scale: Literal["nominal", "interval"], monkeypatch):
    """The same draws, in chunks too: resample by resample by the definition, and by sums over items."""
    rng = np.random.default_rng(4)
    ratings = rng.integers(1, 5, (3, 60)).astype(float) + 1e6
    ratings[rng.random(ratings.shape) < 0.3] = NAN
    several = (~np.isnan(ratings)).sum(axis=0) >= 2
    ratings = ratings[:, several]
    n = ratings.shape[1]
    codes, draws = np.arange(n), np.random.default_rng(1).integers(0, n, (100, n))
    alphas = [krippendorff_alpha(ratings[:, picked], scale=scale) for picked in draws]
    tail = expanded_tail(n)
    for weights in (2_000_000, 100):
        monkeypatch.setattr(agreement, "MOST_WEIGHTS", weights)
        found = alpha_bootstrap(ratings, codes, scale=scale, rng=np.random.default_rng(1), resamples=100)
        assert found.value == pytest.approx(krippendorff_alpha(ratings, scale=scale), abs=1e-9)
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(alphas, [tail, 1 - tail])), abs=1e-6)
        assert (found.n, found.clusters) == (n, None)


def test_alpha_of_nothing_is_not_measured():
    found = alpha_bootstrap(np.full((2, 3), NAN), np.arange(3), scale="interval", rng=np.random.default_rng(1))
    assert (found.n, found.is_measured) == (0, False)


@pytest.mark.parametrize("chance", get_args(Chance))
def test_answers_that_are_the_same_or_not_need_no_weights(chance: Chance):
    ratings = np.random.default_rng(4).integers(0, 6, (3, 40)).astype(np.float64)
    ratings[0, :7] = NAN
    plain, weighted = (
        agreement_beyond_chance(ratings, chance=chance, weights=weights) for weights in (None, np.eye(6))
    )
    assert plain.value == weighted.value
    assert plain.items.tolist() == weighted.items.tolist()


@pytest.mark.parametrize("count", [60, 7])
def test_alpha_of_many_categories_needs_no_table_of_them(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    ratings = rng.integers(0, 40, (3, 60)).astype(float)
    ratings[:, ::2] = ratings[0, ::2]
    ratings[2, ::3] = NAN
    codes = np.arange(60) % count
    dense = alpha_bootstrap(ratings, codes, scale="nominal", rng=np.random.default_rng(0), resamples=200)
    monkeypatch.setattr(agreement, "MOST_DENSE", 10)
    sparse = alpha_bootstrap(ratings, codes, scale="nominal", rng=np.random.default_rng(0), resamples=200)
    assert (sparse.value, sparse.n, sparse.method) == (pytest.approx(dense.value, abs=1e-12), dense.n, dense.method)
    assert (sparse.low, sparse.high) == pytest.approx((dense.low, dense.high), abs=1e-9)
