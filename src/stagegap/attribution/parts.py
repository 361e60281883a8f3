"""Error analysis by parts: which failed records each stage alone answers for (Machine Learning Yearning, ch. 53-57)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BEYOND = -1
"""Wrong even with references at every stage."""
NOT_FAILED = -2
"""The system got it right, or an outcome is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one stage answers for."""

    stage: str
    count: int
    """Failed records that become right when this stage's reference is added to those of all earlier stages."""
    joint: int
    """Of these, records that this stage's reference alone would not have made right: an earlier one is needed too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The failed records, each booked once."""

    failed: int
    parts: tuple[Part, ...]
    beyond: int
    """Wrong even with references at every stage."""
    cause: NDArray[np.int64]
    """Per record: position of the stage, `BEYOND` or `NOT_FAILED`."""


def error_parts(
    stages: Sequence[str], prefixes: Sequence[Floats], *, alone: Mapping[str, Floats] | None = None
) -> Parts:
    """Book each failed record on the first stage whose reference, with those before it, makes the outcome right.

    `prefixes` are 0/1 outcomes with references at the first 0, 1, ... k stages; `alone` those with a reference at
    one stage only, where they were run (without them no record counts as joint). In a chain with no broken record
    the counts are the ceiling's steps; otherwise they hold the first fix only, while a step is fixed minus broken.
    """
    if len(prefixes) != len(stages) + 1:
        raise ValueError(f"{len(stages)} stages need {len(stages) + 1} outcomes, got {len(prefixes)}")
    table = np.stack(prefixes, axis=1)
    failed = (table[:, 0] == 0) & ~np.isnan(table).any(axis=1)
    first = np.where((table[:, 1:] == 1).any(axis=1), np.argmax(table[:, 1:] == 1, axis=1), BEYOND)
    cause = np.where(failed, first, NOT_FAILED).astype(np.int64)
    parts: list[Part] = []
    for position, stage in enumerate(stages):
        here = cause == position
        single = None if alone is None else alone.get(stage)
        parts.append(
            Part(
                stage=stage,
                count=int(here.sum()),
                joint=0 if single is None else int((here & (single == 0)).sum()),
            )
        )
    return Parts(failed=int(failed.sum()), parts=tuple(parts), beyond=int((cause == BEYOND).sum()), cause=cause)


def category_ceiling(errors: int, counts: Mapping[str, int], *, error_rate: float) -> dict[str, float]:
    """What mending each category of errors would win at most: its share of the errors times the error rate.

    Categories may overlap, so the gains may add up to more than the error rate (Machine Learning Yearning, ch. 15).

    >>> category_ceiling(100, {"dog": 8, "blurry": 61}, error_rate=0.10)
    {'dog': 0.008, 'blurry': 0.061}
    """
    if errors < 1:
        raise ValueError(f"there must be an error to divide, got {errors}")
    return {name: count / errors * error_rate for name, count in counts.items()}
