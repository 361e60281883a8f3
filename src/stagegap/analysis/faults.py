"""Where records go wrong: fault accounting per stage, the funnel, the edges, and three causes for each bad record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.failures import title
from stagegap.attribution.faults import (
    BEYOND,
    Faults,
    Parts,
    Transition,
    error_parts,
    hazard_column,
    root_causes,
    transitions,
)
from stagegap.attribution.swaps import staircase_order
from stagegap.model.answer import Status
from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted, listed
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Sheet, Table

Floats = NDArray[np.float64]
MOST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """What became of the records at one stage."""

    stage: str
    scored: int
    fault_rate: Estimate
    """Share of the scored records at which the stage is not acceptable, whatever it received."""
    introduced: int
    """Not acceptable although every ancestor is."""
    inherited: int
    """Not acceptable, and so is an ancestor."""
    recovered: int
    """Acceptable although an ancestor is not."""
    reached: int
    """Scored records of which all that the stage depends on is acceptable."""
    hazard: Estimate
    """Share of these that first go wrong here: the rate to hold against a person's."""
    first_faults: int
    """Bad records that first went wrong here."""
    unknown: int
    """Bad records of which nobody can say whether they first went wrong here: no score here, or none above."""
    masked: int
    """First fault here, and yet the record ended good."""
    root_causes: int
    """Bad records in which this is a first fault that nothing recovered from; of those alone of which that is known."""
    answers_for: int | None
    """Bad records that this stage's reference, with those before it on the staircase, makes good; None without a
    ceiling."""
    joint: int | None
    """Of these, records that also need a reference on another branch; None where that was not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRecord:
    """One bad record with its three causes; empty where there is none or it is not known.

    Where branches went wrong beside each other, a cause names each of them.
    """

    record: str
    title: str
    first_fault: str
    root_cause: str
    counterfactual: str
    """The first stage of the staircase whose reference, with those before it, makes the record good: measured."""
    is_joint: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultsView:
    """Fault accounting of one run."""

    cascade: str
    run: str
    noun: str
    outcome_name: str
    n: int
    """Records whose outcome has a score."""
    bad: int
    unexplained: int
    """Bad records in which every stage is acceptable: the references or the bars miss something."""
    unknown: int
    """Bad records whose first fault can't be said for want of references."""
    several: int
    """Bad records in which several stages were first, each on a branch of its own."""
    beyond: int | None
    """Bad records that stay bad with references at every stage; None without a ceiling."""
    no_ceiling: str
    """Why the causes measured by running are missing; empty when they are there."""
    stages: tuple[FaultRow, ...]
    together: tuple[tuple[int, ...], ...]
    """Row i, column j: records at which stage i and stage j are both not acceptable; the diagonal holds each alone."""
    edges: tuple[Transition, ...]
    records: tuple[FaultRecord, ...]
    """Bad records, at most 200, in the order of their first fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Causes:
    faults: Faults
    roots: Mapping[str, Floats]
    parts: Parts | None
    joint: Mapping[str, Floats]
    """Per stage where it was run: the outcome with references at the stage and at all that it depends on."""
    no_ceiling: str


def faults_view(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> FaultsView:
    """Account for the faults of one run; only the counterfactual causes rest on swap cells."""
    cascade = evidence.cascade
    accepted = {name: ev.accepted(evidence, name) for name in cascade.names}
    bad = 1 - ev.good(evidence, ev.outcome_scores(evidence, ev.SYSTEM))
    causes = _causes(evidence, accepted, bad)
    order = staircase_order(cascade)
    columns = {f"fault {name}": 1 - accepted[name] for name in order}
    columns |= {f"hazard {name}": hazard_column(accepted, name, evidence.ancestors[name]) for name in order}
    drawn = resample(
        columns,
        evidence.units,
        rng=np.random.default_rng(evidence.seed),
        resamples=resamples,
    )
    ran = {name: _ran(evidence, name) for name in cascade.names}
    parents = {stage.name: stage.parents for stage in cascade.stages}
    return FaultsView(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        outcome_name=ev.outcome_name(cascade),
        n=int((~np.isnan(bad)).sum()),
        bad=int((bad == 1).sum()),
        unexplained=causes.faults.unexplained,
        unknown=causes.faults.unknown,
        several=causes.faults.several,
        beyond=causes.parts.beyond if causes.parts else None,
        no_ceiling=causes.no_ceiling,
        stages=tuple(_row(causes, drawn, position, name) for position, name in enumerate(cascade.names)),
        together=causes.faults.together,
        edges=transitions(accepted, ran, parents, evidence.ancestors),
        records=_records(evidence, causes, bad),
    )


def _causes(evidence: ev.Evidence, accepted: Mapping[str, Floats], bad: Floats) -> _Causes:
    cascade = evidence.cascade
    steps, reason = ev.prefix_outcomes(evidence)
    closed = {name: ev.closed_outcome(evidence, name) for name in cascade.names}
    ran = {name: ev.good(evidence, outcome) for name, outcome in closed.items() if outcome is not None}
    reached = [ev.good(evidence, step) for step in steps]
    children = {name: cascade.children(name) for name in cascade.names}
    return _Causes(
        faults=evidence.faults,
        roots=root_causes(accepted, children, evidence.ancestors, outcome=cascade.outcome.stage, bad=bad),
        parts=error_parts(staircase_order(cascade), reached, alone=ran) if steps else None,
        joint=ran,
        no_ceiling=reason,
    )


def _ran(evidence: ev.Evidence, stage: str) -> NDArray[np.bool_]:
    outputs = evidence.system(stage)
    skipped = (Status.SKIPPED, Status.BLOCKED)
    return evidence.column(lambda r: r.id in outputs and outputs[r.id].status not in skipped) == 1


def _row(causes: _Causes, drawn: Resamples, position: int, stage: str) -> FaultRow:
    counts = causes.faults.stages[position]
    part = next(part for part in causes.parts.parts if part.stage == stage) if causes.parts else None
    return FaultRow(
        stage=stage,
        scored=counts.scored,
        fault_rate=drawn.mean(f"fault {stage}"),
        introduced=counts.introduced,
        inherited=counts.inherited,
        recovered=counts.recovered,
        reached=counts.reached,
        hazard=drawn.mean(f"hazard {stage}"),
        first_faults=counts.first,
        unknown=counts.unknown,
        masked=counts.masked,
        root_causes=int((causes.roots[stage] == 1).sum()),
        answers_for=part.count if part else None,
        joint=part.joint if part and stage in causes.joint else None,
    )


def _records(evidence: ev.Evidence, causes: _Causes, bad: Floats) -> tuple[FaultRecord, ...]:
    order = staircase_order(evidence.cascade)
    first = {i: [name for name in order if causes.faults.first[name][i]] for i in np.flatnonzero(bad == 1).tolist()}
    places = {name: place for place, name in enumerate(order)}
    rows = sorted(first, key=lambda i: ([places[name] for name in first[i]] or [len(order)], evidence.records[i].id))
    records: list[FaultRecord] = []
    for i in rows[:MOST_ROWS]:
        cause = int(causes.parts.cause[i]) if causes.parts else BEYOND
        stage = order[cause] if cause >= 0 else ""
        alone = causes.joint.get(stage)
        roots = [name for name in order if causes.roots[name][i] == 1]
        is_unknown = not roots and any(np.isnan(column[i]) for column in causes.roots.values())
        records.append(
            FaultRecord(
                record=evidence.records[i].id,
                title=title(evidence.records[i], evidence.cascade),
                first_fault="not known" if causes.faults.is_unknown[i] else listed(first[i]) if first[i] else "",
                root_cause="not known" if is_unknown else listed(roots) if roots else "",
                counterfactual=stage,
                is_joint=alone is not None and bool(alone[i] == 0),
            )
        )
    return tuple(records)


_MOST = 12
"""Records whose causes a screen shows."""
_STAGES = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Reached", unit=Unit.COUNT),
    Column(name="Fault rate", unit=Unit.SHARE, key="fault_rate", is_hidden=True),
    Column(name="Hazard", unit=Unit.SHARE, key="hazard"),
    Column(name="First", unit=Unit.COUNT),
    Column(name="Not known", unit=Unit.COUNT),
    Column(name="Masked", unit=Unit.COUNT, spare=2),
    Column(name="Introduced", unit=Unit.COUNT, spare=4),
    Column(name="Inherited", unit=Unit.COUNT, spare=3),
    Column(name="Recovered", unit=Unit.COUNT),
    Column(name="Root", unit=Unit.COUNT),
    Column(name="By swap", unit=Unit.COUNT),
    Column(name="Joint", unit=Unit.COUNT, spare=1),
)
_EDGES = (
    Column(name="From", unit=Unit.TEXT),
    Column(name="To", unit=Unit.TEXT),
    Column(name="Faults", unit=Unit.COUNT),
    Column(name="Of", unit=Unit.COUNT),
)
_RECORDS = (
    Column(name="Record", unit=Unit.TEXT),
    Column(name="First fault", unit=Unit.TEXT),
    Column(name="Root cause", unit=Unit.TEXT),
    Column(name="By swap", unit=Unit.TEXT),
    Column(name="Begins", unit=Unit.TEXT, is_cut=True, is_record=True),
)


def faults_sheet(view: FaultsView) -> Sheet:
    """The accounts of every stage, the edges along which faults come, and the causes of the first bad records."""
    beyond = "" if view.beyond is None else f", {view.beyond:,} beyond references"
    return Sheet(
        headline=f"Where {view.cascade} goes wrong in {view.run}",
        parts=(
            Table(columns=_STAGES, rows=tuple(_accounts(row) for row in view.stages)),
            f"{counted(view.n, view.noun)} scored, {view.bad:,} bad: {view.unexplained:,} with every stage acceptable, "
            f"{view.unknown:,} whose first fault is not known{beyond}.",
            f"By swap: {view.no_ceiling}." if view.no_ceiling else "",
            Table(
                title="Faults by the last stage before them",
                columns=_EDGES,
                rows=tuple((edge.last or "(record)", edge.stage, edge.faults, edge.attempts) for edge in view.edges),
            ),
            Table(
                title="Causes of the bad records",
                columns=_RECORDS,
                rows=tuple(
                    (row.record, row.first_fault or None, row.root_cause or None, row.counterfactual or None, row.title)
                    for row in view.records
                ),
                most=_MOST,
            ),
        ),
    )


def _accounts(row: FaultRow) -> tuple[Entry, ...]:
    counts = (row.first_faults, row.unknown, row.masked, row.introduced, row.inherited, row.recovered, row.root_causes)
    return row.stage, row.reached, row.fault_rate, row.hazard, *counts, row.answers_for, row.joint
