from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from exchange.foreign.reading import reasons, take
from stagegap.model.answer import Answer
from stagegap.model.record import Json


def assessment(**fields: Any) -> dict[str, object]:
    return {
        "assessment_id": "a1",
        "assessment_name": "route",
        "trace_id": "tr-1",
        "source": {"source_type": "HUMAN", "source_id": "ab@example.org"},
        "create_time": "2026-01-02T03:04:05Z",
        "expectation": {"value": "orders"},
        "rationale": "clear",
        "valid": True,
    } | fields


def trace(*assessments: dict[str, object], **info: Any) -> dict[str, object]:
    return {
        "info": {"trace_id": "tr-1", "client_request_id": "m1", "tags": {}, "assessments": list(assessments)} | info,
        "data": {"spans": []},
    }


def test_expectation_is_a_label_with_its_rationale(tmp_path: Path) -> None:
    (label,) = take(tmp_path, "mlflow", {"traces": [trace(assessment())]}).labels
    assert (label.record, label.stage, label.answer) == ("m1", "route", Answer(value="orders"))
    assert (label.annotator, label.at, label.note) == ("ab@example.org", 1767323045.0, "clear")


def test_older_fields_are_read_too(tmp_path: Path) -> None:
    old = {
        "name": "category",
        "source": {"source_type": "HUMAN", "source_id": "ab"},
        "create_time_ms": 1767323045500,
        "expectation": {"value": "orders"},
        "feedback": None,
    }
    record = {"trace_info": {"request_id": "m1"}, "assessments": [old]}
    (label,) = take(tmp_path, "mlflow", [record], route="category").labels
    assert (label.record, label.at, label.note) == ("m1", 1767323045.5, "")


@pytest.mark.parametrize(
    ("stage", "held", "answer"),
    [
        ("tags", {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": '["late"]'}}, ["late"]),
        ("fields", {"value": {"a": 1}}, {"a": 1}),
        ("price", {"value": 2}, 2),
        ("good", {"value": False}, False),
        ("draft", {"value": "x"}, "x"),
        ("draft", {"serialized_value": {"value": "no JSON"}}, "no JSON"),
    ],
)
def test_values_become_values_of_the_stage(tmp_path: Path, stage: str, held: object, answer: Json) -> None:
    taken = take(tmp_path, "mlflow", [trace(assessment(assessment_name=stage, expectation=held))])
    assert [label.answer for label in taken.labels] == [Answer(value=answer)]


def test_feedback_is_taken_only_where_a_stage_names_it(tmp_path: Path) -> None:
    feedback = assessment(assessment_name="good", expectation=None, feedback={"value": True})
    assert reasons(take(tmp_path, "mlflow", [trace(feedback)])) == {
        "Feedback judges an answer and gives none; --stage takes it where its value is an answer.": (
            1, ("trace tr-1, assessment a1 'good'",),
        )
    }  # fmt: skip
    assert [label.answer for label in take(tmp_path, "mlflow", [trace(feedback)], good="good").labels] == [
        Answer(value=True)
    ]


def test_judges_and_what_was_replaced_are_left_over(tmp_path: Path) -> None:
    found = [assessment(source={"source_type": "LLM_JUDGE"}), assessment(source=None), assessment(valid=False)]
    assert list(reasons(take(tmp_path, "mlflow", [trace(*found)]))) == [
        "A later assessment has replaced this one.",
        "An assessment of the source LLM_JUDGE is not a person's.",
        "An assessment of the source unknown is not a person's.",
    ]


@pytest.mark.parametrize(
    ("record_id", "info"),
    [
        (None, {"tags": {"id": "m1"}, "client_request_id": None}),
        (None, {"trace_metadata": {"record_id": "m1"}, "client_request_id": None}),
        (None, {"request_preview": '{"id": "m1"}', "client_request_id": "x"}),
        (None, {"request_preview": '{"mail": {"id": "m1"}}', "client_request_id": "x"}),
        (None, {"trace_id": "m1", "client_request_id": None}),
        ("mail", {"tags": {"mail": "m1"}, "client_request_id": "=m2"}),
        ("client_request_id", {"tags": {"id": "=m2"}}),
        ("info.tags.mail", {"tags": {"mail": "m1"}, "client_request_id": "=m2"}),
    ],
)
def test_record_is_found_where_its_id_stands(tmp_path: Path, record_id: str | None, info: dict[str, object]) -> None:
    taken = take(tmp_path, "mlflow", [trace(assessment(), **info)], record_id)
    assert [label.record for label in taken.labels] == ["m1"]
