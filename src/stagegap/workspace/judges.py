"""From stored marks, verdicts, outputs and labels to the columns that analyses of judges and verdicts read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

# The columns of a query come as numpy arrays of its types.
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.evidence import Evidence
from stagegap.analysis.judges import EarlierColumns, JudgeColumns, JudgeRow, consensus, judge_row
from stagegap.analysis.verdicts import VerdictColumns, VerdictRow, verdict_row
from stagegap.attribution.faults import acceptable
from stagegap.metrics import score
from stagegap.model.answer import Label, Output, Reference
from stagegap.model.cascade import Judge
from stagegap.model.run import Run
from stagegap.model.units import Levels, owner, owners
from stagegap.people import readings as people_readings
from stagegap.people import verdicts
from stagegap.people.judgements import SYSTEM, Judging, judgements_in_force, judging_of, ratings_of, without_queue
from stagegap.stats.spread import Clusters, clusters
from stagegap.store import RunReader, Store

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """A run with what people said of it."""

    run: Run
    evidence: Evidence
    """Of the records that somebody labelled."""


def judge_rows(store: Store, now: JudgedRun, earlier: JudgedRun | None = None) -> tuple[JudgeRow, ...]:
    """Every judge of a run, measured; `earlier` is the run that it is held against."""
    cascade = now.evidence.cascade
    if not cascade.judges:
        return ()
    with store.screening(now.run.id) as reader:
        _, unit = np.unique(reader.records().unit, return_inverse=True)
        units = Clusters(codes=unit.astype(np.int64), count=int(unit.max(initial=-1)) + 1)
        read = [_columns(store, reader, judge, now, units) for judge in cascade.judges]
        before = [
            _earlier(store, reader, judge, columns, earlier) if earlier else None
            for judge, columns in zip(cascade.judges, read, strict=True)
        ]
    for stage in dict.fromkeys(columns.stage for columns in read):
        alike = [c for c in read if c.stage == stage and not c.is_graded and c.against == "answers"]
        if len(alike) > 1:
            read.append(consensus(alike))
            before.append(None)
    return tuple(
        judge_row(columns, then, seed=now.run.seed, noun=cascade.noun)
        for columns, then in zip(read, before, strict=True)
    )


def _columns(store: Store, reader: RunReader, judge: Judge, now: JudgedRun, units: Clusters) -> JudgeColumns:
    stage, marks = reader.marks(judge.of), reader.marks(judge.stage.name)
    given = _scaled(judge, marks)
    taught = np.zeros(reader.n, dtype=np.bool_)
    places = [place for place in reader.positions(judge.taught) if place >= 0] if judge.taught else []
    taught |= np.isin(units.codes, units.codes[np.array(places, dtype=np.int64)])
    labels, people = _labels(store, reader, judge, now)
    return JudgeColumns(
        stage=judge.of,
        judge=judge.name,
        criterion=judge.criterion,
        is_graded=judge.scale is not None,
        against=judge.against,
        sees_reference=judge.sees_reference,
        units=units,
        marks=_first(reader, marks, given),
        is_output=_ended(reader, stage) >= 0,
        is_failed=_ended(reader, stage) == 0,
        is_taught=taught,
        labels=labels,
        lengths=_first(reader, stage, _plain(stage["size"])),
        agreeing_repeats=_repeats(reader, marks, given),
        people=people,
    )


def _earlier(
    store: Store, reader: RunReader, judge: Judge, columns: JudgeColumns, earlier: JudgedRun
) -> EarlierColumns | None:
    """The judge in another run, on the records of this one; None where it was not asked there."""
    then = next((other for other in earlier.evidence.cascade.judges if _place(other) == _place(judge)), None)
    if then is None:
        return None
    stage, marks = (reader.marks(name, run=earlier.run.id) for name in (judge.of, judge.stage.name))
    own_stage, own_marks = reader.marks(judge.of), reader.marks(judge.stage.name)
    same = _hashes(reader, stage, "value") == _hashes(reader, own_stage, "value")
    # Equal outputs are marked by one call, so the others of that call were asked about again too.
    calls = _hashes(reader, own_marks, "call")
    asked = np.isin(calls, calls[_first(reader, own_marks, _plain(own_marks["cached"])) == 0])
    return EarlierColumns(
        run=earlier.run.name,
        marks=_first(reader, marks, _scaled(then, marks)),
        labels=_labels(store, reader, then, earlier)[0],
        is_output=_ended(reader, stage) >= 0,
        is_failed=_ended(reader, stage) == 0,
        is_same=same & asked & columns.is_output & ~columns.is_failed,
    )


def _place(judge: Judge) -> tuple[str, str, bool]:
    return judge.of, judge.name, judge.scale is None


def _plain(column: Any) -> Floats:  # Any: masked where the query gave nulls
    return np.asarray(np.ma.filled(np.ma.asarray(column, dtype=np.float64), np.nan))


def _scaled(judge: Judge, marks: Mapping[str, Any]) -> Floats:  # Any: see above
    """Marks from 0 to 1, of every repeat; NaN where the judge gave none."""
    low, high = judge.scale or (0.0, 1.0)
    numbers = np.where(np.asarray(marks["ended"]) == 1, _plain(marks["number"]), np.nan)
    return (numbers - low) / (high - low)


def _first(reader: RunReader, columns: Mapping[str, Any], values: Floats) -> Floats:  # Any: see above
    """The first repeat by position, NaN elsewhere."""
    blank = np.full(reader.n, np.nan)
    first = np.asarray(columns["repeat"]) == 0
    blank[np.asarray(columns["position"])[first]] = values[first]
    return blank


def _ended(reader: RunReader, columns: Mapping[str, Any]) -> Floats:  # Any: see above
    return np.nan_to_num(_first(reader, columns, _plain(columns["ended"])), nan=-1.0)


def _hashes(reader: RunReader, columns: Mapping[str, Any], name: str) -> NDArray[np.uint64]:  # Any: see above
    blank = np.zeros(reader.n, dtype=np.uint64)
    first = np.asarray(columns["repeat"]) == 0
    blank[np.asarray(columns["position"])[first]] = np.ma.filled(columns[name], 0)[first]
    return blank


def _repeats(reader: RunReader, columns: Mapping[str, Any], values: Floats) -> Floats:  # Any: see above
    """Share of pairs of repeats with the same mark, by position."""
    known = ~np.isnan(values)
    at, marks = np.asarray(columns["position"])[known], values[known]
    count = np.bincount(at, minlength=reader.n).astype(np.float64)
    order = np.lexsort((marks, at))
    at, marks = at[order], marks[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(at) != 0) | (np.abs(np.diff(marks)) > 1e-9)]) if len(at) else at
    sizes = np.diff(np.r_[starts, len(at)]).astype(np.float64)
    alike = np.bincount(at[starts], weights=sizes * (sizes - 1), minlength=reader.n)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= 2, alike / (count * (count - 1)), np.nan)


def _labels(
    store: Store, reader: RunReader, judge: Judge, judged: JudgedRun
) -> tuple[Floats, dict[str, dict[int, float]]]:
    """What people say of the outputs by position, and each person's own."""
    if judge.against == "judgements":
        return _judged(reader, judge, _ratings(store, judge, judged.run))
    evidence = judged.evidence
    by = evidence.metrics[judge.of]
    is_share = judge.scale is not None
    values = ev.stage_scores(evidence, judge.of, ev.SYSTEM) if is_share else ev.accepted(evidence, judge.of)
    ids = [record.id for record in evidence.records]
    places = reader.positions(ids) if ids else []
    labels = np.full(reader.n, np.nan)
    at = np.array(places, dtype=np.int64)
    labels[at[at >= 0]] = values[at >= 0]
    people: dict[str, dict[int, float]] = {}
    bar = ev.score_bar(evidence, judge.of, by)
    for place, name in zip(places, ids, strict=True):
        output = evidence.system(judge.of).get(name)
        if output is None or place < 0:
            continue
        for person, label in evidence.labels.get((name, judge.of), {}).items():
            own = score(output, _reference(label), by)
            if not np.isnan(own):
                people.setdefault(person, {})[place] = own if is_share else float(own >= bar - 1e-9)
    return labels, people


