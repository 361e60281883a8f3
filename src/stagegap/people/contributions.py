"""What people contributed beyond the fair samples that numbers rest on: one person's own work, and hunts by weight."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from stagegap.metrics import Metric, score
from stagegap.model.answer import Label, Output
from stagegap.model.cascade import Kind
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.queue import Queue
from stagegap.model.wording import counted
from stagegap.people.agreement import agreement
from stagegap.people.references import latest, settled
from stagegap.stats.intervals import hajek
from stagegap.stats.resample import resample
from stagegap.stats.spread import clusters
from stagegap.tables import figures

RESAMPLES = 2_000
NAMED = 5
"""Records that a sentence names at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWork:
    """One person at one stage, for that person to read: no table of people is made of it."""

    labels: int
    median_ms: float | None
    agreement: Estimate
    """Mean score of the person's answers against those of each other person, on the records that others labelled."""
    sentence: str


def own_work(
    labels: Sequence[Label], person: str, by: Metric, units: Mapping[str, str], *, stage: str, noun: str, seed: int
) -> OwnWork:
    """Count a person's labels in force at a stage, time them, and compare them with those of the others.

    Labels of a hunt are counted and compared with nobody's. `units` are the independent units of the records.
    """
    in_force = {record: people for (record, at), people in latest(labels).items() if at == stage}
    own = [people[person] for people in in_force.values() if person in people]
    times = [label.active_ms for label in own if label.active_ms is not None]
    fair = [label for label in own if not label.targeted]
    column = np.array([_alike(label, in_force[label.record], by) for label in fair], dtype=np.float64)
    estimate = (
        resample(
            {"own": column},
            clusters(units[label.record] for label in fair),
            rng=np.random.default_rng(seed),
            resamples=RESAMPLES,
        ).mean("own")
        if (~np.isnan(column)).any()
        else unmeasured(f"not measured: nobody else labelled a {noun} of yours")
    )
    pace = median(times) if times else None
    return OwnWork(
        labels=len(own),
        median_ms=pace,
        agreement=estimate,
        sentence=_own_sentence(len(own), pace, estimate, stage=stage, noun=noun),
    )


def _alike(own: Label, people: Mapping[str, Label], by: Metric) -> float:
    others = [label for label in people.values() if label.annotator != own.annotator and not label.targeted]
    known = [alike for alike in (agreement([own, other], by) for other in others) if not math.isnan(alike)]
    return sum(known) / len(known) if known else math.nan


def _own_sentence(count: int, pace: float | None, estimate: Estimate, *, stage: str, noun: str) -> str:
    if not count:
        return f"You have no label at {stage} yet."
    took = "" if pace is None else f", {max(1, round(pace / 1000)):,} s each"
    start = f"You: {counted(count, 'label')} at {stage}{took}"
    if not estimate.is_measured:
        return f"{start}. Your agreement with the others is {estimate.method}."
    return (
        f"{start}. You agree with the others on {figures.share(estimate.value)} ({figures.interval(estimate)}) of the "
        f"{counted(estimate.n, noun)} that they labelled too."
    )


def identity_sentence(labels: Sequence[Label]) -> str:
    """Say how many of the answers that people gave here carry a name that nobody checked; empty without any."""
    answers = [label for label in labels if label.action in ("label", "adjudicate") and label.seen]
    claimed = sum(not label.verified for label in answers)
    if not answers:
        return ""
    if not claimed:
        return f"Every answer given here ({len(answers):,}) carries a name that was checked."
    return (
        f"{claimed:,} of {counted(len(answers), 'answer')} given here carry initials that nobody checked: not verified."
    )


def doubt_sentence(labels: Sequence[Label], *, noun: str) -> str:
    """Say how many answers in force are unsure, and what several people could not answer; empty without either."""
    in_force = [label for people in latest(labels).values() for label in people.values()]
    unsure = sum(label.unsure for label in in_force)
    last = {(label.record, label.annotator): label for label in sorted(labels, key=lambda label: label.at)}
    skips = Counter(record for (record, _), label in last.items() if label.action == "skip")
    hard = sorted(record for record, people in skips.items() if people > 1)
    parts = [f"{unsure:,} of {counted(len(in_force), 'answer')} marked unsure."] if unsure else []
    if hard:
        named = ", ".join(hard[:NAMED]) + (" and more" if len(hard) > NAMED else "")
        parts.append(f"{counted(len(hard), noun)} skipped by several labellers, who could not answer: {named}.")
    return " ".join(parts)


def hunt_sentence(
    queue: Queue,
    labels: Sequence[Label],
    outputs: Mapping[str, Output],
    by: Metric,
    kind: Kind,
    units: Mapping[str, str],
    *,
    noun: str,
) -> str:
    """Say what the labels of a hunt tell of all records: a rate by weights where the chances are known, or none."""
    hunted = [label for label in labels if label.queue == queue.id]
    in_force = {record: people for (record, _), people in latest(hunted).items()}
    head = f"Hunt {queue.drawn} at {queue.stage}: {counted(len(in_force), noun)} labelled"
    chances = {record: next(iter(people.values())).probability for record, people in in_force.items()}
    if any(chance is None for chance in chances.values()):
        return f"{head}, in no rate, because the chance of each is unknown."
    rate = hunted_rate(list(in_force.values()), outputs, by, kind, units)
    if not rate.is_measured:
        return f"{head}. Their rate by weights is {rate.method}."
    return (
        f"{head}. Weighted by their chances, the system scores {figures.share(rate.value)} "
        f"({figures.interval(rate)}) on all that the hunt could have drawn."
    )


def hunted_rate(
    places: Sequence[Mapping[str, Label]],
    outputs: Mapping[str, Output],
    by: Metric,
    kind: Kind,
    units: Mapping[str, str],
) -> Estimate:
    """The system's mean score over all records from labels that were drawn with known chances."""
    values: list[float] = []
    chances: list[float] = []
    of: list[str] = []
    for people in places:
        labels = list(people.values())
        record, chance = labels[0].record, labels[0].probability
        output = outputs.get(record)
        if output is not None and chance is not None:
            values.append(score(output, settled(labels, kind), by))
            chances.append(chance)
            of.append(units[record])
    if not values:
        return unmeasured("not measured: no label of the hunt meets an output")
    return hajek(np.array(values), np.array(chances), clusters(of))
