"""A run that goes on, as other processes see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStage:
    """How far one stage of one cell is."""

    stage: str
    done: int
    total: int
    cached: int
    errors: int
    calls: int
    latency_ms: float
    """Sum over the calls."""
    cost: float
    """US dollars, as far as known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """How far a run is."""

    run: str
    """Id of the run."""
    name: str
    cascade: str
    pid: int
    """Process that makes it."""
    cell: str
    """The cell that it is at."""
    cells: int
    """Cells that it has done."""
    of: int
    """Cells that it has to do."""
    seconds: float
    """Since the cell began."""
    at: float
    """When this was noted, in seconds since 1970, UTC."""
    stages: tuple[LiveStage, ...]

    @property
    def share(self) -> float:
        """Share of the cell's outputs that are there."""
        total = sum(stage.total for stage in self.stages)
        return sum(stage.done for stage in self.stages) / total if total else 1.0
