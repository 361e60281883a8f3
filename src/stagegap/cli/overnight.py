"""The verb that runs a matrix file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stagegap.cli.options import (
    BudgetOption,
    FilterOption,
    JobsOption,
    JsonOption,
    LimitOption,
    SampleOption,
    SeedOption,
)

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
    from stagegap.cli import printing
    from stagegap.cli.opening import workspace
    from stagegap.cli.running import options_of
    from stagegap.cli.variants import overnight_and_show

    options = options_of(limit, filter, sample, seed, jobs=jobs, budget=budget)
    with workspace() as opened:
        overnight_and_show(opened, file, options, output=output, as_json=as_json)
    return None if as_json else printing.advise("stagegap show --run NAME", "stagegap app")
