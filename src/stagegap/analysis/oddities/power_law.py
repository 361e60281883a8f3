"""A power law fitted to errors by size, and where it leads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.oddities.columns import Floats, LearningCurve
from stagegap.model.estimate import Estimate
from stagegap.stats.clusters import Clusters

BOOTSTRAPS = 200
RATES = np.geomspace(0.05, 3.0, 80)
AHEAD = 4
"""How many times the largest size it is asked where the curve leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """error = level + drop x size^-rate; the level is what is left however much is added."""

    level: float
    drop: float
    rate: float

    def at(self, size: float) -> float:
        return self.level + self.drop * size**-self.rate

    def size_for(self, error: float) -> float:
        """The size at which the curve comes down to an error; infinite where it never does."""
        left = error - self.level
        return math.inf if left <= 0 or self.drop <= 0 else (self.drop / left) ** (1 / self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Where a curve leads if it goes on as it began."""

    law: PowerLaw
    level: Estimate
    """What is left however much is added."""
    size: int
    """Four times the largest that was tried."""
    error: Estimate
    """At that size."""


def fitted(sizes: Sequence[float], errors: Floats) -> PowerLaw:
    """Fit the power law by least squares: level and drop at least 0, the rate one of 80 between 0.05 and 3.

    >>> law = fitted([10, 30, 100, 300], np.array([0.1 + n**-0.5 for n in (10, 30, 100, 300)]))
    >>> round(law.level, 2), round(law.rate, 1)
    (0.1, 0.5)
    """
    level, drop, rate = _fits(sizes, errors[None, :])
    return PowerLaw(level=float(level[0]), drop=float(drop[0]), rate=float(rate[0]))


def _fits(sizes: Sequence[float], errors: Floats) -> tuple[Floats, Floats, Floats]:
    """Fit each row of errors; for a given rate the other two are a straight line, kept from going below 0."""
    basis = np.array(sizes, dtype=float)[None, :] ** -RATES[:, None]
    centre = basis.mean(axis=1, keepdims=True)
    spread = ((basis - centre) ** 2).sum(axis=1)
    middle = errors.mean(axis=1)
    drop: Floats = np.maximum(
        ((errors[:, None, :] - middle[:, None, None]) * (basis - centre)).sum(axis=2) / spread, 0.0
    )
    level: Floats = middle[:, None] - drop * centre[:, 0]
    through: Floats = np.maximum((errors[:, None, :] * basis).sum(axis=2) / (basis**2).sum(axis=1), 0.0)
    drop = np.asarray(np.where(level < 0, through, drop), dtype=np.float64)
    level = np.maximum(level, 0.0)
    left: Floats = ((errors[:, None, :] - level[:, :, None] - drop[:, :, None] * basis) ** 2).sum(axis=2)
    best: NDArray[np.intp] = left.argmin(axis=1)
    rows = np.arange(len(errors))
    return level[rows, best], drop[rows, best], RATES[best]


def ahead_of(curve: LearningCurve, units: Clusters, *, rng: np.random.Generator) -> Ahead:
    """Fit the curve and say where it leads, with intervals from resampled seeds and clusters at once."""
    known = np.flatnonzero(scored(curve))
    dev = curve.dev[:, :, known]
    law = fitted(curve.sizes, dev.mean(axis=(0, 2)))
    codes = np.unique(units.codes[known], return_inverse=True)[1]
    count = int(codes.max()) + 1
    sums = np.stack([np.bincount(codes, weights=row, minlength=count) for row in dev.reshape(-1, len(known))])
    sizes = np.bincount(codes, minlength=count)
    shape = dev.shape[:2]
    drawn = np.empty((BOOTSTRAPS, shape[1]))
    for draw in range(BOOTSTRAPS):
        picked = rng.integers(0, count, count)
        errors = (sums[:, picked].sum(axis=1) / sizes[picked].sum()).reshape(shape)
        drawn[draw] = errors[rng.integers(0, shape[0], shape[0])].mean(axis=0)
    levels, drops, rates = _fits(curve.sizes, drawn)
    size = AHEAD * curve.sizes[-1]

    def between(value: float, draws: Floats) -> Estimate:
        low, high = np.quantile(draws, [0.025, 0.975]).tolist()
        method = f"bootstrap of seeds and clusters, {BOOTSTRAPS} resamples"
        return Estimate(value=value, low=min(low, value), high=max(high, value), n=len(known), method=method)

    return Ahead(
        law=law,
        level=between(law.level, levels),
        size=size,
        error=between(law.at(size), levels + drops * float(size) ** -rates),
    )


def scored(curve: LearningCurve) -> NDArray[np.bool_]:
    """The records that have an error at every size and seed."""
    return ~np.isnan(curve.dev.sum(axis=(0, 1)))
