from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from stagegap.model.answer import Answer, Output, Status
from stagegap.model.cascade import Cascade, Document, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record
from stagegap.runner.cases import Call, Wiring, given_output
from stagegap.stages import Corpus, Reply

RECORD = Record(id="r", fields={"subject": "Tent", "n": 2})
ROUTE = Stage(
    name="route",
    uses="python",
    inputs={"subject": Source("record", "subject")},
    output=OutputType(kind=Kind.LABEL, values=("orders", "spam")),
    metrics=("accuracy",),
)
FIND = Stage(
    name="find",
    uses="python",
    inputs={"route": Source("stage", "route")},
    output=OutputType(kind=Kind.RANKING, of="shop", k=2),
    metrics=("mrr",),
)


class Code:
    """Stands for what answers; only its fingerprint matters here."""

    def __init__(self, fingerprint: str = "f", *, reads_record: bool = False) -> None:
        self.fingerprint = fingerprint
        self.reads_record = reads_record

    def answer_batch(self, inputs: object) -> list[Reply]:
        raise AssertionError


def shop(**texts: str) -> Corpus:
    return Corpus(name="shop", documents={name: Document(id=name, title="", text=text) for name, text in texts.items()})


def draft(inputs: Mapping[str, Source], when: str | None = None, *reads: Source) -> Stage:
    return Stage(
        name="draft",
        uses="python",
        inputs=inputs,
        output=OutputType(kind=Kind.TEXT),
        metrics=("exact",),
        when=when,
        when_reads=reads,
    )


def wiring(stage: Stage, corpus: Corpus | None = None, code: Code | None = None) -> Wiring:
    stages = (ROUTE, FIND) if stage is ROUTE else (ROUTE, FIND, stage)
    cascade = Cascade(name="c", stages=stages, outcome=Outcome(stage=stage.name, metric="exact"))
    return Wiring(cascade, stage, code or Code(), {"shop": corpus or shop(a="A", b="B")})


def out(stage: str, value: object = None, status: Status = Status.OK, **rest: object) -> Output:
    return Output(record="r", stage=stage, status=status, value=value, **rest)  # type: ignore[arg-type]


def called(prepared: Call | Output) -> Call:
    assert isinstance(prepared, Call)
    return prepared


FOUND = {"route": out("route", "orders", confidence=0.6), "find": out("find", ["b", "a"], scores=(2.0, 1.0))}


def test_fields_of_the_record_arrive_by_the_input_s_name_and_missing_ones_as_null() -> None:
    stage = draft({"title": Source("record", "subject"), "lost": Source("record", "other")})
    assert called(wiring(stage).prepare(RECORD, {}, 0)).inputs == {"title": "Tent", "lost": None}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Source("stage", "route"), "orders"),
        (Source("stage", "route", "confidence"), 0.6),
        (Source("stage", "find", "confidence"), None),
        (Source("stage", "find", "ids"), ["b", "a"]),
        (Source("stage", "find", "scores"), [2.0, 1.0]),
        (
            Source("stage", "find"),
            [{"id": "b", "title": "", "text": "B"}, {"id": "a", "title": "", "text": "A"}],
        ),
        (Source("stage", "find", path=("1", "text")), "A"),
        (Source("stage", "find", path=("2", "text")), None),
        (Source("stage", "find", path=("0", "text", "more")), None),
    ],
)
def test_each_part_of_an_earlier_output_arrives_as_declared(source: Source, expected: object) -> None:
    assert called(wiring(draft({"x": source})).prepare(RECORD, FOUND, 0)).inputs == {"x": expected}


@pytest.mark.parametrize("part", ["value", "ids", "scores", "confidence"])
def test_every_part_of_a_skipped_stage_is_null(part: str) -> None:
    stage = draft({"x": Source("stage", "find", part)})  # type: ignore[arg-type]
    settled = {"find": out("find", status=Status.SKIPPED)}
    assert called(wiring(stage).prepare(RECORD, settled, 0)).inputs == {"x": None}


@pytest.mark.parametrize("status", [Status.UNPARSABLE, Status.REFUSED, Status.INFRASTRUCTURE])
def test_a_failed_input_blocks_and_says_what_was_at_the_origin(status: Status) -> None:
    prepared = wiring(draft({"x": Source("stage", "route")})).prepare(RECORD, {"route": out("route", status=status)}, 3)
    assert prepared == Output(
        record="r", stage="draft", status=Status.BLOCKED, because=status, error=f"route is {status}", repeat=3
    )


def test_the_origin_of_a_block_is_handed_on() -> None:
    settled = {"find": out("find", status=Status.BLOCKED, because=Status.REFUSED)}
    prepared = wiring(draft({"x": Source("stage", "find", "ids")})).prepare(RECORD, settled, 0)
    assert isinstance(prepared, Output)
    assert (prepared.because, prepared.error) == (Status.REFUSED, "find is blocked")


def test_a_repaired_input_is_as_good_as_any() -> None:
    settled = {"route": out("route", "spam", Status.REPAIRED)}
    assert called(wiring(draft({"x": Source("stage", "route")})).prepare(RECORD, settled, 0)).inputs == {"x": "spam"}


