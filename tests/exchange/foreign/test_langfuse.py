from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.foreign.reading import reasons, take
from exchange.material import KNOWN
from stagegap.exchange.foreign import Wanted, detected, read_foreign
from stagegap.model.answer import Answer
from stagegap.model.record import Json


def score(**fields: Any) -> dict[str, object]:
    return {
        "id": "s1",
        "traceId": "m1",
        "observationId": None,
        "name": "route",
        "source": "ANNOTATION",
        "dataType": "CATEGORICAL",
        "value": 1,
        "stringValue": "orders",
        "authorUserId": "u1",
        "comment": "clear",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "metadata": {},
    } | fields


def test_score_is_a_label_with_its_comment(tmp_path: Path) -> None:
    taken = take(tmp_path, "langfuse", {"data": [score()], "meta": {"page": 1}})
    (label,) = taken.labels
    assert (label.record, label.stage, label.annotator, label.answer) == ("m1", "route", "u1", Answer(value="orders"))
    assert (label.at, label.note) == (1767323045.0, "clear")
    assert not taken.unmapped


def test_correction_is_a_label_of_the_stage_that_it_is_mapped_to(tmp_path: Path) -> None:
    one = score(name="output", dataType="CORRECTION", value="Within 30 days.", stringValue=None, source="API")
    old = score(name="output", dataType="CORRECTION", value=0, stringValue="Hi", longStringValue="Hello", id="s2")
    taken = take(tmp_path, "langfuse", [one, old], draft="output")
    assert [label.answer for label in taken.labels] == [Answer(value="Within 30 days."), Answer(value="Hello")]


@pytest.mark.parametrize(
    ("stage", "kind", "value", "answer"),
    [
        ("good", "BOOLEAN", 1, True),
        ("good", "BOOLEAN", 0.0, False),
        ("good", "BOOLEAN", True, True),
        ("price", "NUMERIC", 0.5, 0.5),
        ("price", "NUMERIC", "1.5", 1.5),
        ("draft", "TEXT", "1", "1"),
        ("tags", "CORRECTION", '["new"]', ["new"]),
        ("tags", "CATEGORICAL", "new", ["new"]),
    ],
)
def test_values_become_values_of_the_stage(tmp_path: Path, stage: str, kind: str, value: object, answer: Json) -> None:
    taken = take(tmp_path, "langfuse", [score(name=stage, dataType=kind, value=value, stringValue=None)])
    assert [label.answer for label in taken.labels] == [Answer(value=answer)]


def test_evaluators_and_nobody_are_no_people(tmp_path: Path) -> None:
    scores = [score(source="EVAL"), score(authorUserId=None, id="s2"), score(name="good", dataType="BOOLEAN", value=3)]
    assert reasons(take(tmp_path, "langfuse", scores)) == {
        "A score of the source EVAL is an evaluator's, not a person's.": (1, ("score s1 'route'",)),
        "It does not say who made it, and a label needs to: --annotator NAME says it.": (1, ("score s2 'route'",)),
        "The value is none that stage 'good' can take.": (1, ("score s1 'good': 3",)),
    }


@pytest.mark.parametrize(
    ("record_id", "fields"),
    [
        (None, {"metadata": {"id": "m1"}}),
        (None, {"metadata": '{"id": "m1"}'}),
        (None, {"metadata": None, "traceId": "f00", "datasetItemId": "m1"}),
        (None, {"metadata": "no JSON", "traceId": "m1"}),
        (None, {"traceId": None, "subject": {"kind": "trace", "id": "m1"}}),
        ("traceId", {}),
        ("metadata.mail", {"traceId": "f00", "metadata": {"mail": "m1"}}),
        ("mail", {"traceId": "f00", "metadata": {"mail": "m1"}}),
    ],
)
def test_record_is_found_where_its_id_stands(tmp_path: Path, record_id: str | None, fields: dict[str, object]) -> None:
    taken = take(tmp_path, "langfuse", [score(**fields)], record_id)
    assert [label.record for label in taken.labels] == ["m1"]


def test_csv_is_read_as_the_same_scores(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(
        "id,timestamp,traceId,name,source,dataType,value,stringValue,authorUserName,comment\n"
        "s1,2026-01-02 03:04:05,m1,route,ANNOTATION,CATEGORICAL,1,orders,ab,\n"
        "s2,2026-01-02 03:04:05,m1,price,ANNOTATION,NUMERIC,2.5,,ab,\n"
        "s3,2026-01-02 03:04:05,m1,good,ANNOTATION,BOOLEAN,1,True,ab,\n"
    )
    assert detected(path) == "langfuse"
    taken = read_foreign(path, "langfuse", KNOWN, Wanted())
    assert [(label.annotator, label.answer) for label in taken.labels] == [
        ("ab", Answer(value="orders")), ("ab", Answer(value=2.5)), ("ab", Answer(value=True)),
    ]  # fmt: skip
