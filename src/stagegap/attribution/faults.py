"""Where a record first went wrong, from outputs that are there already: no stage is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NO_FAULT = -1
"""Every stage is acceptable."""
UNKNOWN = -2
"""A stage before the first known fault has no score: what happened there can't be said."""

BAR_SLACK = 1e-9
"""Scores such as 4/5 must reach a bar of 0.8 in spite of binary rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFaults:
    """What became of the records at one stage."""

    stage: str
    scored: int
    not_acceptable: int
    introduced: int
    """Not acceptable although every ancestor is acceptable."""
    inherited: int
    """Not acceptable, and so was an ancestor."""
    recovered: int
    """Acceptable although an ancestor was not."""
    first: int
    """First fault of a bad record here."""
    masked: int
    """First fault here, and yet the record ended good."""
    reached: int
    """Records whose earlier stages are all acceptable: the denominator of the hazard."""

    @property
    def hazard(self) -> float | None:
        """Share of the records still right that first go wrong here; None when none arrives."""
        return (self.first + self.masked) / self.reached if self.reached else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Fault accounting over all records."""

    first: NDArray[np.int64]
    """Per record: position of the first stage that is not acceptable, `NO_FAULT` or `UNKNOWN`."""
    stages: tuple[StageFaults, ...]
    together: tuple[tuple[int, ...], ...]
    """Row i, column j: records at which both are not acceptable; the diagonal holds each alone."""
    unexplained: int
    """Bad records in which every stage is acceptable."""
    unknown: int
    """Bad records whose first fault can't be said for want of references."""


def acceptable(scores: Floats, bar: float) -> Floats:
    """Give 1 where a score reaches the bar, 0 where it does not, NaN where there is none."""
    return np.where(np.isnan(scores), np.nan, (scores >= bar - BAR_SLACK).astype(np.float64))


def account(accepted: Mapping[str, Floats], ancestors: Mapping[str, Sequence[str]], *, bad: Floats) -> Faults:
    """Count faults per stage, stages in cascade order.

    `accepted` holds 1, 0 or NaN per record; a stage without a single reference is left out of the search for the
    first fault, because it would make every record unknown. `bad` is 1 where the outcome is not good, NaN where it
    has no score. First fault says where something first went wrong, not what would have saved the record.
    """
    names = list(accepted)
    table = np.stack([accepted[name] for name in names], axis=1) if names else np.empty((len(bad), 0))
    wrong = np.equal(table, 0).astype(np.int64)
    first = _first_faults(table)
    is_bad, is_good = bad == 1, bad == 0
    rows = tuple(
        _row(name, position, names=names, table=table, first=first, ancestors=ancestors, is_bad=is_bad, is_good=is_good)
        for position, name in enumerate(names)
    )
    together = tuple(tuple(int(x) for x in line) for line in (wrong.T @ wrong))
    return Faults(
        first=first,
        stages=rows,
        together=together,
        unexplained=int(((first == NO_FAULT) & is_bad).sum()),
        unknown=int(((first == UNKNOWN) & is_bad).sum()),
    )


def _first_faults(table: Floats) -> NDArray[np.int64]:
    known = _known(table)
    first = np.full(len(table), NO_FAULT, dtype=np.int64)
    for position in range(table.shape[1]):
        if known[position]:
            searching = first == NO_FAULT
            first[searching & np.isnan(table[:, position])] = UNKNOWN
            first[searching & (table[:, position] == 0)] = position
    return first


def _known(table: Floats) -> Bools:
    """Tell which stages have a score of any record."""
    return np.count_nonzero(~np.isnan(table), axis=0) > 0


def _row(
    name: str,
    position: int,
    *,
    names: Sequence[str],
    table: Floats,
    first: NDArray[np.int64],
    ancestors: Mapping[str, Sequence[str]],
    is_bad: Bools,
    is_good: Bools,
) -> StageFaults:
    own = table[:, position]
    above = table[:, [names.index(a) for a in ancestors[name] if a in names]]
    tainted, clean = (above == 0).any(axis=1), (above == 1).all(axis=1)
    here = first == position
    earlier = table[:, :position][:, _known(table)[:position]]
    return StageFaults(
        stage=name,
        scored=int((~np.isnan(own)).sum()),
        not_acceptable=int((own == 0).sum()),
        introduced=int(((own == 0) & clean).sum()),
        inherited=int(((own == 0) & tainted).sum()),
        recovered=int(((own == 1) & tainted).sum()),
        first=int((here & is_bad).sum()),
        masked=int((here & is_good).sum()),
        reached=int(((earlier == 1).all(axis=1) & ~np.isnan(own)).sum()),
    )
