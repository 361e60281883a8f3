"""Running a cascade from a notebook, whose kernel has an event loop of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stagegap.analysis.changes.reproduced import Reproduction
from stagegap.analysis.changes.views import WhatChanged
from stagegap.analysis.person_swaps import PersonSwaps
from stagegap.analysis.variants import VariantsView
from stagegap.errors import RunStopped
from stagegap.model.run import RunStatus
from stagegap.runner import Budget, RunOptions, Silent
from stagegap.workspace import Past, Workspace


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
        run, summary = pool.submit(workspace.runs.new, path, options).result()
    if run.status is not RunStatus.DONE:
        raise RunStopped(f"Run {run.name} stopped: {summary.error} What was answered is kept; run it again to go on.")
    return run.name


def night_now(workspace: Workspace, file: Path) -> VariantsView:
    """Run every variant of a matrix file. Raises: SpecError, ConfigurationError."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(workspace.runs.overnight, file, listener=Quiet()).result()


def apart(past: Past, before: str, after: str, *, use_shared: bool, may_pay: bool) -> WhatChanged:
    """Run the mixtures of two versions. Raises: NotFound, ConfigurationError."""

    def mixed() -> WhatChanged:
        with past.versions(before, after, use_shared=use_shared) as versions:
            return versions.changed(may_pay=may_pay, progress=Silent())

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(mixed).result()


def again(past: Past, run: str, *, kept_in: Path | None, may_pay: bool) -> Reproduction:
    """Make a run again. Raises: NotFound, ConfigurationError."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(past.reproduce, run, kept_in=kept_in, may_pay=may_pay, progress=Silent()).result()


def swapped_now(workspace: Workspace, cascade: str, run: str | None, *, may_pay: bool) -> PersonSwaps:
    """Put people in place of the stages of a run. Raises: ConfigurationError, RunStopped."""
    with ThreadPoolExecutor(1) as pool, workspace.past(cascade).person_swaps(run) as people:
        return pool.submit(people.swapped, may_pay=may_pay, progress=Silent()).result()
