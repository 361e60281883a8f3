"""A mean over records and people at once: how sure it is when both are samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.stats.clusters import distinct, few_clusters
from stagegap.stats.distributions import t_quantile
from stagegap.stats.resample import Resamples

FEW_PEOPLE = 10
"""Below this many people the interval says so: the spread between people is estimated from very few."""


def over_people(drawn: Resamples, weights: Mapping[str, float], *, without: Sequence[float], lowest: float) -> Estimate:
    """A mean, or a paired difference of means, over records and people: `two_way` on resamples.

    `weights` are one column of weight 1, or columns that hold the same records; `without` is the same figure with each
    person left out.
    """
    names = list(weights)
    units = distinct(drawn.clusters.codes[~np.isnan(drawn.columns[names[0]])])
    means = np.sum([weight * drawn.means[name] for name, weight in weights.items()], axis=0)
    known = means[~np.isnan(means)]
    enough = len(known) > 1 and units > 1
    return two_way(
        drawn.mean(names[0]) if len(names) == 1 else drawn.contrast(weights),
        spread=float(known.std()) * math.sqrt(units / (units - 1)) if enough else math.nan,
        without=np.array(without),
        units=units,
        lowest=lowest,
    )


def two_way(records: Estimate, *, spread: float, without: NDArray[np.float64], units: int, lowest: float) -> Estimate:
    """Widen the interval of a mean over records by the uncertainty of which people were asked.

    `spread` is the standard error over records (or clusters of them), `without` the same mean with each person left
    out. The variances add up (Owen 2007, Cameron, Gelbach & Miller 2011; their overlap is not taken off, which errs
    on the wide side); Student's quantile with one less than the number of people. With two people nobody can be left
    out, and the interval holds the records alone, as `method` says.
    """
    known = without[~np.isnan(without)]
    people = len(known)
    if not records.is_measured:
        return records
    if people < 3:
        return _named(records, f"{records.method}; over records only: fewer than 3 people can't be jackknifed")
    between = (people - 1) / people * float(((known - known.mean()) ** 2).sum())
    total = spread**2 + between
    freedom = total**2 / (spread**4 / (units - 1) + between**2 / (people - 1)) if total > 0 else 1.0
    half = t_quantile((1 + records.level) / 2, freedom) * math.sqrt(total)
    few = f", only {people} of them" if people < FEW_PEOPLE else f", {people} of them"
    return Estimate(
        value=records.value,
        low=max(lowest, min(records.low, records.value - half)),
        high=min(1.0, max(records.high, records.value + half)),
        n=records.n,
        method=f"records by bootstrap, people by jackknife{few}, Student t{few_clusters(units)}",
        level=records.level,
        clusters=records.clusters,
    )


def _named(estimate: Estimate, method: str) -> Estimate:
    return Estimate(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        n=estimate.n,
        method=method,
        level=estimate.level,
        clusters=estimate.clusters,
    )
