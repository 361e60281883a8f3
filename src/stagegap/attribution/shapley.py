"""Shapley, Banzhaf and interaction values of swaps, exact, as matrices that are applied to the values of all swap sets.

All of these are linear in the values v(S), so one matrix serves the point estimate, every record and every resample.
A set S of k stages is a bit mask: bit i says that stage i is swapped; v has 2^k entries.

Which to use: for *reference* swaps only `precedence_matrix` (a later reference makes earlier ones meaningless, so the
unrestricted value would hand upstream gains to downstream stages); for *person* and *version* swaps the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, factorial

import numpy as np
from numpy.typing import NDArray

from stagegap.attribution.orders import lattice, weights

Floats = NDArray[np.float64]

EXACT_UP_TO = 10
"""Stages up to which all 2^k swap sets are computed; beyond that, `sampling.sampled_shapley`."""


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


def precedence_matrix(names: Sequence[str], parents: Mapping[str, Sequence[str]]) -> Floats:
    """The k x 2^k matrix of the Shapley value under precedence (Faigle & Kern 1992).

    The mean marginal contribution over the orders in which no stage comes before a stage that it depends on. On a
    chain there is one such order and the value is the ceiling analysis; parallel branches share by all their orders.
    Sets that no such order passes have weight 0 and need not be run. Source of the weights: `orders.weights`.
    """
    k = len(names)
    _check(k)
    sets = lattice(names, parents)
    assert sets is not None, "2^10 sets are never too many"
    matrix = np.zeros((k, 1 << k))
    for mask, column in weights(sets).items():
        matrix[:, mask] = column
    return matrix


def _check(k: int) -> None:
    if not 1 <= k <= EXACT_UP_TO:
        raise ValueError(f"exact values are computed for 1 to {EXACT_UP_TO} stages, got {k}")


def mask_of(names: Sequence[str], swapped: Sequence[str]) -> int:
    """The bit mask of a swap set.

    >>> mask_of(["route", "retrieve", "draft"], ["draft", "route"])
    5
    """
    return sum(1 << names.index(name) for name in set(swapped))
