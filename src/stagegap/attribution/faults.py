"""Where a record first went wrong, from outputs that are there already: no stage is called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    found = {name: _Verdicts(right=column == 1, wrong=column == 0) for name, column in accepted.items()}
    first = _first_faults(found.values(), n=len(bad))
    is_bad, is_good = bad == 1, bad == 0
    earlier = np.ones(len(bad), dtype=np.bool_)
    rows: list[StageFaults] = []
    for position, (name, own) in enumerate(found.items()):
        above = [found[a] for a in ancestors[name] if a in found]
        rows.append(_row(name, own, above, here=first == position, earlier=earlier, is_bad=is_bad, is_good=is_good))
        if own.is_known:
            earlier = earlier & own.right
    return Faults(
        first=first,
        stages=tuple(rows),
        together=tuple(
            tuple(int((one.wrong & other.wrong).sum()) for other in found.values()) for one in found.values()
        ),
        unexplained=int(((first == NO_FAULT) & is_bad).sum()),
        unknown=int(((first == UNKNOWN) & is_bad).sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdicts:
    """One stage on every record; neither right nor wrong where it has no score."""

    right: Bools
    wrong: Bools

    @property
    def is_known(self) -> bool:
        """True when some record has a score."""
        return bool(self.right.any() or self.wrong.any())


def _first_faults(stages: Iterable[_Verdicts], *, n: int) -> NDArray[np.int64]:
    first = np.full(n, NO_FAULT, dtype=np.int64)
    searching = np.ones(n, dtype=np.bool_)
    for position, one in enumerate(stages):
        if one.is_known:
            first[searching & one.wrong] = position
            first[searching & ~one.right & ~one.wrong] = UNKNOWN
            searching &= one.right
    return first


def _row(
    name: str,
    own: _Verdicts,
    above: Sequence[_Verdicts],
    *,
    here: Bools,
    earlier: Bools,
    is_bad: Bools,
    is_good: Bools,
) -> StageFaults:
    clean, tainted = np.ones(len(here), dtype=np.bool_), np.zeros(len(here), dtype=np.bool_)
    for one in above:
        clean &= one.right
        tainted |= one.wrong
    scored = own.right | own.wrong
    return StageFaults(
        stage=name,
        scored=int(scored.sum()),
        not_acceptable=int(own.wrong.sum()),
        introduced=int((own.wrong & clean).sum()),
        inherited=int((own.wrong & tainted).sum()),
        recovered=int((own.right & tainted).sum()),
        first=int((here & is_bad).sum()),
        masked=int((here & is_good).sum()),
        reached=int((earlier & scored).sum()),
    )
