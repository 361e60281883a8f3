"""Tests and intervals that stay valid when somebody looks after every record."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import log_beta

Floats = NDArray[np.float64]


def e_value(fixed: int, broken: int) -> float:
    """Give the evidence that fixed and broken are not equally likely: 2^(b+c) Beta(b+1, c+1).

    A bet on every discordant record with a uniform prior on its side. Stop when it reaches 1 / alpha (20 for 5%):
    by Ville's inequality that happens in at most alpha of all cases without a difference, however often one looks.

    >>> round(e_value(121, 59))
    4731
    """
    if fixed < 0 or broken < 0:
        raise ValueError(f"counts can't be negative, got {fixed} and {broken}")
    logarithm = (fixed + broken) * math.log(2) + log_beta(fixed + 1, broken + 1)
    return math.exp(min(logarithm, 700.0))


def confidence_sequence(values: Floats, *, level: float = 0.95, grid: int = 1_000) -> Estimate:
    """Give the mean of values in [0, 1], in the order they came, with an interval that holds at every look at once.

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
    kept = np.ones(grid, dtype=np.bool_)
    for value, stake in zip(values.tolist(), stakes.tolist(), strict=True):
        distance = value - candidates
        up += np.log1p(np.minimum(stake, 0.5 / candidates) * distance)
        down += np.log1p(-np.minimum(stake, 0.5 / (1 - candidates)) * distance)
        kept &= np.maximum(up, down) + math.log(0.5) < math.log(1 / alpha)
    inside = candidates[kept]
    mean = float(values.mean())
    half = 0.5 / grid
    low, high = (float(inside[0]) - half, float(inside[-1]) + half) if len(inside) else (mean, mean)
    return Estimate(
        value=mean, low=min(low, mean), high=max(high, mean), n=n, method="betting confidence sequence", level=level
    )
