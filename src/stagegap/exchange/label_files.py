"""Labels from files and to files: what people answered, checked against the cascade, and examples to warm up with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from stagegap import redaction
from stagegap.errors import near_names
from stagegap.exchange import typed
from stagegap.exchange.records import identity
from stagegap.exchange.rows import Problems, Row, read_rows
from stagegap.exchange.tables import Column, ending_of, write_csv, write_jsonl, write_parquet
from stagegap.exchange.typed import escaped, seconds, unguarded
from stagegap.model.answer import LABEL_FIELDS, REASONS, SAID, Answer, Fact, Field, Label, LabelAction, Reference, Task
from stagegap.model.canonical import parse_json
from stagegap.model.cascade import POSITION, Cascade, Stage
from stagegap.model.queue import WarmUp
from stagegap.model.record import Json, refuse_odd_numbers
from stagegap.model.units import MARK, Levels, owner, unit_id, unit_name
from stagegap.model.wording import counted
from stagegap.people.judgements import PERSON, SCALE, SYSTEM
from stagegap.people.verdicts import said_of, verdict_on
from stagegap.stages.acceptance import Rejected, accept_answer

FIELDS = ("record", "stage", "annotator", "value")
SHEETS = {".csv", ".tsv", ".xlsx"}
"""Files that a spreadsheet may have written."""
ACTIONS: Mapping[str, LabelAction] = {
    "": "label",
    "label": "label",
    "skip": "skip",
    "undo": "undo",
    "adjudicate": "adjudicate",
}
ANSWERS = ("label", "adjudicate")
TASKS: Mapping[str, Task] = {"": "produce", "produce": "produce", "judge": "judge", "verdict": "verdict"}
_READ: Mapping[Field, Callable[[typed.Values, str], str | bool | int | float | None]] = {
    Field.TEXT: lambda values, name: "" if name in ("record", "stage", "annotator", "id") else typed.text(values, name),
    Field.FLAG: typed.flag,
    Field.MILLISECONDS: typed.milliseconds,
    Field.SHARE: typed.share,
}
"""How a field is read; an instant has more forms than one and is read apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What rows are checked against."""

    cascade: Cascade
    records: Collection[str]
    documents: Mapping[str, Collection[str]]
    """Ids of each corpus."""
    labels: Mapping[str, Label] = field(default_factory=dict[str, Label])
    """Labels that there are by their ids, none of which may come with another answer."""


def read_labels(path: Path, known: Known) -> list[Label]:
    """The labels of a file: one a row, with the fields record, stage, annotator, value and, for texts, facts.

    `facts` is a list with, per fact, the list of wordings of which any will do (or one wording). A `value` of null says
    that no answer is the right answer; an `action` of `skip` or `undo` has none. The other fields of a label are read
    where the file has them. A label that comes with its id keeps it, and its value as it stands; the others get an id
    from the cascade's name and their content. Either way importing twice adds nothing.
    Raises: InputError with every problem: unknown records, stages, values outside the declared type.
    """
    problems = Problems(path)
    endings = {ending.lower() for ending in path.suffixes}
    rows = read_rows(path)
    if endings & SHEETS:
        rows = [replace(row, values={name: _unguarded(value) for name, value in row.values.items()}) for row in rows]
    labels = labels_of_rows(rows, known, problems, tabular=bool(endings & {*SHEETS, ".parquet"}))
    problems.raise_if_any()
    return labels


def labels_of_rows(rows: Iterable[Row], known: Known, problems: Problems, *, tabular: bool) -> list[Label]:
    """The labels of rows; what is wrong goes to `problems`.

    In `tabular` rows a value of a stage that answers neither with a label nor with a text may stand as JSON.
    """
    levels = Levels.of(known.cascade)
    labels: list[Label] = []
    first: dict[str, Label] = {}
    for row in rows:
        label = _checked(row, known, levels, problems, tabular=tabular)
        if label is None:
            continue
        other = known.labels.get(label.id) or first.setdefault(label.id, label)
        if _said(other) != _said(label):
            problems.add(
                row.line,
                f"The id {label.id!r} has another answer already, of {other.annotator!r} for the record"
                f" {other.record!r} at {other.stage!r}: labels are added, never changed.",
                "Give the row an id of its own, or leave the id out.",
            )
        labels.append(label)
    return labels


def _said(label: Label) -> tuple[object, ...]:
    """What a label says, and of whom, as it is stored."""
    answers = [
        (answer.value, [fact.wordings for fact in answer.facts]) for answer in (label.answer, *label.also) if answer
    ]
    text = json.dumps(answers, sort_keys=True, ensure_ascii=False)
    return tuple(escaped(redaction.known(str(part))) for part in (text, *(getattr(label, name) for name in SAID)))


def _unguarded(value: Json) -> Json:
    return unguarded(value) if isinstance(value, str) else value


def _named(values: typed.Values, stage: str, levels: Levels) -> typed.Values:
    """The row with the id of its unit as its record, where it gives the record and the unit's name apart.

    Raises: ValueError with one sentence.
    """
    unit, depth = values.get("unit"), levels.depth(stage)
    if unit in (None, ""):
        return values
    keys = list(unit) if isinstance(unit, list | tuple) else [unit]
    if len(keys) != depth:
        raise ValueError(f"Stage {stage!r} has {counted(depth, 'name')} for a unit, found {unit!r}.")
    path = levels.paths[stage]
    names = [str(key) if levels.align[path[:n]] == POSITION else unit_name(key) for n, key in enumerate(keys, start=1)]
    rest = {name: value for name, value in values.items() if name != "unit"}
    return {**rest, "record": unit_id(identity(values["record"]), tuple(names))}


def _record_of(name: str, stage: str, levels: Levels) -> str:
    """The record that a label is about. Raises: ValueError for a stage of units and an id that is none of a unit."""
    place = owner(name, levels.depth(stage))
    if place is None:
        raise ValueError(
            f"Stage {stage!r} is asked about units: write the record as {name}{MARK}NAME, or give the field 'unit'."
        )
    return place[0]


def _checked(row: Row, known: Known, levels: Levels, problems: Problems, *, tabular: bool) -> Label | None:
    values = row.values
    if "settled" in values and "annotators" in values:
        problems.fail(
            row.line,
            "This file holds settled references, which are made from labels.",
            "Export without --references to bring labels over.",
        )
    needed = FIELDS if values.get("action") in (None, "", *ANSWERS) else FIELDS[:3]
    missing = [name for name in needed if name not in values]
    if missing:
        problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], values))
        return None
    name = str(values["stage"])
    if name not in known.cascade.names:
        problems.add(row.line, f"There is no stage {name!r}.", near_names(name, known.cascade.names))
        return None
    try:
        values = _named(values, name, levels)
        record = _record_of(identity(values["record"]), name, levels)
    except ValueError as error:
        problems.add(row.line, str(error))
        return None
    if record not in known.records:
        problems.add(row.line, f"There is no record {record!r}.", near_names(record, known.records))
    elif not str(values["annotator"] or "").strip():
        problems.add(row.line, "The annotator is empty: a label needs to say who made it.")
    else:
        try:
            return _label(values, known.cascade.stage(name), known, tabular=tabular)
        except ValueError as error:
            problems.add(row.line, str(error))
    return None


def _label(values: typed.Values, stage: Stage, known: Known, *, tabular: bool) -> Label:
    """Make the label of a row whose record and stage are known. Raises: ValueError with one sentence."""
    own_id = typed.text(values, "id")
    annotator = escaped(str(values["annotator"]))
    at = seconds(values.get("at"))
    action = ACTIONS.get(typed.text(values, "action"))
    if action is None:
        raise ValueError(f"The action {values['action']!r} is none of label, skip, undo, adjudicate.")
    plain = {name: _READ[kind](values, name) for name, kind in LABEL_FIELDS.items() if kind in _READ}
    task = TASKS.get(typed.text(values, "task"))
    if task is None:
        raise ValueError(f"The task {values['task']!r} is none of produce, judge, verdict.")
    if task == "judge":
        answer = _judged(values, tabular=tabular)
        if answer.value is None and action in ANSWERS:
            raise ValueError("A judgement is an object with ratings, found no value.")
    elif task == "verdict":
        answer = _verdict(values, stage, known, tabular=tabular, canonical=not own_id)
    else:
        answer = _answer(values, stage, known, tabular=tabular, canonical=not own_id)
    if action not in ANSWERS and (answer.value not in (None, "") or answer.facts):
        raise ValueError(f"The action {action!r} comes without a value, found {answer.value!r}.")
    read: dict[str, Any] = {  # Any: what `typed` gives has the types of the fields
        **plain,
        "id": _own_id(own_id, values, known.cascade.name) if own_id else content_id(known.cascade.name, values),
        "record": identity(values["record"]),
        "stage": stage.name,
        "annotator": annotator if own_id else annotator.strip(),
        "action": action,
        "task": task,
        "at": 0.0 if at is None else at,
        "reason": _reason(values),
    }
    also = _also(values, stage, known, canonical=not own_id)
    return Label(**read, answer=answer if action in ANSWERS else None, also=also)


def _verdict(values: typed.Values, stage: Stage, known: Known, *, tabular: bool, canonical: bool) -> Answer:
    """What a verdict says: an object with the verdict, the output and, where there is one, the correction.

    Raises: ValueError.
    """
    value = _object(values, tabular=tabular)
    if value is None:
        return Answer(value=None)
    verdict, output, correction = said_of(value)
    if verdict != "correct":
        return verdict_on(output, verdict)
    row: dict[str, Json] = {"value": correction, "facts": values.get("facts")}
    return verdict_on(output, verdict, _answer(row, stage, known, tabular=False, canonical=canonical))


def _object(values: typed.Values, *, tabular: bool) -> Json:
    """The value of a label that says something of outputs: JSON, in a table as its text."""
    value = values.get("value")
    return (parse_json(value) if value else None) if tabular and isinstance(value, str) else value


def _judged(values: typed.Values, *, tabular: bool) -> Answer:
    """What a judgement says: an object of its own, whatever the stage answers. Raises: ValueError."""
    value = _object(values, tabular=tabular)
    if value is None:
        return Answer(value=None)
    ratings = value.get("ratings") if isinstance(value, Mapping) else None
    if not isinstance(ratings, Mapping):
        raise ValueError(f"A judgement is an object with ratings, found {values.get('value')!r}.")
    points = [ratings.get(SYSTEM), *([ratings[PERSON]] if PERSON in ratings else [])]
    rated = [float(point) for point in points if isinstance(point, int | float) and not isinstance(point, bool)]
    if len(rated) < len(points):
        raise ValueError(
            "The ratings of a judgement are two numbers, of 'system' and 'person', or one of 'system' alone, found "
            f"{ratings!r}."
        )
    low, high = min(SCALE), max(SCALE)
    if not ({*rated} <= {0, 1} or low <= min(rated) <= max(rated) <= high):
        raise ValueError(
            f"A judgement rates from {low} to {high}, or says 1 for good and 0 for not good, found {ratings!r}. "
            "Ratings on another scale are read by `stagegap show ratings FILE`."
        )
    return Answer(value=value)


def unvouched(labels: Iterable[Label]) -> list[Label]:
    """The labels without what a file can't vouch for: that somebody's identity was checked."""
    return [replace(label, verified=False) if label.verified else label for label in labels]


def content_id(cascade: str, content: object) -> str:
    """The same id to the same content in the same cascade: variants that share a file each have their labels."""
    text = json.dumps([cascade, content], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _own_id(own_id: str, values: typed.Values, cascade: str) -> str:
    """Keep the id that a label came with; a label of another cascade gets one of its own beside it."""
    return own_id if typed.text(values, "cascade") in ("", cascade) else content_id(cascade, own_id)


def _answer(values: typed.Values, stage: Stage, known: Known, *, tabular: bool, canonical: bool) -> Answer:
    """Check a row's value and facts. Raises: ValueError with one sentence."""
    return Answer(
        value=_value(values, stage, known, tabular=tabular, canonical=canonical), facts=_facts(values.get("facts"))
    )


