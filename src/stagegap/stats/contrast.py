"""Does a group fail more often than everybody else?"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stagegap.stats.clusters import Clusters, distinct
from stagegap.stats.distributions import hypergeometric_tail, t_cdf

Floats = NDArray[np.float64]
FEWEST = 5
"""Records that a group must have to be tested at all."""


def excess_p(failed: Floats, inside: NDArray[np.bool_], clusters: Clusters) -> float:
    """The one-sided p that records inside the group fail no more often than the others; NaN with too few.

    Fisher's exact test where records are independent. With clusters a score test: the difference of the two rates
    over its standard error when all fail alike, whole clusters as units, Student's t with one less than the clusters.
    """
    known = ~np.isnan(failed)
    here, rest = known & inside, known & ~inside
    n, others = int(here.sum()), int(rest.sum())
    if n < FEWEST or others < FEWEST:
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
