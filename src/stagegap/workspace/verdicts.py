"""From stored verdicts, readings and blind answers to the columns that the analysis of verdicts reads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.verdicts import VerdictColumns, VerdictRow, verdict_row
from stagegap.metrics import score
from stagegap.model.answer import Label, Output
from stagegap.model.run import SYSTEM, Run
from stagegap.people import readings as people_readings
from stagegap.people import verdicts
from stagegap.stats.spread import clusters
from stagegap.store import Store

Marks = Mapping[str, Mapping[str, float]]
"""By record, what each person says of it."""


def verdict_rows(store: Store, run: Run, evidence: Evidence, *, with_readings: bool = False) -> tuple[VerdictRow, ...]:
    """Every stage of a run with verdicts, and what readers say of the end; hunted ones and stages of units aside.

    A verdict counts for the run whose output was seen; one of a file that names no run where there is one run alone.
    """
    names = {run.id, run.name} | ({""} if len(store.runs(run.cascade)) == 1 else set[str]())
    fair = [
        label
        for label in verdicts.in_force(store.labels(run.cascade, task="verdict"))
        if label.run in names and not label.targeted
    ]
    rows = [
        _row(store, evidence, stage.name, "verdicts", *_said(store, run, evidence, stage.name, fair))
        for stage in evidence.cascade.stages
        if stage.each is None and any(label.stage == stage.name for label in fair)
    ]
    if with_readings:
        readings = people_readings.in_force(store.failing.readings(run.cascade, run.id))
        marks: dict[str, dict[str, float]] = {}
        for (record, person), own in readings.by_reader.items():
            if own.queue:
                marks.setdefault(record, {})[person] = float(own.verdict == "pass")
        if marks:
            times = [own.active_ms for own in readings.by_reader.values() if own.queue]
            end = evidence.cascade.outcome.stage
            rows.append(_row(store, evidence, end, "readings", marks, _counts(marks), times, None))
    return tuple(verdict_row(columns) for columns in rows)


Counts = tuple[int, int, int]
"""Accepted, corrected, rejected."""


def _counts(marks: Marks) -> Counts:
    passed = [mark == 1 for own in marks.values() for mark in own.values()]
    return sum(passed), 0, len(passed) - sum(passed)


def _said(
    store: Store, run: Run, evidence: Evidence, stage: str, fair: Iterable[Label]
) -> tuple[dict[str, dict[str, float]], Counts, list[int | None], Collection[str]]:
    """What verdicts at a stage say of the run's outputs: marks, counts, times, and the records with an output."""
    labels = [label for label in fair if label.stage == stage]
    wanted = sorted({label.record for label in labels})
    outputs = {o.record: o for o in store.outputs(run.id, SYSTEM, stage, records=wanted) if o.repeat == 0}
    labels = [
        label for label in labels if label.record in outputs and verdicts.is_on(label, outputs[label.record].value)
    ]
    marks: dict[str, dict[str, float]] = {}
    for label in labels:
        marks.setdefault(label.record, {})[label.annotator] = _mark(label, outputs[label.record], evidence)
    given = [verdicts.parts(label)[0] for label in labels]
    counts = given.count("accept"), given.count("correct"), given.count("reject")
    answered = {name for name, output in evidence.system(stage).items() if output.status.has_value}
    return marks, counts, [label.active_ms for label in labels], answered | outputs.keys()


def _mark(label: Label, output: Output, evidence: Evidence) -> float:
    """1 where an output is good by what a verdict says: a correction is a reference, and the stage's score decides."""
    verdict = verdicts.parts(label)[0]
    reference = verdicts.seen_reference(label)
    if verdict != "correct" or reference is None:
        return float(verdict == "accept")
    by = evidence.metrics[label.stage]
    points = score(output, reference, by)
    return float(points >= ev.score_bar(evidence, label.stage, by) - 1e-9)


def _row(
    store: Store,
    evidence: Evidence,
    stage: str,
    by: str,
    marks: Marks,
    counts: Counts,
    times: Sequence[int | None],
    among: Collection[str] | None,
) -> VerdictColumns:
    """Marks beside blind answers. Whoever gave both at a record is no independent check, so that their mark is left
    out there.
    """
    is_end = by == "readings"
    values = ev.good(evidence, ev.outcome_scores(evidence, SYSTEM)) if is_end else ev.accepted(evidence, stage)
    blind = {
        record.id: float(value)
        for record, value in zip(evidence.records, values.tolist(), strict=True)
        if not np.isnan(value) and (among is None or record.id in among)
    }
    means: dict[str, float] = {}
    for record, own in marks.items():
        answered = evidence.labels.get((record, stage), {})
        others = [mark for person, mark in own.items() if person not in answered]
        if others:
            means[record] = sum(others) / len(others)
    names = sorted({*blind, *means})
    units = {record.id: record.unit for record in store.records(evidence.cascade.name, ids=names)}
    pace = [label.active_ms for own in evidence.labels.values() for label in own.values() if label.stage == stage]
    accepted, corrected, rejected = counts
    return VerdictColumns(
        stage=stage,
        by="readings" if is_end else "verdicts",
        units=clusters(units.get(name, name) for name in names),
        marks=np.array([means.get(name, np.nan) for name in names]),
        labels=np.array([blind.get(name, np.nan) for name in names]),
        accepted=accepted,
        corrected=corrected,
        rejected=rejected,
        seconds=_seconds(times),
        seconds_blind=_seconds(pace),
    )


def _seconds(times: Iterable[int | None]) -> float | None:
    known = [time / 1000 for time in times if time is not None]
    return median(known) if known else None
