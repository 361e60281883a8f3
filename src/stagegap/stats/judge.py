"""Rates from a judge whose errors are known from people's labels, and whether a judge may stand in for a labeller."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import normal_quantile, t_quantile
from stagegap.stats.intervals import wilson
from stagegap.stats.significance import benjamini_yekutieli
from stagegap.stats.spread import Spread, clusters, distinct, spread

Floats = NDArray[np.float64]


def rogan_gladen_point(passed: float, tpr: float, tnr: float) -> float:
    """The true rate behind a judge's rate: (p + TNR - 1) / (TPR + TNR - 1) (Rogan & Gladen 1978); unclipped.

    >>> round(rogan_gladen_point(0.80, 0.92, 0.88), 9)
    0.85
    """
    return (passed + tnr - 1) / (tpr + tnr - 1)


def rogan_gladen(
    passed: int,
    n: int,
    *,
    right_positives: int,
    positives: int,
    right_negatives: int,
    negatives: int,
    level: float = 0.95,
) -> Estimate:
    """The true rate behind `passed` of n judged records, corrected by a calibration against people's labels.

    The judge passed `right_positives` of `positives` good records and failed `right_negatives` of `negatives` bad
    ones. The interval holds the uncertainty of all three counts (Lang & Reiczigel 2014). Not measured when the
    judge is not clearly better than chance: then it tells nothing. The value is clipped to 0 .. 1.
    """
    if not n or not positives or not negatives:
        return unmeasured("too few: the judge is not calibrated on both good and bad records", n=n)
    z = normal_quantile((1 + level) / 2)
    youden = right_positives / positives + right_negatives / negatives - 1
    spread = _variance(right_positives, positives) + _variance(right_negatives, negatives)
    if youden <= z * math.sqrt(spread):
        return unmeasured("not measured: the judge is not better than chance on the calibration records", n=n)
    p, size = (passed + z**2 / 2) / (n + z**2), n + z**2
    tpr, tnr = (right_positives + 1) / (positives + 2), (right_negatives + 1) / (negatives + 2)
    gain = tpr + tnr - 1
    rate = (p + tnr - 1) / gain
    of_tpr, of_tnr = tpr * (1 - tpr) / (positives + 2), tnr * (1 - tnr) / (negatives + 2)
    shift = 2 * z**2 * (rate * of_tpr - (1 - rate) * of_tnr)
    half = z * math.sqrt(p * (1 - p) / size + rate**2 * of_tpr + (1 - rate) ** 2 * of_tnr) / gain
    value = min(1.0, max(0.0, rogan_gladen_point(passed / n, right_positives / positives, right_negatives / negatives)))
    low, high = (min(1.0, max(0.0, rate + shift + sign * half)) for sign in (-1, 1))
    return Estimate(
        value=value, low=min(low, value), high=max(high, value), n=n, method="Rogan-Gladen, Lang-Reiczigel", level=level
    )


def _variance(right: int, n: int) -> float:
    share = (right + 1) / (n + 2)
    return share * (1 - share) / (n + 2)


def ppi_mean(
    labels: Floats,
    judged: Floats,
    unlabelled: Floats,
    *,
    units: NDArray[np.int64] | None = None,
    level: float = 0.95,
) -> Estimate:
    """The mean of people's labels, sharpened by a judge on many more records (PPI++, Angelopoulos et al. 2023).

    `judged` are the judge's scores of the labelled records, `unlabelled` those of the others. The weight of the
    judge is tuned to the variance, so a judge that tells nothing does no harm. Needs a random labelled sample, the
    same judge on both, and no tuning of the judge on these labels. Student's quantile, for below 200 labels the
    normal one covers too little. `units` are the codes of the clusters of the labelled records, then of the others:
    whole clusters, with labels or without, are then what is independent.
    """
    sharpened = _sharpened(labels, judged, unlabelled, units)
    if isinstance(sharpened, Estimate):
        return sharpened
    half = sharpened.within.quantile(level) * math.sqrt(sharpened.variance)
    return Estimate(
        value=sharpened.value,
        low=sharpened.value - half,
        high=sharpened.value + half,
        n=len(labels),
        method=sharpened.method,
        level=level,
        clusters=None if units is None else sharpened.within.count,
    )


def ppi_rate(
    labels: Floats,
    judged: Floats,
    unlabelled: Floats,
    *,
    units: NDArray[np.int64] | None = None,
    level: float = 0.95,
) -> Estimate:
    """The same for labels and scores in [0, 1]: the interval is a score interval, which stays within 0 and 1.

    Wilson's limits on value (1 - value) / variance records, with the quantile of the labels: Student's interval
    covers 87 to 93% where the rate is near an end and labels are few.
    """
    sharpened = _sharpened(labels, judged, unlabelled, units)
    if isinstance(sharpened, Estimate):
        return sharpened
    n, value = len(labels), min(1.0, max(0.0, sharpened.value))
    # At the very ends the limits would have no width.
    inside = min(1 - 0.5 / n, max(0.5 / n, value))
    limits = wilson(
        inside,
        n=n,
        within=sharpened.within,
        effective_n=inside * (1 - inside) / sharpened.variance,
        level=level,
    )
    return Estimate(
        value=value,
        low=min(limits.low, value),
        high=max(limits.high, value),
        n=n,
        method=sharpened.method,
        level=level,
        clusters=None if units is None else sharpened.within.count,
    )


FOLDS = 10


def ppi_difference(
    labels: Floats,
    judged: Floats,
    unlabelled: Floats,
    *,
    units: NDArray[np.int64] | None = None,
    level: float = 0.95,
) -> Estimate:
    """The mean difference between two runs: `labels` by people on some records, `judged` by a judge on the same.

    As `ppi_mean`, with each record's weight tuned on the other folds (whole clusters a fold): differences are -1, 0
    and 1, the judge's error is largest where it is surest, and a weight tuned on the very records is biased by that
    (a sixth of a standard error at 150 labels). The variance is that of half a record more on which judge and people
    differ in each direction, for few may have changed.
    """
    plain = _sharpened(labels, judged, unlabelled, units)
    if isinstance(plain, Estimate):
        return plain
    n, more = len(labels), len(unlabelled)
    codes = np.arange(n + more) if units is None else units
    folds = np.unique(codes[:n], return_inverse=True)[1] % FOLDS
    tuned = [_weight(labels[folds != fold], judged[folds != fold], unlabelled) for fold in range(FOLDS)]
    weights = np.array(tuned)[folds]
    rest, weight = labels - weights * judged, float(weights.mean())
    within = spread(rest, codes[:n])
    variance = within.variance + _variance_of_judged(rest, weight * unlabelled, codes) + 1 / (n * (n + 2))
    value = float(rest.mean()) + (weight * float(unlabelled.mean()) if more else 0.0)
    half = within.quantile(level) * math.sqrt(variance)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=n,
        method=f"PPI++ in {FOLDS} folds, {more} judged records, weight {weight:.2f}{within.note}",
        level=level,
        clusters=None if units is None else within.count,
    )


@dataclass(frozen=True, slots=True)
class _Sharpened:
    value: float
    variance: float
    within: Spread
    """Of the labelled records."""
    method: str


def _sharpened(
    labels: Floats, judged: Floats, unlabelled: Floats, units: NDArray[np.int64] | None
) -> _Sharpened | Estimate:
    """Value and variance of PPI++, or why there is none."""
    n, more = len(labels), len(unlabelled)
    if n < 3:
        return unmeasured(f"too few: {n} labelled {'record' if n == 1 else 'records'}", n=n)
    if len(judged) != n:
        raise ValueError(f"{n} labels need {n} judged scores, got {len(judged)}")
    if units is not None and distinct(units[:n]) < 2:
        return unmeasured(f"too few: all {n} labelled records belong to one cluster", n=n)
    weight = _weight(labels, judged, unlabelled)
    value = float((labels - weight * judged).mean()) + (weight * float(unlabelled.mean()) if more else 0.0)
    codes = np.arange(n + more) if units is None else units
    within = spread(labels - weight * judged, codes[:n])
    variance = within.variance + _variance_of_judged(labels - weight * judged, weight * unlabelled, codes)
    if variance <= 1e-18:
        return unmeasured("too few: all values are equal, so their spread is unknown", n=n)
    method = f"PPI++, {more} judged records, weight {weight:.2f}{within.note}"
    return _Sharpened(value=value, variance=variance, within=within, method=method)


FEWEST_OF_EACH = 10
"""Good and bad labelled records each that a judge is measured on at least."""


def informedness(labels: Floats, judged: Floats, units: NDArray[np.int64] | None = None) -> Estimate:
    """Sensitivity + specificity - 1 of a judge that says good (1) or not (0): 0 is a coin, 1 never errs (Youden 1950).

    Each share's variance is that of one success and one failure more (Agresti & Coull), so that a judge without an
    error among few labels is no certain one. With `units` whole clusters are what is independent.
    """
    good = labels >= 0.5
    of_good, of_bad = int(good.sum()), int((~good).sum())
    n = len(labels)
    if min(of_good, of_bad) < FEWEST_OF_EACH:
        return unmeasured(
            f"too few: {of_good} good and {of_bad} bad labelled records, and {FEWEST_OF_EACH} of each are needed", n=n
        )
    passed, wrongly = float(judged[good].mean()), float(judged[~good].mean())
    value = passed - wrongly
    variance = _variance(round(passed * of_good), of_good) + _variance(round(wrongly * of_bad), of_bad)
    quantile = normal_quantile(0.975)
    if units is not None:
        if distinct(units) < 2:
            return unmeasured(f"too few: all {n} labelled records belong to one cluster", n=n)
        influence = np.where(good, (judged - passed) * n / of_good, -(judged - wrongly) * n / of_bad)
        within = spread(influence, units)
        variance, quantile = max(variance, within.variance), within.quantile(0.95)
    half = quantile * math.sqrt(variance)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=n,
        method="sensitivity + specificity - 1",
        clusters=None if units is None else distinct(units),
    )


def labels_that_would_do(labels: Floats, judged: Floats, units: NDArray[np.int64] | None = None) -> int | None:
    """Labelled records in all that would show the judge to be better than a coin, if it is as good as it looks.

    None where no number would: it looks no better than a coin, or labels of one kind only came in.
    """
    good = labels >= 0.5
    n, of_good = len(labels), int(good.sum())
    if not 0 < of_good < n:
        return None
    share = of_good / n
    passed, wrongly = float(judged[good].mean()), float(judged[~good].mean())
    value = passed - wrongly
    if value <= 0:
        return None
    each = _variance(round(passed * of_good), of_good) * (of_good + 2) / share
    each += _variance(round(wrongly * (n - of_good)), n - of_good) * (n - of_good + 2) / (1 - share)
    design = 1.0
    if units is not None and distinct(units) >= 2:
        within = spread(np.where(good, judged - passed, wrongly - judged), units)
        design = n / within.effective_n
    wanted = math.ceil(design * each * (normal_quantile(0.975) / value) ** 2)
    return max(n + 1, wanted, math.ceil(FEWEST_OF_EACH / min(share, 1 - share)))


def leaning(judged: Floats, labels: Floats, longer: NDArray[np.bool_], units: NDArray[np.int64]) -> Estimate:
    """How much higher a judge marks some outputs than others that people label the same: by length, or any split.

    The coefficient of `longer` in the regression of the judge's marks on the labels and it, its error by whole
    clusters of influence. A judge that errs at random leans nowhere, though its raw error differs between long and
    short outputs wherever these are not equally good.
    """
    n = len(judged)
    known = np.column_stack([np.ones(n), labels])
    inside = longer.astype(np.float64)
    rest = inside - known @ np.linalg.lstsq(known, inside, rcond=None)[0]
    weight = float(rest @ rest)
    if n < 2 * FEWEST_OF_EACH or distinct(units) < 2 or weight <= 1e-9 * n:
        return unmeasured(f"too few: {n} labelled records, and not both longer and shorter ones of the same label", n=n)
    value = float(rest @ judged) / weight
    error = judged - known @ np.linalg.lstsq(known, judged - value * inside, rcond=None)[0] - value * inside
    if float(error @ error) <= 1e-12 * n:
        return unmeasured("too few: the judge never differs from the labels, so nothing can lean", n=n)
    within = spread(rest * error * n / weight, units)
    half = within.quantile(0.95) * within.error
    return Estimate(
        value=value, low=value - half, high=value + half, n=n, method=f"regression on the label{within.note}",
        clusters=None if within.count == n else within.count,
    )  # fmt: skip


def _variance_of_judged(corrected: Floats, judged: Floats, codes: NDArray[np.int64]) -> float:
    """What the judged records add to the variance of mean(corrected) + mean(judged); `codes` of both in this order.

    Their own variance, and twice the covariance with the labelled records of the same clusters; never below 0.
    """
    n, more = len(corrected), len(judged)
    if distinct(codes[n:]) < 2:
        return 0.0
    size = int(codes.max()) + 1
    of_labelled = np.bincount(codes[:n], weights=(corrected - corrected.mean()) / n, minlength=size)
    of_judged = np.bincount(codes[n:], weights=(judged - judged.mean()) / more, minlength=size)
    return max(0.0, spread(judged, codes[n:]).variance + 2 * float(of_labelled @ of_judged))


def _weight(labels: Floats, judged: Floats, unlabelled: Floats) -> float:
    """The judge's weight Cov(y, f) / ((1 + n / N) Var f); 0 without unlabelled records."""
    n, more = len(labels), len(unlabelled)
    if more < 2:
        return 0.0
    spread = float(np.concatenate([judged, unlabelled]).var(ddof=1))
    return float(np.cov(labels, judged)[0, 1]) / ((1 + n / more) * spread) if spread > 0 else 0.0


