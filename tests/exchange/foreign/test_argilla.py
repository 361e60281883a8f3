from __future__ import annotations

from pathlib import Path

from exchange.foreign.reading import reasons, take
from stagegap.model.answer import Answer


def exported(**responses: object) -> dict[str, object]:
    """A record as version 2 of the client writes it."""
    return {
        "id": "m1",
        "fields": {"text": "Hi"},
        "metadata": {},
        "suggestions": {},
        "responses": responses,
        "vectors": {},
        "_server_id": "5d1f",
    }


def served(*responses: object, **fields: object) -> dict[str, object]:
    """A record as the server gives it."""
    return {"id": "5d1f", "external_id": "m1", "fields": {}, "metadata": None, "responses": list(responses)} | fields


def test_responses_of_every_person_are_labels(tmp_path: Path) -> None:
    record = exported(
        category=[{"value": "orders", "user_id": "u1"}, {"value": "=spam", "user_id": "u2"}],
        tags=[{"value": ["late", "new"], "user_id": "u1"}],
        retrieve=[{"value": [{"rank": 2, "value": "a"}, {"rank": 1, "value": "-b"}], "user_id": "u1"}],
        price=[{"value": 4, "user_id": "u1"}],
        draft=[{"value": "Hi", "user_id": "u1"}],
    )
    taken = take(tmp_path, "argilla", [record], route="category")
    assert not taken.unmapped
    assert [(label.record, label.stage, label.annotator, label.answer) for label in taken.labels] == [
        ("m1", "route", "u1", Answer(value="orders")),
        ("m1", "route", "u2", Answer(value="=spam")),
        ("m1", "tags", "u1", Answer(value=["new", "late"])),
        ("m1", "retrieve", "u1", Answer(value=["-b", "a"])),
        ("m1", "price", "u1", Answer(value=4)),
        ("m1", "draft", "u1", Answer(value="Hi")),
    ]


def test_rating_can_be_a_label(tmp_path: Path) -> None:
    taken = take(tmp_path, "argilla", [exported(route=[{"value": 4, "user_id": "u1"}])])
    assert list(reasons(taken)) == ["The value is none that stage 'route' can take."]


def test_server_says_when_and_what_was_discarded_or_a_draft(tmp_path: Path) -> None:
    records = [
        served(
            {"user_id": "u1", "status": "submitted", "updated_at": "2026-01-02T03:04:05",
             "values": {"route": {"value": "orders"}, "draft": {"value": "Hi"}}},
            {"user_id": "u2", "status": "discarded", "inserted_at": "2026-01-02T03:04:06", "values": None},
            {"user_id": "u3", "status": "draft", "values": {"route": {"value": "orders"}}},
            suggestions=[{"question_name": "route", "value": "orders", "agent": "gpt"}],
        )
    ]  # fmt: skip
    taken = take(tmp_path, "argilla", records)
    assert [(label.stage, label.annotator, label.action, label.at) for label in taken.labels] == [
        ("route", "u1", "label", 1767323045.0),
        ("draft", "u1", "label", 1767323045.0),
        ("route", "u2", "skip", 1767323046.0),
        ("draft", "u2", "skip", 1767323046.0),
    ]
    assert reasons(taken) == {
        "A response with the status 'draft' was never submitted.": (1, ("record m1, response of u3",)),
        "A suggestion is a model's answer, not a person's.": (1, ("record m1, route",)),
    }


def test_suggestions_of_the_client_are_left_over(tmp_path: Path) -> None:
    record = exported() | {"suggestions": {"route": {"value": "orders", "score": 0.7, "agent": "gpt"}}}
    assert reasons(take(tmp_path, "argilla", [record])) == {
        "A suggestion is a model's answer, not a person's.": (1, ("record m1, route",))
    }


def test_record_is_named_by_metadata_before_its_own_id(tmp_path: Path) -> None:
    record = exported(route=[{"value": "orders", "user_id": "u1"}]) | {"metadata": {"id": "=m2", "mail": "-3"}}
    assert [label.record for label in take(tmp_path, "argilla", [record]).labels] == ["=m2"]
    assert [label.record for label in take(tmp_path, "argilla", [record], "mail").labels] == ["-3"]
    assert [label.record for label in take(tmp_path, "argilla", [record], "nothing").labels] == []