ON_ROUTE = draft({"x": Source("stage", "find", "ids")}, 'route != "spam"', Source("stage", "route"))


def test_a_condition_that_holds_lets_the_call_be_made() -> None:
    assert called(wiring(ON_ROUTE).prepare(RECORD, FOUND, 0)).inputs == {"x": ["b", "a"]}


def test_a_condition_that_does_not_hold_skips_even_when_an_input_failed() -> None:
    settled = {"route": out("route", "spam"), "find": out("find", status=Status.REFUSED)}
    assert wiring(ON_ROUTE).prepare(RECORD, settled, 1) == Output(
        record="r", stage="draft", status=Status.SKIPPED, repeat=1
    )


def test_a_condition_on_a_failed_stage_blocks() -> None:
    settled = {**FOUND, "route": out("route", status=Status.INFRASTRUCTURE)}
    prepared = wiring(ON_ROUTE).prepare(RECORD, settled, 0)
    assert isinstance(prepared, Output)
    assert (prepared.status, prepared.because) == (Status.BLOCKED, Status.INFRASTRUCTURE)


def test_a_condition_reads_a_skipped_stage_as_null() -> None:
    settled = {**FOUND, "route": out("route", status=Status.SKIPPED)}
    called(wiring(ON_ROUTE).prepare(RECORD, settled, 0))


def test_a_condition_may_read_the_record_and_confidence() -> None:
    stage = draft({}, "record.n > 1 && confidence.route < 0.7", Source("stage", "route", "confidence"))
    called(wiring(stage).prepare(RECORD, FOUND, 0))
    sure = {"route": out("route", "orders", confidence=0.9)}
    skipped = wiring(stage).prepare(RECORD, sure, 0)
    assert isinstance(skipped, Output)
    assert skipped.status is Status.SKIPPED


def test_a_condition_without_an_answer_is_a_named_failure_of_the_stage() -> None:
    stage = draft({}, "record.subject > 1")
    prepared = wiring(stage).prepare(RECORD, {}, 0)
    assert isinstance(prepared, Output)
    assert prepared.status is Status.UNPARSABLE
    assert prepared.error.startswith("when: 'record.subject > 1' has no answer where")


def test_the_record_s_id_arrives_only_where_the_stage_reads_it() -> None:
    code = Code(reads_record=True)
    assert called(wiring(ROUTE, code=code).prepare(RECORD, {}, 0)).inputs == {"subject": "Tent", "__record__": "r"}
    assert called(wiring(ROUTE).prepare(RECORD, {}, 0)).inputs == {"subject": "Tent"}


READS_DOCUMENTS = draft({"documents": Source("stage", "find")})


def key(corpus: Corpus, ids: list[str]) -> str:
    return called(wiring(READS_DOCUMENTS, corpus).prepare(RECORD, {"find": out("find", ids)}, 0)).key


def test_the_key_changes_with_the_content_and_order_of_the_documents_read_and_with_nothing_else() -> None:
    before = shop(a="A", b="B", c="C")
    assert key(before, ["a", "b"]) == key(shop(a="A", b="B", c="other"), ["a", "b"])
    assert key(before, ["a", "b"]) != key(shop(a="A", b="other", c="C"), ["a", "b"])
    assert key(before, ["a", "b"]) != key(before, ["b", "a"])


def test_key_of_a_part_of_a_document_changes_with_that_part_alone() -> None:
    stage = draft({"x": Source("stage", "find", path=("0", "text"))})
    keys = {
        called(wiring(stage, corpus).prepare(RECORD, FOUND, 0)).key
        for corpus in (shop(a="A", b="B"), shop(a="other", b="B"), shop(a="A", b="new"))
    }
    assert len(keys) == 2


def test_what_one_call_changes_in_a_document_does_not_reach_the_next() -> None:
    wired = wiring(READS_DOCUMENTS)
    first = called(wired.prepare(RECORD, FOUND, 0))
    first.inputs["documents"][0]["text"] = "spoiled"  # type: ignore[index,call-overload]
    assert called(wired.prepare(RECORD, FOUND, 0)).inputs["documents"][0]["text"] == "B"  # type: ignore[index,call-overload]


def test_repeats_are_calls_of_their_own_as_far_as_the_stage_repeats() -> None:
    keys = [called(wiring(ROUTE).prepare(RECORD, {}, repeat)).key for repeat in range(3)]
    assert len(set(keys)) == 1
    twice = dataclasses.replace(ROUTE, repeats=2)
    cascade = Cascade(name="c", stages=(twice,), outcome=Outcome(stage="route", metric="accuracy"))
    wired = Wiring(cascade, twice, Code(), {})
    keys = [called(wired.prepare(RECORD, {}, repeat)).key for repeat in range(3)]
    assert keys[0] == keys[2] != keys[1]


def test_a_given_answer_reads_like_an_output_and_no_answer_like_a_skip() -> None:
    assert given_output("r", "route", Answer(value="spam")) == out("route", "spam")
    assert given_output("r", "route", Answer(value=None)) == out("route", status=Status.SKIPPED)
