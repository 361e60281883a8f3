"""Views as text on a terminal: tables that fit it, sentences, next commands."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import orjson
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from stagegap import redaction, registry
from stagegap.analysis import checks, views
from stagegap.errors import ConfigurationError
from stagegap.model.record import Json
from stagegap.model.wording import listed
from stagegap.store import Archive, Finding, Rebuilt
from stagegap.tables.table import Sheet, Table, estimate_of

if TYPE_CHECKING:
    from stagegap.runner import Progress

SHORTEST = 12
"""Columns of the terminal that a shortened text keeps."""
ENDLESS = 400
"""Characters without a blank from which a word of a message is shortened: an id may be of any length."""
BAR_WIDTH = 14
WIDE = 100
"""Columns from which a terminal has room for bars."""


def present(
    name: str,
    view: object,
    *,
    as_json: bool,
    following: Sequence[str] | None = None,
    ending: str = "",
    junit: Path | None = None,
    is_decided: bool = False,
) -> None:
    """Print a view of the registry and what to type after it, or the view as JSON.

    `following` says what to type where this is no ordinary end of the view, `ending` how a newer run ended early. Of
    one that decides something `junit` is written, and with `is_decided` its exit code ends the program.
    """
    entry = registry.view(name)
    if junit is not None:
        write_file(junit, checks.junit(entry.results_of(view), suite=str(getattr(view, "cascade", name))))
    if as_json:
        print_view(view)
    else:
        draw_sheet(entry.sheet(view))
        if ending:
            say(ending)
        after = entry.next(view) if following is None else following
        if after:
            advise(*after)
    if is_decided:
        raise typer.Exit(int(getattr(view, "exit_code", 0)))


def write_file(path: Path, text: str) -> None:
    """Write a text without secrets, with the folders that it needs. Raises: ConfigurationError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(redaction.words(text), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} can't be written: {error.strerror}.") from None


def draw_sheet(sheet: Sheet, *, begins: str = "") -> None:
    """Print what went wrong, `begins`, and the answer in bold; then sentences and tables as they come."""
    for line in sheet.first:
        _draw_bold(line)
    if begins:
        say(begins)
    for line in (sheet.caution, sheet.headline):
        if line:
            _draw_bold(line)
    for part in sheet.parts:
        if isinstance(part, Table):
            draw_table(part)
        elif part:
            say(part)


def _draw_bold(line: str) -> None:
    console().print(Text(printable(line if line.endswith((".", "!", "?")) else f"{line}."), style="bold"))


def draw_table(table: Table) -> None:
    """Print a table, and which of its columns there was no room for; one without rows says nothing."""
    if not table.is_visible:
        return
    if table.title:
        console().print(Text(printable(table.title), style="dim"))
    out = console()
    spare = sorted(
        (place for place in table.visible if table.columns[place].spare), key=lambda place: table.columns[place].spare
    )
    left_out: list[int] = []
    while spare and _lacking(table, left_out, out, is_folded=True):
        together = [place for place in spare if table.columns[place].spare == table.columns[spare[0]].spare]
        left_out += together
        del spare[: len(together)]
    lacking = _lacking(table, left_out, out)
    is_folded = _lacking(table, left_out, out, shorter_by=lacking) > 0  # cutting texts is not enough
    if is_folded:
        lacking = _lacking(table, left_out, out, is_folded=True)
    grid = _grid(table, left_out, is_folded=is_folded, shorter_by=lacking)
    out.width = max(out.width, _width(grid, out))  # a line that the terminal breaks still has all of its figures
    out.print(grid)
    if left_out:
        names = [column.name for place, column in enumerate(table.columns) if place in left_out]
        say(f"No room here for {listed(names)}: a wider terminal shows it all, --json has it.")
    if len(table.on_screen) < len(table.rows):
        say(f"The first {len(table.on_screen):,} of {len(table.rows):,}: --json has them all.")


def _grid(table: Table, left_out: Sequence[int], *, is_folded: bool = False, shorter_by: int = 0) -> Grid:
    """The table without some columns; headings fold before one goes, and texts are cut, so that no figure ever is."""
    grid = Grid(box=None, pad_edge=False, header_style="dim")
    places = [place for place in table.visible if place not in left_out]
    bars = {place: _bars(table, place) for place in places if table.columns[place].has_bar and console().width >= WIDE}
    for place in places:
        column = table.columns[place]
        if place in bars:
            grid.add_column("", no_wrap=True)
        name = _folded(column.name, _longest(table, place)) if is_folded else column.name
        grid.add_column(name, no_wrap=True, justify="left" if column.is_text else "right")
    cut = {place: _longest(table, place) - shorter_by for place in places if table.columns[place].is_cut and shorter_by}
    for number, row in enumerate(table.on_screen):
        texts = dict(zip(table.visible, table.texts(row), strict=True))
        cells: list[Text] = []
        for place in places:
            text = Text(printable(texts[place]))
            if place in cut:
                text.truncate(max(SHORTEST, cut[place]), overflow="ellipsis")
            cells += [Text(bars[place][number]), text] if place in bars else [text]
        grid.add_row(*cells, style="bold" if number in table.strong else "")
    return grid


