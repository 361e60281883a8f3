"""A log loss beside what it should lie between: that of knowing only the shares, and what people's disagreement costs.

A stage gives the chance of its own answer. Where that answer is wrong, the chance of the right one is not known: at
most all that is left (`best`), about an equal part of it for each other answer (`even`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stagegap.analysis.chance import COUNTABLE
from stagegap.analysis.oddities.anchors import ballots, calibration_curve
from stagegap.analysis.oddities.card import Detector, Family, Finding, places
from stagegap.analysis.oddities.columns import Floats, RunColumns, StageColumns
from stagegap.analysis.oddities.saying import claim, lead_over
from stagegap.analysis.wording import plural
from stagegap.model.estimate import Estimate
from stagegap.stats.clusters import distinct
from stagegap.stats.screening import mean, mean_p
from stagegap.tables import figures

FEWEST = 30
SMALLEST = 1e-4
"""A chance below counts as this: one answer that was given no chance at all must not decide a mean."""
RELEVANT = 0.02
"""Nats; the shares are those of the same records, which flatters them by about (answers - 1) / (2 records)."""


def log_loss(stage: StageColumns, *, shared_by: int) -> Floats:
    """Minus the logarithm of the chance of the right answer (nats), what a wrong one left shared by so many."""
    chance = np.where(stage.good == 1, stage.confidence, (1 - stage.confidence) / max(shared_by, 1))
    known = ~np.isnan(stage.good) & ~np.isnan(stage.confidence) & (stage.reference >= 0)
    return np.where(known, -np.log(np.maximum(chance, SMALLEST)), np.nan)


def _above_shares(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        loss = log_loss(stage, shared_by=1)
        known = ~np.isnan(loss)
        if known.sum() < FEWEST or distinct(run.units.codes[known]) < 2:
            continue
        shares = np.bincount(stage.reference[known], minlength=len(stage.answers)) / known.sum()
        prior = np.where(known, -np.log(np.maximum(shares, SMALLEST)[np.maximum(stage.reference, 0)]), np.nan)
        worse, own = mean(loss - prior, run.units), mean(loss, run.units)
        yield claim(
            stage.name, worse, mean_p(loss - prior - RELEVANT, run.units),
            f"The log loss of {stage.name} is {nats(own)} or more on {own.n:,} {plural(run.cascade.noun, own.n)}. "
            f"Knowing only how often each answer is right would cost {mean(prior, run.units).value:.2f}, guessing "
            f"{math.log(len(stage.answers)):.2f}.",
            scale="number", positions=places((loss > prior).astype(np.float64), order=loss),
            count=int((loss > prior).sum()), plot=calibration_curve(run, stage),
        )  # fmt: skip


def _below_people(run: RunColumns) -> Iterator[Finding]:
    """Compare the loss on labels of one person with the entropy of people's answers where several gave one."""
    for name, people in run.people.items():
        stage = run.stages[name]
        if stage.kind not in COUNTABLE:
            continue
        alone = np.bincount(people.record, minlength=run.n) <= 1
        loss = np.where(alone, log_loss(stage, shared_by=len(stage.answers) - 1), np.nan)
        floor = entropy(run, name)
        least, score = mean(floor, run.units), mean(loss, run.units)
        if least.n < FEWEST or score.n < FEWEST or not (least.is_measured and score.is_measured):
            continue
        below, p = lead_over(floor, loss, run.units)
        yield claim(
            name, below, p,
            f"The log loss of {name} is {nats(score)} on {score.n:,} {plural(run.cascade.noun, score.n)} with one "
            f"person's label. Where several answered, people differ by {nats(least)} ({least.n:,}): nobody can be "
            "surer than that of what one person says.",
            scale="number", count=score.n, plot=calibration_curve(run, stage),
        )  # fmt: skip


def entropy(run: RunColumns, stage: str) -> Floats:
    """The entropy (nats) of people's answers to each record that several labelled; NaN elsewhere.

    Of a few answers it comes out too low, so that what lies below lies below the true one too.
    """
    record, votes = ballots(run, stage)
    total = np.bincount(record, weights=votes, minlength=run.n)
    inside = np.bincount(record, weights=votes * np.log(np.maximum(votes, 1.0)), minlength=run.n)
    many = np.maximum(total, 1.0)
    return np.where(total >= 2, np.log(many) - inside / many, np.nan)


def nats(loss: Estimate) -> str:
    """A loss with its interval: `0.52 (0.44 to 0.60)`."""
    return figures.figure(loss, figures.Unit.NUMBER) if loss.is_measured else loss.method


DETECTORS = (
    Detector(
        name="loss-prior", family=Family.EXPECTED, title="A log loss above that of knowing the shares alone",
        rule="the log loss of the confidence, at its best, is above the entropy of the reference answers by 0.02 nats",
        why="Its confidence in wrong answers costs more than reading the input wins.", look=_above_shares,
    ),
    Detector(
        name="loss-floor", family=Family.EXPECTED, title="A log loss below what people's disagreement allows",
        rule="the log loss on one person's labels is below the mean entropy of people's answers where several answered",
        why="What people differ in can't be foreseen that surely: a stage that does has probably seen the labels.",
        look=_below_people,
    ),
)  # fmt: skip
