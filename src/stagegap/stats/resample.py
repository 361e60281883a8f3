"""Paired cluster bootstrap: equal rows as patterns with counts, and every figure of a picture from the same
resamples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import normal_cdf, normal_quantile, t_quantile
from stagegap.stats.intervals import ENDLESS, mean_of_clusters, one_cluster, paired_difference, wilson
from stagegap.stats.spread import HALF, Clusters, Spread, distinct, spread

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int32]

POOLS = 2_000
"""Rows are resampled in this many random pools when there are more distinct ones than that.

A pool of independent rows is as good a unit as a row; the price is a relative error of about sqrt(2 / POOLS) = 3%
in the estimated variance, against a cost that no longer grows with n."""

_PROBE = 4 * POOLS
_CHUNK = 100_000
"""Numbers drawn at a time: what fits into a processor's cache is drawn and counted three times as fast."""
_WIDEST = 1 << 22
"""Codes up to this are counted in an array; beyond, rows are sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """Distinct rows and how often each occurs; order does not depend on the order of the rows."""

    rows: Floats
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        return int(self.counts.sum())


def collapse(columns: Sequence[Floats | Bools], *, rng: np.random.Generator) -> Patterns:
    """The distinct rows of these columns with their counts, sorted by value from the first column on.

    Random pools of rows where nearly every row is distinct.
    """
    total = len(columns[0])
    if total > _PROBE and _coded([column[:_PROBE] for column in columns])[1] > POOLS:
        return _pooled(columns, rng=rng)
    code, distinct = _coded(columns)
    if distinct > 2 * POOLS:
        return _pooled(columns, rng=rng)
    example = np.empty(distinct, dtype=np.int64)
    example[code] = np.arange(total)
    return Patterns(
        rows=_rows([column[example] for column in columns]),
        counts=np.bincount(code, minlength=distinct).astype(np.int64),
    )


def _rows(columns: Sequence[Floats | Bools]) -> Floats:
    return np.stack(columns, axis=1).astype(np.float64, copy=False)


def _coded(columns: Sequence[Floats | Bools]) -> tuple[Ints, int]:
    """The place of every row among the distinct rows in ascending order, and how many these are."""
    code: Ints = np.zeros(len(columns[0]), dtype=np.int32)
    radix = 1
    for column in columns:
        size, low = _codes(column)
        if radix * size > _WIDEST:
            code, radix = _dense(code, radix)
        if radix * size > _WIDEST:
            values, places = np.unique(code.astype(np.int64) * size + low, return_inverse=True)
            code, radix = places.astype(np.int32), len(values)
        else:
            code = code * np.int32(size) + low
            radix *= size
    return _dense(code, radix)


def _dense(code: Ints, radix: int) -> tuple[Ints, int]:
    """Number the codes that occur from 0 on, in their order."""
    occurs = np.zeros(radix, dtype=np.bool_)
    occurs[code] = True
    places = np.cumsum(occurs, dtype=np.int32) - np.int32(1)
    return places[code], int(occurs.sum())


def _codes(column: Floats | Bools) -> tuple[int, Ints]:
    """The number of possible codes and the code of each value; small whole numbers are their own code."""
    if column.dtype == np.bool_:
        return 2, column.astype(np.int32)
    if len(column) and column.min() >= 0 and column.max() < 64:
        small = column.astype(np.int32)
        if np.array_equal(small, column):
            return int(small.max()) + 1, small
    values, codes = np.unique(column, return_inverse=True)
    return max(1, len(values)), codes.astype(np.int32)


def _pooled(columns: Sequence[Floats | Bools], *, rng: np.random.Generator) -> Patterns:
    total = len(columns[0])
    sizes = np.diff(np.append(np.linspace(0, total, POOLS, endpoint=False).astype(np.int64), total))
    pool = np.empty(total, dtype=np.int64)
    pool[rng.permutation(total)] = np.repeat(np.arange(POOLS), sizes)
    sums = [np.bincount(pool, weights=column, minlength=POOLS).astype(np.float64) for column in columns]
    return Patterns(rows=_rows(sums), counts=np.ones(POOLS, dtype=np.int64))


def draws(patterns: Patterns, *, resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield how often each pattern occurs in resamples of `total` rows, some resamples at a time.

    Multinomial; drawn row by row where that is cheaper than pattern by pattern.
    """
    distinct, total = len(patterns.counts), patterns.total
    by_row = total <= 4 * distinct
    step = max(1, _CHUNK // (total if by_row else distinct))
    owner = np.repeat(np.arange(distinct), patterns.counts) if by_row and distinct < total else None
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if not by_row:
            yield rng.multinomial(total, patterns.counts / total, size=size)
        else:
            drawn = rng.integers(0, total, size=(size, total))
            picked = (drawn if owner is None else owner[drawn]) + np.arange(0, size * distinct, distinct)[:, None]
            yield np.bincount(picked.ravel(), minlength=size * distinct).reshape(size, distinct)


RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class Resamples:
    """The columns' means in the data and in resamples.

    Limits of one figure, a mean or a weighted sum of means, come from draws of its own (`own_draws`): they are the
    same whatever is drawn beside it. What compares figures with each other (who leads, ranks) asks `means`.
    """

    columns: Mapping[str, Floats]
    """Per record, NaN where the record is not in that mean."""
    clusters: Clusters
    known: Mapping[str, Bools]
    """Per record, whether it is in that mean; columns with the same records share one array."""
    rng: np.random.Generator
    resamples: int
    level: float = 0.95

    @cached_property
    def means(self) -> Mapping[str, Floats]:
        """Per column, its mean in each resample, paired; NaN in a resample that has no record of that column."""
        return _joint_means(self.columns, self.known, self.clusters, rng=self.rng, resamples=self.resamples)

    def means_of(self, names: Iterable[str]) -> Mapping[str, Floats]:
        """The means of some columns in common draws of these alone: the same in every view, whatever else it draws."""
        columns, rng = {name: self.columns[name] for name in sorted(names)}, np.random.default_rng(0)
        return _joint_means(columns, self.known, self.clusters, rng=rng, resamples=self.resamples)

    def units(self, name: str) -> int:
        """How many independent units have a value in a column."""
        return self._present(name)[2]

    def point(self, name: str) -> float:
        """The mean of a column over the records that have it, NaN when there is none."""
        present = _at(self.columns[name], self.known[name])
        return float(present.mean()) if len(present) else math.nan

    def mean(self, name: str) -> Estimate:
        """The mean of a column with its interval: Wilson's for 0/1 values, the bootstrap's for others.

        Wilson's also where every resample gives the same mean (all scores or all clusters are alike): an interval of
        width 0 would be a lie.
        """
        values, codes, count = self._present(name)
        problem = _too_few(len(values), count)
        if problem is not None:
            return problem
        interval = self._mean_of(values, codes)
        if not self.clusters.are_records and interval.is_measured and _largest(codes) >= HALF:
            each = mean_of_clusters(self.columns[name], self.clusters, level=self.level)
            beside = f"mean of clusters {each.value:.3f} ({each.low:.3f} to {each.high:.3f})"
            return replace(interval, method=f"{interval.method}; one cluster decides this mean; {beside}")
        return interval

    def _mean_of(self, values: Floats, codes: NDArray[np.int64]) -> Estimate:
        value = float(values.mean())
        within = self._within(values, codes)
        if _is_score(values) and _is_binary(values):
            return wilson(value, n=len(values), within=within, level=self.level)
        drawn = self._own(values, codes)
        if not _is_flat(drawn):
            scale = _scale(values)
            return percentile_interval(value, drawn, n=len(values), within=within, level=self.level, scale=scale)
        if _is_score(values):
            return wilson(value, n=len(values), within=within, level=self.level)
        return unmeasured("too few: every resample gives the same mean, so its spread is unknown", n=len(values))

    def difference(self, a: str, b: str) -> Estimate:
        """Mean of `a` minus mean of `b`, paired: both columns must hold the same records.

        Raises: ValueError when a record is in one column only.
        """
        return self.contrast({a: 0.0} if a == b else {a: 1.0, b: -1.0})

    def contrast(self, weights: Mapping[str, float], *, level: float | None = None) -> Estimate:
        """A weighted sum of means, paired: all columns must hold the same records.

        Tango's score interval where each record changes by -1, 0 or 1, the bootstrap's otherwise.

        Raises: ValueError when a record is in some of the columns only.
        """
        values, codes, count = self._contrasted(weights)
        problem = _too_few(len(values), count)
        if problem is not None:
            return problem
        within = self._within(values, codes)
        level = self.level if level is None else level
        up, down = float((values > 0).mean()), float((values < 0).mean())
        if bool((np.abs(values) == (values != 0)).all()):
            return paired_difference(up=up, down=down, n=len(values), within=within, level=level)
        drawn = self._own(values, codes)
        if _is_flat(drawn):
            return unmeasured(
                "too few: every resample gives the same difference, so its spread is unknown", n=len(values)
            )
        scale = self._scale_of(weights)
        return percentile_interval(float(values.mean()), drawn, n=len(values), within=within, level=level, scale=scale)

    def _scale_of(self, weights: Mapping[str, float]) -> tuple[float, float]:
        """What a weighted sum of these columns can be at all."""
        if any(not _is_score(_at(self.columns[name], self.known[name])) for name in weights):
            return ENDLESS
        signs = np.array(list(weights.values()))
        return float(np.minimum(signs, 0.0).sum()), float(np.maximum(signs, 0.0).sum())

    def spread(self, weights: Mapping[str, float]) -> Spread:
        """How sure a weighted sum of means is; columns as in `contrast`, at least two records and two clusters."""
        values, codes, _ = self._contrasted(weights)
        return spread(values, codes)

    def _present(self, name: str) -> tuple[Floats, NDArray[np.int64], int]:
        known = self.known[name]
        if known.all():
            return self.columns[name], self.clusters.codes, self.clusters.count
        codes = self.clusters.codes[known]
        return self.columns[name][known], codes, len(codes) if self.clusters.are_records else distinct(codes)

    def _within(self, values: Floats, codes: NDArray[np.int64]) -> Spread | None:
        return None if self.clusters.are_records else spread(values, codes)

    def _own(self, values: Floats, codes: NDArray[np.int64]) -> Floats:
        return own_draws(values, None if self.clusters.are_records else codes, resamples=self.resamples)

    def _contrasted(self, weights: Mapping[str, float]) -> tuple[Floats, NDArray[np.int64], int]:
        names = list(weights)
        known = self.known[names[0]]
        for name in names[1:]:
            if self.known[name] is not known:
                raise ValueError(f"{names[0]!r} and {name!r} hold different records, so they are not paired")
        _, codes, count = self._present(names[0])
        values = np.sum([weight * _at(self.columns[name], known) for name, weight in weights.items()], axis=0)
        return values, codes, count


def resample(
    columns: Mapping[str, Floats],
    clusters: Clusters,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> Resamples:
    """Resample whole clusters and give the mean of every column in each resample (ratio estimator).

    A mean is sum / count, both resampled together, so that clusters may differ in size and a column may lack
    records (Efron & Tibshirani 1993, ch. 8; Miller 2024 for evaluations). Equal clusters are counted as patterns:
    the cost does not grow with n while outcomes are few-valued.
    """
    return Resamples(
        columns=columns, clusters=clusters, known=_known(columns), rng=rng, resamples=resamples, level=level
    )


def _joint_means(
    columns: Mapping[str, Floats],
    known: Mapping[str, Bools],
    clusters: Clusters,
    *,
    rng: np.random.Generator,
    resamples: int,
) -> dict[str, Floats]:
    names = list(columns)
    if not names or not clusters.count:
        return {name: np.full(resamples, math.nan) for name in names}
    totals = [column for name in names for column in _totals(columns[name], known[name], clusters)]
    counted = np.logical_or.reduce([count > 0 for count in totals[1::2]])
    ratios = _ratios(collapse([_at(column, counted) for column in totals], rng=rng), rng=rng, resamples=resamples)
    return {name: np.ascontiguousarray(ratios[:, i]) for i, name in enumerate(names)}


def _ratios(patterns: Patterns, *, rng: np.random.Generator, resamples: int) -> Floats:
    """Sum over count of each pair of columns in each resample of the patterns."""
    parts = (
        [weights.astype(np.float64) @ patterns.rows for weights in draws(patterns, resamples=resamples, rng=rng)]
        if len(patterns.counts)
        else [np.zeros((resamples, patterns.rows.shape[1]))]
    )
    drawn = np.concatenate(parts)
    with np.errstate(invalid="ignore"):
        return drawn[:, 0::2] / drawn[:, 1::2]


def own_draws(values: Floats, codes: NDArray[np.int64] | None, *, resamples: int) -> Floats:
    """The mean of values in each resample of whole clusters, or of records without `codes`.

    Hangs on the values of each cluster and on nothing else: not on their order, on a seed, or on what a view draws
    beside them. So a figure has the same limits wherever it stands, and a mirrored one the mirrored limits.
    """
    sums: Floats = values
    counts: Floats = np.ones(len(values))
    if codes is not None:
        counts = np.bincount(codes).astype(np.float64)
        occurs = counts > 0
        sums, counts = np.bincount(codes, weights=values)[occurs].astype(np.float64), counts[occurs]
    # Sums of the same numbers in another order differ in their last digits.
    sums = np.round(sums, digits := _places(sums, _DIGITS))
    sign = -1.0 if np.round(sums.sum(), digits) < 0 else 1.0
    order = np.lexsort((counts, sign * sums))
    rng = np.random.default_rng(0)
    turned: Floats = sign * sums[order] + 0.0
    patterns = collapse([turned, counts[order]], rng=rng)
    return sign * _ratios(patterns, rng=rng, resamples=resamples)[:, 0]


def _places(sums: Floats, digits: int) -> int:
    """Decimal places of so many digits of the largest; those of 1 where all are next to nothing."""
    largest = float(np.abs(sums).max(initial=0.0))
    return digits - (math.floor(math.log10(largest)) if largest > 1e-100 else 0)


_DIGITS, _FINE_DIGITS = 10, 12
"""Digits that two sums have to share to be one; the second where the sums themselves are resampled."""


def percentile_interval(
    value: float,
    drawn: Floats,
    *,
    n: int,
    within: Spread | None,
    level: float,
    of: str = "",
    scale: tuple[float, float] = ENDLESS,
) -> Estimate:
    """Interval of a resampled figure: the resamples give its shape, and what is known of its error the width.

    Independent records: the expanded percentile. Clusters: both sides of the percentile interval, stretched by the
    error that `within` knows of over the spread of the resamples, which are too alike where clusters are few or
    uneven. `of` names the figure where it is no mean; the limits stay within `scale`.
    """
    usable = drawn[~np.isnan(drawn)]
    if within is None:
        tail = expanded_tail(n, level=level)
        low, high = (float(limit) for limit in np.quantile(usable, [tail, 1 - tail]))
        method = f"bootstrap{of}, expanded percentile, {len(drawn)} resamples"
    else:
        tail = (1 - level) / 2
        ends = np.quantile(usable, [tail, 1 - tail]) - float(usable.mean())
        stretch = within.quantile(level) * within.error / (normal_quantile(1 - tail) * float(usable.std()))
        low, high = (value + float(end) * stretch for end in ends)
        method = f"cluster bootstrap{of}, stretched percentile, {len(drawn)} resamples{within.note}"
    return Estimate(
        value=value,
        low=max(scale[0], min(low, value)),
        high=min(scale[1], max(high, value)),
        n=n,
        method=method,
        level=level,
        clusters=None if within is None else within.count,
    )


def expanded_tail(count: int, *, level: float = 0.95) -> float:
    """The tail probability at which to cut a bootstrap distribution of `count` independent units.

    The plain percentile interval is too narrow for few units: it lacks the factor count / (count - 1) in the
    variance and Student's tails. Cutting further out mends both (Hesterberg 2015, "expanded percentile").

    >>> round(expanded_tail(15), 4), round(expanded_tail(100_000), 4)
    (0.0132, 0.025)
    """
    t = t_quantile((1 + level) / 2, count - 1)
    return normal_cdf(-math.sqrt(count / (count - 1)) * t)


def _known(columns: Mapping[str, Floats]) -> dict[str, Bools]:
    """Where each column has a value, one array for all columns that have it at the same records."""
    known: list[Bools] = []
    masks: dict[str, Bools] = {}
    for name, column in columns.items():
        mask = ~np.isnan(column)
        masks[name] = next((earlier for earlier in reversed(known) if np.array_equal(earlier, mask)), mask)
        if masks[name] is mask:
            known.append(mask)
    return masks


def _at(values: NDArray[Any], known: Bools) -> NDArray[Any]:  # Any: any kind of number
    return values if known.all() else values[known]


def _totals(values: Floats, known: Bools, clusters: Clusters) -> tuple[Floats, Floats | Bools]:
    filled = values if known.all() else np.where(known, values, 0.0)
    if clusters.are_records:
        return filled, known
    sums = np.bincount(clusters.codes, weights=filled, minlength=clusters.count).astype(np.float64)
    # Which clusters are alike may not hang on the order in which their records were summed.
    sums = np.round(sums, _places(sums, _FINE_DIGITS))
    return sums, np.bincount(clusters.codes[known], minlength=clusters.count).astype(np.float64)


def _too_few(n: int, count: int) -> Estimate | None:
    if n == 0:
        return unmeasured("not measured: no record has this score")
    if n == 1:
        return unmeasured("too few: 1 record", n=1)
    if count < 2:
        return one_cluster(n)
    return None


def _is_flat(drawn: Floats) -> bool:
    usable = drawn[~np.isnan(drawn)]
    return not len(usable) or float(np.ptp(usable)) <= 1e-12


def _is_score(values: Floats) -> bool:
    return bool(values.min() >= 0 and values.max() <= 1)


def _largest(codes: NDArray[np.int64]) -> float:
    return float(np.bincount(codes).max()) / len(codes)


def _scale(values: Floats) -> tuple[float, float]:
    return (0.0, 1.0) if _is_score(values) else ENDLESS


def _is_binary(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def ratio(resamples: Resamples, numerator: str, denominator: str) -> Estimate:
    """The sum of one column over the sum of another, both resampled together (a ratio estimate).

    Records for which both are 0 carry nothing and are not counted in `n`. Source: Efron & Tibshirani 1993, ch. 10.
    Raises: ValueError when a record is in one column only.
    """
    above, below = resamples.columns[numerator], resamples.columns[denominator]
    if not np.array_equal(np.isnan(above), np.isnan(below)):
        raise ValueError(f"{numerator!r} and {denominator!r} hold different records, so they have no common ratio")
    counted = np.nan_to_num(np.abs(above)) + np.nan_to_num(np.abs(below)) > 0
    n, clusters = int(counted.sum()), distinct(resamples.clusters.codes[counted])
    total = float(below[counted].sum())
    if total == 0:
        return unmeasured("not measured: nothing counts in the denominator", n=n)
    if clusters < 2:
        only = "1 record" if n == 1 else f"all {n} records belong to one cluster"
        return unmeasured(f"too few: {only}", n=n)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = resamples.means[numerator] / resamples.means[denominator]
    drawn = drawn[np.isfinite(drawn)]
    value = float(above[counted].sum()) / total
    codes = resamples.clusters.codes[counted]
    if not len(drawn) or np.ptp(drawn) <= 1e-12:
        if value in (0.0, 1.0):
            # All or nothing has the width of that share of as many records: no resample could show another.
            within = None if resamples.clusters.are_records else spread(np.full(n, value), codes)
            return wilson(value, n=n, within=within, level=resamples.level)
        return unmeasured("too few: every resample gives the same ratio, so its spread is unknown", n=n)
    # What each record adds to the ratio's error, to first order.
    shift = (above[counted] - value * below[counted]) * n / total
    return percentile_interval(
        value,
        drawn,
        n=n,
        within=None if resamples.clusters.are_records else spread(shift, codes),
        level=resamples.level,
        of=" of a ratio",
        scale=(0.0, 1.0) if ((above[counted] >= 0) & (above[counted] <= below[counted])).all() else ENDLESS,
    )
