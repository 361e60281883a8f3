"""How far people agree, beside chance, for any number of raters, with missing ratings and ordered answers.

Ratings are a matrix of raters x items with NaN for missing ones; categories are numbers (codes where nominal). Every
coefficient is NaN where it is not defined (nobody rated twice, or one category alone). Show raw agreement and how often
each category occurs beside any of them: chance correction depends on it.

Fleiss, Conger (Cohen for two raters), Brennan and Prediger, and Gwet are (p_a - p_e) / (1 - p_e) (Gwet 2014, 2021).
They share p_a, the mean agreement of two raters over the items that two or more rated, and differ in p_e, what chance
would give. An item with one rating is in no pair, but it tells how common its answer is, so it counts in p_e. The error
of a coefficient is that of the mean of its items' shares in it (the linearised values of Gwet 2008, and 2021,
"Large-sample variance of Fleiss generalized kappa"). Krippendorff's alpha is 1 - observed / expected disagreement.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.resample import percentile_interval
from stagegap.stats.spread import Spread, distinct, spread

Floats = NDArray[np.float64]
Chance = Literal["fleiss", "conger", "brennan-prediger", "gwet"]
FEWEST = 3
"""Items with another answer than the commonest: with 3 expected, one sample of twenty shows none."""
Closeness = Literal["identity", "linear", "quadratic", "ordinal"]
Scale = Literal["nominal", "ordinal", "interval", "ratio"]
UNDEFINED_AT_MOST = 0.05
"""Share of resamples in which a coefficient may be undefined before its interval would be a lie."""
MOST_WEIGHTS = 100_000
"""Weights of resampled items that are held at once: what fits into a processor's cache is drawn eight times as fast."""
MOST_DENSE = 100
"""Categories up to which their counts stand in a table of items by categories; of more it is mostly zeros."""
SMALLEST = 1e-12
"""Expected disagreement of a pair below which all ratings are taken to be the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficient:
    """A coefficient of agreement and what each item adds to it."""

    value: float
    items: Floats
    """Per item with a rating: its share, so that their mean is `value`; NaN throughout where it is not defined."""
    n: int
    """Items that two or more rated."""
    fewest: int
    """Items with a rating other than the commonest one: what chance agreement is estimated from."""

    @property
    def error(self) -> float:
        """Standard error over independent items, none taken off for a finite number of them."""
        n = len(self.items)
        return float(self.items.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan


def closeness(categories: int, kind: Closeness = "identity", *, values: Floats | None = None) -> Floats:
    """How much two answers agree, 1 on the diagonal: categories x categories.

    `linear` and `quadratic` fall with the distance of `values` (ranks where none are given), `ordinal` with the
    number of pairs of ranks between two answers. With more than identity AC1 is called AC2.

    >>> closeness(3, "linear").tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]]
    """
    if kind == "identity" or categories < 2:
        return np.eye(categories)
    places = np.arange(categories, dtype=np.float64) if values is None or kind == "ordinal" else values
    distance = np.abs(places[:, None] - places[None, :])
    if kind == "quadratic":
        distance = distance**2
    if kind == "ordinal":
        distance = distance * (distance + 1) / 2
    return 1 - distance / float(distance.max())


def agreement_beyond_chance(
    ratings: Floats, *, chance: Chance, categories: Floats | None = None, weights: Floats | None = None
) -> Coefficient:
    """A chance-corrected coefficient from raters x items, NaN for a missing rating.

    `categories` are the answers that could be given, those that occur where none are named; `weights` is
    categories x categories, from `closeness`. Fleiss' kappa takes the chance from all ratings together, Conger's
    (Cohen's for two raters) from each rater's own habits, Brennan and Prediger's from nothing but the number of
    answers, Gwet's from how hard the answers are to tell apart. Not defined where nobody rated twice, or where chance
    agreement is full.

    Sources: Fleiss 1971, Conger 1980, Brennan & Prediger 1981, Gwet 2008; missing ratings and variances as in
    Gwet, Handbook of Inter-Rater Reliability, 4th edition (2014), chapters 2 to 5.
    """
    known = ~np.isnan(ratings)
    answers = np.unique(ratings[known]) if categories is None else categories
    q = len(answers)
    closely = np.eye(q) if weights is None else weights
    given = ratings[:, known.any(axis=0)]
    counts = np.stack([(given == answer).sum(axis=0) for answer in answers], axis=1).astype(np.float64) if q else None
    if counts is None or q < 2 or not (counts.sum(axis=1) >= 2).any():
        return Coefficient(value=math.nan, items=np.full(int(known.any(axis=0).sum()), math.nan), n=0, fewest=0)
    n, raters = len(counts), counts.sum(axis=1)
    several = raters >= 2
    pairs = np.where(several, raters * (raters - 1), 1.0)
    close = counts if weights is None else counts @ closely  # of thousands of answers the product takes minutes
    agreeing = np.where(several, (counts * (close - 1)).sum(axis=1) / pairs, 0.0)
    observed = float(agreeing.sum()) / int(several.sum())
    shares = counts / raters[:, None]
    if chance == "conger":
        expected, by_item = _conger(given, answers, closely)
    else:
        expected, by_item = _pooled(shares, closely, chance)
    if expected >= 1 - 1e-12:
        return Coefficient(value=math.nan, items=np.full(n, math.nan), n=int(several.sum()), fewest=0)
    value = (observed - expected) / (1 - expected)
    own = np.where(several, agreeing - expected, 0.0)
    scale = n / int(several.sum()) / (1 - expected)
    commonest = int(counts.sum(axis=0).argmax())
    return Coefficient(
        value=value,
        items=own * scale - (by_item - expected) * ((1 - value) / (1 - expected)),
        n=int(several.sum()),
        # Neither AC1 nor Brennan and Prediger's loses its footing where one answer is common.
        fewest=n if chance in ("gwet", "brennan-prediger") else int((counts[:, commonest] < raters).sum()),
    )


def coefficient_interval(coefficient: Coefficient, codes: NDArray[np.int64], *, level: float = 0.95) -> Estimate:
    """A coefficient with Student's t interval from its items (Gwet 2014, chapter 5); `codes` are the items' clusters.

    No interval where it is not defined, where all items agree alike, or where so few items have another answer than
    the commonest that one sample of twenty would show none of them: then chance agreement is not known.
    """
    if math.isnan(coefficient.value):
        return unmeasured("not measured: the coefficient is not defined for these ratings", n=coefficient.n)
    if distinct(codes) < 2:
        return unmeasured(f"too few: all {coefficient.n} items belong to one cluster", n=coefficient.n)
    if float(np.ptp(coefficient.items)) <= 1e-12:
        return unmeasured("too few: all items agree alike, so the spread is unknown", n=coefficient.n)
    if coefficient.fewest < FEWEST:
        return unmeasured("too few: one answer is too common", n=coefficient.n)
    within = spread(coefficient.items, codes)
    half = within.quantile(level) * within.error
    is_clustered = within.count < within.n
    return Estimate(
        value=coefficient.value,
        # Where items have ratings missing, chance agreement can be above a half, and the coefficient below -1.
        low=max(min(-1.0, coefficient.value), coefficient.value - half),
        high=min(1.0, coefficient.value + half),
        n=coefficient.n,
        method=f"linearised items, Student t{within.note}",
        level=level,
        clusters=within.count if is_clustered else None,
    )


def _pooled(shares: Floats, closely: Floats, chance: Chance) -> tuple[float, Floats]:
    """Chance agreement from the mean share of each answer, and what each item says of it: expected + its influence."""
    n, q = len(shares), len(closely)
    mean = shares.mean(axis=0)
    if chance == "fleiss":
        expected = float(mean @ closely @ mean)
        slope = (closely + closely.T) @ mean
    elif chance == "gwet":
        scale = float(closely.sum()) / (q * (q - 1))
        expected = scale * float((mean * (1 - mean)).sum())
        slope = scale * (1 - 2 * mean)
    else:
        return float(closely.sum()) / q**2, np.full(n, float(closely.sum()) / q**2)
    return expected, (shares - mean) @ slope + expected


def _conger(given: Floats, answers: Floats, closely: Floats) -> tuple[float, Floats]:
    """Chance agreement of two raters with habits of their own, averaged over all pairs; what each item says of it."""
    given = given[(~np.isnan(given)).any(axis=1)]
    rated, q = ~np.isnan(given), len(answers)
    g, n = len(given), int(given.shape[1])
    if g < 2:
        return math.inf, np.zeros(n)
    places = np.searchsorted(answers, np.where(rated, given, answers[0]))
    per_rater = rated.sum(axis=1)
    counts = [np.bincount(own[known], minlength=q) for own, known in zip(places, rated, strict=True)]
    habits = np.array(counts, dtype=np.float64) / per_rater[:, None]
    total = habits.sum(axis=0)
    own = np.einsum("gk,gk->", habits @ closely, habits)
    expected = (float(total @ closely @ total) - float(own)) / (g * (g - 1))
    slope = (total[None, :] - habits) @ (closely + closely.T) / (g * (g - 1))
    away: Floats = np.take_along_axis(slope, places, axis=1) - (habits * slope).sum(axis=1)[:, None]
    by_item: Floats = (np.where(rated, away, 0.0) * (n / per_rater)[:, None]).sum(axis=0)
    return expected, by_item + expected


def counts_of(ratings: Floats) -> Floats:
    """Items x categories: how many raters put the item there; categories in ascending order."""
    items = np.nonzero(~np.isnan(ratings))[1]
    categories, places = np.unique(ratings[~np.isnan(ratings)], return_inverse=True)
    shape = ratings.shape[1], len(categories)
    return np.bincount(items * shape[1] + places, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def krippendorff_alpha(ratings: Floats, *, scale: Scale = "nominal") -> float:
    """Krippendorff's alpha = 1 - observed / expected disagreement, from raters x items with NaN for missing.

    NaN when fewer than two ratings can be paired, or when only one value occurs (nothing to disagree about).
    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability (2011). Raises: ValueError for a negative value
    on the ratio scale.
    """
    several = ratings[:, (~np.isnan(ratings)).sum(axis=0) >= 2]
    return float(_alphas(_sums_of_items(several, scale).sum(axis=1)[:, None], several, scale)[0])


def alpha_bootstrap(
    ratings: Floats,
    codes: NDArray[np.int64],
    *,
    scale: Scale,
    rng: np.random.Generator,
    resamples: int = 2_000,
    level: float = 0.95,
) -> Estimate:
    """Krippendorff's alpha with its interval from resampled items (whole clusters of them), raters kept.

    Both disagreements are made of sums over items, so a resample is a row of weights: thousands of items cost
    milliseconds. Where alpha is not defined in more than one resample of twenty (nearly all items got one answer), the
    others are no fair sample of what could have come, and there is no interval.
    """
    several = (~np.isnan(ratings)).sum(axis=0) >= 2
    n, units = int(several.sum()), np.unique(codes[several], return_inverse=True)[1]
    count = int(units.max(initial=-1)) + 1
    rated = ratings[:, several]
    alphas, influence = _by_weights(rated, units, scale)
    value = float(alphas(np.ones((1, count)))[0])
    if math.isnan(value):
        return unmeasured("not measured: the coefficient is not defined for these ratings", n=n)
    if count < 2:
        return unmeasured(f"too few: all {n} items belong to one cluster", n=n)
    drawn: list[Floats] = []
    chunk = max(1, MOST_WEIGHTS // count)
    for start in range(0, resamples, chunk):
        picked = rng.integers(0, count, (min(chunk, resamples - start), count))
        rows = np.arange(len(picked))[:, None] * count
        weights = np.bincount((picked + rows).ravel(), minlength=picked.size).reshape(picked.shape)
        drawn.append(alphas(weights.astype(np.float64)))
    within = spread(influence(), units) if count < n else None
    return _from_draws(value, np.concatenate(drawn), n=n, within=within, level=level)


def _by_weights(
    rated: Floats, units: NDArray[np.int64], scale: Scale
) -> tuple[Callable[[Floats], Floats], Callable[[], Floats]]:
    """Alpha as a function of weights (draws x units), and by how much each item moves it, to first order."""
    if scale == "nominal" and len(np.unique(rated[~np.isnan(rated)])) > MOST_DENSE:
        cells = _Cells.of(rated, units)
        return cells.alphas, cells.influence
    items = _sums_of_items(rated, scale)
    own = np.stack([np.bincount(units, weights=column) for column in items])
    return lambda weights: _alphas(own @ weights.T, rated, scale), lambda: _influence(items, rated, scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """What nominal alpha is a function of, without the table of items by categories."""

    units: NDArray[np.int64]
    """Unit of each item."""
    observed: Floats
    """Disagreement of each item."""
    ratings: Floats
    """Ratings of each item."""
    item: NDArray[np.int64]
    category: NDArray[np.int64]
    count: Floats
    """How many raters put that item into that category, where anybody did."""

    @classmethod
    def of(cls, rated: Floats, units: NDArray[np.int64]) -> _Cells:
        known = ~np.isnan(rated)
        categories, places = np.unique(rated[known], return_inverse=True)
        keys, count = np.unique(np.nonzero(known)[1] * len(categories) + places, return_counts=True)
        item, category = np.divmod(keys, len(categories))
        m = known.sum(axis=0).astype(np.float64)
        alike = np.bincount(item, weights=count.astype(np.float64) ** 2)
        return cls(
            units=units, observed=(m**2 - alike) / (m - 1), ratings=m, item=item, category=category,
            count=count.astype(np.float64),
        )  # fmt: skip

    def alphas(self, weights: Floats) -> Floats:
        by_item = weights[:, self.units]
        total = by_item @ self.ratings
        squares = [float((self._totals(row) ** 2).sum()) for row in by_item]
        return _alpha(by_item @ self.observed, total**2 - np.array(squares), total)

    def influence(self) -> Floats:
        totals = self._totals(np.ones(len(self.units)))
        observed, total = float(self.observed.sum()), float(totals.sum())
        expected = total**2 - float((totals**2).sum())
        slopes = (2 * (total - 1) * (total - totals) / expected - 1) * observed / expected
        moved = np.bincount(self.item, weights=self.count * slopes[self.category])
        return len(self.units) * (moved - self.observed * (total - 1) / expected)

    def _totals(self, by_item: Floats) -> Floats:
        return np.asarray(np.bincount(self.category, weights=self.count * by_item[self.item]), dtype=np.float64)


def _influence(items: Floats, rated: Floats, scale: Scale) -> Floats:
    """By how much each item moves alpha, to first order; `items` are sums x items."""
    whole = items.sum(axis=1)
    step = 1e-6 * max(1.0, float(np.abs(whole).max()))
    ways = np.eye(len(whole)) * step
    slopes = (_alphas(whole[:, None] + ways, rated, scale) - _alphas(whole[:, None] - ways, rated, scale)) / (2 * step)
    return items.shape[1] * (slopes @ items)


def _sums_of_items(rated: Floats, scale: Scale) -> Floats:
    """What alpha is a function of, summed over items: sums x items, all items with two ratings or more.

    Nominal: the observed disagreement, then how often each category occurs. Interval: the observed disagreement, then
    ratings, their sum and the sum of their squares. Otherwise the coincidences of each two categories.
    """
    m = (~np.isnan(rated)).sum(axis=0).astype(np.float64)
    counts = counts_of(rated)
    if scale == "nominal":
        return np.stack([(m**2 - (counts**2).sum(axis=1)) / (m - 1), *counts.T])
    if scale == "interval":
        centred = rated - np.nanmean(rated) if rated.size else rated
        first, second = np.nansum(centred, axis=0), np.nansum(centred**2, axis=0)
        return np.stack([2 * (m * second - first**2) / (m - 1), m, first, second])
    k = counts.shape[1]
    pairs = (counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(k)) / (m - 1)[:, None, None]
    return pairs.reshape(len(m), k * k).T


def _alphas(sums: Floats, rated: Floats, scale: Scale) -> Floats:
    """Alpha of each column of the sums of `_sums_of_items`."""
    if scale in ("ordinal", "ratio"):
        observed, expected, total = _by_pairs(sums, np.unique(rated[~np.isnan(rated)]), scale)
    elif scale == "nominal":
        observed, total = sums[0], sums[1:].sum(axis=0)
        expected = total**2 - (sums[1:] ** 2).sum(axis=0)
    else:
        observed, total = sums[0], sums[1]
        expected = 2 * (sums[1] * sums[3] - sums[2] ** 2)
    return _alpha(observed, expected, total)


def _alpha(observed: Floats, expected: Floats, total: Floats) -> Floats:
    defined = expected > SMALLEST * np.maximum(total, 1.0) ** 2
    return np.where(defined, 1 - (total - 1) * observed / np.where(defined, expected, 1.0), np.nan)


def _by_pairs(sums: Floats, values: Floats, scale: Scale) -> tuple[Floats, Floats, Floats]:
    """Observed and expected disagreement and the number of ratings, of each column of coincidences."""
    k = len(values)
    coincidences = sums.reshape(k, k, sums.shape[1])
    totals = coincidences.sum(axis=1)
    if scale == "ratio":
        distances = _ratio_distances(values)[:, :, None]
    else:
        upto = totals.cumsum(axis=0)
        # Between two ranks lie all values from the lower to the higher, the two ends counting half.
        middle = upto - totals / 2
        distances = (middle[:, None, :] - middle[None, :, :]) ** 2
    observed = (coincidences * distances).sum(axis=(0, 1))
    expected = (totals[:, None, :] * totals[None, :, :] * distances).sum(axis=(0, 1))
    return observed, expected, totals.sum(axis=0)


def _ratio_distances(values: Floats) -> Floats:
    if (values < 0).any():
        raise ValueError("a ratio scale has no negative values")
    together = values[:, None] + values[None, :]
    difference = values[:, None] - values[None, :]
    return np.divide(difference, together, out=np.zeros_like(difference), where=together > 0) ** 2


def _from_draws(value: float, drawn: Floats, *, n: int, within: Spread | None, level: float) -> Estimate:
    """The percentile interval of resampled coefficients, or why there is none."""
    usable = drawn[~np.isnan(drawn)]
    lost = 1 - len(usable) / len(drawn)
    if lost > UNDEFINED_AT_MOST:
        return unmeasured(f"too few: not defined in {100 * lost:.0f}% of the resamples, one answer is too common", n=n)
    nothing = math.sqrt(SMALLEST)  # what one item adds is a quotient of differences, with half of the digits
    if np.ptp(usable) <= nothing or (within is not None and within.error <= nothing):
        return unmeasured("too few: every resample gives the same value", n=n)
    return percentile_interval(value, drawn, n=n, within=within, level=level, of=" of items", scale=(-1.0, 1.0))
