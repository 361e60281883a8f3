"""Facts that a run carries besides its outputs: what it was told, what it rests on, what was tried with it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import views
from stagegap.model.estimate import Estimate
from stagegap.oddities.columns import Ablation, LearningCurve
from stagegap.store import Store

if TYPE_CHECKING:
    from stagegap.model.run import Run
    from stagegap.runner import Basis, RunOptions


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
