from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.model.record import Json
from stagegap.stages import BatchStage, Corpus, Reply, build

LABEL = OutputType(kind=Kind.LABEL, values=("long", "short"))


def recorded(stage: Stage, outputs: Mapping[str, Json | Reply] | None, shop: Corpus) -> BatchStage:
    rows = {name: value if isinstance(value, Reply) else Reply(value=value) for name, value in (outputs or {}).items()}
    built = build(
        stage, folder=Path(), corpora={"shop": shop}, recorded=None if outputs is None else rows, environment={}
    )
    assert isinstance(built, BatchStage)
    return built


def test_each_record_gets_what_was_recorded_for_it(make_stage: Callable[..., Stage], shop: Corpus) -> None:
    rows: dict[str, Json | Reply] = {"a": "long", "b": Reply(status=Status.SKIPPED), "c": "medium"}
    stage = recorded(make_stage("recorded", LABEL), rows, shop)
    assert stage.reads_record
    given, skipped, odd, missing = stage.answer_batch([{"__record__": name} for name in "abcd"])
    assert given == Reply(value="long")
    assert (skipped.status, skipped.is_reusable) == (Status.SKIPPED, False)
    assert (odd.status, odd.raw) == (Status.UNPARSABLE, "medium")
    assert odd.error == "the recorded output does not fit: 'medium' is none of the labels. Known: long, short."
    assert missing == Reply(status=Status.INFRASTRUCTURE, error="no recorded output", is_reusable=False)


def test_without_a_file_nothing_is_recorded(make_stage: Callable[..., Stage], shop: Corpus) -> None:
    [reply] = recorded(make_stage("recorded", LABEL), None, shop).answer_batch([{"__record__": "a"}])
    assert reply.status is Status.INFRASTRUCTURE


def test_recorded_ids_must_stand_in_the_corpus(make_stage: Callable[..., Stage], shop: Corpus) -> None:
    stage = recorded(make_stage("recorded", OutputType(kind=Kind.RANKING, of="shop")), {"a": ["t1"], "b": ["?"]}, shop)
    known, unknown = stage.answer_batch([{"__record__": "a"}, {"__record__": "b"}])
    assert (known.value, unknown.status) == (["t1"], Status.UNPARSABLE)


def test_the_fingerprint_changes_with_what_was_recorded(make_stage: Callable[..., Stage], shop: Corpus) -> None:
    stage = make_stage("recorded", LABEL)
    first, second = ({"a": "long"}, {"a": "short"})
    assert recorded(stage, first, shop).fingerprint != recorded(stage, second, shop).fingerprint
