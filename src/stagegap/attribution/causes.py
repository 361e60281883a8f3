"""Three causes of a bad record that must not be mixed up, and the edges on which records go wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NO_CAUSE = -1
"""Not bad, or no stage that is not acceptable leads to the end."""


def hazard_column(accepted: Mapping[str, Floats], stage: str) -> Floats:
    """Give 1 where a record that was right so far first goes wrong at the stage, 0 where it stays right, else NaN.

    Its mean is the hazard: first faults / records whose earlier stages are all acceptable. Stages without a single
    reference are left out, as in `faults.account`.
    """
    own = accepted[stage]
    arrives = ~np.isnan(own)
    for name, column in accepted.items():
        if name == stage:
            break
        if not np.isnan(column).all():
            arrives &= column == 1
    return np.where(arrives, 1 - own, np.nan)


def root_causes(
    accepted: Mapping[str, Floats], children: Mapping[str, Sequence[str]], *, outcome: str, bad: Floats
) -> NDArray[np.int64]:
    """Give, per bad record, the position of the first fault from which nothing recovered, or `NO_CAUSE`.

    Walking back from the end, a stage belongs to the failure when it is not acceptable and what reads it belongs to
    it too; the first such stage is the root. It lies later than the first fault where a stage recovered in between
    (in 17 of 44 annotated agent traces people marked it later, AgentRx 2026).
    """
    names = list(accepted)
    leads: dict[str, Bools] = {}
    root = np.full(len(bad), NO_CAUSE, dtype=np.int64)
    for position in reversed(range(len(names))):
        name = names[position]
        reaches = bad == 1 if name == outcome else np.zeros(len(bad), dtype=np.bool_)
        for child in children[name]:
            reaches = reaches | leads[child]
        # The end itself counts as failed when the record is bad, also where its own score has another bar.
        leads[name] = reaches if name == outcome else reaches & (accepted[name] == 0)
        root[reaches & (accepted[name] == 0)] = position
    return root


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One edge that records went along while they were right."""

    last: str
    """The last stage that ran and was acceptable; empty before the first."""
    stage: str
    attempts: int
    """Records still right that came from `last` to this stage."""
    faults: int
    """Of these, records that first went wrong at this stage."""


def transitions(accepted: Mapping[str, Floats], ran: Mapping[str, Bools]) -> tuple[Transition, ...]:
    """Count first faults by the last stage that went well (transition failure matrix, Husain & Bischof 2025).

    `ran` says at which stages a record was not skipped, so that branching cascades show the way that was taken. A
    skip that is not acceptable is a fault. Where a score is missing the record is followed no further.
    """
    names = list(accepted)
    size = len(next(iter(accepted.values()))) if names else 0
    active = np.ones(size, dtype=np.bool_)
    last = np.full(size, -1, dtype=np.int64)
    found: list[Transition] = []
    for position, name in enumerate(names):
        own = accepted[name]
        if np.isnan(own).all():
            continue
        here = active & ~np.isnan(own) & (ran[name] | (own == 0))
        came_from: list[int] = np.unique(last[here]).tolist()
        for before in came_from:
            edge = here & (last == before)
            attempts, faults = int(edge.sum()), int((edge & (own == 0)).sum())
            found.append(
                Transition(last=names[before] if before >= 0 else "", stage=name, attempts=attempts, faults=faults)
            )
        active &= own == 1
        last[here & (own == 1)] = position
    return tuple(found)
