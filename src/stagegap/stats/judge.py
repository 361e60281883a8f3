"""Rates from a judge, or from people who saw the output, whose errors are known from blind labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import normal_quantile
from stagegap.stats.intervals import ALL_EQUAL, wilson
from stagegap.stats.spread import Spread, distinct, spread

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
    same judge on both, and no tuning of the judge on these labels. A labelled record that was not judged has NaN.
    Student's quantile, for below 200 labels the normal one covers too little. `units` are the codes of the clusters of
    the labelled records, then of the others: whole clusters, with labels or without, are then what is independent.
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
    weight: float


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
    value, variance, within = _contrast(labels, judged, unlabelled, units, weight, weight if more else 0.0)
    if variance <= 1e-18:
        return unmeasured(ALL_EQUAL, n=n)
    method = f"PPI++, {more} judged records, weight {weight:.2f}{within.note}"
    return _Sharpened(value=value, variance=variance, within=within, method=method, weight=weight)


def _contrast(
    labels: Floats,
    judged: Floats,
    unlabelled: Floats,
    units: NDArray[np.int64] | None,
    of_judged: float,
    of_unlabelled: float,
) -> tuple[float, float, Spread]:
    """mean(labels) - `of_judged` x mean(judged) + `of_unlabelled` x mean(unlabelled), its variance, and the spread of
    the part that rests on the labelled records.

    The mean of `judged` is that of the labelled records which have a mark (NaN: none). Each record stands with its
    linear part in it, so that a record without a mark weighs in the labels alone.
    """
    n, known = len(labels), ~np.isnan(judged)
    parts = judged
    if not known.all():
        centre = float(judged[known].mean()) if known.any() else 0.0
        parts = centre + np.where(known, judged - centre, 0.0) * (n / max(1, int(known.sum())))
    corrected, rest = labels - of_judged * parts, of_unlabelled * unlabelled
    codes = np.arange(n + len(unlabelled)) if units is None else units
    within = spread(corrected, codes[:n])
    variance = within.variance + _variance_of_judged(corrected, rest, codes)
    return float(corrected.mean()) + (float(rest.mean()) if len(rest) else 0.0), variance, within


def anchoring(
    labels: Floats,
    judged: Floats,
    unlabelled: Floats,
    *,
    units: NDArray[np.int64] | None = None,
    level: float = 0.95,
) -> Estimate:
    """How far the mean of all marks lies above what `ppi_rate` corrects it to: what seeing an output does to people.

    As for `ppi_rate`; `labels` are the blind answers' scores, `judged` what people who saw the output said of the same
    records (NaN: nothing), `unlabelled` of the others. Records with both are paired. The variance is that of half a
    record more on which both differ in each direction, for few may.
    """
    sharpened = _sharpened(labels, judged, unlabelled, units)
    if isinstance(sharpened, Estimate):
        return sharpened
    n, paired, more = len(labels), int((~np.isnan(judged)).sum()), len(unlabelled)
    if paired + more < 3:
        return unmeasured(f"too few: {paired + more} verdicts", n=n)
    of_judged = sharpened.weight + paired / (paired + more)
    value, variance, within = _contrast(labels, judged, unlabelled, units, of_judged, of_judged - 1 if more else 0.0)
    half = within.quantile(level) * math.sqrt(variance + 1 / (n * (n + 2)))
    return Estimate(
        value=-value,
        low=-value - half,
        high=-value + half,
        n=n,
        method=f"verdicts less PPI++, {paired + more} verdicts, {paired} of them beside a blind answer{within.note}",
        level=level,
        clusters=None if units is None else within.count,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """How to come to a rate in the least time."""

    blind: int
    """Blind answers."""
    verdicts: int
    """Verdicts, those beside the blind answers included; 0 where they do not pay."""
    minutes: float
    alone: float
    """Minutes for the same by blind answers alone."""


def cheapest_mix(
    *, variance: float, correlation: float, half_width: float, seconds_blind: float, seconds_verdict: float
) -> Mix:
    """Blind answers and verdicts that give a mean's 95% interval of so much to either side in the least time.

    Double sampling with regression (Cochran 1977, 12.8): variance x ((1 - r^2) / n + r^2 / N), each of n blind answers
    taking a verdict beside it, of N verdicts in all; n and N as the roots of variance over cost.
    """
    wanted = (half_width / normal_quantile(0.975)) ** 2
    few = math.ceil(variance / wanted)
    alone = few * seconds_blind / 60
    rest, shared = variance * (1 - correlation**2), variance * correlation**2
    scale = (math.sqrt(rest * seconds_blind) + math.sqrt(shared * seconds_verdict)) / wanted
    blind = math.ceil(scale * math.sqrt(rest / seconds_blind))
    verdicts = math.ceil(scale * math.sqrt(shared / seconds_verdict))
    minutes = (blind * seconds_blind + verdicts * seconds_verdict) / 60
    if verdicts <= blind or minutes >= alone:
        return Mix(blind=few, verdicts=0, minutes=alone, alone=alone)
    return Mix(blind=blind, verdicts=verdicts, minutes=minutes, alone=alone)


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
    """The judge's weight Cov(y, f) / ((n / m + n / N) Var f), m of the n labelled records being judged.

    0 where m or N is below 2, and where the few that are judged say nothing sure of the others.
    """
    known = ~np.isnan(judged)
    n, both, more = len(labels), int(known.sum()), len(unlabelled)
    if more < 2 or both < (2 if both == n else FEWEST_OF_EACH):
        return 0.0
    spread = float(np.concatenate([judged[known], unlabelled]).var(ddof=1))
    return float(np.cov(labels[known], judged[known])[0, 1]) / ((n / both + n / more) * spread) if spread > 0 else 0.0
