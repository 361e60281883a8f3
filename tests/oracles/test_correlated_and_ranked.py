"""Limits of correlations and sets of ranks, worked out twice over small worlds: ties, gaps, few and uneven clusters."""

from __future__ import annotations

import numpy as np
import pytest

from oracles.naive_figures import draw_together
from oracles.naive_order import correlated, ranks_of
from oracles.sameness import assert_same
from stagegap.stats.correlation import correlations
from stagegap.stats.ranks import rank_sets
from stagegap.stats.spread import clusters

RESAMPLES = 300
SIZES = {
    "records": [1] * 40,
    "pairs": [2] * 20,
    "one holds half": [20, 6, 4, 3, 2, 2, 1, 1, 1],
    "heavy tail": [13, 8, 5, 4, 2, 2, 2, *[1] * 9],
    "two": [22, 12],
    "three even": [12, 12, 12],
}


def units_of(sizes: list[int]) -> list[int]:
    return [unit for unit, size in enumerate(sizes) for _ in range(size)]


def hanging_together(units: list[int], rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=max(units) + 1)[units] + rng.normal(size=len(units))


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("steps", [0, 2, 5], ids=["no ties", "yes or no", "five steps"])
def test_limits_of_correlations(sizes: list[int], steps: int):
    units, rng = units_of(sizes), np.random.default_rng(steps + len(sizes))
    x = hanging_together(units, rng)
    y = 0.6 * x + hanging_together(units, rng)
    if steps:  # scores of a metric in steps, ratings in others
        x = np.clip(np.floor(x + steps / 2), 0, steps - 1)
        y = np.clip(np.floor(2 * y + 2.5), 1, 5)
    x[rng.random(len(units)) < 0.1] = np.nan
    y[rng.random(len(units)) < 0.1] = np.nan
    ours, other = correlations(x, y, clusters(units)), correlated(x, y, units)
    assert not np.isnan(other["kendall"].value)
    for name, figure in other.items():
        assert_same(getattr(ours, name), figure, name)


@pytest.mark.parametrize(
    ("x", "y", "units"),
    [
        ([0.0, 1.0] * 6, [3.0] * 12, range(12)),
        ([0.0, 1.0] * 6, [1.0, 2.0] * 6, range(12)),
        ([0.0, 1.0] * 6, [2.0, 1.0] * 6, range(12)),
        ([0.0, 1.0] * 4, [1.0, 2.0] * 2 + [2.0, 1.0] * 2, range(8)),
        ([0.0, 0.0, 1.0, 1.0] * 3, [1.0, 2.0, 1.0, 2.0] * 3, range(12)),
        ([0.0, 0.0, 1.0, 1.0] * 3, [1.0, 2.0, 1.0, 2.0] * 3, [0] * 12),
        ([0.0] * 11 + [1.0], [1.0] * 10 + [2.0, 3.0], range(12)),
        ([*map(float, range(12))], [0.0, 1.0] * 6, [0] * 11 + [1]),
    ],
    ids=["constant", "equal", "mirrored", "too few", "a grid", "one cluster", "one record", "one beside eleven"],
)
def test_correlations_at_the_edge(x: list[float], y: list[float], units: range):
    ours, other = (
        correlations(np.array(x), np.array(y), clusters(units)),
        correlated(np.array(x), np.array(y), [*units]),
    )
    for name, figure in other.items():
        assert_same(getattr(ours, name), figure, name)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("kind", ["counts", "graded", "copies", "far apart"])
def test_ranks_that_the_data_do_not_exclude(sizes: list[int], kind: str):
    units, rng = units_of(sizes), np.random.default_rng(len(sizes))
    n = len(units)
    chances = {"a": 0.05, "b": 0.9, "c": 0.5, "d": 0.45} if kind == "far apart" else dict.fromkeys("abcd", 0.4)
    changes = {
        name: (hanging_together(units, rng) < 3 * chance - 1.5).astype(float) for name, chance in chances.items()
    }
    if kind == "graded":
        changes = {name: column * rng.random(n) for name, column in changes.items()}
    if kind == "copies":  # no record tells two of them apart, and one is ahead of all the others on every record
        changes |= {"b": changes["a"].copy(), "d": changes["a"] + 1}
    lost = rng.random(n) < 0.08
    changes = {name: np.where(lost & (name == "c"), np.nan, column) for name, column in changes.items()}
    drawn = draw_together(changes, units, seed=0, resamples=RESAMPLES)
    rows = np.stack([*changes.values()], axis=1)
    values = rows[~np.isnan(rows).any(axis=1)].mean(axis=0)
    ours = rank_sets(values, np.stack([*drawn.values()], axis=1), rows=rows, codes=np.array(units))
    wanted = ranks_of(changes, drawn, units)
    assert dict(zip(changes, zip(ours.best, ours.worst, strict=True), strict=True)) == wanted
    if kind == "far apart" and len(sizes) >= 20:
        assert any(own != (1, 4) for own in wanted.values())
