"""Agreement beyond chance for any number of raters, with missing ratings and ordered answers (Gwet 2014, 2021).

Every coefficient is (p_a - p_e) / (1 - p_e). They share p_a, the mean agreement of two raters over the items that two
or more rated, and differ in p_e, what chance would give. An item with one rating is in no pair, but it tells how
common its answer is, so it counts in p_e. The error of a coefficient is that of the mean of its items' shares in it
(the linearised values of Gwet 2008, and 2021, "Large-sample variance of Fleiss generalized kappa").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.spread import distinct, spread

Floats = NDArray[np.float64]
Chance = Literal["fleiss", "conger", "brennan-prediger", "gwet"]
FEWEST = 3
"""Items with another answer than the commonest: with 3 expected, one sample of twenty shows none."""
Closeness = Literal["identity", "linear", "quadratic", "ordinal"]


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
    agreeing = np.where(several, (counts * (counts @ closely - 1)).sum(axis=1) / pairs, 0.0)
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
    chosen = np.stack([given == answer for answer in answers], axis=2).astype(np.float64)
    rated = chosen.sum(axis=2)
    used = rated.sum(axis=1) > 0
    chosen, rated = chosen[used], rated[used]
    g, n = len(chosen), int(chosen.shape[1])
    if g < 2:
        return math.inf, np.zeros(n)
    per_rater = rated.sum(axis=1)
    habits = chosen.sum(axis=1) / per_rater[:, None]
    total = habits.sum(axis=0)
    own = np.einsum("gk,kl,gl->", habits, closely, habits)
    expected = (float(total @ closely @ total) - float(own)) / (g * (g - 1))
    slope = (total[None, :] - habits) @ (closely + closely.T) / (g * (g - 1))
    away = (chosen - rated[:, :, None] * habits[:, None, :]) * (n / per_rater)[:, None, None]
    return expected, np.einsum("gnk,gk->n", away, slope) + expected
