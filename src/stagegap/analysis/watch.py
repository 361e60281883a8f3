"""Is it still good: a stream of drawn records held against a reference run, split into what came and what answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.checks import CheckResult
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import counted, listed, plural, sentence
from stagegap.stats.significance import likeliest_start, restarted_evidence, running_mean
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table

Floats = NDArray[np.float64]
Kind = Literal["score", "same input", "inputs"]

OF_REFERENCE = 0.01
"""Chance of a false alarm that the limits of the reference run take."""
OF_STREAMS = 0.04
"""Chance of one that all streams together take: both make the 5% that are promised."""
PAIRS = 20
"""New records of a batch, at most, that are held against old ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What came of one place, in the order of the batches; a value is that of one independent unit."""

    kind: Kind
    place: str
    """The stage, or `outcome`."""
    values: Floats
    """`score`: means of scores in [0, 1]; `same input`: score now minus score then; `inputs`: see `unlike`."""
    batches: NDArray[np.int64]
    """The batch of each value, from 0 on."""
    waiting: int = 0
    """Drawn records that nobody has answered yet."""
    reference: Estimate | None = None
    """Of the reference run; its lower end is the one-sided limit of `level_of_reference`."""
    promised: float | None = None
    """The score that the file promises (`targets: at_least`); it takes the place of the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Records that came together."""

    run: str
    at: float
    """Seconds since 1970, UTC."""
    records: int
    drawn: int
    """Records that people are asked about."""
    again: int
    """Old records whose answers were made anew with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRow:
    """One stream as it stands."""

    kind: Kind
    place: str
    mean: Estimate
    """Of all values so far, with an interval that holds at every look at once."""
    floor: float | None
    """What the mean must not fall below; None of inputs, where any steady difference counts."""
    reference: Estimate | None
    evidence: float
    """That it fell below; an alarm from `alarm_at` on."""
    is_alarm: bool
    since: str
    """The batch, by its run, from which on the evidence is largest; empty without an alarm."""
    waiting: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchView:
    """All streams of a cascade, and whether one of them raises an alarm."""

    cascade: str
    base: str
    noun: str
    batches: tuple[Batch, ...]
    rows: tuple[WatchRow, ...]
    alarm_at: float
    """Evidence from which on there is an alarm: the number of streams over 0.04."""
    lose_at_most: float
    headline: str
    summary: str

    @property
    def is_alarm(self) -> bool:
        return any(row.is_alarm for row in self.rows)

    @property
    def exit_code(self) -> int:
        """1 on an alarm, else 0."""
        return int(self.is_alarm)


def level_of_reference(places: int) -> float:
    """Level of a two-sided interval whose lower end all reference limits together miss in 1% of cases."""
    return 1 - 2 * OF_REFERENCE / max(places, 1)


def watch_view(
    streams: Sequence[Stream], batches: Sequence[Batch], *, cascade: str, base: str, noun: str, lose_at_most: float
) -> WatchView:
    """Say whether any stream has fallen; the same input gives the same view.

    Quiet streams raise an alarm in at most 5% of cases, however often one looks: the reference limits are wrong in at
    most 1%, and each stream's evidence reaches the number of streams over 0.04 in at most its share of 4%.
    """
    alarm_at = len(streams) / OF_STREAMS
    rows = tuple(_row(stream, batches, alarm_at=alarm_at, margin=lose_at_most) for stream in streams)
    view = WatchView(
        cascade=cascade,
        base=base,
        noun=noun,
        batches=tuple(batches),
        rows=rows,
        alarm_at=alarm_at,
        lose_at_most=lose_at_most,
        headline="",
        summary="",
    )
    return replace(view, headline=_headline(view), summary=_summary(view))


def _row(stream: Stream, batches: Sequence[Batch], *, alarm_at: float, margin: float) -> WatchRow:
    floor, note = _floor(stream, margin)
    payoffs = _payoffs(stream, floor)
    evidence = restarted_evidence(payoffs, stream.batches, count=len(batches))
    top = float(evidence.max()) if len(evidence) else 1.0
    is_alarm = top >= alarm_at
    since = batches[likeliest_start(payoffs, stream.batches, count=len(batches))].run if is_alarm else ""
    low = 0.0 if stream.kind == "score" else -1.0
    return WatchRow(
        kind=stream.kind,
        place=stream.place,
        mean=running_mean(stream.values, low=low),
        floor=None if stream.kind == "inputs" else floor,
        reference=stream.reference,
        evidence=top,
        is_alarm=is_alarm,
        since=since,
        waiting=stream.waiting,
        note=note,
    )


