"""The records at which a stage was not acceptable, most typical first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.views import FailureRow, SliceRow
from stagegap.metrics.ranking import ids
from stagegap.model.answer import Answer, Output, Reference, Status
from stagegap.model.cascade import Cascade
from stagegap.model.record import Record
from stagegap.model.values import Json

MOST_ROWS = 200
LINE = 160
TITLE = 80


def failure_rows(
    records: Sequence[Record],
    *,
    cascade: Cascade,
    stage: str,
    failed: NDArray[np.float64],
    scores: NDArray[np.float64],
    first_fault: NDArray[np.bool_],
    outputs: Mapping[str, Output],
    references: Mapping[tuple[str, str], Reference],
    groups: Mapping[str, NDArray[np.int64]],
    slices: Sequence[SliceRow],
) -> tuple[FailureRow, ...]:
    """At most 200 failures, most typical first."""
    positions = typical_first(records, failed=failed, scores=scores, groups=groups, slices=slices)
    return tuple(
        FailureRow(
            record=records[i].id,
            title=title(records[i], cascade),
            system=shown_output(outputs.get(records[i].id)),
            reference=shown_reference(references.get((records[i].id, stage))),
            score=float(scores[i]),
            first_fault=bool(first_fault[i]),
        )
        for i in positions[:MOST_ROWS]
    )


def typical_first(
    records: Sequence[Record],
    *,
    failed: NDArray[np.float64],
    scores: NDArray[np.float64],
    groups: Mapping[str, NDArray[np.int64]],
    slices: Sequence[SliceRow],
) -> list[int]:
    """The positions of the failures; typical is what lies in groups that fail more than the average.

    A record's typicality is the sum of (rate - average) over its groups; ties by lower score, then by id.
    """
    typical = np.zeros(len(records))
    for row in slices:
        typical[groups[row.group]] += row.excess / row.n
    positions: list[int] = np.flatnonzero(failed == 1).tolist()
    positions.sort(key=lambda i: (-typical[i], scores[i], records[i].id))
    return positions


def title(record: Record, cascade: Cascade) -> str:
    """The first words of a record: the first text field that a stage reads, or else any text field, or the id."""
    read = [s.name for stage in cascade.stages for s in stage.inputs.values() if s.origin == "record"]
    for name in (*read, *record.fields):
        value = record.fields.get(name)
        if isinstance(value, str) and value.strip():
            return _line(value, TITLE)
    return record.id


def shown_output(output: Output | None) -> str:
    """An output in one line of plain text; a failure by its name."""
    if output is None:
        return "no output"
    if output.status is Status.SKIPPED or (output.status.has_value and output.value is None):
        return "no answer"
    if not output.status.has_value:
        return _line(f"{output.status.value}: {output.error}" if output.error else output.status.value, LINE)
    return shown_value(output.value)


def shown_reference(reference: Reference | None) -> str:
    """The accepted answers in one line of plain text; a text with facts by its facts."""
    if reference is None or not reference.accepted:
        return "no reference"
    return _line(" | ".join(_shown_answer(answer) for answer in reference.accepted), LINE)


def _shown_answer(answer: Answer) -> str:
    if answer.value is None:
        return "no answer"
    if answer.facts:
        return "; ".join(fact.wordings[0] for fact in answer.facts)
    return shown_value(answer.value)


def shown_value(value: Json) -> str:
    """A value in one line of plain text."""
    if isinstance(value, str):
        return _line(value, LINE)
    if isinstance(value, Sequence):
        return _line(", ".join(ids(value)) or "none", LINE)
    return _line(json.dumps(value, ensure_ascii=False), LINE)


def _line(text: str, width: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= width else f"{words[: width - 1].rstrip()}…"
