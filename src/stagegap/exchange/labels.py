"""Labels (references as people gave them) and recorded outputs from files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stagegap.errors import near_names
from stagegap.exchange.records import identity
from stagegap.exchange.rows import Problems, Row, parse_json, read_rows
from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.cascade import Cascade, Kind, Stage
from stagegap.model.values import Json
from stagegap.stages.acceptance import Rejected, accept

FIELDS = ("record", "stage", "annotator", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What rows are checked against."""

    cascade: Cascade
    records: Collection[str]
    documents: Mapping[str, Collection[str]]
    """Ids of each corpus."""


def read_labels(path: Path, known: Known) -> list[Label]:
    """Give the labels of a file: one a row, with the fields record, stage, annotator, value and, for texts, facts.

    `facts` is a list with, per fact, the list of wordings of which any will do (or one wording). A `value` of null says
    that no answer is the right answer. A label's id is made from the cascade's name and its content, so that importing
    twice adds nothing.
    Raises: InputError with every problem: unknown records, stages, values outside the declared type.
    """
    problems = Problems(path)
    rows = read_rows(path)
    labels = [label for row in rows if (label := _label(row, known, problems, typed=".csv" not in path.suffixes))]
    problems.raise_if_any()
    return labels


def _label(row: Row, known: Known, problems: Problems, *, typed: bool) -> Label | None:
    missing = [name for name in FIELDS if name not in row.values]
    if missing:
        problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        return None
    record, name = identity(row.values["record"]), str(row.values["stage"])
    annotator = str(row.values["annotator"] or "").strip()
    if name not in known.cascade.names:
        problems.add(row.line, f"There is no stage {name!r}.", near_names(name, known.cascade.names))
        return None
    if record not in known.records:
        problems.add(row.line, f"There is no record {record!r}.", near_names(record, known.records))
        return None
    if not annotator:
        problems.add(row.line, "The annotator is empty: a label needs to say who made it.")
        return None
    try:
        answer = _answer(row, known.cascade.stage(name), known, typed=typed)
    except ValueError as error:
        problems.add(row.line, str(error))
        return None
    at = row.values.get("at")
    active = row.values.get("active_ms")
    return Label(
        id=_content_id(row, known.cascade.name),
        record=record,
        stage=name,
        annotator=annotator,
        answer=answer,
        at=float(at) if isinstance(at, int | float) else 0.0,
        active_ms=active if isinstance(active, int) else None,
        note=str(row.values.get("note") or ""),
        unsure=row.values.get("unsure") is True,
    )


def _content_id(row: Row, cascade: str) -> str:
    """Give the same id to the same row of the same cascade: variants that share a file each have their labels."""
    content = json.dumps([cascade, row.values], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _answer(row: Row, stage: Stage, known: Known, *, typed: bool) -> Answer:
    """Check a row's value and facts. Raises: ValueError with one sentence."""
    value = row.values["value"]
    if isinstance(value, str) and not typed and stage.output.kind not in (Kind.LABEL, Kind.TEXT):
        value = parse_json(value)
    if value is None:
        return Answer(value=None, facts=())
    ids = known.documents.get(stage.output.of or "", ())
    accepted = accept(stage.output, value, ids)
    if isinstance(accepted, Rejected):
        raise ValueError(f"The value does not fit stage {stage.name!r}: {accepted.reason}")
    facts = row.values.get("facts") or ()
    if isinstance(facts, str):
        facts = cast(Sequence[Json], parse_json(facts))
    return Answer(value=accepted.value, facts=tuple(_fact(fact) for fact in cast(Sequence[Json], facts)))


def _fact(fact: Json) -> Fact:
    wordings = (fact,) if isinstance(fact, str) else fact
    if not isinstance(wordings, Sequence) or not all(isinstance(wording, str) for wording in wordings):
        raise ValueError(f"A fact is a wording or a list of wordings, found {fact!r}.")
    return Fact(tuple(cast(Sequence[str], wordings)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFields:
    """Which fields of a file of recorded outputs mean what."""

    record: str = "record"
    value: str = "value"
    status: str | None = None


def read_recorded(path: Path, fields: RecordedFields, *, stage: str) -> dict[str, Json]:
    """Give the recorded value of each record; where the file has a field `stage`, only the rows of this stage.

    A row whose status is `skipped`, or whose value is null, is a skip: its value is None.
    Raises: InputError for missing fields and doubled records.
    """
    problems = Problems(path)
    found: dict[str, Json] = {}
    for row in read_rows(path):
        missing = [name for name in (fields.record, fields.value) if name not in row.values]
        if missing:
            problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        elif row.values.get("stage", stage) == stage:
            record = identity(row.values[fields.record])
            if record in found:
                problems.add(row.line, f"The record {record!r} has an output at stage {stage!r} already.")
            skipped = fields.status is not None and row.values.get(fields.status) == "skipped"
            found[record] = None if skipped else row.values[fields.value]
    problems.raise_if_any()
    return found