def _floor(stream: Stream, margin: float) -> tuple[float | None, str]:
    """What the mean must not fall below, and why there is none."""
    if stream.kind == "inputs":
        return 0.0, ""
    if stream.kind == "same input":
        return -margin, ""
    if stream.promised is not None:
        return stream.promised, ""
    if stream.reference is None or not stream.reference.is_measured:
        return None, "the reference run has no score here"
    floor = stream.reference.low - margin
    return (floor, "") if floor > 0 else (None, "too few labels in the reference run to hold anything against it")


def _payoffs(stream: Stream, floor: float | None) -> Floats:
    """Bets that the mean is below the floor: at least -1, and at most 0 on average while it is not."""
    if floor is None:
        return np.zeros(len(stream.values))
    if stream.kind == "inputs":
        return stream.values
    highest = 1.0
    return (floor - stream.values) / (highest - floor) if floor < highest else np.zeros(len(stream.values))


def fold(values: Floats, batches: NDArray[np.int64], units: Sequence[str]) -> tuple[Floats, NDArray[np.int64]]:
    """The mean of each independent unit's values in the first batch that it came in; NaN values left out.

    Later values of a unit that came before are no news of the stream: they hang together with those that were counted.
    """
    first: dict[str, int] = {}
    by_unit: dict[str, list[float]] = {}
    for value, batch, unit in zip(values.tolist(), batches.tolist(), units, strict=True):
        if not math.isnan(value) and first.setdefault(unit, batch) == batch:
            by_unit.setdefault(unit, []).append(value)
    means = np.array([sum(of) / len(of) for of in by_unit.values()], dtype=np.float64)
    return means, np.array([first[unit] for unit in by_unit], dtype=np.int64)


Words = frozenset[str]


def unlike(old: Sequence[Words], new: Sequence[Sequence[Words]]) -> tuple[Floats, NDArray[np.int64]]:
    """Payoffs of betting that new records are unlike old ones, batch by batch; their mean is 0 while they are alike.

    Half of the old records, and all new ones of earlier batches, teach a naive Bayes classifier on the words of a
    record; each new record is then held against one of the other half, which is used once: the payoff is half the
    difference of what the classifier says of the two, from -1 to 1 (Podkopaev & Ramdas 2023). While both come from one
    source, exchanging them changes nothing, so no classifier can win, however it was taught. `old` comes in random
    order. The bets end where the old records do.
    """
    half = len(old) // 2
    usual, unused = Counter(word for words in old[:half] for word in words), list(old[half:])
    seen: Counter[str] = Counter()
    count = 0
    payoffs: list[float] = []
    places: list[int] = []
    for batch, records in enumerate(new):
        for words in records[:PAIRS] if count else ():
            if unused:
                beside = unused.pop()
                says = [_says(of, usual, half, seen, count) for of in (words, beside)]
                payoffs.append((says[0] - says[1]) / 2)
                places.append(batch)
        seen.update(word for words in records for word in words)
        count += len(records)
    return np.array(payoffs, dtype=np.float64), np.array(places, dtype=np.int64)


def _says(words: Words, usual: Mapping[str, int], n_usual: int, seen: Mapping[str, int], n_seen: int) -> float:
    """From -1, surely an old record, to 1, surely a new one."""
    odds = sum(
        math.log((seen.get(word, 0) + 0.5) / (n_seen + 1)) - math.log((usual.get(word, 0) + 0.5) / (n_usual + 1))
        for word in sorted(words)
    )
    return math.tanh(odds / 2)


def _headline(view: WatchView) -> str:
    """The decision in one sentence."""
    if not view.batches:
        return "Nothing came in yet"
    alarms = [row for row in view.rows if row.is_alarm]
    came = f"{counted(len(view.batches), 'batch')}, {counted(sum(b.records for b in view.batches), view.noun)}"
    if not alarms:
        return f"No alarm after {came}: nothing is proven to have become worse than {view.base}"
    scores = [row for row in alarms if row.kind == "score"]
    causes = _causes(view)
    if scores:
        others = f", and so did {listed([row.place for row in scores[1:]])}" if len(scores) > 1 else ""
        return f"Alarm: {_fallen(scores[0])}{others}; {causes}"
    return f"Alarm: {causes}"


def _fallen(row: WatchRow) -> str:
    floor = "" if row.floor is None else f" below {figures.share(row.floor)}"
    return (
        f"{row.place} fell{floor} since {row.since} ({figures.figure(row.mean, Unit.SHARE)} of {row.mean.n:,} in all)"
    )


