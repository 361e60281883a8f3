"""Units of figures, and the one way to print each: everything that prints a number of a view asks here.

A share is printed in whole per cent (`57%`), a difference of shares in whole points with its sign (`+4`, `−4`, `0`),
halves away from zero. A minus is a true minus sign, 0 has no sign, the limits of an interval carry no plus.
A difference is rounded from itself, never taken between two rounded numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from stagegap.model.estimate import Estimate

MISSING = "-"
"""What stands where nothing was measured."""

SMALLEST_PRICE = 1e-9
"""US dollars below which an amount is printed as nothing."""


class Unit(StrEnum):
    """What a figure counts in; a column has one, and its name says nothing about it."""

    SHARE = "share"
    """Part of 1, printed in per cent."""
    POINTS = "points"
    """Difference of two shares, printed in hundredths with its sign."""
    NUMBER = "number"
    """Any other number: a coefficient, a score that is no share."""
    CHANGE = "change"
    """Difference of numbers that are no shares, with its sign and one decimal."""
    THRESHOLD = "threshold"
    """Number that is compared with others of its kind, with three decimals: a confidence."""
    P = "p"
    """p-value or false discovery rate."""
    MONEY = "money"
    """US dollars."""
    SECONDS = "seconds"
    COUNT = "count"
    TEXT = "text"
    FLAG = "flag"
    """Yes or no."""


def percent(value: float) -> int:
    """Whole per cent of a share, or whole points of a difference; halves away from zero.

    >>> percent(0.565), percent(-0.005)
    (57, -1)
    """
    return int(math.copysign(math.floor(abs(value) * 100 + 0.5 + 1e-9), value))


def whole(value: float) -> int:
    """Nearest whole number, halves away from zero.

    >>> whole(2.5), whole(-0.5)
    (3, -1)
    """
    return percent(value / 100)


def minus(text: str) -> str:
    """The text with true minus signs for its hyphens.

    >>> minus("-4 to 6")
    '−4 to 6'
    """
    return text.replace("-", "−")


def signed(points: int) -> str:
    """Whole points with their sign, 0 without one.

    >>> signed(6), signed(-3), signed(0)
    ('+6', '−3', '0')
    """
    return minus(f"{points:+d}") if points else "0"


def share(value: float) -> str:
    """Share in whole per cent.

    >>> share(0.565)
    '57%'
    """
    return f"{minus(str(percent(value)))}%"


def points(difference: float) -> str:
    """Difference of shares in whole points with its sign.

    >>> points(0.2), points(-0.04), points(0.001)
    ('+20', '−4', '0')
    """
    return signed(percent(difference))


def orders_walked(orders: int | None, tolerance: float | None) -> str:
    """How many orders were sampled and how far a value may be from that of all of them; empty where none were.

    >>> orders_walked(40, 0.0123), orders_walked(2, None), orders_walked(None, None)
    ('40 sampled orders (±1.2 points of all orders, 95%)', '2 sampled orders (too few to say how near)', '')
    """
    if orders is None:
        return ""
    if tolerance is None:
        return f"{orders:,} sampled orders (too few to say how near)"
    return f"{orders:,} sampled orders (±{number(100 * tolerance, digits=1)} points of all orders, 95%)"


def number(value: float, digits: int = 2) -> str:
    """Number with so many decimals; a minus only before what is not printed as 0.

    >>> number(1234.5), number(-0.004), number(0.98765, digits=3)
    ('1,234.50', '0.00', '0.988')
    """
    rounded = f"{value:,.{digits}f}"
    return minus(rounded) if rounded.strip("-0.") else rounded.removeprefix("-")


def change(value: float, digits: int = 1) -> str:
    """Difference of numbers with its sign, none before what is printed as 0.

    >>> change(2.46), change(-0.31), change(0.04)
    ('+2.5', '−0.3', '0.0')
    """
    rounded = number(value, digits)
    return f"+{rounded}" if value > 0 and rounded.strip("0.") else rounded


def p_value(value: float) -> str:
    """p-value with three decimals, never as 0.

    >>> p_value(0.0421), p_value(0.00002)
    ('0.042', '<0.001')
    """
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def money(dollars: float) -> str:
    """US dollars, with two digits that count where they are few.

    >>> money(0.00123), money(0.5), money(1234.5), money(-0.02)
    ('$0.0012', '$0.50', '$1,234.50', '−$0.02')
    """
    if dollars < 0:
        return f"−{money(-dollars)}"
    if dollars >= 0.1 or dollars < SMALLEST_PRICE:
        return f"${abs(dollars):,.2f}"
    return f"${float(f'{dollars:.1e}'):.10f}".rstrip("0")


def seconds(length: float) -> str:
    """Length of time in the unit that people would use.

    >>> seconds(0.004), seconds(2.44), seconds(150), seconds(9000), seconds(-3.2), seconds(0.0999), seconds(-1e-8)
    ('4 ms', '2.4 s', '2 min', '2.5 h', '−3.2 s', '100 ms', '0 ms')
    """
    if abs(length) < 1e-7:
        return "0 ms"
    if length < 0:
        return f"−{seconds(-length)}"
    if length < 0.1:
        return f"{length * 1000:.0f} ms" if length >= 0.01 else f"{length * 1000:.2g} ms"
    if length < 100:
        return f"{length:.1f} s"
    return f"{length / 60:.0f} min" if length < 6000 else f"{length / 3600:.1f} h"


def printed(value: float, unit: Unit) -> str:
    """Value in its unit, a dash where it is NaN.

    >>> printed(0.5476, Unit.SHARE), printed(0.5476, Unit.POINTS), printed(12345, Unit.COUNT), printed(400, Unit.NUMBER)
    ('55%', '+55', '12,345', '400')
    """
    if math.isnan(value):
        return MISSING
    match unit:
        case Unit.SHARE:
            return share(value)
        case Unit.POINTS:
            return points(value)
        case Unit.CHANGE:
            return change(value)
        case Unit.THRESHOLD:
            return number(value, 3)
        case Unit.P:
            return p_value(value)
        case Unit.MONEY:
            return money(value)
        case Unit.SECONDS:
            return seconds(value)
        case Unit.COUNT:
            return minus(f"{whole(value):,}")
        case Unit.FLAG:
            return "yes" if value else "no"
        case Unit.NUMBER | Unit.TEXT:
            return number(value, 0 if abs(value) >= 100 else 2)


def between(low: float, high: float, unit: Unit = Unit.POINTS) -> str:
    """Two limits as they stand in an interval: without the sign for per cent and without a plus.

    >>> between(-0.01, 0.24), between(-0.5, 0.25, Unit.NUMBER), between(0.02, 0.5, Unit.MONEY)
    ('−1 to 24', '−0.50 to 0.25', '$0.02 to $0.50')
    """
    if unit in (Unit.SHARE, Unit.POINTS):
        return minus(f"{percent(low)} to {percent(high)}")
    return f"{printed(low, unit)} to {printed(high, unit)}"


def span(estimate: Estimate, unit: Unit = Unit.POINTS) -> str:
    """Interval of an estimate, by default in whole per cent or points.

    >>> span(Estimate(value=0.2, low=-0.01, high=0.24, n=9, method="x"))
    '−1 to 24'
    """
    return between(estimate.low, estimate.high, unit)


def interval(estimate: Estimate, unit: Unit = Unit.POINTS) -> str:
    """Interval with its level, as it stands in a sentence.

    >>> interval(Estimate(value=0.2, low=-0.01, high=0.24, n=9, method="x"))
    '95% interval −1 to 24'
    """
    return f"{share(estimate.level)} interval {span(estimate, unit)}"


def figure(estimate: Estimate, unit: Unit, *, rounded: int | None = None) -> str:
    """Estimate with its interval, or a dash where it is not measured.

    `rounded` are whole points that were rounded together with others so that they add up.

    >>> figure(Estimate(value=0.5476, low=0.4, high=0.7, n=9, method="x"), Unit.POINTS)
    '+55 (40 to 70)'
    >>> figure(Estimate(value=0.45, low=0.39, high=0.52, n=9, method="x"), Unit.SHARE)
    '45% (39 to 52)'
    """
    if not estimate.is_measured:
        return MISSING
    value = printed(estimate.value, unit) if rounded is None else signed(rounded)
    return f"{value} ({span(estimate, unit)})"


def whole_points(parts: Sequence[float], total: int) -> tuple[int, ...]:
    """Parts (as shares) in whole points that add up to the printed total, by largest remainder.

    >>> whole_points([0.004, 0.203, 0.073], 28)
    (1, 20, 7)
    """
    exact = [part * 100 for part in parts]
    floors = [math.floor(value + 1e-9) for value in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (floors[i] - exact[i], i))
    left = total - sum(floors)
    while left and floors:
        step = 1 if left > 0 else -1
        for i in by_remainder if step > 0 else reversed(by_remainder):
            if left:
                floors[i] += step
                left -= step
    return tuple(floors)


def staircase(system: float, gains: Sequence[float], ceiling: float) -> tuple[int, tuple[int, ...], int]:
    """System, steps and ceiling in whole points such that the printed steps lead from one to the other.

    >>> staircase(0.56, [0.006, 0.197, 0.077], 0.84)
    (56, (0, 20, 8), 84)
    """
    first, last = percent(system), percent(ceiling)
    return first, whole_points(gains, last - first), last


def printed_gains(
    system: Estimate, gains: Sequence[Estimate], ceiling: Estimate, *, is_staircase: bool = True
) -> tuple[int, ...]:
    """Gains in whole points, as every view prints them: from the printed outcome to the printed ceiling.

    Each is rounded alone, so that equal gains print as equal, where they are no steps of a staircase; and where a gain
    or the ceiling is not measured, for then nothing adds up. 0 where there is none.
    """
    if is_staircase and ceiling.is_measured and all(gain.is_measured for gain in gains):
        return staircase(system.value, [gain.value for gain in gains], ceiling.value)[1]
    return tuple(percent(gain.value) if gain.is_measured else 0 for gain in gains)
