from __future__ import annotations

import numpy as np
import pytest

from stagegap.model.answer import Answer, Label, Reference
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.record import Json
from stagegap.people.disagreements import Weighed, weighed
from stagegap.people.references import settled

KIND = OutputType(kind=Kind.LABEL, values=("a", "b", "c"))
CARE = {"ann": 0.97, "bob": 0.55, "cid": 0.55}
"""One careful person and two who often err, so that the majority is often wrong."""


def label(who: str, record: str, value: Json) -> Label:
    return Label(id=f"{who}{record}", record=record, stage="s", annotator=who, answer=Answer(value=value))


def made(n: int = 200) -> tuple[dict[str, str], dict[str, dict[str, Label]]]:
    rng = np.random.default_rng(4)
    truth = {f"r{i:03d}": str(rng.choice(["a", "b", "c"])) for i in range(n)}
    given = {
        who: {
            r: label(who, r, t if rng.random() < care else str(rng.choice(["a", "b", "c"]))) for r, t in truth.items()
        }
        for who, care in CARE.items()
    }
    return truth, given


def references(given: dict[str, dict[str, Label]]) -> dict[str, Reference]:
    return {r: settled([own[r] for own in given.values()], Kind.LABEL) for r in next(iter(given.values()))}


def test_the_careful_person_is_found_and_outvotes_the_others_more_often_right_than_not():
    truth, given = made()
    found = weighed(given, references(given), KIND)
    care = {one.person: one.right for one in found.people}
    assert care["ann"] > 0.9 > max(care["bob"], care["cid"])
    assert care["ann"] == pytest.approx(CARE["ann"] + (1 - CARE["ann"]) / 3, abs=0.06)
    assert found.count == len(found.differ) > 10
    right = sum(one.likely == truth[one.record] for one in found.differ)
    assert right > 0.8 * found.count
    assert (found.n, found.problem) == (200, "")


def test_what_is_adjudicated_is_settled_and_no_difference():
    _, given = made()
    plain = references(given)
    settled_now = {
        r: Reference(record=r, stage="s", accepted=one.accepted, settled="adjudicated") for r, one in plain.items()
    }
    assert weighed(given, settled_now, KIND).count == 0
    assert weighed(given, {}, KIND).count == 0


@pytest.mark.parametrize(
    ("kind", "people", "records", "said"),
    [
        (OutputType(kind=Kind.TEXT), 3, 60, "not measured: the answers are no categories"),
        (KIND, 2, 60, "too few: 60 of 30 records with several labels, 2 of 3 labellers"),
        (KIND, 3, 20, "too few: 20 of 30 records with several labels, 3 of 3 labellers"),
        (KIND, 1, 60, "too few: 0 of 30 records with several labels, 0 of 3 labellers"),
    ],
)
def test_too_little_is_named_and_no_consensus(kind: OutputType, people: int, records: int, said: str):
    _, given = made(records)
    few = dict(list(given.items())[:people])
    assert weighed(few, references(few), kind) == Weighed(
        n=records if people > 1 and kind is KIND else 0, people=(), differ=(), count=0, problem=said
    )


def test_no_answer_is_a_category_and_all_alike_leave_nothing_to_weigh():
    given = {who: {f"r{i}": label(who, f"r{i}", None if i % 2 else "a") for i in range(40)} for who in CARE}
    found = weighed(given, references(given), KIND)
    assert (found.count, found.problem) == (0, "")
    assert {round(one.right, 3) for one in found.people} == {1.0}


def test_hundreds_of_answers_are_too_many_to_tell_who_is_careful():
    given = {who: {f"r{i}": label(who, f"r{i}", str(i)) for i in range(500)} for who in CARE}
    problem = "not measured: 500 answers are too many to tell who is careful"
    assert weighed(given, {}, KIND) == Weighed(n=500, people=(), differ=(), count=0, problem=problem)
