"""The records at which a stage was not acceptable, most typical first, what they have in common, and both as rows."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.views import FailureRow, Scorecard, SliceRow
from stagegap.metrics.formulas import ids
from stagegap.model.answer import Answer, Output, Reference, Status
from stagegap.model.cascade import Cascade, Kind, Stage
from stagegap.model.media import media_of
from stagegap.model.notes import Failure
from stagegap.model.record import Json, Record, inner
from stagegap.stats.intervals import wilson_of
from stagegap.stats.spread import Clusters
from stagegap.tables.table import Row, estimate_columns

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
    """The first words of a record: the first text or file that a stage reads, or else any of its texts, or the id."""
    read = [s.name for stage in cascade.stages for s in stage.inputs.values() if s.origin == "record"]
    for name in (*read, *record.fields):
        value = record.fields.get(name)
        file = media_of(value)
        value = file.path if file else value
        if isinstance(value, str) and value.strip():
            return _line(value, TITLE)
    return record.id


def shown_output(output: Output | None, path: Sequence[str] = ()) -> str:
    """An output, or what of it stands at a path, in one line of plain text; a failure by its name."""
    if output is None:
        return "no output"
    if output.status is Status.SKIPPED or (output.status.has_value and output.value is None):
        return "no answer"
    if not output.status.has_value:
        return _line(f"{output.status.value}: {output.error}" if output.error else output.status.value, LINE)
    part = inner(output.value, path)
    return shown_value(output.value if part is None else part)


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
    """A value in one line of plain text; a file by its path."""
    file = media_of(value)
    if file is not None or isinstance(value, str):
        return _line(file.path if file else str(value), LINE)
    if isinstance(value, Sequence):
        return _line(", ".join(entries(value)) or "none", LINE)
    return _line(json.dumps(plain(value), ensure_ascii=False), LINE)


def plain(value: Json) -> Json:
    """A whole number without decimals, anything else as it is: people and models write 5 in two ways."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def entries(value: Json) -> list[str]:
    """The entries of a list as people read them, each once: a document by its id, a place in words.

    >>> entries(["KB-1", {"id": "KB-2", "gain": 2}, {"start": 0.0, "end": 1.1, "label": "speech"}])
    ['KB-1', 'KB-2', 'speech 0 to 1.1']
    >>> entries([{"x": 60, "y": 232, "w": 170, "h": 40, "label": "total", "text": "12.50"}])
    ['total "12.50" at 60, 232, 170 × 40']
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        return []
    return list(dict.fromkeys(map(_entry, value)))


def _entry(value: Json) -> str:
    if not isinstance(value, Mapping) or "id" in value:
        return ids([value])[0]
    text = value.get("text")
    words = [str(value["label"])] * bool(value.get("label")) + [f'"{text}"'] * bool(text)
    if {"x", "y", "w", "h"} <= value.keys():
        x, y, w, h = (plain(value[side]) for side in ("x", "y", "w", "h"))
        return " ".join([*words, f"at {x}, {y}, {w} × {h}"])
    if {"start", "end"} <= value.keys():
        return " ".join([*words, f"{plain(value['start'])} to {plain(value['end'])}"])
    return json.dumps(value, ensure_ascii=False)


def _line(text: str, width: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= width else f"{words[: width - 1].rstrip()}…"


Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFaults:
    """What is known of each record at one stage."""

    stage: str
    failed: Floats
    """1 where the output is not acceptable, 0 where it is, NaN where it has no score."""
    scores: Floats
    first_fault: Bools
    inherits: Bools
    """A stage that this one depends on is not acceptable."""
    disagreed: Bools
    """Two people answered differently."""
    win: Floats | None
    """Outcome with references at this stage and all before it, minus the system's; None without a ceiling."""


def failures_of(
    faults: StageFaults,
    records: Sequence[Record],
    cascade: Cascade,
    *,
    groups: Mapping[str, NDArray[np.int64]],
    slices: Sequence[SliceRow],
) -> list[Failure]:
    """The failures of a stage, most typical first."""
    order = typical_first(records, failed=faults.failed, scores=faults.scores, groups=groups, slices=slices)
    memberships: dict[int, list[str]] = {position: [] for position in order}
    for group, positions in groups.items():
        for position in positions[faults.failed[positions] == 1].tolist():
            memberships[position].append(group)
    return [
        Failure(
            stage=faults.stage,
            record=records[i].id,
            title=title(records[i], cascade),
            score=float(faults.scores[i]),
            first_fault=bool(faults.first_fault[i]),
            inherits=bool(faults.inherits[i]),
            disagreed=bool(faults.disagreed[i]),
            groups=tuple(memberships[i]),
            win=_win(faults, i),
            unit=records[i].unit,
        )
        for i in order
    ]


