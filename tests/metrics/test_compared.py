"""A pair is compared once, and pairs that differ are told apart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.metrics import Compared, metric
from stagegap.model.answer import Answer, Fact
from stagegap.model.record import Json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-1, 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)


class Counting:
    """A metric of the user's own that counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, value: Json, accepted: Json) -> float:
        self.calls += 1
        return float(value == accepted)


def test_a_pair_is_compared_once_also_by_another_metric_object_of_the_same_function() -> None:
    own, compared = Counting(), Compared()
    for _ in range(3):
        by = compared.metric("python:own.py:own", custom=own)
        assert [by.compare(value, Answer(value="a")) for value in ("a", "b", "a")] == [1, 0, 1]
    assert own.calls == 2
    other = Counting()
    assert compared.metric("python:own.py:own", custom=other).compare("a", Answer(value="a")) == 1
    assert other.calls == 1, "another function behind the same name is asked itself"


@given(value=JSON, accepted=JSON)
def test_what_is_remembered_is_what_the_metric_says(value: Json, accepted: Json) -> None:
    compared = Compared().metric("exact")
    compared.compare([], Answer(value="[]"))
    answer = Answer(value=accepted)
    said = metric("exact").compare(value, answer)
    assert [compared.compare(value, answer) for _ in range(2)] == [said, said]


@pytest.mark.parametrize(("value", "other"), [(1, True), (1, 1.0), ("1", 1), ("('1',)", "1"), (["a"], "['a']")])
def test_values_that_print_alike_are_told_apart(value: Json, other: Json) -> None:
    own = Counting()
    by = Compared().metric("python:own.py:own", custom=own)
    by.compare(value, Answer(value="x"))
    by.compare(other, Answer(value="x"))
    assert own.calls == 2


def test_facts_of_an_answer_are_part_of_the_pair() -> None:
    by = Compared().metric("fact_recall")
    assert by.compare("10 to 14", Answer(value="x", facts=(Fact(("10 to 14",)),))) == 1
    assert by.compare("10 to 14", Answer(value="x", facts=(Fact(("never",)),))) == 0
    assert math.isnan(by.compare("10 to 14", Answer(value="x")))


def test_memory_has_a_bound() -> None:
    own = Counting()
    by = Compared(most=2).metric("python:own.py:own", custom=own)
    for value in "abcabc":
        by.compare(value, Answer(value="a"))
    assert own.calls <= 6
    assert by.compare("c", Answer(value="c")) == 1