def _reference(label: Label) -> Reference:
    assert label.answer is not None, "a label in force has an answer"
    return Reference(record=label.record, stage=label.stage, accepted=(label.answer,))


def _ratings(store: Store, judge: Judge, run: Run) -> list[tuple[Judging, Sequence[Label]]]:
    """How people judged the outputs of a run by the judge's criterion.

    A judgement that does not say of which run it is counts where there is one run alone: of two it would say the same.
    """
    judgements = store.labels(run.cascade, stage=judge.of, task="judge")
    if not judgements:
        return []
    queues = [queue for queue in store.queues(run.cascade, judge.of) if queue.purpose == "judge"]
    given = [
        (judging_of(queue), [label for label in judgements if label.queue == queue.id])
        for queue in queues
        if queue.run == run.id
    ]
    ids, is_alone = {queue.id for queue in queues}, len(store.runs(run.cascade)) == 1
    own = [label for label in judgements if label.run in (run.id, run.name) or (is_alone and not label.run)]
    given += without_queue(own, ids, ()).items()
    return [(judging, labels) for judging, labels in given if judging.criterion == judge.criterion]


def _judged(
    reader: RunReader, judge: Judge, given: Sequence[tuple[Judging, Sequence[Label]]]
) -> tuple[Floats, dict[str, dict[int, float]]]:
    people: dict[str, dict[int, float]] = {}
    for judging, labels in given:
        low, high = judging.scale
        in_force = [label for label in judgements_in_force(labels) if not label.targeted]
        places = reader.positions([label.record for label in in_force]) if in_force else []
        for place, label in zip(places, in_force, strict=True):
            if place >= 0:
                mark = (float(ratings_of(label)[SYSTEM]) - low) / (high - low)
                own = people.setdefault(label.annotator, {})
                own[place] = mark if judge.scale is not None else float(mark >= 0.5 - 1e-9)
    labels_at = np.full(reader.n, np.nan)
    marks: dict[int, list[float]] = {}
    for own in people.values():
        for place, mark in own.items():
            marks.setdefault(place, []).append(mark)
    for place, all_marks in marks.items():
        labels_at[place] = float(np.mean(all_marks))
    return labels_at, people


