"""Tests with whole clusters as units, of many claims at once, and valid when somebody looks after every record."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import binomial_cdf, hypergeometric_tail, log_beta
from stagegap.stats.intervals import ALL_EQUAL, wilson
from stagegap.stats.spread import SMALLEST, Clusters, Spread, distinct, spread

Floats = NDArray[np.float64]


def bonferroni(p: Floats) -> Floats:
    """Adjust for the chance of any false claim: p times the number of claims."""
    return np.minimum(1.0, p * len(p))


def holm(p: Floats) -> Floats:
    """Adjust for the chance of any false claim, step down (Holm 1979); never weaker than Bonferroni.

    For claims such as "this stage is below a person".

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    return _placed(np.maximum.accumulate(p[order] * factors), order)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust for the share of false claims among the claims (Benjamini & Hochberg 1995): independent or positive.

    For screens, where a few false alarms do no harm.
    """
    return _step_up(p, 1.0)


def benjamini_yekutieli(p: Floats) -> Floats:
    """Adjust for the share of false claims under any dependence (Benjamini & Yekutieli 2001)."""
    return _step_up(p, float((1 / np.arange(1, len(p) + 1)).sum()) if len(p) else 1.0)


def _step_up(p: Floats, penalty: float) -> Floats:
    order = np.argsort(p, kind="stable")[::-1]
    factors = penalty * len(p) / np.arange(len(p), 0, -1)
    return _placed(np.minimum.accumulate(p[order] * factors), order)


def _placed(adjusted: Floats, order: NDArray[np.intp]) -> Floats:
    placed = np.empty(len(order))
    placed[order] = np.minimum(1.0, adjusted)
    return placed


FEWEST_CLUSTERS = 10
"""Independent units below which a mean is not tested."""


def above_p(hits: Floats, tolerance: float, clusters: Clusters) -> float:
    """The one-sided p that records are 1 with a chance of at most `tolerance`; NaN values left out.

    Exact binomial for independent records. With clusters the units are clusters with any hit: under the claim the
    chance of one is at most min(1, tolerance x records) however its records hang together (union bound), and the
    number of such clusters has no heavier tail than a binomial of the mean chance (Hoeffding 1956, from one above
    its mean on).

    >>> units = Clusters(codes=np.arange(100), count=100)
    >>> round(above_p(np.r_[np.ones(5), np.zeros(95)], 0.01, units), 4)
    0.0034
    """
    known = ~np.isnan(hits)
    sizes = np.bincount(clusters.codes[known], minlength=clusters.count)
    is_hit = np.bincount(clusters.codes[known], weights=hits[known], minlength=clusters.count) > 0
    occupied = sizes > 0
    n, k = int(occupied.sum()), int(is_hit.sum())
    if not n or not k:
        return 1.0
    chance = float(np.minimum(1.0, tolerance * sizes[occupied]).mean())
    if k < n * chance + 1 and not clusters.are_records:
        return 1.0
    return min(1.0, max(0.0, 1 - binomial_cdf(k - 1, n, chance))) if chance < 1 else 1.0


def mean_p(values: Floats, clusters: Clusters) -> float:
    """The one-sided p that the mean is at most 0; NaN values left out, NaN with fewer than 10 units.

    Student's t, with clusters that of `spread`.
    """
    known = ~np.isnan(values)
    if distinct(clusters.codes[known]) < FEWEST_CLUSTERS:
        return math.nan
    return spread(values[known], clusters.codes[known]).above(float(values[known].mean()))


def mean(values: Floats, clusters: Clusters, *, level: float = 0.95) -> Estimate:
    """The mean with Student's t interval, whole clusters as units; NaN values left out.

    Where all are alike nothing is known of their spread: then, within [-1, 1], the score interval of a share as large,
    which asks for none.
    """
    known = ~np.isnan(values)
    n, count = int(known.sum()), distinct(clusters.codes[known])
    if count < 2:
        return unmeasured(f"too few: {count} {'unit' if count == 1 else 'units'}", n=n)
    value = float(values[known].mean())
    within = spread(values[known], clusters.codes[known])
    if within.is_none:
        return _mean_of_equals(value, within, level=level)
    half = within.quantile(level) * within.error
    kind = "Student t" if count == n else f"Student t of clusters{within.note}"
    return Estimate(
        value=value, low=value - half, high=value + half, n=n, method=kind, level=level,
        clusters=None if count == n else count,
    )  # fmt: skip


def _mean_of_equals(value: float, within: Spread, *, level: float) -> Estimate:
    if abs(value) > 1:
        return unmeasured(ALL_EQUAL, n=within.n)
    size = wilson(abs(value), n=within.n, effective_n=within.count, level=level)
    return replace(
        size,
        value=value,
        low=size.low if value > 0 else -size.high,
        high=-size.low if value < 0 else size.high,
        method="all values are equal, score interval",
        clusters=None if within.count == within.n else within.count,
    )


def trend(y: Floats, x: Floats, clusters: Clusters) -> tuple[Estimate, float]:
    """The slope of y on x, and the one-sided p that it is at most 0; pairs with a NaN left out.

    The score test of Cochran (1954) and Armitage (1955) with the variance from whole clusters (`spread`); the interval
    belongs to the same test. NaN with fewer than 10 units, or without any difference in x.
    """
    known = ~np.isnan(y) & ~np.isnan(x)
    count, n = distinct(clusters.codes[known]), int(known.sum())
    if count < FEWEST_CLUSTERS or np.ptp(x[known]) <= SMALLEST:
        return unmeasured(f"too few: {count} units that differ", n=n), math.nan
    if np.ptp(y[known]) <= SMALLEST:
        return unmeasured(ALL_EQUAL, n=n), 1.0
    away = x[known] - x[known].mean()
    weights = away / float((away**2).sum())
    slope = float(weights @ y[known])
    under_claim = spread(y[known], clusters.codes[known], weights=weights)
    about_slope = spread(y[known] - slope * away, clusters.codes[known], weights=weights)
    if about_slope.is_none:
        nothing = unmeasured(f"too few: {n} values follow a line without exception, so their spread is unknown", n=n)
        return nothing, under_claim.above(slope)
    half = about_slope.quantile(0.95) * about_slope.error
    kind = "slope, Student t" if count == n else f"slope, Student t of clusters{about_slope.note}"
    slope_estimate = Estimate(
        value=slope, low=slope - half, high=slope + half, n=n, method=kind, clusters=None if count == n else count
    )
    return slope_estimate, under_claim.above(slope)


FEWEST_IN_GROUP = 5
"""Records that a group must have to be tested at all."""


def excess_p(failed: Floats, inside: NDArray[np.bool_], clusters: Clusters) -> float:
    """The one-sided p that records inside the group fail no more often than the others; NaN with too few.

    Fisher's exact test where records are independent. With clusters a score test: the difference of the two rates
    over its standard error when all fail alike, whole clusters as units (`spread`).
    """
    known = ~np.isnan(failed)
    here, rest = known & inside, known & ~inside
    n, others = int(here.sum()), int(rest.sum())
    if n < FEWEST_IN_GROUP or others < FEWEST_IN_GROUP:
        return math.nan
    if clusters.are_records:
        return hypergeometric_tail(int(failed[here].sum()), n, marked=int(failed[known].sum()), total=n + others)
    values, codes = failed[known], clusters.codes[known]
    if distinct(codes) < 2:
        return math.nan
    weights = np.where(inside[known], 1 / n, -1 / others)
    within = spread(values, codes, weights=weights)
    return within.tail(float(weights @ values) / within.error) if not within.is_none else 1.0


DECIDES = 20.0
"""Evidence from which on a claim is made: at most 1 / 20 of all cases without a difference ever reach it."""
_STAKES = 400
_CHUNK = 10_000


def e_value(fixed: int, broken: int) -> float:
    """The evidence that fixed and broken are not equally likely: 2^(b+c) Beta(b+1, c+1).

    A bet on every discordant record with a uniform prior on its side. Stop when it reaches 1 / alpha (20 for 5%):
    by Ville's inequality that happens in at most alpha of all cases without a difference, however often one looks.

    >>> round(e_value(121, 59))
    4731
    """
    if fixed < 0 or broken < 0:
        raise ValueError(f"counts can't be negative, got {fixed} and {broken}")
    logarithm = (fixed + broken) * math.log(2) + log_beta(fixed + 1, broken + 1)
    return math.exp(min(logarithm, 700.0))


def mean_evidence(values: Floats, codes: NDArray[np.int64], *, bound: float) -> float:
    """The evidence that the mean of values in [-bound, bound] is not 0, whole clusters being one bet.

    1/2 the integral over l from -1 to 1 of the product of 1 + l x, where x is the sum of a cluster over the largest
    that it could be: the wealth of all steady bets at once (Cover 1991; Waudby-Smith & Ramdas 2024, section 4). Each
    bet is fair while the mean is 0, whatever the values are, so the rule of `e_value` holds: 20 decides, however often
    one looks. For independent values of -1, 0 and 1 and a bound of 1 it *is* `e_value`.

    >>> round(mean_evidence(np.repeat([1.0, 0.0, -1.0], [12, 30, 2]), np.arange(44), bound=1))
    12
    """
    sums = np.bincount(codes, weights=values)
    largest = bound * int(np.bincount(codes).max(initial=1))
    bets, counts = np.unique(np.round(sums[sums != 0] / largest, 9), return_counts=True)
    stakes = (np.arange(_STAKES) + 0.5) * 2 / _STAKES - 1
    wealth = np.zeros(_STAKES)
    for start in range(0, len(bets), _CHUNK):
        part = slice(start, start + _CHUNK)
        wealth += np.log1p(np.outer(stakes, bets[part])) @ counts[part]
    top = float(wealth.max())
    return math.exp(min(top + math.log(float(np.exp(wealth - top).mean())), 700.0))


def evidence_of_lead(gains: Floats, codes: NDArray[np.int64], best: int) -> float:
    """The evidence that a stage gains more than each other one; the weakest counts (intersection-union).

    `gains` is records x stages, each in [-1, 1], NaN where a record has none. A stage alone is held against nothing.
    """
    known = ~np.isnan(gains).any(axis=1)
    own, codes = gains[known, best], codes[known]
    leads = [own - gains[known, i] for i in range(gains.shape[1]) if i != best]
    if not leads:
        return mean_evidence(own, codes, bound=1.0)
    return min(mean_evidence(lead, codes, bound=2.0) for lead in leads)


def confidence_sequence(values: Floats, *, level: float = 0.95, grid: int = 1_000) -> Estimate:
    """The mean of values in [0, 1], in the order they came, with an interval that holds at every look at once.

    Hedged betting with predictable plug-in stakes (Waudby-Smith & Ramdas 2024, theorem 3): a candidate mean is kept
    while neither bet against it has multiplied its stake by 2 / alpha. The records must come in random order.
    """
    n = len(values)
    if n < 2:
        return unmeasured(f"too few: {n} {'value' if n == 1 else 'values'}", n=n)
    if values.min() < 0 or values.max() > 1:
        raise ValueError("the values must lie between 0 and 1")
    alpha = 1 - level
    t = np.arange(1, n + 1)
    running = (0.5 + np.cumsum(values)) / (t + 1)
    spread = (0.25 + np.cumsum((values - running) ** 2)) / (t + 1)
    before = np.concatenate([[0.25], spread[:-1]])
    stakes = np.sqrt(2 * math.log(2 / alpha) / (before * t * np.log(t + 1)))
    candidates = (np.arange(grid) + 0.5) / grid
    up = np.zeros(grid)
    down = np.zeros(grid)
    plausible = np.ones(grid, dtype=np.bool_)
    for value, stake in zip(values.tolist(), stakes.tolist(), strict=True):
        distance = value - candidates
        up += np.log1p(np.minimum(stake, 0.5 / candidates) * distance)
        down += np.log1p(-np.minimum(stake, 0.5 / (1 - candidates)) * distance)
        plausible &= np.maximum(up, down) + math.log(0.5) < math.log(1 / alpha)
    inside = candidates[plausible]
    mean = float(values.mean())
    half = 0.5 / grid
    low, high = (float(inside[0]) - half, float(inside[-1]) + half) if len(inside) else (mean, mean)
    return Estimate(
        value=mean, low=min(low, mean), high=max(high, mean), n=n, method="betting confidence sequence", level=level
    )


STEADY_STAKES = 60
"""Stakes between 0 and 1 that `restarted_evidence` bets at once."""
_SPAN = 7.942
"""2 log(1 / a) + log(1 + 2 log(1 / a)) for a = 0.05: where such a mixture is narrowest (Howard et al. 2021)."""
_NARROWEST_AT = 100
"""Values at which `running_mean` is narrowest."""


def restarted_evidence(payoffs: Floats, batches: NDArray[np.int64], *, count: int) -> Floats:
    """The evidence after each of `count` batches that some payoffs have a mean above 0, from some batch on.

    `payoffs` are at least -1, `batches` say when each came, from 0 on. A bettor starts anew with every batch k, with
    1 / (k (k + 1)) of the money, and spreads it evenly over steady stakes between 0 and 1 (Cover 1991). While every
    payoff has a mean of at most 0 given all before it, the whole is a supermartingale that starts at 1, so it reaches
    1 / a in at most a share a of all cases, however often one looks (Ville 1939); bettors that start later lose
    nothing to the good times before a change (Shin, Ramdas & Rinaldo 2023).
    """
    stakes = (np.arange(STEADY_STAKES) + 0.5) / STEADY_STAKES
    started = np.zeros(STEADY_STAKES)
    evidence = np.ones(count)
    for batch in range(count):
        gains = np.log1p(np.outer(stakes, payoffs[batches == batch])).sum(axis=1)
        started = np.minimum((started + 1 / ((batch + 1) * (batch + 2))) * np.exp(np.minimum(gains, 600.0)), 1e300)
        evidence[batch] = float(started.mean()) + 1 / (batch + 2)
    return evidence


def likeliest_start(payoffs: Floats, batches: NDArray[np.int64], *, count: int) -> int:
    """The batch from which on the bettors of `restarted_evidence` have won most."""
    stakes = (np.arange(STEADY_STAKES) + 0.5) / STEADY_STAKES
    won = np.zeros(count)
    for start in range(count):
        gains = np.log1p(np.outer(stakes, payoffs[batches >= start])).sum(axis=1)
        won[start] = float(np.logaddexp.reduce(gains)) - math.log((start + 1) * (start + 2))
    return int(won.argmax())


def running_mean(values: Floats, *, low: float = 0.0, high: float = 1.0) -> Estimate:
    """The mean of values within `low` and `high`, with a 95% interval that holds after every value at once.

    What it holds is the mean of what each value was expected to be, which may drift: a mixture over normal bets on sums
    of bounded values (Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon 2021, proposition 5). Where the mean does not
    drift, `confidence_sequence` is narrower.

    >>> e = running_mean(np.repeat([1.0, 0.0], [90, 10]))
    >>> round(e.low, 2), round(e.value, 2), round(e.high, 2)
    (0.75, 0.9, 1.0)
    """
    n = len(values)
    if not n:
        return unmeasured("not measured: nothing was drawn and answered yet")
    spread = ((high - low) / 2) ** 2
    variance, width = n * spread, _NARROWEST_AT * spread / _SPAN
    half = math.sqrt((variance + width) * math.log((variance + width) / (width * 0.05**2))) / n
    mean = float(values.mean())
    return Estimate(
        value=mean,
        low=max(low, mean - half),
        high=min(high, mean + half),
        n=n,
        method="normal mixture confidence sequence of bounded values",
    )
