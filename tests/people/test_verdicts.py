"""Verdicts: who sees the output, what the card may send, and what each says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.people import verdicts as v
from stagegap.people.card import form

STAGE = Stage(
    name="topic", uses="python", inputs={}, output=OutputType(kind=Kind.LABEL, values=("a", "b")), metrics=("accuracy",)
)
QUEUE = Queue(
    id="q1", cascade="c", stage="topic", purpose="verdict", created_at=0.0, form=json.dumps(v.verdict_form(form(STAGE)))
)
RECORDS = [f"m{i}" for i in range(2000)]


def item(record: str, output: Json = "a") -> QueueItem:
    return v.verdict_item(
        QueueItem(position=0, record=record, payload=json.dumps({"id": record, "inputs": [], "options": {}})), output
    )


def label(answer: Answer | None, *, who: str = "ab", at: float = 0.0, record: str = "m1", run: str = "r1") -> Label:
    action = "label" if answer else "undo"
    return Label(
        id=f"{who}{at}{record}", record=record, stage="topic", annotator=who, answer=answer, at=at, run=run,
        action=action, task="verdict",
    )  # fmt: skip


def test_random_tenth_is_blind_and_another_one_for_each_person_and_queue():
    blind = {who: {record for record in RECORDS if v.is_blind("q1", who, record)} for who in ("ab", "cd")}
    for own in blind.values():
        assert 150 <= len(own) <= 250
    both = len(blind["ab"] & blind["cd"])
    assert both < 60, "who else answers blind says nothing"
    assert {record for record in RECORDS if v.is_blind("q2", "ab", record)} != blind["ab"]
    assert v.is_blind("q1", "\ud800", "m1") in (True, False), "any name can be drawn for"


def test_output_is_handed_out_but_for_the_blind_tenth():
    for record in RECORDS[:200]:
        given_item = v.as_given(QUEUE, item(record, "the answer"), "ab")
        is_open = not v.is_blind("q1", "ab", record)
        assert v.shows_output(given_item) is is_open
        assert ("the answer" in given_item.payload) is is_open
    other = replace(QUEUE, purpose="random")
    assert v.as_given(other, item("m1"), "ab") == item("m1")


def test_ranking_is_shown_with_titles_and_is_where_a_correction_begins():
    options = {"value": [{"value": "d1", "title": "Refunds", "text": ""}]}
    record = next(name for name in RECORDS if not v.is_blind("q1", "ab", name))
    content = {"id": record, "inputs": [], "options": options}
    ranked = v.verdict_item(QueueItem(position=0, record=record, payload=json.dumps(content)), ["d1", "d2"])
    payload = json.loads(v.as_given(QUEUE, ranked, "ab").payload)
    assert payload["output"]["value"] == "d1 Refunds, d2"
    assert payload["draft"]["value"] == ["d1", "d2"]


@pytest.mark.parametrize(
    ("values", "verdict", "correction"),
    [
        ({"verdict": "accept"}, "accept", None),
        ({"verdict": "reject"}, "reject", None),
        ({"verdict": "correct", "value": "b"}, "correct", "b"),
        ({"verdict": "correct", "value": "a"}, "accept", None),
    ],
)
def test_values_of_the_form_are_a_verdict_and_come_back(
    values: dict[str, Json], verdict: str, correction: str | None
) -> None:
    made = label(v.verdict_answer(QUEUE, item("m1"), values))
    said, output, corrected = v.parts(made)
    assert (said, output, corrected.value if corrected else None) == (verdict, "a", correction)
    shown = v.values_of_verdict(made)
    assert v.verdict_answer(QUEUE, item("m1"), shown) == made.answer, "opened and saved again it says the same"
    assert v.values_of_verdict(replace(made, answer=None, note="why")) == {
        "_unsure": False, "_odd": False, "_note": "why",
    }  # fmt: skip


@pytest.mark.parametrize(
    "values", [None, {}, {"verdict": "maybe"}, {"verdict": "correct", "value": "c"}, {"value": "a"}]
)
def test_what_no_form_can_send_is_refused(values: Json) -> None:
    with pytest.raises(ConfigurationError):
        v.verdict_answer(QUEUE, item("m1"), values)


@pytest.mark.parametrize(
    "value",
    [
        "accept",
        {"verdict": "good", "output": 1},
        {"verdict": "accept"},
        {"verdict": "accept", "output": 1, "correction": 2},
        {"verdict": "correct", "output": 1},
    ],
)
def test_value_that_is_no_verdict_says_what_one_looks_like(value: Json) -> None:
    with pytest.raises(ValueError, match="verdict"):
        v.said_of(value)


JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(output=JSON, correction=JSON, facts=st.lists(st.text("ab", min_size=1), max_size=2))
def test_verdict_keeps_output_and_correction_as_they_were(output: Json, correction: Json, facts: list[str]) -> None:
    corrected = Answer(value=correction, facts=tuple(Fact((fact,)) for fact in facts))
    answer = v.verdict_on(output, "correct", corrected)
    stored = Answer(value=json.loads(json.dumps(answer.value)), facts=answer.facts)
    verdict, seen, back = v.parts(label(stored))
    assert json.dumps(seen) == json.dumps(output)
    assert v.is_on(label(stored), output)
    if verdict == "correct":
        assert back == corrected
    else:
        assert json.dumps(correction, sort_keys=True) == json.dumps(output, sort_keys=True)


def test_last_word_of_each_person_on_each_runs_output_holds():
    accept, reject = v.verdict_on("a", "accept"), v.verdict_on("a", "reject")
    events = [
        label(accept, at=2.0), label(reject, at=1.0), label(reject, who="cd", at=1.0), label(None, who="cd", at=3.0),
        label(reject, at=1.0, run="r2"),
    ]  # fmt: skip
    held = {(own.annotator, own.run): v.parts(own)[0] for own in v.in_force(events)}
    assert held == {("ab", "r1"): "accept", ("ab", "r2"): "reject"}


def test_correction_and_acceptance_are_references_that_were_seen_and_a_rejection_only_bounds():
    corrected = label(v.verdict_on("a", "correct", Answer(value="b")), at=2.0)
    accepted = label(v.verdict_on("a", "accept"), record="m2")
    rejected = label(v.verdict_on("a", "reject"), record="m3")
    answered = label(v.verdict_on("a", "accept"), record="m4")
    blind = v.seen_reference(answered)
    assert blind is not None
    references = v.seen_references([corrected, accepted, rejected, answered], {("m4", "topic"): blind})
    assert [(r.record, r.first.value, r.seen) for r in references] == [("m2", "a", True), ("m1", "b", True)]
    assert v.seen_reference(rejected) is None


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (v.verdict_on("a", "accept"), "right: a"),
        (v.verdict_on(["x"], "reject"), "not right: x"),
        (v.verdict_on("a", "correct", Answer(value="b")), "not a, but b"),
    ],
)
def test_verdict_reads_as_a_line(answer: Answer, line: str) -> None:
    assert v.in_a_line(label(answer)) == line


def test_form_asks_for_the_verdict_before_the_stages_own_answer():
    asked: Mapping[str, Json] = v.verdict_form(form(STAGE))
    options = json.loads(json.dumps(asked["verdict"]))["options"]
    options = json.loads(json.dumps(asked["verdict"]))["options"]
    assert [option["value"] for option in options] == list(v.CHOICES)
