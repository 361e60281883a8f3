"""Learning curves that do not look right: error by training size, over seeds, beside people and a fitted power
law.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted
from stagegap.oddities.card import Detector, Family, Finding, Mark, Plot, Taught, claim, figure
from stagegap.oddities.columns import Floats, LearningCurve, RunColumns
from stagegap.stats.distributions import normal_cdf, t_cdf, t_quantile
from stagegap.stats.intervals import wilson_of
from stagegap.stats.significance import mean, mean_p
from stagegap.stats.spread import SMALLEST, Clusters, distinct, spread
from stagegap.tables import figures

BOOTSTRAPS = 200
RATES = np.geomspace(0.05, 3.0, 80)
AHEAD = 4
"""How many times the largest size it is asked where the curve leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """error = level + drop x size^-rate; the level is what is left however much is added."""

    level: float
    drop: float
    rate: float

    def at(self, size: float) -> float:
        return self.level + self.drop * size**-self.rate

    def size_for(self, error: float) -> float:
        """The size at which the curve comes down to an error; infinite where it never does."""
        left = error - self.level
        return math.inf if left <= 0 or self.drop <= 0 else (self.drop / left) ** (1 / self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Where a curve leads if it goes on as it began."""

    law: PowerLaw
    level: Estimate
    """What is left however much is added."""
    size: int
    """Four times the largest that was tried."""
    error: Estimate
    """At that size."""


def fitted(sizes: Sequence[float], errors: Floats) -> PowerLaw:
    """Fit the power law by least squares: level and drop at least 0, the rate one of 80 between 0.05 and 3.

    >>> law = fitted([10, 30, 100, 300], np.array([0.1 + n**-0.5 for n in (10, 30, 100, 300)]))
    >>> round(law.level, 2), round(law.rate, 1)
    (0.1, 0.5)
    """
    level, drop, rate = _fits(sizes, errors[None, :])
    return PowerLaw(level=float(level[0]), drop=float(drop[0]), rate=float(rate[0]))


def _fits(sizes: Sequence[float], errors: Floats) -> tuple[Floats, Floats, Floats]:
    """Fit each row of errors; for a given rate the other two are a straight line, kept from going below 0."""
    basis = np.array(sizes, dtype=float)[None, :] ** -RATES[:, None]
    centre = basis.mean(axis=1, keepdims=True)
    spread = ((basis - centre) ** 2).sum(axis=1)
    middle = errors.mean(axis=1)
    drop: Floats = np.maximum(
        ((errors[:, None, :] - middle[:, None, None]) * (basis - centre)).sum(axis=2) / spread, 0.0
    )
    level: Floats = middle[:, None] - drop * centre[:, 0]
    through: Floats = np.maximum((errors[:, None, :] * basis).sum(axis=2) / (basis**2).sum(axis=1), 0.0)
    drop = np.asarray(np.where(level < 0, through, drop), dtype=np.float64)
    level = np.maximum(level, 0.0)
    left: Floats = ((errors[:, None, :] - level[:, :, None] - drop[:, :, None] * basis) ** 2).sum(axis=2)
    best: NDArray[np.intp] = left.argmin(axis=1)
    rows = np.arange(len(errors))
    return level[rows, best], drop[rows, best], RATES[best]


def ahead_of(curve: LearningCurve, units: Clusters, *, rng: np.random.Generator) -> Ahead:
    """Fit the curve and say where it leads, with intervals from resampled seeds and clusters at once."""
    known = np.flatnonzero(scored(curve))
    dev = curve.dev[:, :, known]
    law = fitted(curve.sizes, dev.mean(axis=(0, 2)))
    codes = np.unique(units.codes[known], return_inverse=True)[1]
    count = int(codes.max()) + 1
    sums = np.stack([np.bincount(codes, weights=row, minlength=count) for row in dev.reshape(-1, len(known))])
    sizes = np.bincount(codes, minlength=count)
    shape = dev.shape[:2]
    drawn = np.empty((BOOTSTRAPS, shape[1]))
    for draw in range(BOOTSTRAPS):
        picked = rng.integers(0, count, count)
        errors = (sums[:, picked].sum(axis=1) / sizes[picked].sum()).reshape(shape)
        drawn[draw] = errors[rng.integers(0, shape[0], shape[0])].mean(axis=0)
    levels, drops, rates = _fits(curve.sizes, drawn)
    size = AHEAD * curve.sizes[-1]

    def between(value: float, draws: Floats) -> Estimate:
        low, high = np.quantile(draws, [0.025, 0.975]).tolist()
        method = f"bootstrap of seeds and clusters, {BOOTSTRAPS} resamples"
        return Estimate(value=value, low=min(low, value), high=max(high, value), n=len(known), method=method)

    return Ahead(
        law=law,
        level=between(law.level, levels),
        size=size,
        error=between(law.at(size), levels + drops * float(size) ** -rates),
    )


def scored(curve: LearningCurve) -> NDArray[np.bool_]:
    """The records that have an error at every size and seed."""
    return ~np.isnan(curve.dev.sum(axis=(0, 1)))


FEWEST_SIZES, FEWEST_SEEDS = 4, 3
LINE = 40
"""Points of a drawn curve."""
JUMP = 3.0
"""Standard deviations between seeds by which one size may leave the fitted curve."""


def _usable(run: RunColumns) -> Iterator[LearningCurve]:
    for curve in run.curves:
        seeds, sizes, _ = curve.dev.shape
        if sizes >= FEWEST_SIZES and seeds >= FEWEST_SEEDS and distinct(run.units.codes[scored(curve)]) >= 10:
            yield curve


def _rises(run: RunColumns) -> Iterator[Finding]:
    for curve in _usable(run):
        logs = np.log(np.array(curve.sizes, dtype=float))
        weights = (logs - logs.mean()) / ((logs - logs.mean()) ** 2).sum() * np.ptp(logs)
        tilt, p = _two_way(np.einsum("k,skn->sn", weights, curve.dev), run.units)
        yield claim(
            curve.stage, tilt, p,
            f"The error of {curve.stage} changes by {figures.points(tilt.value)} points (interval "
            f"{figures.span(tilt)}) from {curve.sizes[0]:,} to {curve.sizes[-1]:,} {curve.unit} (n = {tilt.n:,}).",
            plot=_plot(run, curve),
        )  # fmt: skip


def _two_way(values: Floats, units: Clusters) -> tuple[Estimate, float]:
    """The mean over seeds x records, and the one-sided p that it is at most 0.

    The variance is the sum of that of records (whole clusters) and that of seeds, the degrees of freedom are
    Welch's and Satterthwaite's.
    """
    by_record, by_seed = values.mean(axis=0), np.nanmean(values, axis=1)
    known = ~np.isnan(by_record)
    n, count, seeds = int(known.sum()), distinct(units.codes[known]), len(by_seed)
    within = spread(by_record[known], units.codes[known])
    v_records = within.variance
    v_seeds = float(by_seed.var(ddof=1)) / seeds
    value, error = float(by_record[known].mean()), math.sqrt(v_records + v_seeds)
    if error <= SMALLEST:
        return mean(by_record, units), mean_p(by_record, units)
    doubt = v_records**2 / within.freedom + v_seeds**2 / (seeds - 1)
    df = (v_records + v_seeds) ** 2 / doubt if doubt > 0 else 1.0
    half = t_quantile(0.975, df) * error
    estimate = Estimate(
        value=value, low=value - half, high=value + half, n=n, method="Student t of records and seeds",
        clusters=None if count == n else count,
    )  # fmt: skip
    return estimate, t_cdf(-value / error, df)


def _train_worse(run: RunColumns) -> Iterator[Finding]:
    for curve in _usable(run):
        last = curve.dev[:, -1, :]
        train = float(curve.train[:, -1].mean())
        if math.isnan(train):
            continue
        lead, _ = _two_way(train - last, run.units)
        own = train * (1 - train) / curve.sizes[-1]
        half = math.hypot((lead.high - lead.low) / 3.92, math.sqrt(own))
        wider = Estimate(
            value=lead.value, low=lead.value - 1.96 * half, high=lead.value + 1.96 * half, n=lead.n, method=lead.method
        )
        dev = mean(last.mean(axis=0), run.units)
        yield claim(
            curve.stage, wider, 1 - normal_cdf(lead.value / half) if half > 0 else math.nan,
            f"{curve.stage} is wrong on {figures.share(train)} of the {curve.sizes[-1]:,} {curve.unit} that it learned "
            f"from, and on {figure(dev)} of the {dev.n:,} scored ones.",
            plot=_plot(run, curve),
        )  # fmt: skip


def _plateau(run: RunColumns) -> Iterator[Finding]:
    for curve in _usable(run):
        if curve.human is None or not curve.human.is_measured:
            continue
        ahead = ahead_of(curve, run.units, rng=run.rng())
        level = ahead.level
        human = curve.human
        spread = math.hypot((level.high - level.low) / 3.92, (human.high - human.low) / 3.92)
        above = level.value - human.value
        lead = Estimate(
            value=above, low=above - 1.96 * spread, high=above + 1.96 * spread, n=level.n, method="bootstrap, two-way"
        )
        yield claim(
            curve.stage, lead, 1 - normal_cdf(above / spread) if spread > 0 else math.nan,
            curve_sentence(run, curve, ahead),
            plot=_plot(run, curve),
        )  # fmt: skip


def taught(run: RunColumns) -> Iterator[Taught]:
    """Say of each curve, odd or not, whether more data would close the gap, or that there is too little to tell."""
    usable = list(_usable(run))
    for curve in run.curves:
        if any(curve is other for other in usable):
            sentence = curve_sentence(run, curve, ahead_of(curve, run.units, rng=run.rng()))
        else:
            seeds, sizes, _ = curve.dev.shape
            sentence = (
                f"Too few to say whether more data would close the gap of {curve.stage}: {counted(sizes, 'size')} of "
                f"{FEWEST_SIZES}, {counted(seeds, 'seed')} of {FEWEST_SEEDS}, "
                f"{counted(int(scored(curve).sum()), run.cascade.noun)} with a reference."
            )
        yield Taught(run=run.run, stage=curve.stage, sentence=sentence, plot=_plot(run, curve))


def curve_sentence(run: RunColumns, curve: LearningCurve, ahead: Ahead) -> str:
    """Say where the curve leads, where people are, and what that means."""
    people = f", labellers make {figure(curve.human)}" if curve.human is not None and curve.human.is_measured else ""
    return (
        f"{more_data(curve, ahead.law, ahead.level)} If it goes on as it began, the error of {curve.stage} is "
        f"{figure(ahead.error)} with {ahead.size:,} {curve.unit} and levels off at {figure(ahead.level)}{people} "
        f"({counted(ahead.level.n, run.cascade.noun)}, {len(curve.dev)} seeds)."
    )


def more_data(curve: LearningCurve, law: PowerLaw, level: Estimate) -> str:
    """Say whether more data would close the gap to people, as far as the fitted curve can tell."""
    human = curve.human
    if human is None or not human.is_measured:
        return "How far labellers are is not measured."
    if level.low > human.high:
        return "More data would not close this gap."
    size = law.size_for(human.value)
    if level.high < human.value and math.isfinite(size):
        return f"More data would close this gap, at about {figures.whole(size):,} {curve.unit} of them."
    return "Whether more data would close this gap can't be told yet."


def _jumps(run: RunColumns) -> Iterator[Finding]:
    for curve in _usable(run):
        means = np.nanmean(curve.dev, axis=2)
        law = fitted(curve.sizes, means.mean(axis=0))
        seeds, count = means.shape
        spread = math.sqrt(float(means.var(axis=0, ddof=1).mean()))
        away = means.mean(axis=0) - np.array([law.at(size) for size in curve.sizes])
        worst = int(np.abs(away).argmax())
        error = spread / math.sqrt(seeds)
        far = abs(float(away[worst])) > JUMP * spread
        p = min(1.0, count * 2 * t_cdf(-abs(float(away[worst])) / error, (seeds - 1) * count)) if error > 0 else 1.0
        value, half = float(away[worst]), t_quantile(0.975, (seeds - 1) * count) * error
        jump = Estimate(value=value, low=value - half, high=value + half, n=int(scored(curve).sum()), method="seeds")
        yield claim(
            curve.stage, jump, p if far else 1.0,
            f"At {curve.sizes[worst]:,} {curve.unit} the error of {curve.stage} lies {figures.points(value)} points "
            f"from the fitted curve (interval {figures.span(jump)}; seeds differ by {100 * spread:.1f}).",
            plot=_plot(run, curve),
        )  # fmt: skip


def _plot(run: RunColumns, curve: LearningCurve) -> Plot:
    title = f"Error of {curve.stage} by number of {curve.unit}"
    if not scored(curve).any():
        return Plot(title=title, marks=(), y_name="error on scored records")
    law = fitted(curve.sizes, np.nanmean(curve.dev, axis=(0, 2)))
    marks: list[Mark] = []
    last = AHEAD * curve.sizes[-1]
    for place, size in enumerate(curve.sizes):
        errors = curve.dev[:, place, :].mean(axis=0)
        train = float(curve.train[:, place].mean())
        whole = ((errors == 0) | (errors == 1) | np.isnan(errors)).all()
        marks.append(
            Mark(
                name=f"{size:,}",
                x=float(size),
                y=wilson_of(errors, run.units) if whole else mean(errors, run.units),
                expected=law.at(size),
                other=None if math.isnan(train) else _exactly(train, n=size),
            )
        )
    return Plot(
        title=title,
        marks=tuple(marks),
        y_name="error on scored records",
        expected_name="fitted power law",
        other_name=f"error on the {curve.unit}",
        level=curve.human,
        level_name="labellers",
        line=tuple((float(size), law.at(float(size))) for size in np.geomspace(curve.sizes[0], last, LINE)),
        x_name=f"{curve.unit}, logarithmic",
        is_log=True,
    )


def _exactly(error: float, *, n: int) -> Estimate:
    return Estimate(value=error, low=error, high=error, n=n, method="mean over seeds")


DETECTORS = (
    Detector(
        name="curve-rises", family=Family.CURVE, title="More data makes it worse",
        rule="the error on scored records rises with the logarithm of the training size",
        why="More of the right data never teaches less: look for labels or sources that differ.", look=_rises,
    ),
    Detector(
        name="train-worse", family=Family.CURVE, title="Worse on what it learned from than on what it did not",
        rule="the error on the training records is above that on the scored ones, at the largest size",
        why="It should be the other way round: the labels of one side differ, or the scored ones leaked.",
        look=_train_worse,
    ),
    Detector(
        name="plateau", family=Family.CURVE, title="The curve levels off above labellers",
        rule="the level of a fitted power law is above labellers' error",
        why="More of the same data will not get there: the inputs, the model or the labels must change.",
        look=_plateau,
    ),
    Detector(
        name="jump", family=Family.CURVE, title="A size that leaves the curve",
        rule="one size lies more than 3 standard deviations between seeds from a fitted power law",
        why="Learning goes smoothly; a jump is a change of data, of settings, or of luck worth looking at.",
        look=_jumps,
    ),
)  # fmt: skip
