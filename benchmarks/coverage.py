"""Do 95% intervals cover the planted truth 95% of the time, and is a stage named wrongly in at most 5%?

    python benchmarks/coverage.py [simulations] [resamples]

Prints two Markdown tables; docs/method.md holds those of 2,000 simulations. Standard error of a coverage: 0.5 points.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import planted
from stagegap.analysis.contest import contest
from stagegap.attribution.ceiling import ceiling
from stagegap.model.estimate import Estimate
from stagegap.stats.clusters import Clusters, clusters
from stagegap.stats.resample import Resamples, resample

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


def coverage(simulations: int, resamples: int) -> None:
    print("| figure | covered | below | above | mean width | score interval used |\n|---|---|---|---|---|---|")
    for name, draw, figure, truth in settings():
        rng = np.random.default_rng(20261120)
        below = above = score = 0
        width = 0.0
        for _ in range(simulations):
            columns, codes = draw(rng)
            found = figure(resample(columns, codes, rng=rng, resamples=resamples))
            below += found.high < truth
            above += found.low > truth
            width += (found.high - found.low) / simulations
            score += "bootstrap" not in found.method
        covered = 1 - (below + above) / simulations
        print(
            f"| {name} | {covered:.1%} | {below / simulations:.1%} | {above / simulations:.1%} "
            f"| {width:.3f} | {score / simulations:.0%} |",
            flush=True,
        )


def naming(simulations: int, resamples: int) -> None:
    print("\n| stages | records | named although all are equal |\n|---|---|---|")
    for k in (2, 3, 5):
        for n in (50, 200, 1000):
            step = 0.3 / k
            skills = [(1 - step * (k - i)) / (1 - step * (k - i - 1)) for i in range(k)]
            made = planted.Planted(shape=planted.CHAIN[k], skill=dict(zip("ABCDE", skills, strict=False)))
            rng = np.random.default_rng(7)
            named = 0
            for _ in range(simulations):
                columns = made.outcomes(made.luck(n, rng))
                drawn = resample(columns, clusters(range(n)), rng=rng, resamples=resamples)
                steps = ceiling(drawn, stages=made.names, columns=list(columns))
                named += contest(drawn, steps, list(columns)).is_decided
            print(f"| {k} | {n} | {named / simulations:.1%} |", flush=True)


if __name__ == "__main__":
    asked = [int(argument) for argument in sys.argv[1:]] + [2000, 1000]
    coverage(asked[0], asked[1] if len(sys.argv) > 2 else 1000)
    naming(asked[0], asked[1] if len(sys.argv) > 2 else 1000)
