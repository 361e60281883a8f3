"""How good and how bad the outcome can be where a swap can't be run: bounds, and never a number filled in."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.views import OutcomeBounds, StepBounds
from stagegap.attribution.swaps import prefix_cells, staircase_order
from stagegap.model.estimate import Bounds, Estimate
from stagegap.model.run import SYSTEM
from stagegap.model.wording import counted, listed
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.tables import figures

Floats = NDArray[np.float64]


def outcome_bounds(evidence: ev.Evidence, *, seed: int, resamples: int = RESAMPLES) -> OutcomeBounds | None:
    """Bounds along the ceiling, or None where every outcome is known: then the scorecard has the numbers.

    They rest on the records whose own outcome is known and that have a reference at each swapped stage.
    """
    cascade = evidence.cascade
    cells = prefix_cells(cascade)
    outcome = cascade.outcome.stage
    lost = {cell: evidence.unknown.get((str(cell), outcome), frozenset[str]()) for cell in cells}
    if not any(lost.values()):
        return None
    by_cell = {cell: ev.outcome_scores(evidence, cell) for cell in dict.fromkeys(cells)}
    gone = {cell: evidence.column(lambda r, cell=cell: r.id in lost[cell]) == 1 for cell in by_cell}
    usable = np.logical_and.reduce([~np.isnan(by_cell[cell]) | gone[cell] for cell in by_cell])
    columns: dict[str, Floats] = {}
    for cell, scores in by_cell.items():
        columns[f"worst {cell}"] = np.where(usable, np.where(gone[cell], 0.0, scores), math.nan)
        columns[f"best {cell}"] = np.where(usable, np.where(gone[cell], 1.0, scores), math.nan)
    drawn = resample(
        columns,
        evidence.units,
        rng=np.random.default_rng(seed),
        resamples=resamples,
    )
    steps: list[StepBounds] = []
    for stage, before, after in zip(staircase_order(cascade), cells, cells[1:], strict=False):
        here = int((gone[after] & usable).sum())
        either = int(((gone[after] | gone[before]) & usable).sum())
        gain = (
            Bounds(worst=_NOTHING, best=_NOTHING, unknown=0)
            if before == after
            else Bounds(
                worst=drawn.difference(f"worst {after}", f"best {before}"),
                best=drawn.difference(f"best {after}", f"worst {before}"),
                unknown=either,
            )
        )
        known = Bounds(worst=drawn.mean(f"worst {after}"), best=drawn.mean(f"best {after}"), unknown=here)
        steps.append(StepBounds(stage=stage, outcome=known, gain=gain))
    n = int(usable.sum())
    return OutcomeBounds(
        cascade=cascade.name,
        noun=cascade.noun,
        n=n,
        system=drawn.mean(f"worst {SYSTEM}"),
        steps=tuple(steps),
        sentence=_sentence(steps, noun=cascade.noun, n=n),
    )


_NOTHING = Estimate(value=0.0, low=0.0, high=0.0, n=0, method="exact: this stage can't change the outcome")


def _sentence(steps: Sequence[StepBounds], *, noun: str, n: int) -> str:
    parts = [
        f"{step.stage} {figures.between(step.gain.worst.value, step.gain.best.value)} points (with "
        f"{figures.share(step.gain.worst.level)} intervals "
        f"{figures.between(step.gain.worst.low, step.gain.best.high)}; unknown: {step.gain.unknown:,} of "
        f"{counted(n, noun)})"
        for step in steps
        if step.gain.worst.is_measured and step.gain.best.is_measured
    ]
    bounded = f" References would gain at {listed(parts)}." if parts else ""
    return (
        "Recorded outputs can't be run again, so what references would gain is only known within bounds: all unknown "
        f"outcomes wrong, or all right.{bounded}"
    )
