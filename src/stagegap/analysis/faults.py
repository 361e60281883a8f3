"""Where records go wrong: fault accounting per stage, the funnel, the edges, and three causes for each bad record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.failures import title
from stagegap.attribution.causes import Transition, hazard_column, root_causes, transitions
from stagegap.attribution.faults import UNKNOWN, Faults, account
from stagegap.attribution.parts import BEYOND, Parts, error_parts
from stagegap.attribution.swaps import swap_cell
from stagegap.model.answer import Status
from stagegap.model.estimate import Estimate
from stagegap.stats.resample import RESAMPLES, Resamples, resample

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
    """Records whose earlier stages are all acceptable."""
    hazard: Estimate
    """Share of these that first go wrong here: the rate to hold against a person's."""
    first_faults: int
    """Bad records that first went wrong here."""
    masked: int
    """First fault here, and yet the record ended good."""
    root_causes: int
    """Bad records in which this is the first fault that nothing recovered from."""
    answers_for: int | None
    """Bad records that this stage's reference, with those before it, makes good; None without a ceiling."""
    joint: int | None
    """Of these, records that also need a reference on another branch; None where that was not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRecord:
    """One bad record with its three causes; empty where there is none or it is not known."""

    record: str
    title: str
    first_fault: str
    root_cause: str
    counterfactual: str
    """The first stage whose reference, with those before it, makes the record good: measured by running."""
    is_joint: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultsView:
    """Fault accounting of one run."""

    cascade: str
    run: str
    noun: str
    n: int
    """Records whose outcome has a score."""
    bad: int
    unexplained: int
    """Bad records in which every stage is acceptable: the references or the bars miss something."""
    unknown: int
    """Bad records whose first fault can't be said for want of references."""
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
    roots: NDArray[np.int64]
    parts: Parts | None
    joint: Mapping[str, Floats]
    """Per stage where it was run: the outcome with references at the stage and at all that it depends on."""
    no_ceiling: str


def faults_view(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> FaultsView:
    """Account for the faults of one run; only the counterfactual causes rest on swap cells."""
    cascade = evidence.cascade
    accepted = {name: ev.accepted(evidence, name) for name in cascade.names}
    bad = 1 - ev.good(evidence, ev.outcome_scores(evidence, ev.SYSTEM))
    found = _causes(evidence, accepted, bad)
    columns = {f"fault {name}": 1 - column for name, column in accepted.items()}
    columns |= {f"hazard {name}": hazard_column(accepted, name) for name in accepted}
    drawn = resample(
        columns,
        evidence.units,
        rng=np.random.default_rng(evidence.seed),
        resamples=resamples,
    )
    return FaultsView(
        cascade=cascade.name,
        run=evidence.run,
        noun=cascade.noun,
        n=int((~np.isnan(bad)).sum()),
        bad=int((bad == 1).sum()),
        unexplained=found.faults.unexplained,
        unknown=found.faults.unknown,
        beyond=found.parts.beyond if found.parts else None,
        no_ceiling=found.no_ceiling,
        stages=tuple(_row(found, drawn, position, name) for position, name in enumerate(cascade.names)),
        together=found.faults.together,
        edges=transitions(accepted, {name: _ran(evidence, name) for name in cascade.names}),
        records=_records(evidence, found, bad),
    )


def _causes(evidence: ev.Evidence, accepted: Mapping[str, Floats], bad: Floats) -> _Causes:
    cascade = evidence.cascade
    steps, reason = ev.prefix_outcomes(evidence)
    closed = {name: swap_cell(cascade, {name, *cascade.ancestors(name)}) for name in cascade.names}
    end = cascade.outcome.stage
    ran = {
        name: ev.good(evidence, ev.outcome_scores(evidence, cell))
        for name, cell in closed.items()
        if end in cell.stages or evidence.outputs.get((str(cell), end))
    }
    reached = [ev.good(evidence, step) for step in steps]
    return _Causes(
        faults=account(accepted, evidence.ancestors, bad=bad),
        roots=root_causes(accepted, {name: cascade.children(name) for name in cascade.names}, outcome=end, bad=bad),
        parts=error_parts(cascade.names, reached, alone=ran) if steps else None,
        joint=ran,
        no_ceiling=reason,
    )


def _ran(evidence: ev.Evidence, stage: str) -> NDArray[np.bool_]:
    outputs = evidence.system(stage)
    skipped = (Status.SKIPPED, Status.BLOCKED)
    return evidence.column(lambda r: r.id in outputs and outputs[r.id].status not in skipped) == 1


def _row(found: _Causes, drawn: Resamples, position: int, stage: str) -> FaultRow:
    counts = found.faults.stages[position]
    part = found.parts.parts[position] if found.parts else None
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
        masked=counts.masked,
        root_causes=int((found.roots == position).sum()),
        answers_for=part.count if part else None,
        joint=part.joint if part and stage in found.joint else None,
    )


def _records(evidence: ev.Evidence, found: _Causes, bad: Floats) -> tuple[FaultRecord, ...]:
    names = evidence.cascade.names
    first = found.faults.first

    def name(position: int) -> str:
        return names[position] if position >= 0 else ""

    rows = np.flatnonzero(bad == 1).tolist()
    rows.sort(key=lambda i: (first[i] if first[i] >= 0 else len(names), evidence.records[i].id))
    made: list[FaultRecord] = []
    for i in rows[:MOST_ROWS]:
        cause = int(found.parts.cause[i]) if found.parts else BEYOND
        stage = name(cause)
        alone = found.joint.get(stage)
        made.append(
            FaultRecord(
                record=evidence.records[i].id,
                title=title(evidence.records[i], evidence.cascade),
                first_fault="not known" if first[i] == UNKNOWN else name(int(first[i])),
                root_cause=name(int(found.roots[i])),
                counterfactual=stage,
                is_joint=alone is not None and bool(alone[i] == 0),
            )
        )
    return tuple(made)
