"""What a cluster is, and how sure a mean is of records in clusters or asked again: what every interval rests on."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from stagegap.stats.distributions import t_quantile, t_tails


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """The unit of independence of every record, as a code."""

    codes: NDArray[np.int64]
    """Per record, 0 .. count-1, in the order of first appearance."""
    count: int

    @property
    def are_records(self) -> bool:
        """True when every record is a unit of its own."""
        return self.count == len(self.codes)


def clusters(units: Iterable[Hashable]) -> Clusters:
    """The code of each record's unit (`Record.unit`: the cluster, or the record where none is given).

    >>> clusters(["ann", "bob", "ann"]).codes.tolist()
    [0, 1, 0]
    """
    known: dict[Hashable, int] = {}
    codes = np.fromiter((known.setdefault(unit, len(known)) for unit in units), dtype=np.int64)
    return Clusters(codes=codes, count=len(known))


def worth(sizes: NDArray[np.float64]) -> float:
    """Clusters of equal size that tell as much as clusters of these: (sum m)^2 / sum m^2 (Kish 1965).

    >>> worth(np.array([5.0, 5.0])), round(worth(np.array([9.0, 1.0])), 2)
    (2.0, 1.22)
    """
    return float(sizes.sum()) ** 2 / float(sizes @ sizes)


def distinct(codes: NDArray[np.int64]) -> int:
    """How many different codes there are."""
    return int(np.count_nonzero(np.bincount(codes))) if len(codes) else 0


Floats = NDArray[np.float64]

FEW_CLUSTERS = 15
"""Below this many effective clusters an interval says how few there are (Miller 2024; Cameron et al. 2008)."""
SMALLEST = 1e-12
"""Figures below this are 0: the same sum in another order differs by as much."""
GRID: Floats = 0.99 * (np.arange(40) / 39) ** 1.5
"""Intra-cluster correlations that are considered; closer together near 0, where the variance turns on them."""
_BETA: Floats = np.gradient(GRID) * (1 - GRID)
PRIOR: Floats = _BETA / _BETA.sum()
"""Beta(1, 2): any correlation is possible, copies of one record are the least likely."""
NONE_OF_SHARES = 0.2
NONE_OF_DIFFERENCES = 0.4
"""Prior chance that 0/1 values, or differences of such values, don't hang together in clusters at all.

