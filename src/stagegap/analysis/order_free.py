"""Gains that do not hang on the order of parallel branches: over all orders, or over as many as a run has sampled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.wording import listed
from stagegap.attribution.ceiling import complete_cases
from stagegap.attribution.orders import MOST_SETS, ROUND, Lattice, Walk, named, prefixes, sampled, walked, weights
from stagegap.attribution.sampling import FEWEST_ROUNDS, SEPARATION, Rounds, summary
from stagegap.attribution.swaps import LATTICE_UP_TO, swap_cell, whole_lattice
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import Cell
from stagegap.stats.distributions import t_quantile
from stagegap.stats.resample import RESAMPLES, resample

Floats = NDArray[np.float64]
MOST_ROUNDS = 250
"""Rounds beyond which more of them change nothing that shows: 2,000 orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFree:
    """One gain a stage, in cascade order."""

    gains: tuple[Estimate, ...]
    note: str = ""
    """How far the sample of orders decides which stage gains most; empty where all orders are weighed."""


def order_free(evidence: ev.Evidence, *, resamples: int = RESAMPLES) -> OrderFree:
    """Average each stage's gain over the orders that the cascade allows (precedence Shapley, Faigle & Kern 1992).

    Over all of them where the run holds every swap set, which it makes up to `LATTICE_UP_TO`; else over the rounds of
    `orders.sampled` that the run holds. The interval then has the sampling of orders in it.
    """
    cascade = evidence.cascade
    sets = whole_lattice(cascade)
    if sets is None:
        return _nothing(cascade, f"not measured: parallel branches have more than {MOST_SETS:,} swap sets")
    missing = next((cell for cell in _cells(cascade, sets.to) if not _has_outcome(evidence, cell)), None)
    if missing is None:
        return OrderFree(gains=_gains(evidence, weights(sets), resamples=resamples))
    if len(sets.to) <= LATTICE_UP_TO:
        where = " and ".join(missing.stages)
        return _nothing(cascade, f"not measured: the run holds no outcome with references at {where}")
    rounds = _rounds(evidence, sets)
    if len(rounds) < 2:
        advice = f"a run with --orders {FEWEST_ROUNDS * ROUND} samples their orders"
        return _nothing(cascade, f"not measured: parallel branches need {len(sets.to):,} swap sets; {advice}")
    return _sampled(evidence, sets, rounds, resamples=resamples)


def _nothing(cascade: Cascade, why: str) -> OrderFree:
    return OrderFree(gains=(unmeasured(why),) * len(cascade.stages))


def _cells(cascade: Cascade, masks: Iterable[int]) -> Iterator[Cell]:
    return (swap_cell(cascade, named(cascade.names, mask)) for mask in masks)


def _has_outcome(evidence: ev.Evidence, cell: Cell) -> bool:
    end = evidence.cascade.outcome.stage
    return end in cell.stages or bool(evidence.outputs.get((str(cell), end)))


def _rounds(evidence: ev.Evidence, sets: Lattice) -> list[tuple[Walk, ...]]:
    """Give the first rounds of orders all of whose swap sets the run holds."""
    names = evidence.cascade.names
    known: dict[int, bool] = {}

    def is_there(mask: int) -> bool:
        if mask not in known:
            known[mask] = _has_outcome(evidence, swap_cell(evidence.cascade, named(names, mask)))
        return known[mask]

    whole = takewhile(
        lambda walks: all(is_there(mask) for walk in walks for mask in prefixes(walk)),
        islice(sampled(sets), MOST_ROUNDS),
    )
    return list(whole)


def _table(evidence: ev.Evidence, masks: Sequence[int]) -> Floats:
    """Give swap sets x records of complete-case outcomes."""
    cells = list(_cells(evidence.cascade, masks))
    by_cell = {cell: ev.outcome_scores(evidence, cell) for cell in dict.fromkeys(cells)}
    return np.stack(complete_cases([by_cell[cell] for cell in cells]))


def _gains(evidence: ev.Evidence, by_set: Mapping[int, Floats], *, resamples: int) -> tuple[Estimate, ...]:
    """Give the weighted sums of outcomes, record by record, so that they add up to the headroom."""
    names = evidence.cascade.names
    table = _table(evidence, list(by_set))
    found = np.round(np.stack(list(by_set.values())).T @ table, 12)
    columns = {name: found[i] for i, name in enumerate(names)}
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    return tuple(drawn.contrast({name: 1.0}) for name in names)


def _sampled(evidence: ev.Evidence, sets: Lattice, rounds: Sequence[tuple[Walk, ...]], *, resamples: int) -> OrderFree:
    masks = sorted({mask for walks in rounds for walk in walks for mask in prefixes(walk)})
    table = _table(evidence, masks)
    kept = table[:, ~np.isnan(table).any(axis=0)]
    means = dict(zip(masks, kept.mean(axis=1).tolist() if kept.size else [math.nan] * len(masks), strict=True))
    by_round = np.array([_of_round(walks, means, sets.k) for walks in rounds])
    found = summary(by_round)
    gains = _gains(evidence, walked([walk for walks in rounds for walk in walks], sets.k), resamples=resamples)
    orders = len(rounds) * ROUND
    half = t_quantile(0.975, len(rounds) - 1) * found.errors
    said = f"; {orders:,} of {sets.orders:,} orders sampled"
    return OrderFree(
        gains=tuple(widened(gain, by, said) for gain, by in zip(gains, half.tolist(), strict=True)),
        note=_note(evidence.cascade.names, by_round, found, sets) if not math.isnan(found.values[0]) else "",
    )


def _of_round(walks: Sequence[Walk], means: Mapping[int, float], k: int) -> Floats:
    return np.sum([means[mask] * weight for mask, weight in walked(walks, k).items()], axis=0)


def widened(gain: Estimate, half: float, said: str) -> Estimate:
    """Put the uncertainty of which orders were drawn into the interval: independent of the records, so squares add."""
    if not gain.is_measured:
        return gain
    return replace(
        gain,
        low=max(-1.0, gain.value - math.hypot(gain.value - gain.low, half)),
        high=min(1.0, gain.value + math.hypot(gain.high - gain.value, half)),
        method=gain.method + said,
    )


def _note(names: Sequence[str], by_round: Floats, found: Rounds, sets: Lattice) -> str:
    """Say whether the orders that were sampled tell the first stage from the second, and how many would."""
    orders = len(by_round) * ROUND
    places: list[int] = np.argsort(-found.values).tolist()
    first, second = places[:2]
    pair = listed([names[first], names[second]])
    start = f"Order-free gains rest on {orders:,} of {sets.orders:,} orders"
    if found.is_decided and len(by_round) >= FEWEST_ROUNDS:
        enough = next(n for n in range(FEWEST_ROUNDS, len(by_round) + 1) if summary(by_round[:n]).is_decided)
        return f"{start}; to part {pair}, the first {enough * ROUND:,} were enough."
    lead, error = float(found.values[first] - found.values[second]), float(found.differences[first, second])
    wanted = max(FEWEST_ROUNDS, math.ceil(len(by_round) * (SEPARATION * error / lead) ** 2)) if lead > 0 else 0
    if not wanted or wanted * ROUND > sets.orders:
        return f"{start}, which do not part {pair}."
    return f"{start}, which do not part {pair}; about {wanted * ROUND:,} would."