Marks = Mapping[str, Mapping[str, float]]
"""By record, what each person says of it."""


def verdict_rows(store: Store, run: Run, evidence: Evidence, *, with_readings: bool = False) -> tuple[VerdictRow, ...]:
    """Every stage of a run with verdicts, and what readers say of the end; hunted ones aside.

    At a stage of units each output is that of a unit, and its cluster that of the record. A verdict counts for the run
    whose output was seen; one of a file that names no run where there is one run alone.
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
        if any(label.stage == stage.name for label in fair)
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
    outputs = {o.record: o for o in store.outputs(run.id, ev.SYSTEM, stage, records=wanted) if o.repeat == 0}
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
    depth = 0 if is_end else Levels.of(evidence.cascade).depth(stage)
    blind = {
        name: value
        for name, value in _blind(evidence, stage, is_end=is_end, depth=depth)
        if not np.isnan(value) and (among is None or name in among)
    }
    labels = evidence.unit_labels if depth else evidence.labels
    means: dict[str, float] = {}
    for record, own in marks.items():
        answered = labels.get((record, stage), {})
        others = [mark for person, mark in own.items() if person not in answered]
        if others:
            means[record] = sum(others) / len(others)
    names = sorted({*blind, *means})
    record_of = {name: owners(name, depth)[0] for name in names}
    records = store.records(evidence.cascade.name, ids=sorted(set(record_of.values())))
    units = {record.id: record.unit for record in records}
    pace = [label.active_ms for own in labels.values() for label in own.values() if label.stage == stage]
    accepted, corrected, rejected = counts
    return VerdictColumns(
        stage=stage,
        by="readings" if is_end else "verdicts",
        units=clusters(units.get(record, record) for record in record_of.values()),
        marks=np.array([means.get(name, np.nan) for name in names]),
        labels=np.array([blind.get(name, np.nan) for name in names]),
        accepted=accepted,
        corrected=corrected,
        rejected=rejected,
        seconds=_seconds(times),
        seconds_blind=_seconds(pace),
    )


def _blind(evidence: Evidence, stage: str, *, is_end: bool, depth: int) -> Iterable[tuple[str, float]]:
    """What blind answers say of each output: 1 where it is good, 0 where it is not, NaN where nobody knows."""
    if depth:
        by = evidence.metrics[stage]
        bar = ev.score_bar(evidence, stage, by)
        outputs = evidence.system(stage)
        for (unit, place), reference in evidence.references.items():
            if place == stage and unit in outputs and owner(unit, depth) is not None:
                yield unit, float(acceptable(np.array([score(outputs[unit], reference, by)]), bar)[0])
        return
    values = ev.good(evidence, ev.outcome_scores(evidence, ev.SYSTEM)) if is_end else ev.accepted(evidence, stage)
    yield from zip([record.id for record in evidence.records], values.tolist(), strict=True)


def _seconds(times: Iterable[int | None]) -> float | None:
    known = [time / 1000 for time in times if time is not None]
    return median(known) if known else None
