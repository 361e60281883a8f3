"""Views as text on a terminal: tables that fit it, sentences, next commands."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import orjson
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from stagegap.analysis import codec
from stagegap.analysis.views import Scorecard, StageRow
from stagegap.model.estimate import Estimate
from stagegap.model.record import Json
from stagegap.model.wording import listed
from stagegap.runner.plan import Plan, PlannedStage
from stagegap.runner.progress import Progress, Silent, progress_on
from stagegap.stages.foundation import Foundation
from stagegap.store import Finding, Rebuilt
from stagegap.tables import figures
from stagegap.tables.figures import Unit

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


BAR_WIDTH = 14
WIDE = 100
"""Columns from which a terminal has room for bars."""


def console() -> Console:
    """The console of standard output; plain where it is no terminal or NO_COLOR is set."""
    return Console(highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """Print one message for people on standard error."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(printable(message)))


def say(message: str) -> None:
    """Print one line of plain text."""
    console().print(Text(printable(message)))


def advise(*commands: str) -> None:
    """End a command with the next ones to type."""
    console().print(Text.assemble("Next:  ", (("   or   ").join(commands), "bold")))


def print_json(value: Json) -> None:
    """Print one JSON value, two spaces deep."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def print_view(view: object) -> None:
    """Print a view as JSON."""
    sys.stdout.write(codec.to_json(view) + "\n")


def printable(text: str) -> str:
    """Replace control characters, so that no record or error text can steer the terminal."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def draw_plan(plan: Plan) -> None:
    """Print one row a stage and cell, and what it comes to."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("Cell", "Stage"):
        table.add_column(heading, no_wrap=True)
    paid = ("Tokens", "Cost") if plan.paid_calls else ()
    for heading in ("Calls", "Known", "Skipped", *paid, "Time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for cell in plan.cells:
        for stage in cell.stages:
            calls = f"{stage.calls:,}" if stage.is_exact else f"at most {stage.calls:,}"
            ahead = _ahead(stage)[-1 - len(paid) :]
            table.add_row(str(cell.cell), stage.stage, calls, f"{stage.known:,}", f"{stage.skipped:,}", *ahead)
    out = console()
    out.print(table)
    many = f"{plan.calls:,}" if plan.is_exact else f"at most {plan.calls:,}"
    out.print(Text(f"{many} calls, {plan.paid_calls:,} of them to a paid service."))
    if plan.calls:
        cost = f"Cost {_between(plan.dollars, Unit.MONEY)}, time" if plan.paid_calls else "Time"
        out.print(Text(f"{cost} {_between(plan.seconds, Unit.SECONDS)}."))
    for stage, foundation in plan.foundations.items():
        out.print(Text(f"{stage} rests on {_listed(foundation)}."), style="dim")
        if foundation.unseen:
            out.print(Text(f"  What {', '.join(foundation.unseen)} imports by a name of its own is not noticed."))
    if any(foundation.packages or foundation.files for foundation in plan.foundations.values()):
        out.print(
            Text("Other files and variables that code reads are noticed where `rests_on` names them."), style="dim"
        )


def _listed(foundation: Foundation) -> str:
    """What a stage rests on in words."""
    variables = [f"the variable {name}" for name in foundation.variables]
    return ", ".join([*foundation.files, *foundation.packages, *variables]) or "its settings alone"


def span_of(plan: Plan) -> str:
    """What the calls of a plan cost and take, as the end of a sentence."""
    cost = f", cost {_between(plan.dollars, Unit.MONEY)}" if plan.paid_calls else ""
    return f"{cost}, time {_between(plan.seconds, Unit.SECONDS)}"


def progress(as_json: bool) -> Progress:
    """What shows how far a run is: nothing where JSON is asked for."""
    return Silent() if as_json else progress_on(console(), clock=time.monotonic)


def _ahead(stage: PlannedStage) -> tuple[str, str, str]:
    """Tokens, cost and time of the calls to come; a question mark where they are unknown."""
    if not stage.calls:
        return "", "", ""
    tokens = f"{stage.tokens.value:,.0f}" if stage.tokens.is_measured else "?"
    cost = figures.money(stage.dollars.value) if stage.dollars.is_measured else "?"
    time = figures.seconds(stage.seconds.value) if stage.seconds.is_measured else "?"
    return (tokens, cost, time) if stage.is_paid else ("", "", time)


def _between(estimate: Estimate, unit: Unit) -> str:
    return f"about {figures.figure(estimate, unit)}" if estimate.is_measured else f"unknown ({estimate.method})"


def draw_findings(findings: Sequence[Finding]) -> None:
    """Print what `doctor` looked at, one line each."""
    for finding in findings:
        console().print(Text(f"{'✓' if finding.is_good else '✗'}   {printable(finding.message)}"))


def draw_rebuilt(rebuilt: Rebuilt) -> None:
    """Print what a rebuild saved, and where the old file is."""
    say(f"Made a new file with all labels and {rebuilt.outputs:,} outputs.")
    if rebuilt.old_file:
        say(f"The old file is kept as {rebuilt.old_file}.")
    if rebuilt.lost:
        say(f"These tables could not be read: {', '.join(rebuilt.lost)}. `stagegap run` fills them again.")


def draw_scorecard(card: Scorecard, *, begins: str = "") -> None:
    """Print what went wrong with outputs, then the verdict and one row a stage; `begins` stands before the verdict."""
    out = console()
    for trouble in card.troubles:
        if trouble.sentence != card.verdict.summary:
            out.print(Text(printable(trouble.sentence), style="bold"))
    if begins and card.verdict.kind != "errors":
        say(begins)
    if card.verdict.caution:
        out.print(Text(card.verdict.caution, style="bold"))
    out.print(Text(f"{card.verdict.headline}.", style="bold"))
    out.print(Text(printable(card.verdict.summary)))
    if begins and card.verdict.kind == "errors":
        say(begins)
    out.print(Text(card.verdict.basis, style="dim"))
    if card.system.caveat:
        say(f"Clusters: {card.system.caveat}.")
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Stage", no_wrap=True)
    for heading in ("System", "Person", "Gap"):
        table.add_column(heading, justify="right", no_wrap=True)
    has_bars = out.width >= WIDE
    if has_bars:
        table.add_column("", no_wrap=True)
    table.add_column("Gain at the end", justify="right", no_wrap=True)
    largest = max((row.gain.value for row in card.stages if row.gain.is_measured), default=0.0)
    for row, printed in zip(card.stages, card.printed_gains, strict=True):
        style = "bold" if row.stage == card.verdict.stage else ""
        *cells, gain = _cells(row, printed)
        bar = [_bar(row.gain, largest)] if has_bars else []
        table.add_row(*cells, *bar, gain, style=style)
    out.print(table)
    for repeat in card.repeats:
        say(repeat.sentence)
    if card.verdict.advice:
        out.print(Text(card.verdict.advice))


def _bar(gain: Estimate, largest: float) -> str:
    if not gain.is_measured or largest <= 0:
        return ""
    return "█" * max(round(BAR_WIDTH * gain.value / largest), 0)


def _cells(row: StageRow, gain: int) -> Sequence[str]:
    shared = row.system if row.person.is_measured else row.in_place
    return (
        row.stage,
        figures.figure(shared, Unit.SHARE),
        figures.figure(row.person, Unit.SHARE),
        figures.figure(row.gap, Unit.POINTS),
        figures.figure(row.gain, Unit.POINTS, rounded=gain),
    )
