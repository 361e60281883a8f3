"""How far a run is, for people: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import Protocol

from stagegap.runner.work import CellSummary


class Progress(Protocol):
    """Somebody who is told how far a run is; called often, so each call must cost next to nothing."""

    def begin(self, cell: CellSummary) -> None:
        """A cell begins; its tallies count on while it runs."""
        ...

    def update(self) -> None:
        """The tallies have changed."""
        ...

    def end(self, cell: CellSummary) -> None:
        """The cell is done, or was stopped."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, cell: CellSummary) -> None:
        """Do nothing."""

    def update(self) -> None:
        """Do nothing."""

    def end(self, cell: CellSummary) -> None:
        """Do nothing."""
