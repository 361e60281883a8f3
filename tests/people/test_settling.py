from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from stagegap.errors import ConfigurationError
from stagegap.metrics import metric
from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.people.agreement import ChanceCorrected
from stagegap.people.card import form, guideline_hash
from stagegap.people.disagreements import (
    adjudication,
    beyond_chance,
    digest,
    disagreement,
    guideline_lines,
    in_words,
    most_cited,
    reasons,
    settling_form,
    settling_payload,
)

STAGE = Stage(
    name="route", uses="python", inputs={}, output=OutputType(kind=Kind.LABEL, values=("a", "b", "c")),
    metrics=("accuracy",),
)  # fmt: skip
GUIDELINE = "Read it.\n\n  Two topics: the urgent one.\nRead it."
QUEUE = Queue(id="q", cascade="c", stage="route", purpose="random", created_at=0.0, form=json.dumps(form(STAGE)),
              guideline=GUIDELINE, run="v1")  # fmt: skip
ITEM = QueueItem(position=0, record="r1", payload='{"id": "r1", "inputs": [], "options": {}}', probability=0.5)


def label(value: Json, who: str, **more: Any) -> Label:
    return Label(id=who, record="r1", stage="route", annotator=who, answer=Answer(value=value), **more)


def decide(values: object, labels: list[Label], **more: Any) -> Label:
    event = {"id": "e1", "record": "r1", "action": "label", "values": values, "active_ms": 900} | more
    return adjudication(event, labels, QUEUE, ITEM, annotator="eve", at=7.0, verified=True)


FACTS = (Fact(("30 days", "a month")), Fact(("free",)))
TWO = [label("a", "ann"), label("b", "bob")]


@pytest.mark.parametrize(
    ("values", "metric_name", "wanted", "why"),
    [
        (["a"], "accuracy", None, "one person disagrees with nobody"),
        (["a", "a"], "accuracy", None, "the same answer"),
        ([["x", "y"], ["y", "x"]], "set_f1", None, "the metric does not tell them apart"),
        (["a", "b", "b", "c"], "accuracy", {"b", "a"}, "the two that most people gave"),
        ([None, "a"], "accuracy", {None, "a"}, "an answer against none"),
    ],
)
def test_what_people_disagree_on(values: list[Json], metric_name: str, wanted: set[Json] | None, why: str) -> None:
    found = disagreement([label(value, f"p{i}") for i, value in enumerate(values)], metric(metric_name))
    assert (found and {found.a.value, found.b.value}) == wanted, why  # type: ignore[arg-type]


def test_sides_say_nothing_about_who_answered() -> None:
    def sides(record: str) -> Json:
        found = disagreement([replace(one, record=record) for one in TWO], metric("accuracy"))
        assert found is not None
        return found.a.value

    drawn = [sides(f"r{i}") for i in range(200)]
    assert 70 < drawn.count("a") < 130
    assert sides("r7") == sides("r7")


def test_hunted_records_stay_hunted_when_they_are_settled() -> None:
    hunted = [replace(one, targeted=True) for one in TWO]
    found = disagreement(hunted, metric("accuracy"))
    assert found is not None
    assert found.targeted
    assert decide({"verdict": digest(Answer(value="a"))}, hunted).targeted
    assert not decide({"verdict": digest(Answer(value="a"))}, TWO).targeted


def test_payload_holds_inputs_and_two_answers_and_no_name() -> None:
    found = disagreement(TWO, metric("accuracy"))
    assert found is not None
    shown: Any = settling_payload(found, ITEM, form=form(STAGE))
    assert set(shown) == {"id", "inputs", "options"}
    verdict = shown["options"]["verdict"]
    shown_as = [f"A:  {found.a.value}", f"B:  {found.b.value}", "Both are fine", "Neither: write it"]
    assert [option["text"] for option in verdict] == shown_as
    assert "ann" not in json.dumps(shown)


def test_documents_that_nobody_was_offered_have_their_titles_too() -> None:
    found = disagreement([label(["K1"], "ann"), label(["K1", "K9"], "bob")], metric("recall@3"))
    assert found is not None
    shown: Any = settling_payload(found, ITEM, form={"catalogue": [["K1", "Refunds"], ["K9", "Log in"]]})
    texts = {option["text"][4:] for option in shown["options"]["verdict"][:2]}
    assert texts == {"K1 Refunds", "K1 Refunds, K9 Log in"}


