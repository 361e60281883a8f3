"""Shapley, Banzhaf and interaction values of swaps, exact or by sampled orders, and tables of fixes that help only
together or harm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.stats.intervals import wilson_of
from stagegap.stats.spread import Clusters

Floats = NDArray[np.float64]

EXACT_UP_TO = 10
"""Players up to which all 2^k sets are computed; beyond that orders are sampled."""


def shapley_matrix(k: int) -> Floats:
    """The k x 2^k matrix of the Shapley value (Shapley 1953): mean marginal contribution over all orders.

    >>> airport = np.array([0, 8, 11, 11, 13, 13, 13, 13], dtype=float)
    >>> [round(float(x), 4) for x in shapley_matrix(3) @ airport]
    [2.6667, 4.1667, 6.1667]
    """
    return _marginals(k, [factorial(s) * factorial(k - s - 1) / factorial(k) for s in range(k)])


def banzhaf_matrix(k: int) -> Floats:
    """The k x 2^k matrix of the Banzhaf value (Banzhaf 1965): mean marginal contribution over all sets.

    Steadier when v is noisy; the values do not add up to v(all) - v(none).
    """
    return _marginals(k, [0.5 ** (k - 1)] * k)


def _marginals(k: int, weights: Sequence[float]) -> Floats:
    _check(k)
    matrix = np.zeros((k, 1 << k))
    for i in range(k):
        for mask in range(1 << k):
            if not mask >> i & 1:
                weight = weights[mask.bit_count()]
                matrix[i, mask | 1 << i] += weight
                matrix[i, mask] -= weight
    return matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMatrix:
    """A matrix with one row for each pair of stages."""

    pairs: tuple[tuple[int, int], ...]
    matrix: Floats


def interaction_matrix(k: int) -> PairMatrix:
    """The Shapley interaction index of all pairs (Grabisch & Roubens 1999).

    Positive: the two fixes only pay together. Negative: each makes the other superfluous.
    """
    return _pairs(k, [1 / ((k - 1) * comb(k - 2, s)) for s in range(k - 1)])


def banzhaf_interaction_matrix(k: int) -> PairMatrix:
    """The Banzhaf interaction index of all pairs: the plain mean of the second differences."""
    return _pairs(k, [0.5 ** (k - 2)] * max(0, k - 1))


def _pairs(k: int, weights: Sequence[float]) -> PairMatrix:
    _check(k)
    pairs = tuple(combinations(range(k), 2))
    matrix = np.zeros((len(pairs), 1 << k))
    for row, (i, j) in enumerate(pairs):
        both = 1 << i | 1 << j
        for mask in range(1 << k):
            if not mask & both:
                weight = weights[mask.bit_count()]
                matrix[row, mask | both] += weight
                matrix[row, mask | 1 << i] -= weight
                matrix[row, mask | 1 << j] -= weight
                matrix[row, mask] += weight
    return PairMatrix(pairs=pairs, matrix=matrix)


def _check(k: int) -> None:
    if not 1 <= k <= EXACT_UP_TO:
        raise ValueError(f"exact values are computed for 1 to {EXACT_UP_TO} stages, got {k}")


def mask_of(names: Sequence[str], swapped: Sequence[str]) -> int:
    """The bit mask of a swap set.

    >>> mask_of(["route", "retrieve", "draft"], ["draft", "route"])
    5
    """
    return sum(1 << names.index(name) for name in set(swapped))


SEPARATION = 2.0
"""Standard errors of their difference by which the first value must be ahead of the second."""
FEWEST_ROUNDS = 5
"""Rounds below which their spread says too little to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What rounds of sampled orders say together: each round is one independent estimate of every value."""

    values: Floats
    errors: Floats
    """Standard error of each value, from the spread of the rounds."""
    differences: Floats
    """Stages x stages: standard error of value i minus value j."""
    is_decided: bool
    """The two largest values differ by more than `SEPARATION` standard errors of their difference."""


def summary(rounds: Floats) -> Rounds:
    """Summarise rounds x stages of estimates, at least two of each; the two largest values decide when to stop."""
    values = rounds.mean(axis=0)
    errors = rounds.std(axis=0, ddof=1) / np.sqrt(len(rounds))
    differences = (rounds[:, :, None] - rounds[:, None, :]).std(axis=0, ddof=1) / np.sqrt(len(rounds))
    first, second = np.argsort(-values)[:2]
    is_decided = bool(values[first] - values[second] > SEPARATION * differences[first, second])
    return Rounds(values=values, errors=errors, differences=differences, is_decided=is_decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledOrders:
    """What is not known of gains because their orders were sampled, at a level of 95%."""

    halves: Floats
    """Per stage: half the width of the interval that comes from the sampling alone."""
    leads: Floats
    """Stages x stages: the same of the difference of two gains."""
    orders: int
    of: int
    """How many orders there are."""

    def widened(self, estimate: Estimate, half: float) -> Estimate:
        """Put which orders were drawn into an interval: independent of the records, so squares add."""
        if not estimate.is_measured:
            return estimate
        return replace(
            estimate,
            low=max(-2.0, estimate.value - math.hypot(estimate.value - estimate.low, half)),
            high=min(2.0, estimate.value + math.hypot(estimate.high - estimate.value, half)),
            method=f"{estimate.method}; {self.orders:,} of {self.of:,} orders sampled",
        )


LISTED = 200
"""Records of a harm list that are named; the rate counts all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTable:
    """Two fixes on the same records: how many are right in each of the four cells, and what becomes of the wrong."""

    n: int
    """Records that have an outcome in all four cells."""
    right: int
    """Right with neither fix."""
    right_first: int
    """Right with the first fix alone."""
    right_second: int
    right_both: int
    only_first: int
    """Wrong; the first fix makes it right, the second does not."""
    only_second: int
    either: int
    """Wrong; each fix alone makes it right: one is superfluous."""
    together: int
    """Wrong; neither alone makes it right, both do."""
    neither: int
    """Wrong, and stays wrong with both."""
    undone: int
    """Wrong; a fix alone makes it right, both do not."""

    @property
    def is_idle(self) -> bool:
        """Neither fix changes whether a record is right."""
        mended = self.only_first + self.only_second + self.either + self.together + self.undone
        return not mended and self.right == self.right_first == self.right_second == self.right_both


