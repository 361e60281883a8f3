"""Facts that a run carries besides its outputs: what it was told, what it rests on, what was tried with it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from stagegap.analysis import codec
from stagegap.store import Store

if TYPE_CHECKING:  # The pages open a workspace to read: what runs cascades is imported where it is used.
    from stagegap.model.run import Run
    from stagegap.runner import RunOptions
    from stagegap.runner.reuse import Basis
    from stagegap.workspace.trials import Trials

OPTIONS = "options"
BASIS = "basis"
TRIALS = "trials"


def put_options(store: Store, run: Run, options: RunOptions) -> None:
    """Keep what a run was told besides its file."""
    store.put_fact(run.id, OPTIONS, codec.to_json(options))


def options(store: Store, run: Run) -> RunOptions:
    """What a run was told besides its file."""
    from stagegap.runner import RunOptions

    body = store.fact(run.id, OPTIONS)
    return codec.from_json(RunOptions, body) if body else RunOptions()


def put_basis(store: Store, run: str, basis: Basis) -> None:
    """Keep what the outputs of a run rest on, so that later runs know which of them still stand."""
    store.put_fact(run, BASIS, codec.to_json(basis))


def put_trials(store: Store, run: Run, trials: Trials) -> None:
    """Keep what was tried with a run."""
    store.put_fact(run.id, TRIALS, codec.to_json(trials))


def trials(store: Store, run: Run) -> Trials:
    """What was tried with a run."""
    from stagegap.workspace.trials import NO_TRIALS, Trials

    body = store.fact(run.id, TRIALS)
    return codec.from_json(Trials, body) if body else NO_TRIALS


def trials_digest(store: Store, run: Run) -> str:
    """A short text that is another when something else was tried."""
    return sha256((store.fact(run.id, TRIALS) or "").encode()).hexdigest()[:16]
