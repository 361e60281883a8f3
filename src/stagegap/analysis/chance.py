"""Agreement beyond chance, where answers are categories or numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.wording import counted
from stagegap.model.answer import Label
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.estimate import Estimate
from stagegap.model.values import Json
from stagegap.stats.agreement import alpha_bootstrap, cohen_kappa, counts_of, crossed, gwet_ac1, item_bootstrap
from stagegap.stats.consensus import human_limit
from stagegap.tables import figures

Floats = NDArray[np.float64]
Answers = Mapping[str, Mapping[str, Label]]
"""Person -> record -> label in force."""
RESAMPLES = 500
MOST_SHARES = 12
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
    answers: Answers, records: Sequence[str], output: OutputType, codes: NDArray[np.int64], *, seed: int
) -> tuple[ChanceCorrected, ...]:
    """The coefficients that fit the type, on the records that several people labelled; items are resampled.

    Categories: Krippendorff's alpha, Gwet's AC1 (steadier where one answer dominates), Cohen's kappa of two people,
    and the best score that always giving the most common answer could reach. Numbers: alpha on the interval scale.
    Sets: alpha of whole sets.
    """
    first = alpha(answers, records, output, codes, seed=seed)
    if first is None:
        return ()
    rated, units = _rated(answers, records, output, codes)
    rng = np.random.default_rng(seed)
    coefficients = _coefficients(output, categories=_categories(answers, output), people=len(answers))
    return (
        ChanceCorrected(name=f"Krippendorff's alpha ({_SCALES.get(output.kind, 'nominal')})", value=first),
        *(
            ChanceCorrected(name=name, value=item_bootstrap(coefficient, rated, units, rng=rng, resamples=RESAMPLES))
            for name, coefficient in coefficients.items()
        ),
    )


def alpha(
    answers: Answers, records: Sequence[str], output: OutputType, codes: NDArray[np.int64], *, seed: int
) -> Estimate | None:
    """Krippendorff's alpha of the records that several people labelled, the same on every page.

    None for answers that have no chance agreement, and without a record that two people labelled.
    """
    if len(answers) < 2 or output.kind not in COUNTABLE:
        return None
    rated, units = _rated(answers, records, output, codes)
    if not rated.shape[1]:
        return None
    return alpha_bootstrap(
        rated, units, scale="interval" if output.kind is Kind.NUMBER else "nominal", rng=np.random.default_rng(seed),
        resamples=RESAMPLES,
    )  # fmt: skip


def is_weak(coefficient: Estimate) -> bool:
    """Say whether people agree too little for a gap that is measured with their labels to mean anything."""
    return coefficient.is_measured and coefficient.n >= FEWEST and coefficient.high < TOO_LOW


def weak_sentence(coefficient: Estimate, noun: str, *, place: str) -> str:
    """Say how little people agree, and what that means; `place` is `at route` or `by accuracy`."""
    return (
        f"People hardly agree {place}: Krippendorff's alpha {figures.figure(coefficient, figures.Unit.NUMBER)} on "
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


def _coefficients(output: OutputType, *, categories: int, people: int) -> dict[str, Callable[[Floats], float]]:
    if output.kind not in (Kind.LABEL, Kind.BOOLEAN):
        return {}
    coefficients: dict[str, Callable[[Floats], float]] = {
        "Gwet's AC1": lambda ratings: gwet_ac1(_with_all(counts_of(ratings), categories)),
        "Best possible against one person": lambda ratings: human_limit(counts_of(ratings)).best_possible,
    }
    if people == 2:
        coefficients["Cohen's kappa"] = lambda ratings: cohen_kappa(crossed(ratings[0], ratings[1]))
    return coefficients


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
        Share(answer=answer, count=count, share=count / total) for answer, count in counts.most_common(MOST_SHARES)
    )


def category(value: Json) -> str:
    """A category as text; a set in one order."""
    if isinstance(value, list):
        return " + ".join(sorted(map(str, value)))
    return NO_ANSWER if value is None else str(value)
