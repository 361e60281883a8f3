"""What to label next: how many records until the worst stage is named, which, for whom, and how long it takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.gains import Gains, ceiling_of, gains
from stagegap.analysis.verdict import ENOUGH_RECORDS, contest, outlook, promised_at, unbounded
from stagegap.attribution.swaps import is_chain, staircase_order
from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import counted, listed, plural, ranks, sentence
from stagegap.stats.paired import direction
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.stats.sample_size import Budget, Chance, Promise, detectable_difference
from stagegap.stats.significance import DECIDES, evidence_of_lead
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Figure, Sheet, Table

Floats = NDArray[np.float64]
MOST_NEXT = 50
FEWEST_NEXT = 10
USUAL_POWER = 0.8
MOVED = 0.2
"""Share of the records that a swap moves, taken for the power before anything is measured: a cautious guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRow:
    """One stage."""

    stage: str
    labelled: int
    """Records with a reference here."""
    missing: int
    seconds: float | None
    """Median active time of a label here; None when no label has one."""
    gain: Estimate
    detectable: float
    """Smallest gain that the records there are show with a power of 80%; a plan, not an estimate."""
    best_rank: int
    """By gain; ranks that the data do not exclude, all stages at once."""
    worst_rank: int
    wanted: int = 0
    """Labels to make here, of the `proposed` records that the run has."""
    points: int = 0
    """The gain in whole points as every view prints it; 0 where it is not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLabel:
    """One record to label next."""

    record: str
    stages: tuple[str, ...]
    """Stages without a reference, in cascade order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedView:
    """What it takes until the ranking of the stages is decided."""

    cascade: str
    run: str
    noun: str
    outcome_name: str
    n: int
    """Records with an outcome in every swap cell."""
    is_decided: bool
    budget: int | None
    """Records in all at which the worst stage is named in 95% of cases, if it leads by 2 points or more; None before
    there is a pilot."""
    more: int
    """Records to come until then; below 30 records those that lack."""
    chances: tuple[Chance, ...]
    evidence: float
    """E-value of the best stage against its nearest rival: 20 decides, however often one looks; 1 is no evidence."""
    stages: tuple[NeedRow, ...]
    unlabelled: int
    """Records of the run that lack a reference somewhere."""
    next: tuple[NextLabel, ...]
    """In random order, so that any prefix is a fair sample; at least those that are proposed, or 50."""
    minutes: float | None
    """To label the `proposed` records at the pace of the people so far; None when it is not known."""
    sentence: str
    proposed: int = 0
    """Records to label next: those that decide in half of the cases, at most `more`."""
    promises: tuple[Promise, ...] = ()
    """`budget` for larger leads too."""
    halfway: int | None = None
    """Records in all at which the evidence decides in half of the cases that the pilot does not exclude."""
    most_minutes: float | None = None
    """To label `more` records, as `minutes` is for those that are proposed."""


