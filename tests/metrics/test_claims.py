"""Claims matched one to one: every matching tried on small lists, sure pairs first, and a metric of a user's own."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import stagegap
from stagegap.metrics.texts import matched_claims


@given(
    st.tuples(st.integers(0, 4), st.integers(0, 4)).flatmap(
        lambda size: arrays(np.float64, size, elements=st.floats(0, 1))
    )
)
def test_no_other_pairing_matches_more_claims(sure: np.ndarray):
    rows, columns = sure.shape
    found = matched_claims(range(rows), range(columns), lambda i, j: float(sure[i, j]))
    small, large = sorted((rows, columns))
    table = sure if rows <= columns else sure.T
    most = max(sum(table[i, j] >= 0.5 for i, j in enumerate(order)) for order in permutations(range(large), small))
    assert len(found.pairs) == most
    assert len({i for i, _ in found.pairs}) == len({j for _, j in found.pairs}) == most
    assert all(sure[pair] >= 0.5 for pair in found.pairs)


def test_of_as_many_pairs_the_surest_are_taken():
    sure = {("a", "x"): 0.6, ("a", "y"): 0.9, ("b", "x"): 0.9, ("b", "y"): 0.6}
    found = matched_claims("ab", "xy", lambda claim, other: sure[claim, other])
    assert found.pairs == ((0, 1), (1, 0))
    greedy = {("a", "x"): 1.0, ("a", "y"): 0.5, ("b", "x"): 0.5, ("b", "y"): 0.0}
    assert len(matched_claims("ab", "xy", lambda claim, other: greedy[claim, other]).pairs) == 2, "two before one sure"


def test_empty_lists_are_alike_and_one_empty_list_is_not():
    def never(_a: str, _b: str) -> float:
        return 0.0

    nothing = matched_claims([], [], never)
    assert (nothing.precision, nothing.recall, nothing.f1) == (1.0, 1.0, 1.0)
    silent = matched_claims([], ["a"], never)
    assert (silent.precision, silent.recall, silent.f1) == (1.0, 0.0, 0.0)
    invented = matched_claims(["a"], [], never)
    assert (invented.precision, invented.recall, invented.f1) == (0.0, 1.0, 0.0)


def test_a_judge_that_says_something_else_is_told():
    with pytest.raises(ValueError, match="a number from 0 to 1"):
        matched_claims(["a"], ["b"], lambda _a, _b: 7)


def test_a_metric_of_ones_own_has_it_from_the_package():
    assert stagegap.matched_claims(["a", "b"], ["b"], lambda a, b: a == b).precision == 0.5