Without it few clusters, which can't show that, left gains at 98 to 99% coverage; score intervals are cautious anyhow.
Graded scores keep Beta(1, 2): their intervals have no such reserve."""
TRUSTED_FROM = 15.0
"""Effective clusters from which on the clusters' own variance counts more than the one that the model expects."""
HALF = 0.5
"""Share of the records from which on one cluster decides a mean."""
RARE = 5.0
"""Below this many effective clusters of the rarer answer, a share in uneven clusters is not to be trusted.

Elsewhere `benchmarks/coverage.py` finds 93 to 97%; where a large cluster holds most of what is rare, 78 to 88%."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What is known of the error of a linear figure of clustered values."""

    n: int
    count: int
    """Clusters."""
    worth: float
    """Clusters of equal size that would tell as much: (sum m)^2 / sum m^2 (Kish 1965)."""
    largest: float
    """Share of the records that the largest cluster holds."""
    rare: float = math.inf
    """Of 0/1 values: clusters of equal size that would hold as much of the rarer one."""
    variance: float
    """Of the figure; never below that of independent records."""
    effective_n: float
    """Independent records that would be as unsure; between `worth` and n."""
    scales: Floats
    """Standard errors that the data do not exclude, over the square root of `variance`."""
    chances: Floats
    """How likely each of them is."""

    @property
    def error(self) -> float:
        return math.sqrt(self.variance)

    @property
    def is_none(self) -> bool:
        """True where no value differs from the others, so that nobody knows how sure the figure is."""
        return self.error <= SMALLEST

    def quantile(self, level: float) -> float:
        """How many standard errors hold this share of all errors: Student's quantile, mixed over `scales`."""
        alone = t_quantile((1 + level) / 2, self.n - 1)
        wanted = math.log((1 - level) / 2)
        low, high = alone * float(self.scales.min()), alone * float(self.scales.max())
        below, above = (math.log(self.tail(end)) - wanted for end in (low, high))
        if above >= 0 or below <= 0:  # the answer is an end of the range, up to rounding
            return high if above >= 0 else low
        # The Illinois method on the logarithm, which is nearly straight: a handful of steps. An end that stays for a
        # second time is moved half as far.
        was = 0.0
        while high - low > 1e-9 * high and below > 0 > above:
            middle = (low * above - high * below) / (above - below)
            at = math.log(self.tail(middle)) - wanted
            if abs(at) < 1e-10:
                return middle
            stays = 0.5 if at * was > 0 else 1.0
            if at > 0:
                low, below, above = middle, at, above * stays
            else:
                high, above, below = middle, at, below * stays
            was = at
        return (low + high) / 2

    def tail(self, errors: float) -> float:
        """One-sided p of a figure so many standard errors above what is claimed."""
        return float(self.chances @ t_tails(errors / self.scales, self.n - 1))

    def above(self, figure: float) -> float:
        """One-sided p that the true value of a figure is at most 0.

        Without a spread it is that of the sign test, so that few equal units are not taken for proof.
        """
        if self.is_none:
            return 0.5**self.count if figure > SMALLEST else 1.0
        return self.tail(figure / self.error)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the Student's t that has the same 97.5% quantile."""
        quantile = self.quantile(0.95)
        low, high = 0.5, float(max(self.n - 1, 1))
        if t_quantile(0.975, high) >= quantile:
            return high
        for _ in range(50):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if t_quantile(0.975, middle) > quantile else (low, middle)
        return low

    @property
    def note(self) -> str:
        """What goes into `method` where clusters are few or one of them outweighs the others; else empty."""
        if self.count == self.n:
            return ""
        is_uneven = self.worth < 0.6 * self.count
        if self.count < FEW_CLUSTERS and not is_uneven:
            return f"; only {self.count} clusters, the interval may be too narrow"
        worth = f"{self.count} clusters tell as much as {self.worth:.0f} equal ones"
        reasons = [f"{worth}: the largest holds {100 * self.largest:.0f}% of the records"] * (self.worth < FEW_CLUSTERS)
        concentrated = is_uneven and self.rare < RARE
        if concentrated:
            reasons.append(f"what is rare here comes mostly from {self.rare:.0f} of {self.count} clusters")
        if concentrated or self.largest >= HALF:
            reasons.append("the interval is not to be trusted")
        return "".join(f"; {reason}" for reason in reasons)

    @property
    def few(self) -> str:
        """What goes into `method` of a figure in which every cluster counts the same."""
        return f"; only {self.count} clusters, the interval may be too narrow" if self.count < FEW_CLUSTERS else ""


