"""One run from the terminal: progress while it goes on, the verdict when it is done."""

from __future__ import annotations

import time
from pathlib import Path

from stagegap.cli import printing
from stagegap.errors import RunStopped
from stagegap.model.run import RunStatus
from stagegap.runner import Silent
from stagegap.runner.progress import progress_on, span
from stagegap.workspace import Workspace


def run_and_show(opened: Workspace, file: Path | None, *, as_json: bool) -> None:
    """Run a cascade and print its verdict. Raises: RunStopped when it ended early."""
    progress = Silent() if as_json else progress_on(printing.console(), clock=time.monotonic)
    run, summary = opened.run(file, progress=progress)
    if run.status is not RunStatus.DONE:
        raise RunStopped(f"Run {run.name} stopped: {summary.error} What was answered is kept; run it again to go on.")
    card = opened.scorecard(run.cascade, run.name)
    assert card is not None, "a finished run has a scorecard"
    if as_json:
        return printing.print_view(card)
    cost = f", ${summary.cost:,.2f}" if summary.cost else ""
    printing.say(f"Run {run.name}: {run.records:,} records, {summary.calls:,} calls{cost}, {span(summary.seconds)}.\n")
    return printing.draw_scorecard(card)
