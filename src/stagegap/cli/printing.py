"""Views as text on a terminal. The same view gives the page and the report."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stagegap.analysis.views import Scorecard, StageRow
from stagegap.model.estimate import Estimate
from stagegap.model.values import Json

BAR_WIDTH = 20


def console() -> Console:
    """Give the console of standard output; plain where it is no terminal or NO_COLOR is set."""
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


def printable(text: str) -> str:
    """Replace control characters, so that no record or error text can steer the terminal."""
    return "".join(c if c in "\n\t" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def percent(estimate: Estimate) -> str:
    """Give a share as a whole per cent, or a dash where it is not measured."""
    return f"{100 * estimate.value:.0f}%" if estimate.is_measured else "-"


def points(estimate: Estimate) -> str:
    """Give a difference in whole points with its sign, or a dash."""
    return f"{100 * estimate.value:+.0f}".replace("-", "−") if estimate.is_measured else "-"


def interval(estimate: Estimate) -> str:
    """Give the interval in whole points."""
    if not estimate.is_measured:
        return ""
    return f"{100 * estimate.low:.0f} to {100 * estimate.high:.0f}".replace("-", "−")


def draw_scorecard(card: Scorecard) -> None:
    """Print the verdict and one row a stage."""
    out = console()
    out.print(Text(f"{card.verdict.headline}.", style="bold"))
    out.print(Text(card.verdict.summary))
    out.print(Text(card.verdict.basis, style="dim"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("Stage", "System", "95% interval", "Person", "Gap", "95% interval"):
        table.add_column(heading, justify="left" if heading == "Stage" else "right")
    table.add_column("")
    table.add_column("End-to-end gain", justify="right")
    largest = max((row.gain.value for row in card.stages if row.gain.is_measured), default=0.0)
    for row in card.stages:
        style = "bold" if row.stage == card.verdict.stage else ""
        table.add_row(*_cells(row, largest), style=style)
    out.print(table)
    if card.verdict.advice:
        out.print(Text(card.verdict.advice))


def _cells(row: StageRow, largest: float) -> Sequence[str]:
    shared = row.system if row.person.is_measured else row.in_place
    width = round(BAR_WIDTH * row.gain.value / largest) if row.gain.is_measured and largest > 0 else 0
    gain = f"{points(row.gain)} ({interval(row.gain)})" if row.gain.is_measured else "-"
    return (
        row.stage,
        percent(shared),
        interval(shared),
        percent(row.person),
        points(row.gap).lstrip("+"),
        interval(row.gap),
        "█" * max(width, 0),
        gain,
    )