def test_form_asks_for_an_own_answer_only_where_neither_is_right() -> None:
    fields: Any = settling_form(form(STAGE), GUIDELINE)["fields"]
    assert [field["name"] for field in fields] == ["verdict", "value", "reason", "cites"]
    assert fields[1]["when"] == {"field": "verdict", "is": "neither"}
    assert [option["value"] for option in fields[3]["options"]] == ["Read it.", "Two topics: the urgent one."]
    fields = settling_form(form(STAGE), "")["fields"]
    assert [field["name"] for field in fields] == ["verdict", "value", "reason"]


def test_each_verdict_becomes_its_accepted_answers() -> None:
    a, b = (digest(Answer(value=value)) for value in "ab")
    assert decide({"verdict": a}, TWO).answer == Answer(value="a")
    both = decide({"verdict": f"{a} {b}", "reason": "really ambiguous", "cites": "Read it."}, TWO, unsure=True)
    assert (both.answer, both.also) == (Answer(value="a"), (Answer(value="b"),))
    assert (both.reason, both.cites, both.unsure) == ("really ambiguous", "Read it.", True)
    assert decide({"verdict": "neither", "value": "c"}, TWO).answer == Answer(value="c")


def test_decision_says_who_when_by_which_guideline_and_having_seen_what() -> None:
    made = decide({"verdict": digest(Answer(value="a"))}, TWO, note="clear")
    assert (made.action, made.annotator, made.at, made.verified) == ("adjudicate", "eve", 7.0, True)
    assert (made.guideline, made.queue, made.run) == (guideline_hash(GUIDELINE), "q", "v1")
    assert (made.active_ms, made.note, made.probability) == (900, "clear", 0.5)
    assert len(made.seen) == len(made.form) == 16


def test_line_that_is_not_in_the_guideline_is_no_citation() -> None:
    assert decide({"verdict": digest(Answer(value="a")), "cites": "<b>"}, TWO).cites == ""


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "it has no values"),
        ({"verdict": "0" * 16}, "The answers to 'r1' were changed while they were settled"),
        ({"verdict": ""}, "The answers to 'r1' were changed"),
        ({"verdict": "neither", "value": "z"}, "'z' is no choice of the form"),
        ({"verdict": "neither"}, "it has no value"),
        ({"verdict": "neither", "reason": "tired"}, "'tired' is no reason"),
    ],
)
def test_decision_that_cannot_be_stored_is_one_sentence(values: object, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        decide(values, TWO)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer(value=None), "no answer is the right one"),
        (Answer(value=True), "yes"),
        (Answer(value=[]), "none of these"),
        (Answer(value=["k1", "k2"]), "k1 Refunds, k2"),
        (Answer(value=2.5), "2.5"),
        (Answer(value={"a": 1}), '{"a": 1}'),
        (Answer(value="Hi", facts=FACTS), "Hi\nmust contain: 30 days | a month; free"),
    ],
)
def test_answer_in_words(answer: Answer, text: str) -> None:
    assert in_words(answer, {"k1": "Refunds"}) == text


def test_what_decisions_rest_on_is_counted() -> None:
    pairs = [("slip", "x"), ("slip", ""), ("", "y"), ("", "y")]
    made = [replace(TWO[0], reason=reason, cites=cites) for reason, cites in pairs]
    assert most_cited(made) == [("y", 2), ("x", 1)]
    assert reasons(made) == [("slip", 2)]
    assert guideline_lines("") == []


def test_agreement_beyond_chance_is_one_plain_sentence() -> None:
    def said(value: float) -> str:
        estimate = Estimate(value=value, low=value - 0.1, high=value + 0.1, n=50, method="item bootstrap")
        return beyond_chance(ChanceCorrected(name="Krippendorff's alpha (nominal)", value=estimate))

    assert said(0.8) == (
        "Krippendorff's alpha (nominal) 0.80 (0.70 to 0.90): "
        "of the way from what chance gives to full agreement, labellers go 80%."
    )
    assert said(-0.05).endswith("no more than chance gives.")
    assert beyond_chance(ChanceCorrected(name="x", value=unmeasured("too few"))) == ""
