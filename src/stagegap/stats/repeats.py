"""Stages that answer differently each time: variance over records and variance of a single answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceParts:
    """Where the uncertainty of a mean comes from: Var = omega2 / n + sigma2 / (n K) (Miller 2024)."""

    omega2: float
    """Variance over records of the expected score; 0 where the estimate would be negative."""
    sigma2: float
    """Mean variance of the score of one record over repeats."""
    n: int
    repeats: int

    def of_mean(self, n: int, repeats: int) -> float:
        """The variance of the mean of n records with so many repeats each."""
        return self.omega2 / n + self.sigma2 / (n * repeats)

    @property
    def repeats_pay(self) -> bool:
        """True while doubling the repeats would take off more than a tenth of the variance."""
        return self.sigma2 / (2 * self.repeats) > 0.1 * (self.omega2 + self.sigma2 / self.repeats)


def variance_parts(scores: NDArray[np.float64]) -> VarianceParts:
    """Split the variance of n x K scores (one-way analysis of variance). Raises: ValueError below 2 x 2."""
    n, repeats = scores.shape
    if n < 2 or repeats < 2:
        raise ValueError(f"at least 2 records and 2 repeats are needed, got {n} x {repeats}")
    sigma2 = float(scores.var(axis=1, ddof=1).mean())
    between = float(scores.mean(axis=1).var(ddof=1))
    return VarianceParts(omega2=max(0.0, between - sigma2 / repeats), sigma2=sigma2, n=n, repeats=repeats)
