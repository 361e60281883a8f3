"""What asking again for the same input tells: where the uncertainty of a mean comes from, and how often an answer is
right every time.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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


def right_every_time(right: Floats, k: int) -> Floats:
    """Chance per record that k answers are all right, from m >= k of 1 or 0: C(c, k) / C(m, k) (pass^k, Yao 2024).

    Without bias, because it is the share of the sets of k among the m that are all right; the k-th power of the share
    that is right is too high (0.5^2 = 0.25 for one of two, where no pair is right). Raises: ValueError.

    >>> right_every_time(np.array([[1.0, 0.0], [1.0, 1.0]]), 2).tolist()
    [0.0, 1.0]
    """
    return worst_of(right, k)


def right_at_least_once(right: Floats, k: int) -> Floats:
    """Chance per record that one of k answers is right: 1 - C(m - c, k) / C(m, k) (pass@k, Chen et al. 2021)."""
    return 1 - worst_of(1 - right, k)


def worst_of(scores: Floats, k: int) -> Floats:
    """Expected worst of k scores of each record, from its m >= k: the mean of the minimum over all sets of k.

    The i-th smallest of m is the minimum of C(m - i, k - 1) sets. For 1 and 0 it is `right_every_time`.
    Raises: ValueError where fewer than k were asked for.
    """
    m = scores.shape[1]
    if not 1 <= k <= m:
        raise ValueError(f"of {m} answers the worst of 1 to {m} can be told, not of {k}")
    weights = np.array([comb(m - i, k - 1) for i in range(1, m + 1)], dtype=np.float64)
    return np.sort(scores, axis=1) @ weights / comb(m, k)
