"""Consensus that weighs people by their care (Dawid-Skene), beside the plain majority, and where the two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.settling import in_words
from stagegap.model.answer import Answer, Label, Reference
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.values import Json
from stagegap.stats.consensus import DawidSkene, dawid_skene

Floats = NDArray[np.float64]
CATEGORIES = (Kind.LABEL, Kind.BOOLEAN)
FEWEST_RECORDS = 30
"""Records that several people labelled, below which nobody's care can be told."""
FEWEST_PEOPLE = 3
"""With two people who differ nothing says which of them is the careful one."""
MOST_LISTED = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How often one person is right, by the model; no estimate of skill at anything else."""

    person: str
    labels: int
    """Records of the fit that this person labelled."""
    right: float
    """Mean chance that their answer is the right one; it rests on the model, so it has no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """A record where the majority and the weighed consensus are not the same."""

    record: str
    majority: str
    """What is held right, as words; several where they tie."""
    likely: str
    chance: float
    """Of `likely`, by the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """The weighed consensus of one stage."""

    n: int
    """Records that several people labelled."""
    people: tuple[Care, ...]
    differ: tuple[Differs, ...]
    """At most 50, the surest first."""
    count: int
    """Of all records where they differ; adjudicated ones are settled and left out."""
    problem: str
    """Why there is none; empty where there is one."""


def weighed(
    answers: Mapping[str, Mapping[str, Label]], references: Mapping[str, Reference], output: OutputType
) -> Weighed:
    """Fit who is careful from where people agree, and say which records that would settle otherwise.

    `answers` is person -> record -> label in force, `references` what is held right, by record. Needs categories,
    three people and 30 records that several of them labelled. A suggestion beside the references, never in them: a
    model of people must not decide what a system is held to.
    """
    if output.kind not in CATEGORIES:
        return _none("not measured: the answers are no categories")
    every = {record: _of(answers, record) for record in _records(answers)}
    given = {record: own for record, own in every.items() if len(own) > 1}
    names = sorted({person for own in given.values() for person in own})
    if len(given) < FEWEST_RECORDS or len(names) < FEWEST_PEOPLE:
        return _none(
            f"too few: {len(given)} of {FEWEST_RECORDS} records with several labels, {len(names)} of "
            f"{FEWEST_PEOPLE} people",
            n=len(given),
        )
    values = _values(given)
    counts = np.zeros((len(names), len(given), len(values)))
    for item, own in enumerate(given.values()):
        for person, label in own.items():
            counts[names.index(person), item, values.index(_value(label))] = 1
    fit = dawid_skene(counts)
    differ = _differences(list(given), values, fit, references)
    return Weighed(
        n=len(given),
        people=tuple(_care(name, counts[i], fit) for i, name in enumerate(names)),
        differ=tuple(sorted(differ, key=lambda difference: (-difference.chance, difference.record))[:MOST_LISTED]),
        count=len(differ),
        problem="",
    )


def _records(answers: Mapping[str, Mapping[str, Label]]) -> list[str]:
    return sorted({record for own in answers.values() for record in own})


def _of(answers: Mapping[str, Mapping[str, Label]], record: str) -> dict[str, Label]:
    return {person: labels[record] for person, labels in answers.items() if record in labels}


def _value(label: Label) -> Json:
    assert label.answer is not None, "a label in force has an answer"
    return label.answer.value


def _values(given: Mapping[str, Mapping[str, Label]]) -> list[Json]:
    values: list[Json] = []
    for own in given.values():
        values += [value for value in map(_value, own.values()) if value not in values]
    return sorted(values, key=str)


def _care(person: str, counts: Floats, fit: DawidSkene) -> Care:
    labelled = int(counts.sum())
    return Care(person=person, labels=labelled, right=float((counts * fit.chances).sum()) / labelled)


def _differences(
    records: Sequence[str], values: Sequence[Json], fit: DawidSkene, references: Mapping[str, Reference]
) -> list[Differs]:
    differences: list[Differs] = []
    for item, record in enumerate(records):
        likely = int(np.argmax(fit.chances[item]))
        reference = references.get(record)
        if reference is None or reference.settled == "adjudicated":
            continue
        accepted = [answer.value for answer in reference.accepted]
        if accepted != [values[likely]]:
            majority = " or ".join(in_words(Answer(value=value), {}) for value in accepted)
            word = in_words(Answer(value=values[likely]), {})
            differences.append(
                Differs(record=record, majority=majority, likely=word, chance=float(fit.chances[item, likely]))
            )
    return differences


def _none(problem: str, *, n: int = 0) -> Weighed:
    return Weighed(n=n, people=(), differ=(), count=0, problem=problem)
