"""Shapley values by sampled orders, for cascades with too many stages for all swap sets."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate

Floats = NDArray[np.float64]
SEPARATION = 2.0
"""Standard errors of their difference by which the first value must be ahead of the second."""
FEWEST_ROUNDS = 5
"""Rounds below which their spread says too little to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledShapley:
    """Estimated Shapley values and how sure they are, from the sampling of orders alone."""

    values: Floats
    standard_errors: Floats
    difference_errors: Floats
    """k x k: standard error of value i minus value j."""
    orders: int
    """Orders walked; two for each antithetic pair."""
    sets: int
    """Distinct swap sets evaluated: what the sampling costs."""
    is_decided: bool
    """The two largest values differ by at least twice the standard error of their difference."""


def sampled_shapley(
    value: Callable[[frozenset[int]], float],
    k: int,
    *,
    rng: np.random.Generator,
    at_most: int = 2_000,
    at_least: int = 40,
    separation: float = SEPARATION,
) -> SampledShapley:
    """Estimate Shapley values of a set function over stages 0 .. k-1 by random orders.

    Orders come in antithetic pairs (an order and its reverse, Mitchell et al. 2022), and pairs come in rounds of k
    rotations, so that every stage stands at every position equally often (stratified by position). Sampling ends
    when the largest value is `separation` standard errors *of the difference* ahead of the second, or at `at_most`
    orders. Each order's steps add up to v(all) - v(none), so the estimates do too, exactly.
    """
    if k < 1:
        raise ValueError(f"there must be a stage, got k = {k}")
    known = cache(value)
    rounds: list[Floats] = []
    orders = 0
    while True:
        start = rng.permutation(k)
        total = np.zeros(k)
        for turn in range(k):
            order = np.roll(start, turn)
            total += _walk(known, order, k) + _walk(known, order[::-1], k)
            orders += 2
        rounds.append(total / (2 * k))
        spread = summary(np.array(rounds), separation=separation)
        if orders >= at_most or (orders >= at_least and len(rounds) >= FEWEST_ROUNDS and spread.is_decided):
            return SampledShapley(
                values=spread.values,
                standard_errors=spread.errors,
                difference_errors=spread.differences,
                orders=orders,
                sets=known.cache_info().currsize,
                is_decided=spread.is_decided,
            )


def _walk(value: Callable[[frozenset[int]], float], order: NDArray[np.int64], k: int) -> Floats:
    steps = np.zeros(k)
    before: frozenset[int] = frozenset()
    low = value(before)
    for i in order.tolist():
        after = before | {i}
        high = value(after)
        steps[i] = high - low
        before, low = after, high
    return steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What rounds of sampled orders say together: each round is one independent estimate of every value."""

    values: Floats
    errors: Floats
    """Standard error of each value, from the spread of the rounds; infinite with one round."""
    differences: Floats
    """Stages x stages: standard error of value i minus value j."""
    is_decided: bool
    """The two largest values differ by more than `separation` standard errors of their difference."""


def summary(rounds: Floats, *, separation: float = SEPARATION) -> Rounds:
    """Summarise rounds x stages of estimates; the stop rule looks at the difference of the two largest values."""
    count, k = rounds.shape
    values = rounds.mean(axis=0)
    if count < 2:
        unknown = np.full(k, np.inf)
        return Rounds(values=values, errors=unknown, differences=np.full((k, k), np.inf), is_decided=False)
    errors = rounds.std(axis=0, ddof=1) / np.sqrt(count)
    differences = (rounds[:, :, None] - rounds[:, None, :]).std(axis=0, ddof=1) / np.sqrt(count)
    if k == 1:
        return Rounds(values=values, errors=errors, differences=differences, is_decided=True)
    first, second = np.argsort(-values)[:2]
    lead = values[first] - values[second]
    is_decided = bool(lead > separation * differences[first, second])
    return Rounds(values=values, errors=errors, differences=differences, is_decided=is_decided)


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledOrders:
    """What is not known of gains because their orders were sampled, at a level of 95%."""

    halves: Floats
    """Per stage: half the width of the interval that comes from the sampling alone."""
    leads: Floats
    """Stages x stages: the same of the difference of two gains."""
    orders: int
    of: int
    """How many orders there are."""

    def widened(self, estimate: Estimate, half: float) -> Estimate:
        """Put which orders were drawn into an interval: independent of the records, so squares add."""
        if not estimate.is_measured:
            return estimate
        return replace(
            estimate,
            low=max(-2.0, estimate.value - math.hypot(estimate.value - estimate.low, half)),
            high=min(2.0, estimate.value + math.hypot(estimate.high - estimate.value, half)),
            method=f"{estimate.method}; {self.orders:,} of {self.of:,} orders sampled",
        )