def _folded(name: str, width: int) -> str:
    """A heading in lines no longer than what stands below it, words whole."""
    return "\n".join(wrap(name, max(width, *map(len, name.split()), 1), break_long_words=False))


def _longest(table: Table, place: int) -> int:
    at = table.visible.index(place)
    return max((Text(printable(table.texts(row)[at])).cell_len for row in table.on_screen), default=0)


def _bars(table: Table, place: int) -> list[str]:
    """A bar for each figure of a column, the largest across the whole width; none below 0."""
    estimates = [estimate_of(row[place]) for row in table.on_screen]
    values = [0.0 if estimate is None or not estimate.is_measured else estimate.value for estimate in estimates]
    largest = max(values, default=0.0)
    return ["█" * max(round(BAR_WIDTH * value / largest), 0) if largest > 0 else "" for value in values]


def _lacking(
    table: Table, left_out: Sequence[int], out: Console, *, is_folded: bool = False, shorter_by: int = 0
) -> int:
    """Columns of the terminal that it lacks for the table, 0 where it has room."""
    grid = _grid(table, left_out, is_folded=is_folded, shorter_by=shorter_by)
    return max(_width(grid, out) - out.width, 0)


def _width(grid: Grid, out: Console) -> int:
    """Columns of the terminal that a grid would like to have."""
    return Measurement.get(out, out.options.update(max_width=10_000), grid).maximum


def console() -> Console:
    """The console of standard output; plain where it is no terminal or NO_COLOR is set."""
    return Console(highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """Print one message for people on standard error."""
    text = re.sub(rf"\S{{{ENDLESS},}}", _shortened, printable(redaction.words(message)))
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text))


def _shortened(word: re.Match[str]) -> str:
    return f"{word[0][:SHORTEST]}... ({len(word[0]):,} characters)"


def say(message: str) -> None:
    """Print one line of plain text."""
    console().print(Text(printable(message)))


def advise(*commands: str) -> None:
    """End a command with the next ones to type."""
    console().print(Text.assemble("Next:  ", (("   or   ").join(commands), "bold")))


def print_json(value: Json) -> None:
    """Print one JSON value, two spaces deep."""
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.write(redaction.known(body.decode()))


def print_view(view: object) -> None:
    """Print a view as JSON."""
    sys.stdout.write(redaction.known(views.to_json(view)) + "\n")


def printable(text: str) -> str:
    """Replace control characters, so that no record or error text can steer the terminal, and secrets.

    Here, because a secret that is broken into lines later is found by nobody but a reader.
    """
    text = redaction.known(text)
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def progress(as_json: bool) -> Progress:
    """What shows how far a run is: nothing where JSON is asked for."""
    from stagegap.runner import Silent, progress_on

    return Silent() if as_json else progress_on(console(), clock=time.monotonic)


def draw_findings(findings: Sequence[Finding]) -> None:
    """Print what `doctor` looked at, one line each."""
    for finding in findings:
        console().print(Text(f"{'✓' if finding.is_good else '✗'}   {printable(finding.message)}"))


def draw_rebuilt(rebuilt: Rebuilt) -> None:
    """Print what a rebuild saved, and where the old file is."""
    paid = rebuilt.put_back.paid
    more = f", {paid:,} of them paid answers from their second copies" if paid else ""
    say(f"Made a new file with all labels and {rebuilt.outputs + paid:,} outputs{more}.")
    if rebuilt.dropped:
        say(f"{rebuilt.dropped:,} operations of the journal had flipped bits: what has a second copy is back.")
    if rebuilt.old_file:
        say(f"The old file is kept as {rebuilt.old_file}.")
    if rebuilt.lost:
        say(f"These tables could not be read: {', '.join(rebuilt.lost)}. `stagegap run` fills them again.")


def draw_archive(archive: Archive, verb: str, *, as_json: bool) -> None:
    """Print what a backup holds, or gave back; or the same as JSON."""
    if as_json:
        return print_json({"path": str(archive.path), "files": archive.files, "bytes": archive.size})
    return say(f"{archive.path} {verb} the whole store: {archive.files} files, {archive.size / 1e6:,.1f} MB.")
