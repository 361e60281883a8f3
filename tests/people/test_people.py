from __future__ import annotations

import math

import pytest

from stagegap.metrics import metric
from stagegap.model.answer import Answer, Label, Output, Status
from stagegap.model.cascade import Kind
from stagegap.model.record import Json
from stagegap.people.agreement import agreement, annotators, leave_one_out
from stagegap.people.references import latest

ACCURACY = metric("accuracy")


def people(*values: Json) -> list[Label]:
    return [
        Label(id=f"{i}", record="r", stage="s", annotator=f"p{i}", answer=Answer(value=value))
        for i, value in enumerate(values)
    ]


def system(value: Json, status: Status = Status.OK) -> Output:
    return Output(record="r", stage="s", status=status, value=value)


@pytest.mark.parametrize(
    ("values", "answer", "person", "machine", "why"),
    [
        (["a", "a"], "a", 1, 1, "all agree"),
        (["a", "b"], "a", 0, 0.5, "the system meets one of two targets"),
        (["a", "a", "b"], "a", 2 / 3, 1, "a and a meet one of a and b, of which nobody decided; b against a and a"),
        (["a", "b", "c"], "a", 0, 2 / 3, "the best over what others left undecided, for both alike"),
        ([None, None], None, 1, 1, "no answer on both sides"),
    ],
)
def test_people_and_system_meet_the_same_targets(
    values: list[Json], answer: Json, person: float, machine: float, why: str
):
    found = leave_one_out(people(*values), system(answer), kind=Kind.LABEL, metric=ACCURACY)
    assert (found.person, found.system) == (pytest.approx(person), pytest.approx(machine)), why


@pytest.mark.parametrize("values", [[], ["a"]])
def test_without_overlap_nothing_is_compared(values: list[Json]):
    found = leave_one_out(people(*values), system("a"), kind=Kind.LABEL, metric=ACCURACY)
    assert math.isnan(found.person)
    assert math.isnan(found.system)


@pytest.mark.parametrize("output", [None, system(None, Status.INFRASTRUCTURE)])
def test_without_an_output_only_people_are_measured(output: Output | None):
    found = leave_one_out(people("a", "a"), output, kind=Kind.LABEL, metric=ACCURACY)
    assert found.person == 1.0
    assert math.isnan(found.system)


def test_a_bar_comes_before_the_average():
    found = leave_one_out(
        people(["a", "b"], ["a"]), system(["a"]), kind=Kind.RANKING, metric=metric("recall@2"), good=0.8
    )
    assert (found.person, found.system) == (0.5, 0.5)


def test_texts_without_facts_can_not_be_compared():
    found = leave_one_out(people("x", "y"), system("x"), kind=Kind.TEXT, metric=metric("fact_recall"))
    assert math.isnan(found.person)
    assert math.isnan(agreement(people("x", "y"), metric("fact_recall")))


@pytest.mark.parametrize(
    ("values", "wanted"), [(["a", "a", "b"], 1 / 3), (["a", "a"], 1), (["a"], math.nan), ([], math.nan)]
)
def test_agreement_is_the_mean_over_pairs(values: list[Json], wanted: float):
    assert agreement(people(*values), ACCURACY) == pytest.approx(wanted, nan_ok=True)


def test_people_are_counted_once():
    assert annotators(latest(people("a", "b"))) == 2
