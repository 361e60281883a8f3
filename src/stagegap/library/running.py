"""Running a cascade from a notebook, whose kernel has an event loop of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stagegap.analysis.variants import VariantsView
from stagegap.errors import RunStopped
from stagegap.model.run import RunStatus
from stagegap.runner import Budget, RunOptions
from stagegap.workspace import Workspace


class Quiet:
    """Listens to a night of variants and says nothing."""

    def going_on(self, variant: str, records: int) -> None:
        """Do nothing."""

    def so_far(self, view: VariantsView) -> None:
        """Do nothing."""


def run_now(
    workspace: Workspace,
    path: Path,
    limit: int | None,
    filter: str,
    sample: int | None,
    *,
    seed: int,
    budget: str | None,
    fresh: bool,
) -> str:
    """Run the cascade and give the name of the run. Raises: RunStopped, ConfigurationError."""
    options = RunOptions(
        limit=limit,
        filter=filter,
        sample=sample,
        seed=seed,
        budget=Budget.parse(budget) if budget else None,
        fresh=fresh,
    )
    with ThreadPoolExecutor(1) as pool:
        run, summary = pool.submit(workspace.run, path, options).result()
    if run.status is not RunStatus.DONE:
        raise RunStopped(f"Run {run.name} stopped: {summary.error} What was answered is kept; run it again to go on.")
    return run.name


def night_now(workspace: Workspace, file: Path) -> VariantsView:
    """Run every variant of a matrix file. Raises: SpecError, ConfigurationError."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(workspace.overnight, file, listener=Quiet()).result()
