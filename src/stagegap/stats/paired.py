"""Two answers on the same records: McNemar's exact test, sign flips of whole clusters, the rule for the sign of a
difference, and the one-sided test that it is no smaller than a bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import binomial_cdf, chi2_tail, normal_cdf, normal_quantile
from stagegap.stats.intervals import one_cluster, tango_statistic
from stagegap.stats.spread import Clusters, Spread, distinct, spread

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


STEEPEST = 200.0
"""Tilts of values within -1 and 1 beyond this one put everything on the outermost value."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The mean of paired differences within -1 and 1, with one test for every value that it could have.

    Differences of 0/1 scores have Tango's score test (1998). Others have the same idea without its model: the spread
    is that of the differences tilted until their mean is the value in question (exponential tilting, Efron 1981), the
    largest loss that there can be being one of them, so that few and rare losses do not look like none. The bootstrap,
    whose spread is that of the differences as they were seen, was wrong in 10% of simulations where 5% were promised.
    """

    values: Floats
    codes: NDArray[np.int64]
    within: Spread | None
    """How clusters make the mean less sure; None where every record is one."""

    @classmethod
    def of(cls, differences: Floats, clusters: Clusters) -> Shift | None:
        """The differences that are known; None with fewer than two independent ones."""
        known = ~np.isnan(differences)
        values, codes = differences[known], clusters.codes[known]
        if distinct(codes) < 2:
            return None
        return cls(values, codes, None if distinct(codes) == len(values) else spread(values, codes))

    def errors_above(self, mean: float) -> float:
        """Standard errors, as they are if the true mean is `mean`, by which the mean of the values lies above it."""
        size = float(len(self.values)) if self.within is None else self.within.effective_n
        if bool((np.abs(self.values) == (self.values != 0)).all()):
            up, down = float((self.values > 0).mean()), float((self.values < 0).mean())
            return tango_statistic(up, down, size, mean)
        distance = float(self.values.mean()) - mean
        variance = _tilted_variance(self.values, mean, worst=-1.0 if distance > 0 else 1.0)
        return distance / math.sqrt(variance / size)

    def p_at_most(self, bound: float) -> float:
        """One-sided p of the claim that the true mean is at most `bound`."""
        errors = self.errors_above(bound)
        return normal_cdf(-errors) if self.within is None else self.within.tail(errors)

    def interval(self, *, level: float) -> Estimate:
        """The mean with the values that neither of the two one-sided tests rejects."""
        mean = float(self.values.mean())
        low, high = (self._limit(mean, outermost, level=level) for outermost in (-1.0, 1.0))
        note = "" if self.within is None else f", effective n {self.within.effective_n:.0f}{self.within.note}"
        return Estimate(
            value=mean,
            low=low,
            high=high,
            n=len(self.values),
            method=f"score test of paired differences{note}",
            level=level,
            clusters=None if self.within is None else self.within.count,
        )

    def _limit(self, inside: float, outside: float, *, level: float) -> float:
        quantile = normal_quantile((1 + level) / 2) if self.within is None else self.within.quantile(level)
        for _ in range(40):
            middle = (inside + outside) / 2
            if abs(self.errors_above(middle)) <= quantile:
                inside = middle
            else:
                outside = middle
        return inside


def shift_interval(differences: Floats, clusters: Clusters, *, level: float) -> Estimate:
    """The mean of paired differences within -1 and 1, NaN ones left out, with its interval by `Shift`.

    >>> units = Clusters(codes=np.arange(400), count=400)
    >>> e = shift_interval(np.r_[-np.ones(3), np.zeros(397)], units, level=0.9)
    >>> round(e.value, 4), round(e.low, 4)
    (-0.0075, -0.0186)
    """
    shift = Shift.of(differences, clusters)
    if shift is not None:
        return shift.interval(level=level)
    n = int((~np.isnan(differences)).sum())
    if n < 2:
        return unmeasured("too few: 1 record" if n else "not measured: no record has this score", n=n)
    return one_cluster(n)


def _tilted_variance(values: Floats, mean: float, *, worst: float) -> float:
    """The variance about `mean` of the values, and one at `worst`, when they are tilted to have that mean."""
    places, counts = np.unique(np.append(values, worst), return_counts=True)

    def weights(tilt: float) -> Floats:
        logarithms = np.log(counts) + tilt * places
        raised = np.exp(logarithms - logarithms.max())
        return raised / raised.sum()

    low, high = -STEEPEST, STEEPEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float(weights(middle) @ places) < mean else (low, middle)
    return max(float(weights((low + high) / 2) @ (places - mean) ** 2), 1e-12)