def _win(faults: StageFaults, position: int) -> float | None:
    if faults.win is None or math.isnan(faults.win[position]):
        return None
    return max(0.0, float(faults.win[position]))


def groups_of(
    records: Sequence[Record], cascade: Cascade, references: Mapping[tuple[str, str], Reference], *, stage: str
) -> dict[str, NDArray[np.int64]]:
    """Per group as `language: de`, the positions of its records.

    Groups come from slices, difficulty, and the reference at earlier `label` or `boolean` stages; never from what
    the system answered. A group that holds every record, or one alone of its name, says nothing and is left out.
    """
    earlier = cascade.ancestors(stage)
    labels = [s.name for s in cascade.stages if s.name in earlier and s.output.kind in (Kind.LABEL, Kind.BOOLEAN)]
    groups: dict[str, list[int]] = {}
    for position, record in enumerate(records):
        names = dict(record.slices)
        if record.difficulty is not None:
            names["difficulty"] = record.difficulty
        for name in labels:
            reference = references.get((record.id, name))
            if reference is not None and len(reference.accepted) == 1:
                names[name] = str(reference.first.value)
        for name, value in names.items():
            groups.setdefault(f"{name}: {value}", []).append(position)
    return {
        group: np.array(positions, dtype=np.int64)
        for group, positions in groups.items()
        if len(positions) < len(records)
    }


def declared_slices(records: Sequence[Record]) -> tuple[str, ...]:
    """Names of the slices that some record has, sorted; the difficulty is one."""
    names = {name for record in records for name in record.slices}
    return tuple(sorted(names | ({"difficulty"} if any(r.difficulty is not None for r in records) else set())))


def slice_rows(
    failed: NDArray[np.float64], clusters: Clusters, groups: Mapping[str, NDArray[np.int64]]
) -> tuple[SliceRow, ...]:
    """The groups with the most excess failures first.

    `failed` is 1, 0 or NaN per record. Excess = (rate of the group - rate of all) x n of the group: a small group
    with a high rate explains little. The interval is Wilson's on the effective number of records.
    """
    known = ~np.isnan(failed)
    if not known.any():
        return ()
    average = float(failed[known].mean())
    rows: list[SliceRow] = []
    for group, positions in groups.items():
        here = positions[known[positions]]
        if not len(here) or len(here) == int(known.sum()):
            continue
        values, codes = failed[here], clusters.codes[here]
        rate = wilson_of(values, replace(clusters, codes=codes))
        rows.append(
            SliceRow(
                group=group,
                failures=int(values.sum()),
                n=len(here),
                rate=rate,
                excess=(float(values.mean()) - average) * len(here),
                stands_out=rate.is_measured and rate.low > average,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.excess, row.group)))


def group_rows(view: Scorecard) -> list[Row]:
    """One row a group of records at a stage, in the order of the view."""
    return [
        {
            "stage": detail.stage,
            "group": group.group,
            "failures": group.failures,
            "excess": group.excess,
            "stands_out": group.stands_out,
            **estimate_columns(group.rate),
        }
        for detail in view.details
        for group in detail.groups
    ]


NO_ANSWER = "no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """What a label stage takes for what: records by what is right and what the system answered."""

    stage: str
    right: tuple[str, ...]
    """Values that are right somewhere, in the order of the stage."""
    answered: tuple[str, ...]
    """Values that the system gave somewhere, failures last."""
    records: Mapping[tuple[str, str], tuple[str, ...]]
    """(right, answered) -> ids; pairs without a record are left out."""

    def count(self, right: str, answered: str) -> int:
        """Number of records of a pair."""
        return len(self.records.get((right, answered), ()))


def confusion(
    stage: Stage, outputs: Mapping[str, Output], references: Mapping[tuple[str, str], Reference]
) -> Confusion | None:
    """Pairs of what is right and what was answered; None for other stages than those that choose one value.

    Where several answers are accepted, the system's own counts if it is one of them. What infrastructure lost is left
    out.
    """
    if stage.output.kind is not Kind.LABEL:
        return None
    records: dict[tuple[str, str], list[str]] = {}
    for record, output in outputs.items():
        reference = references.get((record, stage.name))
        if reference is None or not reference.accepted or Status.INFRASTRUCTURE in (output.status, output.because):
            continue
        answered = str(output.value) if output.status.has_value and output.value is not None else NO_ANSWER
        accepted = [NO_ANSWER if answer.value is None else str(answer.value) for answer in reference.accepted]
        records.setdefault((answered if answered in accepted else accepted[0], answered), []).append(record)
    order = [*stage.output.values, NO_ANSWER]
    rights, answers = ({pair[side] for pair in records} for side in (0, 1))
    return Confusion(
        stage=stage.name,
        right=tuple(value for value in order if value in rights),
        answered=tuple(value for value in order if value in answers),
        records={pair: tuple(sorted(ids)) for pair, ids in records.items()},
    )