def _also(values: typed.Values, stage: Stage, known: Known, *, canonical: bool) -> tuple[Answer, ...]:
    """The further answers that an adjudication accepts, from their JSON text. Raises: ValueError."""
    also = values.get("also")
    rows = parse_json(also) if isinstance(also, str) and also else also or ()
    if not isinstance(rows, Sequence) or not all(isinstance(row, Mapping) and "value" in row for row in rows):
        raise ValueError(f"The field 'also' is a list of answers with value and facts, found {also!r}.")
    return tuple(_answer(cast("typed.Values", row), stage, known, tabular=False, canonical=canonical) for row in rows)


def _reason(values: typed.Values) -> str:
    reason = typed.text(values, "reason")
    if reason and reason not in REASONS:
        raise ValueError(f"The reason {reason!r} is none of {', '.join(REASONS)}.")
    return reason


def _value(values: typed.Values, stage: Stage, known: Known, *, tabular: bool, canonical: bool) -> Json:
    value = values.get("value")
    if typed.flag(values, "no_answer"):
        if value not in (None, ""):
            raise ValueError(f"The row says that no answer is right, and has the value {value!r}.")
        return None
    if value == "" and values.get("action") not in (None, "", *ANSWERS):
        return None
    if tabular and value != "":
        value = typed.value_of_cell(value, stage.output.kind)
    if value is None:
        return None
    accepted = accept_answer(stage.output, value, known.documents.get(stage.output.of or "", ()))
    refuse_odd_numbers(value)
    if not canonical:
        return value  # as it was made, even where the type has changed since
    if isinstance(accepted, Rejected):
        raise ValueError(f"The value does not fit stage {stage.name!r}: {accepted.reason}")
    return accepted.value


