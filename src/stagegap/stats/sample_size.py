"""How many records, labels and repeats it takes to name the worst stage, and what share of kinds is still unseen."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.distributions import (
    beta_quantile,
    chi2_quantile,
    log_normal_cdf,
    normal_cdf,
    normal_quantile,
    t_quantile,
)
from stagegap.stats.significance import DECIDES
from stagegap.stats.spread import Clusters, distinct, spread

Floats = NDArray[np.float64]

POWER = 0.95
LEADS = (0.02, 0.05, 0.1)
"""Leads for which a budget is given, in shares; the first is the least that is worth telling apart, because the verdict
calls gains below it close."""
DRAWS = 2_000
_STEP = 1.25
_FURTHEST = 200.0
"""Chances are listed up to this many times the records there are."""
_SURE = 2.5
"""A stage is taken to be as near as it can be by this many standard errors (once in 160 cases it is nearer)."""
_CAUTION = 0.8
"""The variance is taken at this confidence limit, because a pilot's own is too small in half of all cases."""
_RARE = 0.005
"""A stage that is first in fewer of the truths than this is not taken for the worst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """What a budget would buy."""

    records: int
    """In all, those of the pilot included."""
    share: float
    """Chance that the stage that is truly worst is named, averaged over the truths that the pilot does not exclude."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """Records in all at which the worst stage is named in 95% of cases, if it leads by so much or more."""

    lead: float
    """In shares."""
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many records in all would name the worst stage."""

    promises: tuple[Promise, ...] = ()
    """One for each of `LEADS`; empty without a pilot."""
    halfway: int | None = None
    """Records in all at which the evidence has decided in half of the truths that the pilot does not exclude."""
    chances: tuple[Chance, ...] = ()
    """From the records there are up to the budget."""

    @property
    def records(self) -> int | None:
        """The promise for the least lead; None without a pilot."""
        return self.promises[0].records if self.promises else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pilot:
    """What the records there are say about the stages' gains, in shares of the outcome."""

    gains: Floats
    drawn: Floats
    """Resamples x stages."""
    n: int
    units: float
    """Independent ones among the records: clusters of equal size that would tell as much."""
    largest: int = 1
    """Records of the largest cluster, which is one bet of the evidence."""


def records_to_name(pilot: Pilot, *, rng: np.random.Generator, level: float, power: float = POWER) -> Budget:
    """The budgets at which the truly worst stage is named with this power, if it leads by so much or more.

    The indifference zone (Bechhofer 1954): the lead that the pilot shows is not believed, because pilots with a lucky
    lead would be promised too little. Each rival is as near as the pilot allows, but never nearer than the lead in
    question; the chances of failing against each add up to at most 1 - `power`; whichever stage may be the worst one
    must pass. The variance is the pilot's at its upper limit (Browne 1995), and one record that moved by chance is
    added, because a pilot in which nothing moved is no proof that nothing does.

    `chances` are the assurance (O'Hagan, Stevens & Campbell 2005): each resample stands for a truth that the pilot does
    not exclude, those in which the stages are all but equal included, and the chance of the right name is averaged.
    """
    usable = pilot.drawn[~np.isnan(pilot.drawn).any(axis=1)]
    n, k = pilot.n, len(pilot.gains)
    if n < 2 or pilot.units < 2 or not len(usable) or not k:
        return Budget()
    picked = usable[rng.integers(0, len(usable), (2, DRAWS))]
    noise = picked - pilot.gains + rng.normal(0.0, math.sqrt(0.5) / n, (2, DRAWS, k))
    truth, later = pilot.gains + noise[0], noise[1]
    errors = (later[:, :, None] - later[:, None, :]).std(axis=0)
    np.fill_diagonal(errors, later.std(axis=0))
    cautious = errors * math.sqrt((pilot.units - 1) / chi2_quantile(1 - _CAUTION, pilot.units - 1))
    first = np.bincount(truth.argmax(axis=1), minlength=k) / DRAWS
    worst = [i for i in range(k) if first[i] >= _RARE]
    promises = tuple(
        Promise(
            lead=lead,
            records=max(
                n,
                _tens(n * max(_factor(pilot.gains, cautious, i, level=level, power=power, least=lead) for i in worst)),
            ),
        )
        for lead in LEADS
    )
    furthest = min(max(promises[0].records / n, 2.0), _FURTHEST)
    return Budget(
        promises=promises,
        halfway=_tens(n * float(np.median(_until_evidence(truth, errors, pilot=pilot)))),
        chances=tuple(
            Chance(
                records=_tens(n * _STEP**step) if step else n,
                share=_share(pilot.gains, truth, later, errors, factor=_STEP**step, level=level),
            )
            for step in range(math.ceil(math.log(furthest) / math.log(_STEP)) + 1)
        ),
    )


