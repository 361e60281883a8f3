"""Three causes of a bad record that must not be mixed up, and the edges on which records go wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.attribution.faults import arrivals

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def hazard_column(accepted: Mapping[str, Floats], stage: str, ancestors: Sequence[str]) -> Floats:
    """1 where a record that was right so far first goes wrong at the stage, 0 where it stays right, else NaN.

    Its mean is the hazard: first faults / records whose ancestors are all acceptable, as in `faults.account`.
    """
    return np.where(arrivals(accepted, ancestors), 1 - accepted[stage], np.nan)


def root_causes(
    accepted: Mapping[str, Floats],
    children: Mapping[str, Sequence[str]],
    ancestors: Mapping[str, Sequence[str]],
    *,
    outcome: str,
    bad: Floats,
) -> dict[str, Bools]:
    """Per stage, the bad records in which it is the first fault from which nothing recovered.

    Walking back from the end, a stage belongs to the failure when it is not acceptable and what reads it belongs to
    it too; the ones above which no other belongs to it are roots. A root lies later than the first fault where a stage
    recovered in between (in 17 of 44 annotated agent traces people marked it later, AgentRx 2026).
    """
    leads: dict[str, Bools] = {}
    wrong: dict[str, Bools] = {}
    for name in reversed(list(accepted)):
        reaches = bad == 1 if name == outcome else np.zeros(len(bad), dtype=np.bool_)
        for child in children[name]:
            reaches = reaches | leads[child]
        # The end itself counts as failed when the record is bad, also where its own score has another bar.
        leads[name] = reaches if name == outcome else reaches & (accepted[name] == 0)
        wrong[name] = reaches & (accepted[name] == 0)
    return {
        name: wrong[name] & ~np.any([np.zeros(len(bad), dtype=np.bool_), *(wrong[a] for a in ancestors[name])], axis=0)
        for name in accepted
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One edge that records went along while they were right."""

    last: str
    """A stage that this one reads, through an input or its condition; empty where it reads none."""
    stage: str
    attempts: int
    """Records still right that came from `last` to this stage."""
    faults: int
    """Of these, records that first went wrong at this stage."""


def transitions(
    accepted: Mapping[str, Floats],
    ran: Mapping[str, Bools],
    parents: Mapping[str, Sequence[str]],
    ancestors: Mapping[str, Sequence[str]],
) -> tuple[Transition, ...]:
    """Count first faults by the edge on which they came (transition failure matrix, Husain & Bischof 2025).

    Only edges of the cascade: a record comes along each one whose stage ran, and along all of them where each was
    skipped. `ran` says at which stages a record was not skipped, so that branching cascades show the way that was
    taken. A skip that is not acceptable is a fault. A record counts while all ancestors of the stage are acceptable.
    """
    edges: list[Transition] = []
    for name, own in accepted.items():
        if np.isnan(own).all():
            continue
        here = arrivals(accepted, ancestors[name]) & ~np.isnan(own) & (ran[name] | (own == 0))
        none_ran = ~np.any([np.zeros(len(own), dtype=np.bool_), *(ran[parent] for parent in parents[name])], axis=0)
        ways = {parent: here & (ran[parent] | none_ran) for parent in parents[name]} or {"": here}
        edges += [
            Transition(last=last, stage=name, attempts=int(way.sum()), faults=int((way & (own == 0)).sum()))
            for last, way in ways.items()
            if way.any()
        ]
    return tuple(edges)
