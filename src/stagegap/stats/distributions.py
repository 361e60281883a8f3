"""Quantiles and tails that need scipy: the one door to it, imported on first use to keep `import stagegap` quick."""

# scipy ships no type stubs: its functions are floats to floats here, and are wrapped as such.
# pyright: reportMissingTypeStubs=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def normal_quantile(p: float) -> float:
    """The standard normal's quantile.

    >>> round(normal_quantile(0.975), 4)
    1.96
    """
    from scipy.special import ndtri

    return float(ndtri(p))


def normal_cdf(x: float) -> float:
    """The probability that a standard normal is at most x."""
    from scipy.special import ndtr

    return float(ndtr(x))


def log_normal_cdf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the chances that a standard normal variable is at most these values."""
    from scipy.special import log_ndtr

    return log_ndtr(x)


def t_quantile(p: float, df: float) -> float:
    """Student's t quantile.

    >>> round(t_quantile(0.975, 14), 3)
    2.145
    """
    from scipy.special import stdtrit

    return float(stdtrit(df, p))


def t_tails(x: NDArray[np.float64], df: float) -> NDArray[np.float64]:
    """Probability that Student's t exceeds each x."""
    from scipy.special import stdtr

    return np.asarray(stdtr(df, -x), dtype=np.float64)


def t_cdf(x: float, df: float) -> float:
    """The probability that Student's t is at most x."""
    from scipy.special import stdtr

    return float(stdtr(df, x))


def binomial_cdf(k: int, n: int, p: float) -> float:
    """The probability of at most k successes in n trials."""
    from scipy.special import bdtr

    return float(bdtr(k, n, p))


def chi2_tail(x: float, df: float) -> float:
    """The probability that a chi-squared exceeds x."""
    from scipy.special import chdtrc

    return float(chdtrc(df, x))


def chi2_quantile(p: float, df: float) -> float:
    """The quantile of a chi-squared.

    >>> round(chi2_quantile(0.95, 10), 3)
    18.307
    """
    from scipy.special import chdtri

    return float(chdtri(df, 1 - p))


def log_beta(a: float, b: float) -> float:
    """The logarithm of the Beta function."""
    from scipy.special import betaln

    return float(betaln(a, b))


def beta_quantile(p: float, a: float, b: float) -> float:
    """The quantile of a Beta(a, b).

    >>> round(beta_quantile(0.95, 1, 50), 4)
    0.0582
    """
    from scipy.special import betaincinv

    return float(betaincinv(a, b, p))


def hypergeometric_tail(k: int, n: int, *, marked: int, total: int) -> float:
    """The probability that n drawn of `total` hold at least k of the `marked` ones (Fisher's exact test).

    >>> round(hypergeometric_tail(3, 4, marked=4, total=8), 4)
    0.2429
    """
    chances = (
        math.exp(_ways(marked, hits) + _ways(total - marked, n - hits) - _ways(total, n))
        for hits in range(max(k, n + marked - total, 0), min(n, marked) + 1)
    )
    return min(1.0, math.fsum(chances))


def _ways(of: int, some: int) -> float:
    """The logarithm of the binomial coefficient."""
    return math.lgamma(of + 1) - math.lgamma(some + 1) - math.lgamma(of - some + 1)


def best_pairs(worth: NDArray[np.float64]) -> list[tuple[int, int]]:
    """The assignment of rows to columns, each once, whose worth is the largest (Kuhn 1955, as scipy solves it)."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]
