"""One record stage by stage."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import pytest

from stagegap.analysis.record_view import (
    LONGEST,
    Mark,
    RecordView,
    Shown,
    StageBlock,
    near_difference,
    record_sheet,
    record_view,
)
from stagegap.model.answer import Answer, Attempt, Fact, Output, Reference, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.notes import Failure
from stagegap.model.record import Json, Record


def stage(name: str, kind: Kind, **inputs: Source) -> Stage:
    return Stage(name=name, uses="python", inputs=inputs, output=OutputType(kind=kind), metrics=("m",))


CASCADE = Cascade(
    name="c",
    outcome=Outcome(stage="draft", metric="m"),
    stages=(
        stage("route", Kind.LABEL, body=Source("record", "body"), none=Source("record", "gone")),
        stage("find", Kind.RANKING, team=Source("stage", "route")),
        stage(
            "draft",
            Kind.TEXT,
            found=Source("stage", "find"),
            sure=Source("stage", "route", "confidence"),
            how=Source("stage", "find", "scores"),
        ),
    ),
)
RECORD = Record(id="r", fields={"body": "Hello", "tags": ["a", 1]})
FAULT = Failure(stage="", record="r", title="", score=0.0, first_fault=True, inherits=False, disagreed=False)


def output(name: str, value: Json, status: Status = Status.OK) -> Output:
    return Output(record="r", stage=name, status=status, value=value)


def reference(name: str, *answers: Answer, **fields: Any) -> Reference:
    return replace(Reference(record="r", stage=name, accepted=answers), **fields)


def view(**parts: Any) -> RecordView:
    given = {"outputs": {}, "references": {}, "faults": {}, "scores": {}, **parts}
    return record_view(RECORD, CASCADE, **given)


def block(name: str, **parts: Any) -> StageBlock:
    return next(block for block in view(**parts).blocks if block.stage == name)


def test_record_is_shown_in_full_as_plain_text() -> None:
    assert view().fields == (("body", "Hello"), ("tags", '[\n  "a",\n  1\n]'))


def test_stage_without_anything_is_not_compared() -> None:
    empty = block("route")
    assert (empty.badge, empty.system, empty.reference, empty.people) == ("not compared", "no output", "", "")
    assert math.isnan(empty.score)
    assert empty.difference is None


@pytest.mark.parametrize(
    ("fault", "badge"),
    [
        (FAULT, "first fault"),
        (replace(FAULT, first_fault=False, inherits=True), "inherits the fault"),
        (replace(FAULT, first_fault=False), "own fault"),
    ],
)
def test_fault_is_named_by_where_it_came_from(fault: Failure, badge: str) -> None:
    assert block("find", faults={"find": fault}, scores={"find": 0.0}).badge == badge


def test_acceptable_answer_is_the_same_or_good_enough() -> None:
    parts = {"references": {"find": reference("find", Answer(value=["a", "b"]))}, "scores": {"find": 1.0}}
    assert block("find", outputs={"find": output("find", ["b", "a"])}, **parts).badge == "same"
    assert block("find", outputs={"find": output("find", ["b", "a", "c"])}, **parts).badge == "good enough"


def test_what_the_stage_saw_is_told_with_its_source() -> None:
    outputs = {"route": output("route", "x" * 200), "find": output("find", None, Status.SKIPPED)}
    assert block("route", outputs=outputs).saw == (
        ("body", "record.body"),
        ("none", "record.gone, which is empty"),
    )
    (_, team), *_ = block("find", outputs=outputs).saw
    assert len(team) == 120
    assert team.endswith("…")
    assert block("draft", outputs=outputs).saw == (
        ("found", "no answer"),
        ("sure", "confidence of route"),
        ("how", "scores of find"),
    )


def test_lists_are_compared_item_by_item() -> None:
    found = block(
        "find",
        outputs={"find": output("find", [{"id": "a", "title": "A"}, "c"])},
        references={"find": reference("find", Answer(value=["a", "b"]))},
    )
    assert (found.system, found.reference, found.kind) == ("a, c", "a, b", "items")
    assert found.difference is not None
    assert found.difference.reference == (Mark("same", "a"), Mark("missing", "b"))


def test_answer_that_is_accepted_is_compared_with_itself_and_the_others_are_named() -> None:
    accepted = (Answer(value="no"), Answer(value="yes"), Answer(value=None))
    found = block(
        "route", outputs={"route": output("route", "yes")}, references={"route": reference("route", *accepted)}
    )
    assert (found.reference, found.also) == ("yes", ("no", "no answer"))


def test_facts_are_ticked_off_in_the_text() -> None:
    facts = (Fact(("30 days", "thirty days")), Fact(("free",)))
    found = block(
        "draft",
        outputs={"draft": output("draft", "Within thirty days.")},
        references={"draft": reference("draft", Answer(value="In 30 days, free.", facts=facts))},
    )
    assert found.facts == (Mark("same", "30 days"), Mark("missing", "free"))


def test_no_answer_on_either_side_is_said_and_not_compared() -> None:
    silent = {"draft": reference("draft", Answer(value=None))}
    found = block("draft", outputs={"draft": output("draft", "Hello")}, references=silent)
    assert (found.reference, found.difference) == ("no answer", None)
    failed = block("draft", outputs={"draft": output("draft", None, Status.REFUSED)}, references=silent)
    assert failed.system == "refused"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"annotators": ("ab",)}, "ab, one answer"),
        ({"annotators": ("ab", "cd", "ab"), "settled": "consensus"}, "ab and cd, settled by what most said"),
        ({"annotators": ("ab",), "settled": "adjudicated"}, "ab, adjudicated"),
        ({}, "unknown, one answer"),
    ],
)
def test_reference_says_who_gave_it_and_how_it_was_settled(fields: dict[str, object], said: str) -> None:
    assert block("route", references={"route": reference("route", Answer(value="x"), **fields)}).people == said


def test_reference_without_an_accepted_answer_is_none() -> None:
    empty = block("route", references={"route": reference("route")}, outputs={"route": output("route", "x")})
    assert (empty.reference, empty.people) == ("", "")


def test_very_long_answer_is_cut_and_counted() -> None:
    found = block("draft", outputs={"draft": output("draft", "x" * 5_000_000)})
    assert len(found.system) < LONGEST + 100
    assert found.system.endswith("… (cut: 5,000,000 characters)")
    assert block("route", outputs={"route": output("route", 2.5)}).system == "2.5"
    assert block("find", outputs={"find": output("find", [])}).system == "none"
    number = block(
        "route", outputs={"route": output("route", 5.0)}, references={"route": reference("route", Answer(value=4))}
    )
    assert (number.system, number.reference, number.difference) == ("5", "4", None)
    place = block("find", outputs={"find": output("find", [{"start": 0.5, "end": 2.0, "label": "speech"}])})
    assert place.system == "speech 0.5 to 2"


def test_texts_that_have_little_in_common_are_not_compared_word_by_word() -> None:
    near = near_difference("Within 30 days you may send it back.", "Within 14 days you may send it back.")
    assert near is not None
    assert near.count == 2
    assert near_difference("Our tyre needs clearance.", "Dear Mr Smith, the parcel is on its way to you.") is None
    assert near_difference("a " * 4_000, "a " * 4_000) is None
    text = {"draft": output("draft", "Our tyre needs clearance.")}
    other = {"draft": reference("draft", Answer(value="The parcel is on its way."))}
    assert block("draft", outputs=text, references=other).difference is None
    label = block(
        "route", outputs={"route": output("route", "a")}, references={"route": reference("route", Answer(value="b"))}
    )
    assert label.difference is not None


def test_documents_are_shown_by_their_titles_and_texts() -> None:
    cascade = replace(CASCADE, stages=tuple(
        replace(one, output=replace(one.output, of="shop")) if one.name == "find" else one for one in CASCADE.stages
    ))  # fmt: skip
    shop = {"shop": {"P1": Shown(id="P1", title="Tent", text="For two."), "P2": Shown(id="P2", title="", text="")}}
    found = {"find": output("find", ["P2", "P1", "P9"])}
    right = {"find": reference("find", Answer(value=["P1"]))}
    view = record_view(RECORD, cascade, outputs=found, references=right, faults={}, scores={}, documents=shop, run="v1")
    find, draft = view.blocks[1:]
    assert [document.id for document in find.documents] == ["P2", "P1"]
    assert draft.saw[0] == ("found", "P2, Tent (P1), P9")
    text = "\n".join(map(str, record_sheet(view).parts))
    assert "  System:\n    P2\n    Tent (P1)\n    P9" in text
    assert re.search(r"^  Right \(.*\): Tent \(P1\)$", text, re.MULTILINE)
    assert "Differs: +P2, +P9" in text


def test_attempts_of_a_call_stand_one_a_line() -> None:
    attempts = (Attempt(0.0, 0.3, Status.INFRASTRUCTURE, "429: too many"), Attempt(2.0, 1.0, Status.OK))
    made = replace(output("draft", "Hello"), attempts=attempts)
    text = "\n".join(map(str, record_sheet(view(outputs={"draft": made})).parts))
    assert "  Attempts:\n    1 at once, 0.3 s: infrastructure, 429: too many\n    2 after 2.0 s, 1.0 s: ok\n" in text


def test_call_and_what_came_back_are_told() -> None:
    made = replace(
        output("draft", None, Status.UNPARSABLE), raw="{broken", error="no JSON", latency_ms=1500.0, tokens_in=1200,
        tokens_out=3, cost=0.012, cached=True, confidence=0.5,
    )  # fmt: skip
    shown = block("draft", outputs={"draft": made}, prompts={"draft": "Answer:\nHello"})
    assert (shown.status, shown.raw, shown.prompt) == ("unparsable", "{broken", "Answer:\nHello")
    assert shown.call == "1.5 s, 1,200 tokens read, 3 written, $0.012, known from an earlier call, confidence 0.50"
    lines = record_sheet(view(outputs={"draft": made}, prompts={"draft": "Answer:\nHello"}, run="v2"))
    text = "\n".join(map(str, lines.parts))
    assert lines.headline == "r in run v2"
    assert "  Prompt:\n    Answer:\n    Hello\n  Raw answer: {broken" in text
    assert "Right: no reference yet" in text
    assert block("draft", outputs={"draft": replace(made, status=Status.OK, value="{broken")}).raw == ""


def test_turn_that_was_skipped_says_nothing_and_one_that_is_not_there_says_so() -> None:
    cascade = replace(CASCADE, stages=(replace(stage("draft", Kind.TEXT), each=Source("record", "tags")),))
    skipped = Output(record="r#0", stage="draft", status=Status.SKIPPED)
    silent = Output(record="r#0", stage="draft", status=Status.OK)
    for first in (skipped, silent):
        seen = record_view(
            RECORD, cascade, outputs={}, units={"draft": [first, None]}, references={}, faults={}, scores={}
        )
        said = [(turn["name"], turn["content"]) for turn in json.loads(seen.blocks[0].turns)]
        assert said == [("1", ""), ("2, not there", "no output")]
