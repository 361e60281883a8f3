"""Fixes that help only together, and fixes that harm: tables of two swaps on the same records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.stats.clusters import Clusters
from stagegap.stats.intervals import wilson_of

Floats = NDArray[np.float64]

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
