"""Methods of attribution side by side: what each says of every stage, and where they disagree."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.analysis.gains import SYSTEM_OUTCOME, Gains, ceiling_of, gains, staircase
from stagegap.analysis.verdict import ENOUGH_RECORDS, Contest, contest
from stagegap.attribution.ceiling import drawn_gains
from stagegap.attribution.faults import error_parts, hazard_column
from stagegap.attribution.swaps import is_chain, staircase_order
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import SYSTEM
from stagegap.model.wording import counted, listed, ranks, sentence, why_missing
from stagegap.stats.paired import direction
from stagegap.stats.ranks import rank_sets
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.stats.significance import holm
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Figure, Sheet, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class BlameRow:
    """What each method says of one stage."""

    stage: str
    gain: Estimate
    """What references at this stage add, those at all that it depends on being there: the mean over all orders that
    the edges allow (precedence Shapley), or over a sample of them."""
    points: int
    """The gain in whole points as every view prints it; 0 where it is not measured."""
    p: float
    """That the gain is 0: McNemar's exact p, for clusters and graded outcomes its sign-flip test."""
    p_adj: float
    """The same after Holm over the stages."""
    step: Estimate
    """The same along the one order of the staircase; on a chain it is the gain."""
    first_fault: Estimate
    """Share of the bad records in which this stage was not acceptable though all that it depends on were."""
    hazard: Estimate
    """Share of the records still right at this stage that first go wrong here."""
    answers_for: Estimate
    """Share of the bad records that this stage's reference, with those before it on the staircase, makes good:
    analysis by parts."""
    best_rank: int
    """By gain; the best and the worst rank that the data do not exclude, all stages at once."""
    worst_rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Blame:
    """The methods side by side."""

    cascade: str
    run: str
    noun: str
    outcome_name: str
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
    """How far a sample of orders decides the gains; empty where all orders are weighed."""
    staircase: tuple[str, ...]
    """The stages in the one order along which `step` and `answers_for` are counted."""
    is_chain: bool
    """The edges leave no other order."""
    disagreements: tuple[str, ...]
    """Where two methods point at different stages, and why they may."""


