"""Methods of attribution side by side: what each says of every stage, and where they disagree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.contest import Contest, contest
from stagegap.analysis.order_free import order_free
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.attribution.causes import hazard_column
from stagegap.attribution.ceiling import Ceiling, ceiling
from stagegap.attribution.faults import UNKNOWN, account
from stagegap.attribution.parts import error_parts
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.multiple import holm
from stagegap.stats.ranks import rank_sets
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.tables import figures

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlameRow:
    """What each method says of one stage."""

    stage: str
    gain: Estimate
    """References at this stage, those at all earlier stages being there: depends on the order of parallel branches."""
    points: int
    """The gain in whole points as every view prints it; 0 where it is not measured."""
    p: float
    """That the gain is 0: McNemar's exact p, for clusters and graded outcomes its sign-flip test."""
    p_adj: float
    """The same after Holm over the stages."""
    order_free: Estimate
    """The same, averaged over all orders that the cascade allows (precedence Shapley), or over a sample of them."""
    order_free_points: int
    """The same in whole points, which add up as the gains do."""
    first_fault: Estimate
    """Share of the bad records in which this stage was the first that was not acceptable."""
    hazard: Estimate
    """Share of the records still right at this stage that first go wrong here."""
    answers_for: Estimate
    """Share of the bad records that this stage's reference, with those before it, makes good: analysis by parts."""
    best_rank: int
    """By gain; the best and the worst rank that the data do not exclude, all stages at once."""
    worst_rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """The methods side by side."""

    cascade: str
    run: str
    noun: str
    stages: tuple[BlameRow, ...]
    n: int
    """Records with an outcome in every swap cell."""
    bad: int
    beyond: int
    """Bad records that stay bad with references at every stage."""
    unexplained: int
    """Bad records in which every stage is acceptable."""
    unknown: int
    """Bad records whose first fault can't be said for want of references."""
    named: str
    """The stage whose gain is the largest beyond doubt, by the rule of the verdict; empty when none stands out."""
    named_gain: Estimate
    """Its gain without what being picked as the largest adds: shown beside it, because the largest of several noisy
    figures is too large."""
    sampled: str
    """How far a sample of orders decides the order-free gains; empty where all orders are weighed."""
    disagreements: tuple[str, ...]
    """Where two methods point at different stages, and why they may."""


