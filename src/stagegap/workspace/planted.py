"""The self-check of a run: plant faults, run what comes after them, and see what the methods recover."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from stagegap.analysis import evidence as ev
from stagegap.analysis.planted import Selfcheck, given_answers, planted, planted_cells, wrong_answers
from stagegap.attribution.selfcheck import Recovery, recover
from stagegap.errors import ConfigurationError
from stagegap.model.answer import Answer, Output
from stagegap.model.run import Cell, Run
from stagegap.runner import CellWork, Silent, Work, execute, plan
from stagegap.store import Store
from stagegap.workspace.reproduced import refuse_to_pay

MOST_RECORDS = 200
RATE = 0.2
SIMULATIONS = 200
"""Planted data sets drawn for each stage."""


class Kept:
    """Keeps outputs in memory: planted faults must not stand in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.outputs: dict[tuple[str, str], dict[str, Output]] = {}

    def append_outputs(self, _run: str, cell: Cell, outputs: Sequence[Output], /) -> None:
        """Keep the first repeat of each output."""
        with self._lock:
            for output in outputs:
                if output.repeat == 0:
                    self.outputs.setdefault((str(cell), output.stage), {})[output.record] = output

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """What the store knows, so that only inputs that a fault changed are called."""
        return self._store.cached(keys)


def selfcheck(
    store: Store, run: Run, evidence: ev.Evidence, work: Work, *, rate: float, may_pay: bool, simulations: int
) -> Selfcheck:
    """Plant faults at every stage of the cascade, one stage after the other.

    Raises: ConfigurationError when that would call a paid service without leave, or when the run has no ceiling.
    """
    cascade = evidence.cascade
    clean, reason = ev.prefix_outcomes(evidence)
    if not clean:
        raise ConfigurationError(f"The methods can't be checked on run {run.name}: {reason}.")
    rng = np.random.default_rng(run.seed)
    wrong = {name: wrong_answers(evidence, name, rng=rng) for name in cascade.names}
    outputs, calls = _outputs(store, evidence, work, wrong, may_pay=may_pay)
    rows: list[Recovery] = []
    left_out: list[str] = []
    for name in cascade.names:
        planted_world = planted(evidence, name, wrong[name], outputs, clean)
        recoveries = recover(
            planted_world, evidence.units, evidence.ancestors, rate=rate, rng=rng, simulations=simulations
        )
        rows.extend(recoveries)
        if not recoveries:
            left_out.append(f"{name}: no record with references everywhere could be given a wrong answer")
    return Selfcheck(
        cascade=cascade.name,
        run=run.name,
        noun=cascade.noun,
        n=len(evidence.records),
        calls=calls,
        rows=tuple(rows),
        left_out=tuple(left_out),
    )


def _outputs(
    store: Store,
    evidence: ev.Evidence,
    work: Work,
    wrong: Mapping[str, Mapping[str, Answer]],
    *,
    may_pay: bool,
) -> tuple[Mapping[tuple[str, str], Mapping[str, Output]], int]:
    """Run what comes after the planted faults, stage after stage, and give its outputs by cell."""
    outputs: dict[tuple[str, str], Mapping[str, Output]] = {}
    calls = 0
    for name, answers in wrong.items():
        cells = [
            CellWork(cell=cell, given=given_answers(evidence, cell, name, answers))
            for cell in planted_cells(evidence.cascade, name)
        ]
        todo = replace(work, records=evidence.records, cells=cells)
        refuse_to_pay(
            plan(todo, cache=store),
            may_pay=may_pay,
            what=f"A self-check of {name}",
            ways="`--paid` allows them, `--records` takes fewer records.",
        )
        sink = Kept(store)
        calls += execute(todo, sink=sink, cache=sink, progress=Silent()).calls
        # The planted stage is the last of its cells' stages, so no two stages share a cell.
        outputs |= sink.outputs
    return outputs, calls
