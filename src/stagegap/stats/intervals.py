"""Intervals of one proportion, mean or product, of weighted means, and of differences of paired proportions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import normal_quantile, t_quantile
from stagegap.stats.spread import SMALLEST, Clusters, Spread, distinct, spread

ENDLESS = (-math.inf, math.inf)
ALL_EQUAL = "too few: all values are equal, so their spread is unknown"


def wilson(
    share: float,
    *,
    n: int,
    within: Spread | None = None,
    effective_n: float | None = None,
    level: float = 0.95,
    method: str = "Wilson",
) -> Estimate:
    """A proportion with Wilson's score interval (Wilson 1927; Brown, Cai & DasGupta 2001).

    When records hang together, `within` says how: its effective number replaces n and its quantile the normal one
    (after Korn & Graubard 1998). `effective_n` replaces either. For a mean of scores in [0, 1] the interval is
    cautious: no such variable varies more than a 0/1 variable of equal mean.

    >>> e = wilson(0.9, n=100)
    >>> round(e.low, 4), round(e.high, 4)
    (0.8256, 0.9448)
    """
    if n < 1:
        return unmeasured("too few: no record")
    if not -1e-12 <= share <= 1 + 1e-12:
        raise ValueError(f"a share lies between 0 and 1, got {share}")
    low, high = _score_limits(min(max(share, 0.0), 1.0), _size(n, within, effective_n), z=_quantile(level, within))
    return Estimate(
        value=share,
        low=min(low, share),
        high=max(high, share),
        n=n,
        method=_named(method, within),
        level=level,
        clusters=None if within is None else within.count,
    )


def wilson_of(values: NDArray[np.float64], units: Clusters, *, level: float = 0.95) -> Estimate:
    """Mean of scores in [0, 1], NaN ones left out, with Wilson's interval on the effective n.

    >>> e = wilson_of(np.array([1.0, 0.0, 0.0, np.nan]), Clusters(codes=np.arange(4), count=4))
    >>> e.n, round(e.value, 2), round(e.low, 2), round(e.high, 2)
    (3, 0.33, 0.06, 0.79)
    """
    known = ~np.isnan(values)
    present, codes = values[known], units.codes[known]
    if not len(present):
        return unmeasured("too few: no record")
    count = distinct(codes)
    if count == len(present):
        return wilson(float(present.mean()), n=len(present), level=level)
    if count < 2:
        return one_cluster(len(present))
    return wilson(float(present.mean()), n=len(present), within=spread(present, codes), level=level)


def mean_of(values: NDArray[np.float64], units: Clusters, *, level: float = 0.95) -> Estimate:
    """The mean of values, NaN ones left out: Wilson's interval for 0/1 values, Student's t for others.

    With clusters on the effective number of records, as `wilson_of`. Limits of scores stay within [0, 1].
    """
    known = ~np.isnan(values)
    present, codes = values[known], units.codes[known]
    if not len(present) or bool(((present == 0) | (present == 1)).all()):
        return wilson_of(values, units, level=level)
    is_alone = distinct(codes) == len(present)
    if not is_alone and distinct(codes) < 2:
        return one_cluster(len(present))
    scale = (0.0, 1.0) if present.min() >= 0 and present.max() <= 1 else ENDLESS
    return mean_t(present, within=None if is_alone else spread(present, codes), level=level, scale=scale)


def mean_of_clusters(values: NDArray[np.float64], units: Clusters, *, level: float = 0.95) -> Estimate:
    """Mean of the clusters' means, each counting the same however many records it has; NaN values left out.

    What can be said where one cluster holds half of the records: the mean of records is then mostly that cluster's.
    Scores in [0, 1] get Wilson's interval on value (1 - value) / variance records, others Student's.
    """
    there = ~np.isnan(values)
    present, codes = values[there], units.codes[there]
    count = distinct(codes)
    if count < 2:
        return one_cluster(len(present)) if len(present) else unmeasured("too few: no record")
    weights = 1 / (np.bincount(codes)[codes] * count)
    value = math.fsum((weights * present).tolist())  # the same in any order of records, to the last digit
    within = spread(present, codes, weights=weights)
    if present.min() >= 0 and present.max() <= 1:
        value = min(1.0, max(0.0, value))
        size = value * (1 - value) / within.variance if within.variance > 1e-15 else float(count)
        interval = wilson(value, n=len(present), within=within, effective_n=size, level=level)
        return replace(interval, method=f"mean of {count} clusters, score interval{within.few}")
    if within.error <= SMALLEST * max(1.0, abs(value)):
        return unmeasured(ALL_EQUAL, n=len(present))
    half = within.quantile(level) * within.error
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=len(present),
        method=f"mean of {count} clusters, Student t{within.few}",
        level=level,
        clusters=count,
    )


def one_cluster(n: int) -> Estimate:
    """The estimate where nothing is independent of anything else."""
    return unmeasured(f"too few: all {n} records belong to one cluster", n=n)


def _quantile(level: float, within: Spread | None) -> float:
    return normal_quantile((1 + level) / 2) if within is None else within.quantile(level)


def _size(n: int, within: Spread | None, effective_n: float | None) -> float:
    if effective_n is not None:
        return effective_n
    return float(n) if within is None else within.effective_n


def _named(method: str, within: Spread | None) -> str:
    """Name of a score interval; with clusters also the effective n that it was computed on."""
    return method if within is None else f"{method}, effective n {within.effective_n:.0f}{within.note}"


def _score_limits(share: float, n: float, *, z: float) -> tuple[float, float]:
    """The two shares at which a score test on n records just does not reject `share`."""
    z2 = z**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def mean_t(
    values: NDArray[np.float64],
    *,
    within: Spread | None = None,
    level: float = 0.95,
    scale: tuple[float, float] = ENDLESS,
) -> Estimate:
    """The mean of values with Student's t interval; NaN values are left out. Clusters as in `wilson`.

    The limits stay within `scale`, which holds every value.

    >>> e = mean_t(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> round(e.low, 4), round(e.high, 4)
    (0.4457, 4.5543)
    """
    present = values[~np.isnan(values)]
    n = len(present)
    if n < 2:
        return unmeasured(f"too few: {n} {'value' if n == 1 else 'values'}", n=n)
    if np.ptp(present) <= SMALLEST * max(1.0, float(np.abs(present).max())):
        return unmeasured(ALL_EQUAL, n=n)
    mean = float(present.mean())
    if within is None:
        half = t_quantile((1 + level) / 2, n - 1) * float(present.std(ddof=1)) / math.sqrt(n)
    else:
        half = within.quantile(level) * within.error
    return Estimate(
        value=mean,
        low=max(scale[0], mean - half),
        high=min(scale[1], mean + half),
        n=n,
        method="Student t" if within is None else f"Student t of clusters{within.note}",
        level=level,
        clusters=None if within is None else within.count,
    )


def predicted_total(values: NDArray[np.float64], n: int, *, level: float = 0.95) -> Estimate:
    """The total of the next n values, none below 0, from independent earlier ones (Student's t prediction).

    The interval holds both what is unknown of the mean and the chance of the next draws
    (Hahn & Meeker 1991, Statistical Intervals, section 4.8).

    >>> e = predicted_total(np.array([1.0, 2.0, 3.0, 4.0]), 4)
    >>> e.value, round(e.low, 2), round(e.high, 2)
    (10.0, 0.0, 21.62)
    """
    past = len(values)
    if n == 0:
        return Estimate(value=0.0, low=0.0, high=0.0, n=past, method="nothing to come", level=level)
    if past < 2:
        return unmeasured(f"too few: {past} {'value' if past == 1 else 'values'}", n=past)
    total = n * float(values.mean())
    half = n * t_quantile((1 + level) / 2, past - 1) * float(values.std(ddof=1)) * math.sqrt(1 / past + 1 / n)
    return Estimate(
        value=total, low=max(0.0, total - half), high=total + half, n=past, method="t prediction", level=level
    )


def paired_difference(
    *,
    up: float,
    down: float,
    n: int,
    within: Spread | None = None,
    level: float = 0.95,
    method: str = "Tango score",
) -> Estimate:
    """The difference of two paired proportions, up - down, with Tango's score interval (Tango 1998).

    `up` and `down` are the shares of records that went from wrong to right and from right to wrong. Holds its
    level where few records moved, and has a width when none did: then it is 0 -/+ z^2 / (n + z^2). Clusters as in
    `wilson`.

    >>> e = paired_difference(up=0.0, down=0.0, n=50)
    >>> round(e.low, 4), round(e.high, 4)
    (-0.0713, 0.0713)
    """
    if n < 1:
        return unmeasured("too few: no record")
    size = _size(n, within, None)
    value = up - down
    z = _quantile(level, within)
    low = _tango_limit(up, down, size, inside=value, outside=-1.0, z=z)
    high = _tango_limit(up, down, size, inside=value, outside=1.0, z=z)
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=n,
        method=_named(method, within),
        level=level,
        clusters=None if within is None else within.count,
    )


def _tango_limit(up: float, down: float, n: float, *, inside: float, outside: float, z: float) -> float:
    """Bisect for the difference at which the score test just rejects, between one it accepts and the extreme."""
    for _ in range(100):
        middle = (inside + outside) / 2
        if abs(tango_statistic(up, down, n, middle)) <= z:
            inside = middle
        else:
            outside = middle
    return inside


def tango_statistic(up: float, down: float, n: float, delta: float) -> float:
    """Standard errors, as they are if the difference is `delta`, by which up - down lies above it (Tango 1998)."""
    b = -up - down + (2 - up + down) * delta
    c = -down * delta * (1 - delta)
    discordant = (math.sqrt(max(b * b - 8 * c, 0.0)) - b) / 4
    variance = (2 * discordant + delta * (1 - delta)) / n
    distance = up - down - delta
    if variance <= 0:
        return 0.0 if abs(distance) < 1e-15 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def product(a: Estimate, b: Estimate) -> Estimate:
    """A times b for two independent estimates, b a share, with an interval from their intervals.

    MOVER: the squares of the distances of the limits add up, each weighted by the other value (Zou & Donner 2008).
    Where one of the two is certain, the interval is the other's, times it. A negative a turns the limits of b round.

    >>> def share(value, low, high): return Estimate(value=value, low=low, high=high, n=50, method="x")
    >>> e = product(share(0.5, 0.4, 0.6), share(0.2, 0.2, 0.2))
    >>> round(e.low, 3), round(e.value, 3), round(e.high, 3)
    (0.08, 0.1, 0.12)
    """
    for part in (a, b):
        if not part.is_measured:
            return unmeasured(part.method, n=part.n)
    value = a.value * b.value
    down, up = (b.value - b.low, b.high - b.value) if a.value >= 0 else (b.high - b.value, b.value - b.low)
    below = math.hypot(b.value * (a.value - a.low), a.value * down)
    above = math.hypot(b.value * (a.high - a.value), a.value * up)
    return Estimate(
        value=value,
        low=max(0.0 if a.low >= 0 else -1.0, value - below),
        high=min(1.0, value + above),
        n=a.n,
        method=f"product of two estimates (MOVER): {a.method}; {b.method}",
        level=a.level,
        clusters=a.clusters,
    )


def independent_difference(a: Estimate, b: Estimate) -> Estimate:
    """a minus b of two independent samples, from their intervals (MOVER; Newcombe 1998 where both are Wilson's).

    >>> e = independent_difference(wilson(56 / 70, n=70), wilson(48 / 80, n=80))
    >>> round(e.low, 4), round(e.value, 1), round(e.high, 4)
    (0.0524, 0.2, 0.3339)
    """
    for part in (a, b):
        if not part.is_measured:
            return unmeasured(part.method, n=part.n)
    value = a.value - b.value
    return Estimate(
        value=value,
        low=value - math.hypot(a.value - a.low, b.high - b.value),
        high=value + math.hypot(a.high - a.value, b.value - b.low),
        n=b.n,
        method=f"difference of independent samples of {a.n:,} and {b.n:,} (MOVER): {a.method}; {b.method}",
        level=a.level,
        clusters=b.clusters,
    )


Floats = NDArray[np.float64]


def hajek(values: Floats, chances: Floats, units: Clusters, *, level: float = 0.95) -> Estimate:
    """The mean of all records from those that were drawn, each weighted by one over its chance (Hájek 1971).

    The sum of the weights stands in for the number of records, which the Horvitz-Thompson mean would need and which
    makes that mean the noisier one (Särndal, Swensson & Wretman 1992, section 5.7). The spread is that of the
    linearised sum over independent units, as if they were drawn with replacement, which is cautious. 0/1 values get
    Wilson's interval on the effective n (Korn & Graubard 1998), other scores Student's, cut off at 0 and 1.
    NaN in `values` is left out. Raises: ValueError for a chance that is not above 0 and at most 1.

    >>> from stagegap.stats.spread import clusters
    >>> found = hajek(np.array([1.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.1]), clusters("abc"))
    >>> round(found.value, 4)
    0.2857
    """
    known = ~np.isnan(values)
    values, chances, codes = values[known], chances[known], units.codes[known]
    if not ((chances > 0) & (chances <= 1)).all():
        raise ValueError("a chance lies above 0 and is at most 1")
    n, count = len(values), distinct(codes)
    if count < 2:
        return unmeasured(f"too few: {n} {'record' if n == 1 else 'records'} of {count} independent units", n=n)
    weights = 1 / chances
    total = float(weights.sum())
    value = float((weights * values).sum()) / total
    within = spread(n * weights * (values - value) / total, codes)
    variance = within.variance
    shown = None if units.are_records else within
    method = f"Hájek{within.note}"
    if within.is_none or np.isin(values, (0.0, 1.0)).all():
        kish = total**2 / float((weights**2).sum())
        effective = min(float(n), kish if variance <= 1e-15 else value * (1 - value) / variance)
        plain = wilson(value, n=n, effective_n=effective, within=shown, level=level)
        return replace(plain, method=f"{method}, Wilson on the effective n")
    half = within.quantile(level) * within.error
    low, high = max(0.0, value - half), min(1.0, value + half)
    return Estimate(
        value=value,
        low=low,
        high=high,
        n=n,
        method=f"{method}, Student",
        level=level,
        clusters=None if shown is None else count,
    )
