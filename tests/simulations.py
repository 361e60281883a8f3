"""Simulated cascades whose worst stage is known: is it named, is none named where all are equal, are promises kept?

The gate runs a few, `make slow` all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import planted
from stagegap.analysis.gains import Gains, along, ceiling_of
from stagegap.analysis.verdict import Contest, contest, outlook
from stagegap.stats.resample import Resamples, resample
from stagegap.stats.significance import DECIDES, evidence_of_lead
from stagegap.stats.spread import Clusters
from uneven import JUDGING, Sizes

Floats = NDArray[np.float64]


def equal(k: int) -> planted.Planted:
    """A chain of k stages that all gain the same 30 / k points."""
    step = 0.3 / k
    skills = [(1 - step * (k - i)) / (1 - step * (k - i - 1)) for i in range(k)]
    return planted.Planted(shape=planted.CHAIN[k], skill=dict(zip("ABCDEF", skills, strict=False)))


def looked_at(
    made: planted.Planted,
    luck: planted.Luck,
    rng: np.random.Generator,
    *,
    resamples: int,
    units: NDArray[np.int64] | None = None,
) -> tuple[Contest, Resamples, Gains]:
    """The contest of one sample."""
    columns = made.outcomes(luck)
    n = len(columns["outcome 0"])
    codes = np.arange(n) if units is None else units
    drawn = resample(columns, Clusters(codes=codes, count=int(codes.max()) + 1), rng=rng, resamples=resamples)
    won = along(made.cascade(), list(columns.values()))
    return contest(drawn, ceiling_of(drawn, won), won), drawn, won


def even(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Clusters of 1 to 8 records."""
    return rng.integers(1, 9, count)


def named_although_equal(
    k: int,
    n: int | None,
    *,
    simulations: int,
    resamples: int,
    clusters: int | None = None,
    sizes: Sizes = even,
) -> float:
    """How often a stage is named when all are equal; in clusters half of the records share their cluster's luck."""
    made, rng = equal(k), np.random.default_rng(JUDGING)
    named = 0
    for _ in range(simulations):
        units = np.arange(n or 0) if clusters is None else np.repeat(np.arange(clusters), sizes(clusters, rng))
        luck = made.luck(len(units), rng, clusters=None if clusters is None else units)
        few = looked_at(made, luck, rng, resamples=100, units=units)[0]
        # What the score intervals leave open stays open with any number of resamples.
        is_open = few.lead is not None and few.lead.low <= 0
        named += not is_open and looked_at(made, luck, rng, resamples=resamples, units=units)[0].is_decided
    return named / simulations


WORST = {
    "2 stages, 11 and 25 points": planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.85, "B": 0.75}),
    "3 stages, 7, 22 and 12 points": planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.9, "B": 0.75, "C": 0.88}),
    "3 stages, 14, 17 and 10 points": planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.8, "B": 0.81, "C": 0.9}),
    "2 stages, 20 and 18 points": planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.775, "B": 0.8}),
    "5 stages, 3, 7, 18, 5 and 7 points": planted.Planted(
        shape=planted.CHAIN[5], skill={"A": 0.95, "B": 0.9, "C": 0.8, "D": 0.95, "E": 0.93}
    ),
}


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What became of the budgets that pilots were promised."""

    decided: float
    """Share of pilots in which a stage was named at once."""
    promised: float
    """Share of pilots that were promised a budget."""
    named: float
    """Of these, the share in which the truly worst stage was named at that budget."""
    wrong: float
    """Of these, the share in which another one was."""
    records: float
    """Median budget."""


def promise(made: planted.Planted, pilot: int, *, simulations: int, resamples: int) -> Promise:
    """Draw pilots, label as many more as is advised, and look again; the pilot is part of the records."""
    worst = int(np.diff(made.prefix()).argmax())
    rng = np.random.default_rng(JUDGING)
    decided, named, wrong, budgets = 0, 0, 0, list[int]()
    for _ in range(simulations):
        luck = made.luck(pilot, rng)
        match, drawn, won = looked_at(made, luck, rng, resamples=resamples)
        if match.is_decided:
            decided += 1
            continue
        budget = outlook(drawn, won).budget.records
        if budget is not None:
            more = made.luck(budget - pilot, rng)
            both = {stage: np.concatenate([luck[stage], more[stage]]) for stage in luck}
            again, _, _ = looked_at(made, both, rng, resamples=resamples)
            budgets.append(budget)
            named += again.is_decided and again.best == worst
            wrong += again.is_decided and again.best != worst
    promised = max(1, len(budgets))
    return Promise(
        decided=decided / simulations,
        promised=len(budgets) / simulations,
        named=named / promised,
        wrong=wrong / promised,
        records=float(np.median(budgets)) if budgets else 0.0,
    )


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What became of samples that were labelled until the evidence decided, at most up to the budget."""

    named: float
    """Share in which the truly worst stage was named."""
    wrong: float
    """Share in which another one was."""
    records: float
    """Median number of records labelled."""
    many: float
    """Nine in ten samples needed no more."""


def watched(made: planted.Planted, budget: int, *, simulations: int) -> Watched:
    """Look at the evidence every 5% more records from 30 on, as somebody who labels would."""
    worst = int(np.diff(made.prefix()).argmax())
    rng = np.random.default_rng(JUDGING)
    looks = sorted({round(30 * 1.05**i) for i in range(200) if 30 * 1.05**i < budget} | {budget})
    stopped: list[tuple[int, int]] = []
    for _ in range(simulations):
        gains: NDArray[np.float64] = np.diff(
            np.stack(list(made.outcomes(made.luck(budget, rng)).values()), axis=1), axis=1
        )
        stopped.append(next((found for n in looks if (found := _decided(gains[:n]))), (-1, budget)))
    places, records = np.array(stopped).T
    return Watched(
        named=float((places == worst).mean()),
        wrong=float(((places != worst) & (places >= 0)).mean()),
        records=float(np.median(records)),
        many=float(np.quantile(records, 0.9)),
    )


def _decided(gains: Floats) -> tuple[int, int] | None:
    best = int(gains.sum(axis=0).argmax())
    return (best, len(gains)) if evidence_of_lead(gains, np.arange(len(gains)), best) >= DECIDES else None
