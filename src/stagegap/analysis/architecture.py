"""What the cascade itself costs: people with the whole record beside people who work stage by stage."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.metrics import label_as_output
from stagegap.model.answer import Label, Output, Reference
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.people.agreement import target_score
from stagegap.people.references import settled
from stagegap.stats.raters import over_people
from stagegap.stats.resample import RESAMPLES, resample

Floats = NDArray[np.float64]

END_TO_END = "end_to_end"
"""Key of `human_baseline` with the people who answered at the outcome's stage from the whole record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The gap of the whole, taken apart: (end to end - stage by stage) + (stage by stage - system).

    All on the records that both kinds of people answered, against the same targets (Machine Learning Yearning, ch. 57).
    """

    end_to_end: Estimate
    """Outcome of people who answered from the whole record."""
    stage_by_stage: Estimate
    """Outcome of people who answered every stage on what a person had answered before it."""
    loss: Estimate
    """end_to_end minus stage_by_stage: what no better stage can win, because the stages are not told enough."""
    staged_gap: Estimate
    """stage_by_stage minus the system: what stages as good as people would win."""


def architecture(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> Architecture:
    """Compare the two ways of working, paired by record; intervals over records and people."""
    whole = end_to_end(evidence.cascade)
    stage = evidence.cascade.outcome.stage
    noun = evidence.cascade.noun
    if not whole:
        return _nothing(
            "human_baseline does not say who answered from the whole record (end_to_end), apart from labellers who "
            "answered stage by stage"
        )
    scores = _scores(evidence, whole)
    if np.isnan(scores[:, 0]).all():
        return _nothing(
            f"no {noun} was answered at {stage} by a labeller from the whole record, by one who answered every stage, "
            "and settled or answered by a third"
        )
    columns = {"whole": scores[:, 0], "staged": scores[:, 1]}
    system = np.where(np.isnan(scores).any(axis=1), math.nan, scores[:, 2])
    columns |= {"system": system, "staged with system": np.where(np.isnan(system), math.nan, scores[:, 1])}
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    means = _without(evidence, whole)

    def figure(weights: Mapping[str, float], *places: int, lowest: float) -> Estimate:
        signs = (1.0, -1.0)
        without = [sum(sign * mean[place] for sign, place in zip(signs, places, strict=False)) for mean in means]
        return over_people(drawn, weights, without=without, lowest=lowest)

    return Architecture(
        end_to_end=figure({"whole": 1.0}, 0, lowest=0.0),
        stage_by_stage=figure({"staged": 1.0}, 1, lowest=0.0),
        loss=figure({"whole": 1.0, "staged": -1.0}, 0, 1, lowest=-1.0),
        staged_gap=figure({"staged with system": 1.0, "system": -1.0}, 1, 2, lowest=-1.0),
    )


def end_to_end(cascade: Cascade) -> frozenset[str]:
    """The people who answered at the outcome's stage from the whole record, as the cascade file says."""
    named = cascade.human_baseline.get(END_TO_END)
    people = [named] if isinstance(named, str) else named if isinstance(named, Sequence) else ()
    return frozenset(str(name) for name in people)


def _nothing(why: str) -> Architecture:
    nothing = unmeasured(f"not measured: {why}")
    return Architecture(end_to_end=nothing, stage_by_stage=nothing, loss=nothing, staged_gap=nothing)


def _scores(evidence: ev.Evidence, whole: Collection[str], *, without: str = "") -> Floats:
    """One row a record: score end to end, stage by stage, and of the system; NaN without both kinds of people."""
    return np.array([_of(evidence, record.id, whole, without) for record in evidence.records]).reshape(-1, 3)


def _of(evidence: ev.Evidence, record: str, whole: Collection[str], without: str) -> tuple[float, float, float]:
    stage = evidence.cascade.outcome.stage
    people = {who: label for who, label in evidence.labels.get((record, stage), {}).items() if who != without}
    staged = [who for who in people if who not in whole and _worked_stage_by_stage(evidence, record, who)]
    output = evidence.system(stage).get(record)
    rows = [
        tuple(
            _one(evidence, answer, target)
            for answer in (label_as_output(people[a]), label_as_output(people[b]), output)
        )
        for a, b in product([who for who in people if who in whole], staged)
        for target in _targets(evidence, record, [label for who, label in people.items() if who not in (a, b)])
    ]
    known = np.array([row for row in rows if not math.isnan(row[0]) and not math.isnan(row[1])])
    if not len(known):
        return math.nan, math.nan, math.nan
    whole_score, other, system = known.mean(axis=0).tolist()
    return whole_score, other, system


def _worked_stage_by_stage(evidence: ev.Evidence, record: str, who: str) -> bool:
    """True for a label at every stage before the outcome's, none of them made on a run's outputs."""
    cascade = evidence.cascade
    path = [name for name in cascade.names if name in cascade.ancestors(cascade.outcome.stage)]
    labels = [evidence.labels.get((record, name), {}).get(who) for name in (*path, cascade.outcome.stage)]
    stages = (*path, cascade.outcome.stage)
    return all(
        label is not None and not (label.run and cascade.stage(name).parents)
        for name, label in zip(stages, labels, strict=True)
    )


def _targets(evidence: ev.Evidence, record: str, others: Sequence[Label]) -> list[Reference]:
    """What two people are held to: the adjudicated reference, or what the others' labels settle to."""
    stage = evidence.cascade.outcome.stage
    reference = evidence.references.get((record, stage))
    if reference is not None and reference.settled == "adjudicated":
        return [reference]
    return [settled(others, evidence.cascade.stage(stage).output.kind)] if others else []


def _one(evidence: ev.Evidence, output: Output | None, target: Reference) -> float:
    return target_score(output, target, evidence.outcome, good=evidence.cascade.outcome.good)


def _without(evidence: ev.Evidence, whole: Collection[str]) -> list[tuple[float, float, float]]:
    """The three means with each person's labels gone; nothing where a way of working rests on one person."""
    stage = evidence.cascade.outcome.stage
    people = sorted({who for (_, at), own in evidence.labels.items() if at == stage for who in own})
    if min(sum(who in whole for who in people), sum(who not in whole for who in people)) < 2:
        return []
    means: list[tuple[float, float, float]] = []
    for who in people:
        scores = _scores(evidence, whole, without=who)
        known = scores[~np.isnan(scores[:, :2]).any(axis=1)]
        if len(known):
            whole_score, other, system = known.mean(axis=0).tolist()
            means.append((whole_score, other, system))
    return means
