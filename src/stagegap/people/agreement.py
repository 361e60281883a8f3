"""People against each other and the system against the same targets; agreement beyond chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from stagegap.attribution.faults import BAR_SLACK
from stagegap.metrics import Metric, label_as_output, score
from stagegap.model.answer import Label, Output, Reference
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.estimate import Estimate
from stagegap.model.record import Json
from stagegap.model.wording import counted
from stagegap.people.references import settled, strictly
from stagegap.stats.agreement import (
    Chance,
    agreement_beyond_chance,
    alpha_bootstrap,
    closeness,
    coefficient_interval,
    counts_of,
)
from stagegap.stats.intervals import mean_of
from stagegap.stats.spread import Clusters, clusters, distinct
from stagegap.tables import figures

Floats = NDArray[np.float64]
Answers = Mapping[str, Mapping[str, Label]]
"""Person -> record -> label in force."""
RESAMPLES = 500
MOST_SHARES = 12
MOST_STEPS = 20
"""Whole numbers that a scale of ratings may have to be read as ordered answers."""
NO_ANSWER = "no answer"
COUNTABLE = (Kind.LABEL, Kind.LABELS, Kind.BOOLEAN, Kind.NUMBER)
"""Types of answers that are the same or not, or so far apart; two good texts may differ."""
TOO_LOW = 0.4
"""Alpha whose whole interval lies below says that answers are mostly not shared (Krippendorff asks for 0.667)."""
FEWEST = 30
"""Records below which no agreement is called weak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChanceCorrected:
    """One coefficient of agreement."""

    name: str
    """`Krippendorff's alpha (nominal)`"""
    value: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How common one answer is among the labels."""

    answer: str
    count: int
    share: float
    """Of all labels of the stage: a count of the labels there are, not an estimate."""


def chance_corrected(
    answers: Answers, records: Sequence[str], output: OutputType, codes: NDArray[np.int64]
) -> tuple[ChanceCorrected, ...]:
    """The coefficients that fit the type, on the records that several people labelled.

    Categories: Krippendorff's alpha, Gwet's AC1 (steadier where one answer dominates), Brennan and Prediger's, Fleiss'
    and Conger's kappa (Cohen's of two people), and the best score that always giving the most common answer could
    reach. Numbers: alpha on the interval scale, and for ratings on a scale of few steps AC2 and kappa with quadratic
    weights. Sets: alpha of whole sets. A record that one person labelled agrees with nobody, but it tells how common
    its answer is, and so counts in what chance gives.
    """
    first = alpha(answers, records, output, codes)
    if first is None:
        return ()
    ratings = _matrix(answers, records, numbers=output.kind is Kind.NUMBER)
    return (
        ChanceCorrected(name=f"Krippendorff's alpha ({_SCALES.get(output.kind, 'nominal')})", value=first),
        *_beyond_chance(ratings, codes, output, categories=_categories(answers, output)),
    )


NO_CHANCE = {
    Kind.BOXES: "rectangles can be drawn anywhere",
    Kind.SPANS: "spans can begin and end anywhere",
    Kind.SEGMENTS: "segments can begin and end anywhere",
    Kind.TRANSCRIPT: "a text can say anything",
}
"""Why two people hit the same answer by chance with no probability that could be worked out."""


def uncorrected(output: OutputType) -> str:
    """Why there is no agreement beyond chance, as a sentence; empty for other types.

    >>> uncorrected(OutputType(kind=Kind.SPANS))
    'no agreement beyond chance: spans can begin and end anywhere, so read the mean score of one labeller by another.'
    """
    why = NO_CHANCE.get(output.kind)
    return f"no agreement beyond chance: {why}, so read the mean score of one labeller by another." if why else ""


def alpha(answers: Answers, records: Sequence[str], output: OutputType, codes: NDArray[np.int64]) -> Estimate | None:
    """Krippendorff's alpha of the records that several people labelled, the same on every page.

    Its resamples hang on nothing but these labels: not on the order of the records, on records that nobody labelled
    twice, or on who asks. None for answers that have no chance agreement, and without a record that two people
    labelled.
    """
    if len(answers) < 2 or output.kind not in COUNTABLE:
        return None
    places = sorted(range(len(records)), key=records.__getitem__)
    rated, units = _rated(answers, [records[place] for place in places], output, codes[places])
    if not rated.shape[1]:
        return None
    return alpha_bootstrap(
        rated,
        clusters(units.tolist()).codes,
        scale="interval" if output.kind is Kind.NUMBER else "nominal",
        rng=np.random.default_rng(0),
        resamples=RESAMPLES,
    )


def is_weak(coefficient: Estimate) -> bool:
    """Say whether people agree too little for a gap that is measured with their labels to mean anything."""
    return coefficient.is_measured and coefficient.n >= FEWEST and coefficient.high < TOO_LOW


def weak_sentence(coefficient: Estimate, noun: str, *, place: str) -> str:
    """Say how little people agree, and what that means; `place` is `at route` or `by accuracy`."""
    return (
        f"Labellers hardly agree {place}: Krippendorff's alpha {figures.figure(coefficient, figures.Unit.NUMBER)} on "
        f"{counted(coefficient.n, noun)}, where 1 is full agreement and 0 what chance gives. A gap measured with these "
        "labels is mostly noise."
    )


_SCALES = {Kind.NUMBER: "interval", Kind.LABELS: "nominal, whole sets"}


def _rated(
    answers: Answers, records: Sequence[str], output: OutputType, codes: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64]]:
    ratings = _matrix(answers, records, numbers=output.kind is Kind.NUMBER)
    several = (~np.isnan(ratings)).sum(axis=0) >= 2
    return ratings[:, several], codes[several]


def _categories(answers: Answers, output: OutputType) -> int:
    """Count the answers that people could give; "no answer" is one where somebody gave it."""
    given = (label.answer for labels in answers.values() for label in labels.values())
    declared = 2 if output.kind is Kind.BOOLEAN else len(output.values)
    return declared + any(answer is not None and answer.value is None for answer in given)


def _beyond_chance(
    ratings: Floats, codes: NDArray[np.int64], output: OutputType, *, categories: int
) -> tuple[ChanceCorrected, ...]:
    known = ~np.isnan(ratings)
    several = known.sum(axis=0) >= 2
    of_two = len(ratings) == 2
    kappa = "Cohen's kappa" if of_two else "Conger's kappa"
    labelled = known.any(axis=0)
    # Cohen's table of two people holds the records that both labelled.
    habits = several if of_two else labelled
    ratings, codes, kappas, of_kappas = ratings[:, labelled], codes[labelled], ratings[:, habits], codes[habits]
    steps = np.unique(ratings[~np.isnan(ratings)])
    is_scale = len(steps) > 0 and float(np.ptp(steps)) < MOST_STEPS and bool((steps == np.round(steps)).all())
    if output.kind is Kind.NUMBER and is_scale:
        scale = np.arange(int(steps.min()), int(steps.max()) + 1, dtype=np.float64)
        weights = closeness(len(scale), "quadratic")
        ac2 = agreement_beyond_chance(ratings, chance="gwet", categories=scale, weights=weights)
        weighted = agreement_beyond_chance(kappas, chance="conger", categories=scale, weights=weights)
        return (
            ChanceCorrected(name="Gwet's AC2 (quadratic)", value=coefficient_interval(ac2, codes)),
            ChanceCorrected(
                name=f"{kappa} (quadratic)",
                value=coefficient_interval(weighted, of_kappas),
            ),
        )
    if output.kind not in (Kind.LABEL, Kind.BOOLEAN):
        return ()
    every = np.arange(max(categories, len(steps)), dtype=np.float64)
    named: dict[str, Chance] = {"Gwet's AC1": "gwet", "Brennan-Prediger": "brennan-prediger", "Fleiss' kappa": "fleiss"}
    coefficients = {
        name: coefficient_interval(agreement_beyond_chance(ratings, chance=chance, categories=every), codes)
        for name, chance in named.items()
    }
    own = agreement_beyond_chance(kappas, chance="conger", categories=every)
    coefficients[kappa] = coefficient_interval(own, of_kappas)
    counts = counts_of(ratings)
    pairs = counts.sum(axis=1) >= 2
    best = counts[pairs].max(axis=1) / counts[pairs].sum(axis=1)
    units = Clusters(codes=codes[pairs], count=distinct(codes[pairs]))
    coefficients["Best possible against one labeller"] = mean_of(best, units)
    return tuple(ChanceCorrected(name=name, value=value) for name, value in coefficients.items())


def _matrix(answers: Answers, records: Sequence[str], *, numbers: bool) -> Floats:
    codes: dict[str, float] = {}

    def value(label: Label | None) -> float:
        if label is None or label.answer is None:
            return math.nan
        given = label.answer.value
        if numbers:
            return float(given) if isinstance(given, int | float) else math.nan
        return codes.setdefault(category(given), float(len(codes)))

    return np.array([[value(labels.get(record)) for record in records] for labels in answers.values()])


def prevalence(answers: Answers, output: OutputType) -> tuple[Share, ...]:
    """The shares of the answers that people gave, for a closed set; the most common first."""
    if output.kind not in (Kind.LABEL, Kind.BOOLEAN):
        return ()
    counts = Counter(
        category(label.answer.value) for labels in answers.values() for label in labels.values() if label.answer
    )
    total = sum(counts.values())
    return tuple(
        Share(answer=answer, count=count, share=count / total) for answer, count in commonest(counts)[:MOST_SHARES]
    )


def commonest(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most common first, of equal ones by name: the same in any order in which they came."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def category(value: Json) -> str:
    """A category as text; a set in one order."""
    if isinstance(value, list):
        return " + ".join(sorted(map(str, value)))
    return NO_ANSWER if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Mean scores on one record that several people labelled; NaN where there is nothing to compare."""

    person: float
    """Of each person against the consensus of the others, averaged over the persons."""
    system: float
    """Of the system's output against the same consensuses, averaged in the same way."""


