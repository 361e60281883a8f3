"""Figures once more, written from the formulas of docs/method.md with numpy and scipy alone: slow, plain, and apart.

Nothing here may be imported from the package: what both say alike was worked out twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
LEVEL = 0.95
GRID = [0.99 * (i / 39) ** 1.5 for i in range(40)]


@dataclass(frozen=True)
class Figure:
    """A value, its limits and its n; not measured where the value is NaN."""

    value: float
    low: float
    high: float
    n: int


NOTHING = Figure(math.nan, math.nan, math.nan, 0)


def root(function: Callable[[float], float], start: float, end: float) -> float:
    """Where a function changes its sign between two ends."""
    is_up = function(start) > 0
    for _ in range(100):
        middle = (start + end) / 2
        start, end = (middle, end) if (function(middle) > 0) == is_up else (start, middle)
    return start


@dataclass(frozen=True)
class Error:
    """What is known of the error of a mean of clustered values."""

    n: int
    variance: float
    effective: float
    scales: list[float]
    chances: list[float]

    def tail(self, errors: float) -> float:
        return float(np.array(self.chances) @ stats.t.sf(errors / np.array(self.scales), self.n - 1))

    def quantile(self, level: float = LEVEL) -> float:
        t = float(stats.t.ppf((1 + level) / 2, self.n - 1))
        low, high = t * min(self.scales), t * max(self.scales)
        if high - low < 1e-12:
            return low
        wanted = math.log((1 - level) / 2)
        return root(lambda x: math.log(self.tail(x)) - wanted, low, high)


def error_of_mean(values: Floats, units: list[int]) -> Error:
    return error_of_sum(values, np.full(len(values), 1 / len(values)), units)


def error_of_sum(values: Floats, weights: Floats, units: list[int]) -> Error:
    """A prior over the correlation within clusters, its restricted likelihood, and CR2 where it counts.

    The prior is Beta(1, 2); for values of -1, 0 and 1 it says with a chance of 0.4, of 0.2 without both signs, that
    there is none.
    """
    n, mean = len(values), float(np.mean(values))
    groups: dict[int, list[float]] = {}
    parts: dict[int, list[float]] = {}
    for unit, value, weight in zip(units, values.tolist(), weights.tolist(), strict=True):
        groups.setdefault(unit, []).append(value - mean)
        parts.setdefault(unit, []).append(weight)
    members = list(groups.values())
    squared = float(sum(weight * weight for weight in weights.tolist()))
    sizes = [len(group) for group in members]
    squares = sum(x * x for group in members for x in group)
    independent = squares / (n - 1) * squared
    kish = n * n / sum(m * m for m in sizes)
    if squares <= 1e-12 * n or len(members) == n:
        return Error(n, independent, kish, [1.0], [1.0])
    means = [sum(group) / len(group) for group in members]
    within = squares - sum(m * x * x for m, x in zip(sizes, means, strict=True))
    within = max(within, (1 - GRID[-1]) * squares * (n - len(members)) / n)
    steps = np.gradient(np.array(GRID))
    logs, sigmas = [], []
    for rho in GRID:
        precision = [m / (1 + rho * (m - 1)) for m in sizes]
        total = sum(precision)
        centre = sum(w * x for w, x in zip(precision, means, strict=True)) / total
        between = sum(w * x * x for w, x in zip(precision, means, strict=True)) - total * centre**2
        residual = max(within / (1 - rho) + between, 1e-12 * squares)
        sigmas.append(residual / (n - 1))
        logs.append(
            -0.5
            * (
                (n - 1) * math.log(residual)
                + (n - len(members)) * math.log(1 - rho)
                + sum(math.log(1 + rho * (m - 1)) for m in sizes)
                + math.log(total)
            )
        )
    beta = [step * (1 - rho) for step, rho in zip(steps.tolist(), GRID, strict=True)]
    prior = [b / sum(beta) for b in beta]
    if set(values.tolist()) <= {-1.0, 0.0, 1.0}:
        none = 0.4 if {-1.0, 1.0} <= set(values.tolist()) else 0.2
        prior = [(1 - none) * p + (none if i == 0 else 0.0) for i, p in enumerate(prior)]
    raw = [math.exp(x - max(logs)) * p for x, p in zip(logs, prior, strict=True)]
    chances = [x / sum(raw) for x in raw]
    reach, inner = [sum(own) for own in parts.values()], [sum(w * w for w in own) for own in parts.values()]
    variances = [
        sigma * ((1 - rho) * squared + rho * sum(r * r for r in reach)) for sigma, rho in zip(sigmas, GRID, strict=True)
    ]
    expected = sum(p * v for p, v in zip(chances, variances, strict=True))
    mean_rho = sum(p * rho for p, rho in zip(chances, GRID, strict=True))
    of_mean = ((1 - mean_rho) * n + mean_rho * sum(m * m for m in sizes)) / n**2
    own, hoped = 0.0, []
    for m, r, rr, group, share in zip(sizes, reach, inner, members, parts.values(), strict=True):
        true = (1 - mean_rho) * rr + mean_rho * r * r
        seen = true - 2 * r * ((1 - mean_rho) * r + mean_rho * r * m) / n + r * r * of_mean
        hoped.append(true)
        if seen > 1e-12 * true:
            own += sum(w * x for w, x in zip(share, group, strict=True)) ** 2 * true / seen
    worth = max(0.0, sum(hoped) ** 2 / sum(x * x for x in hoped) - 1)
    trust = worth / (worth + 15)
    variance = max(independent, (1 - trust) * expected + trust * own)
    effective = min(float(n), max(kish, n * independent / variance))
    return Error(n, variance, effective, [math.sqrt(v / expected) for v in variances], chances)


def wilson(share: float, n: int, error: Error | None) -> Figure:
    """The two shares that a score test just does not reject: the roots of its square."""
    size = float(n) if error is None else error.effective
    z = float(stats.norm.ppf((1 + LEVEL) / 2)) if error is None else error.quantile()

    # (share - p)^2 size = z^2 p (1 - p), in p.
    low, high = sorted(np.roots([size + z * z, -2 * size * share - z * z, size * share * share]).real.tolist())
    return Figure(share, min(max(0.0, low), share), max(min(1.0, high), share), n)


def tango(changes: Floats, error: Error | None) -> Figure:
    """Score limits of the difference of two paired shares from -1, 0 and 1."""
    n, up, down = len(changes), float(np.mean(changes > 0)), float(np.mean(changes < 0))
    size = float(n) if error is None else error.effective
    z = float(stats.norm.ppf((1 + LEVEL) / 2)) if error is None else error.quantile()

    def beyond(delta: float) -> float:
        b = -up - down + (2 - up + down) * delta
        moved = (math.sqrt(max(b * b + 8 * down * delta * (1 - delta), 0.0)) - b) / 4
        return (up - down - delta) ** 2 * size - z * z * (2 * moved + delta * (1 - delta))

    value = up - down
    ends = []
    for end in (-1.0, 1.0):
        # The first difference, from the value outwards, at which the test rejects.
        points = np.linspace(value, end, 4_001)[1:]
        outside = next((x for x in points.tolist() if beyond(x) > 0), None)
        if outside is None:
            ends.append(end)
            continue
        inside = outside - (points[0] - value)
        ends.append(root(beyond, inside, outside))
    return Figure(value, min(ends[0], value), max(ends[1], value), n)


@dataclass(frozen=True)
class Draws:
    """Columns per record, their clusters, and the mean of each in every resample of whole clusters."""

    columns: dict[str, Floats]
    units: list[int]
    seed: int
    resamples: int

    @property
    def means(self) -> dict[str, Floats]:
        """All columns together, for what compares them."""
        return draw_together(self.columns, self.units, seed=self.seed, resamples=self.resamples)

    def own(self, values: Floats, units: list[int]) -> Floats:
        """The mean of these values in resamples of their own, the same for the mirrored values but for the sign."""
        groups = list(range(len(values))) if self.are_records else units
        totals: dict[int, float] = {}
        for unit, value in zip(groups, values.tolist(), strict=True):
            totals[unit] = totals.get(unit, 0.0) + value
        digits = 10 - math.floor(math.log10(max(*map(abs, totals.values()), 1e-300)))
        sign = -1.0 if round(sum(round(total, digits) for total in totals.values()), digits) < 0 else 1.0
        kept = {unit: sign * round(total, digits) + 0.0 for unit, total in totals.items()}
        first = {unit: sum(1 for other in groups if other == unit) for unit in kept}
        rows = [(kept[unit], float(first[unit])) for unit in kept]
        return sign * _drawn(np.array(rows), seed=0, resamples=self.resamples)[:, 0]

    @property
    def are_records(self) -> bool:
        return len(set(self.units)) == len(self.units)

    def mean(self, name: str) -> Figure:
        values, units = self._present(self.columns[name])
        if len(values) < 2 or len(set(units)) < 2:
            return NOTHING
        error = None if self.are_records else error_of_mean(values, units)
        value = float(values.mean())
        drawn = self.own(values, units)
        flat = _is_flat(drawn)
        is_score = values.min() >= 0 and values.max() <= 1
        if is_score and (flat or set(values.tolist()) <= {0.0, 1.0}):
            return wilson(value, len(values), error)
        if flat:
            return NOTHING
        return percentile(value, drawn, len(values), error, (0.0, 1.0) if is_score else None)

    def sum_of(self, weights: dict[str, float]) -> Figure:
        values = np.sum([w * self.columns[name] for name, w in weights.items()], axis=0)
        present, units = self._present(values)
        if len(present) < 2 or len(set(units)) < 2:
            return NOTHING
        error = None if self.are_records else error_of_mean(present, units)
        if set(present.tolist()) <= {-1.0, 0.0, 1.0}:
            return tango(present, error)
        drawn = self.own(present, units)
        if _is_flat(drawn):
            return NOTHING
        columns = [self._present(self.columns[name])[0] for name in weights]
        scale = None
        if all(column.min() >= 0 and column.max() <= 1 for column in columns):
            scale = (sum(min(w, 0.0) for w in weights.values()), sum(max(w, 0.0) for w in weights.values()))
        return percentile(float(present.mean()), drawn, len(present), error, scale)

    def over_people(self, weights: dict[str, float], without: list[float], *, lowest: float) -> Figure:
        """A mean or difference over records and people: the variance of records plus the jackknife's of people."""
        names = list(weights)
        records = self.mean(names[0]) if len(names) == 1 else self.sum_of(weights)
        if math.isnan(records.value) or len(without) < 3:
            return records
        values, units = self._present(np.sum([w * self.columns[name] for name, w in weights.items()], axis=0))
        n, people = len(values), len(without)
        centre = sum(without) / people
        between = (people - 1) / people * sum((each - centre) ** 2 for each in without)
        if self.are_records:
            variance, freedom = float(values.var(ddof=1)) / n, float(n - 1)
        else:
            error = error_of_mean(values, units)
            variance, freedom = error.variance, _freedom(error)
        doubt = variance**2 / freedom + between**2 / (people - 1)
        total = variance + between
        half = math.sqrt(total) * float(stats.t.ppf((1 + LEVEL) / 2, total**2 / doubt if doubt > 0 else 1.0))
        low, high = min(records.low, records.value - half), max(records.high, records.value + half)
        return Figure(records.value, max(lowest, low), min(1.0, high), n)

    def _present(self, column: Floats) -> tuple[Floats, list[int]]:
        known = ~np.isnan(column)
        return column[known], [unit for unit, is_known in zip(self.units, known.tolist(), strict=True) if is_known]


