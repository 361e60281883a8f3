"""People at every stage, and the system against the same targets: one computation for every view that prints them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.attribution.swaps import staircase_order
from stagegap.metrics import Metric, alike
from stagegap.model.answer import Answer, Label, Output
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.people.agreement import leave_one_out
from stagegap.stats.raters import over_people
from stagegap.stats.resample import RESAMPLES, Resamples, resample

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
    by_place = {name: _Place.of(evidence, name, evidence.metrics[name], good=None) for name in staircase_order(cascade)}
    end = _Place.of(evidence, cascade.outcome.stage, evidence.outcome, good=cascade.outcome.good)
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
        outcome=measured(
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Leave-one-out scores at one stage by one metric."""

    evidence: ev.Evidence
    stage: str
    by: Metric
    good: float | None
    person: Floats
    """Per record, NaN in both unless both exist."""
    system: Floats
    known: dict[Hashable, tuple[float, float]] = field(default_factory=dict[Hashable, tuple[float, float]])
    """Scores by answers: those of most records are alike, and nothing else of a record counts."""

    @classmethod
    def of(cls, evidence: ev.Evidence, stage: str, by: Metric, *, good: float | None) -> _Place:
        empty = np.full(len(evidence.records), math.nan)
        place = cls(evidence=evidence, stage=stage, by=by, good=good, person=empty, system=empty.copy())
        for row in range(len(evidence.records)):
            place.person[row], place.system[row] = place.pair(row)
        return place

    def pair(self, row: int, *, gone: str | None = None) -> tuple[float, float]:
        """Scores of people and of the system on one record, without the labels of who is `gone`."""
        record = self.evidence.records[row].id
        people = self.evidence.labels.get((record, self.stage), {})
        labels = [label for who, label in people.items() if who != gone]
        output = self.evidence.system(self.stage).get(record)
        is_strict = (record, self.stage) in self.evidence.strict
        answered = output and (output.status, output.because, alike(Answer(value=output.value)))
        key = (tuple(alike(label.answer) for label in labels if label.answer), answered, is_strict)
        if key not in self.known:
            self.known[key] = self._pair(labels, output, is_strict=is_strict)
        return self.known[key]

    def _pair(self, labels: list[Label], output: Output | None, *, is_strict: bool) -> tuple[float, float]:
        kind = self.evidence.cascade.stage(self.stage).output.kind
        pair = leave_one_out(labels, output, kind=kind, metric=self.by, good=self.good, is_strict=is_strict)
        is_known = not (math.isnan(pair.person) or math.isnan(pair.system))
        return (pair.person, pair.system) if is_known else (math.nan, math.nan)

    def without(self) -> list[tuple[float, float]]:
        """Means of people and of the system with each person's labels gone altogether, in the order of their names."""
        return [self._means(who, rows) for who, rows in sorted(self._rows_by_person().items())]

    def _rows_by_person(self) -> dict[str, list[int]]:
        by_person: dict[str, list[int]] = {}
        for row, who in self._labelled():
            by_person.setdefault(who, []).append(row)
        return by_person

    def _labelled(self) -> Iterator[tuple[int, str]]:
        for row, record in enumerate(self.evidence.records):
            for who in self.evidence.labels.get((record.id, self.stage), {}):
                yield row, who

    def _means(self, gone: str, rows: list[int]) -> tuple[float, float]:
        person, system = self.person.copy(), self.system.copy()
        for row in rows:
            person[row], system[row] = self.pair(row, gone=gone)
        known = ~np.isnan(person)
        return (float(person[known].mean()), float(system[known].mean())) if known.any() else (math.nan, math.nan)
