"""Faults and root causes that people marked in a run's records, beside those that are worked out from scores."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.attribution.faults import root_causes
from stagegap.attribution.swaps import staircase_order
from stagegap.model.answer import Mark
from stagegap.model.estimate import Estimate
from stagegap.model.record import Record
from stagegap.model.wording import counted
from stagegap.stats.resample import RESAMPLES, ratio, resample
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

Floats = NDArray[np.float64]
Stages = Mapping[str, frozenset[str]]
"""Record -> stages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedStage:
    """One stage, counted over the marked records."""

    stage: str
    faults: int
    """Records at which people marked a fault here."""
    fault_rate: Estimate
    """Share of the marked records at which people marked a fault here."""
    roots: int
    """Records whose root cause people saw here."""
    not_acceptable: int
    """Records at which the stage's output is not acceptable by its score."""
    first: int
    """Records in which it is a first fault by the scores."""
    root: int
    """Records in which it is a root cause by the scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarksView:
    """What people marked beside what is worked out."""

    cascade: str
    run: str
    noun: str
    n: int
    """Marked records that the run scores."""
    annotators: int
    elsewhere: int
    """Marked records that the run does not score."""
    several: int
    """Records in which people marked more than one fault."""
    stages: tuple[MarkedStage, ...]
    root_is_first: Estimate
    """Share of records whose marked root cause is among their first marked faults."""
    same_root: Estimate
    """Share of the bad records whose root cause by the scores is one that people marked."""
    first_is_root: Estimate
    """Share of the records with a first fault by the scores in which people saw the root cause there."""
    precision: Estimate
    """Of the faults by the scores, the share that people marked."""
    recall: Estimate
    """Of the faults that people marked, the share that the scores show."""
    between: Estimate
    """Agreement of two people on the root cause, over records that several marked."""


def marks_view(evidence: ev.Evidence, marks: Sequence[Mark], *, resamples: int = RESAMPLES) -> MarksView:
    """Compare marks with scores, record by record; what several people marked counts where at least half say so."""
    order = staircase_order(evidence.cascade)
    ids = {record.id for record in evidence.records}
    by_record: dict[str, list[Mark]] = {}
    for mark in marks:
        if mark.record in ids:
            by_record.setdefault(mark.record, []).append(mark)
    faults = {record: _by_half(own, lambda mark: mark.faults) for record, own in by_record.items()}
    roots = {record: _by_half(own, lambda mark: mark.roots) for record, own in by_record.items()}
    wrong, first, root = _by_scores(evidence, set(by_record))
    seen = {record: frozenset(_first(own, evidence.ancestors)) for record, own in faults.items()}
    columns = {
        "root is first": _share(evidence, lambda r: (roots.get(r), seen.get(r))),
        "same root": _share(evidence, lambda r: (root.get(r), roots.get(r))),
        "first is root": _share(evidence, lambda r: (first.get(r), roots.get(r))),
        "both": _count(evidence, by_record, lambda r: wrong.get(r, _NONE) & faults[r]),
        "marked": _count(evidence, by_record, lambda r: faults[r]),
        "scored": _count(evidence, by_record, lambda r: wrong.get(r, _NONE)),
        "between": evidence.column(lambda record: _between(by_record.get(record.id, []))),
    }
    columns |= {f"fault {name}": _count(evidence, by_record, lambda r, name=name: faults[r] & {name}) for name in order}
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    return MarksView(
        cascade=evidence.cascade.name,
        run=evidence.run,
        noun=evidence.cascade.noun,
        n=len(by_record),
        annotators=len({mark.annotator for own in by_record.values() for mark in own}),
        elsewhere=len({mark.record for mark in marks} - ids),
        several=sum(len(own) > 1 for own in faults.values()),
        stages=tuple(
            MarkedStage(
                stage=name,
                faults=_having(faults, name),
                fault_rate=drawn.mean(f"fault {name}"),
                roots=_having(roots, name),
                not_acceptable=_having(wrong, name),
                first=_having(first, name),
                root=_having(root, name),
            )
            for name in order
        ),
        root_is_first=drawn.mean("root is first"),
        same_root=drawn.mean("same root"),
        first_is_root=drawn.mean("first is root"),
        precision=ratio(drawn, "both", "scored"),
        recall=ratio(drawn, "both", "marked"),
        between=drawn.mean("between"),
    )


_NONE: frozenset[str] = frozenset()


def _by_half(marks: Sequence[Mark], stages: Callable[[Mark], Sequence[str]]) -> frozenset[str]:
    votes = Counter(stage for mark in marks for stage in set(stages(mark)))
    return frozenset(stage for stage, count in votes.items() if 2 * count >= len(marks))


def _first(stages: frozenset[str], ancestors: Mapping[str, Sequence[str]]) -> list[str]:
    """The stages that depend on none of the others."""
    return [stage for stage in stages if stages.isdisjoint(ancestors[stage])]


def _by_scores(evidence: ev.Evidence, marked: set[str]) -> tuple[Stages, Stages, Stages]:
    """Of the marked records: stages that are not acceptable, first faults, and root causes of the bad ones."""
    cascade = evidence.cascade
    accepted = {name: ev.accepted(evidence, name) for name in cascade.names}
    bad = 1 - ev.good(evidence, ev.outcome_scores(evidence, ev.SYSTEM))
    children = {name: cascade.children(name) for name in cascade.names}
    roots = root_causes(accepted, children, evidence.ancestors, outcome=cascade.outcome.stage, bad=bad)

    def listed(masks: Mapping[str, NDArray[np.bool_]]) -> Stages:
        return {
            record.id: frozenset(name for name, mask in masks.items() if mask[i])
            for i, record in enumerate(evidence.records)
            if record.id in marked
        }

    return (
        listed({name: column == 0 for name, column in accepted.items()}),
        listed(evidence.faults.first),
        listed({name: column == 1 for name, column in roots.items()}),
    )


def _share(evidence: ev.Evidence, sets: Callable[[str], tuple[frozenset[str] | None, frozenset[str] | None]]) -> Floats:
    """1 where the two sets share a stage, 0 where they do not, NaN where one of them is empty."""

    def of(record: Record) -> float:
        a, b = sets(record.id)
        return float(not a.isdisjoint(b)) if a and b else math.nan

    return evidence.column(of)


def _count(
    evidence: ev.Evidence, marked: Mapping[str, Sequence[Mark]], stages: Callable[[str], frozenset[str]]
) -> Floats:
    return evidence.column(lambda record: float(len(stages(record.id))) if record.id in marked else math.nan)


def _between(marks: Sequence[Mark]) -> float:
    """How often two people share a root cause; NaN where fewer than two marked one."""
    named = [set(mark.roots) for mark in marks if mark.roots]
    shared = [bool(a & b) for a, b in permutations(named, 2)]
    return sum(shared) / len(shared) if shared else math.nan


def _having(stages: Stages, name: str) -> int:
    return sum(name in own for own in stages.values())


_STAGES = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Marked faults", unit=Unit.COUNT),
    Column(name="Marked fault rate", unit=Unit.SHARE, key="fault_rate"),
    Column(name="Marked roots", unit=Unit.COUNT),
    Column(name="Not acceptable", unit=Unit.COUNT),
    Column(name="First by scores", unit=Unit.COUNT),
    Column(name="Root by scores", unit=Unit.COUNT),
)
_SHARES = (
    Column(name="Question", unit=Unit.TEXT, key="question"),
    Column(name="Of", unit=Unit.COUNT),
    Column(name="Share", unit=Unit.SHARE, key="{question}"),
)


def marks_sheet(view: MarksView) -> Sheet:
    """One row a stage, then how far marks and scores agree, and people with each other."""
    questions = (
        ("Marked root is a first marked fault", view.root_is_first),
        ("Root by scores is a marked root", view.same_root),
        ("First fault by scores is a marked root", view.first_is_root),
        ("Faults by scores that were marked (precision)", view.precision),
        ("Marked faults that scores show (recall)", view.recall),
        ("Two who marked name the same root", view.between),
    )
    left = f"; {counted(view.elsewhere, view.noun)} elsewhere left out" if view.elsewhere else ""
    return Sheet(
        headline=f"Causes that were marked in {view.run} of {view.cascade}",
        parts=(
            f"{counted(view.n, view.noun)} marked by {counted(view.annotators, 'annotator')}, {view.several:,} with "
            f"several faults{left}.",
            Table(
                columns=_STAGES,
                rows=tuple(
                    (row.stage, row.faults, row.fault_rate, row.roots, row.not_acceptable, row.first, row.root)
                    for row in view.stages
                ),
            ),
            Table(columns=_SHARES, rows=tuple((question, share.n, share) for question, share in questions)),
        ),
    )
