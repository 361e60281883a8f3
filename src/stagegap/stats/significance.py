"""Tests of a screen, each with whole clusters as units, and p-values of many claims at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.clusters import Clusters, distinct, effective_n, few_clusters
from stagegap.stats.distributions import binomial_cdf, hypergeometric_tail, t_cdf, t_quantile
from stagegap.stats.intervals import wilson

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


def share(hits: Floats, clusters: Clusters) -> Estimate:
    """The share of records that are 1, NaN ones left out, with Wilson's interval on the effective n."""
    known = ~np.isnan(hits)
    values, codes = hits[known], clusters.codes[known]
    if not len(values):
        return unmeasured("too few: no record")
    count = distinct(codes)
    if count == len(values):
        return wilson(float(values.mean()), n=len(values))
    n_eff = effective_n(values, codes)
    method = f"Wilson, effective n {n_eff:.0f}{few_clusters(count)}"
    return wilson(float(values.mean()), n=len(values), effective_n=n_eff, clusters=count, method=method)


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

    Student's t of the cluster sums with one less than the clusters as degrees of freedom (Miller 2024).
    """
    known = ~np.isnan(values)
    count = distinct(clusters.codes[known])
    if count < FEWEST_CLUSTERS:
        return math.nan
    return _upper_tail(float(values[known].mean()), standard_error(values, clusters), count - 1)


def standard_error(values: Floats, clusters: Clusters) -> float:
    """The standard error of the mean with whole clusters as units; NaN with fewer than two."""
    known = ~np.isnan(values)
    present = values[known]
    count = distinct(clusters.codes[known])
    if count < 2:
        return math.nan
    sums = np.bincount(clusters.codes[known], weights=present - present.mean())
    return math.sqrt(float((sums**2).sum()) * count / (count - 1)) / len(present)


def mean(values: Floats, clusters: Clusters, *, level: float = 0.95) -> Estimate:
    """The mean with Student's t interval, whole clusters as units; NaN values left out."""
    known = ~np.isnan(values)
    n, count = int(known.sum()), distinct(clusters.codes[known])
    if count < 2:
        return unmeasured(f"too few: {count} {'unit' if count == 1 else 'units'}", n=n)
    value = float(values[known].mean())
    half = t_quantile((1 + level) / 2, count - 1) * standard_error(values, clusters)
    kind = "Student t" if count == n else f"Student t of clusters{few_clusters(count)}"
    return Estimate(
        value=value, low=value - half, high=value + half, n=n, method=kind, level=level,
        clusters=None if count == n else count,
    )  # fmt: skip


def trend(y: Floats, x: Floats, clusters: Clusters) -> tuple[Estimate, float]:
    """The slope of y on x, and the one-sided p that it is at most 0; pairs with a NaN left out.

    The score test of Cochran (1954) and Armitage (1955) with the variance from whole clusters, Student's t with one
    less than the clusters; the interval belongs to the same test. NaN with fewer than 10 units, or without any
    difference in x.
    """
    known = ~np.isnan(y) & ~np.isnan(x)
    count, n = distinct(clusters.codes[known]), int(known.sum())
    if count < FEWEST_CLUSTERS or np.ptp(x[known]) <= 0:
        return unmeasured(f"too few: {count} units that differ", n=n), math.nan
    away = x[known] - x[known].mean()
    spread = float((away**2).sum())
    slope = float((away * y[known]).sum()) / spread
    under_claim = _sums((y[known] - y[known].mean()) * away, clusters.codes[known], count) / spread
    residual = y[known] - y[known].mean() - slope * away
    about_slope = _sums(residual * away, clusters.codes[known], count) / spread
    half = t_quantile(0.975, count - 1) * about_slope
    kind = "slope, Student t" if count == n else f"slope, Student t of clusters{few_clusters(count)}"
    slope_estimate = Estimate(
        value=slope, low=slope - half, high=slope + half, n=n, method=kind, clusters=None if count == n else count
    )
    return slope_estimate, _upper_tail(slope, under_claim, count - 1)


def _sums(terms: Floats, codes: NDArray[np.int64], count: int) -> float:
    sums = np.bincount(codes, weights=terms)
    return math.sqrt(float((sums**2).sum()) * count / (count - 1))


def _upper_tail(value: float, error: float, df: int) -> float:
    if error <= 1e-12:
        return 1.0 if value <= 0 else 0.0
    return t_cdf(-value / error, df)


FEWEST_IN_GROUP = 5
"""Records that a group must have to be tested at all."""


def excess_p(failed: Floats, inside: NDArray[np.bool_], clusters: Clusters) -> float:
    """The one-sided p that records inside the group fail no more often than the others; NaN with too few.

    Fisher's exact test where records are independent. With clusters a score test: the difference of the two rates
    over its standard error when all fail alike, whole clusters as units, Student's t with one less than the clusters.
    """
    known = ~np.isnan(failed)
    here, rest = known & inside, known & ~inside
    n, others = int(here.sum()), int(rest.sum())
    if n < FEWEST_IN_GROUP or others < FEWEST_IN_GROUP:
        return math.nan
    if clusters.are_records:
        return hypergeometric_tail(int(failed[here].sum()), n, marked=int(failed[known].sum()), total=n + others)
    count = distinct(clusters.codes[known])
    average = float(failed[known].mean())
    weights = np.where(here, 1 / n, np.where(rest, -1 / others, 0.0))
    terms = np.where(known, np.nan_to_num(failed) - average, 0.0) * weights
    sums = np.bincount(clusters.codes, weights=terms, minlength=clusters.count)
    error = math.sqrt(float((sums**2).sum()) * count / max(count - 1, 1))
    if count < 2 or error <= 1e-12:
        return math.nan if count < 2 else 1.0
    return 1 - t_cdf(float(terms.sum()) / error, count - 1)
