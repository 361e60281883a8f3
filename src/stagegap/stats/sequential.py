"""Tests and intervals that stay valid when somebody looks after every record."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import log_beta

Floats = NDArray[np.float64]

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
