"""Ceiling analysis: what references at one stage more add to the outcome, and how far all of them bring it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stagegap.attribution.shapley import SampledOrders
from stagegap.model.estimate import Estimate
from stagegap.stats.paired import mcnemar, sign_flip_p
from stagegap.stats.resample import Resamples
from stagegap.stats.spread import Clusters

Floats = NDArray[np.float64]
Weights = Mapping[str, float]
"""A figure as a weighted sum of columns, by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a stage's references add, those of all that it depends on being there already."""

    stage: str
    gain: Estimate
    share: float
    """Of the headroom (gain / headroom); NaN when there is no headroom. Negative gains are kept."""
    fixed: int
    """Records that became good (for an outcome that is not 0/1, or on the mean over several orders: rose)."""
    broken: int
    """Records that became bad (fell)."""
    p: float
    """That the gain is 0, two-sided: McNemar's exact p, for clusters and graded outcomes its sign-flip test."""
    p_first: float
    """Share of resamples in which this step is the largest; ties are split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The way from the system to references everywhere."""

    system: Estimate
    ceiling: Estimate
    headroom: Estimate
    steps: tuple[Step, ...]

    def step(self, stage: str) -> Step:
        """The step of a stage. Raises: StopIteration where there is none of that name."""
        return next(step for step in self.steps if step.stage == stage)


def increments(prefix_scores: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The steps between scores with 0, 1, ... k stages right, and their shares of the headroom.

    Source: Ng, Machine Learning (Coursera 2011), lecture 18, ceiling analysis.

    >>> steps, shares = increments([72, 89, 90, 100])
    >>> steps, [round(share, 4) for share in shares]
    ((17, 1, 10), [0.6071, 0.0357, 0.3571])
    """
    steps = tuple(after - before for before, after in pairwise(prefix_scores))
    headroom = prefix_scores[-1] - prefix_scores[0]
    return steps, tuple(step / headroom if headroom else math.nan for step in steps)


def complete_cases(outcomes: Sequence[Floats]) -> tuple[Floats, ...]:
    """The outcomes with NaN at every record that lacks one of them, so that the steps add up exactly."""
    missing = np.isnan(np.stack(outcomes)).any(axis=0)
    return tuple(np.where(missing, math.nan, outcome) for outcome in outcomes)


def rises(stages: Sequence[str], columns: Sequence[str]) -> dict[str, Weights]:
    """Each stage's step between columns with 0, 1, ... k stages right, by the names of the columns.

    The same column twice in a row says that the stage can't change the outcome. Raises: ValueError.
    """
    if len(columns) != len(stages) + 1:
        raise ValueError(f"{len(stages)} stages need {len(stages) + 1} outcome columns, got {len(columns)}")
    return {
        stage: {after: 1.0, before: -1.0} if before != after else {}
        for stage, (before, after) in zip(stages, pairwise(columns), strict=True)
    }


def ceiling(
    resamples: Resamples, *, gains: Mapping[str, Weights], system: str, top: str, drawn: SampledOrders | None = None
) -> Ceiling:
    """What each stage gains from columns of complete-case outcomes; `system` and `top` name the two ends.

    A gain without weights says that the stage can't change the outcome: it is exactly 0. `drawn` is what the sampling
    of orders leaves open. Raises: ValueError when the columns hold different records.
    """
    figures = [_gain(resamples, weights, system) for weights in gains.values()]
    if drawn is not None:
        halves = drawn.halves.tolist()
        figures = [
            drawn.widened(gain, half) if weights else gain
            for gain, half, weights in zip(figures, halves, gains.values(), strict=True)
        ]
    first = share_first(drawn_gains(resamples, gains, system))
    headroom = resamples.difference(top, system)
    steps: list[Step] = []
    for (stage, weights), gain, p_first in zip(gains.items(), figures, first, strict=True):
        change = weighed(resamples.columns, weights, system)
        fixed, broken = int((change > 1e-12).sum()), int((change < -1e-12).sum())
        steps.append(
            Step(
                stage=stage,
                gain=gain,
                share=gain.value / headroom.value if headroom.is_measured and headroom.value else math.nan,
                fixed=fixed,
                broken=broken,
                p=_p(change, resamples.clusters, fixed=fixed, broken=broken),
                p_first=p_first if gain.is_measured else math.nan,
            )
        )
    return Ceiling(system=resamples.mean(system), ceiling=resamples.mean(top), headroom=headroom, steps=tuple(steps))


def drawn_gains(resamples: Resamples, gains: Mapping[str, Weights], system: str) -> Floats:
    """The gains in each resample, one column a stage, from draws of their own."""
    means = resamples.means_of({system}.union(*gains.values()))
    return np.stack([weighed(means, weights, system) for weights in gains.values()], axis=1)


def weighed(columns: Mapping[str, Floats], weights: Weights, like: str) -> Floats:
    """The weighted sum of columns; where there are no weights 0, with the gaps of the column `like`."""
    nothing = np.where(np.isnan(columns[like]), np.nan, 0.0)
    return sum((weight * columns[name] for name, weight in weights.items()), nothing)


def _p(change: Floats, clusters: Clusters, *, fixed: int, broken: int) -> float:
    is_counted = np.abs(change[~np.isnan(change)]).sum() == fixed + broken
    if clusters.are_records and is_counted:
        return mcnemar(fixed, broken).p
    return sign_flip_p(change, clusters, rng=np.random.default_rng(0))


def _gain(resamples: Resamples, weights: Weights, system: str) -> Estimate:
    gain = resamples.contrast(weights or {system: 0.0})
    if weights or not gain.is_measured:
        return gain
    return Estimate(value=0.0, low=0.0, high=0.0, n=gain.n, method="exact: this stage can't change the outcome")


def share_first(drawn: Floats) -> tuple[float, ...]:
    """Per column, the share of rows in which it is the largest; rows with ties are split evenly.

    >>> share_first(np.array([[2.0, 1.0], [3.0, 3.0]]))
    (0.75, 0.25)
    """
    usable = drawn[~np.isnan(drawn).any(axis=1)]
    if not len(usable):
        return (math.nan,) * drawn.shape[1]
    is_top = usable >= usable.max(axis=1, keepdims=True) - 1e-12
    return tuple(float(x) for x in (is_top / is_top.sum(axis=1, keepdims=True)).mean(axis=0))
