"""Tables that fit the terminal: what has no room is left out by name, never folded into narrow columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from stagegap.analysis.wording import listed
from stagegap.cli.printing import console, printable, say

SHORTEST = 12
"""Columns of the terminal that a shortened text keeps."""


class Sheet:
    """A table that is being filled; `show` prints it."""

    def __init__(self, *headings: str, texts: int = 1, spare: Sequence[str] = (), cut: str = "") -> None:
        """The first `texts` columns are text, the others figures.

        Where room is short, `spare` columns go first, then the texts of the column `cut` are shortened.
        """
        self._headings = headings
        self._texts = texts
        self._spare = spare
        self._cut = cut
        self._rows: list[tuple[str, ...]] = []

    def add(self, *cells: str) -> None:
        """Add a row, one cell a heading."""
        self._rows.append(cells)

    def show(self) -> None:
        """Print the table, and which columns there was no room for."""
        out = console()
        left_out: list[str] = []
        for heading in (*self._spare, ""):
            if _width(self._drawn(left_out), out) <= out.width or not heading:
                break
            left_out.append(heading)
        lacking = _width(self._drawn(left_out), out) - out.width
        if lacking > 0 and self._cut:
            self._shorten(lacking)
        out.print(self._drawn(left_out))
        if left_out:
            hidden = [name for name in self._headings if name in left_out]
            say(f"No room here for {listed(hidden)}: a wider terminal shows it all, --json has it.")

    def _shorten(self, lacking: int) -> None:
        place = self._headings.index(self._cut)
        texts = [Text(printable(str(row[place]))) for row in self._rows]
        most = max(SHORTEST, max((text.cell_len for text in texts), default=0) - lacking)
        for number, (row, text) in enumerate(zip(self._rows, texts, strict=True)):
            text.truncate(most, overflow="ellipsis")
            self._rows[number] = (*row[:place], text.plain, *row[place + 1 :])

    def _drawn(self, left_out: Sequence[str]) -> Table:
        grid = Table(box=None, pad_edge=False, header_style="dim")
        places = [place for place, heading in enumerate(self._headings) if heading not in left_out]
        for place in places:
            side = "left" if place < self._texts else "right"
            grid.add_column(self._headings[place], no_wrap=True, justify=side)
        for row in self._rows:
            grid.add_row(
                *(row[place] if isinstance(row[place], Text) else printable(str(row[place])) for place in places)
            )
        return grid


def _width(grid: Table, out: Console) -> int:
    """The columns of the terminal that a table would like to have."""
    return Measurement.get(out, out.options.update(max_width=10_000), grid).maximum