def _until_evidence(truth: Floats, errors: Floats, *, pilot: Pilot) -> Floats:
    """For each truth, how many times the pilot's records it takes until the evidence decides.

    As in `mean_evidence` a cluster is one bet x, its sum over the largest that a sum can be. With S the sum of all x
    and Q that of their squares the wealth 1/2 the integral over l of exp(l S - l^2 Q / 2) is
    exp(z^2 / 2) sqrt(pi / (2 Q)) times what a normal at S / Q with variance 1 / Q has between -1 and 1, z being
    S / sqrt(Q): no stake is above the whole, however large the lead.
    """
    best, leads = _leads(truth)
    most = pilot.largest * (1.0 if truth.shape[1] == 1 else 2.0)
    sums = pilot.n * np.maximum(leads, 1e-9) / most
    squares = (pilot.n * errors[best] / most) ** 2 + sums**2 / pilot.units
    low, high = np.full_like(leads, math.log(1e-3)), np.full_like(leads, math.log(1e9))
    for _ in range(30):
        middle = (low + high) / 2
        root = np.sqrt(np.exp(middle) * squares)
        z = np.exp(middle) * sums / root
        above, below = log_normal_cdf(root - z), log_normal_cdf(-root - z)
        inside = above + np.log1p(-np.exp(below - above))
        decides = z**2 / 2 + np.log(math.pi / 2) / 2 - np.log(root) + inside >= math.log(DECIDES)
        low, high = np.where(decides, low, middle), np.where(decides, middle, high)
    return np.exp(high).max(axis=1)


def _factor(gains: Floats, errors: Floats, worst: int, *, level: float, power: float, least: float) -> float:
    """How many times the pilot's records name `worst`, its rivals being as near as they can be."""
    near = gains[worst] - gains
    near[worst] = gains[worst]
    leads = np.maximum(least, near - _SURE * errors[worst])
    limits = _critical(len(gains), np.array([worst]), level=level)[0]
    low, high = (
        0.0,
        float((((limits + normal_quantile(1 - (1 - power) / len(gains))) * errors[worst] / leads) ** 2).max()),
    )
    for _ in range(60):
        middle = (low + high) / 2
        missed = sum(normal_cdf(float(x)) for x in limits - leads * math.sqrt(middle) / errors[worst])
        low, high = (middle, high) if missed > 1 - power else (low, middle)
    return high


def _share(values: Floats, truth: Floats, later: Floats, errors: Floats, *, factor: float, level: float) -> float:
    """The share of truths whose worst stage would be named, the pilot being part of the records."""
    rescaled = truth + (values - truth) / factor + later * math.sqrt(factor - 1) / factor
    best, leads = _leads(rescaled)
    limits = _critical(len(errors), best, level=level) * errors[best] / math.sqrt(factor)
    return float(((leads > limits).all(axis=1) & (best == truth.argmax(axis=1))).mean())


