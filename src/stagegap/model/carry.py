"""What a run takes over from an earlier one as it stands, because nothing that it rests on has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stagegap.model.answer import Status
from stagegap.model.run import SYSTEM, Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Carry:
    """Outputs of an earlier run that would come out the same: of stages that are as they were and read only such."""

    source: str
    """Id of the earlier run."""
    cell: Cell = SYSTEM
    """The cell that they stand in, there and here."""
    repeats: Mapping[str, int]
    """Outputs of a record at each of these stages."""
    without: frozenset[str] = frozenset()
    """Records that have changed since, in themselves or in an answer that is put in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What became of an offer to take over the outputs of some records."""

    left: frozenset[int]
    """Places, among the records asked for, of those that lack an output there or have one that must be made again."""
    counts: Mapping[tuple[str, Status, bool], int] = field(default_factory=dict[tuple[str, Status, bool], int])
    """Outputs taken over by stage, status, and whether a call was answered."""
