"""How many records it takes, before anybody labels them."""

from __future__ import annotations

import math

from stagegap.stats.distributions import binomial_cdf, normal_quantile


def records_for_mean_difference(
    delta: float,
    *,
    variance: float,
    noise_a: float = 0.0,
    noise_b: float = 0.0,
    repeats_a: int = 1,
    repeats_b: int = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """The records needed to see a paired difference of `delta` (Miller 2024, section 5).

    n = (z_{a/2} + z_b)^2 (w^2 + s_A^2 / K_A + s_B^2 / K_B) / delta^2, with w^2 the variance over records of the
    difference of expected scores and s^2 the variance of a single answer when the same record is asked again.

    >>> records_for_mean_difference(0.03, variance=1 / 9)
    969
    """
    total = variance + noise_a / repeats_a + noise_b / repeats_b
    return math.ceil(_z(alpha, power) ** 2 * total / _positive(delta) ** 2 - 1e-9)


def detectable_difference(n: int, *, variance: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest paired difference that n records show with this power."""
    return _z(alpha, power) * math.sqrt(variance / n)


def errors_to_separate_shares(p1: float, p2: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """The labelled errors needed to tell the shares of two causes apart (multinomial difference).

    n = (z_{a/2} + z_b)^2 (p1 + p2 - (p1 - p2)^2) / (p1 - p2)^2.

    >>> errors_to_separate_shares(0.40, 0.25)
    219
    """
    difference = p1 - p2
    return math.ceil(_z(alpha, power) ** 2 * (p1 + p2 - difference**2) / _positive(abs(difference)) ** 2 - 1e-9)


def pairs_for_mcnemar(fixed: float, broken: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """The records needed for McNemar's test when these shares go from wrong to right and back (Connor 1987).

    n = (z_{a/2} sqrt(b + c) + z_b sqrt(b + c - (b - c)^2))^2 / (b - c)^2.

    >>> pairs_for_mcnemar(0.125, 0.025)
    116
    """
    moved, difference = fixed + broken, fixed - broken
    first = normal_quantile(1 - alpha / 2) * math.sqrt(moved)
    second = normal_quantile(power) * math.sqrt(moved - difference**2)
    return math.ceil((first + second) ** 2 / _positive(abs(difference)) ** 2 - 1e-9)


def records_for_interval(half_width: float, *, share: float = 0.5, level: float = 0.95) -> int:
    """The records needed for a share's interval of this half-width; the default share is the worst case.

    >>> records_for_interval(0.05)
    385
    """
    z = normal_quantile((1 + level) / 2)
    return math.ceil(z**2 * share * (1 - share) / _positive(half_width) ** 2 - 1e-9)


def chance_of_missing(rate: float, n: int) -> float:
    """The probability that n records show no case of something that befalls this share of them."""
    return binomial_cdf(0, n, rate)


def _z(alpha: float, power: float) -> float:
    return normal_quantile(1 - alpha / 2) + normal_quantile(power)


def _positive(difference: float) -> float:
    if difference <= 0:
        raise ValueError(f"no number of records shows a difference of {difference}")
    return difference
