"""Hold the line: the blessed run of a cascade, and the checks of a run against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stagegap.analysis import codec
from stagegap.analysis.changes import Comparison
from stagegap.analysis.checks import CheckResult, check, exit_code, verdict_line
from stagegap.analysis.runs import Blessed, History
from stagegap.analysis.views import Scorecard
from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Cascade
from stagegap.model.record import Json
from stagegap.model.run import Run, RunStatus
from stagegap.workspace.comparison import history, on_shared_records
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.origins import payloads
from stagegap.workspace.runs import Runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """All checks of one run."""

    cascade: str
    run: str
    against: str
    """Name of the run that it was held against; empty without one."""
    exit_code: int
    verdict: str
    """One line."""
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
        blessed = Blessed(
            cascade=self._cascade,
            run=stored.name,
            id=stored.id,
            fingerprint=stored.fingerprint,
            commit=stored.commit,
            started_at=stored.started_at,
            outcome=card.system,
            stages={row.stage: row.in_place for row in card.stages},
        )
        self.path.write_text(json.dumps(codec.plain(blessed), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return blessed

    def blessed(self) -> Blessed | None:
        """What the file says; None when no run is blessed. Raises: ConfigurationError for a spoilt file."""
        if self._cascade not in self._base.files.by_name() or not self.path.is_file():
            return None
        try:
            return codec.from_json(Blessed, self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigurationError(
                f"{self.path} names no blessed run: {error}. `stagegap bless` writes it."
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
        baseline = self._base.run(self._cascade, against) if against is not None else self.blessed_run()
        view = self._compared(baseline, stored, shared=shared)
        store = self._base.store
        results = check(
            cascade,
            card,
            comparison=view,
            labels=read.labels,
            payloads=payloads(store, read.labels),
            looks=store.failing.looks(self._cascade),
        )
        if baseline is None:
            results = (*results, self._not_held(stored))
        return Checked(
            cascade=self._cascade,
            run=stored.name,
            against=baseline.name if baseline else "",
            exit_code=exit_code(results),
            verdict=verdict_line(results),
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

    def _compared(self, baseline: Run | None, run: Run, *, shared: bool) -> Comparison | None:
        if baseline is None:
            return None
        view = self._runs.compare(self._cascade, baseline.name, run.name)
        return on_shared_records(view) if shared else view

    def _not_held(self, run: Run) -> CheckResult:
        wanted = self.blessed()
        if wanted is None:
            message, detail = "No run is blessed", f"`stagegap bless {run.name}` holds later runs against this one."
        else:
            message = f"The blessed run {wanted.run} is not in this store"
            detail = (
                f"`stagegap run` at commit {wanted.commit} makes it again."
                if wanted.is_reproducible
                else "It was made from a work tree that no commit holds, so that only its own store has it."
            )
        return CheckResult(kind="regression", name="regression", status="not measured", message=message, detail=detail)


def _system(resolved: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what changes no answer and no score."""
    return {key: value for key, value in resolved.items() if key not in ("targets", "human_baseline")}
