"""The front door for library, command line and pages: the only place where the store and the maths meet."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from stagegap import spec
from stagegap.analysis import codec
from stagegap.analysis.changes.views import Comparison
from stagegap.analysis.pooled import PooledScore
from stagegap.analysis.variants import VariantsView
from stagegap.analysis.views import Scorecard
from stagegap.errors import NotFound, near_names
from stagegap.exchange.frames import Frame
from stagegap.model.record import Record
from stagegap.model.run import Run
from stagegap.model.sources import CascadeFile
from stagegap.runner import Progress, RunOptions, Silent, Stop, Summary
from stagegap.runner.plan import Plan
from stagegap.store import Store
from stagegap.workspace import comparing, exchanging, running
from stagegap.workspace.attributing import Attribution
from stagegap.workspace.exchanging import Foreign, ImportReport
from stagegap.workspace.labelling import Desk, LabelStage
from stagegap.workspace.overnight import Listener, planned_night
from stagegap.workspace.reading import Reading
from stagegap.workspace.settling import Bench

__all__ = ["ALL", "Foreign", "ImportReport", "LabelStage", "Workspace"]

_NAME = re.compile(r"""^cascade:\s*["']?([\w.-]+)""", re.MULTILINE)
_ASKED = re.compile(r"(?<!\$)\$\{(\w+)\}")
"""A variable without a default."""

ALL = RunOptions()
"""Every record, with all that is known used again."""
STORE = ".stagegap"
"""Folder of the store inside a workspace."""


