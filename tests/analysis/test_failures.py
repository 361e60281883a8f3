from __future__ import annotations

import pytest

from stagegap.analysis.failures import shown_output, shown_reference, shown_value, title
from stagegap.model.answer import Answer, Fact, Output, Reference, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Json, Record

STAGE = Stage(
    name="s",
    uses="python",
    inputs={"body": Source("record", "body")},
    output=OutputType(kind=Kind.TEXT),
    metrics=("chrf",),
)
CASCADE = Cascade(name="c", stages=(STAGE,), outcome=Outcome(stage="s", metric="chrf"))


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"id": "7", "body": "Where is\nmy order?"}, "Where is my order?"),
        ({"body": "  ", "subject": "Hi"}, "Hi"),
        ({"n": 3}, "r1"),
        ({"body": "word " * 40}, ("word " * 16).strip()[:79].rstrip() + "…"),
    ],
)
def test_a_record_is_called_by_its_first_words(fields: dict[str, Json], shown: str):
    assert title(Record(id="r1", fields=fields), CASCADE) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("two\nlines", "two lines"), (["a", "b"], "a, b"), ([], "none"), ({"a": 1}, '{"a": 1}'), (3, "3"), (True, "true")],
)
def test_a_value_is_one_line(value: Json, shown: str):
    assert shown_value(value) == shown


@pytest.mark.parametrize(
    ("status", "value", "error", "shown"),
    [
        (Status.OK, "hi", "", "hi"),
        (Status.OK, None, "", "no answer"),
        (Status.SKIPPED, None, "", "no answer"),
        (Status.REFUSED, None, "", "refused"),
        (Status.UNPARSABLE, None, "no JSON", "unparsable: no JSON"),
    ],
)
def test_an_output_is_one_line_and_a_failure_has_its_name(status: Status, value: Json, error: str, shown: str):
    assert shown_output(Output(record="r", stage="s", status=status, value=value, error=error)) == shown


def test_nothing_is_said_to_be_nothing():
    assert (shown_output(None), shown_reference(None)) == ("no output", "no reference")


def test_a_reference_shows_every_accepted_answer_and_facts_instead_of_text():
    accepted = (
        Answer(value="a"),
        Answer(value=None),
        Answer(value="long", facts=(Fact(("30 days", "a month")), Fact(("free",)))),
    )
    assert shown_reference(Reference(record="r", stage="s", accepted=accepted)) == "a | no answer | 30 days; free"
