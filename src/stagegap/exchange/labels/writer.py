"""Labels and settled references to files, with every field that they have."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stagegap.exchange.tables import Column, ending_of, write_csv, write_jsonl, write_parquet
from stagegap.model.answer import LABEL_FIELDS, Answer, Fact, Field, Label, Reference
from stagegap.model.record import Json

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
        "facts": _facts(answer),
        "also": _also(label),
        "cascade": cascade,
    }
    return {name: columns[name] for name in LABEL_COLUMNS if name in columns}


def _also(label: Label) -> str:
    """The further answers of an adjudication as JSON text, empty where there are none."""
    rows = [{"value": answer.value, "facts": _facts(answer)} for answer in label.also]
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
