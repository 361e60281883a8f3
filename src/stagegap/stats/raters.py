"""People of different care: what most likely is right, means over them, and whether a judge may stand in for one."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.stats.distributions import t_quantile
from stagegap.stats.resample import Resamples
from stagegap.stats.significance import benjamini_yekutieli
from stagegap.stats.spread import Spread, clusters, distinct, spread

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DawidSkene:
    """A fitted model: how common each category is, how each rater errs, and what each item is."""

    shares: Floats
    """Per category: estimated share of the items."""
    confusion: Floats
    """Raters x true category x given category; each row adds up to 1, NaN for a category no item can be."""
    chances: Floats
    """Items x categories: probability of each category."""
    log_likelihood: float
    """Of the ratings, natural logarithm, without constants for repeats."""
    rounds: int
    converged: bool


def dawid_skene(
    counts: Floats, *, smoothing: float = 0.01, most_rounds: int = 1_000, tolerance: float = 1e-9
) -> DawidSkene:
    """Fit by EM from vote shares; `counts` is raters x items x categories (how often the rater said so).

    `smoothing` is added to each cell of each rater's table so that a rater with few ratings is not taken to be
    infallible; 0 gives the model as published. Needs overlap: with one rating an item nothing can be learned.
    Raises: ValueError when an item has no rating.
    """
    per_item = counts.sum(axis=(0, 2))
    if not len(per_item) or (per_item == 0).any():
        raise ValueError("every item needs a rating")
    fit = _fit(counts, counts.sum(axis=0) / per_item[:, None], smoothing=smoothing)
    for done in range(1, most_rounds):
        after = _fit(counts, fit.chances, smoothing=smoothing)
        if after.log_likelihood - fit.log_likelihood < tolerance:
            return replace(after, rounds=done + 1, converged=True)
        fit = after
    return replace(fit, rounds=most_rounds)


def _fit(counts: Floats, chances: Floats, *, smoothing: float) -> DawidSkene:
    """Do one round of EM: tables from the items' chances, then the chances from the tables."""
    shares = chances.mean(axis=0)
    table = np.einsum("ik,ril->rkl", chances, counts) + smoothing
    totals = table.sum(axis=2, keepdims=True)
    confusion = np.divide(table, totals, out=np.full_like(table, np.nan), where=totals > 0)
    with np.errstate(divide="ignore"):
        logs = np.log(np.where(np.isnan(confusion), 1.0, confusion))
        prior = np.log(shares)
    # A rating that nobody gave says nothing, also where its logarithm is minus infinity.
    given = counts[:, :, None, :] > 0
    nothing = np.zeros((*counts.shape, counts.shape[2]))
    per_rating = np.multiply(counts[:, :, None, :], logs[:, None], out=nothing, where=given)
    joint = prior + per_rating.sum(axis=(0, 3))
    top = joint.max(axis=1, keepdims=True)
    scaled = np.exp(joint - top)
    return DawidSkene(
        shares=shares,
        confusion=confusion,
        chances=scaled / scaled.sum(axis=1, keepdims=True),
        log_likelihood=float((np.log(scaled.sum(axis=1)) + top[:, 0]).sum()),
        rounds=1,
        converged=False,
    )


FEW_PEOPLE = 10
"""Below this many people the interval says so: the spread between people is estimated from very few."""


def over_people(drawn: Resamples, weights: Mapping[str, float], *, without: Sequence[float], lowest: float) -> Estimate:
    """A mean, or a paired difference of means, over records and people: `two_way` on resamples.

    `weights` are one column of weight 1, or columns that hold the same records; `without` is the same figure with each
    person left out.
    """
    names = list(weights)
    records = drawn.mean(names[0]) if len(names) == 1 else drawn.contrast(weights)
    if not records.is_measured:
        return records
    return two_way(records, within=drawn.spread(weights), without=np.array(without), lowest=lowest)


def two_way(records: Estimate, *, within: Spread, without: NDArray[np.float64], lowest: float) -> Estimate:
    """Widen the interval of a mean over records by the uncertainty of which people were asked.

    `within` is how sure the mean is over records (or clusters of them), `without` the same mean with each person left
    out. The variances add up (Owen 2007, Cameron, Gelbach & Miller 2011; their overlap is not taken off, which errs
    on the wide side); Student's quantile with one less than the number of people. With two people nobody can be left
    out, and the interval holds the records alone, as `method` says.
    """
    known = without[~np.isnan(without)]
    people = len(known)
    if people < 3:
        return _named(records, f"{records.method}; over records only: fewer than 3 labellers can't be jackknifed")
    between = (people - 1) / people * float(((known - known.mean()) ** 2).sum())
    total = within.variance + between
    doubt = within.variance**2 / within.freedom + between**2 / (people - 1)
    freedom = total**2 / doubt if doubt > 0 else 1.0
    half = t_quantile((1 + records.level) / 2, freedom) * math.sqrt(total)
    few = f", only {people} of them" if people < FEW_PEOPLE else f", {people} of them"
    return Estimate(
        value=records.value,
        low=max(lowest, min(records.low, records.value - half)),
        high=min(1.0, max(records.high, records.value + half)),
        n=records.n,
        method=f"records and labellers by jackknife{few}, Student t{within.note}",
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

    NaN for one unit.
    """
    if distinct(codes) < 2:
        return math.nan
    return spread(values, codes).above(bound - float(values.mean()))


def agreeing(rating: object, others: Sequence[object]) -> float:
    """The share of the others who gave the same rating."""
    return sum(rating == other for other in others) / len(others)


def closeness(rating: float, others: Sequence[float]) -> float:
    """Minus the root mean squared distance to the others' ratings."""
    return -math.sqrt(sum((rating - other) ** 2 for other in others) / len(others))
