"""How far runs are, from any process: a run notes it in a small file beside the store, and takes the file away."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator
from pathlib import Path

from stagegap.analysis import views
from stagegap.model.run import LiveRun, LiveStage, Run
from stagegap.runner import CellSummary, Progress

NOTES = "running"
"""Folder of the notes, inside that of the store."""
EVERY_S = 0.5
"""Seconds between two notes: as fast as people read, and nothing beside the work."""


class Noted:
    """Hands progress on, and notes it in a file."""

    def __init__(self, inner: Progress, path: Path, run: Run, *, cells: int, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._path = path
        self._run = run
        self._cells = cells
        self._done = 0
        self._clock = clock
        self._cell: CellSummary | None = None
        self._began = self._last = 0.0

    def begin(self, cell: CellSummary) -> None:
        """Note the beginning of a cell."""
        self._cell = cell
        self._began = self._clock()
        self._note(self._began)
        self._inner.begin(cell)

    def update(self) -> None:
        """Note how far it is, where the last note is old enough."""
        now = self._clock()
        if now - self._last >= EVERY_S:
            self._note(now)
        self._inner.update()

    def end(self) -> None:
        """Note the end of a cell."""
        self._done += 1
        self._note(self._clock())
        self._inner.end()

    def _note(self, now: float) -> None:
        """Write the note whole or not at all. A full disk must not end the run that is noted."""
        assert self._cell is not None, "a cell begins before it goes on"
        self._last = now
        note = LiveRun(
            run=self._run.id,
            name=self._run.name,
            cascade=self._run.cascade,
            pid=os.getpid(),
            cell=str(self._cell.cell),
            cells=self._done,
            of=self._cells,
            seconds=now - self._began,
            at=now,
            stages=tuple(
                LiveStage(
                    stage=name,
                    done=tally.done,
                    total=tally.total,
                    cached=tally.cached,
                    errors=tally.errors,
                    calls=tally.calls,
                    latency_ms=tally.latency_ms,
                    cost=tally.cost,
                )
                for name, tally in self._cell.tallies.items()
            ),
        )
        new = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            new.write_text(views.to_json(note), encoding="utf-8")
            os.replace(new, self._path)


@contextlib.contextmanager
def noted(progress: Progress, folder: Path, run: Run, *, cells: int, clock: Callable[[], float]) -> Generator[Progress]:
    """Note how far a run is as long as the context lasts; `folder` is that of the store."""
    notes = folder / NOTES
    path = notes / f"{run.id}.json"
    with contextlib.suppress(OSError):
        notes.mkdir(mode=0o700, exist_ok=True)
    try:
        yield Noted(progress, path, run, cells=cells, clock=clock)
    finally:
        path.unlink(missing_ok=True)


def live_runs(folder: Path) -> list[LiveRun]:
    """The runs that go on in the project of this store, those first that began first.

    The note of a process that has ended without taking it away is left out.
    """
    runs: list[LiveRun] = []
    for path in sorted((folder / NOTES).glob("*.json")):
        try:
            note = views.from_json(LiveRun, path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if _is_alive(note.pid):
            runs.append(note)
    return sorted(runs, key=lambda note: note.name)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
