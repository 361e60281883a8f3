"""What to label next: how many records until the worst stage is named, which ones, and how long it takes people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.contest import contest, outlook
from stagegap.analysis.rounding import percent
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.analysis.wording import counted, listed, sentence
from stagegap.attribution.ceiling import ceiling
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.naming import Budget, Chance
from stagegap.stats.planning import detectable_difference
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.stats.sequential import e_value

Floats = NDArray[np.float64]
MOST_NEXT = 50
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
    n: int
    """Records with an outcome in every swap cell."""
    is_decided: bool
    budget: int | None
    """Records in all at which the worst stage is named in 95% of cases; None when no sensible number is known."""
    more: int | None
    """Of these, records to come."""
    chances: tuple[Chance, ...]
    evidence: float
    """E-value of the best stage against its rival: 20 decides, however often one looks; 1 is no evidence."""
    stages: tuple[NeedRow, ...]
    unlabelled: int
    """Records of the run that lack a reference somewhere."""
    next: tuple[NextLabel, ...]
    """In random order, so that any prefix is a fair sample; at least those that are proposed, or 50."""
    minutes: float | None
    """To label `more` records at the pace of the people so far; None when it is not known."""
    sentence: str
    proposed: int = 0
    """Records to label next: `more`, or where no number can be promised as many as there are by now."""


def need_view(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> NeedView:
    """Plan the next labels of one run."""
    cascade = evidence.cascade
    steps, reason = ev.prefix_outcomes(evidence)
    rng = np.random.default_rng(evidence.seed)
    standing = _standing(evidence, steps, rng=rng, resamples=resamples) if steps else _unknown(cascade, reason)
    lacking = _lacking(evidence)
    unlabelled = np.flatnonzero(lacking.any(axis=1))
    order: list[int] = unlabelled[rng.permutation(len(unlabelled))].tolist()
    pace = {name: _pace(evidence, name) for name in cascade.names}
    more = _more(standing)
    proposed = _proposed(standing, more)
    missing, wanted = lacking.sum(axis=0).tolist(), lacking[order[:proposed]].sum(axis=0).tolist()
    return NeedView(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        n=standing.n,
        is_decided=standing.is_decided,
        budget=standing.budget.records,
        more=more,
        chances=standing.budget.chances,
        evidence=standing.e,
        stages=tuple(
            NeedRow(
                stage=name,
                labelled=len(evidence.records) - missing[i],
                missing=missing[i],
                seconds=pace[name],
                gain=standing.gains[i],
                detectable=_detectable(standing.gains[i], n=standing.n or len(evidence.records)),
                best_rank=standing.best[i],
                worst_rank=standing.worst[i],
                wanted=wanted[i],
            )
            for i, name in enumerate(cascade.names)
        ),
        unlabelled=len(order),
        next=tuple(_next(evidence, lacking, i) for i in order[: max(MOST_NEXT, proposed)]),
        minutes=None if more is None else minutes(wanted, list(pace.values()), fresh=more - len(order)),
        sentence=_sentence(evidence, standing, more, unlabelled=len(order)),
        proposed=proposed,
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
    reason: str = ""


def _unknown(cascade: Cascade, reason: str) -> _Standing:
    k = len(cascade.stages)
    nothing = unmeasured(reason)
    none = Budget(records=None, chances=())
    return _Standing(
        n=0,
        is_decided=False,
        leader="",
        budget=none,
        e=1.0,
        gains=[nothing] * k,
        best=[1] * k,
        worst=[k] * k,
        reason=reason,
    )


def _standing(evidence: ev.Evidence, steps: Sequence[Floats], *, rng: np.random.Generator, resamples: int) -> _Standing:
    cascade = evidence.cascade
    columns = [f"outcome {i}" for i in range(len(steps))]
    drawn = resample(
        dict(zip(columns, steps, strict=True)),
        evidence.units,
        rng=rng,
        resamples=resamples,
    )
    stairs = ceiling(drawn, stages=cascade.names, columns=columns)
    gains = [step.gain for step in stairs.steps]
    n = int((~np.isnan(steps[0])).sum())
    if not all(gain.is_measured for gain in gains):
        return _unknown(cascade, next(gain.method for gain in gains if not gain.is_measured))
    match = contest(drawn, stairs, columns)
    ahead_of = outlook(drawn, columns, rng=rng)
    moved = np.diff(np.stack(steps, axis=1), axis=1)
    ahead = moved[:, match.best] - (0.0 if match.rival is None else moved[:, match.rival])
    is_decided = match.is_decided and n >= ENOUGH_RECORDS
    return _Standing(
        n=n,
        is_decided=is_decided,
        leader=cascade.names[match.best],
        budget=ahead_of.budget,
        e=e_value(int((ahead > 1e-12).sum()), int((ahead < -1e-12).sum())),
        gains=gains,
        best=ahead_of.best,
        worst=ahead_of.worst,
    )


def _more(standing: _Standing) -> int | None:
    if standing.is_decided:
        return 0
    if standing.n < ENOUGH_RECORDS:
        return ENOUGH_RECORDS - standing.n
    return None if standing.budget.records is None else max(10, standing.budget.records - standing.n)


def _proposed(standing: _Standing, more: int | None) -> int:
    return _twice(standing).records - standing.n if more is None else more


def _twice(standing: _Standing) -> Chance:
    """Give what about as many records again would do."""
    return next(chance for chance in standing.budget.chances if chance.records >= 2 * standing.n)


def _lacking(evidence: ev.Evidence) -> NDArray[np.bool_]:
    """Say of each record (row) and stage (column) whether it has no reference."""
    names, records = evidence.cascade.names, evidence.records
    there = evidence.references
    columns = [np.fromiter(((one.id, name) not in there for one in records), bool, len(records)) for name in names]
    return np.stack(columns, axis=1)


def _next(evidence: ev.Evidence, lacking: NDArray[np.bool_], row: int) -> NextLabel:
    stages = tuple(name for name, gone in zip(evidence.cascade.names, lacking[row].tolist(), strict=True) if gone)
    return NextLabel(record=evidence.records[row].id, stages=stages)


def _pace(evidence: ev.Evidence, stage: str) -> float | None:
    """Give the median active seconds of a label at a stage."""
    times: list[int] = [
        label.active_ms
        for (_, at), people in evidence.labels.items()
        for label in people.values()
        if at == stage and label.active_ms is not None
    ]
    return median(times) / 1000 if times else None


def minutes(wanted: Sequence[int], pace: Sequence[float | None], *, fresh: int = 0) -> float | None:
    """Give the time that so many labels at each stage take, at so many seconds each; None where a pace is missing.

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
    """Give the smallest gain that n records show, from the spread of the gain, or before there is one from `MOVED`."""
    if n < 2:
        return math.nan
    if not gain.is_measured or gain.high <= gain.low:
        return detectable_difference(n, variance=MOVED, power=USUAL_POWER)
    return detectable_difference(1, variance=((gain.high - gain.low) / (2 * 1.96)) ** 2, power=USUAL_POWER)


def _sentence(evidence: ev.Evidence, standing: _Standing, more: int | None, *, unlabelled: int) -> str:
    noun = evidence.cascade.noun
    if standing.is_decided:
        return f"Decided: {standing.leader} is first. More labels would only sharpen the numbers."
    if standing.reason:
        return f"{sentence(standing.reason)}."
    if more is not None and standing.n < ENOUGH_RECORDS:
        return f"Label {counted(more, noun)} more at every stage: below {ENOUGH_RECORDS} no stage is named."
    first = [name for name, best in zip(evidence.cascade.names, standing.best, strict=True) if best == 1]
    start = (
        f"{sentence(listed(first))} can each be first." if len(first) > 1 else f"{sentence(first[0])} leads narrowly."
    )
    if more is None:
        later = _twice(standing)
        return (
            f"{start} How many labels would part them can't be promised yet: {later.records - standing.n:,} more would "
            f"name one with a chance of {percent(later.share)}%. Label so many and look again."
        )
    new = f" {more - unlabelled:,} of them must be new." if more > unlabelled else ""
    return f"{start} {counted(more, noun)} more, labelled at every stage, name the worst stage in 95% of cases.{new}"