def leave_one_out(
    labels: Sequence[Label],
    output: Output | None,
    *,
    kind: Kind,
    metric: Metric,
    good: float | None = None,
    is_strict: bool = False,
) -> LeftOut:
    """Score each person and the system against what the other persons settle, for one record.

    Both are held to the same rule as the system anywhere else: the best over the answers that the others' labels
    accept, or with `is_strict` what `strict_score` asks. With `good` each score becomes 1 or 0. Both are NaN when
    fewer than two people labelled; system is NaN without an output or after infrastructure.
    """
    pairs: list[tuple[float, float]] = []
    for out in labels:
        others = [label for label in labels if label is not out]
        if not others:
            break
        target = settled(others, kind)
        person = target_score(label_as_output(out), target, metric, good=good, is_strict=is_strict)
        if not math.isnan(person):
            pairs.append((person, target_score(output, target, metric, good=good, is_strict=is_strict)))
    if not pairs:
        return LeftOut(person=math.nan, system=math.nan)
    return LeftOut(person=sum(p for p, _ in pairs) / len(pairs), system=sum(s for _, s in pairs) / len(pairs))


def strict_score(output: Output, target: Reference, metric: Metric) -> float:
    """The score where nobody's answer alone is enough: the worst over what `strictly` asks an output to meet."""
    scores = [score(output, part, metric) for part in strictly(target)]
    return min((value for value in scores if not math.isnan(value)), default=math.nan)


def target_score(
    output: Output | None, target: Reference, metric: Metric, *, good: float | None = None, is_strict: bool = False
) -> float:
    """The score against a target, 1 or 0 with `good`; NaN without an output or where nothing can be compared."""
    if output is None:
        return math.nan
    own = strict_score(output, target, metric) if is_strict else score(output, target, metric)
    return own if good is None or math.isnan(own) else float(own >= good - BAR_SLACK)


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