def weighted_mean(
    labels: Floats, predicted: Floats, chances: Floats, others: Floats, *, level: float = 0.95
) -> Estimate:
    """The mean over all records when each was labelled with its own known chance (Zrnic & Candes 2024).

    mean over all N records of f + (y - f) / pi where labelled, f elsewhere: unbiased whatever f is. `labels`,
    `predicted` and `chances` are of the labelled records, `others` the predictions of the rest. Predictions of 0
    give the Horvitz-Thompson estimate. Raises: ValueError for a chance outside (0, 1].
    """
    if len(chances) and not ((chances > 0) & (chances <= 1)).all():
        raise ValueError("every chance of being labelled must lie above 0 and be at most 1")
    total = len(labels) + len(others)
    if len(labels) < 2:
        return unmeasured(f"too few: {len(labels)} labelled records", n=len(labels))
    terms = np.concatenate([predicted + (labels - predicted) / chances, others])
    half = t_quantile((1 + level) / 2, len(labels) - 1) * float(terms.std(ddof=1)) / math.sqrt(total)
    value = float(terms.mean())
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=len(labels),
        method=f"inverse probability, {total} records",
        level=level,
    )


FEWEST_ANNOTATORS = 3
FEWEST_ITEMS = 30

Item = TypeVar("Item")
Rating = TypeVar("Rating")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstOne:
    """The judge against one annotator, both measured by the other annotators."""

    annotator: str
    n: int
    """Items that this annotator, another one and the judge rated."""
    judge_wins: float
    """Share of items on which the judge is at least as close to the others as the annotator."""
    annotator_wins: float
    p: float
    """One-sided, that the annotator's advantage is not below epsilon."""
    rejected: bool
    """After Benjamini-Yekutieli over the annotators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeTest:
    """Whether the judge may stand in, and how often it does at least as well."""

    winning_rate: float
    """Share of annotators against whom the judge holds; passes from 0.5."""
    advantage: float
    """Mean share of items on which the judge is at least as close to the others as an annotator."""
    passes: bool
    annotators: tuple[AgainstOne, ...]
    left_out: int
    """Annotators with too few items."""
    problem: str
    """Why the answer should not be trusted; empty when nothing speaks against it."""


def alternative_test(
    judge: Mapping[Item, Rating],
    annotators: Mapping[str, Mapping[Item, Rating]],
    *,
    epsilon: float,
    alignment: Callable[[Rating, Sequence[Rating]], float],
    q: float = 0.05,
    fewest_items: int = FEWEST_ITEMS,
    unit: Callable[[Item], Hashable] | None = None,
) -> AlternativeTest:
    """Test whether the judge is as close to the other annotators as each annotator is, up to epsilon.

    `alignment(rating, others)` is larger for closer ratings: `agreeing` for categories. Epsilon is the price of an
    annotator: 0.2 for experts, 0.15 for skilled people, 0.1 for crowd workers. It measures agreement, not truth.
    Annotators who share fewer than `fewest_items` items with the judge and somebody else are left out and counted,
    and so is who shares items of one cluster only. `unit` says which cluster an item belongs to (itself unless given):
    the published test takes items as independent, and would be too sure of twenty questions of one conversation.
    """
    rows = [_against(name, judge, annotators, epsilon, alignment, unit or _itself) for name in annotators]
    usable = [row for row in rows if row.n >= max(2, fewest_items) and not math.isnan(row.p)]
    adjusted = benjamini_yekutieli(np.array([row.p for row in usable], dtype=np.float64))
    decided = tuple(
        AgainstOne(
            annotator=row.annotator,
            n=row.n,
            judge_wins=row.judge_wins,
            annotator_wins=row.annotator_wins,
            p=row.p,
            rejected=bool(p <= q),
        )
        for row, p in zip(usable, adjusted.tolist(), strict=True)
    )
    rate = sum(row.rejected for row in decided) / len(decided) if decided else math.nan
    n = len(decided)
    advantage = sum(row.judge_wins for row in decided) / len(decided) if decided else math.nan
    return AlternativeTest(
        winning_rate=rate,
        advantage=advantage,
        passes=bool(decided) and rate >= 0.5,
        annotators=decided,
        left_out=len(rows) - len(decided),
        problem="" if n >= FEWEST_ANNOTATORS else f"too few: {n} of {FEWEST_ANNOTATORS} annotators",
    )


def _against(
    name: str,
    judge: Mapping[Item, Rating],
    annotators: Mapping[str, Mapping[Item, Rating]],
    epsilon: float,
    alignment: Callable[[Rating, Sequence[Rating]], float],
    unit: Callable[[Item], Hashable],
) -> AgainstOne:
    judge_wins: list[bool] = []
    annotator_wins: list[bool] = []
    units: list[Hashable] = []
    for item, rating in annotators[name].items():
        others = [given[item] for other, given in annotators.items() if other != name and item in given]
        if others and item in judge:
            machine, person = alignment(judge[item], others), alignment(rating, others)
            judge_wins.append(machine >= person)
            annotator_wins.append(person >= machine)
            units.append(unit(item))
    n = len(judge_wins)
    if n < 2:
        return AgainstOne(annotator=name, n=n, judge_wins=math.nan, annotator_wins=math.nan, p=math.nan, rejected=False)
    difference = np.array(annotator_wins, dtype=np.float64) - np.array(judge_wins, dtype=np.float64)
    return AgainstOne(
        annotator=name,
        n=n,
        judge_wins=sum(judge_wins) / n,
        annotator_wins=sum(annotator_wins) / n,
        p=_below(difference, clusters(units).codes, epsilon),
        rejected=False,
    )


def _itself(item: Hashable) -> Hashable:
    return item


def _below(values: NDArray[np.float64], codes: NDArray[np.int64], bound: float) -> float:
    """The one-sided t-test's p that the mean is not below the bound, whole clusters being the units.

    Without a spread it is that of the sign test, so that few equal units are not taken for proof; NaN for one unit.
    """
    units = distinct(codes)
    if units < 2:
        return math.nan
    mean, within = float(values.mean()), spread(values, codes)
    if within.error <= 1e-12:
        return 0.5**units if mean < bound else 1.0
    return within.tail((bound - mean) / within.error)


def agreeing(rating: object, others: Sequence[object]) -> float:
    """The share of the others who gave the same rating."""
    return sum(rating == other for other in others) / len(others)


def closeness(rating: float, others: Sequence[float]) -> float:
    """Minus the root mean squared distance to the others' ratings."""
    return -math.sqrt(sum((rating - other) ** 2 for other in others) / len(others))
