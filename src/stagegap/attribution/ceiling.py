"""Ceiling analysis: what references at one stage more add to the outcome, along the order of the cascade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.stats.clusters import Clusters
from stagegap.stats.paired import mcnemar
from stagegap.stats.resample import Resamples
from stagegap.stats.signflip import sign_flip_p

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one more stage with references adds, references at all earlier stages being there already."""

    stage: str
    gain: Estimate
    share: float
    """Of the headroom (gain / headroom); NaN when there is no headroom. Negative gains are kept."""
    fixed: int
    """Records that became good (for an outcome that is not 0/1: rose)."""
    broken: int
    """Records that became bad (fell)."""
    p: float
    """That the gain is 0, two-sided: McNemar's exact p, for clusters and graded outcomes its sign-flip test."""
    p_first: float
    """Share of resamples in which this step is the largest; ties are split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The whole staircase from the system to references everywhere."""

    system: Estimate
    ceiling: Estimate
    headroom: Estimate
    steps: tuple[Step, ...]


def increments(prefix_scores: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give the steps between scores with 0, 1, ... k stages right, and their shares of the headroom.

    Source: Ng, Machine Learning (Coursera 2011), lecture 18, ceiling analysis.

    >>> steps, shares = increments([72, 89, 90, 100])
    >>> steps, [round(share, 4) for share in shares]
    ((17, 1, 10), [0.6071, 0.0357, 0.3571])
    """
    steps = tuple(after - before for before, after in pairwise(prefix_scores))
    headroom = prefix_scores[-1] - prefix_scores[0]
    return steps, tuple(step / headroom if headroom else math.nan for step in steps)


def complete_cases(outcomes: Sequence[Floats]) -> tuple[Floats, ...]:
    """Give the outcomes with NaN at every record that lacks one of them, so that the steps add up exactly."""
    missing = np.isnan(np.stack(outcomes)).any(axis=0)
    return tuple(np.where(missing, math.nan, outcome) for outcome in outcomes)


def ceiling(resamples: Resamples, *, stages: Sequence[str], columns: Sequence[str]) -> Ceiling:
    """Give the staircase from columns of complete-case outcomes: the system first, then one a stage.

    The same column twice in a row says that the stage can't change the outcome: its gain is exactly 0.
    All figures come from the resamples handed in. Raises: ValueError when the columns hold different records.
    """
    if len(columns) != len(stages) + 1:
        raise ValueError(f"{len(stages)} stages need {len(stages) + 1} outcome columns, got {len(columns)}")
    pairs = list(pairwise(columns))
    gains = [_gain(resamples, before, after) for before, after in pairs]
    drawn = np.stack([resamples.means[after] - resamples.means[before] for before, after in pairs], axis=1)
    first = share_first(drawn)
    headroom = resamples.difference(columns[-1], columns[0])
    steps: list[Step] = []
    for stage, (before, after), gain, p_first in zip(stages, pairs, gains, first, strict=True):
        change = resamples.columns[after] - resamples.columns[before]
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
    return Ceiling(
        system=resamples.mean(columns[0]),
        ceiling=resamples.mean(columns[-1]),
        headroom=headroom,
        steps=tuple(steps),
    )


def _p(change: Floats, clusters: Clusters, *, fixed: int, broken: int) -> float:
    is_counted = np.abs(change[~np.isnan(change)]).sum() == fixed + broken
    if clusters.are_records and is_counted:
        return mcnemar(fixed, broken).p
    return sign_flip_p(change, clusters, rng=np.random.default_rng(0))


def _gain(resamples: Resamples, before: str, after: str) -> Estimate:
    gain = resamples.difference(after, before)
    if before != after or not gain.is_measured:
        return gain
    return Estimate(value=0.0, low=0.0, high=0.0, n=gain.n, method="exact: this stage can't change the outcome")


def share_first(drawn: Floats) -> tuple[float, ...]:
    """Give, per column, the share of rows in which it is the largest; rows with ties are split evenly.

    >>> share_first(np.array([[2.0, 1.0], [3.0, 3.0]]))
    (0.75, 0.25)
    """
    usable = drawn[~np.isnan(drawn).any(axis=1)]
    if not len(usable):
        return (math.nan,) * drawn.shape[1]
    is_top = usable >= usable.max(axis=1, keepdims=True) - 1e-12
    return tuple(float(x) for x in (is_top / is_top.sum(axis=1, keepdims=True)).mean(axis=0))
