"""Two answers on the same records: McNemar's exact test, and the one rule for the sign of a difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stagegap.model.estimate import Estimate
from stagegap.stats.distributions import binomial_cdf, chi2_tail

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
