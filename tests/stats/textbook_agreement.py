"""Coefficients of agreement as textbooks write them, one formula each: what `stats/agreement.py` is held against."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
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


def ratings_of(counts: Floats) -> Floats:
    """Raters x items that have these counts, NaN where an item has fewer ratings than another."""
    items = [np.repeat(np.arange(counts.shape[1]), row.astype(int)) for row in counts]
    ratings = np.full((max(map(len, items)), len(items)), math.nan)
    for place, item in enumerate(items):
        ratings[: len(item), place] = item
    return ratings


def pair_of(table: Floats) -> Floats:
    """Two raters x items that have this table."""
    places = np.argwhere(table > 0)
    return np.repeat(places, [int(table[a, b]) for a, b in places], axis=0).T.astype(np.float64)
