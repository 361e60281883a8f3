"""Ranks that the data do not exclude, and the figure of the one that was picked for being the largest, corrected
for that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.stats.distributions import normal_cdf, normal_quantile
from stagegap.stats.spread import distinct, spread

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """Rank sets that hold all at once with the given level; rank 1 is the largest value."""

    best: tuple[int, ...]
    """Per figure: the best rank that is not excluded."""
    worst: tuple[int, ...]
    level: float

    @property
    def is_decided(self) -> bool:
        """True when one figure alone can be first."""
        return sum(rank == 1 for rank in self.best) == 1


def rank_sets(values: Floats, drawn: Floats, *, rows: Floats, codes: NDArray[np.int64], level: float = 0.95) -> Ranks:
    """Each figure's ranks not excluded by simultaneous intervals of all differences (Mogstad et al. 2024).

    `drawn` is resamples x figures, paired; a resample that lacks a figure is left out. `rows` is records x figures,
    those with a NaN left out, and `codes` the clusters of the records. The critical value is the quantile of the
    largest studentised deviation over all pairs, so all rank sets are right together in at least `level` of all
    cases. What stands in its place for the error and the tails of each difference is what `spread` knows of it: with
    the resamples' own, 15 clusters would give only 90%.
    """
    k = len(values)
    usable = drawn[~np.isnan(drawn).any(axis=1)]
    complete = ~np.isnan(rows).any(axis=1)
    rows, codes = rows[complete], codes[complete]
    if distinct(codes) < 2 or not len(usable):
        return Ranks(best=(1,) * k, worst=(k,) * k, level=level)
    differences = values[:, None] - values[None, :]
    deviations = (usable[:, :, None] - usable[:, None, :]) - differences
    errors = deviations.std(axis=0)
    scaled = np.divide(np.abs(deviations), errors, out=np.zeros_like(deviations), where=errors > 0)
    critical = float(np.quantile(scaled.reshape(len(usable), -1).max(axis=1), level))
    simultaneous = 2 * normal_cdf(critical) - 1
    above = np.zeros((k, k), dtype=np.bool_)
    for i, j in combinations(range(k), 2):
        within = spread(rows[:, i] - rows[:, j], codes)
        size = abs(float(differences[i, j]))
        if not within.is_none:
            is_apart = size > within.quantile(simultaneous) * within.error
        else:  # the same at every record: what the sign test says, and sums that differ in their last digits do not
            is_apart = 2 * within.above(size) <= 1 - max(simultaneous, level)
        if is_apart:
            above[i, j], above[j, i] = differences[i, j] > 0, differences[i, j] < 0
    return Ranks(
        best=tuple(1 + int(x) for x in above.sum(axis=0)),
        worst=tuple(k - int(x) for x in above.sum(axis=1)),
        level=level,
    )


def shrunken(values: Floats, errors: Floats) -> Floats:
    """Pull noisy values towards their mean, as far as their spread is noise (empirical Bayes, normal).

    The largest of several noisy values is too large (the worst of five equal stages of 15% shows 20% on
    average at n = 60); this takes the excess back. Report it beside the raw value, or measure again on fresh records.
    """
    if len(values) < 3:
        return values.copy()
    centre = values.mean()
    between = max(0.0, float(values.var(ddof=1) - (errors**2).mean()))
    keep = np.divide(between, between + errors**2, out=np.ones_like(values), where=between + errors**2 > 0)
    return centre + keep * (values - centre)


OUTER = 0.005
"""Error rate of the simultaneous interval that the estimate may not leave: a tenth of 5%."""
DRAWS = 10_000
_STEPS = 60


def picked(
    estimate: Estimate, values: Floats, covariance: Floats, *, best: int, level: float, lead_level: float
) -> Estimate:
    """The picked figure as it would be estimated had nobody picked.

    The largest of several noisy figures is too large on average, and more so when it is only shown because it was
    clearly ahead. Given that figure `best` passed 0 by an interval of `level` and every other one by an interval of
    `lead_level`, it follows a truncated normal distribution; the value is its median-unbiased estimate and the
    interval has the right coverage among picked ones, both held inside a wider interval that is valid for all figures
    at once (the hybrid of Andrews, Kitagawa & McCloskey 2024, "Inference on Winners"). Just past the bar both fall to
    the end of that wider interval and would be one point: the interval then reaches up to the lower limit as shown.
    `covariance` is that of the figures' estimates; `estimate` is the picked one as it is shown.
    """
    spread = math.sqrt(float(covariance[best, best]))
    if spread <= 1e-9:
        return estimate
    seen = float(values[best])
    low, high = _bounds(values, covariance, best, level=level, lead_level=lead_level)
    reach = _reach(covariance) * spread

    def reached(mean: float) -> float:
        """The chance of a figure below the one seen, were this the truth and the stage picked."""
        return _truncated_cdf(seen, mean, spread, max(low, mean - reach), min(high, mean + reach))

    tail = (1 - level - OUTER) / (1 - OUTER) / 2
    at = [_solved(reached, share, seen - reach, seen + reach) for share in (0.5, 1 - tail, tail)]
    return Estimate(
        value=at[0],
        low=min(at[0], at[1]),
        high=max(at[0], at[2], estimate.low),
        n=estimate.n,
        method="median-unbiased given that it was picked (hybrid, Andrews, Kitagawa & McCloskey 2024)",
        level=level,
        clusters=estimate.clusters,
    )


def _bounds(values: Floats, covariance: Floats, best: int, *, level: float, lead_level: float) -> tuple[float, float]:
    """The interval in which the picked figure lies, given what is independent of it and that it was picked."""
    seen, variance = float(values[best]), float(covariance[best, best])
    lead_z = normal_quantile((1 + lead_level) / 2)
    low, high = min(seen, normal_quantile((1 + level) / 2) * math.sqrt(variance)), math.inf
    for other, value in enumerate(values.tolist()):
        if other == best:
            continue
        slope = float(covariance[other, best]) / variance
        error = math.sqrt(max(0.0, float(covariance[other, other]) + variance - 2 * float(covariance[other, best])))
        # Score intervals decide who is picked; where the normal one would not have, the lead seen is the margin.
        margin = min(lead_z * error, seen - value)
        rest = value - slope * seen + margin
        if slope < 1 - 1e-9:
            low = max(low, min(seen, rest / (1 - slope)))
        elif slope > 1 + 1e-9:
            high = min(high, max(seen, rest / (1 - slope)))
    return low, high


def _reach(covariance: Floats) -> float:
    """How many standard errors hold all figures at once with error `OUTER`, by always the same draws.

    The symmetric root of the covariance turns them: signs and order of its axes are what rounding made them.
    """
    sizes, axes = np.linalg.eigh(covariance)
    root = axes * np.sqrt(np.where(sizes > 1e-12 * sizes[-1], sizes, 0.0)) @ axes.T
    drawn = np.random.default_rng(0).standard_normal((DRAWS, len(sizes))) @ root
    errors = np.sqrt(np.diag(covariance))
    usable = errors > 1e-9
    return float(np.quantile((np.abs(drawn[:, usable]) / errors[usable]).max(axis=1), 1 - OUTER))


def covariance_of_means(rows: Floats, clusters: NDArray[np.int64], *, level: float = 0.95) -> Floats:
    """Covariance of the means of records x figures, whole clusters being the units of independence.

    C / (C - 1) times the sum over clusters of (their summed deviations)(the same)' / n^2 (Miller 2024), stretched to
    the standard errors that `spread` knows of. With clusters these are themselves unsure, so they grow as the
    quantile of `level` does over the normal one, as in the intervals that decide who is picked.
    """
    n, count = len(rows), distinct(clusters)
    deviations = rows - rows.mean(axis=0)
    sums = np.stack([np.bincount(clusters, weights=column) for column in deviations.T], axis=1)
    covariance = sums.T @ sums * (count / (count - 1)) / n**2
    if count == n:
        return covariance
    within = [spread(column, clusters) for column in rows.T]
    usual = normal_quantile((1 + level) / 2)
    wanted = np.array([spread.error * spread.quantile(level) / usual for spread in within])
    errors = np.sqrt(np.diag(covariance))
    stretch = np.divide(wanted, errors, out=np.ones_like(errors), where=errors > 1e-12)
    return covariance * np.outer(stretch, stretch)


def _truncated_cdf(x: float, mean: float, spread: float, low: float, high: float) -> float:
    start, end = normal_cdf((low - mean) / spread), normal_cdf((high - mean) / spread)
    if end - start <= 1e-12:
        return 1.0 if mean < low else 0.0
    return min(1.0, max(0.0, (normal_cdf((x - mean) / spread) - start) / (end - start)))


def _solved(falling: Callable[[float], float], share: float, low: float, high: float) -> float:
    """Where a falling function takes a value, by halving; the end beyond which it would."""
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > share else (low, middle)
    return (low + high) / 2