def pair_table(system: Floats, first: Floats, second: Floats, both: Floats) -> PairTable:
    """Count records by what two fixes do, from 0/1 outcomes; records that lack one are left out."""
    known = ~np.isnan(np.stack([system, first, second, both])).any(axis=0)
    wrong = known & (system == 0)
    a, b, c = first == 1, second == 1, both == 1
    return PairTable(
        n=int(known.sum()),
        right=int((known & (system == 1)).sum()),
        right_first=int((known & a).sum()),
        right_second=int((known & b).sum()),
        right_both=int((known & c).sum()),
        only_first=int((wrong & a & ~b & c).sum()),
        only_second=int((wrong & ~a & b & c).sum()),
        either=int((wrong & a & b & c).sum()),
        together=int((wrong & ~a & ~b & c).sum()),
        neither=int((wrong & ~a & ~b & ~c).sum()),
        undone=int((wrong & (a | b) & ~c).sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """Records that were right and that a fix made wrong."""

    records: tuple[str, ...]
    """In the order of the records, at most 200."""
    count: int
    rate: Estimate
    """Of all records that have both outcomes: P(harm)."""


def harm(records: Sequence[str], system: Floats, fixed: Floats, units: Clusters) -> Harm:
    """List the records that a fix harms, with their rate, whole clusters being the units of its interval."""
    known = ~np.isnan(system) & ~np.isnan(fixed)
    harmed = known & (system == 1) & (fixed == 0)
    return Harm(
        records=tuple(records[i] for i in np.flatnonzero(harmed).tolist()[:LISTED]),
        count=int(harmed.sum()),
        rate=wilson_of(np.where(known, harmed.astype(np.float64), np.nan), units),
    )