def _freedom(error: Error) -> float:
    """Of the Student's t whose 97.5% quantile is the error's own."""
    wanted, most = error.quantile(), float(max(error.n - 1, 1))
    if float(stats.t.ppf(0.975, most)) >= wanted:
        return most
    return root(lambda freedom: float(stats.t.ppf(0.975, freedom)) - wanted, 0.5, most)


def _is_flat(drawn: Floats) -> bool:
    usable = drawn[~np.isnan(drawn)]
    return not len(usable) or float(usable.max() - usable.min()) <= 1e-12


def percentile(value: float, drawn: Floats, n: int, error: Error | None, scale: tuple[float, float] | None) -> Figure:
    """The expanded percentile of independent records; for clusters both sides stretched to the error that is known."""
    usable = drawn[~np.isnan(drawn)]
    if error is None:
        cut = float(stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf((1 + LEVEL) / 2, n - 1)))
        low, high = np.quantile(usable, [cut, 1 - cut]).tolist()
    else:
        ends = np.quantile(usable, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) - usable.mean()
        z = float(stats.norm.ppf((1 + LEVEL) / 2))
        stretch = error.quantile() * math.sqrt(error.variance) / (z * float(usable.std()))
        low, high = (value + ends * stretch).tolist()
    low, high = min(low, value), max(high, value)
    return Figure(value, low, high, n) if scale is None else Figure(value, max(scale[0], low), min(scale[1], high), n)


