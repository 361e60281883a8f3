"""What each stage's reference adds to the outcome: the mean over all orders, or bounds where a swap can't be run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.troubles import broken
from stagegap.analysis.views import OutcomeBounds, StairStep, StepBounds
from stagegap.attribution.ceiling import Ceiling, Weights, ceiling, complete_cases, rises
from stagegap.attribution.shapley import FEWEST_ROUNDS, SEPARATION, Rounds, SampledOrders, summary
from stagegap.attribution.swaps import (
    LATTICE_UP_TO,
    MOST_SETS,
    ROUND,
    Lattice,
    Walk,
    is_chain,
    named,
    prefix_cells,
    prefixes,
    sampled,
    staircase_order,
    swap_cell,
    walked,
    weights,
    whole_lattice,
)
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Bounds, Estimate, unmeasured
from stagegap.model.run import SYSTEM, Cell
from stagegap.model.wording import counted, listed
from stagegap.stats.distributions import t_quantile
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.tables import figures

Floats = NDArray[np.float64]


def outcome_bounds(evidence: ev.Evidence, *, seed: int, resamples: int = RESAMPLES) -> OutcomeBounds | None:
    """Bounds along the ceiling, or None where every outcome is known: then the scorecard has the numbers.

    They rest on the records whose own outcome is known and that have a reference at each swapped stage.
    """
    cascade = evidence.cascade
    if cascade.outcome.criterion is not None:
        return None
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


MOST_ROUNDS = 250
"""Rounds beyond which more of them change nothing that shows: 2,000 orders."""
SYSTEM_OUTCOME = "outcome 0"
"""Name of the column with the system's own outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """Columns of outcomes, and each stage's gain as a weighted sum of them.

    Precedence Shapley (Faigle & Kern 1992): the mean, over the orders that the edges allow, of what a stage's
    reference adds. On a chain there is one order and the columns are the steps of the staircase.
    """

    columns: Mapping[str, Floats]
    """Complete cases: every column has the same records, NaN at the others. Empty where nothing is measured."""
    weights: Mapping[str, Weights]
    """Per stage in the order of the staircase; nothing where the stage can't change the outcome."""
    top: str = ""
    """Name of the column with references at every stage."""
    reason: str = ""
    """Why nothing is measured."""
    drawn: SampledOrders | None = None
    """How sure the gains are where orders were sampled; None where every order is weighed."""
    note: str = ""
    """How far the sample of orders decides which stage gains most; empty where all orders are weighed."""
    steps: tuple[Floats, ...] = field(default=())
    """Outcomes of the same records along the staircase: the system first, then one a stage in its order."""

    @property
    def is_measured(self) -> bool:
        return bool(self.columns)

    @property
    def n(self) -> int:
        """Records with an outcome in every swap set."""
        return int((~np.isnan(self.columns[SYSTEM_OUTCOME])).sum()) if self.columns else 0

    @property
    def table(self) -> Floats:
        """Records x stages, in the order of the staircase."""
        nothing = np.where(np.isnan(self.columns[SYSTEM_OUTCOME]), np.nan, 0.0)
        sums = (
            sum((weight * self.columns[name] for name, weight in by_column.items()), nothing)
            for by_column in self.weights.values()
        )
        return np.stack(list(sums), axis=1)

    def of(self, rows: NDArray[np.int64]) -> Gains:
        """The same of some records."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, columns=columns, steps=tuple(step[rows] for step in self.steps))


def gains(evidence: ev.Evidence) -> Gains:
    """Weigh every order where the run holds every swap set, which it makes up to `LATTICE_UP_TO`; else a sample.

    The sample is that of `orders.sampled`, as far as the run holds its rounds.
    """
    cascade = evidence.cascade
    trouble = broken(evidence.troubles_of_outputs)
    if trouble is not None:
        return _nothing(f"not measured: {trouble.brief}")
    steps, reason = ev.prefix_outcomes(evidence)
    if not steps:
        return _nothing(reason)
    if is_chain(cascade):
        return along(cascade, steps)
    sets = whole_lattice(cascade)
    if sets is None:
        return _nothing(f"not measured: parallel branches have more than {MOST_SETS:,} swap sets")
    cells = list(_cells(cascade, sets.to))
    missing = next((cell for cell in cells if not evidence.has_outcome(cell)), None)
    if ev.is_bounded(evidence, cells):
        return _nothing(ev.BOUNDED)
    if missing is None:
        return _weighed(evidence, weights(sets), steps)
    if len(sets.to) <= LATTICE_UP_TO:
        return _nothing(f"not measured: the run holds no outcome with references at {' and '.join(missing.stages)}")
    rounds = _rounds(evidence, sets)
    if len(rounds) < 2:
        advice = f"a run with --orders {FEWEST_ROUNDS * ROUND} samples their orders"
        return _nothing(f"not measured: parallel branches need {len(sets.to):,} swap sets; {advice}")
    return _sampled(evidence, sets, rounds, steps)


def _nothing(reason: str) -> Gains:
    return Gains(columns={}, weights={}, reason=reason)


def ceiling_of(resamples: Resamples, gains: Gains) -> Ceiling:
    """The gains as figures, from resamples that hold their columns."""
    return ceiling(resamples, gains=gains.weights, system=SYSTEM_OUTCOME, top=gains.top, drawn=gains.drawn)


def along(cascade: Cascade, steps: Sequence[Floats]) -> Gains:
    """The gains along the one order of the staircase, from the outcomes on its steps."""
    names = ev.outcome_columns(cascade)
    columns = {f"outcome {i}": step for i, step in enumerate(steps)}
    return Gains(
        columns=columns,
        weights=rises(staircase_order(cascade), names),
        top=f"outcome {len(names) - 1}",
        steps=tuple(steps),
    )


def staircase(evidence: ev.Evidence, gains: Gains, stairs: Ceiling, *, resamples: int) -> tuple[StairStep, ...]:
    """The gains along one order; where branches leave others, from resamples of their own on the same records."""
    cascade = evidence.cascade
    if not is_chain(cascade):
        one_order = along(cascade, gains.steps)
        rng = np.random.default_rng(evidence.seed)
        stairs = ceiling_of(resample(one_order.columns, evidence.units, rng=rng, resamples=resamples), one_order)
    return tuple(StairStep(stage=step.stage, gain=step.gain) for step in stairs.steps)


def alone_gains(evidence: ev.Evidence, gains: Gains, *, resamples: int) -> dict[str, Estimate]:
    """What references at each stage and nowhere else add to the outcome, on the records of the gains.

    Unmeasured where the run did not make that swap: what comes after the stage has no outputs on it, or, of items that
    a swap lists anew, only where the swap changes nothing. Resamples of their own, so that no other figure moves by a
    digit.
    """
    cascade, system = evidence.cascade, gains.columns[SYSTEM_OUTCOME]
    columns = {SYSTEM_OUTCOME: system}
    cells = {name: swap_cell(cascade, {name}) for name in cascade.names}
    for name, cell in cells.items():
        if cell == SYSTEM or evidence.has_outcome(cell):
            alone = np.where(np.isnan(system), np.nan, ev.outcome_scores(evidence, cell))
            if np.array_equal(np.isnan(alone), np.isnan(system)):
                columns[name] = alone
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    return {
        name: drawn.difference(name, SYSTEM_OUTCOME)
        if name in columns
        else unmeasured(f"not measured: no swap of {name} alone was run")
        for name in cascade.names
    }


def _cells(cascade: Cascade, masks: Iterable[int]) -> Iterator[Cell]:
    order = staircase_order(cascade)
    return (swap_cell(cascade, named(order, mask)) for mask in masks)


def _rounds(evidence: ev.Evidence, sets: Lattice) -> list[tuple[Walk, ...]]:
    """The first rounds of orders all of whose swap sets the run holds."""
    order = staircase_order(evidence.cascade)
    known: dict[int, bool] = {}

    def is_there(mask: int) -> bool:
        if mask not in known:
            known[mask] = evidence.has_outcome(swap_cell(evidence.cascade, named(order, mask)))
        return known[mask]

    whole = takewhile(
        lambda walks: all(is_there(mask) for walk in walks for mask in prefixes(walk)),
        islice(sampled(sets), MOST_ROUNDS),
    )
    return list(whole)


def _table(evidence: ev.Evidence, masks: Sequence[int]) -> Floats:
    """Swap sets x records of complete-case outcomes."""
    cells = list(_cells(evidence.cascade, masks))
    by_cell = {cell: ev.outcome_scores(evidence, cell) for cell in dict.fromkeys(cells)}
    return np.stack(complete_cases([by_cell[cell] for cell in cells]))


def _weighed(
    evidence: ev.Evidence,
    by_set: Mapping[int, Floats],
    steps: Sequence[Floats],
    *,
    drawn: SampledOrders | None = None,
    note: str = "",
) -> Gains:
    """The weighted sums of outcomes, record by record, so that they add up to the headroom."""
    cascade = evidence.cascade
    order = staircase_order(cascade)
    masks = sorted(by_set)
    table = _table(evidence, masks)
    added = np.round(np.stack([by_set[mask] for mask in masks]).T @ table, 12)
    can_change = _can_change(cascade, by_set)
    columns = {SYSTEM_OUTCOME: table[0], **{f"gain {name}": added[i] for i, name in enumerate(order)}}
    top = f"outcome {len(order)}"
    unusable = np.isnan(table[0])
    return Gains(
        columns={**columns, top: table[-1]},
        weights={name: {f"gain {name}": 1.0} if name in can_change else {} for name in order},
        top=top,
        drawn=drawn,
        note=note,
        steps=tuple(np.where(unusable, math.nan, step) for step in steps),
    )


def _can_change(cascade: Cascade, by_set: Mapping[int, Floats]) -> frozenset[str]:
    """The stages whose reference makes another cell of some set."""
    order = staircase_order(cascade)
    by_cell: dict[Cell, Floats] = {}
    for mask, cell in zip(by_set, _cells(cascade, by_set), strict=True):
        by_cell[cell] = by_cell.get(cell, np.zeros(len(order))) + by_set[mask]
    moved = np.any([np.abs(total) > 1e-9 for total in by_cell.values()], axis=0)
    return frozenset(name for name, is_moved in zip(order, moved.tolist(), strict=True) if is_moved)


def _sampled(
    evidence: ev.Evidence, sets: Lattice, rounds: Sequence[tuple[Walk, ...]], steps: Sequence[Floats]
) -> Gains:
    cascade = evidence.cascade
    order = staircase_order(cascade)
    masks = sorted({mask for walks in rounds for walk in walks for mask in prefixes(walk)})
    table = _table(evidence, masks)
    usable = table[:, ~np.isnan(table).any(axis=0)]
    if not usable.size:
        return _nothing(f"not measured: no {cascade.noun} has an outcome in every swap set")
    means = dict(zip(masks, usable.mean(axis=1).tolist(), strict=True))
    by_round = np.array([_of_round(walks, means, sets.k) for walks in rounds])
    rates = summary(by_round)
    t = t_quantile(0.975, len(rounds) - 1)
    return _weighed(
        evidence,
        walked([walk for walks in rounds for walk in walks], sets.k),
        steps,
        drawn=SampledOrders(
            halves=t * rates.errors,
            leads=t * rates.differences,
            orders=len(rounds) * ROUND,
            of=sets.orders,
        ),
        note=_note(order, by_round, rates, sets),
    )


def _of_round(walks: Sequence[Walk], means: Mapping[int, float], k: int) -> Floats:
    return np.sum([means[mask] * weight for mask, weight in walked(walks, k).items()], axis=0)


def _note(names: Sequence[str], by_round: Floats, rates: Rounds, sets: Lattice) -> str:
    """Say whether the orders that were sampled tell the first stage from the second, and how many would."""
    orders = len(by_round) * ROUND
    places: list[int] = np.argsort(-rates.values, kind="stable").tolist()
    first, second = places[:2]
    pair = listed([names[first], names[second]])
    start = f"Gains rest on {orders:,} of {sets.orders:,} orders"
    if rates.is_decided and len(by_round) >= FEWEST_ROUNDS:
        enough = next(n for n in range(FEWEST_ROUNDS, len(by_round) + 1) if summary(by_round[:n]).is_decided)
        return f"{start}; to part {pair}, the first {enough * ROUND:,} were enough."
    lead, error = float(rates.values[first] - rates.values[second]), float(rates.differences[first, second])
    wanted = max(FEWEST_ROUNDS, math.ceil(len(by_round) * (SEPARATION * error / lead) ** 2)) if lead > 0 else 0
    if not wanted or wanted * ROUND > sets.orders:
        return f"{start}, which do not part {pair}."
    return f"{start}, which do not part {pair}; about {wanted * ROUND:,} would."
