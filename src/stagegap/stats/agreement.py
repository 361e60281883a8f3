"""How far people agree, beside chance: Cohen, Fleiss, Krippendorff, Gwet.

Ratings are a matrix of raters x items with NaN for missing ones; categories are numbers (codes where nominal). Every
coefficient is NaN where it is not defined (nobody rated twice, or only one category occurs for a chance-corrected
one). Show raw agreement and how often each category occurs beside any of them: chance correction depends on it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.resample import percentile_interval
from stagegap.stats.spread import Spread, spread

Floats = NDArray[np.float64]
UNDEFINED_AT_MOST = 0.05
"""Share of resamples in which a coefficient may be undefined before its interval would be a lie."""

MOST_WEIGHTS = 2_000_000
"""Weights of resampled items that are held at once."""
SMALLEST = 1e-12
"""Expected disagreement of a pair below which all ratings are taken to be the same."""

Scale = Literal["nominal", "ordinal", "interval", "ratio"]


def counts_of(ratings: Floats) -> Floats:
    """Items x categories: how many raters put the item there; categories in ascending order."""
    known = ~np.isnan(ratings)
    categories = np.unique(ratings[known])
    return (
        np.stack([(ratings == category).sum(axis=0) for category in categories], axis=1).astype(np.float64)
        if len(categories)
        else np.zeros((ratings.shape[1], 0))
    )


def raw_agreement(counts: Floats) -> float:
    """The share of agreeing pairs of raters, averaged over the items that two or more rated."""
    per_item = _agreeing_pairs(counts)
    return float(per_item.mean()) if len(per_item) else math.nan


def _agreeing_pairs(counts: Floats) -> Floats:
    raters = counts.sum(axis=1)
    rated = counts[raters >= 2]
    m = rated.sum(axis=1)
    return (rated * (rated - 1)).sum(axis=1) / (m * (m - 1))


def cohen_kappa(table: Floats) -> float:
    """Cohen's kappa (1960) from the table of two raters: rows the first, columns the second.

    >>> round(cohen_kappa(np.array([[20, 5], [10, 15]])), 4)
    0.4
    """
    total = float(table.sum())
    if not total:
        return math.nan
    observed = float(np.trace(table)) / total
    expected = float((table.sum(axis=1) * table.sum(axis=0)).sum()) / total**2
    return _corrected(observed, expected)


def crossed(a: Floats, b: Floats) -> Floats:
    """The table of two raters over the items that both rated; categories in ascending order."""
    both = ~np.isnan(a) & ~np.isnan(b)
    categories = np.unique(np.concatenate([a[both], b[both]]))
    table = np.zeros((len(categories), len(categories)))
    np.add.at(table, (np.searchsorted(categories, a[both]), np.searchsorted(categories, b[both])), 1)
    return table


def fleiss_kappa(counts: Floats) -> float:
    """Fleiss' kappa (1971) from items x categories; every item must have as many ratings as the others.

    Raises: ValueError when the numbers of ratings differ (use Krippendorff's alpha then).
    """
    raters = counts.sum(axis=1)
    if not len(raters):
        return math.nan
    if not (raters == raters[0]).all():
        raise ValueError("Fleiss' kappa needs the same number of ratings for every item; use Krippendorff's alpha")
    if raters[0] < 2:
        return math.nan
    shares = counts.sum(axis=0) / counts.sum()
    return _corrected(raw_agreement(counts), float((shares**2).sum()))


def gwet_ac1(counts: Floats) -> float:
    """Gwet's AC1 (2008) from items x categories: steadier than kappa where one category dominates.

    The categories are those of `counts`: give a column of zeros for one that nobody chose.
    """
    observed = raw_agreement(counts)
    categories = counts.shape[1]
    if math.isnan(observed) or categories < 2:
        return math.nan
    rated = counts[counts.sum(axis=1) >= 1]
    shares = (rated / rated.sum(axis=1, keepdims=True)).mean(axis=0)
    return _corrected(observed, float((shares * (1 - shares)).sum()) / (categories - 1))


def _corrected(observed: float, expected: float) -> float:
    return math.nan if expected >= 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(ratings: Floats, *, scale: Scale = "nominal") -> float:
    """Krippendorff's alpha = 1 - observed / expected disagreement, from raters x items with NaN for missing.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), by the coincidence matrix. NaN when
    fewer than two ratings can be paired, or when only one value occurs (nothing to disagree about).
    """
    values, counts = np.unique(ratings[~np.isnan(ratings)]), counts_of(ratings)
    counts = counts[counts.sum(axis=1) >= 2]
    if not len(counts):
        return math.nan
    m = counts.sum(axis=1, keepdims=True)
    weighted = counts / (m - 1)
    coincidences = weighted.T @ counts - np.diag(weighted.sum(axis=0))
    totals = coincidences.sum(axis=1)
    distance = _distances(values, totals, scale)
    expected = float((np.outer(totals, totals) * distance).sum())
    if expected <= 0:
        return math.nan
    return 1 - (float(totals.sum()) - 1) * float((coincidences * distance).sum()) / expected


def _distances(values: Floats, totals: Floats, scale: Scale) -> Floats:
    """The squared distance between each two values on the scale."""
    difference = values[:, None] - values[None, :]
    if scale == "nominal":
        return (difference != 0).astype(np.float64)
    if scale == "interval":
        return difference**2
    if scale == "ratio":
        if values.min(initial=0.0) < 0:
            raise ValueError("a ratio scale has no negative values")
        together = values[:, None] + values[None, :]
        return np.divide(difference, together, out=np.zeros_like(difference), where=together > 0) ** 2
    upto = np.cumsum(totals)
    low, high = np.minimum.outer(upto, upto), np.maximum.outer(upto, upto)
    ends = (totals[:, None] + totals[None, :]) / 2
    # Between two ranks lie all values from the lower to the higher, the two ends counting half.
    lower = np.where(upto[:, None] <= upto[None, :], totals[:, None], totals[None, :])
    between = high - low + lower - ends
    return np.where(difference != 0, between, 0.0) ** 2


def alpha_bootstrap(
    ratings: Floats,
    codes: NDArray[np.int64],
    *,
    scale: Literal["nominal", "interval"],
    rng: np.random.Generator,
    resamples: int = 2_000,
    level: float = 0.95,
) -> Estimate:
    """Krippendorff's alpha with its interval from resampled items (whole clusters of them), raters kept.

    Both disagreements are made of sums over items, so a resample is a row of weights: thousands of items cost
    milliseconds. Where alpha is not defined in more than one resample of twenty (nearly all items got one answer), the
    others are no fair sample of what could have come, and there is no interval.
    """
    several = (~np.isnan(ratings)).sum(axis=0) >= 2
    n, units = int(several.sum()), np.unique(codes[several], return_inverse=True)[1]
    count = int(units.max(initial=-1)) + 1
    observed, rest = _sums_of_items(ratings[:, several], scale)
    items = np.stack([observed, *rest.T])
    own = np.stack([np.bincount(units, weights=column, minlength=count) for column in items])
    value = float(_alphas(own.sum(axis=1)[:, None], scale)[0])
    if math.isnan(value):
        return unmeasured("not measured: the coefficient is not defined for these ratings", n=n)
    if count < 2:
        return unmeasured(f"too few: all {n} items belong to one cluster", n=n)
    drawn: list[Floats] = []
    chunk = max(1, MOST_WEIGHTS // count)
    for start in range(0, resamples, chunk):
        picked = rng.integers(0, count, (min(chunk, resamples - start), count))
        rows = np.arange(len(picked))[:, None] * count
        weights = np.bincount((picked + rows).ravel(), minlength=picked.size).reshape(picked.shape)
        drawn.append(_alphas(own @ weights.T.astype(np.float64), scale))
    within = spread(_influence(items, scale), units) if count < n else None
    return _from_draws(value, np.concatenate(drawn), n=n, within=within, level=level)


def _influence(items: Floats, scale: Literal["nominal", "interval"]) -> Floats:
    """By how much each item moves alpha, to first order; `items` are sums x items."""
    whole = items.sum(axis=1)
    step = 1e-6 * max(1.0, float(np.abs(whole).max()))
    ways = np.eye(len(whole)) * step
    slopes = (_alphas(whole[:, None] + ways, scale) - _alphas(whole[:, None] - ways, scale)) / (2 * step)
    return items.shape[1] * (slopes @ items)


def _sums_of_items(ratings: Floats, scale: Literal["nominal", "interval"]) -> tuple[Floats, Floats]:
    """Each item's observed disagreement, and what the expected one is summed from.

    Nominal: how often each category occurs; interval: ratings, their sum and the sum of their squares.
    """
    m = (~np.isnan(ratings)).sum(axis=0).astype(np.float64)
    if scale == "nominal":
        counts = counts_of(ratings)
        return (m**2 - (counts**2).sum(axis=1)) / (m - 1), counts
    centred = ratings - np.nanmean(ratings) if ratings.size else ratings
    first, second = np.nansum(centred, axis=0), np.nansum(centred**2, axis=0)
    return 2 * (m * second - first**2) / (m - 1), np.stack([m, first, second], axis=1)


def _alphas(sums: Floats, scale: Literal["nominal", "interval"]) -> Floats:
    """Alpha of each column of sums: the observed disagreement, then those of `_sums_of_items`."""
    observed, rest = sums[0], sums[1:]
    if scale == "nominal":
        total = rest.sum(axis=0)
        expected = total**2 - (rest**2).sum(axis=0)
    else:
        total = rest[0]
        expected = 2 * (rest[0] * rest[2] - rest[1] ** 2)
    defined = expected > SMALLEST * np.maximum(total, 1.0) ** 2
    return np.where(defined, 1 - (total - 1) * observed / np.where(defined, expected, 1.0), np.nan)


def _from_draws(value: float, drawn: Floats, *, n: int, within: Spread | None, level: float) -> Estimate:
    """The percentile interval of resampled coefficients, or why there is none."""
    usable = drawn[~np.isnan(drawn)]
    lost = 1 - len(usable) / len(drawn)
    if lost > UNDEFINED_AT_MOST:
        return unmeasured(f"too few: not defined in {100 * lost:.0f}% of the resamples, one answer is too common", n=n)
    if np.ptp(usable) <= SMALLEST or (within is not None and within.error <= SMALLEST):
        return unmeasured("too few: every resample gives the same value", n=n)
    return percentile_interval(value, drawn, n=n, within=within, level=level, of=" of items", scale=(-1.0, 1.0))