def _causes(view: WatchView) -> str:
    """Which of the two changes are proven."""
    stages = [row.place for row in view.rows if row.kind == "same input" and row.is_alarm]
    inputs = next((row for row in view.rows if row.kind == "inputs" and row.is_alarm), None)
    parts: list[str] = []
    if stages:
        parts.append(f"{listed(stages)} {'answers' if len(stages) == 1 else 'answer'} the same inputs worse")
    if inputs is not None:
        parts.append(f"what comes in has changed since {inputs.since}")
    return " and ".join(parts) or "neither a change of what comes in nor of a stage is proven"


def _summary(view: WatchView) -> str:
    waiting = {row.place: row.waiting for row in view.rows if row.kind == "score" and row.waiting}
    parts = [
        f"Held against {view.base} less {100 * view.lose_at_most:g} points. Alarm from evidence "
        f"{view.alarm_at:,.0f} on: quiet streams reach that in at most 5% of cases, however often one looks."
    ]
    if waiting:
        at = listed([f"{n:,} at {place}" for place, n in waiting.items()])
        parts.append(f"Drawn and not yet answered: {at}. `stagegap label STAGE --cascade {view.cascade} --as NAME`.")
    notes = {row.place: row.note for row in view.rows if row.note}
    parts += [f"{sentence(place)}: {note}." for place, note in notes.items()]
    return " ".join(parts)


def results(view: WatchView) -> tuple[CheckResult, ...]:
    """The streams as results of checks, for what reads those: JUnit, comments."""
    return tuple(_result(row, view) for row in view.rows)


def _result(row: WatchRow, view: WatchView) -> CheckResult:
    name = f"{row.place}, {_KINDS[row.kind]}"
    evidence = f"evidence {figures.number(min(row.evidence, 1e6), 1)}, an alarm from {view.alarm_at:,.0f} on"
    if row.is_alarm:
        return CheckResult(
            kind="watch", name=name, status="failed", message=f"{name}: alarm since {row.since}", detail=evidence
        )
    if not row.mean.is_measured or row.note:
        why = row.note or row.mean.method
        return CheckResult(kind="watch", name=name, status="not measured", message=f"{name}: {why}")
    return CheckResult(kind="watch", name=name, status="passed", message=f"{name}: quiet", detail=evidence)


_KINDS = {"score": "score", "same input": "same input, asked again", "inputs": "what comes in"}
_COLUMNS = (
    Column(name="Place", unit=Unit.TEXT, key="stage"),
    Column(name="What", unit=Unit.TEXT, key="what", is_carried=True),
    Column(name="So far", unit=Unit.SHARE, key="score so far"),
    Column(name="Change", unit=Unit.POINTS, key="change on the same input"),
    Column(name="n", unit=Unit.COUNT),
    Column(name="Reference", unit=Unit.SHARE, key="reference", spare=1),
    Column(name="Not below", unit=Unit.TEXT),
    Column(name="Evidence", unit=Unit.TEXT),
    Column(name="Says", unit=Unit.TEXT),
)


def watch_sheet(view: WatchView) -> Sheet:
    """Each stream with its mean so far, what it must not fall below, and the evidence that it did."""
    return Sheet(
        headline=view.headline,
        parts=(
            view.summary
            if view.batches
            else "Put files of records into the folder: one record a row, as the cascade's.",
            Table(columns=_COLUMNS, rows=tuple(_cells(row) for row in view.rows)),
            Table(
                title="What came",
                columns=(
                    Column(name="Run", unit=Unit.TEXT),
                    Column(name=sentence(plural(view.noun, 2)), unit=Unit.COUNT),
                    Column(name="Drawn", unit=Unit.COUNT),
                    Column(name="Asked again", unit=Unit.COUNT),
                ),
                rows=tuple((batch.run, batch.records, batch.drawn, batch.again) for batch in view.batches),
            ),
        ),
    )


def _cells(row: WatchRow) -> tuple[Entry, ...]:
    nothing = unmeasured("not measured: of another kind")
    score = row.mean if row.kind == "score" else nothing
    change = row.mean if row.kind == "same input" else nothing
    floor = None
    if row.floor is not None:
        floor = figures.share(row.floor) if row.kind == "score" else figures.points(row.floor)
    says = f"alarm since {row.since}" if row.is_alarm else "quiet" if row.mean.is_measured else row.mean.method
    evidence = figures.number(min(row.evidence, 1e6), 1)
    return row.place, _KINDS[row.kind], score, change, row.mean.n, row.reference, floor, evidence, says
