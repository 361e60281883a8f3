"""One run from the terminal: progress while it goes on, the verdict when it is done."""

from __future__ import annotations

import time
from pathlib import Path

from stagegap.cli import printing
from stagegap.errors import RunStopped
from stagegap.model.run import RunStatus
from stagegap.runner import Budget, RunOptions, Silent
from stagegap.runner.progress import progress_on
from stagegap.tables import figures
from stagegap.workspace import Workspace


def options_of(
    limit: int | None,
    filter: str,
    sample: int | None,
    seed: int,
    repeat: int | None = None,
    fresh: bool = False,
    fresh_stages: list[str] | None = None,
    retry: bool = False,
    jobs: int | None = None,
    budget: str | None = None,
    orders: int | None = None,
    engine: str = "",
) -> RunOptions:
    """The options of a run from those of a command. Raises: ConfigurationError."""
    return RunOptions(
        limit=limit,
        filter=filter,
        sample=sample,
        seed=seed,
        repeats=repeat,
        fresh=fresh,
        fresh_stages=tuple(fresh_stages or ()),
        retry=retry,
        jobs=jobs,
        budget=Budget.parse(budget) if budget is not None else None,
        orders=orders,
        engine=engine,
    )


def plan_and_show(opened: Workspace, file: Path | None, options: RunOptions, *, as_json: bool) -> None:
    """Print what a run would call."""
    planned = opened.runs.plan(file, options)
    if as_json:
        return printing.print_view(planned)
    printing.draw_plan(planned)
    return printing.advise("stagegap run")


def run_and_show(opened: Workspace, file: Path | None, options: RunOptions | None = None, *, as_json: bool) -> None:
    """Run a cascade and print its verdict. Raises: RunStopped when it ended early."""
    progress = Silent() if as_json else progress_on(printing.console(), clock=time.monotonic)
    run, summary = opened.runs.new(file, options, progress=progress)
    if run.status is not RunStatus.DONE:
        raise RunStopped(f"Run {run.name} stopped: {summary.error} What was answered is kept; run it again to go on.")
    card = opened.runs.scorecard(run.cascade, run.name)
    assert card is not None, "a finished run has a scorecard"
    if as_json:
        return printing.print_view(card)
    cost = f", ${summary.cost:,.2f}" if summary.cost else ""
    printing.say(
        f"Run {run.name}: {run.records:,} records, {summary.calls:,} calls{cost}, {figures.seconds(summary.seconds)}.\n"
    )
    return printing.draw_scorecard(card)