def spread(values: Floats, codes: NDArray[np.int64], *, weights: Floats | None = None) -> Spread:
    """Spread of sum(weights x values), of the mean without `weights`; at least two clusters and two values.

    The working model: every cluster has an effect of its own, all drawn alike, whatever its size. So a large
    cluster's effect is as unsure as the differences among the others show, which the residuals of a cluster that
    makes up much of the mean itself cannot show (they tend to 0). The correlation is not estimated by one number:
    its restricted likelihood is integrated over a prior (Beta(1, 2); for values of -1, 0 and 1 with a chance that
    there is none, `NONE_OF_DIFFERENCES` where both signs occur), so that few clusters give wide tails and many give
    the normal quantile, whatever the true correlation is. Where there are many effective clusters their own
    variance, without the model, takes over (a moderated variance, Smyth 2004; CR2 of Bell & McCaffrey 2002).
    `benchmarks/coverage.py` holds it to 93 to 97%; G - 1 degrees of freedom gave 72 to 87% with uneven clusters.

    NaN has no place in `values`. Raises: ValueError with fewer than two values or clusters.
    """
    n = len(values)
    sizes = np.bincount(codes).astype(np.float64)
    occurs = sizes > 0
    m = sizes[occurs]
    count = len(m)
    if n < 2 or count < 2:
        raise ValueError(f"a spread needs two values and two clusters, got {n} and {count}")
    deviations = values - values.mean()
    squares = float(deviations @ deviations)
    own = 1 / n if weights is None else float(weights @ weights)
    independent = squares / (n - 1) * own
    kish, rare = worth(m), _worth_of_rarer(values, codes)
    if squares <= 1e-12 * n or count == n:
        return Spread(
            n=n, count=count, worth=kish, largest=float(m.max()) / n, rare=rare, variance=independent,
            effective_n=kish, scales=np.ones(1), chances=np.ones(1),
        )  # fmt: skip
    totals = _summed(deviations, codes)[occurs]
    posterior, sigma = _posterior(m, totals, squares, prior=_prior(values))
    if weights is None:
        reach, inner, sums = m / n, m / n**2, totals / n
    else:
        reach, inner = _summed(weights, codes)[occurs], _summed(weights**2, codes)[occurs]
        sums = _summed(weights * deviations, codes)[occurs]
    variances = sigma * ((1 - GRID) * float(inner.sum()) + GRID * float(reach @ reach))
    expected = float(posterior @ variances)
    own_variance, clusters = _without_model(m, reach, inner, sums, correlation=float(posterior @ GRID))
    trust = clusters / (clusters + TRUSTED_FROM)
    variance = max(independent, (1 - trust) * expected + trust * own_variance)
    return Spread(
        n=n,
        count=count,
        worth=kish,
        largest=float(m.max()) / n,
        rare=rare,
        variance=variance,
        effective_n=min(float(n), max(kish, n * independent / variance)),
        scales=np.sqrt(variances / expected),
        chances=posterior,
    )


def _summed(values: Floats, codes: NDArray[np.int64]) -> Floats:
    return np.bincount(codes, weights=values).astype(np.float64, copy=False)


def _worth_of_rarer(values: Floats, codes: NDArray[np.int64]) -> float:
    """`worth` of the rarer of two values 0 and 1; infinite for other values, and where there is only one of them."""
    if values.min() != 0 or values.max() != 1 or not np.isin(values, (0.0, 1.0)).all():
        return math.inf
    return worth(_summed(values if values.mean() < HALF else 1 - values, codes))


def _prior(values: Floats) -> Floats:
    """Chances of the correlations of `GRID` before the data: one rule for values and their negatives."""
    if not np.isin(values, (-1.0, 0.0, 1.0)).all():
        return PRIOR
    none = NONE_OF_DIFFERENCES if values.min() < 0 < values.max() else NONE_OF_SHARES
    return (1 - none) * PRIOR + none * (GRID == 0)


def _posterior(m: Floats, totals: Floats, squares: float, *, prior: Floats) -> tuple[Floats, Floats]:
    """Chances of the correlations of `GRID`, and the variance of one record under each (both from all clusters).

    The restricted likelihood of the one-way random effects model, written in sums over clusters of one size.
    """
    n = float(m.sum())
    means = totals / m
    sizes, places, counts = np.unique(m, return_inverse=True, return_counts=True)
    first, second = _summed(means, places), _summed(means**2, places)
    # Copies within a cluster leave nothing to divide by: no correlation above the last of the grid is believed.
    within = max(squares - float(sizes @ second), (1 - GRID[-1]) * squares * (n - len(m)) / n)
    stretch = 1 + np.outer(GRID, sizes - 1)
    precision = sizes / stretch
    total = precision @ counts
    centre = (precision @ first) / total
    between = precision @ second - total * centre**2
    residual = np.maximum(within / (1 - GRID) + between, 1e-12 * squares)
    likelihood = -0.5 * (
        (n - 1) * np.log(residual) + (n - len(m)) * np.log1p(-GRID) + np.log(stretch) @ counts + np.log(total)
    )
    chances = np.exp(likelihood - likelihood.max()) * prior
    return chances / chances.sum(), residual / (n - 1)


