from __future__ import annotations

import math

import numpy as np
import pytest

import planted
from stagegap.analysis.failures import groups_of, slice_rows
from stagegap.model.answer import Answer, Reference
from stagegap.model.record import Record
from stagegap.stats.spread import clusters

NAN = math.nan


def rows(failed: list[float], groups: dict[str, list[int]], units: list[str] | None = None):
    made = clusters(units or [str(i) for i in range(len(failed))])
    return slice_rows(np.array(failed), made, {name: np.array(at) for name, at in groups.items()})


def test_groups_are_ranked_by_excess_and_not_by_rate():
    failed = [1.0] * 3 + [1.0] * 30 + [0.0] * 20 + [0.0] * 47
    found = rows(failed, {"small": [0, 1, 2], "large": list(range(3, 53))})
    assert [row.group for row in found] == ["large", "small"]
    assert found[0].excess == pytest.approx((0.6 - 0.33) * 50)
    assert [row.stands_out for row in found] == [True, True]


def test_a_group_without_scores_or_with_all_of_them_says_nothing():
    failed = [1.0, 0.0, NAN, NAN]
    assert rows(failed, {"unscored": [2, 3], "all scored": [0, 1], "one": [0, 2]})[0].group == "one"
    assert len(rows(failed, {"unscored": [2, 3], "all scored": [0, 1], "one": [0, 2]})) == 1
    assert rows([NAN, NAN], {"any": [0]}) == ()


def test_a_group_of_one_customer_has_no_interval_and_does_not_stand_out():
    found = rows([1.0] * 5 + [0.0] * 15, {"one": list(range(5))}, ["c"] * 5 + [str(i) for i in range(15)])
    assert (found[0].stands_out, found[0].rate.is_measured) == (False, False)
    assert found[0].excess == pytest.approx(0.75 * 5)


def test_groups_come_from_slices_difficulty_and_earlier_references_only():
    cascade = planted.Planted(shape=planted.CHAIN[3], skill=dict.fromkeys("ABC", 0.9)).cascade()
    records = [
        Record(id="1", fields={}, slices={"language": "de"}, difficulty="hard"),
        Record(id="2", fields={}, slices={"language": "en"}),
        Record(id="3", fields={}),
    ]
    references = {
        ("1", "A"): Reference(record="1", stage="A", accepted=(Answer(value="right"),)),
        ("2", "A"): Reference(record="2", stage="A", accepted=(Answer(value="right"), Answer(value="wrong"))),
        ("3", "C"): Reference(record="3", stage="C", accepted=(Answer(value="right"),)),
    }
    found = groups_of(records, cascade, references, stage="B")
    assert {name: at.tolist() for name, at in found.items()} == {
        "language: de": [0],
        "language: en": [1],
        "difficulty: hard": [0],
        "A: right": [0],
    }
