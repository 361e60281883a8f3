"""People against each other, and the system against the same targets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from stagegap.analysis.references import settled
from stagegap.attribution.faults import BAR_SLACK
from stagegap.metrics import Metric, label_as_output, score
from stagegap.model.answer import Label, Output, Reference
from stagegap.model.cascade import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Mean scores on one record that several people labelled; NaN where there is nothing to compare."""

    person: float
    """Of each person against the consensus of the others, averaged over the persons."""
    system: float
    """Of the system's output against the same consensuses, averaged in the same way."""


def leave_one_out(
    labels: Sequence[Label], output: Output | None, *, kind: Kind, metric: Metric, good: float | None = None
) -> LeftOut:
    """Score each person and the system against the consensus of the other persons, for one record.

    Where the others' consensus accepts several answers, their scores are averaged and not maximised: a target that
    grows with disagreement would flatter whoever is measured. With `good` each score becomes 1 or 0 first.
    Both are NaN when fewer than two people labelled; system is NaN without an output or after infrastructure.
    """
    people: list[float] = []
    system: list[float] = []
    for out in labels:
        others = [label for label in labels if label is not out]
        if not others:
            break
        target = settled(others, kind)
        pair = [
            (_one(label_as_output(out), target, i, metric, good), _one(output, target, i, metric, good))
            for i in range(len(target.accepted))
        ]
        usable = [p for p in pair if not math.isnan(p[0])]
        if usable:
            people.append(sum(p for p, _ in usable) / len(usable))
            system.append(sum(s for _, s in usable) / len(usable))
    if not people:
        return LeftOut(person=math.nan, system=math.nan)
    return LeftOut(person=sum(people) / len(people), system=sum(system) / len(system))


def _one(output: Output | None, target: Reference, position: int, metric: Metric, good: float | None) -> float:
    if output is None:
        return math.nan
    single = Reference(record=target.record, stage=target.stage, accepted=(target.accepted[position],))
    own_score = score(output, single, metric)
    return own_score if good is None or math.isnan(own_score) else float(own_score >= good - BAR_SLACK)


def mean_score(output: Output | None, target: Reference, metric: Metric, *, good: float | None = None) -> float:
    """The mean score against each answer that a target accepts, or the best where people settled that both are
    fine; NaN where nothing can be compared. With `good` each score becomes 1 or 0 first.
    """
    if target.settled == "adjudicated":
        best = math.nan if output is None else score(output, target, metric)
        return best if good is None or math.isnan(best) else float(best >= good - BAR_SLACK)
    scores = [_one(output, target, i, metric, good) for i in range(len(target.accepted))]
    known = [value for value in scores if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def agreement(labels: Sequence[Label], metric: Metric) -> float:
    """The mean score of one person's answer against another's, over all ordered pairs, for one record.

    NaN when fewer than two people labelled.
    """
    scores = [
        score(label_as_output(a), Reference(record=b.record, stage=b.stage, accepted=(b.answer,)), metric)
        for a, b in permutations(labels, 2)
        if b.answer is not None
    ]
    known = [s for s in scores if not math.isnan(s)]
    return sum(known) / len(known) if known else math.nan


def annotators(labels: Mapping[tuple[str, str], Mapping[str, Label]]) -> int:
    """How many different people have a label in force."""
    return len({person for people in labels.values() for person in people})
