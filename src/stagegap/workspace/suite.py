"""What a test suite asks of a workspace: which cases there are, one run for all of them, and what it answered."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from stagegap.analysis.answers import OUTCOME, GroupScore, ScoredAnswer, answers, group_scores, names_of_groups
from stagegap.errors import ConfigurationError, NotFound, RunStopped, near_names
from stagegap.model.run import RunStatus
from stagegap.runner import RunOptions
from stagegap.runner.options import INTERRUPTED
from stagegap.runner.prepare import read_materials
from stagegap.workspace import Workspace

By = Literal["record", "slice", "stage"]
Case = ScoredAnswer | GroupScore


class NotAsked(Exception):
    """Offline, and services would have to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The cases of one test function."""

    cascade: str
    """Name of a cascade, or path of its file from the folder of the workspace."""
    stage: str
    by: By
    """A case for each record, for each slice, or one for all records together."""
    options: RunOptions

    def path(self, workspace: Workspace) -> Path:
        """The cascade file. Raises: NotFound."""
        if self.cascade.endswith((".yaml", ".yml")):
            return workspace.folder / self.cascade
        files = workspace.files.by_name()
        if self.cascade not in files:
            hint = near_names(self.cascade, files)
            raise NotFound(f"No file under pipelines/ holds the cascade {self.cascade!r}. {hint}".strip())
        return files[self.cascade]


def wanted(
    cascade: str,
    stage: str = OUTCOME,
    *,
    by: By = "record",
    limit: int | None = None,
    filter: str = "",
    sample: int | None = None,
    seed: int = 0,
) -> Wanted:
    """The cases that a test function asks for. Raises: ConfigurationError."""
    if by not in get_args(By):
        raise ConfigurationError(f"by={by!r} is none of {', '.join(get_args(By))}.")
    return Wanted(
        cascade=cascade,
        stage=stage,
        by=by,
        options=RunOptions(limit=limit, filter=filter, sample=sample, seed=seed),
    )


def case_names(workspace: Workspace, wanted: Wanted) -> tuple[str, ...]:
    """The names of the cases, without running anything. Raises: ConfigurationError."""
    file = workspace.files.load(wanted.path(workspace))
    known = (*file.cascade.names, OUTCOME)
    if wanted.stage not in known:
        hint = near_names(wanted.stage, known)
        raise NotFound(f"The cascade {file.cascade.name!r} has no stage {wanted.stage!r}. {hint}")
    records = wanted.options.chosen(read_materials(file).scored(file.cascade))
    if wanted.by == "record":
        return tuple(record.id for record in records)
    everything, *groups = names_of_groups(records)
    return (everything,) if wanted.by == "stage" else tuple(groups)


def cases(workspace: Workspace, wanted: Wanted, run: str) -> Mapping[str, Case]:
    """What a run answered, by the names of the cases."""
    evidence = workspace.runs.attribution(workspace.files.load(wanted.path(workspace)).cascade.name, run).evidence
    if wanted.by == "record":
        return {row.record: row for row in answers(evidence, wanted.stage)}
    return {row.group: row for row in group_scores(evidence, wanted.stage)}


def one_run(workspace: Workspace, wanted: Wanted, *, shared: Path, offline: bool) -> str:
    """The name of the one run that all tests of a session look at, whatever process asks.

    `shared` is a folder that the processes of the session have in common: who comes first runs the cascade, the others
    wait. Raises: NotAsked, RunStopped, ConfigurationError; all who ask again get the same.
    """
    path = wanted.path(workspace)
    place = shared / f"stagegap-{hashlib.sha256(f'{path} {wanted.options!r}'.encode()).hexdigest()[:16]}.json"
    with place.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        content = file.read() or json.dumps(_answer(workspace, path, wanted.options, offline=offline))
        file.truncate(0)
        file.write(content)
    how, text = json.loads(content)
    if how == "run":
        return text
    raise {"not asked": NotAsked, "stopped": RunStopped}.get(how, ConfigurationError)(text)


def _answer(workspace: Workspace, path: Path, options: RunOptions, *, offline: bool) -> tuple[str, str]:
    """The run that is there or is made, or why there is none."""
    try:
        plan = workspace.runs.plan(path, options)
        same_run = None if plan.calls else _same(workspace, path, options)
        if same_run is not None:
            return "run", same_run
        if offline and plan.paid_calls:
            many = f"{plan.paid_calls:,}" if plan.is_exact else f"up to {plan.paid_calls:,}"
            return "not asked", f"Offline: {many} calls to a service would have to be made."
        return _made(workspace, path, options)
    except ConfigurationError as error:
        return "wrong", str(error)


def _same(workspace: Workspace, path: Path, options: RunOptions) -> str | None:
    """The newest run that would be made again as it is, and that no service left with a gap."""
    file = workspace.files.load(path)
    resolved, records = (
        json.dumps(file.resolved, ensure_ascii=False),
        len(options.chosen(read_materials(file).scored(file.cascade))),
    )
    return next(
        (
            run.name
            for run in workspace.runs.of(file.cascade.name)
            if run.status is RunStatus.DONE
            and (run.resolved, run.records) == (resolved, records)
            and workspace.runs.options(run) == options
            and (card := workspace.runs.scorecard(run.cascade, run.name)) is not None
            and not card.n_infrastructure
        ),
        None,
    )


def _made(workspace: Workspace, path: Path, options: RunOptions) -> tuple[str, str]:
    """Run the cascade; in a thread of its own where the tests have an event loop in this one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        run, summary = workspace.runs.new(path, options)
    else:
        with ThreadPoolExecutor(1) as pool:
            run, summary = pool.submit(workspace.runs.new, path, options).result()
    if summary.error == INTERRUPTED:
        raise KeyboardInterrupt
    return ("run", run.name) if run.status is RunStatus.DONE else ("stopped", f"Run {run.name}: {summary.error}")
