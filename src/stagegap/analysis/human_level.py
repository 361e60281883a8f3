"""People at every stage, the system against the same targets, and kinds of people: one computation for all views."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.attribution.swaps import staircase_order
from stagegap.metrics import Metric, alike, label_as_output
from stagegap.model.answer import Answer, Label, Output
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.record import Json
from stagegap.people.agreement import leave_one_out, target_score
from stagegap.people.references import settled
from stagegap.stats.intervals import independent_difference, wilson
from stagegap.stats.raters import over_people
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Table

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePeople:
    """People and the system at one stage, on the records that several people labelled."""

    agreement: Estimate
    """Mean score of one person's answer against another's; over records."""
    person: Estimate
    """Human ceiling: each person against what the others settle, averaged; over records and people."""
    system: Estimate
    """The system against the same targets."""
    gap: Estimate
    """person minus system, paired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanLevel:
    """People at every stage of one run."""

    stages: Mapping[str, StagePeople]
    """In the order of the cascade."""
    outcome: Estimate
    """Each person against the others by the outcome of the cascade; over records and people."""


def human_level(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> HumanLevel:
    """Compare people with each other and with the system at every stage.

    From resamples of their own, so that a figure has the same limits wherever it stands, whatever a view draws beside
    it. The people are a sample too: from three on, each is left out once (`stats.raters.two_way`).
    """
    cascade = evidence.cascade
    by_place = {name: _Place(evidence, name, evidence.metrics[name], good=None) for name in staircase_order(cascade)}
    end = _Place(evidence, cascade.outcome.stage, evidence.outcome, good=cascade.outcome.good)
    columns: dict[str, Floats] = {}
    for name, place in by_place.items():
        columns |= {
            f"agreement {name}": ev.agreement_scores(evidence, name),
            f"person {name}": place.person,
            f"system {name}": place.system,
        }
    columns["outcome person"] = end.person
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    measured = partial(_measured, noun=cascade.noun)
    return HumanLevel(
        stages={
            name: _stage(drawn, name, without=by_place[name].without(), noun=cascade.noun) for name in cascade.names
        },
        outcome=unmeasured("not measured: ratings of people's own answers are in `stagegap show ratings`")
        if cascade.outcome.criterion is not None
        else measured(
            over_people(drawn, {"outcome person": 1.0}, without=[human for human, _ in end.without()], lowest=0.0),
            stage=cascade.outcome.stage,
        ),
    )


def _stage(drawn: Resamples, stage: str, *, without: list[tuple[float, float]], noun: str) -> StagePeople:
    agreement = _measured(drawn.mean(f"agreement {stage}"), stage=stage, noun=noun)
    one, other = f"person {stage}", f"system {stage}"
    person = over_people(drawn, {one: 1.0}, without=[human for human, _ in without], lowest=0.0)
    if not person.is_measured:
        person = _measured(person, stage=stage, noun=noun)
        return StagePeople(agreement=agreement, person=person, system=person, gap=person)
    return StagePeople(
        agreement=agreement,
        person=person,
        system=over_people(drawn, {other: 1.0}, without=[system for _, system in without], lowest=0.0),
        gap=over_people(
            drawn, {one: 1.0, other: -1.0}, without=[human - system for human, system in without], lowest=-1.0
        ),
    )


def _measured(estimate: Estimate, *, stage: str, noun: str) -> Estimate:
    return estimate if estimate.n else unmeasured(f"not measured: no {noun} has two labels at {stage}")


class _Place:
    """Leave-one-out scores at one stage by one metric, computed once for records whose answers are alike."""

    def __init__(self, evidence: ev.Evidence, stage: str, by: Metric, *, good: float | None) -> None:
        self._kind = evidence.cascade.stage(stage).output.kind
        self._by, self._good = by, good
        self._patterns: list[_Pattern] = []
        system, code_by_key = evidence.system(stage), dict[Hashable, int]()
        codes: list[int] = []
        for record in evidence.records:
            people, output = evidence.labels.get((record.id, stage), {}), system.get(record.id)
            is_strict = (record.id, stage) in evidence.strict
            answered = output and (output.status, output.because, alike(Answer(value=output.value)))
            answers = tuple((who, alike(label.answer)) for who, label in people.items() if label.answer)
            code = code_by_key.setdefault((answers, answered, is_strict), len(self._patterns))
            if code == len(self._patterns):
                self._patterns.append(_Pattern(people, output, is_strict))
            codes.append(code)
        self._codes = np.array(codes, dtype=np.int64)
        self._pairs = [self._pair(pattern, gone=None) for pattern in self._patterns]
        self.person, self.system = self._columns(self._pairs)
        """Per record, NaN in both unless both exist."""

    def without(self) -> list[tuple[float, float]]:
        """Means of people and of the system with each person's labels gone altogether, in the order of their names."""
        everyone = {who for pattern in self._patterns for who in pattern.people}
        means: list[tuple[float, float]] = []
        for who in sorted(everyone):
            person, system = self._columns(
                [
                    self._pair(pattern, gone=who) if who in pattern.people else pair
                    for pattern, pair in zip(self._patterns, self._pairs, strict=True)
                ]
            )
            known = ~np.isnan(person)
            is_any = bool(known.any())
            means.append((float(person[known].mean()), float(system[known].mean())) if is_any else (math.nan, math.nan))
        return means

    def _columns(self, pairs: list[tuple[float, float]]) -> tuple[Floats, Floats]:
        both = np.array(pairs, dtype=np.float64).reshape(-1, 2)[self._codes]
        return both[:, 0].copy(), both[:, 1].copy()

    def _pair(self, pattern: _Pattern, *, gone: str | None) -> tuple[float, float]:
        labels = [label for who, label in pattern.people.items() if who != gone]
        pair = leave_one_out(
            labels, pattern.output, kind=self._kind, metric=self._by, good=self._good, is_strict=pattern.is_strict
        )
        is_known = not (math.isnan(pair.person) or math.isnan(pair.system))
        return (pair.person, pair.system) if is_known else (math.nan, math.nan)


class _Pattern(NamedTuple):
    """What people and the system answered at some records."""

    people: Mapping[str, Label]
    output: Output | None
    is_strict: bool


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
