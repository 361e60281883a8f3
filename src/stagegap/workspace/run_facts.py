"""What is noted of a run besides outputs: what it was told, what it rests on, what was tried, how far it is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import views
from stagegap.model.curves import Training
from stagegap.model.estimate import Estimate
from stagegap.model.run import LiveRun, LiveStage, Run
from stagegap.oddities.columns import Ablation, LearningCurve
from stagegap.store import Store

if TYPE_CHECKING:
    from stagegap.model.run import Run
    from stagegap.runner import Basis, CellSummary, Progress, RunOptions
    from stagegap.stages.protocol import StageCode


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAblation:
    """One thing taken away; numbers in the order of `Trials.records`."""

    stage: str
    what: str
    judged: str
    change: tuple[float, ...]

    @classmethod
    def of(cls, ablation: Ablation) -> KeptAblation:
        return cls(
            stage=ablation.stage, what=ablation.what, judged=ablation.judged, change=tuple(ablation.change.tolist())
        )

    def placed(self, at: NDArray[np.int64], n: int) -> Ablation:
        """Put the numbers at the positions of their records."""
        return Ablation(
            stage=self.stage, what=self.what, judged=self.judged, change=_spread(np.array(self.change), at, n)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCurve:
    """One learning curve; errors seed by seed, size by size, record by record."""

    stage: str
    unit: str
    sizes: tuple[int, ...]
    dev: tuple[float, ...]
    train: tuple[float, ...]
    human: Estimate | None

    @classmethod
    def of(cls, curve: LearningCurve) -> KeptCurve:
        return cls(
            stage=curve.stage, unit=curve.unit, sizes=curve.sizes, dev=tuple(curve.dev.ravel().tolist()),
            train=tuple(curve.train.ravel().tolist()), human=curve.human,
        )  # fmt: skip

    def placed(self, at: NDArray[np.int64], n: int) -> LearningCurve:
        """Put the errors at the positions of their records."""
        train = np.array(self.train).reshape(-1, len(self.sizes))
        dev = np.array(self.dev).reshape(len(train), len(self.sizes), -1)
        return LearningCurve(
            stage=self.stage, unit=self.unit, sizes=self.sizes, dev=_spread(dev, at, n), train=train, human=self.human
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What was tried on a run."""

    records: tuple[str, ...] = ()
    ablations: tuple[KeptAblation, ...] = ()
    curves: tuple[KeptCurve, ...] = ()


NO_TRIALS = Trials()


def _spread(values: NDArray[np.float64], at: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    spread = np.full((*values.shape[:-1], n), np.nan)
    inside = at >= 0
    spread[..., at[inside]] = values[..., inside]
    return spread


OPTIONS = "options"
BASIS = "basis"
TRIALS = "trials"
TRAINING = "training"


def put_options(store: Store, run: Run, options: RunOptions) -> None:
    """Keep what a run was told besides its file."""
    store.put_fact(run.id, OPTIONS, views.to_json(options))


def options(store: Store, run: Run) -> RunOptions:
    """What a run was told besides its file."""
    from stagegap.runner import RunOptions

    body = store.fact(run.id, OPTIONS)
    return views.from_json(RunOptions, body) if body else RunOptions()


def put_basis(store: Store, run: str, basis: Basis) -> None:
    """Keep what the outputs of a run rest on, so that later runs know which of them still stand."""
    store.put_fact(run, BASIS, views.to_json(basis))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainings:
    """What the stages of a run learned."""

    stages: tuple[Training, ...]


def put_training(store: Store, run: str, codes: Mapping[str, StageCode]) -> None:
    """Keep with a run what its stages that learn have logged by now."""
    from stagegap.stages.protocol import Trained

    keys = {name: code.training for name, code in codes.items() if isinstance(code, Trained) and code.training}
    if keys:
        stages = tuple(store.fits.training(stage, key) for stage, key in keys.items())
        store.put_fact(run, TRAINING, views.to_json(Trainings(stages=stages)))


def trainings(store: Store, run: Run) -> tuple[Training, ...]:
    """How the stages of a run were trained; of one that goes on or was killed, as far as it came."""
    body = store.fact(run.id, TRAINING)
    if body is None:
        return ()
    stages = views.from_json(Trainings, body).stages
    return tuple(
        store.fits.training(stage.stage, stage.key) if stage.seconds is None and stage.key else stage
        for stage in stages
    )


def put_trials(store: Store, run: Run, trials: Trials) -> None:
    """Keep what was tried with a run."""
    store.put_fact(run.id, TRIALS, views.to_json(trials))


def trials(store: Store, run: Run) -> Trials:
    """What was tried with a run."""

    body = store.fact(run.id, TRIALS)
    return views.from_json(Trials, body) if body else NO_TRIALS


def trials_digest(store: Store, run: Run) -> str:
    """A short text that is another when something else was tried."""
    return sha256((store.fact(run.id, TRIALS) or "").encode()).hexdigest()[:16]


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
