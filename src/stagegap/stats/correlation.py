"""How far two figures of the same records go together: Pearson, Spearman and Kendall, with intervals from clusters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.spread import Clusters, distinct, spread

Floats = NDArray[np.float64]
FEWEST = 10
"""Records below which a correlation has no interval worth printing."""
_ROWS = 2_000_000
"""Pairs of records that are compared at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations:
    """Of the records that have both figures."""

    pearson: Estimate
    """Of the values: how near they lie to a straight line."""
    spearman: Estimate
    """Of the ranks, ties sharing the middle one."""
    kendall: Estimate
    """tau-b: of two records that differ in both, how much oftener they are in the same order than in the other."""


def correlations(a: Floats, b: Floats, units: Clusters, *, level: float = 0.95) -> Correlations:
    """The three coefficients with their intervals; NaN values are left out in pairs.

    The error is that of the mean of each record's influence, summed over whole clusters, with the quantile of few and
    uneven clusters; the interval is laid on Fisher's scale, so that it stays within -1 and 1.
    """
    known = ~np.isnan(a) & ~np.isnan(b)
    x, y, codes = a[known], b[known], units.codes[known]
    n = len(x)
    problem = _problem(x, y, distinct(codes))
    if problem:
        nothing = unmeasured(problem, n=n)
        return Correlations(pearson=nothing, spearman=nothing, kendall=nothing)
    return Correlations(
        pearson=_interval(*_pearson(x, y), codes, method="Pearson", level=level),
        spearman=_interval(*_spearman(x, y), codes, method="Spearman", level=level),
        kendall=_interval(*_kendall(x, y), codes, method="Kendall tau-b", level=level),
    )


def _problem(x: Floats, y: Floats, count: int) -> str:
    if len(x) < FEWEST:
        return f"too few: {len(x)} records have both, and {FEWEST} are needed"
    if count < 2:
        return f"too few: all {len(x)} records belong to one cluster"
    if np.ptp(x) <= 1e-12 or np.ptp(y) <= 1e-12:
        return "not measured: one of the two is the same at every record"
    return ""


def _interval(value: float, influence: Floats, codes: NDArray[np.int64], *, method: str, level: float) -> Estimate:
    n = len(influence)
    if 1 - abs(value) < 1e-9:
        return unmeasured("too few: the two go together without exception, so the spread is unknown", n=n)
    within = spread(influence, codes)
    if within.is_none:
        return unmeasured("too few: no record left out would change the value, so the spread is unknown", n=n)
    half = within.quantile(level) * within.error / (1 - value**2)
    centre = math.atanh(value)
    are_records = within.count == n
    return Estimate(
        value=value,
        low=math.tanh(centre - half),
        high=math.tanh(centre + half),
        n=n,
        method=f"{method}, influence on Fisher's scale{within.note}",
        level=level,
        clusters=None if are_records else within.count,
    )


def _pearson(x: Floats, y: Floats) -> tuple[float, Floats]:
    u, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    value = float((u * v).mean())
    return value, u * v - value * (u**2 + v**2) / 2


def _spearman(x: Floats, y: Floats) -> tuple[float, Floats]:
    """Pearson's of the centred ranks; the influence holds how a record moves the ranks of the others."""
    n = len(x)
    u, v = _centred_ranks(x), _centred_ranks(y)
    both, of_x, of_y = float((u * v).mean()), float((u * u).mean()), float((v * v).mean())
    moved = np.empty((4, n))
    for rows, signs_x, signs_y in _signs(x, y):
        # Half the sign of (other - own): what one more record of this kind does to the other's rank.
        moved[0, rows], moved[1, rows] = -signs_x @ v / (2 * n), -signs_y @ u / (2 * n)
        moved[2, rows], moved[3, rows] = -signs_x @ u / (2 * n), -signs_y @ v / (2 * n)
    scale = math.sqrt(of_x * of_y)
    value = both / scale
    of_both = u * v - both + (moved[0] - both) + (moved[1] - both)
    of_spreads = (u * u - of_x + 2 * (moved[2] - of_x)) / of_x + (v * v - of_y + 2 * (moved[3] - of_y)) / of_y
    return value, of_both / scale - value / 2 * of_spreads


def _kendall(x: Floats, y: Floats) -> tuple[float, Floats]:
    n = len(x)
    sums = np.empty((3, n))
    for rows, signs_x, signs_y in _signs(x, y):
        sums[0, rows] = (signs_x * signs_y).sum(axis=1)
        sums[1, rows], sums[2, rows] = np.abs(signs_x).sum(axis=1), np.abs(signs_y).sum(axis=1)
    own = sums / n
    both, of_x, of_y = (float(row.mean()) for row in own)
    scale = math.sqrt(of_x * of_y)
    value = both / scale
    drift = (own[1] - of_x) / of_x + (own[2] - of_y) / of_y
    return value, 2 * (own[0] - both) / scale - value * drift


def _centred_ranks(values: Floats) -> Floats:
    """Middle ranks over n, less a half: the mean of half the sign against every record."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    upto = np.cumsum(counts)
    return ((upto - counts + upto) / 2 / len(values))[places] - 0.5


def _signs(x: Floats, y: Floats) -> Iterator[tuple[slice, Floats, Floats]]:
    """Signs of (own - other) of both figures, some records against all at a time."""
    step = max(1, _ROWS // len(x))
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        yield rows, np.sign(x[rows, None] - x[None, :]), np.sign(y[rows, None] - y[None, :])