def _without_model(m: Floats, reach: Floats, inner: Floats, sums: Floats, *, correlation: float) -> tuple[float, float]:
    """Variance from the clusters' own sums, each enlarged by what the mean takes out of it (CR2), and its worth.

    The worth is the effective number of clusters by their expected variances, less one for the mean.
    """
    n = float(m.sum())
    expected = (1 - correlation) * inner + correlation * reach**2
    of_mean = ((1 - correlation) * n + correlation * float(m @ m)) / n**2
    shown = expected - 2 * reach * ((1 - correlation) * reach + correlation * reach * m) / n + reach**2 * of_mean
    usable = shown > 1e-12 * expected
    variance = float((sums[usable] ** 2 * expected[usable] / shown[usable]).sum())
    return variance, max(0.0, float(expected.sum()) ** 2 / float(expected @ expected) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceParts:
    """Where the uncertainty of a mean comes from: Var = omega2 / n + sigma2 / (n K) (Miller 2024)."""

    omega2: float
    """Variance over records of the expected score; 0 where the estimate would be negative."""
    sigma2: float
    """Mean variance of the score of one record over repeats."""
    n: int
    repeats: int

    def of_mean(self, n: int, repeats: int) -> float:
        """The variance of the mean of n records with so many repeats each."""
        return self.omega2 / n + self.sigma2 / (n * repeats)

    @property
    def repeats_pay(self) -> bool:
        """True while doubling the repeats would take off more than a tenth of the variance."""
        return self.sigma2 / (2 * self.repeats) > 0.1 * (self.omega2 + self.sigma2 / self.repeats)


def variance_parts(scores: NDArray[np.float64]) -> VarianceParts:
    """Split the variance of n x K scores (one-way analysis of variance). Raises: ValueError below 2 x 2."""
    n, repeats = scores.shape
    if n < 2 or repeats < 2:
        raise ValueError(f"at least 2 records and 2 repeats are needed, got {n} x {repeats}")
    sigma2 = float(scores.var(axis=1, ddof=1).mean())
    between = float(scores.mean(axis=1).var(ddof=1))
    return VarianceParts(omega2=max(0.0, between - sigma2 / repeats), sigma2=sigma2, n=n, repeats=repeats)


def right_every_time(right: Floats, k: int) -> Floats:
    """Chance per record that k answers are all right, from m >= k of 1 or 0: C(c, k) / C(m, k) (pass^k, Yao 2024).

    Without bias, because it is the share of the sets of k among the m that are all right; the k-th power of the share
    that is right is too high (0.5^2 = 0.25 for one of two, where no pair is right). Raises: ValueError.

    >>> right_every_time(np.array([[1.0, 0.0], [1.0, 1.0]]), 2).tolist()
    [0.0, 1.0]
    """
    return worst_of(right, k)


def right_at_least_once(right: Floats, k: int) -> Floats:
    """Chance per record that one of k answers is right: 1 - C(m - c, k) / C(m, k) (pass@k, Chen et al. 2021)."""
    return 1 - worst_of(1 - right, k)


def worst_of(scores: Floats, k: int) -> Floats:
    """Expected worst of k scores of each record, from its m >= k: the mean of the minimum over all sets of k.

    The i-th smallest of m is the minimum of C(m - i, k - 1) sets. For 1 and 0 it is `right_every_time`.
    Raises: ValueError where fewer than k were asked for.
    """
    m = scores.shape[1]
    if not 1 <= k <= m:
        raise ValueError(f"of {m} answers the worst of 1 to {m} can be told, not of {k}")
    sets = comb(m, k)
    weights = np.array([comb(m - i, k - 1) / sets for i in range(1, m + 1)])
    ascending = np.sort(scores, axis=1)
    # No mean lies outside of what it is the mean of: equal scores are that score, and all right is 1, to the last bit.
    return np.clip(ascending @ weights, ascending[:, 0], ascending[:, -1])
