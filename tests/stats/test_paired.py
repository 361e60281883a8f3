from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as oracle

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.paired import direction, mcnemar


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_agrees_with_statsmodels(fixed: int, broken: int):
    found = mcnemar(fixed, broken)
    assert found.p == pytest.approx(oracle([[5, fixed], [broken, 5]], exact=True).pvalue if fixed + broken else 1.0)
    if fixed + broken:
        chi2 = oracle([[5, fixed], [broken, 5]], exact=False, correction=False)
        assert (found.chi2, found.p_chi2) == (pytest.approx(chi2.statistic), pytest.approx(chi2.pvalue))


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