def unfit(labels: Iterable[Label], known: Known) -> list[Label]:
    """The labels whose answers do not fit their stage as it is now: made with another type, and kept as made."""
    return [label for label in labels if label.task == "produce" and not _fits(label, known)]


def _fits(label: Label, known: Known) -> bool:
    output = known.cascade.stage(label.stage).output
    ids = known.documents.get(output.of or "", ())
    answers = (*([label.answer] if label.answer else []), *label.also)
    return not any(
        answer.value is not None and isinstance(accept_answer(output, answer.value, ids), Rejected)
        for answer in answers
    )


def _facts(facts: Json) -> tuple[Fact, ...]:
    if isinstance(facts, str):
        facts = parse_json(facts) if facts else ()
    if not isinstance(facts, Sequence | None) or isinstance(facts, str):
        raise ValueError(f"Facts are a list, found {facts!r}.")
    return tuple(_fact(fact) for fact in facts or ())


def _fact(fact: Json) -> Fact:
    wordings = (fact,) if isinstance(fact, str) else fact
    if not isinstance(wordings, Sequence) or not all(isinstance(wording, str) for wording in wordings):
        raise ValueError(f"A fact is a wording or a list of wordings, found {fact!r}.")
    return Fact(tuple(cast("Sequence[str]", wordings)))


