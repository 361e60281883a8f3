"""A night of variants on a terminal, and the table of the morning."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from stagegap import report
from stagegap.analysis import codec
from stagegap.analysis.variants import VariantRow, VariantsView
from stagegap.cli import printed
from stagegap.cli.options import (
    BudgetOption,
    FilterOption,
    JobsOption,
    JsonOption,
    LimitOption,
    SampleOption,
    SeedOption,
)
from stagegap.cli.reports import write_file
from stagegap.errors import RunStopped
from stagegap.model.wording import counted
from stagegap.runner import RunOptions, Silent
from stagegap.runner.progress import progress_on
from stagegap.tables import figures
from stagegap.workspace import Workspace

HEADINGS = ("Variant", "Run", "Outcome", "Rank", "Cost a record", "Calls", "Paid")


class Told:
    """Says on the terminal how the night goes."""

    def going_on(self, variant: str, records: int) -> None:
        """Name the variant that goes on."""
        printed.say(f"{variant}: {records:,} more records")

    def so_far(self, view: VariantsView) -> None:
        """The verdict on the records that all variants have answered."""
        printed.say(f"After {counted(view.records, view.noun)}: {view.headline}.")


class Untold:
    """Says nothing."""

    def going_on(self, variant: str, records: int) -> None:
        """Do nothing."""

    def so_far(self, view: VariantsView) -> None:
        """Do nothing."""


def overnight_and_show(
    opened: Workspace, file: Path, options: RunOptions, *, output: Path | None, as_json: bool
) -> None:
    """Run all variants and print their table. Raises: RunStopped when one of them ended early."""
    progress = Silent() if as_json else progress_on(printed.console(), clock=time.monotonic)
    view = opened.runs.overnight(file, options, listener=Untold() if as_json else Told(), progress=progress)
    if output is not None:
        write_file(output, _as_file(view, output.suffix))
    if as_json:
        printed.print_view(view)
    else:
        draw(view)
    stopped = [row for row in view.rows if row.error]
    if stopped:
        raise RunStopped(
            "\n".join(f"Variant {row.variant} stopped: {row.error}" for row in stopped)
            + "\nWhat was answered is kept; run it again to go on."
        )


def _as_file(view: VariantsView, ending: str) -> str:
    """The ranking in the form that a file's ending says: .html, .json, anything else is Markdown."""
    if ending == ".html":
        return report.variants_html(view)
    return codec.to_json(view) if ending == ".json" else markdown(view)


def draw(view: VariantsView) -> None:
    """Print the verdict and one row a variant."""
    out = printed.console()
    out.print(Text(f"{printed.printable(view.headline)}.", style="bold"))
    out.print(Text(_basis(view), style="dim"))
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if place < 2 else "right", no_wrap=True)
    for row in view.rows:
        table.add_row(*map(printed.printable, _cells(row)), style="bold" if row.variant in view.leaders else "")
    out.print(table)
    for line in view.morning:
        printed.say(line)


def markdown(view: VariantsView) -> str:
    """The table of the morning as a Markdown file."""
    lines = [
        f"# Variants of {_escaped(view.cascade)}",
        "",
        f"{_escaped(view.headline)}.",
        "",
        _escaped(_basis(view)),
        "",
        f"| {' | '.join(HEADINGS)} |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(f"| {' | '.join(map(_escaped, _cells(row)))} |" for row in view.rows),
        "",
        *(f"- {_escaped(line)}" for line in view.morning),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _basis(view: VariantsView) -> str:
    return (
        f"By {view.outcome}, on {counted(view.records, view.noun)} that every variant answered. "
        f"A rank is the range that the data do not exclude (95%, all variants at once). "
        f"{view.calls:,} calls that count, {figures.money(view.dollars)} paid."
    )


def _cells(row: VariantRow) -> tuple[str, ...]:
    rank = "" if row.best is None else f"{row.best}" if row.best == row.worst else f"{row.best} to {row.worst}"
    price = figures.money(row.price.value) if row.price.is_measured else "?" if row.is_paid else ""
    return (
        row.variant,
        row.run,
        figures.figure(row.outcome, figures.Unit.SHARE),
        rank,
        price,
        f"{row.calls:,}",
        figures.money(row.dollars),
    )


def _escaped(text: str) -> str:
    """The text so that Markdown shows it as it is."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#!&" else sign for sign in " ".join(text.split()))


nights = typer.Typer()


@nights.command()
def overnight(
    file: Annotated[Path, typer.Argument(help="Matrix file: base and variants.", show_default=False)],
    limit: LimitOption = None,
    filter: FilterOption = "",
    sample: SampleOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = None,
    budget: BudgetOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the table, too: .html, .md or .json.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run every variant of a matrix file and rank them; a call that variants share is made once."""
    from stagegap.cli import printed
    from stagegap.cli.runs import options_of
    from stagegap.cli.start import workspace

    options = options_of(limit, filter, sample, seed, jobs=jobs, budget=budget)
    with workspace() as opened:
        overnight_and_show(opened, file, options, output=output, as_json=as_json)
    return None if as_json else printed.advise("stagegap show --run NAME", "stagegap app")
