"""Correlations and ranks once more, with numpy and scipy alone.

A correlation is a function of the weights of the records. What one record adds to its error is the slope of that
function towards more weight on this record, taken by a step along the imaginary axis: no formula of an influence
stands here, and no figure is lost to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from oracles.naive_figures import LEVEL, NOTHING, Draws, Figure, draw_together, error_of_mean
from oracles.naive_views import changes_of

Floats = NDArray[np.float64]
Weighted = Callable[[NDArray[np.complex128]], complex]
FEWEST = 10
STEP = 1e-30


# Correlations


def _pearson(x: Floats, y: Floats) -> Weighted:
    def of(w: NDArray[np.complex128]) -> complex:
        u, v = x - w @ x, y - w @ y
        return complex((w @ (u * v)) / np.sqrt((w @ (u * u)) * (w @ (v * v))))

    return of


def _spearman(x: Floats, y: Floats) -> Weighted:
    """Of ranks that move with the weights: all that lies below, and half of what is equal."""
    below_x, below_y = ((z[None, :] < z[:, None]) + 0.5 * (z[None, :] == z[:, None]) for z in (x, y))

    def of(w: NDArray[np.complex128]) -> complex:
        return _pearson(below_x @ w, below_y @ w)(w)  # type: ignore[arg-type]

    return of


def _kendall(x: Floats, y: Floats) -> Weighted:
    """tau-b: weights of pairs in the same order less those in the other, over the pairs that differ in each."""
    up_x, up_y = ((z[:, None] > z[None, :]).astype(float) for z in (x, y))
    same, other = up_x * up_y + up_x.T * up_y.T, up_x * up_y.T + up_x.T * up_y
    apart_x, apart_y = up_x + up_x.T, up_y + up_y.T

    def of(w: NDArray[np.complex128]) -> complex:
        return complex((w @ (same - other) @ w) / np.sqrt((w @ apart_x @ w) * (w @ apart_y @ w)))

    return of


COEFFICIENTS = {
    "pearson": (_pearson, stats.pearsonr),
    "spearman": (_spearman, stats.spearmanr),
    "kendall": (_kendall, stats.kendalltau),
}


def correlated(x: Floats, y: Floats, units: Sequence[int]) -> dict[str, Figure]:
    """Each coefficient, with limits on Fisher's scale by the error of the mean of what each record adds."""
    both = [i for i in range(len(x)) if not math.isnan(x[i]) and not math.isnan(y[i])]
    x, y, units = x[both], y[both], [units[i] for i in both]
    if len(both) < FEWEST or len(set(units)) < 2 or len(set(x.tolist())) < 2 or len(set(y.tolist())) < 2:
        return dict.fromkeys(COEFFICIENTS, NOTHING)
    return {name: _with_limits(of(x, y), float(known(x, y)[0]), units) for name, (of, known) in COEFFICIENTS.items()}


def _with_limits(of: Weighted, value: float, units: list[int]) -> Figure:
    n = len(units)
    equal = np.full(n, 1 / n)
    assert abs(of(equal.astype(complex)).real - value) < 1e-12
    if 1 - abs(value) < 1e-9:
        return NOTHING
    slopes = [of(equal + 1j * STEP * (np.eye(n)[i] - equal)).imag / STEP for i in range(n)]
    error = error_of_mean(np.array(slopes), units)
    if math.sqrt(error.variance) <= 1e-12:
        return NOTHING
    z = 0.5 * math.log((1 + value) / (1 - value))
    half = error.quantile() * math.sqrt(error.variance) / (1 - value * value)
    ends = [(math.exp(2 * end) - 1) / (math.exp(2 * end) + 1) for end in (z - half, z + half)]
    return Figure(value, ends[0], ends[1], n)


# Ranks


def rank_sets(draws: Draws, weights: Mapping[str, Mapping[str, float]]) -> dict[str, tuple[int, int]]:
    """Best and worst rank of each gain that simultaneous intervals of all differences do not exclude."""
    columns = {name: draws.columns[name] for name in sorted({"outcome 0"}.union(*weights.values()))}
    means = draw_together(columns, draws.units, seed=0, resamples=draws.resamples)
    nothing = 0.0 * means["outcome 0"]
    drawn = {name: sum((w * means[c] for c, w in each.items()), nothing) for name, each in weights.items()}
    return ranks_of(changes_of(draws, weights), drawn, draws.units)


def ranks_of(
    changes: Mapping[str, Floats], drawn: Mapping[str, Floats], units: Sequence[int]
) -> dict[str, tuple[int, int]]:
    """`changes` by record, `drawn` their means in common resamples."""
    whole = [i for i in range(len(units)) if not any(math.isnan(column[i]) for column in changes.values())]
    usable = [r for r in range(len(next(iter(drawn.values())))) if not any(math.isnan(c[r]) for c in drawn.values())]
    own = [units[i] for i in whole]
    k = len(changes)
    if len(set(own)) < 2 or not usable:
        return dict.fromkeys(changes, (1, k))
    value = {name: float(column[whole].mean()) for name, column in changes.items()}
    pairs = [(a, b) for i, a in enumerate(changes) for b in list(changes)[i + 1 :]]
    largest = np.zeros(len(usable))
    for a, b in pairs:
        moved = drawn[a][usable] - drawn[b][usable]
        error = math.sqrt(float(((moved - moved.mean()) ** 2).mean()))
        if error > 0:
            largest = np.maximum(largest, abs(moved - (value[a] - value[b])) / error)
    bar = 2 * float(stats.norm.cdf(np.quantile(largest, LEVEL))) - 1
    before = dict.fromkeys(changes, 0)
    behind = dict.fromkeys(changes, 0)
    for a, b in pairs:
        lead = value[a] - value[b]
        error = error_of_mean(changes[a][whole] - changes[b][whole], own)
        if math.sqrt(error.variance) > 1e-12:
            is_apart = abs(lead) > error.quantile(bar) * math.sqrt(error.variance)
        else:  # the same at every record: the sign test over clusters
            is_apart = abs(lead) > 1e-12 and 2 * 0.5 ** len(set(own)) <= 1 - max(bar, LEVEL)
        if is_apart:
            first, second = (a, b) if lead > 0 else (b, a)
            behind[first] += 1
            before[second] += 1
    return {name: (1 + before[name], k - behind[name]) for name in changes}
