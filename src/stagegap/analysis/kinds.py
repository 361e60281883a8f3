"""Kinds of people side by side, untrained, expert, a team that discusses, and figures that others published: how far
the system is from each.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.metrics import label_as_output
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.record import Json
from stagegap.people.agreement import target_score
from stagegap.people.references import settled
from stagegap.stats.intervals import independent_difference, wilson
from stagegap.stats.raters import over_people
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Table

Floats = NDArray[np.float64]
KINDS = "kinds"
"""Key of `human_baseline` with the kinds of people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """One kind of people at one stage."""

    kind: str
    stage: str
    people: int
    """Annotators of this kind with a label at the stage; 0 for a published figure."""
    person: Estimate
    """Each of them against what all other people settle; or the figure as it was published."""
    system: Estimate
    """Against the same targets; beside a published figure the system's own score at the stage."""
    gap: Estimate
    """person minus system: paired on the same records, or of two independent samples."""
    source: str = ""
    """Where a figure was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Published:
    stage: str
    score: float
    n: int
    source: str


def kind_rows(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> tuple[KindRow, ...]:
    """A row for each kind that `human_baseline` names and each stage that it has answers or figures for."""
    rows: list[KindRow] = []
    for kind, what in _kinds(evidence.cascade).items():
        if isinstance(what, _Published):
            rows.append(_published(evidence, kind, what, resamples=resamples))
            continue
        for stage in evidence.cascade.names:
            people = sorted({who for (_, at), own in evidence.labels.items() if at == stage for who in own} & what)
            if people:
                rows.append(_answered(evidence, kind, stage, people, resamples=resamples))
    return tuple(rows)


def _kinds(cascade: Cascade) -> dict[str, frozenset[str] | _Published]:
    """What the cascade file says of each kind: annotators, or a published figure."""
    named = cascade.human_baseline.get(KINDS)
    kinds: dict[str, frozenset[str] | _Published] = {}
    for kind, what in named.items() if isinstance(named, Mapping) else ():
        if isinstance(what, Mapping):
            kinds[kind] = _Published(
                stage=str(what["stage"]),
                score=float(str(what["score"])),
                n=int(str(what["n"])),
                source=str(what.get("source") or ""),
            )
        else:
            kinds[kind] = frozenset(_names(what))
    return kinds


def _names(what: Json) -> Sequence[str]:
    return [what] if isinstance(what, str) else [str(name) for name in what] if isinstance(what, Sequence) else []


def _answered(evidence: ev.Evidence, kind: str, stage: str, people: Sequence[str], *, resamples: int) -> KindRow:
    scores = _scores(evidence, stage, people)
    drawn = resample(
        {"person": scores[:, 0], "system": scores[:, 1]},
        evidence.units,
        rng=np.random.default_rng(evidence.seed),
        resamples=resamples,
    )
    without = [_means(_scores(evidence, stage, people, gone=who)) for who in people] if len(people) > 2 else []
    person = over_people(drawn, {"person": 1.0}, without=[mean for mean, _ in without], lowest=0.0)
    if not person.n:
        noun = evidence.cascade.noun
        person = unmeasured(f"not measured: no {noun} that they answered at {stage} has an answer of somebody else")
        return KindRow(kind=kind, stage=stage, people=len(people), person=person, system=person, gap=person)
    weights = {"person": 1.0, "system": -1.0}
    return KindRow(
        kind=kind,
        stage=stage,
        people=len(people),
        person=person,
        system=over_people(drawn, {"system": 1.0}, without=[mean for _, mean in without], lowest=0.0),
        gap=over_people(drawn, weights, without=[human - other for human, other in without], lowest=-1.0),
    )


def _scores(evidence: ev.Evidence, stage: str, people: Collection[str], *, gone: str = "") -> Floats:
    """Per record: the mean score of these people against what all others settle, and the system's against the same."""
    by, kind = evidence.metrics[stage], evidence.cascade.stage(stage).output.kind
    outputs = evidence.system(stage)
    table = np.full((len(evidence.records), 2), math.nan)
    for row, record in enumerate(evidence.records):
        labels = {who: own for who, own in evidence.labels.get((record.id, stage), {}).items() if who != gone}
        pairs: list[tuple[float, float]] = []
        for who, label in labels.items():
            others = [other for name, other in labels.items() if name != who]
            if who in people and others:
                target = settled(others, kind)
                human = target_score(label_as_output(label), target, by)
                pairs.append((human, target_score(outputs.get(record.id), target, by)))
        known = [pair for pair in pairs if not math.isnan(pair[0]) and not math.isnan(pair[1])]
        if known:
            table[row] = np.mean(known, axis=0)
    return table


def _means(scores: Floats) -> tuple[float, float]:
    known = scores[~np.isnan(scores).any(axis=1)]
    return (float(known[:, 0].mean()), float(known[:, 1].mean())) if len(known) else (math.nan, math.nan)


def _published(evidence: ev.Evidence, kind: str, figure: _Published, *, resamples: int) -> KindRow:
    person = wilson(figure.score, n=figure.n, method="published, Wilson")
    drawn = resample(
        {"system": ev.stage_scores(evidence, figure.stage, ev.SYSTEM)},
        evidence.units,
        rng=np.random.default_rng(evidence.seed),
        resamples=resamples,
    )
    system = drawn.mean("system")
    return KindRow(
        kind=kind,
        stage=figure.stage,
        people=0,
        person=person,
        system=system,
        gap=independent_difference(person, system),
        source=figure.source,
    )


_KINDS = (
    Column(name="Labellers", unit=Unit.TEXT, key="kind"),
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="How many", unit=Unit.COUNT),
    Column(name="Their score", unit=Unit.SHARE, key="score of {kind}"),
    Column(name="System", unit=Unit.SHARE, key="system beside {kind}"),
    Column(name="Gap to them", unit=Unit.POINTS, key="gap to {kind}"),
    Column(name="Published in", unit=Unit.TEXT, spare=1),
)


def kinds_table(rows: Sequence[KindRow]) -> Table:
    """One row a kind and stage; how many is empty where a figure was published."""
    return Table(
        title="Kinds of labellers",
        columns=_KINDS,
        rows=tuple(
            (row.kind, row.stage, row.people or None, row.person, row.system, row.gap, row.source or None)
            for row in rows
        ),
    )
