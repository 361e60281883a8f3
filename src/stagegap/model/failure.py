"""A record at which a stage is not acceptable, and which of them somebody wants to read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One record at one stage of a run."""

    stage: str
    record: str
    title: str
    """First words of the record, as plain text."""
    score: float
    """In [0, 1], of this record alone."""
    first_fault: bool
    """The record ended bad, and this is the first stage that is not acceptable."""
    inherits: bool
    """A stage that this one depends on is not acceptable either."""
    disagreed: bool
    """People answered differently at this stage."""
    groups: tuple[str, ...] = ()
    """`language: de`"""
    win: float | None = None
    """What the outcome of this record gains with references at this stage and all before it, never below 0.

    None where that is not known."""
    unit: str = ""
    """Unit of independence of the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Filters of a list of failures; every one that is set must hold."""

    stage: str
    only_first_faults: bool = False
    only_disagreements: bool = False
    group: str | None = None
    text: str | None = None
    """Stands in one of the record's fields, upper and lower case alike."""
    among: tuple[str, ...] | None = None
    """Only these records."""

    @property
    def is_open(self) -> bool:
        """True when every failure of the stage is wanted."""
        return self == Wanted(stage=self.stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailurePage:
    """Some failures in the order in which they are read."""

    total: int
    """How many there are with these filters."""
    before: int
    """How many of them stand before the first one here."""
    rows: tuple[Failure, ...]
    next: int | None
    """Place after which the next page begins; None at the end."""
