"""Collapse equal rows into patterns with counts, and draw how often each is resampled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

POOLS = 2_000
"""Rows are resampled in this many random pools when there are more distinct ones than that.

A pool of independent rows is as good a unit as a row; the price is a relative error of about sqrt(2 / POOLS) = 3%
in the estimated variance, against a cost that no longer grows with n."""

_PROBE = 4 * POOLS
_CHUNK = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """Distinct rows and how often each occurs; order does not depend on the order of the rows."""

    rows: Floats
    counts: NDArray[np.int64]

    @property
    def total(self) -> int:
        return int(self.counts.sum())


def collapse(rows: Floats, *, rng: np.random.Generator) -> Patterns:
    """Give the distinct rows with their counts, or random pools of rows where nearly every row is distinct."""
    total = len(rows)
    if total > _PROBE and len(_distinct(rows[:_PROBE])[1]) > POOLS:
        return _pooled(rows, rng=rng)
    first, counts = _distinct(rows)
    return _pooled(rows, rng=rng) if len(counts) > 2 * POOLS else Patterns(rows=rows[first], counts=counts)


def _distinct(rows: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give an example's index and the count of every distinct row, sorted by value."""
    code = np.zeros(len(rows), dtype=np.int64)
    radix = 1
    for column in rows.T:
        values, low = _codes(column)
        if radix * values > 1 << 40:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
            radix = int(code.max(initial=0)) + 1
        code = code * values + low
        radix *= values
    _, first, counts = np.unique(code, return_index=True, return_counts=True)
    return first.astype(np.int64), counts.astype(np.int64)


def _codes(column: Floats) -> tuple[int, NDArray[np.int64]]:
    """Give the number of possible codes and the code of each value; small whole numbers are their own code."""
    if len(column) and column.min() >= 0 and column.max() < 64:
        small = column.astype(np.int64)
        if np.array_equal(small, column):
            return int(small.max()) + 1, small
    values, codes = np.unique(column, return_inverse=True)
    return max(1, len(values)), codes.astype(np.int64)


def _pooled(rows: Floats, *, rng: np.random.Generator) -> Patterns:
    order = rng.permutation(len(rows))
    starts = np.linspace(0, len(rows), POOLS, endpoint=False).astype(np.int64)
    return Patterns(rows=np.add.reduceat(rows[order], starts, axis=0), counts=np.ones(POOLS, dtype=np.int64))


def draws(patterns: Patterns, *, resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield how often each pattern occurs in resamples of `total` rows, some resamples at a time.

    Multinomial; drawn row by row where that is cheaper than pattern by pattern.
    """
    distinct, total = len(patterns.counts), patterns.total
    by_row = total <= 4 * distinct
    width = total if by_row else distinct
    step = max(1, _CHUNK // width)
    owner = np.repeat(np.arange(distinct), patterns.counts) if by_row else None
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if owner is None:
            yield rng.multinomial(total, patterns.counts / total, size=size)
        else:
            picked = owner[rng.integers(0, total, size=(size, total))] + np.arange(size)[:, None] * distinct
            yield np.bincount(picked.ravel(), minlength=size * distinct).reshape(size, distinct)
