"""Agreement beyond chance, where answers are categories or numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from stagegap.model.answer import Label
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.estimate import Estimate
from stagegap.model.values import Json
from stagegap.stats.agreement import cohen_kappa, counts_of, crossed, gwet_ac1, item_bootstrap, krippendorff_alpha
from stagegap.stats.consensus import human_limit

Floats = NDArray[np.float64]
Answers = Mapping[str, Mapping[str, Label]]
"""Person -> record -> label in force."""
RESAMPLES = 500
MOST_SHARES = 12
NO_ANSWER = "no answer"


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
    answers: Answers, records: Sequence[str], output: OutputType, codes: NDArray[np.int64], *, rng: np.random.Generator
) -> tuple[ChanceCorrected, ...]:
    """Give the coefficients that fit the type, on the records that several people labelled; items are resampled.

    Categories: Krippendorff's alpha, Gwet's AC1 (steadier where one answer dominates), Cohen's kappa of two people,
    and the best score that always giving the most common answer could reach. Numbers: alpha on the interval scale.
    """
    if len(answers) < 2 or output.kind not in (Kind.LABEL, Kind.BOOLEAN, Kind.NUMBER):
        return ()
    ratings = _matrix(answers, records, numbers=output.kind is Kind.NUMBER)
    several = (~np.isnan(ratings)).sum(axis=0) >= 2
    rated, units = ratings[:, several], codes[several]
    if not rated.shape[1]:
        return ()
    found = _coefficients(output, categories=_categories(answers, output), people=len(answers))
    return tuple(
        ChanceCorrected(name=name, value=item_bootstrap(coefficient, rated, units, rng=rng, resamples=RESAMPLES))
        for name, coefficient in found.items()
    )


def _categories(answers: Answers, output: OutputType) -> int:
    """Count the answers that people could give; "no answer" is one where somebody gave it."""
    given = (label.answer for labels in answers.values() for label in labels.values())
    declared = 2 if output.kind is Kind.BOOLEAN else len(output.values)
    return declared + any(answer is not None and answer.value is None for answer in given)


def _coefficients(output: OutputType, *, categories: int, people: int) -> dict[str, Callable[[Floats], float]]:
    if output.kind is Kind.NUMBER:
        return {"Krippendorff's alpha (interval)": partial(krippendorff_alpha, scale="interval")}
    found: dict[str, Callable[[Floats], float]] = {
        "Krippendorff's alpha (nominal)": krippendorff_alpha,
        "Gwet's AC1": lambda ratings: gwet_ac1(_with_all(counts_of(ratings), categories)),
        "Best possible against one person": lambda ratings: human_limit(counts_of(ratings)).best_possible,
    }
    if people == 2:
        found["Cohen's kappa"] = lambda ratings: cohen_kappa(crossed(ratings[0], ratings[1]))
    return found


def _with_all(counts: Floats, categories: int) -> Floats:
    """Add columns of zeros for the declared answers that nobody gave."""
    return np.pad(counts, ((0, 0), (0, max(0, categories - counts.shape[1]))))


def _matrix(answers: Answers, records: Sequence[str], *, numbers: bool) -> Floats:
    codes: dict[str, float] = {}

    def value(label: Label | None) -> float:
        if label is None or label.answer is None:
            return math.nan
        given = label.answer.value
        if numbers:
            return float(given) if isinstance(given, int | float) else math.nan
        return codes.setdefault(shown(given), float(len(codes)))

    return np.array([[value(labels.get(record)) for record in records] for labels in answers.values()])


def prevalence(answers: Answers, output: OutputType) -> tuple[Share, ...]:
    """Give the shares of the answers that people gave, for a closed set; the most common first."""
    if output.kind not in (Kind.LABEL, Kind.BOOLEAN):
        return ()
    found = Counter(
        shown(label.answer.value) for labels in answers.values() for label in labels.values() if label.answer
    )
    total = sum(found.values())
    return tuple(
        Share(answer=answer, count=count, share=count / total) for answer, count in found.most_common(MOST_SHARES)
    )


def shown(value: Json) -> str:
    """Give a category as text."""
    return NO_ANSWER if value is None else str(value)
