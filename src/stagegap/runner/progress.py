"""How far a run is, for people: a live table on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from stagegap.runner.work import CellSummary, Tally
from stagegap.tables import figures

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

BAR = 16
"""Characters of a bar."""
EVERY_S = 5
"""Least time between two lines of one cell."""
HINT = "Ctrl-C stops safely; the same command goes on where it stopped."


class Progress(Protocol):
    """Somebody who is told how far a run is; called often, so each call must cost next to nothing."""

    def begin(self, cell: CellSummary) -> None:
        """A cell begins; its tallies count on while it runs."""
        ...

    def update(self) -> None:
        """The tallies have changed."""
        ...

    def end(self) -> None:
        """The cell is done, or was stopped."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, cell: CellSummary) -> None:
        """Do nothing."""

    def update(self) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


class Lines:
    """Writes a line at the end of each cell, and where it takes long one for each tenth, seconds apart."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._write = write
        self._clock = clock
        self._cell: CellSummary | None = None
        self._told = 0
        self._at = 0.0

    def begin(self, cell: CellSummary) -> None:
        """Remember what is counted."""
        self._cell = cell
        self._told = 0
        self._at = self._clock()

    def update(self) -> None:
        """Write a line when another tenth is done and the last line is some seconds old, or when all is done."""
        if self._cell is None:
            return
        done, total = _sums(self._cell)
        tenths = 10 * done // total if total else 0
        if tenths > self._told and (tenths == 10 or self._clock() - self._at >= EVERY_S):
            self._told = tenths
            self._at = self._clock()
            self._write(_line(self._cell, tenths * 10))

    def end(self) -> None:
        """Write where it ended, if no line said so yet."""
        if self._cell is not None:
            done, total = _sums(self._cell)
            if done < total:
                self._write(_line(self._cell, 100 * done // total))
            self._cell = None


class LiveTable:
    """Draws a table of the stages, several times a second, from a thread of its own."""

    def __init__(self, console: Console, clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._live: Live | None = None

    def begin(self, cell: CellSummary) -> None:
        """Begin to draw."""
        from rich.live import Live

        start = self._clock()
        self._live = Live(
            console=self._console,
            get_renderable=lambda: table(cell, seconds=self._clock() - start),
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def update(self) -> None:
        """Do nothing: the table looks at the tallies when it is drawn."""

    def end(self) -> None:
        """Draw for the last time and leave the table standing."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def progress_on(console: Console, *, clock: Callable[[], float]) -> Progress:
    """The live table on a terminal, lines elsewhere."""
    if console.is_terminal:
        return LiveTable(console, clock)

    def write(text: str) -> None:
        # That is what rich does when the reader has gone, as in `stagegap run | head`: the run goes on without.
        with contextlib.suppress(SystemExit):
            console.print(text, soft_wrap=True)

    return Lines(write, clock)


def table(cell: CellSummary, *, seconds: float) -> Table:
    """The table of one cell after so many seconds."""
    from rich.table import Table

    drawn = Table(
        box=None, padding=(0, 1), pad_edge=False, title=None if not cell.cell.stages else str(cell.cell), caption=HINT
    )
    drawn.caption_justify = drawn.title_justify = "left"
    for name in ("", "Stage", ""):
        drawn.add_column(name, no_wrap=True)
    for name in ("Done", "Cached", "Errors", "Mean", "Cost", "Left"):
        drawn.add_column(name, justify="right", no_wrap=True)
    for name, tally in cell.tallies.items():
        is_done = tally.done >= tally.total
        filled = BAR if is_done else BAR * tally.done // tally.total
        drawn.add_row(
            "✓" if is_done else "•",
            name,
            "█" * filled + "░" * (BAR - filled),
            f"{tally.done:,}/{tally.total:,}",
            f"{tally.cached:,}",
            f"{tally.errors:,}",
            _mean(tally),
            figures.money(tally.cost) if tally.cost else "",
            "" if is_done or not tally.done else figures.seconds(seconds * (tally.total - tally.done) / tally.done),
        )
    return drawn


def _mean(tally: Tally) -> str:
    return figures.seconds(tally.latency_ms / tally.calls / 1000) if tally.calls else ""


def _sums(cell: CellSummary) -> tuple[int, int]:
    return sum(tally.done for tally in cell.tallies.values()), sum(tally.total for tally in cell.tallies.values())


def _line(cell: CellSummary, percent: int) -> str:
    """How far a cell is; no figure of it can be taken for a score."""
    stages = ", ".join(f"{name} {tally.done:,} of {tally.total:,}" for name, tally in cell.tallies.items())
    errors = sum(tally.errors for tally in cell.tallies.values())
    cost = sum(tally.cost for tally in cell.tallies.values())
    end = f", {errors:,} errors" if errors else ""
    return f"{cell.cell}, {percent}% answered: {stages}{end}" + (f", {figures.money(cost)}" if cost else "")
