from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as oracle

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.paired import Shift, direction, mcnemar, shift_interval
from stagegap.stats.spread import Clusters


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_agrees_with_statsmodels(fixed: int, broken: int):
    found = mcnemar(fixed, broken)
    assert found.p == pytest.approx(oracle([[5, fixed], [broken, 5]], exact=True).pvalue if fixed + broken else 1.0)  # pyright: ignore[reportAttributeAccessIssue]  # missing in scipy's stubs
    if fixed + broken:
        chi2 = oracle([[5, fixed], [broken, 5]], exact=False, correction=False)
        assert (found.chi2, found.p_chi2) == (pytest.approx(chi2.statistic), pytest.approx(chi2.pvalue))  # pyright: ignore[reportAttributeAccessIssue]  # missing in scipy's stubs


def test_no_moved_record_proves_nothing():
    assert mcnemar(0, 0).p == 1.0


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 2)


@pytest.mark.parametrize(
    ("value", "low", "high", "word"),
    [
        (0.05, 0.01, 0.1, "improved"),
        (-0.05, -0.1, -0.01, "regressed"),
        # the value lies on one side, the interval's end does not
        (0.05, -0.01, 0.1, "tied"),
        (-0.05, -0.1, 0.01, "tied"),
        # 0 itself is inside
        (0.05, 0.0, 0.1, "tied"),
        (-0.05, -0.1, 0.0, "tied"),
        # the ends decide, wherever the value stands between them
        (0.02, 0.02, 0.1, "improved"),
        (-0.02, -0.1, -0.02, "regressed"),
    ],
)
def test_a_direction_is_named_only_when_the_interval_is_on_one_side(value: float, low: float, high: float, word: str):
    change = Estimate(value=value, low=low, high=high, n=9, method="t")
    assert direction(change) == word


def test_an_unmeasured_change_is_too_few():
    assert direction(unmeasured("too few: 1 record")) == "too few"


def shift(values: list[float] | np.ndarray, units: int | None = None) -> Shift:
    known = np.asarray(values, dtype=np.float64)
    codes = np.arange(len(known)) if units is None else np.arange(len(known)) * units // len(known)
    made = Shift.of(known, Clusters(codes=codes, count=int(codes.max()) + 1))
    assert made is not None
    return made


@given(st.integers(0, 30), st.integers(0, 30), st.sampled_from([None, 40]), st.booleans())
def test_one_sided_p_and_interval_never_contradict_each_other(
    broken: int, mended: int, units: int | None, graded: bool
) -> None:
    change = np.zeros(200)
    change[:broken], change[200 - mended :] = -1, 0.5 if graded else 1
    of = shift(change, units)
    p = of.p_at_most(-0.05)
    for level in (0.8, 0.9, 0.98):
        limit = of.interval(level=level).low
        if abs(limit + 0.05) > 1e-6:
            assert (limit > -0.05) == (p < (1 - level) / 2)


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=3, max_size=60))
def test_turning_the_two_answers_round_turns_the_interval_round(values: list[float]) -> None:
    there, back = shift(values).interval(level=0.9), shift([-value for value in values]).interval(level=0.9)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-6)
    assert -1 <= there.low <= there.value <= there.high <= 1


def test_graded_differences_that_are_all_but_0_and_1_have_nearly_tangos_interval() -> None:
    change = np.zeros(400)
    change[:8], change[392:] = -1, 1
    plain = shift(change).interval(level=0.9)
    tilted = shift(np.where(change == 0, 1e-9, change)).interval(level=0.9)
    assert (tilted.low, tilted.high) == pytest.approx((plain.low, plain.high), abs=0.003)


def test_no_loss_among_graded_differences_is_no_proof_of_none() -> None:
    limit = shift(np.full(100, 0.001)).interval(level=0.9).low
    assert -0.06 < limit < -0.02, "of 100 records without a loss one in twenty hides 2.6%"


def test_shift_needs_two_independent_differences() -> None:
    units = Clusters(codes=np.array([0, 0, 0]), count=1)
    assert shift_interval(np.array([0.1, 0.2, math.nan]), units, level=0.9).method == (
        "too few: all 2 records belong to one cluster"
    )
    assert shift_interval(np.array([0.1, math.nan, math.nan]), units, level=0.9).method == "too few: 1 record"
    assert not shift_interval(np.full(3, math.nan), units, level=0.9).is_measured


def test_clusters_make_a_shift_less_sure() -> None:
    change = np.zeros(400)
    change[:40] = -0.5
    alone, together = shift(change).interval(level=0.9), shift(change, 40).interval(level=0.9)
    assert together.clusters == 40
    assert together.low < alone.low
