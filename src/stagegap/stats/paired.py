"""Two answers on the same records: McNemar's exact test, sign flips of whole clusters, and the rule for the sign
of a difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.stats.distributions import binomial_cdf, chi2_tail, normal_cdf
from stagegap.stats.spread import Clusters

Direction = Literal["improved", "regressed", "tied", "too few"]


@dataclass(frozen=True, slots=True, kw_only=True)
class McNemar:
    """The test that as many records went from wrong to right as from right to wrong."""

    fixed: int
    broken: int
    p: float
    """Two-sided, exact (binomial); 1 when no record moved."""
    chi2: float
    """(fixed - broken)^2 / (fixed + broken), without correction; 0 when no record moved."""
    p_chi2: float


def mcnemar(fixed: int, broken: int) -> McNemar:
    """Test paired 0/1 outcomes (McNemar 1947); records that did not move tell nothing.

    The test takes records as independent: with clusters, read it beside the cluster interval.

    >>> test = mcnemar(121, 59)
    >>> round(test.chi2, 4), f"{test.p:.3e}"
    (21.3556, '4.434e-06')
    """
    if fixed < 0 or broken < 0:
        raise ValueError(f"counts can't be negative, got {fixed} and {broken}")
    moved = fixed + broken
    if moved == 0:
        return McNemar(fixed=0, broken=0, p=1.0, chi2=0.0, p_chi2=1.0)
    exact = min(1.0, 2 * binomial_cdf(min(fixed, broken), moved, 0.5))
    chi2 = (fixed - broken) ** 2 / moved
    return McNemar(fixed=fixed, broken=broken, p=exact, chi2=chi2, p_chi2=chi2_tail(chi2, 1))


def direction(change: Estimate) -> Direction:
    """The word for a change in a score (plus is always better): never a direction that the interval doubts."""
    if not change.is_measured:
        return "too few"
    if change.low > 0:
        return "improved"
    return "regressed" if change.high < 0 else "tied"


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
