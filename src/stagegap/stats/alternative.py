"""Whether a judge may stand in for a labeller: the alternative annotator test."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stagegap.stats.significance import benjamini_yekutieli
from stagegap.stats.spread import clusters, distinct, spread

FEWEST_ANNOTATORS = 3
FEWEST_ITEMS = 30

Item = TypeVar("Item")
Rating = TypeVar("Rating")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstOne:
    """The judge against one annotator, both measured by the other annotators."""

    annotator: str
    n: int
    """Items that this annotator, another one and the judge rated."""
    judge_wins: float
    """Share of items on which the judge is at least as close to the others as the annotator."""
    annotator_wins: float
    p: float
    """One-sided, that the annotator's advantage is not below epsilon."""
    rejected: bool
    """After Benjamini-Yekutieli over the annotators."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeTest:
    """Whether the judge may stand in, and how often it does at least as well."""

    winning_rate: float
    """Share of annotators against whom the judge holds; passes from 0.5."""
    advantage: float
    """Mean share of items on which the judge is at least as close to the others as an annotator."""
    passes: bool
    annotators: tuple[AgainstOne, ...]
    left_out: int
    """Annotators with too few items."""
    problem: str
    """Why the answer should not be trusted; empty when nothing speaks against it."""


def alternative_test(
    judge: Mapping[Item, Rating],
    annotators: Mapping[str, Mapping[Item, Rating]],
    *,
    epsilon: float,
    alignment: Callable[[Rating, Sequence[Rating]], float],
    q: float = 0.05,
    fewest_items: int = FEWEST_ITEMS,
    unit: Callable[[Item], Hashable] | None = None,
) -> AlternativeTest:
    """Test whether the judge is as close to the other annotators as each annotator is, up to epsilon.

    `alignment(rating, others)` is larger for closer ratings: `agreeing` for categories. Epsilon is the price of an
    annotator: 0.2 for experts, 0.15 for skilled people, 0.1 for crowd workers. It measures agreement, not truth.
    Annotators who share fewer than `fewest_items` items with the judge and somebody else are left out and counted,
    and so is who shares items of one cluster only. `unit` says which cluster an item belongs to (itself unless given):
    the published test takes items as independent, and would be too sure of twenty questions of one conversation.
    """
    rows = [_against(name, judge, annotators, epsilon, alignment, unit or _itself) for name in annotators]
    usable = [row for row in rows if row.n >= max(2, fewest_items) and not math.isnan(row.p)]
    adjusted = benjamini_yekutieli(np.array([row.p for row in usable], dtype=np.float64))
    decided = tuple(
        AgainstOne(
            annotator=row.annotator,
            n=row.n,
            judge_wins=row.judge_wins,
            annotator_wins=row.annotator_wins,
            p=row.p,
            rejected=bool(p <= q),
        )
        for row, p in zip(usable, adjusted.tolist(), strict=True)
    )
    rate = sum(row.rejected for row in decided) / len(decided) if decided else math.nan
    n = len(decided)
    advantage = sum(row.judge_wins for row in decided) / len(decided) if decided else math.nan
    return AlternativeTest(
        winning_rate=rate,
        advantage=advantage,
        passes=bool(decided) and rate >= 0.5,
        annotators=decided,
        left_out=len(rows) - len(decided),
        problem="" if n >= FEWEST_ANNOTATORS else f"too few: {n} of {FEWEST_ANNOTATORS} annotators",
    )


def _against(
    name: str,
    judge: Mapping[Item, Rating],
    annotators: Mapping[str, Mapping[Item, Rating]],
    epsilon: float,
    alignment: Callable[[Rating, Sequence[Rating]], float],
    unit: Callable[[Item], Hashable],
) -> AgainstOne:
    judge_wins: list[bool] = []
    annotator_wins: list[bool] = []
    units: list[Hashable] = []
    for item, rating in annotators[name].items():
        others = [given[item] for other, given in annotators.items() if other != name and item in given]
        if others and item in judge:
            machine, person = alignment(judge[item], others), alignment(rating, others)
            judge_wins.append(machine >= person)
            annotator_wins.append(person >= machine)
            units.append(unit(item))
    n = len(judge_wins)
    if n < 2:
        return AgainstOne(annotator=name, n=n, judge_wins=math.nan, annotator_wins=math.nan, p=math.nan, rejected=False)
    difference = np.array(annotator_wins, dtype=np.float64) - np.array(judge_wins, dtype=np.float64)
    return AgainstOne(
        annotator=name,
        n=n,
        judge_wins=sum(judge_wins) / n,
        annotator_wins=sum(annotator_wins) / n,
        p=_below(difference, clusters(units).codes, epsilon),
        rejected=False,
    )


def _itself(item: Hashable) -> Hashable:
    return item


def _below(values: NDArray[np.float64], codes: NDArray[np.int64], bound: float) -> float:
    """The one-sided t-test's p that the mean is not below the bound, whole clusters being the units.

    Without a spread it is that of the sign test, so that few equal units are not taken for proof; NaN for one unit.
    """
    units = distinct(codes)
    if units < 2:
        return math.nan
    mean, within = float(values.mean()), spread(values, codes)
    if within.error <= 1e-12:
        return 0.5**units if mean < bound else 1.0
    return within.tail((bound - mean) / within.error)


def agreeing(rating: object, others: Sequence[object]) -> float:
    """The share of the others who gave the same rating."""
    return sum(rating == other for other in others) / len(others)


def closeness(rating: float, others: Sequence[float]) -> float:
    """Minus the root mean squared distance to the others' ratings."""
    return -math.sqrt(sum((rating - other) ** 2 for other in others) / len(others))
