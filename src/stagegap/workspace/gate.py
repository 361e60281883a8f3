"""Hold the line: the blessed run of a cascade, the checks of a run against it, and what a test suite asks."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal, get_args

from stagegap.analysis import views
from stagegap.analysis.answers import OUTCOME, GroupScore, ScoredAnswer, answers, group_scores, names_of_groups
from stagegap.analysis.baseline import Baseline, Held, baseline, from_csv, held_by, hold, to_csv
from stagegap.analysis.checks import CheckResult, check, exit_code, verdict_line
from stagegap.analysis.runs import Blessed, History
from stagegap.analysis.views import Scorecard
from stagegap.errors import ConfigurationError, NotFound, RunStopped, near_names
from stagegap.model.cascade import Cascade
from stagegap.model.record import Json
from stagegap.model.run import Run, RunStatus
from stagegap.runner import INTERRUPTED, RunOptions, metric_functions, read_materials
from stagegap.workspace import Workspace
from stagegap.workspace.comparison import history, on_shared_records, side
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.people import payloads
from stagegap.workspace.runs import Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """All checks of one run."""

    cascade: str
    run: str
    against: str
    """Name of the run that it was held against; empty without one."""
    by_scores: bool = False
    """It was held against the blessed scores that are committed; this store does not have that run."""
    exit_code: int
    verdict: str
    """One line."""
    change: str = ""
    """What moved against that run, in one line; empty where it can't be held against one."""
    results: tuple[CheckResult, ...]


