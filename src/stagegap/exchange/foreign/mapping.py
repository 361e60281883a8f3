"""Answers of another program to labels: each fits a stage and a record, or is left over with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stagegap.exchange.foreign.protocol import Given, Wanted
from stagegap.exchange.foreign.unmapped import Leftovers
from stagegap.exchange.instants import seconds
from stagegap.exchange.labels.reader import Known, content_id
from stagegap.exchange.labels.typed import MOST_MS
from stagegap.exchange.records import identity
from stagegap.exchange.rows import parse_json
from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Kind, Stage
from stagegap.model.record import Json, refuse_odd_numbers
from stagegap.stages.acceptance import Rejected, accept


def labels_of(
    given: Sequence[Given], known: Known, wanted: Wanted, leftovers: Leftovers, *, source: str
) -> list[Label]:
    """The labels; what becomes none goes to `leftovers`. A skip of all questions is one of every stage asked."""
    same = {stage.name: stage for stage in known.cascade.stages if stage.name not in wanted.stages}
    stages = same | {name: known.cascade.stage(stage) for stage, name in wanted.stages.items()}
    asked = [name for name in stages if name in wanted.names or any(answer.name == name for answer in given)]
    whole = [part for answer in given for part in _parts(answer, asked, leftovers)]
    labels = (_label(answer, name, stages, known, leftovers, source=source) for answer, name in whole)
    return [label for label in labels if label is not None]


def _parts(given: Given, asked: Sequence[str], leftovers: Leftovers) -> Iterator[tuple[Given, str]]:
    if given.name is not None:
        yield given, given.name
    elif asked:
        yield from ((given, name) for name in asked)
    else:
        leftovers.add("A skip can't be told to be of any stage: name its questions with --stage.", given.key)


def _label(
    given: Given, name: str, stages: dict[str, Stage], known: Known, leftovers: Leftovers, *, source: str
) -> Label | None:
    stage = stages.get(name)
    if stage is None:
        leftovers.add(f"No stage is called {name!r}; --stage NAME={name} gives its answers to a stage.", given.key)
        return None
    ids = [identity(name) for name in given.records]
    record = next((name for name in ids if name in known.records), None)
    if record is None:
        reason = "The record is not one of the cascade's" if ids else "No field holds the id of a record"
        example = f"{given.key}: {ids[0]!r}" if ids else given.key
        leftovers.add(f"{reason}; --record-id FIELD says where its id stands.", example)
        return None
    if not given.annotator.strip():
        leftovers.add("It does not say who made it, and a label needs to.", given.key)
        return None
    try:
        value = _value(given.value, stage, known) if given.action == "label" else None
        at = seconds(given.at)
    except ValueError as error:
        leftovers.add(str(error), f"{given.key}: {given.value!r}")
        return None
    return Label(
        id=content_id(known.cascade.name, [source, given.key, stage.name, given.action, value, at, given.note]),
        record=record,
        stage=stage.name,
        annotator=given.annotator.strip(),
        answer=Answer(value=value) if given.action == "label" else None,
        action=given.action,
        at=0.0 if at is None else at,
        active_ms=_milliseconds(given.active_s),
        note=given.note,
    )


def _value(value: Json, stage: Stage, known: Known) -> Json:
    """Bring a foreign value into the stage's type. Raises: ValueError with a sentence that names no value."""
    kind = stage.output.kind
    if isinstance(value, Sequence) and not isinstance(value, str) and kind not in (Kind.LABELS, Kind.RANKING):
        if len(value) != 1:
            raise ValueError(f"Stage {stage.name!r} takes one answer, and here are none or several.")
        value = value[0]
    if isinstance(value, str) and kind not in (Kind.LABEL, Kind.TEXT):
        value = _unpacked(value, kind)
    if isinstance(value, int | float) and not isinstance(value, bool) and kind is Kind.LABEL:
        value = str(value)
    accepted = accept(stage.output, value, known.documents.get(stage.output.of or "", ()))
    if isinstance(accepted, Rejected):
        raise ValueError(f"The value is none that stage {stage.name!r} can take.")
    refuse_odd_numbers(accepted.value)
    return accepted.value


_TRUTHS = {"yes": True, "no": False, "true": True, "false": False}


def _unpacked(text: str, kind: Kind) -> Json:
    """Read the text of a value that is no text: a truth value, JSON, or the only entry of a list."""
    if kind is Kind.BOOLEAN:
        return _TRUTHS.get(text.strip().lower(), text)
    try:
        return parse_json(text)
    except ValueError:
        return [text] if kind in (Kind.LABELS, Kind.RANKING) else text


def _milliseconds(spent: Json) -> int | None:
    """An active time in milliseconds; None where the file has none that can be stored."""
    if isinstance(spent, bool) or not isinstance(spent, int | float) or not 0 <= spent <= MOST_MS / 1000:
        return None
    return round(1000 * spent)