def blame(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> Blame:
    """Compare the methods on one run; with parallel branches that needs the outputs of `swaps.lattice_cells`."""
    cascade = evidence.cascade
    won = gains(evidence)
    if not won.is_measured:
        return _unmeasured(evidence, won.reason, resamples=resamples)
    names, order = cascade.names, staircase_order(cascade)
    reached = [ev.good(evidence, step) for step in won.steps]
    bad = 1 - reached[0]
    parts = error_parts(order, reached)
    is_first = np.any([*evidence.faults.first.values()], axis=0)
    columns = {**won.columns, **_fault_columns(evidence, bad)}
    for position, name in enumerate(order):
        columns[f"parts {name}"] = np.where(bad == 1, (parts.cause == position).astype(np.float64), math.nan)
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    stairs = ceiling_of(drawn, won)
    is_measured = all(step.gain.is_measured for step in stairs.steps)
    match = contest(drawn, stairs, won) if is_measured and won.n >= ENOUGH_RECORDS else None
    best, worst = _ranks(drawn, won, is_measured=is_measured)
    by_stage = [stairs.step(name) for name in names]
    p_adjusted = holm(np.array([step.p for step in by_stage]))
    is_one_order, by_gain = is_chain(cascade), [step.gain for step in by_stage]
    points = figures.printed_gains(stairs.system, by_gain, stairs.ceiling, is_staircase=is_one_order)
    steps = {step.stage: step.gain for step in staircase(evidence, won, stairs, resamples=resamples)}
    rows = tuple(
        BlameRow(
            stage=name,
            gain=by_stage[i].gain,
            points=points[i],
            p=by_stage[i].p,
            p_adj=float(p_adjusted[i]),
            step=steps[name],
            first_fault=drawn.mean(f"first {name}"),
            hazard=_known(drawn.mean(f"hazard {name}")),
            answers_for=drawn.mean(f"parts {name}"),
            best_rank=best[order.index(name)],
            worst_rank=worst[order.index(name)],
        )
        for i, name in enumerate(names)
    )
    return Blame(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        outcome_name=ev.outcome_name(cascade),
        stages=rows,
        n=won.n,
        bad=int((bad == 1).sum()),
        beyond=parts.beyond,
        unexplained=int(((bad == 1) & ~is_first & ~evidence.faults.is_unknown).sum()),
        unknown=int(((bad == 1) & evidence.faults.is_unknown).sum()),
        named=order[match.best] if match is not None and match.is_decided else "",
        named_gain=_named_gain(match),
        sampled=won.note,
        staircase=order,
        is_chain=is_one_order,
        disagreements=_disagreements(rows, is_chain=is_one_order),
    )


def _fault_columns(evidence: ev.Evidence, bad: ev.Floats) -> dict[str, ev.Floats]:
    """First faults among the bad records, and faults among those that are right up to a stage."""
    faults = evidence.faults
    accepted = {name: ev.accepted(evidence, name) for name in evidence.cascade.names}
    known = (bad == 1) & ~faults.is_unknown
    columns: dict[str, ev.Floats] = {}
    for name in staircase_order(evidence.cascade):
        columns[f"first {name}"] = np.where(known, faults.first[name].astype(np.float64), math.nan)
        columns[f"hazard {name}"] = hazard_column(accepted, name, evidence.ancestors[name])
    return columns


def _unmeasured(evidence: ev.Evidence, reason: str, *, resamples: int) -> Blame:
    """What the faults of the system's own outputs say, where no gain is known."""
    cascade = evidence.cascade
    nothing = unmeasured(reason)
    bad, faults = 1 - ev.good(evidence, ev.outcome_scores(evidence, SYSTEM)), evidence.faults
    rng = np.random.default_rng(evidence.seed)
    drawn = resample(_fault_columns(evidence, bad), evidence.units, rng=rng, resamples=resamples)
    k = len(cascade.stages)
    rows = tuple(
        BlameRow(
            stage=name,
            gain=nothing,
            points=0,
            p=math.nan,
            p_adj=math.nan,
            step=nothing,
            first_fault=_known(drawn.mean(f"first {name}"), otherwise="no bad record's first fault is known"),
            hazard=_known(drawn.mean(f"hazard {name}")),
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
        outcome_name=ev.outcome_name(cascade),
        stages=rows,
        n=int((~np.isnan(bad)).sum()),
        bad=int((bad == 1).sum()),
        beyond=0,
        unexplained=faults.unexplained,
        unknown=faults.unknown,
        named="",
        named_gain=nothing,
        sampled="",
        staircase=staircase_order(cascade),
        is_chain=is_chain(cascade),
        disagreements=(),
    )


def _known(estimate: Estimate, *, otherwise: str = "no record is still right here") -> Estimate:
    return estimate if estimate.n else unmeasured(f"not measured: {otherwise}")


def _named_gain(match: Contest | None) -> Estimate:
    if match is None:
        return unmeasured(f"too few: no stage is named below {ENOUGH_RECORDS} records")
    return match.picked or unmeasured("not measured: no stage stands out")


def _ranks(drawn: Resamples, won: Gains, *, is_measured: bool) -> tuple[tuple[int, ...], tuple[int, ...]]:
    k = len(won.weights)
    if not is_measured:
        return (1,) * k, (k,) * k
    table = won.table
    values = table[~np.isnan(table).any(axis=1)].mean(axis=0)
    ranks = rank_sets(values, drawn_gains(drawn, won.weights, SYSTEM_OUTCOME), rows=table, codes=drawn.clusters.codes)
    return ranks.best, ranks.worst


def _disagreements(rows: Sequence[BlameRow], *, is_chain: bool) -> tuple[str, ...]:
    """Say where the stage with the largest gain is not the one that another method points at.

    Where several share the largest figure, the methods disagree only when no stage is among both. Analysis by parts is
    asked on chains only: with branches it follows one of several orders.
    """
    by_gain = _top([row.gain for row in rows])
    if not by_gain:
        return ()
    gain = _names(rows, by_gain)
    notes: list[str] = []
    by_fault = _top([row.first_fault for row in rows])
    if by_fault and not by_fault & by_gain:
        lead = _names(rows, by_fault)
        notes.append(
            f"Bad records most often first go wrong at {lead}, but correcting {gain} gains most: "
            f"a later stage recovers from {lead}'s faults, or fails on its own as well."
        )
    by_parts = _top([row.answers_for for row in rows]) if is_chain else frozenset[int]()
    if by_parts and not by_parts & by_gain:
        lead = _names(rows, by_parts)
        notes.append(
            f"References up to {lead} first make most bad records good, but the gain of {gain} is "
            f"larger: correcting {lead} also breaks records."
        )
    return tuple(notes)


def _names(rows: Sequence[BlameRow], places: Collection[int]) -> str:
    return listed(sorted(rows[i].stage for i in places))


def _top(estimates: Sequence[Estimate]) -> frozenset[int]:
    """Where the largest value stands, each place of an exact tie; nothing where one is not measured."""
    if not all(estimate.is_measured for estimate in estimates):
        return frozenset()
    largest = max(estimate.value for estimate in estimates)
    return frozenset(i for i, estimate in enumerate(estimates) if estimate.value >= largest - 1e-9)


_PICKED = (
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Gain without what being picked adds", unit=Unit.POINTS, key="named_gain", is_hidden=True),
)


def _columns(*, is_chain: bool) -> tuple[Column, ...]:
    return (
        Column(name="Stage", unit=Unit.TEXT, key="stage"),
        Column(name="Gain", unit=Unit.POINTS, key="gain"),
        Column(name="Along one order", unit=Unit.POINTS, key="step", spare=3, is_hidden=is_chain),
        Column(name="First fault", unit=Unit.SHARE, key="first_fault", spare=5),
        Column(name="Hazard", unit=Unit.SHARE, key="hazard", spare=2),
        Column(name="Answers for", unit=Unit.SHARE, key="answers_for", spare=4),
        Column(name="Rank", unit=Unit.TEXT),
        Column(name="p, adjusted", unit=Unit.P, spare=1),
    )


def blame_sheet(view: Blame) -> Sheet:
    """One row a stage, one column a method; then where they disagree."""
    named = (
        f"{view.named} is named; allowing for its being picked as the largest, it gains "
        f"{figures.figure(view.named_gain, Unit.POINTS)}."
    )
    return Sheet(
        headline=f"{sentence(view.named) if view.named else 'No stage'} is named, from {counted(view.n, view.noun)}",
        parts=(
            Table(columns=_columns(is_chain=view.is_chain), rows=tuple(_cells(row) for row in view.stages)),
            f"{counted(view.n, view.noun)} scored, {view.bad:,} bad: {view.beyond:,} beyond references, "
            f"{view.unexplained:,} with every stage acceptable, {view.unknown:,} whose first fault is not known.",
            ""
            if view.is_chain
            else 'Gain is the mean over all orders in which branches can be mended; "Along one order" and "Answers '
            f'for" follow {", ".join(view.staircase)}.',
            named if view.named else "",
            view.sampled,
            *view.disagreements,
            *why_missing((row.stage, gain) for row in view.stages for gain in (row.gain, row.step, row.hazard)),
            Table(columns=_PICKED, rows=((view.named, view.named_gain),)),
        ),
    )


def _cells(row: BlameRow) -> tuple[Entry, ...]:
    tested = row.gain.is_measured
    gain = Figure(
        estimate=row.gain,
        rounded=row.points,
        p=row.p if tested else math.nan,
        p_adj=row.p_adj if tested else math.nan,
        verdict=direction(row.gain) if tested else "",
    )
    return (
        row.stage,
        gain,
        row.step,
        row.first_fault,
        row.hazard,
        row.answers_for,
        ranks(row.best_rank, row.worst_rank),
        gain.p_adj,
    )