_KINDS: Mapping[Field, Column] = {
    Field.TEXT: Column.TEXT,
    Field.FLAG: Column.FLAG,
    Field.INSTANT: Column.NUMBER,
    Field.MILLISECONDS: Column.WHOLE,
    Field.SHARE: Column.NUMBER,
}
_FIRST = ("record", "stage", "annotator", "action")
LABEL_COLUMNS: Mapping[str, Column] = {
    **dict.fromkeys(_FIRST, Column.TEXT),
    "value": Column.TEXT,
    "facts": Column.LISTS_OF_TEXTS,
    "also": Column.TEXT,
    **{name: _KINDS[kind] for name, kind in LABEL_FIELDS.items() if name not in _FIRST},
    "cascade": Column.TEXT,
}
"""What stands in a file of labels: what was answered first, then the other fields of a label."""
REFERENCE_COLUMNS: Mapping[str, Column] = {
    "record": Column.TEXT,
    "stage": Column.TEXT,
    "place": Column.WHOLE,
    "value": Column.TEXT,
    "facts": Column.LISTS_OF_TEXTS,
    "annotators": Column.TEXTS,
    "settled": Column.TEXT,
    "seen": Column.FLAG,
    "cascade": Column.TEXT,
}
NO_ANSWER = "no_answer"
"""Column that CSV has beside `value`: an empty cell can be an empty text or say that no answer is right."""


def write_labels(path: Path, labels: Iterable[Label], *, cascade: str, raw: bool = False) -> int:
    """Write one label a row, in their order, to a JSONL, CSV or Parquet file. Give how many.

    `read_labels` gives the same labels back. In JSONL a row without `value` is a skip or an undo. In CSV texts that a
    spreadsheet could run as a formula begin with an apostrophe, unless `raw`; reading takes it off.
    Raises: ConfigurationError for an ending that is no format.
    """
    return _write(path, LABEL_COLUMNS, (_label_row(label, cascade) for label in labels), raw=raw)


