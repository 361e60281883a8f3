"""What a cluster is: the one place that turns units of independence into codes and counts."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEW_CLUSTERS = 15
"""Below this many clusters every cluster-based interval says so in its `method` (Miller 2024; Cameron et al. 2008)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """The unit of independence of every record, as a code."""

    codes: NDArray[np.int64]
    """Per record, 0 .. count-1, in the order of first appearance."""
    count: int

    @property
    def are_records(self) -> bool:
        """True when every record is a unit of its own."""
        return self.count == len(self.codes)


def clusters(units: Iterable[Hashable]) -> Clusters:
    """The code of each record's unit (`Record.unit`: the cluster, or the record where none is given).

    >>> clusters(["ann", "bob", "ann"]).codes.tolist()
    [0, 1, 0]
    """
    known: dict[Hashable, int] = {}
    codes = np.fromiter((known.setdefault(unit, len(known)) for unit in units), dtype=np.int64)
    return Clusters(codes=codes, count=len(known))


def distinct(codes: NDArray[np.int64]) -> int:
    """How many different codes there are."""
    return int(np.count_nonzero(np.bincount(codes))) if len(codes) else 0


def few_clusters(count: int) -> str:
    """The warning that goes into `method`, empty when there are enough clusters."""
    return f"; only {count} clusters, the interval may be too narrow" if count < FEW_CLUSTERS else ""


def kish_n(codes: NDArray[np.int64]) -> float:
    """The effective number of records when those of a cluster are perfectly alike: (sum m)^2 / sum m^2.

    The cautious choice where the data show no variation to estimate a design effect from (Kish 1965, ch. 5).

    >>> kish_n(np.array([0, 0, 1, 1]))
    2.0
    """
    sizes = np.bincount(codes)
    return float(sizes.sum() ** 2 / (sizes.astype(np.float64) ** 2).sum())


def clustered_error(values: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """The standard error of a mean with whole clusters as units, NaN for one (Miller 2024).

    sqrt(C / (C - 1) x the sum over clusters of their summed deviations squared) / n.

    >>> round(clustered_error(np.array([1.0, 2.0, 3.0, 4.0]), np.arange(4)), 4)
    0.6455
    """
    count = distinct(codes)
    if count < 2:
        return math.nan
    sums = np.bincount(codes, weights=values - values.mean())
    return math.sqrt(count / (count - 1) * float((sums**2).sum())) / len(values)


def effective_n(values: NDArray[np.float64], codes: NDArray[np.int64]) -> float:
    """The number of independent records that would make the mean as uncertain as the clusters do.

    n divided by the design effect: variance of the mean with whole clusters as units, over its variance with
    records as units. Never above n, never below the Kish number; the Kish number where the values are all equal.
    """
    n = len(values)
    sizes = np.bincount(codes)
    count = int(np.count_nonzero(sizes))
    if count == n:
        return float(n)
    deviations = values - values.mean()
    floor = float(n**2 / (sizes.astype(np.float64) ** 2).sum())
    independent = float((deviations**2).sum()) * n / (n - 1)
    if independent <= 1e-12 or count < 2:
        return floor
    together = float((np.bincount(codes, weights=deviations) ** 2).sum()) * count / (count - 1)
    return min(float(n), max(floor, n * independent / together)) if together > 0 else float(n)
