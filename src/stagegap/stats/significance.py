"""Tests of a screen, each with whole clusters as units, and p-values of many claims at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import binomial_cdf, hypergeometric_tail
from stagegap.stats.spread import Clusters, Spread, distinct, spread

Floats = NDArray[np.float64]


def bonferroni(p: Floats) -> Floats:
    """Adjust for the chance of any false claim: p times the number of claims."""
    return np.minimum(1.0, p * len(p))


def holm(p: Floats) -> Floats:
    """Adjust for the chance of any false claim, step down (Holm 1979); never weaker than Bonferroni.

    For claims such as "this stage is below a person".

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    return _placed(np.maximum.accumulate(p[order] * factors), order)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust for the share of false claims among the claims (Benjamini & Hochberg 1995): independent or positive.

    For screens, where a few false alarms do no harm.
    """
    return _step_up(p, 1.0)


def benjamini_yekutieli(p: Floats) -> Floats:
    """Adjust for the share of false claims under any dependence (Benjamini & Yekutieli 2001)."""
    return _step_up(p, float((1 / np.arange(1, len(p) + 1)).sum()) if len(p) else 1.0)


def _step_up(p: Floats, penalty: float) -> Floats:
    order = np.argsort(p, kind="stable")[::-1]
    factors = penalty * len(p) / np.arange(len(p), 0, -1)
    return _placed(np.minimum.accumulate(p[order] * factors), order)


def _placed(adjusted: Floats, order: NDArray[np.intp]) -> Floats:
    placed = np.empty(len(order))
    placed[order] = np.minimum(1.0, adjusted)
    return placed


FEWEST_CLUSTERS = 10
"""Independent units below which a mean is not tested."""


def above_p(hits: Floats, tolerance: float, clusters: Clusters) -> float:
    """The one-sided p that records are 1 with a chance of at most `tolerance`; NaN values left out.

    Exact binomial for independent records. With clusters the units are clusters with any hit: under the claim the
    chance of one is at most min(1, tolerance x records) however its records hang together (union bound), and the
    number of such clusters has no heavier tail than a binomial of the mean chance (Hoeffding 1956, from one above
    its mean on).

    >>> units = Clusters(codes=np.arange(100), count=100)
    >>> round(above_p(np.r_[np.ones(5), np.zeros(95)], 0.01, units), 4)
    0.0034
    """
    known = ~np.isnan(hits)
    sizes = np.bincount(clusters.codes[known], minlength=clusters.count)
    is_hit = np.bincount(clusters.codes[known], weights=hits[known], minlength=clusters.count) > 0
    occupied = sizes > 0
    n, k = int(occupied.sum()), int(is_hit.sum())
    if not n or not k:
        return 1.0
    chance = float(np.minimum(1.0, tolerance * sizes[occupied]).mean())
    if k < n * chance + 1 and not clusters.are_records:
        return 1.0
    return min(1.0, max(0.0, 1 - binomial_cdf(k - 1, n, chance))) if chance < 1 else 1.0


def mean_p(values: Floats, clusters: Clusters) -> float:
    """The one-sided p that the mean is at most 0; NaN values left out, NaN with fewer than 10 units.

    Student's t, with clusters that of `spread`.
    """
    known = ~np.isnan(values)
    if distinct(clusters.codes[known]) < FEWEST_CLUSTERS:
        return math.nan
    return _upper_tail(float(values[known].mean()), spread(values[known], clusters.codes[known]))


def mean(values: Floats, clusters: Clusters, *, level: float = 0.95) -> Estimate:
    """The mean with Student's t interval, whole clusters as units; NaN values left out."""
    known = ~np.isnan(values)
    n, count = int(known.sum()), distinct(clusters.codes[known])
    if count < 2:
        return unmeasured(f"too few: {count} {'unit' if count == 1 else 'units'}", n=n)
    value = float(values[known].mean())
    within = spread(values[known], clusters.codes[known])
    half = within.quantile(level) * within.error
    kind = "Student t" if count == n else f"Student t of clusters{within.note}"
    return Estimate(
        value=value, low=value - half, high=value + half, n=n, method=kind, level=level,
        clusters=None if count == n else count,
    )  # fmt: skip


def trend(y: Floats, x: Floats, clusters: Clusters) -> tuple[Estimate, float]:
    """The slope of y on x, and the one-sided p that it is at most 0; pairs with a NaN left out.

    The score test of Cochran (1954) and Armitage (1955) with the variance from whole clusters (`spread`); the interval
    belongs to the same test. NaN with fewer than 10 units, or without any difference in x.
    """
    known = ~np.isnan(y) & ~np.isnan(x)
    count, n = distinct(clusters.codes[known]), int(known.sum())
    if count < FEWEST_CLUSTERS or np.ptp(x[known]) <= 0:
        return unmeasured(f"too few: {count} units that differ", n=n), math.nan
    away = x[known] - x[known].mean()
    weights = away / float((away**2).sum())
    slope = float(weights @ y[known])
    under_claim = spread(y[known], clusters.codes[known], weights=weights)
    about_slope = spread(y[known] - slope * away, clusters.codes[known], weights=weights)
    half = about_slope.quantile(0.95) * about_slope.error
    kind = "slope, Student t" if count == n else f"slope, Student t of clusters{about_slope.note}"
    slope_estimate = Estimate(
        value=slope, low=slope - half, high=slope + half, n=n, method=kind, clusters=None if count == n else count
    )
    return slope_estimate, _upper_tail(slope, under_claim)


def _upper_tail(value: float, within: Spread) -> float:
    if within.error <= 1e-12:
        return 1.0 if value <= 0 else 0.0
    return within.tail(value / within.error)


FEWEST_IN_GROUP = 5
"""Records that a group must have to be tested at all."""


def excess_p(failed: Floats, inside: NDArray[np.bool_], clusters: Clusters) -> float:
    """The one-sided p that records inside the group fail no more often than the others; NaN with too few.

    Fisher's exact test where records are independent. With clusters a score test: the difference of the two rates
    over its standard error when all fail alike, whole clusters as units (`spread`).
    """
    known = ~np.isnan(failed)
    here, rest = known & inside, known & ~inside
    n, others = int(here.sum()), int(rest.sum())
    if n < FEWEST_IN_GROUP or others < FEWEST_IN_GROUP:
        return math.nan
    if clusters.are_records:
        return hypergeometric_tail(int(failed[here].sum()), n, marked=int(failed[known].sum()), total=n + others)
    values, codes = failed[known], clusters.codes[known]
    if distinct(codes) < 2:
        return math.nan
    weights = np.where(inside[known], 1 / n, -1 / others)
    within = spread(values, codes, weights=weights)
    return within.tail(float(weights @ values) / within.error) if within.error > 1e-12 else 1.0
