"""Higher or lower than expected: anchors that cost nothing to know, and confidence against what came true."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.oddities.anchors import always_commonest, anchors, calibration_curve
from stagegap.analysis.oddities.card import Detector, Family, Finding, places
from stagegap.analysis.oddities.columns import Floats, RunColumns
from stagegap.analysis.oddities.saying import claim, figure
from stagegap.analysis.wording import plural
from stagegap.stats.clusters import distinct
from stagegap.stats.screening import mean, mean_p, share, trend
from stagegap.stats.signflip import sign_flip_p
from stagegap.tables import figures

RELEVANT = 0.03
"""A difference below is not worth anybody's time, however certain."""
FEWEST = 30


def _below_prior(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        known = (stage.reference >= 0) & ~np.isnan(stage.good)
        if known.sum() < FEWEST or not independent(run, known):
            continue
        if stage.stage.is_recorded and np.ptp(stage.answer[known]) == 0:
            continue  # it was put down as one answer everywhere, so it never chose
        always, common = always_commonest(stage, known)
        loss = always - stage.good
        lost = mean(loss, run.units)
        yield claim(
            stage.name, lost, _one_sided(loss, run),
            f"{stage.name} is right on {figure(share(np.where(known, stage.good, np.nan), run.units))}; always "
            f"answering {common!r} would be right on {figure(share(always, run.units))} of the same "
            f"{int(known.sum()):,} {plural(run.cascade.noun, 2)}.",
            positions=places((loss == 1).astype(np.float64)), count=int((loss == 1).sum()),
            plot=anchors(run, stage.name),
        )  # fmt: skip


def independent(run: RunColumns, known: NDArray[np.bool_]) -> bool:
    """Say whether the records belong to two clusters at least, without which nothing can be tested."""
    return distinct(run.units.codes[known]) >= 2


def _one_sided(differences: Floats, run: RunColumns) -> float:
    """The one-sided p that the sum of paired differences is at most 0."""
    both = sign_flip_p(differences, run.units, rng=run.rng())
    return both / 2 if np.nansum(differences) > 0 else 1 - both / 2


def _calibration(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        gap = stage.confidence - stage.good
        known = ~np.isnan(gap)
        if known.sum() < FEWEST or not independent(run, known):
            continue
        mean_gap = mean(gap, run.units)
        p = min(1.0, 2 * min(mean_p(gap - RELEVANT, run.units), mean_p(-gap - RELEVANT, run.units)))
        sure = mean(np.where(known, stage.confidence, np.nan), run.units)
        right = share(np.where(known, stage.good, np.nan), run.units)
        wrong = np.where(known & (stage.good == 0), 1.0, 0.0)
        yield Finding(
            stage=stage.name, statistic=mean_gap, scale="points", p=p,
            sentence=f"{stage.name} is {figure(sure)} sure and right on {figure(right)} of {int(known.sum()):,} "
            f"{plural(run.cascade.noun, 2)}.",
            positions=places(wrong, order=stage.confidence), count=int(wrong.sum()), plot=calibration_curve(run, stage),
        )  # fmt: skip


def _backwards(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        slope, p = trend(1 - stage.good, stage.confidence, run.units)
        if slope.n < FEWEST or not slope.is_measured:
            continue
        wrong = ((stage.good == 0) & ~np.isnan(stage.confidence)).astype(np.float64)
        yield claim(
            stage.name, slope, p,
            f"The surer {stage.name} is, the more often it is wrong: from a confidence of 0 to one of 1 its failure "
            f"rate would rise by {figures.percent(slope.value)} points (interval {figures.span(slope)}; {slope.n:,} "
            f"{plural(run.cascade.noun, slope.n)}).",
            positions=places(wrong, order=stage.confidence), count=int(wrong.sum()), plot=calibration_curve(run, stage),
        )  # fmt: skip


def _empty_confidence(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        known = ~np.isnan(stage.confidence) & ~np.isnan(stage.good)
        if known.sum() < FEWEST or not independent(run, known):
            continue
        base = float(stage.good[known].mean())
        worse = (stage.confidence - stage.good) ** 2 - (base - stage.good) ** 2
        rise = mean(worse, run.units)
        yield claim(
            stage.name, rise, mean_p(worse, run.units),
            f"The confidence of {stage.name} predicts less than one number for all would: its squared error is higher "
            f"by {figures.number(rise.value, 3)} ({figures.span(rise, figures.Unit.NUMBER)}; {rise.n:,} "
            f"{plural(run.cascade.noun, rise.n)}).",
            scale="number", positions=places((worse > 0).astype(np.float64), order=worse), count=int((worse > 0).sum()),
            plot=calibration_curve(run, stage),
        )  # fmt: skip


def _moved(run: RunColumns) -> Iterator[Finding]:
    if run.earlier is None:
        return
    for name in sorted(run.earlier.unchanged & set(run.stages)):
        now, then = run.stages[name], run.earlier.stages[name]
        same = (now.inputs == then.inputs) & (now.inputs != 0)
        moved = np.where(same, now.score - then.score, np.nan)
        shift = mean(moved, run.units)
        if shift.n < FEWEST or not shift.is_measured:
            continue
        yield claim(
            name, shift, sign_flip_p(moved, run.units, rng=run.rng()),
            f"Nothing about {name} or its inputs changed since run {run.earlier.run}, yet its score moved by "
            f"{figures.points(shift.value)} points (interval {figures.span(shift)}; {shift.n:,} "
            f"{plural(run.cascade.noun, shift.n)}).",
            positions=places((np.abs(moved) > 0).astype(np.float64), order=np.abs(moved)),
            count=int((np.abs(moved) > 0).sum()),
        )  # fmt: skip


DETECTORS = (
    Detector(
        name="below-prior", family=Family.EXPECTED, title="Worse than always giving the commonest answer",
        rule="right less often than the commonest reference answer would be",
        why="A stage that reads its input should beat one that does not.", look=_below_prior,
    ),
    Detector(
        name="calibration", family=Family.EXPECTED, title="Confidence that does not come true",
        rule="mean confidence and share right differ by more than 3 points",
        why="Whoever escalates or stops by this confidence decides by a wrong number.", look=_calibration,
    ),
    Detector(
        name="backwards", family=Family.EXPECTED, title="Surer when it is wrong",
        rule="the failure rate rises with confidence",
        why="Confidence should fall where answers fail; one that rises points the wrong way.", look=_backwards,
    ),
    Detector(
        name="loss", family=Family.EXPECTED, title="A loss above that of a constant",
        rule="the squared error of the confidence is above that of the mean share right",
        why="The confidence costs more than it tells.", look=_empty_confidence,
    ),
    Detector(
        name="moved", family=Family.EXPECTED, title="A score that moved by itself",
        rule="same settings, same inputs, another mean score than in the run before",
        why="What nobody changed should not change.", look=_moved,
    ),
)  # fmt: skip