def need_view(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> NeedView:
    """Plan the next labels of one run."""
    cascade = evidence.cascade
    won = gains(evidence)
    rng = np.random.default_rng(evidence.seed)
    standing = (
        _standing(evidence, won, rng=rng, resamples=resamples) if won.is_measured else _unknown(cascade, won.reason)
    )
    lacking = _lacking(evidence)
    unlabelled = int(lacking.any(axis=1).sum())
    pace = {name: _pace(evidence, name) for name in cascade.names}
    more = _more(standing)
    proposed = _proposed(standing, more)
    order = spaced(lacking, cascade.names, max(MOST_NEXT, proposed, more), rng=rng)
    missing, wanted = lacking.sum(axis=0).tolist(), lacking[order[:proposed]].sum(axis=0).tolist()
    return NeedView(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        outcome_name=ev.outcome_name(cascade),
        n=standing.n,
        is_decided=standing.is_decided,
        budget=standing.budget.records,
        more=more,
        promises=standing.budget.promises,
        halfway=standing.budget.halfway,
        chances=standing.budget.chances,
        evidence=standing.e,
        stages=tuple(
            NeedRow(
                stage=name,
                labelled=evidence.n_records - missing[i],
                missing=missing[i],
                seconds=pace[name],
                gain=standing.gains[i],
                detectable=_detectable(standing.gains[i], n=standing.n or evidence.n_records),
                best_rank=standing.best[i],
                worst_rank=standing.worst[i],
                wanted=wanted[i],
                points=standing.points[i],
            )
            for i, name in enumerate(cascade.names)
        ),
        unlabelled=unlabelled,
        next=_next(evidence, lacking, order[: max(MOST_NEXT, proposed)].tolist()),
        minutes=minutes(wanted, list(pace.values()), fresh=proposed - unlabelled),
        sentence=_sentence(evidence, standing, more, unlabelled=unlabelled),
        proposed=proposed,
        most_minutes=minutes(lacking[order[:more]].sum(axis=0).tolist(), list(pace.values()), fresh=more - unlabelled),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    n: int
    is_decided: bool
    leader: str
    budget: Budget
    e: float
    gains: Sequence[Estimate]
    best: Sequence[int]
    worst: Sequence[int]
    points: Sequence[int]
    reason: str = ""


def _unknown(cascade: Cascade, reason: str) -> _Standing:
    k = len(cascade.stages)
    nothing = unmeasured(reason)
    none = Budget()
    return _Standing(
        n=0,
        is_decided=False,
        leader="",
        budget=none,
        e=1.0,
        gains=[nothing] * k,
        best=[1] * k,
        worst=[k] * k,
        points=[0] * k,
        reason=reason,
    )


def _standing(evidence: ev.Evidence, won: Gains, *, rng: np.random.Generator, resamples: int) -> _Standing:
    cascade = evidence.cascade
    order = list(won.weights)
    drawn = resample(won.columns, evidence.units, rng=rng, resamples=resamples)
    stairs = ceiling_of(drawn, won)
    by_stage = [stairs.step(name).gain for name in cascade.names]
    if not all(gain.is_measured for gain in by_stage):
        return _unknown(cascade, next(gain.method for gain in by_stage if not gain.is_measured))
    match = contest(drawn, stairs, won)
    ahead_of = outlook(drawn, won)
    return _Standing(
        n=won.n,
        is_decided=match.is_decided and won.n >= ENOUGH_RECORDS,
        leader=order[match.best],
        budget=ahead_of.budget,
        e=evidence_of_lead(won.table, evidence.units.codes, match.best),
        gains=by_stage,
        best=[ahead_of.best[order.index(name)] for name in cascade.names],
        worst=[ahead_of.worst[order.index(name)] for name in cascade.names],
        points=figures.printed_gains(stairs.system, by_stage, stairs.ceiling, is_staircase=is_chain(cascade)),
    )


def _more(standing: _Standing) -> int:
    if standing.is_decided:
        return 0
    if standing.n < ENOUGH_RECORDS:
        return ENOUGH_RECORDS - standing.n
    return max(FEWEST_NEXT, (standing.budget.records or 0) - standing.n)


def _proposed(standing: _Standing, more: int) -> int:
    halfway = standing.budget.halfway
    return more if halfway is None or not more else min(more, max(FEWEST_NEXT, halfway - standing.n))


def _lacking(evidence: ev.Evidence) -> NDArray[np.bool_]:
    """Say of each scored record (row) and stage (column) whether it has no reference."""
    names, whole = evidence.cascade.names, evidence.population
    known = [[(record.id, name) not in evidence.references for name in names] for record in evidence.records]
    looked_into = np.array(known, dtype=np.bool_).reshape(-1, len(names))
    if whole is None:
        return looked_into
    lacking = np.ones((whole.count, len(names)), dtype=np.bool_, order="F")  # read column by column
    lacking[list(whole.places)] = looked_into
    return lacking


def spaced(
    lacking: NDArray[np.bool_], names: Sequence[str], size: int, *, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The first `size` records that lack a label, in an order of which every beginning is a fair sample.

    Records that lack the same stages are spread evenly over the order, from a random start, each in its turn at
    random: so how many labels each stage wants hangs on no listing of records or stages, only which records do.
    """
    rows = np.flatnonzero(lacking.any(axis=1))
    if not len(rows):
        return rows
    kinds = np.zeros(len(rows), dtype=np.int64)
    for i in sorted(range(len(names)), key=names.__getitem__):
        if kinds.max() >= 2**16:  # small enough to be counted by place
            kinds = np.unique(kinds, return_inverse=True)[1]
        kinds = 2 * kinds + lacking[rows, i]
    rows = rows[np.argsort(kinds, kind="stable")]
    counts = [count for count in np.bincount(kinds).tolist() if count]
    starts = rng.random(len(counts)).tolist()
    share = min(1.0, (size + len(counts)) / max(1, len(rows)))
    chosen: list[NDArray[np.int64]] = []
    turns: list[NDArray[np.float64]] = []
    for own, count, start in zip(np.split(rows, np.cumsum(counts)[:-1]), counts, starts, strict=True):
        drawn = rng.permutation(count)[: math.ceil(share * count) + 1]
        chosen.append(own[drawn])
        turns.append((np.arange(len(drawn)) + start) / count)
    return np.concatenate(chosen)[np.argsort(np.concatenate(turns), kind="stable")][:size]


def _next(evidence: ev.Evidence, lacking: NDArray[np.bool_], rows: list[int]) -> tuple[NextLabel, ...]:
    whole = evidence.population
    ids = [evidence.records[row].id for row in rows] if whole is None else whole.names(rows)
    return tuple(
        NextLabel(
            record=record, stages=tuple(name for name, gone in zip(evidence.cascade.names, own, strict=True) if gone)
        )
        for record, own in zip(ids, lacking[rows].tolist(), strict=True)
    )


def _pace(evidence: ev.Evidence, stage: str) -> float | None:
    """The median active seconds of a label at a stage."""
    times: list[int] = [
        label.active_ms
        for (_, at), people in evidence.labels.items()
        for label in people.values()
        if at == stage and label.active_ms is not None
    ]
    return median(times) / 1000 if times else None


def minutes(wanted: Sequence[int], pace: Sequence[float | None], *, fresh: int = 0) -> float | None:
    """The time that so many labels at each stage take, at so many seconds each; None where a pace is missing.

    `fresh` records beyond those of the run take a label at every stage.
    """
    seconds = 0.0
    for count, each in zip(wanted, pace, strict=True):
        needed = count + max(0, fresh)
        if needed and each is None:
            return None
        seconds += needed * (each or 0.0)
    return seconds / 60


def _detectable(gain: Estimate, *, n: int) -> float:
    """The smallest gain that n records show, from the spread of the gain, or before there is one from `MOVED`."""
    if n < 2:
        return math.nan
    if not gain.is_measured or gain.high <= gain.low:
        return detectable_difference(n, variance=MOVED, power=USUAL_POWER)
    return detectable_difference(1, variance=((gain.high - gain.low) / (2 * 1.96)) ** 2, power=USUAL_POWER)


def _sentence(evidence: ev.Evidence, standing: _Standing, more: int, *, unlabelled: int) -> str:
    noun = evidence.cascade.noun
    if standing.is_decided:
        looked = (
            ""
            if standing.e >= DECIDES
            else f" Who looked before waits for evidence of {DECIDES:g} instead; it is {standing.e:.1f}."
        )
        return f"Decided: {standing.leader} is first. More labels would only sharpen the numbers.{looked}"
    if standing.reason:
        return f"{sentence(standing.reason)}."
    if standing.n < ENOUGH_RECORDS:
        return f"Label {counted(more, noun)} more at every stage: below {ENOUGH_RECORDS} no stage is named."
    firsts = [name for name, best in zip(evidence.cascade.names, standing.best, strict=True) if best == 1]
    first = [name for name in staircase_order(evidence.cascade) if name in firsts]
    start = (
        f"{sentence(listed(first))} can each be first." if len(first) > 1 else f"{sentence(first[0])} leads narrowly."
    )
    return f"{start} {_advice(evidence.cascade, standing, unlabelled=unlabelled)}"


def _advice(cascade: Cascade, standing: _Standing, *, unlabelled: int) -> str:
    """Say when to stop, what is promised at the latest, and what the records of the run are good for."""
    budget = standing.budget
    if budget.records is None:
        return unbounded(cascade.noun)
    stop = (
        f"Label in the order given and stop when the evidence reaches {DECIDES:g} (it is {standing.e:.1f}); in half of "
        f"the cases that takes {budget.halfway or 0:,} {plural(cascade.noun, 2)} in all."
    )
    promised = promised_at(budget, cascade.noun)
    if not unlabelled:
        return f"{stop} {promised} All of them must be new."
    reach = standing.n + unlabelled
    sure = next((promise.lead for promise in budget.promises if promise.records <= reach), None)
    left = f"With the {unlabelled:,} left in this run"
    if sure == budget.promises[0].lead:
        return f"{stop} {promised}"
    if sure is None:
        lead = figures.percent(budget.promises[-1].lead)
        return f"{stop} {promised} {left} not even a lead of {lead} points is sure to show."
    lead = figures.percent(sure)
    return f"{stop} {promised} {left} a lead of {lead} points or more is sure to show, a smaller one is not."


_MOST_NEXT = 12
"""Records to label next that a screen names."""
_COLUMNS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Labelled", unit=Unit.COUNT),
    Column(name="Missing", unit=Unit.COUNT),
    Column(name="Gain", unit=Unit.POINTS, key="gain"),
    Column(name="Rank", unit=Unit.TEXT),
    Column(name="Gain that would show", unit=Unit.POINTS, spare=2),
    Column(name="Seconds a label", unit=Unit.COUNT, spare=1),
)


def _time(view: NeedView) -> str:
    """What the first rank takes by blind answers, and why no verdict makes it faster; empty without a pace."""
    if view.minutes is None or not view.proposed:
        return ""
    start = f"At the pace of the labels so far {view.proposed:,} more take about {view.minutes:,.0f} minutes"
    if view.n < ENOUGH_RECORDS or view.most_minutes is None:
        return f"{start}."
    later = ""
    if view.more > view.proposed and view.promises:
        lead = figures.percent(view.promises[0].lead)
        later = f", {view.more:,} more ({view.most_minutes:,.0f} minutes) in 95% of those with a lead of {lead} points"
    return (
        f"{start}: these blind answers decide the first rank in half of the cases{later}. Verdicts decide no rank, for "
        "gains rest on blind answers alone."
    )


def need_sheet(view: NeedView) -> Sheet:
    """What would decide the ranking, where each stage stands, the chances, and the records to label next."""
    chances = view.chances[:: max(1, len(view.chances) // 5)]
    odds = ", ".join(f"{chance.records:,} records {figures.share(chance.share)}" for chance in chances)
    return Sheet(
        headline=view.sentence,
        parts=(
            _time(view),
            Table(
                columns=_COLUMNS,
                rows=tuple(
                    (
                        row.stage,
                        row.labelled,
                        row.missing,
                        Figure(estimate=row.gain, rounded=row.points, verdict=direction(row.gain)),
                        ranks(row.best_rank, row.worst_rank),
                        row.detectable,
                        row.seconds,
                    )
                    for row in view.stages
                ),
            ),
            f"Chance of naming the worst stage: {odds}." if odds and not view.is_decided else "",
            Table(
                title="Next to label",
                columns=(Column(name="Record", unit=Unit.TEXT), Column(name="At", unit=Unit.TEXT)),
                rows=tuple((record.record, ", ".join(record.stages)) for record in view.next),
                most=_MOST_NEXT,
            ),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLabels:
    """What a person can do for the ranking of the stages."""

    is_decided: bool
    wanted: Mapping[str, int]
    """Labels to make at each stage, in cascade order; stages that need none are left out."""
    minutes: float | None
    """For all of them; None while nobody's pace is known at one of the stages."""
    sentence: str
    run: str
    """Name of the run whose ranking it is."""
    newer: int
    """Labels that were made since this was computed."""


def next_labels(view: NeedView, own: Iterable[Label], *, newer: int = 0) -> NextLabels:
    """Say what the ranking needs, at the pace of the person whose labels are given, or else of everybody."""
    wanted = {row.stage: row.wanted for row in view.stages if row.wanted}
    mine = _next_pace(own)
    seconds = {row.stage: mine.get(row.stage, row.seconds) for row in view.stages}
    takes = minutes(list(wanted.values()), [seconds[stage] for stage in wanted]) if wanted else None
    advice = _next_sentence(view, wanted, takes, is_own=all(stage in mine for stage in wanted))
    return NextLabels(
        run=view.run,
        newer=newer,
        is_decided=view.is_decided,
        wanted=wanted,
        minutes=takes,
        sentence=f"{advice} {counted(newer, 'newer label')} not counted yet." if newer else advice,
    )


def _next_pace(own: Iterable[Label]) -> dict[str, float]:
    """A person's median active seconds a label by stage."""
    times: dict[str, list[int]] = {}
    for label in own:
        if label.action == "label" and label.active_ms is not None:
            times.setdefault(label.stage, []).append(label.active_ms)
    return {stage: median(durations) / 1000 for stage, durations in times.items()}


def _next_sentence(view: NeedView, wanted: Mapping[str, int], takes: float | None, *, is_own: bool) -> str:
    if view.is_decided:
        return "Which stage is worst is decided. More labels would only sharpen the numbers."
    more = f"{counted(view.proposed, view.noun)} more, labelled at every stage,"
    promised = (
        f"{more} make it possible to name the worst stage"
        if view.n < ENOUGH_RECORDS
        else f"{more} decide in half of the cases which stage is worst, {view.more:,} in nearly all"
    )
    new = max(0, view.proposed - view.unlabelled)
    if not wanted:
        return f"{promised}. Run {view.run} has no unlabelled {view.noun} left, so they must be new."
    parts = listed([f"{count:,} at {stage}" for stage, count in wanted.items()])
    pace = "your pace" if is_own else "the pace so far"
    time = "" if takes is None else f", about {max(1, round(takes)):,} min at {pace}"
    rest = f" {new:,} of them must be new." if new else ""
    return f"{promised}: {parts}{time}.{rest}"