class Workspace:
    """A project folder: cascades under `pipelines/`, the store in `.stagegap/`."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str], clock: Callable[[], float]) -> None:
        self.folder = folder
        self._environment = environment
        self._clock = clock

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the workspace that `folder` lies in: the nearest folder upwards with `.stagegap` or `pipelines`."""
        start = folder.resolve()
        marks = (STORE, "pipelines")
        found = next((p for p in (start, *start.parents) if any((p / m).is_dir() for m in marks)), start)
        return cls(found, environment=os.environ, clock=time.time)

    @cached_property
    def store(self) -> Store:
        """The store, made on first use. Raises: StoreError."""
        return Store.open(self.folder / STORE)

    def store_as_found(self) -> Store:
        """Give the store even when it is damaged, to look at it or rebuild it. Raises: NotFound without one."""
        self.close()
        return Store.open_as_found(self.folder / STORE)

    @property
    def desk(self) -> Desk:
        """Where people are asked and answer."""
        return self._desk

    @property
    def bench(self) -> Bench:
        """Where disagreements of people are settled."""
        return self._bench

    @cached_property
    def _desk(self) -> Desk:
        return Desk(self.store, load=self._file, clock=self._clock)

    @cached_property
    def _bench(self) -> Bench:
        return Bench(self.store, self.desk, load=self._file, clock=self._clock)

    @property
    def reading(self) -> Reading:
        """What people read of a run, and note while they read."""
        return Reading(self.store, restored=self._restored, clock=self._clock)

    def close(self) -> None:
        """Let go of the store if it was used."""
        self.__dict__.pop("_desk", None)
        self.__dict__.pop("_bench", None)
        store = self.__dict__.pop("store", None)
        if store is not None:
            store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def files(self) -> dict[str, Path]:
        """Give the cascade files under `pipelines/` by the name of their cascade, those called cascade.yaml first."""
        found: dict[str, Path] = {}
        paths = (self.folder / "pipelines").rglob("*.y*ml")
        for path in sorted(paths, key=lambda path: (path.stem != "cascade", path)):
            named = _NAME.search(path.read_text(encoding="utf-8", errors="replace"))
            if named:
                found.setdefault(named[1], path)
        return found

    def load(self, path: Path | None) -> CascadeFile:
        """Load a cascade file, or the first under `pipelines/`. Raises: SpecError with all its problems, NotFound."""
        path = path or next(iter(self.files().values()), None)
        if path is None:
            raise NotFound(f"There is no cascade file under {self.folder / 'pipelines'}. `stagegap init` makes one.")
        return spec.load(path, environment=self._environment)

    def cascades(self) -> list[str]:
        """Names of all cascades: those that were run, newest first, then those whose file could be run here.

        A file that asks for a variable the environment does not have could not.
        """
        ran = [run.cascade for run in self.store.runs()]
        return list(dict.fromkeys([*ran, *(name for name, path in self.files().items() if self._has_all(path))]))

    def plan(self, path: Path | None, options: RunOptions = ALL) -> Plan:
        """Say which calls a run would make, without making one. Raises: ConfigurationError."""
        job = running.gather(self.store, self.load(path), environment=self._environment, options=options)
        job = running.mended(self.store, job)[1] if options.retry else job
        return running.planned(self.store, job)

    def run(
        self,
        path: Path | None,
        options: RunOptions = ALL,
        *,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> tuple[Run, Summary]:
        """Run the cascade and every swap cell that its scorecard needs; compute and store the scorecard.

        Only calls that were never made before are made. Raises: ConfigurationError, StoreError.
        """
        job = running.gather(self.store, self.load(path), environment=self._environment, options=options)
        return running.run(
            self.store, job, folder=self.folder, clock=self._clock, progress=progress or Silent(), stop=stop
        )

    def overnight(
        self,
        path: Path,
        options: RunOptions = ALL,
        *,
        listener: Listener,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> VariantsView:
        """Run every variant of a matrix file, each as a run of its own, and rank them.

        A call that two variants have in common is made once. Raises: SpecError, ConfigurationError, StoreError.
        """
        night = planned_night(
            self.store, path, options, folder=self.folder, environment=self._environment, clock=self._clock
        )
        return night.run(listener, progress or Silent(), stop or Stop())

    def options(self, run: Run) -> RunOptions:
        """Give what a run was told besides its file."""
        kept = self.store.view(run.id, running.OPTIONS)
        return codec.from_json(RunOptions, kept[0]) if kept else ALL

    def runs(self, cascade: str) -> list[Run]:
        """Runs of a cascade, newest first."""
        return self.store.runs(cascade)

    def scorecard(self, cascade: str, run: str | None = None) -> Scorecard | None:
        """Give the stored scorecard of a run, by default the newest that is done; None when there is none."""
        found = self.store.run(cascade, run)
        view = self.store.view(found.id, running.SCORECARD) if found else None
        return codec.from_json(Scorecard, view[0]) if view else None

    def stale_labels(self, scorecard: Scorecard) -> int:
        """Labels that were made since the scorecard was computed."""
        return max(0, self.store.label_count(scorecard.cascade) - scorecard.labels_seq)

    def pooled(self, cascade: str, run: str | None = None) -> tuple[PooledScore, ...]:
        """Give precision, recall and F1 of each stage of a run, by default the newest that is done. Raises: NotFound.

        For stages that should answer some records and leave others alone: their mean score also rewards silence.
        """
        found = self._run(cascade, run)
        return running.pooled(self.store, found, self._restored(found))

    def attribution(self, cascade: str, run: str | None = None) -> Attribution:
        """Look into a run, by default the newest that is done: blame, faults, people, next labels."""
        found = self._run(cascade, run)
        return Attribution(self.store, found, self._restored(found), environment=self._environment)

    def compare(self, cascade: str, before: str, after: str) -> Comparison:
        """Compare two runs, each scored by the cascade that it was made with. Raises: NotFound, SpecError."""
        return comparing.compare(self.attribution(cascade, before), self.attribution(cascade, after))

    def refresh(self, cascade: str, run: str) -> None:
        """Compute a run's scorecard again, from all labels that there are by now. Raises: NotFound."""
        found = self._run(cascade, run)
        file = self._restored(found)
        running.score(self.store, found, file, running.run_records(self.store, found, file.cascade))

    def record(self, cascade: str, record: str) -> Record | None:
        """Give one record as it was taken in; None when there is none of that id."""
        return next(iter(self.store.records(cascade, ids=[record])), None)

    def import_labels(self, path: Path, cascade: Path | None, foreign: Foreign | None = None) -> ImportReport:
        """Take the labels of a file in, of ours or another program's; what is there already is not taken twice."""
        return exchanging.import_labels(self.store, self.load(cascade), path, foreign or Foreign())

    def import_frame(self, labels: Frame, cascade: Path | None = None) -> ImportReport:
        """Take the labels of a pandas frame in: the columns that `labels_frame` gives, the four of a file at least."""
        return exchanging.import_frame(self.store, self.load(cascade), labels)

    def export_labels(self, cascade: str, path: Path, *, references: bool = False, raw: bool = False) -> int:
        """Write labels, or the references settled from them, as JSONL, CSV or Parquet. Give the number of rows."""
        return exchanging.export_labels(self.store, self._file(cascade).cascade, path, references=references, raw=raw)

    def labels_frame(self, cascade: str) -> Frame:
        """Give the labels of a cascade as a pandas frame. Raises: ConfigurationError without pandas."""
        return exchanging.labels_frame(self.store, cascade)

    def _run(self, cascade: str, run: str | None) -> Run:
        found = self.store.run(cascade, run)
        if found is None:
            known = [one.name for one in self.store.runs(cascade)]
            wanted = "run that is done" if run is None else f"run {run!r}"
            raise NotFound(f"Cascade {cascade!r} has no {wanted}. {near_names(run or '', known)}".strip())
        return found

    def _restored(self, run: Run) -> CascadeFile:
        """Give the cascade file as it was when the run was made."""
        path = self.files().get(run.cascade, self.folder / "cascade.yaml")
        return spec.restore(run.resolved, path=path)

    def _has_all(self, path: Path) -> bool:
        asked = _ASKED.findall(path.read_text(encoding="utf-8", errors="replace"))
        return all(name in self._environment for name in asked)

    def _file(self, cascade: str) -> CascadeFile:
        files = self.files()
        if cascade not in files:
            raise NotFound(f"No file under pipelines/ holds the cascade {cascade!r}. {near_names(cascade, files)}")
        return self.load(files[cascade])
