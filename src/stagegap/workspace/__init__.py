"""The front door for library, command line and pages: the only place where the store and the maths meet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from stagegap.analysis import codec
from stagegap.analysis.views import Scorecard
from stagegap.errors import NotFound, near_names
from stagegap.store import Store
from stagegap.workspace.files import CascadeFiles
from stagegap.workspace.stored import OPTIONS, SCORECARD

if TYPE_CHECKING:  # The pages open a workspace to read: what runs and loads cascades is imported where it is used.
    from stagegap.analysis.changes.views import Comparison
    from stagegap.analysis.pooled import PooledScore
    from stagegap.analysis.variants import VariantsView
    from stagegap.exchange.frames import Frame
    from stagegap.model.record import Record
    from stagegap.model.run import Run
    from stagegap.model.sources import CascadeFile
    from stagegap.runner import Progress, RunOptions, Stop, Summary
    from stagegap.runner.plan import Plan
    from stagegap.workspace.attributing import Attribution
    from stagegap.workspace.exchanging import Foreign, ImportReport
    from stagegap.workspace.labelling import Desk
    from stagegap.workspace.oddities import Oddities
    from stagegap.workspace.overnight import Listener
    from stagegap.workspace.peopling import People
    from stagegap.workspace.reading import Reading
    from stagegap.workspace.running import Job
    from stagegap.workspace.settling import Bench

if TYPE_CHECKING:
    from stagegap.workspace.past import Past

__all__ = ["Workspace"]

STORE = ".stagegap"
"""Folder of the store inside a workspace."""


class Workspace:
    """A project folder: cascades under `pipelines/`, the store in `.stagegap/`."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str], clock: Callable[[], float]) -> None:
        self.folder = folder
        self._environment = environment
        self._clock = clock
        self._files = CascadeFiles(folder=folder, environment=environment)

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
    def environment(self) -> Mapping[str, str]:
        """What `${NAME}` and secrets are looked up in."""
        return self._environment

    @property
    def clock(self) -> Callable[[], float]:
        """Gives seconds since 1970, UTC."""
        return self._clock

    @property
    def desk(self) -> Desk:
        """Where people are asked and answer."""
        return self._desk

    @property
    def bench(self) -> Bench:
        """Where disagreements of people are settled."""
        return self._bench

    @property
    def people(self) -> People:
        """What is said of people: how far they agree, how answers were judged, what hunts tell."""
        return self._people

    @cached_property
    def _people(self) -> People:
        from stagegap.workspace.peopling import People

        return People(self.store, self.bench, load=self._files.load_named)

    @cached_property
    def _desk(self) -> Desk:
        from stagegap.workspace.labelling import Desk

        return Desk(self.store, load=self._files.load_named, clock=self._clock)

    @cached_property
    def _bench(self) -> Bench:
        from stagegap.workspace.settling import Bench

        return Bench(self.store, self.desk, load=self._files.load_named, clock=self._clock)

    @property
    def reading(self) -> Reading:
        """What people read of a run, and note while they read."""
        from stagegap.workspace.reading import Reading

        return Reading(self.store, restored=self._files.restored, clock=self._clock)

    @property
    def oddities(self) -> Oddities:
        """What looks strange in a run."""
        from stagegap.workspace.oddities import Oddities

        return Oddities(
            self.store,
            restored=self._files.restored,
            scorecard=self.scorecard,
            clock=self._clock,
            environment=self._environment,
        )

    def close(self) -> None:
        """Let go of the store if it was used."""
        for made in ("_desk", "_bench", "_people"):
            self.__dict__.pop(made, None)
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
        return self._files.by_name()

    def load(self, path: Path | None) -> CascadeFile:
        """Load a cascade file, or the first under `pipelines/`. Raises: SpecError with all its problems, NotFound."""
        return self._files.load(path)

    def cascades(self) -> list[str]:
        """Names of all cascades: those that were run, newest first, then those whose file could be run here.

        A file that asks for a variable the environment does not have could not.
        """
        ran = [run.cascade for run in self.store.runs()]
        return list(dict.fromkeys([*ran, *self._files.that_could_run()]))

    def plan(self, path: Path | None, options: RunOptions | None = None) -> Plan:
        """Say which calls a run would make, without making one. Raises: ConfigurationError."""
        from stagegap.workspace import running

        job = self._job(path, options)
        return running.planned(self.store, running.mended(self.store, job)[1] if job.options.retry else job)

    def run(
        self,
        path: Path | None,
        options: RunOptions | None = None,
        *,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> tuple[Run, Summary]:
        """Run the cascade and every swap cell that its scorecard needs; compute and store the scorecard.

        Only calls that were never made before are made. Raises: ConfigurationError, StoreError.
        """
        from stagegap.workspace import running

        job = self._job(path, options)
        return running.run(self.store, job, folder=self.folder, clock=self._clock, progress=progress, stop=stop)

    def overnight(
        self,
        path: Path,
        options: RunOptions | None = None,
        *,
        listener: Listener,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> VariantsView:
        """Run every variant of a matrix file, each as a run of its own, and rank them.

        A call that two variants have in common is made once. Raises: SpecError, ConfigurationError, StoreError.
        """
        from stagegap.workspace.overnight import planned_night

        night = planned_night(
            self.store, path, options, folder=self.folder, environment=self._environment, clock=self._clock
        )
        return night.run(listener, progress, stop)

    def options(self, run: Run) -> RunOptions:
        """Give what a run was told besides its file."""
        from stagegap.runner import RunOptions

        kept = self.store.view(run.id, OPTIONS)
        return codec.from_json(RunOptions, kept[0]) if kept else RunOptions()

    def runs(self, cascade: str) -> list[Run]:
        """Runs of a cascade, newest first."""
        return self.store.runs(cascade)

    def scorecard(self, cascade: str, run: str | None = None) -> Scorecard | None:
        """Give the stored scorecard of a run, by default the newest that is done; None when there is none."""
        found = self.store.run(cascade, run)
        view = self.store.view(found.id, SCORECARD) if found else None
        return codec.from_json(Scorecard, view[0]) if view else None

    def stale_labels(self, scorecard: Scorecard) -> int:
        """Labels that were made since the scorecard was computed."""
        return max(0, self.store.label_count(scorecard.cascade) - scorecard.labels_seq)

    def pooled(self, cascade: str, run: str | None = None) -> tuple[PooledScore, ...]:
        """Give precision, recall and F1 of each stage of a run, by default the newest that is done. Raises: NotFound.

        For stages that should answer some records and leave others alone: their mean score also rewards silence.
        """
        from stagegap.workspace import running

        found = self._run(cascade, run)
        return running.pooled(self.store, found, self._files.restored(found))

    def attribution(self, cascade: str, run: str | None = None) -> Attribution:
        """Look into a run, by default the newest that is done: blame, faults, people, next labels."""
        from stagegap.workspace.attributing import Attribution

        found = self._run(cascade, run)
        return Attribution(self.store, found, self._files.restored(found), environment=self._environment)

    def compare(self, cascade: str, before: str, after: str) -> Comparison:
        """Compare two runs, each scored by the cascade that it was made with. Raises: NotFound, SpecError."""
        from stagegap.workspace import comparing

        return comparing.compare(self.store, self.attribution(cascade, before), self.attribution(cascade, after))

    def past(self, cascade: str) -> Past:
        """Look at the past runs of a cascade: listed, compared, made again, and what was expected of each change."""
        from stagegap.workspace.past import Past

        return Past(self, cascade)

    def refresh(self, cascade: str, run: str) -> None:
        """Compute a run's scorecard again, from all labels that there are by now. Raises: NotFound."""
        from stagegap.workspace import running

        found = self._run(cascade, run)
        file = self._files.restored(found)
        running.score(self.store, found, file, running.run_records(self.store, found, file.cascade))

    def record(self, cascade: str, record: str) -> Record | None:
        """Give one record as it was taken in; None when there is none of that id."""
        return next(iter(self.store.records(cascade, ids=[record])), None)

    def import_labels(self, path: Path, cascade: Path | None, foreign: Foreign | None = None) -> ImportReport:
        """Take the labels of a file in, of ours or another program's; what is there already is not taken twice."""
        from stagegap.workspace import exchanging

        return exchanging.import_labels(self.store, self.load(cascade), path, foreign or exchanging.Foreign())

    def import_frame(self, labels: Frame, cascade: Path | None = None) -> ImportReport:
        """Take the labels of a pandas frame in: the columns that `labels_frame` gives, the four of a file at least."""
        from stagegap.workspace import exchanging

        return exchanging.import_frame(self.store, self.load(cascade), labels)

    def export_labels(self, cascade: str, path: Path, *, references: bool = False, raw: bool = False) -> int:
        """Write labels, or the references settled from them, as JSONL, CSV or Parquet. Give the number of rows."""
        from stagegap.workspace import exchanging

        chosen = self._files.load_named(cascade).cascade
        return exchanging.export_labels(self.store, chosen, path, references=references, raw=raw)

    def labels_frame(self, cascade: str) -> Frame:
        """Give the labels of a cascade as a pandas frame. Raises: ConfigurationError without pandas."""
        from stagegap.workspace import exchanging

        return exchanging.labels_frame(self.store, cascade)

    def _job(self, path: Path | None, options: RunOptions | None) -> Job:
        from stagegap.workspace import running

        return running.gather(self.store, self.load(path), environment=self._environment, options=options)

    def _run(self, cascade: str, run: str | None) -> Run:
        found = self.store.run(cascade, run)
        if found is None:
            known = [one.name for one in self.store.runs(cascade)]
            wanted = "run that is done" if run is None else f"run {run!r}"
            raise NotFound(f"Cascade {cascade!r} has no {wanted}. {near_names(run or '', known)}".strip())
        return found
