from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

import planted
from stagegap.attribution.faults import BEYOND, NOT_FAILED, category_ceiling, error_parts

# Each column: outcome with references at 0, 1, 2, 3 stages, and why it is here.
CASES = [
    ((1, 1, 1, 1), "right"),
    ((0, 1, 1, 1), "A"),
    ((0, 0, 1, 1), "B"),
    ((0, 1, 0, 1), "A first, broken later: booked on the first fix"),
    ((0, 0, 0, 1), "C"),
    ((0, 0, 0, 0), "beyond references"),
    ((0, math.nan, 1, 1), "an outcome is missing"),
]


def prefixes() -> list[np.ndarray]:
    return list(np.array([case for case, _ in CASES], dtype=float).T)


def test_each_failed_record_is_booked_once():
    found = error_parts("ABC", prefixes())
    assert found.cause.tolist() == [NOT_FAILED, 0, 1, 0, 2, BEYOND, NOT_FAILED]
    assert (found.failed, [part.count for part in found.parts], found.beyond) == (5, [2, 1, 1], 1)


def test_a_fix_that_needs_an_earlier_one_is_joint():
    alone = {"B": np.array([1.0, 0, 0, 0, 0, 0, 1]), "C": np.ones(7)}
    found = error_parts("ABC", prefixes(), alone=alone)
    assert [part.joint for part in found.parts] == [0, 1, 0]


def test_without_broken_records_the_counts_are_the_steps():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.9, "B": 0.7, "C": 0.8})
    columns = list(made.outcomes(made.luck(500, np.random.default_rng(0))).values())
    found = error_parts("ABC", columns)
    steps = [float((b - a).sum()) for a, b in pairwise(columns)]
    assert [part.count for part in found.parts] == steps


def test_where_no_record_failed_nothing_is_booked():
    found = error_parts("A", [np.ones(3), np.ones(3)])
    assert (found.failed, found.parts[0].count, found.beyond) == (0, 0, 0)


def test_the_number_of_outcomes_must_fit():
    with pytest.raises(ValueError, match="2 stages need 3 outcomes, got 1"):
        error_parts("AB", [np.ones(3)])


def test_no_error_has_no_categories():
    with pytest.raises(ValueError, match="must be an error"):
        category_ceiling(0, {}, error_rate=0.1)