def blame(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> Blame:
    """Compare the methods on one run; `order_free` needs the outputs of `swaps.lattice_cells`."""
    cascade = evidence.cascade
    units = evidence.units
    steps, reason = ev.prefix_outcomes(evidence)
    if not steps:
        return _unmeasured(evidence, reason)
    names = cascade.names
    reached = [ev.good(evidence, step) for step in steps]
    bad = 1 - reached[0]
    parts = error_parts(names, reached)
    accepted = {name: ev.accepted(evidence, name) for name in names}
    faults = account(accepted, evidence.ancestors, bad=bad)
    columns = {f"outcome {i}": step for i, step in enumerate(steps)}
    for position, name in enumerate(names):
        known = (bad == 1) & (faults.first != UNKNOWN)
        columns[f"first {name}"] = np.where(known, (faults.first == position).astype(np.float64), math.nan)
        columns[f"hazard {name}"] = hazard_column(accepted, name)
        columns[f"parts {name}"] = np.where(bad == 1, (parts.cause == position).astype(np.float64), math.nan)
    drawn = resample(columns, units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    free = order_free(evidence, resamples=resamples)
    outcomes = ev.outcome_columns(cascade)
    stairs = ceiling(drawn, stages=names, columns=outcomes)
    gains = [step.gain for step in stairs.steps]
    is_measured = all(gain.is_measured for gain in gains)
    match = contest(drawn, stairs, outcomes) if is_measured and _scored(steps) >= ENOUGH_RECORDS else None
    best, worst = _ranks(drawn, gains)
    p = np.array([step.p for step in stairs.steps])
    p_adjusted = holm(p)
    points = figures.printed_gains(stairs.system, gains, stairs.ceiling)
    free_points = _points_of(free.gains, stairs)
    rows = tuple(
        BlameRow(
            stage=name,
            gain=gains[i],
            points=points[i],
            p=float(p[i]),
            p_adj=float(p_adjusted[i]),
            order_free=free.gains[i],
            order_free_points=free_points[i],
            first_fault=drawn.mean(f"first {name}"),
            hazard=_hazard(drawn.mean(f"hazard {name}")),
            answers_for=drawn.mean(f"parts {name}"),
            best_rank=best[i],
            worst_rank=worst[i],
        )
        for i, name in enumerate(names)
    )
    return Blame(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        stages=rows,
        n=_scored(steps),
        bad=int((bad == 1).sum()),
        beyond=parts.beyond,
        unexplained=faults.unexplained,
        unknown=faults.unknown,
        named=names[match.best] if match is not None and match.is_decided else "",
        named_gain=_named_gain(match),
        sampled=free.note,
        disagreements=_disagreements(rows),
    )


def _unmeasured(evidence: ev.Evidence, reason: str) -> Blame:
    cascade = evidence.cascade
    nothing = unmeasured(reason)
    k = len(cascade.stages)
    rows = tuple(
        BlameRow(
            stage=name,
            gain=nothing,
            points=0,
            p=math.nan,
            p_adj=math.nan,
            order_free=nothing,
            order_free_points=0,
            first_fault=nothing,
            hazard=nothing,
            answers_for=nothing,
            best_rank=1,
            worst_rank=k,
        )
        for name in cascade.names
    )
    return Blame(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        stages=rows,
        n=0,
        bad=0,
        beyond=0,
        unexplained=0,
        unknown=0,
        named="",
        named_gain=nothing,
        sampled="",
        disagreements=(),
    )


def _points_of(gains: Sequence[Estimate], stairs: Ceiling) -> tuple[int, ...]:
    """Round order-free gains together where they rest on the records of the ceiling, else each alone."""
    adds_up = abs(sum(gain.value for gain in gains) - stairs.headroom.value) < 1e-6
    return figures.printed_gains(
        stairs.system, gains, stairs.ceiling if adds_up else unmeasured("another set of records")
    )


def _hazard(found: Estimate) -> Estimate:
    return found if found.n else unmeasured("not measured: no record is still right here")


def _scored(steps: Sequence[Floats]) -> int:
    return int((~np.isnan(steps[0])).sum())


def _named_gain(match: Contest | None) -> Estimate:
    if match is None:
        return unmeasured(f"too few: no stage is named below {ENOUGH_RECORDS} records")
    return match.picked or unmeasured("not measured: no stage stands out")


def _ranks(drawn: Resamples, gains: Sequence[Estimate]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    k = len(gains)
    if not all(gain.is_measured for gain in gains):
        return (1,) * k, (k,) * k
    means = np.stack([drawn.means[f"outcome {i}"] for i in range(k + 1)], axis=1)
    found = rank_sets(np.array([gain.value for gain in gains]), np.diff(means, axis=1), units=drawn.units("outcome 0"))
    return found.best, found.worst


def _disagreements(rows: Sequence[BlameRow]) -> tuple[str, ...]:
    """Say where the stage with the largest gain is not the one that another method points at."""
    by_gain = _top([row.gain for row in rows])
    if by_gain is None:
        return ()
    gain = rows[by_gain].stage
    notes: list[str] = []
    by_fault = _top([row.first_fault for row in rows])
    if by_fault is not None and by_fault != by_gain:
        notes.append(
            f"Bad records most often first go wrong at {rows[by_fault].stage}, but references at {gain} gain most: "
            f"a later stage recovers from {rows[by_fault].stage}'s faults, or fails on its own as well."
        )
    by_parts = _top([row.answers_for for row in rows])
    if by_parts is not None and by_parts != by_gain:
        notes.append(
            f"References up to {rows[by_parts].stage} first make most bad records good, but the gain of {gain} is "
            f"larger: references at {rows[by_parts].stage} also break records."
        )
    by_order = _top([row.order_free for row in rows])
    if by_order is not None and by_order != by_gain:
        notes.append(
            f"Averaged over the orders of parallel branches, {rows[by_order].stage} gains most, not {gain}: "
            "what they win together is booked on the later one."
        )
    return tuple(notes)


def _top(estimates: Sequence[Estimate]) -> int | None:
    if not all(estimate.is_measured for estimate in estimates):
        return None
    return max(range(len(estimates)), key=lambda i: estimates[i].value)
