"""Runs and the cells they hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """Ended early on purpose: interrupted, or the budget was reached. The next run goes on."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Cell:
    """Who answers where: the stages whose outputs are replaced, and by whom.

    >>> str(Cell("reference", ("route", "retrieve")))
    'reference:route+retrieve'
    >>> Cell.parse("system")
    Cell(kind='system', stages=())
    >>> str(Cell("version", ("retrieve",), base="v1"))
    'version@v1:retrieve'
    """

    kind: Literal["system", "reference", "person", "version"] = "system"
    stages: tuple[str, ...] = ()
    """Swapped stages in cascade order, reduced to the effective set; empty for the system itself."""
    base: str = field(default="", repr=False)
    """Name of the run whose version the other stages have, where a version cell is stored."""

    def __post_init__(self) -> None:
        if (self.kind == "system") != (not self.stages):
            raise ValueError(f"a {self.kind} cell can't have the swapped stages {self.stages}")
        if self.base and self.kind != "version":
            raise ValueError(f"a {self.kind} cell can't start from the run {self.base!r}")

    def __str__(self) -> str:
        start = f"{self.kind}@{self.base}" if self.base else self.kind
        return f"{start}:{'+'.join(self.stages)}" if self.stages else start

    @classmethod
    def parse(cls, text: str) -> Cell:
        """Read what `str` wrote. Raises: ValueError."""
        start, _, stages = text.partition(":")
        kind, _, base = start.partition("@")
        if kind not in ("system", "reference", "person", "version"):
            raise ValueError(f"{text!r} names no kind of swap")
        return cls(kind, tuple(stages.split("+")) if stages else (), base)


SYSTEM = Cell()
"""The cell in which the system answers at every stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of one cascade version over a set of records."""

    id: str
    """Unique, 32 hex digits."""
    name: str
    """`v1`, `v2`, ... in the order of creation, per cascade."""
    cascade: str
    fingerprint: str
    """Of the resolved cascade file."""
    resolved: str
    """The resolved cascade as JSON text, secrets by name only."""
    status: RunStatus
    started_at: float
    """Seconds since 1970, UTC."""
    finished_at: float | None = None
    records: int = 0
    who: str = ""
    commit: str = ""
    """Git commit of the project, with `+` when the work tree differs; empty outside git."""
    seed: int = 0
    error: str = ""
