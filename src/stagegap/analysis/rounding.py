"""Whole percents and points that add up on paper."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stagegap.model.estimate import Estimate


def percent(value: float) -> int:
    """Give a share as a whole percent, halves away from zero.

    >>> percent(0.565), percent(-0.005)
    (57, -1)
    """
    return int(math.copysign(math.floor(abs(value) * 100 + 0.5 + 1e-9), value))


def whole(value: float) -> int:
    """Give a number as a whole one, halves away from zero.

    >>> whole(2.5), whole(-0.5)
    (3, -1)
    """
    return percent(value / 100)


def whole_points(parts: Sequence[float], total: int) -> tuple[int, ...]:
    """Round parts (as shares) to whole points that add up to the printed total, by largest remainder.

    >>> whole_points([0.004, 0.203, 0.073], 28)
    (1, 20, 7)
    """
    exact = [part * 100 for part in parts]
    points = [math.floor(value + 1e-9) for value in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (points[i] - exact[i], i))
    left = total - sum(points)
    while left and points:
        step = 1 if left > 0 else -1
        for i in by_remainder if step > 0 else reversed(by_remainder):
            if left:
                points[i] += step
                left -= step
    return tuple(points)


def staircase(system: float, gains: Sequence[float], ceiling: float) -> tuple[int, tuple[int, ...], int]:
    """Give system, steps and ceiling in whole points such that the printed steps lead from one to the other.

    >>> staircase(0.56, [0.006, 0.197, 0.077], 0.84)
    (56, (0, 20, 8), 84)
    """
    first, last = percent(system), percent(ceiling)
    return first, whole_points(gains, last - first), last


def printed_gains(system: Estimate, gains: Sequence[Estimate], ceiling: Estimate) -> tuple[int, ...]:
    """Give gains in whole points, as every view prints them: from the printed outcome to the printed ceiling.

    Where a gain or the ceiling is not measured nothing adds up, and each is rounded alone; 0 where there is none.
    """
    if ceiling.is_measured and all(gain.is_measured for gain in gains):
        return staircase(system.value, [gain.value for gain in gains], ceiling.value)[1]
    return tuple(percent(gain.value) if gain.is_measured else 0 for gain in gains)
