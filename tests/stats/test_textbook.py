"""Worked examples of the literature, taken as they are printed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stagegap.attribution.shapley import banzhaf_matrix, shapley_matrix
from stagegap.stats.agreement import agreement_beyond_chance, counts_of, krippendorff_alpha
from stagegap.stats.intervals import wilson
from stagegap.stats.paired import mcnemar
from stagegap.stats.significance import benjamini_hochberg, holm
from stats.textbook_agreement import cohen_kappa, fleiss_kappa, gwet_ac1, pair_of, ratings_of, raw_agreement

_ = math.nan
FOUR_OBSERVERS = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
    [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
])  # fmt: skip
"""Krippendorff 2011, section D: four observers, twelve units, missing ratings."""


@pytest.mark.parametrize(
    ("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorff_2011_with_missing_ratings(scale, alpha: float):
    assert krippendorff_alpha(FOUR_OBSERVERS, scale=scale) == pytest.approx(alpha, abs=0.0005)


def test_krippendorff_2011_binary_and_nominal_data_of_two_observers():
    binary = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], dtype=float)
    assert krippendorff_alpha(binary) == pytest.approx(0.095, abs=0.0005)
    letters = ["aabbdcccedda", "babbbcccedd" + "d"]
    nominal = np.array([["abcde".index(one) for one in row] for row in letters], dtype=float)
    assert krippendorff_alpha(nominal) == pytest.approx(0.692, abs=0.0005)


def test_fleiss_kappa_of_fourteen_raters_and_ten_subjects():
    """The table that most text books and packages print: P 0.378, Pe 0.213, kappa 0.210."""
    rows = ["0 0 0 0 14", "0 2 6 4 2", "0 0 3 5 6", "0 3 9 2 0", "2 2 8 1 1", "7 7 0 0 0", "3 2 6 3 0", "2 5 3 2 2",
            "6 5 2 1 0", "0 2 2 3 7"]  # fmt: skip
    counts = np.array([[float(x) for x in row.split()] for row in rows])
    assert raw_agreement(counts) == pytest.approx(0.378, abs=0.0005)
    assert fleiss_kappa(counts) == pytest.approx(0.210, abs=0.0005)
    assert agreement_beyond_chance(ratings_of(counts), chance="fleiss").value == pytest.approx(0.210, abs=0.0005)


def test_gwet_2002_where_one_category_dominates():
    """118 both yes, 5 and 2 differ, none both no: kappa is below 0, AC1 is not."""
    table = np.array([[118.0, 5.0], [2.0, 0.0]])
    counts = np.array([[2.0, 0.0]] * 118 + [[1.0, 1.0]] * 7)
    assert cohen_kappa(table) == pytest.approx(-0.0234, abs=0.00005)
    assert gwet_ac1(counts) == pytest.approx(0.9408, abs=0.00005)
    pair = pair_of(table)
    assert agreement_beyond_chance(pair, chance="conger").value == pytest.approx(-0.0234, abs=0.00005)
    assert agreement_beyond_chance(pair, chance="gwet").value == pytest.approx(0.9408, abs=0.00005)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_of_newcombe_1998(right: int, n: int, low: float, high: float):
    found = wilson(right / n, n=n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.00005)


def test_mcnemar_on_the_approval_ratings_of_agresti():
    """1,600 people asked twice, 150 and 86 changed: z = -4.17."""
    found = mcnemar(86, 150)
    assert math.sqrt(found.chi2) == pytest.approx(4.17, abs=0.005)
    assert found.p_chi2 < 0.0001


def test_holm_and_benjamini_hochberg_on_four_p_values():
    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg(p) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_power_in_the_council_of_the_six_of_1958():
    """Weights 4, 4, 4, 2, 2, 1, quota 12: Luxembourg is a dummy (Banzhaf 5/21, 1/7, 0, Shapley 14, 9, 0 of 60)."""
    weights, quota = (4, 4, 4, 2, 2, 1), 12
    v = np.array([float(sum(w for i, w in enumerate(weights) if mask >> i & 1) >= quota) for mask in range(1 << 6)])
    assert shapley_matrix(6) @ v * 60 == pytest.approx([14, 14, 14, 9, 9, 0])
    power = banzhaf_matrix(6) @ v
    assert power / power.sum() == pytest.approx([5 / 21] * 3 + [1 / 7] * 2 + [0])


def test_ratings_become_counts_of_categories():
    assert counts_of(FOUR_OBSERVERS).sum() == 41
