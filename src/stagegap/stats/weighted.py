"""A mean over records that were drawn with unequal, known chances."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.clusters import Clusters, distinct, few_clusters
from stagegap.stats.distributions import t_quantile
from stagegap.stats.intervals import wilson

Floats = NDArray[np.float64]


def hajek(values: Floats, chances: Floats, units: Clusters, *, level: float = 0.95) -> Estimate:
    """The mean of all records from those that were drawn, each weighted by one over its chance (Hájek 1971).

    The sum of the weights stands in for the number of records, which the Horvitz-Thompson mean would need and which
    makes that mean the noisier one (Särndal, Swensson & Wretman 1992, section 5.7). The spread is that of the
    linearised sum over independent units, as if they were drawn with replacement, which is cautious. 0/1 values get
    Wilson's interval on the effective n (Korn & Graubard 1998), other scores Student's, cut off at 0 and 1.
    NaN in `values` is left out. Raises: ValueError for a chance that is not above 0 and at most 1.

    >>> from stagegap.stats.clusters import clusters
    >>> found = hajek(np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.1]), clusters("abc"))
    >>> round(found.value, 4)
    0.2857
    """
    known = ~np.isnan(values)
    values, chances, codes = values[known], chances[known], units.codes[known]
    if not ((chances > 0) & (chances <= 1)).all():
        raise ValueError("a chance lies above 0 and is at most 1")
    n, count = len(values), distinct(codes)
    if count < 2:
        return unmeasured(f"too few: {n} {'record' if n == 1 else 'records'} of {count} independent units", n=n)
    weights = 1 / chances
    total = float(weights.sum())
    value = float((weights * values).sum()) / total
    sums = np.bincount(codes, weights=weights * (values - value) / total)
    variance = float((sums**2).sum()) * count / (count - 1)
    independent = None if units.are_records else count
    method = f"Hájek{few_clusters(count) if independent else ''}"
    if np.isin(values, (0.0, 1.0)).all():
        kish = total**2 / float((weights**2).sum())
        effective = min(float(n), kish if variance == 0 else value * (1 - value) / variance)
        named = f"{method}, Wilson on the effective n"
        return wilson(value, n=n, effective_n=effective, clusters=independent, level=level, method=named)
    half = t_quantile((1 + level) / 2, count - 1) * math.sqrt(variance)
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Estimate(
        value=value, low=low, high=high, n=n, method=f"{method}, Student", level=level, clusters=independent
    )