class Gate:
    """What holds the line of one cascade. The baseline is a file beside the cascade file, and moves by `bless` only."""

    def __init__(self, base: Foundation, cascade: str) -> None:
        self._base = base
        self._runs = Runs(base)
        self._cascade = cascade

    @property
    def path(self) -> Path:
        """The file that names the blessed run: `cascade.blessed.json` beside `cascade.yaml`. Raises: NotFound."""
        return self._file.with_suffix(".blessed.json")

    @property
    def scores_path(self) -> Path:
        """The blessed run's scores, record by record: `cascade.blessed.csv`. Raises: NotFound."""
        return self._file.with_suffix(".blessed.csv")

    @property
    def _file(self) -> Path:
        return self._base.files.named(self._cascade)

    def bless(self, run: str) -> Blessed:
        """Hold later runs against this one, from now on. Raises: NotFound, ConfigurationError."""
        stored = self._base.run(self._cascade, run)
        card = self._runs.scorecard(self._cascade, stored.name)
        if stored.status is not RunStatus.DONE or card is None:
            raise ConfigurationError(
                f"Run {stored.name} is {stored.status.value}; only a run that is done can be blessed."
            )
        scores = baseline(
            side(self._runs.attribution(self._cascade, stored.name)),
            codes=self._codes(stored),
        )
        blessed = Blessed(
            cascade=self._cascade,
            run=stored.name,
            id=stored.id,
            fingerprint=stored.fingerprint,
            commit=stored.commit,
            started_at=stored.started_at,
            outcome=card.system,
            stages={row.stage: row.in_place for row in card.stages},
            scored_by=scores.scored_by,
            program=version("stagegap"),
        )
        self.scores_path.write_text(to_csv(scores), encoding="utf-8")
        self.path.write_text(json.dumps(views.plain(blessed), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return blessed

    def blessed(self) -> Blessed | None:
        """What the file says; None when no run is blessed. Raises: ConfigurationError for a spoilt file."""
        if self._cascade not in self._base.files.by_name() or not self.path.is_file():
            return None
        try:
            return views.from_json(Blessed, self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigurationError(
                f"{self.path} names no blessed run: {error}. `stagegap tools bless` writes it."
            ) from None

    def blessed_run(self) -> Run | None:
        """The blessed run in this store: itself, else the largest of the same file at the same commit."""
        wanted = self.blessed()
        if wanted is None:
            return None
        runs = [run for run in self._runs.of(self._cascade) if run.status is RunStatus.DONE]
        itself = next((run for run in runs if run.id == wanted.id), None)
        if itself is not None or not wanted.is_reproducible:
            return itself
        again = [run for run in runs if (run.fingerprint, run.commit) == (wanted.fingerprint, wanted.commit)]
        return max(again, key=lambda run: run.records, default=None)

    def history(self) -> History:
        """List the runs."""
        return history(self._base, self._cascade, blessed=self.blessed_run())

    def check(self, run: str | None = None, *, against: str | None = None, shared: bool = False) -> Checked:
        """Check a run, by default the newest that is done, against `against`, by default the blessed one.

        The newest run must be of the cascade file as it stands, whose targets count; a run that is named is held to
        its own targets. `shared` compares the records that are the same in both where the runs can't be compared as
        they are. Raises: NotFound, ConfigurationError.
        """
        stored = self._base.run(self._cascade, run)
        card = self._card(stored)
        read = self._runs.attribution(self._cascade, stored.name)
        cascade = read.cascade if run is not None else self._as_it_stands(stored, read.cascade, card)
        earlier = self._base.run(self._cascade, against) if against is not None else self.blessed_run()
        scores = self._scores() if earlier is None else None
        if earlier is not None:
            standing = self._held(earlier, stored, shared=shared)
        else:
            standing = self._held_by_scores(scores, stored, shared=shared) if scores is not None else None
        store = self._base.store
        results = check(
            cascade,
            card,
            standing=standing,
            labels=read.labels,
            payloads=payloads(store, read.labels),
            looks=store.failing.looks(self._cascade),
        )
        if standing is None:
            results = (*results, self._not_held(stored))
        return Checked(
            cascade=self._cascade,
            run=stored.name,
            against=earlier.name if earlier is not None else scores.run if scores is not None else "",
            by_scores=scores is not None,
            exit_code=exit_code(results),
            verdict=verdict_line(results),
            change="" if standing is None else standing.change,
            results=results,
        )

    def _card(self, run: Run) -> Scorecard:
        """The scorecard with all labels that there are."""
        card = self._runs.scorecard(self._cascade, run.name)
        if card is None:
            raise ConfigurationError(f"Run {run.name} is {run.status.value}; only a run that is done can be checked.")
        return card

    def _as_it_stands(self, run: Run, cascade: Cascade, card: Scorecard) -> Cascade:
        """The run's cascade with the targets of the file. Raises: ConfigurationError when the file is another."""
        path = self._file
        file = self._base.files.load(path)
        stale = _system(file.resolved) != _system(json.loads(run.resolved))
        if stale or (not card.n_infrastructure and self._calls(path, run)):
            raise ConfigurationError(
                f"Run {run.name} is not of {path} as it stands. `stagegap run` makes such a run; "
                f"`stagegap check --run {run.name}` checks this one."
            )
        return replace(cascade, targets=file.cascade.targets)

    def _calls(self, path: Path, run: Run) -> int:
        """Count the calls that the same run would make today: none, unless code, prompts, data or labels changed."""
        options = self._runs.options(run)
        plain = replace(options, fresh=False, fresh_stages=(), retry=False, budget=None)
        return self._runs.plan(path, plain).calls

    def _held(self, earlier: Run, run: Run, *, shared: bool) -> Held:
        view = self._runs.compare(self._cascade, earlier.name, run.name)
        return held_by(on_shared_records(view) if shared else view)

    def _held_by_scores(self, scores: Baseline, run: Run, *, shared: bool) -> Held:
        read = self._runs.attribution(self._cascade, run.name)
        return hold(scores, side(read), codes=self._codes(run), shared=shared, seed=run.seed)

    def _codes(self, run: Run) -> dict[str, str]:
        """A hash of the code of each metric of the user's own."""
        functions = metric_functions(self._base.files.of_run(run))
        return {name: function.code.digest for name, function in functions.items()}

    def _scores(self) -> Baseline | None:
        """The blessed scores beside the cascade file; None without. Raises: ConfigurationError for a spoilt file."""
        wanted = self.blessed()
        if wanted is None or wanted.scored_by is None or not self.scores_path.is_file():
            return None
        try:
            text = self.scores_path.read_text(encoding="utf-8")
            return from_csv(text, run=wanted.run, scored_by=wanted.scored_by)
        except ValueError as error:
            raise ConfigurationError(
                f"{self.scores_path} does not hold the scores of the blessed {wanted.run}: {error}. "
                "`stagegap tools bless` writes it."
            ) from None

    def _not_held(self, run: Run) -> CheckResult:
        wanted = self.blessed()
        if wanted is None:
            message, detail = (
                "No run is blessed",
                f"`stagegap tools bless {run.name}` holds later runs against this one.",
            )
        else:
            message = f"The blessed run {wanted.run} is not in this store"
            detail = (
                f"{self.scores_path.name}, which `stagegap tools bless` wrote beside it, is not here: commit it. "
                + (
                    f"Or `stagegap run` at commit {wanted.commit} makes the run again."
                    if wanted.is_reproducible
                    else "No commit holds what was run, so only its own store can say more."
                )
            )
        return CheckResult(kind="regression", name="regression", status="not measured", message=message, detail=detail)


def _system(resolved: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what changes no answer and no score."""
    return {key: value for key, value in resolved.items() if key not in ("targets", "human_baseline")}


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
