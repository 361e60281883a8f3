"""A night of variants on a terminal, and the table of the morning."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from stagegap import registry, report
from stagegap.analysis import codec
from stagegap.analysis.variants import VariantsView
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
from stagegap.cli.printed import draw_sheet
from stagegap.cli.reports import write_file
from stagegap.errors import RunStopped
from stagegap.model.wording import counted
from stagegap.runner import RunOptions, Silent
from stagegap.runner.progress import progress_on
from stagegap.tables.markdown import literal, sheet_markdown
from stagegap.workspace import Workspace


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
        draw_sheet(registry.view("overnight").sheet(view))
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
    return codec.to_json(view) if ending == ".json" else variants_markdown(view)


def variants_markdown(view: VariantsView) -> str:
    """The table of the morning as a Markdown file."""
    return f"# Variants of {literal(view.cascade)}\n\n{sheet_markdown(registry.view('overnight').sheet(view))}"


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