def _leads(gains: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The place of the largest gain in each row, and its lead over every other; over nothing in its own place."""
    rows, best = np.arange(len(gains)), gains.argmax(axis=1)
    leads = gains[rows, best][:, None] - gains
    leads[rows, best] = gains[rows, best]
    return best, leads


def _critical(k: int, best: NDArray[np.intp], *, level: float) -> Floats:
    """The quantiles that the leads must pass: the naming level for a lead, 95% for the gain itself."""
    critical = np.full((len(best), k), normal_quantile((1 + level) / 2))
    critical[np.arange(len(best)), best] = normal_quantile(0.975)
    return critical


def _tens(records: float) -> int:
    return math.ceil(records / 10) * 10


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


def _z(alpha: float, power: float) -> float:
    return normal_quantile(1 - alpha / 2) + normal_quantile(power)


def _positive(difference: float) -> float:
    if difference <= 0:
        raise ValueError(f"no number of records shows a difference of {difference}")
    return difference


FEWEST = 2
"""Independent records in each half of a sample, below which nothing can be said."""


def unseen_share(kinds: Sequence[AbstractSet[Hashable]], units: Clusters, *, level: float = 0.95) -> Estimate:
    """Share of outputs with a kind that none of these records has, and a bound that it lies below.

    `kinds` are those of each record, several or none, in the order of a random sample; records of one unit come in
    batches and count as such. The value is Good and Turing's (Good 1953), by leaving out: the share of records with
    a kind that no other unit has. The bound (one-sided) rests on the order: what the later half of the sample finds
    unseen by the earlier half is a fair sample of what was unseen then, and no less can be unseen now. It is the
    exact binomial bound (Clopper & Pearson 1934), with clusters on the effective number of records (Korn & Graubard
    1998). Bounds that use no order (McAllester & Schapire 2000) hold too and say nothing below a
    thousand records; resampled records held in 89 to 93%, because no resample has a kind that the sample has not.

    >>> from stagegap.stats.spread import clusters
    >>> few = unseen_share([{"a"}, {"b"}, {"a"}, {"a"}, {"a"}, {"b"}, {"c"}, {"a"}], clusters(range(8)))
    >>> few.value, few.low, round(few.high, 3)
    (0.125, 0.0, 0.751)
    """
    n, count = len(kinds), distinct(units.codes)
    if count < 2 * FEWEST:
        return unmeasured(f"too few: {n} {'record' if n == 1 else 'records'} of {count} independent units", n=n)
    holders: dict[Hashable, set[int]] = {}
    for code, own in zip(units.codes.tolist(), kinds, strict=True):
        for kind in own:
            holders.setdefault(kind, set()).add(code)
    alone = sum(any(len(holders[kind]) == 1 for kind in own) for own in kinds)
    return Estimate(
        value=alone / n,
        low=0.0,
        high=max(alone / n, _bound(kinds, units.codes, count, level)),
        n=n,
        method="Good-Turing, one-sided bound from the later half of the sample",
        level=level,
        clusters=None if count == n else count,
    )


def _bound(kinds: Sequence[AbstractSet[Hashable]], codes: NDArray[np.int64], count: int, level: float) -> float:
    """The bound for what the earlier half of the units left unseen; units in the order in which they came."""
    order = {code: place for place, code in enumerate(dict.fromkeys(codes.tolist()))}
    is_later = np.array([order[code] >= count // 2 for code in codes.tolist()])
    known: set[Hashable] = set()
    for own, later in zip(kinds, is_later.tolist(), strict=True):
        if not later:
            known |= own
    brings = np.array([bool(own - known) for own, later in zip(kinds, is_later.tolist(), strict=True) if later])
    return upper_bound(brings.astype(np.float64), codes[is_later], level=level)


def upper_bound(values: Floats, codes: NDArray[np.int64], *, level: float = 0.95) -> float:
    """One-sided bound that the mean of 0/1 values lies below; `codes` are their clusters, two at least.

    >>> round(upper_bound(np.zeros(50), np.arange(50)), 4)
    0.0582
    """
    n, size = len(values), float(len(values))
    if distinct(codes) < n:
        within = spread(values, codes)
        size = within.effective_n * (t_quantile(level, n - 1) / within.quantile(2 * level - 1)) ** 2
    mean = float(values.mean())
    return 1.0 if mean == 1 else beta_quantile(level, mean * size + 1, (1 - mean) * size)
