"""Every record at which a stage is not acceptable, with all that somebody may want to choose it by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.failures import title, typical_first
from stagegap.analysis.views import SliceRow
from stagegap.model.cascade import Cascade
from stagegap.model.failure import Failure
from stagegap.model.record import Record

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFaults:
    """What is known of each record at one stage."""

    stage: str
    failed: Floats
    """1 where the output is not acceptable, 0 where it is, NaN where it has no score."""
    scores: Floats
    first_fault: Bools
    inherits: Bools
    """A stage that this one depends on is not acceptable."""
    disagreed: Bools
    """Two people answered differently."""
    win: Floats | None
    """Outcome with references at this stage and all before it, minus the system's; None without a ceiling."""


def failures_of(
    faults: StageFaults,
    records: Sequence[Record],
    cascade: Cascade,
    *,
    groups: Mapping[str, NDArray[np.int64]],
    slices: Sequence[SliceRow],
) -> list[Failure]:
    """The failures of a stage, most typical first."""
    order = typical_first(records, failed=faults.failed, scores=faults.scores, groups=groups, slices=slices)
    memberships: dict[int, list[str]] = {position: [] for position in order}
    for group, positions in groups.items():
        for position in positions[faults.failed[positions] == 1].tolist():
            memberships[position].append(group)
    return [
        Failure(
            stage=faults.stage,
            record=records[i].id,
            title=title(records[i], cascade),
            score=float(faults.scores[i]),
            first_fault=bool(faults.first_fault[i]),
            inherits=bool(faults.inherits[i]),
            disagreed=bool(faults.disagreed[i]),
            groups=tuple(memberships[i]),
            win=_win(faults, i),
            unit=records[i].unit,
        )
        for i in order
    ]


def _win(faults: StageFaults, position: int) -> float | None:
    if faults.win is None or math.isnan(faults.win[position]):
        return None
    return max(0.0, float(faults.win[position]))