def write_references(path: Path, references: Iterable[Reference], *, cascade: str, raw: bool = False) -> int:
    """Write one accepted answer a row; `place` 1 is the one that a reference swap uses. Give the number of rows.

    References are settled from labels and are not read back: labels are.
    Raises: ConfigurationError for an ending that is no format.
    """
    rows = (row for reference in references for row in _reference_rows(reference, cascade))
    return _write(path, REFERENCE_COLUMNS, rows, raw=raw)


def label_frame_rows(labels: Iterable[Label], *, cascade: str) -> Iterator[dict[str, Json]]:
    """The rows of a data frame: every column of `LABEL_COLUMNS`, values as Python has them."""
    for label in labels:
        yield {"value": None, **_label_row(label, cascade)}


def _write(path: Path, columns: Mapping[str, Column], rows: Iterable[Mapping[str, Json]], *, raw: bool) -> int:
    match ending_of(path):
        case ".jsonl":
            return write_jsonl(path, rows)
        case ".csv":
            return write_csv(path, _with_no_answer(columns), map(_csv_row, rows), raw=raw)
        case _:
            return write_parquet(path, columns, ({"value": None, **row} for row in rows))


def _with_no_answer(columns: Iterable[str]) -> list[str]:
    names = list(columns)
    names.insert(names.index("value") + 1, NO_ANSWER)
    return names


def _csv_row(row: Mapping[str, Json]) -> dict[str, Json]:
    has_none = "value" in row and row["value"] is None
    return {**row, "value": row.get("value"), "facts": row["facts"] or None, NO_ANSWER: True if has_none else None}


def _label_row(label: Label, cascade: str) -> dict[str, Json]:
    """A label as a row; `value` is left out where there is no answer at all (skip, undo)."""
    answer = label.answer
    columns: dict[str, Json] = {
        **{name: getattr(label, name) for name in LABEL_FIELDS},
        **({} if answer is None else {"value": answer.value}),
        "facts": _facts_column(answer),
        "also": _also_column(label),
        "cascade": cascade,
    }
    return {name: columns[name] for name in LABEL_COLUMNS if name in columns}


def _also_column(label: Label) -> str:
    """The further answers of an adjudication as JSON text, empty where there are none."""
    rows = [{"value": answer.value, "facts": _facts_column(answer)} for answer in label.also]
    return json.dumps(rows, ensure_ascii=False) if rows else ""


def _reference_rows(reference: Reference, cascade: str) -> Iterator[dict[str, Json]]:
    for place, answer in enumerate(reference.accepted, start=1):
        yield {
            "record": reference.record,
            "stage": reference.stage,
            "place": place,
            "value": answer.value,
            "facts": _facts_column(answer),
            "annotators": list(reference.annotators),
            "settled": reference.settled,
            "seen": reference.seen,
            "cascade": cascade,
        }


def _facts_column(answer: Answer | None) -> Sequence[Sequence[str]]:
    facts: tuple[Fact, ...] = answer.facts if answer else ()
    return [list(fact.wordings) for fact in facts]


WARMUP_FIELDS = ("record", "value", "explanation")


def read_warmup(path: Path, known: Known, *, stage: str) -> list[WarmUp]:
    """The examples of a stage, one a row: record, value and, for texts, facts as in a file of labels, explanation.

    Raises: InputError with every problem: missing fields, unknown records, values outside the declared type.
    """
    problems = Problems(path)
    examples: list[WarmUp] = []
    for row in read_rows(path):
        missing = [name for name in WARMUP_FIELDS if name not in row.values]
        if missing:
            problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
            continue
        for label in labels_of_rows([_as_label(row, stage)], known, problems, tabular=path.suffix != ".jsonl"):
            assert label.answer is not None, "a label has an answer"
            text = str(row.values["explanation"])
            examples.append(WarmUp(record=label.record, answer=label.answer, explanation=text))
    problems.raise_if_any()
    return examples


def _as_label(row: Row, stage: str) -> Row:
    values = {name: row.values[name] for name in ("record", "value", "facts") if name in row.values}
    return replace(row, values={**values, "stage": stage, "annotator": "warm-up"})
