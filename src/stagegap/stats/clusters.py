"""What a cluster is: the one place that turns units of independence into codes and counts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
