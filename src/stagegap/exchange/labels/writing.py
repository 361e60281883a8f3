"""Labels and settled references to files, with every field that they have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stagegap.exchange.tables import Column, ending_of, write_csv, write_jsonl, write_parquet
from stagegap.model.answer import Answer, Fact, Label, Reference
from stagegap.model.values import Json

LABEL_COLUMNS: Mapping[str, Column] = {
    "record": Column.TEXT,
    "stage": Column.TEXT,
    "annotator": Column.TEXT,
    "action": Column.TEXT,
    "value": Column.TEXT,
    "facts": Column.LISTS_OF_TEXTS,
    "at": Column.NUMBER,
    "active_ms": Column.WHOLE,
    "unsure": Column.FLAG,
    "odd": Column.FLAG,
    "note": Column.TEXT,
    "guideline": Column.TEXT,
    "form": Column.TEXT,
    "seen": Column.TEXT,
    "queue": Column.TEXT,
    "probability": Column.NUMBER,
    "verified": Column.FLAG,
    "targeted": Column.FLAG,
    "run": Column.TEXT,
    "also": Column.TEXT,
    "reason": Column.TEXT,
    "cites": Column.TEXT,
    "id": Column.TEXT,
    "cascade": Column.TEXT,
}
REFERENCE_COLUMNS: Mapping[str, Column] = {
    "record": Column.TEXT,
    "stage": Column.TEXT,
    "place": Column.WHOLE,
    "value": Column.TEXT,
    "facts": Column.LISTS_OF_TEXTS,
    "annotators": Column.TEXTS,
    "settled": Column.TEXT,
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
    """Give the rows of a data frame: every column of `LABEL_COLUMNS`, values as Python has them."""
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
    """Give a label as a row; `value` is left out where there is no answer at all (skip, undo)."""
    answer = label.answer
    return {
        "record": label.record,
        "stage": label.stage,
        "annotator": label.annotator,
        "action": label.action,
        **({} if answer is None else {"value": answer.value}),
        "facts": _facts(answer),
        "at": label.at,
        "active_ms": label.active_ms,
        "unsure": label.unsure,
        "odd": label.odd,
        "note": label.note,
        "guideline": label.guideline,
        "form": label.form,
        "seen": label.seen,
        "queue": label.queue,
        "probability": label.probability,
        "verified": label.verified,
        "targeted": label.targeted,
        "run": label.run,
        "also": _also(label),
        "reason": label.reason,
        "cites": label.cites,
        "id": label.id,
        "cascade": cascade,
    }


def _also(label: Label) -> str:
    """Give the further answers of an adjudication as JSON text, empty where there are none."""
    rows = [{"value": one.value, "facts": _facts(one)} for one in label.also]
    return json.dumps(rows, ensure_ascii=False) if rows else ""


def _reference_rows(reference: Reference, cascade: str) -> Iterator[dict[str, Json]]:
    for place, answer in enumerate(reference.accepted, start=1):
        yield {
            "record": reference.record,
            "stage": reference.stage,
            "place": place,
            "value": answer.value,
            "facts": _facts(answer),
            "annotators": list(reference.annotators),
            "settled": reference.settled,
            "cascade": cascade,
        }


def _facts(answer: Answer | None) -> Sequence[Sequence[str]]:
    facts: tuple[Fact, ...] = answer.facts if answer else ()
    return [list(fact.wordings) for fact in facts]
