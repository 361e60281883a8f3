"""Where a record first went wrong, from outputs that are there already: no stage is called.

A first fault is a fault all of whose ancestors are acceptable. It follows the edges and not the order in which a file
lists its stages, so several stages may be first in one record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

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
    """Scored records whose ancestors are all acceptable: the denominator of the hazard."""
    unknown: int
    """Bad records of which nobody can say whether they first went wrong here: no score here, or none above."""

    @property
    def hazard(self) -> float | None:
        """Share of the records still right that first go wrong here; None when none arrives."""
        return (self.first + self.masked) / self.reached if self.reached else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Fault accounting over all records."""

    first: Mapping[str, Bools]
    """Per stage: the records that first went wrong there."""
    is_unknown: Bools
    """Records without a known first fault in which a stage without a score may be the first."""
    stages: tuple[StageFaults, ...]
    together: tuple[tuple[int, ...], ...]
    """Row i, column j: records at which both are not acceptable; the diagonal holds each alone."""
    unexplained: int
    """Bad records in which every stage is acceptable."""
    unknown: int
    """Bad records whose first fault can't be said for want of scores."""
    several: int
    """Bad records in which more than one stage is first, each on a branch of its own."""


def acceptable(scores: Floats, bar: float) -> Floats:
    """1 where a score reaches the bar, 0 where it does not, NaN where there is none."""
    return np.where(np.isnan(scores), np.nan, (scores >= bar - BAR_SLACK).astype(np.float64))


def account(accepted: Mapping[str, Floats], ancestors: Mapping[str, Sequence[str]], *, bad: Floats) -> Faults:
    """Count faults per stage, in the order of `accepted`.

    `accepted` holds 1, 0 or NaN per record; a stage without a single score is left out of the search for the first
    fault, because it would make every record unknown. `bad` is 1 where the outcome is not good, NaN where it has no
    score. First fault says where something first went wrong, not what would have saved the record.
    """
    verdicts = {name: _Verdicts(right=column == 1, wrong=column == 0) for name, column in accepted.items()}
    is_bad, is_good = bad == 1, bad == 0
    above = {name: _above(verdicts, ancestors[name], n=len(bad)) for name in verdicts}
    first = {name: own.wrong & above[name].right for name, own in verdicts.items()}
    open_ = {name: ~own.right & ~above[name].wrong & ~first[name] & own.is_known for name, own in verdicts.items()}
    times = np.sum([*first.values()], axis=0) if first else np.zeros(len(bad), dtype=np.int64)
    may_be = np.any([*open_.values()], axis=0) if open_ else np.zeros(len(bad), dtype=np.bool_)
    is_unknown = (times == 0) & may_be
    return Faults(
        first=first,
        is_unknown=is_unknown,
        stages=tuple(
            _row(name, own, above[name], first=first[name], may_be=open_[name], is_bad=is_bad, is_good=is_good)
            for name, own in verdicts.items()
        ),
        together=tuple(
            tuple(int((verdict.wrong & other.wrong).sum()) for other in verdicts.values())
            for verdict in verdicts.values()
        ),
        unexplained=int((is_bad & (times == 0) & ~may_be).sum()),
        unknown=int((is_bad & is_unknown).sum()),
        several=int((is_bad & (times > 1)).sum()),
    )


def arrivals(accepted: Mapping[str, Floats], ancestors: Sequence[str]) -> Bools:
    """Records whose ancestors are all acceptable; ancestors without a single score are left out."""
    known = [accepted[name] == 1 for name in ancestors if name in accepted and not np.isnan(accepted[name]).all()]
    size = len(next(iter(accepted.values()), ()))
    return np.all(known, axis=0) if known else np.ones(size, dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdicts:
    """One stage on every record; neither right nor wrong where it has no score."""

    right: Bools
    wrong: Bools

    @property
    def is_known(self) -> bool:
        """True when some record has a score."""
        return bool(self.right.any() or self.wrong.any())


def _above(verdicts: Mapping[str, _Verdicts], ancestors: Sequence[str], *, n: int) -> _Verdicts:
    """What is known of all ancestors together: all right, or one of them wrong."""
    known = [verdicts[name] for name in ancestors if name in verdicts and verdicts[name].is_known]
    if not known:
        return _Verdicts(right=np.ones(n, dtype=np.bool_), wrong=np.zeros(n, dtype=np.bool_))
    return _Verdicts(
        right=np.all([verdict.right for verdict in known], axis=0),
        wrong=np.any([verdict.wrong for verdict in known], axis=0),
    )


def _row(
    name: str, own: _Verdicts, above: _Verdicts, *, first: Bools, may_be: Bools, is_bad: Bools, is_good: Bools
) -> StageFaults:
    scored = own.right | own.wrong
    return StageFaults(
        stage=name,
        scored=int(scored.sum()),
        not_acceptable=int(own.wrong.sum()),
        introduced=int(first.sum()),
        inherited=int((own.wrong & above.wrong).sum()),
        recovered=int((own.right & above.wrong).sum()),
        first=int((first & is_bad).sum()),
        masked=int((first & is_good).sum()),
        reached=int((above.right & scored).sum()),
        unknown=int((may_be & is_bad).sum()),
    )
