"""The front door for library, command line and pages: the only place where the store and the maths meet."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from stagegap.faces import handed_out
from stagegap.media import inlined
from stagegap.model.run import STORE
from stagegap.store import Archive, Store, back_up, restore
from stagegap.workspace.foundation import WATCHED, CascadeFiles, Foundation
from stagegap.workspace.runs import Runs

if TYPE_CHECKING:
    from stagegap.workspace.aim import Optimiser
    from stagegap.workspace.attribution import Attribution
    from stagegap.workspace.comparison import on_shared_records
    from stagegap.workspace.exchange import Foreign, ImportReport
    from stagegap.workspace.failures import Failures, OwnTally
    from stagegap.workspace.foundation import write_demo, write_starter
    from stagegap.workspace.gate import Case, Checked, Gate, NotAsked, Wanted, case_names, cases, one_run, wanted
    from stagegap.workspace.labels import GuidelineChange, Labels, LabelStage, Onward
    from stagegap.workspace.oddities import Oddities, printed_scores, rated
    from stagegap.workspace.past import Hope, Past
    from stagegap.workspace.people import People, PeopleNotes, Settling
    from stagegap.workspace.readings import Readings, ReadItem, ReadSitting

__all__ = [
    "Attribution",
    "Case",
    "Checked",
    "Failures",
    "Foreign",
    "Gate",
    "GuidelineChange",
    "Hope",
    "ImportReport",
    "LabelStage",
    "Labels",
    "NotAsked",
    "Oddities",
    "Onward",
    "Optimiser",
    "OwnTally",
    "Past",
    "People",
    "PeopleNotes",
    "ReadItem",
    "ReadSitting",
    "Readings",
    "Runs",
    "Settling",
    "Wanted",
    "Workspace",
    "case_names",
    "cases",
    "on_shared_records",
    "one_run",
    "printed_scores",
    "rated",
    "wanted",
    "write_demo",
    "write_starter",
]

_HOMES = {
    "stagegap.workspace.aim": ("Optimiser",),
    "stagegap.workspace.attribution": ("Attribution",),
    "stagegap.workspace.comparison": ("on_shared_records",),
    "stagegap.workspace.exchange": (
        "Foreign",
        "ImportReport",
    ),
    "stagegap.workspace.failures": (
        "Failures",
        "OwnTally",
    ),
    "stagegap.workspace.foundation": ("write_demo", "write_starter"),
    "stagegap.workspace.gate": (
        "Case",
        "Checked",
        "Gate",
        "NotAsked",
        "Wanted",
        "case_names",
        "cases",
        "one_run",
        "wanted",
    ),
    "stagegap.workspace.labels": (
        "GuidelineChange",
        "LabelStage",
        "Labels",
        "Onward",
    ),
    "stagegap.workspace.oddities": (
        "Oddities",
        "printed_scores",
        "rated",
    ),
    "stagegap.workspace.past": (
        "Hope",
        "Past",
    ),
    "stagegap.workspace.people": (
        "People",
        "PeopleNotes",
        "Settling",
    ),
    "stagegap.workspace.readings": (
        "ReadItem",
        "ReadSitting",
        "Readings",
    ),
}
__getattr__ = handed_out(__name__, _HOMES)


class Workspace:
    """A project folder: cascades under `pipelines/`, the store in `.stagegap/`.

    What can be done with it stands in its parts, each made once and let go of with the store.
    """

    def __init__(self, folder: Path, *, environment: Mapping[str, str], clock: Callable[[], float]) -> None:
        self.folder = folder
        self.files = CascadeFiles(folder=folder, environment=environment)
        self._clock = clock
        self._media: dict[str, str] = {}

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the workspace that `folder` lies in: the nearest folder upwards with `.stagegap` or `pipelines`."""
        start = folder.resolve()
        marks = (STORE, "pipelines")
        root = next((p for p in (start, *start.parents) if any((p / m).is_dir() for m in marks)), start)
        return cls(root, environment=os.environ, clock=time.time)

    @property
    def store(self) -> Store:
        """The store, made on first use. Raises: StoreError."""
        return self._base.store

    @cached_property
    def runs(self) -> Runs:
        """Runs: planned, made, listed, scored, looked into."""
        return Runs(self._base)

    @cached_property
    def labels(self) -> Labels:
        """Where people are asked and answer, and how labels come in and go out as files."""
        from stagegap.workspace.labels import Labels

        return Labels(self._base)

    @cached_property
    def people(self) -> People:
        """How far people agree, what is said of them, and where their disagreements are settled."""
        from stagegap.workspace.people import People

        return People(self._base, self.labels)

    @cached_property
    def failures(self) -> Failures:
        """What people read of a run's failures, and note while they read."""
        from stagegap.workspace.failures import Failures

        return Failures(self._base)

    @cached_property
    def readings(self) -> Readings:
        """Whole records that people read, what they say of them, and the codebook."""
        from stagegap.workspace.readings import Readings

        return Readings(self._base, self.failures)

    @cached_property
    def oddities(self) -> Oddities:
        """What looks strange in a run."""
        from stagegap.workspace.oddities import Oddities

        return Oddities(self._base)

    def past(self, cascade: str) -> Past:
        """Past runs of a cascade: listed, compared, made again, and what was expected of each change."""
        from stagegap.workspace.past import Past

        return Past(self._base, cascade)

    def gate(self, cascade: str) -> Gate:
        """What holds the line of a cascade: its blessed run, and the checks of a run against it."""
        from stagegap.workspace.gate import Gate

        return Gate(self._base, cascade)

    def cascades(self) -> list[str]:
        """Names of all cascades: those that were run, newest first, then those whose file could be run here.

        A file that asks for a variable the environment does not have could not. What is watched comes last: nobody who
        names no cascade means it.
        """
        ran = [run.cascade for run in self.store.runs()]
        names = dict.fromkeys([*ran, *self.files.that_could_run()])
        return sorted(names, key=lambda name: name.endswith(WATCHED))

    def inlined(self, cascade: str, records: Collection[str]) -> dict[str, str]:
        """Small pictures of records for a file that is sent around, each held by its own address."""
        files = self.failures.pictures(cascade, records)
        root = Path(self.media_folder(cascade)) if files else Path()
        return {record: address for record, file in files.items() if (address := inlined(root, file))}

    def media_folder(self, cascade: str) -> str:
        """The folder in which paths of pictures, recordings and documents start: by the newest run, or else the file.

        Raises: SpecError, NotFound.
        """
        run = self.store.run(cascade)
        key = run.id if run is not None else cascade
        if key not in self._media:
            file = self.files.of_run(run) if run is not None else self.files.load_named(cascade)
            self._media[key] = file.records.media
        return self._media[key]

    def store_as_found(self, *, mend_journal: bool = False) -> Store:
        """The store even when it is damaged, to look at it or rebuild it. Raises: NotFound without one."""
        self.close()
        if mend_journal:
            Store.mend_journal(self.folder / STORE)
        return Store.open_as_found(self.folder / STORE)

    def back_up(self, archive: Path) -> Archive:
        """Write the store to one file while others work with it. Raises: NotFound, StoreError."""
        self.close()
        return back_up(self.folder / STORE, archive)

    def restore(self, archive: Path) -> Archive:
        """Put the store of such a file into this project, which has none. Raises: StoreDamaged, StoreError."""
        self.close()
        return restore(archive, self.folder / STORE)

    def close(self) -> None:
        """Let go of the store, and of the parts that stand on it, if it was used."""
        base = self.__dict__.get("_base")
        for part in ("_base", "runs", "labels", "people", "failures", "readings", "oddities"):
            self.__dict__.pop(part, None)
        if base is not None:
            base.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def _base(self) -> Foundation:
        return Foundation(store=Store.open(self.folder / STORE), files=self.files, clock=self._clock)
