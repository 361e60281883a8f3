"""Outputs of a system that somebody else has run, from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stagegap.errors import near_names
from stagegap.exchange.records import identity
from stagegap.exchange.rows import Problems, read_rows
from stagegap.model.record import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFields:
    """Which fields of a file of recorded outputs mean what."""

    record: str = "record"
    value: str = "value"
    status: str | None = None


def read_recorded(path: Path, fields: RecordedFields, *, stage: str) -> dict[str, Json]:
    """The recorded value of each record; where the file has a field `stage`, only the rows of this stage.

    A row whose status is `skipped`, or whose value is null, is a skip: its value is None.
    Raises: InputError for missing fields and doubled records.
    """
    problems = Problems(path)
    answers: dict[str, Json] = {}
    for row in read_rows(path):
        missing = [name for name in (fields.record, fields.value) if name not in row.values]
        if missing:
            problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        elif row.values.get("stage", stage) == stage:
            record = identity(row.values[fields.record])
            if record in answers:
                problems.add(row.line, f"The record {record!r} has an output at stage {stage!r} already.")
            skipped = fields.status is not None and row.values.get(fields.status) == "skipped"
            answers[record] = None if skipped else row.values[fields.value]
    problems.raise_if_any()
    return answers
