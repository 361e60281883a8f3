"""The test that it does not matter which of two answers is called the new one: whole clusters change sides."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stagegap.stats.clusters import Clusters
from stagegap.stats.distributions import normal_cdf
from stagegap.stats.paired import mcnemar

Floats = NDArray[np.float64]

ENUMERATED = 14
"""Units that moved up to which all 2^m assignments are counted."""
DRAWN = 500
"""Units that moved up to which assignments are drawn; beyond that the sum is as good as normal."""
ASSIGNMENTS = 10_000
_SLACK = 1e-9


def sign_flip_p(differences: Floats, clusters: Clusters, *, rng: np.random.Generator) -> float:
    """The two-sided p of the sum of paired differences, NaN ones left out; 1 when nothing moved.

    Fisher's randomisation test (1935, section 21): had the two answers been exchanged in a cluster, its sum of
    differences would have changed its sign. Exact for 0/1 scores of independent records (it is McNemar's test then)
    and whenever at most 14 units moved; otherwise from 10,000 drawn assignments, or the normal limit beyond 500
    units, where the sum of many signs is normal to within 0.001.

    >>> units = Clusters(codes=np.arange(6), count=6)
    >>> sign_flip_p(np.array([1.0, 1, 1, 1, 1, 0]), units, rng=np.random.default_rng(0))
    0.0625
    """
    known = ~np.isnan(differences)
    sums = np.bincount(clusters.codes[known], weights=differences[known], minlength=clusters.count)
    moved = np.sort(np.abs(sums[np.abs(sums) > _SLACK]))
    observed = abs(float(sums.sum()))
    if not len(moved):
        return 1.0
    if np.ptp(moved) <= _SLACK:
        return mcnemar(int((sums > _SLACK).sum()), int((sums < -_SLACK).sum())).p
    if len(moved) > DRAWN:
        return 2 * normal_cdf(-observed / math.sqrt(float((moved**2).sum())))
    if len(moved) <= ENUMERATED:
        masks = np.arange(1 << len(moved))[:, None] >> np.arange(len(moved)) & 1
        return float((np.abs((2 * masks - 1) @ moved) >= observed - _SLACK).mean())
    signs = 2 * rng.integers(0, 2, size=(ASSIGNMENTS, len(moved)), dtype=np.int8) - 1
    as_far = int((np.abs(signs.astype(np.float64) @ moved) >= observed - _SLACK).sum())
    return (1 + as_far) / (1 + ASSIGNMENTS)
