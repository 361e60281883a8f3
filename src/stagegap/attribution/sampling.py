"""Shapley values by sampled orders, for cascades with too many stages for all swap sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
    separation: float = 2.0,
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
        found = _summary(np.array(rounds), separation=separation)
        if orders >= at_most or (orders >= at_least and len(rounds) >= 5 and found[3]):
            values, errors, differences, is_decided = found
            return SampledShapley(
                values=values,
                standard_errors=errors,
                difference_errors=differences,
                orders=orders,
                sets=known.cache_info().currsize,
                is_decided=is_decided,
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


def _summary(rounds: Floats, *, separation: float) -> tuple[Floats, Floats, Floats, bool]:
    count, k = rounds.shape
    values = rounds.mean(axis=0)
    if count < 2:
        unknown = np.full(k, np.inf)
        return values, unknown, np.full((k, k), np.inf), False
    errors = rounds.std(axis=0, ddof=1) / np.sqrt(count)
    differences = (rounds[:, :, None] - rounds[:, None, :]).std(axis=0, ddof=1) / np.sqrt(count)
    if k == 1:
        return values, errors, differences, True
    first, second = np.argsort(-values)[:2]
    lead = values[first] - values[second]
    return values, errors, differences, bool(lead > separation * differences[first, second])