def draw(columns: dict[str, Floats], units: list[int], *, seed: int, resamples: int) -> Draws:
    return Draws(columns, units, seed, resamples)


def draw_together(columns: dict[str, Floats], units: list[int], *, seed: int, resamples: int) -> dict[str, Floats]:
    """The mean of each column in every resample of whole clusters."""
    order = sorted(set(units), key=units.index)
    place = {unit: i for i, unit in enumerate(order)}
    sums = np.zeros((len(order), 2 * len(columns)))
    for at, column in enumerate(columns.values()):
        for unit, value in zip(units, column.tolist(), strict=True):
            if not math.isnan(value):
                sums[place[unit], 2 * at] += value
                sums[place[unit], 2 * at + 1] += 1
    sums = sums[(sums[:, 1::2] > 0).any(axis=1)]
    if not len(sums):
        return {name: np.full(resamples, math.nan) for name in columns}
    means = _drawn(sums, seed=seed, resamples=resamples)
    return {name: means[:, at] for at, name in enumerate(columns)}


def _drawn(sums: Floats, *, seed: int, resamples: int) -> Floats:
    """Clusters with the same sums and counts in every column are one pattern; patterns are drawn in ascending order."""
    rows, counts = np.unique(sums, axis=0, return_counts=True)
    assert len(rows) <= 4_000, "beyond this rows are pooled, which this oracle does not do"
    rng = np.random.default_rng(seed)
    total = len(sums)
    means = np.empty((resamples, sums.shape[1] // 2))
    owner = np.repeat(np.arange(len(rows)), counts)
    for start in range(0, resamples, 100):
        size = min(100, resamples - start)
        if total <= 4 * len(rows):
            picked = owner[rng.integers(0, total, size=(size, total))]
            drawn = np.stack([np.bincount(each, minlength=len(rows)) for each in picked])
        else:
            drawn = rng.multinomial(total, counts / total, size=size)
        totals = drawn.astype(np.float64) @ rows
        with np.errstate(invalid="ignore"):
            means[start : start + size] = totals[:, 0::2] / totals[:, 1::2]
    return means


def alpha_interval(table: Floats, units: list[int], *, rng: np.random.Generator, resamples: int) -> Figure:
    """Krippendorff's alpha of ratings (raters x items) by squared distance, whole clusters of items resampled."""
    rated = [i for i in range(table.shape[1]) if (~np.isnan(table[:, i])).sum() >= 2]
    centre = float(np.nanmean(table[:, rated]))
    pairs, size, first, second = [], [], [], []
    for i in rated:
        known = table[~np.isnan(table[:, i]), i] - centre
        pairs.append(sum((a - b) ** 2 for a in known for b in known) / (len(known) - 1))
        size.append(len(known))
        first.append(known.sum())
        second.append((known**2).sum())
    items = np.array([pairs, size, first, second], dtype=np.float64)
    own = [units[i] for i in rated]
    order = sorted(set(own))
    totals = np.array([[items[row, [u == v for u in own]].sum() for v in order] for row in range(4)])

    def alpha(sums: Floats) -> float:
        observed, m, x, xx = sums
        return 1 - (m - 1) * observed / (2 * (m * xx - x * x))

    whole = items.sum(axis=1)
    drawn = np.empty(resamples)
    for i in range(resamples):
        picked = rng.integers(0, len(order), len(order))
        drawn[i] = alpha(totals @ np.bincount(picked, minlength=len(order)).astype(np.float64))
    observed, m, x, xx = whole
    below = 2 * (m * xx - x * x)
    slopes = np.array(
        [
            -(m - 1) / below,
            -observed / below + (m - 1) * observed * 2 * xx / below**2,
            -(m - 1) * observed * 4 * x / below**2,
            (m - 1) * observed * 2 * m / below**2,
        ]
    )
    error = error_of_mean(len(rated) * (slopes @ items), own) if len(order) < len(rated) else None
    return percentile(alpha(whole), drawn, len(rated), error, (-1.0, 1.0))
