"""Simulations whose truth is known: intervals, the naming of a stage, and the budget that a plan promises.

`tests/stats/test_coverage.py` runs a few in the gate, `make slow` all of them, `benchmarks/coverage.py` prints tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import planted
from stagegap.analysis.contest import Contest, contest, outlook
from stagegap.attribution.ceiling import ceiling
from stagegap.model.estimate import Estimate
from stagegap.stats.clusters import Clusters, clusters
from stagegap.stats.resample import Resamples, resample
from stagegap.stats.sequential import DECIDES, evidence_of_lead

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator], tuple[dict[str, Floats], Clusters]]


def units(n_clusters: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Clusters of 1 to 8 records; the sizes are random too."""
    return np.repeat(np.arange(n_clusters), rng.integers(1, 9, n_clusters))


def shared(codes: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    """Uniform luck of each record; a third of the records take that of their cluster."""
    own, together = rng.random(len(codes)), rng.random(int(codes.max()) + 1)[codes]
    return np.where(rng.random(len(codes)) < 1 / 3, together, own)


def luck(n: int | None, n_clusters: int | None, rng: np.random.Generator) -> tuple[Floats, Clusters]:
    if n_clusters is None:
        assert n is not None
        return rng.random(n), Clusters(codes=np.arange(n), count=n)
    codes = units(n_clusters, rng)
    return shared(codes, rng), clusters(codes.tolist())


def binary(p: float, n: int | None = None, c: int | None = None) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[dict[str, Floats], Clusters]:
        u, k = luck(n, c, rng)
        return {"a": (u < p).astype(float)}, k

    return draw


def gain(up: float, down: float, n: int | None = None, c: int | None = None) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[dict[str, Floats], Clusters]:
        u, k = luck(n, c, rng)
        before = u >= 0.3 + up
        before |= u < down
        after = (before | (u >= 0.3)) & (u >= down)
        return {"b": after.astype(float), "a": before.astype(float)}, k

    return draw


def graded(n: int | None = None, c: int | None = None) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[dict[str, Floats], Clusters]:
        u, k = luck(n, c, rng)
        return {"a": np.minimum(1.0, u**0.4)}, k

    return draw


def mean(drawn: Resamples) -> Estimate:
    return drawn.mean("a")


def difference(drawn: Resamples) -> Estimate:
    return drawn.difference("b", "a")


def settings() -> list[tuple[str, Draw, Callable[[Resamples], Estimate], float]]:
    rows: list[tuple[str, Draw, Callable[[Resamples], Estimate], float]] = []
    for n, c in [(50, None), (200, None), (1000, None), (None, 15), (None, 30), (None, 60), (None, 250)]:
        where = f"{n} records" if c is None else f"{c} clusters of 1 to 8"
        rows += [(f"share {p}, {where}", binary(p, n, c), mean, p) for p in (0.5, 0.8, 0.95)]
        rows += [
            (f"gain +{up} -{down}, {where}", gain(up, down, n, c), difference, up - down)
            for up, down in ((0.2, 0.05), (0.05, 0.01))
        ]
        rows.append((f"graded score, {where}", graded(n, c), mean, 1 / 1.4))
    return rows


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often intervals held the truth."""

    figure: str
    covered: float
    below: float
    """Share of intervals that lie below the truth."""
    above: float
    width: float
    score: float
    """Share of score intervals; the others are bootstrapped."""


def coverage(simulations: int, resamples: int) -> Iterator[Coverage]:
    for name, draw, figure, truth in settings():
        rng = np.random.default_rng(20261120)
        found: list[Estimate] = []
        for _ in range(simulations):
            columns, codes = draw(rng)
            found.append(figure(resample(columns, codes, rng=rng, resamples=resamples)))
        below = float(np.mean([one.high < truth for one in found]))
        above = float(np.mean([one.low > truth for one in found]))
        yield Coverage(
            figure=name,
            covered=1 - below - above,
            below=below,
            above=above,
            width=float(np.mean([one.high - one.low for one in found])),
            score=float(np.mean(["bootstrap" not in one.method for one in found])),
        )


def equal(k: int) -> planted.Planted:
    """A chain of k stages that all gain the same 30 / k points."""
    step = 0.3 / k
    skills = [(1 - step * (k - i)) / (1 - step * (k - i - 1)) for i in range(k)]
    return planted.Planted(shape=planted.CHAIN[k], skill=dict(zip("ABCDEF", skills, strict=False)))


def looked_at(
    made: planted.Planted, luck: planted.Luck, rng: np.random.Generator, *, resamples: int
) -> tuple[Contest, Resamples, list[str]]:
    """Give the contest of one sample."""
    columns = made.outcomes(luck)
    n = len(columns["outcome 0"])
    drawn = resample(columns, Clusters(codes=np.arange(n), count=n), rng=rng, resamples=resamples)
    names = list(columns)
    return contest(drawn, ceiling(drawn, stages=made.names, columns=names), names), drawn, names


def named_although_equal(k: int, n: int, *, simulations: int, resamples: int) -> float:
    """Give how often a stage is named when all are equal."""
    made, rng = equal(k), np.random.default_rng(7)
    found = [looked_at(made, made.luck(n, rng), rng, resamples=resamples)[0] for _ in range(simulations)]
    return float(np.mean([one.is_decided for one in found]))


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
    rng = np.random.default_rng(11)
    decided, named, wrong, budgets = 0, 0, 0, list[int]()
    for _ in range(simulations):
        luck = made.luck(pilot, rng)
        match, drawn, names = looked_at(made, luck, rng, resamples=resamples)
        if match.is_decided:
            decided += 1
            continue
        budget = outlook(drawn, names, rng=rng).budget.records
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
    rng = np.random.default_rng(13)
    looks = sorted({round(30 * 1.05**i) for i in range(200) if 30 * 1.05**i < budget} | {budget})
    stopped: list[tuple[int, int]] = []
    for _ in range(simulations):
        gains = np.diff(np.stack(list(made.outcomes(made.luck(budget, rng)).values()), axis=1), axis=1)
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
