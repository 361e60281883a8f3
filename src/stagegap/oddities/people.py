"""What people's labels show by themselves, and beside the system."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from stagegap.model.estimate import Estimate
from stagegap.model.wording import plural
from stagegap.oddities.card import Detector, Family, Finding, beyond, claim, figure, occurrence, places
from stagegap.oddities.columns import RunColumns
from stagegap.oddities.expected import best_share, calibration_curve
from stagegap.people.agreement import COUNTABLE, is_weak, weak_sentence
from stagegap.stats.intervals import wilson_of
from stagegap.stats.significance import mean, mean_p
from stagegap.tables import figures

FEWEST = 30
FIFTH = 5
HASTE = 0.01
"""So often a label may take less than a fifth of the person's median before it is odd."""
WAVERING = 0.05
"""So often a person may answer otherwise than before."""
FEWEST_TIMES = 10
STRONG = 0.7
MOST = 0.8
FEWEST_SYSTEMS = 3
LEAST_CHANCE = 0.02
"""So often references may be wrong before it is odd."""
ALIKE = 2.0
"""So many times more often than independent errors may similar systems err together: some records are harder."""
RELEVANT = 0.03


def _weak_agreement(run: RunColumns) -> Iterator[Finding]:
    for row in run.rows:
        if row.alpha.is_measured:
            yield weak_agreement(row.stage, row.alpha, run.cascade.noun, place=f"at {row.stage}")


def weak_agreement(stage: str, alpha: Estimate, noun: str, *, place: str, subject: str = "") -> Finding:
    """Say that people agree too little for any gap at this stage to mean something."""
    return Finding(
        stage=stage,
        subject=subject,
        statistic=alpha,
        scale="number",
        p=None,
        is_found=is_weak(alpha),
        sentence=weak_sentence(alpha, noun, place=place),
        count=alpha.n,
    )


def _hasty(run: RunColumns) -> Iterator[Finding | None]:
    for name, people in run.people.items():
        for code, person in enumerate(people.names):
            own = (people.person == code) & (people.active_ms > 0)
            if own.sum() < FEWEST_TIMES:
                continue
            usual = float(np.median(people.active_ms[own]))
            hits = np.full(run.n, np.nan)
            hits[people.record[own]] = people.active_ms[own] < usual / FIFTH
            pace = figures.whole(usual / 1000)
            words = f"{person} answered {name} in under a fifth of their usual {pace} s on {{found}}."
            yield beyond(run, name, hits, HASTE, words, subject=person)


def _wavering(run: RunColumns) -> Iterator[Finding | None]:
    for name, people in run.people.items():
        for code, person in enumerate(people.names):
            own = people.changed_person == code
            if own.any():
                hits = np.full(run.n, np.nan)
                hits[people.changed_record[own]] = people.changed[own]
                words = f"{person} answered {name} otherwise than before on {{found}} that they answered twice."
                yield beyond(run, name, hits, WAVERING, words, subject=person)


def _flagged(run: RunColumns) -> Iterator[Finding | None]:
    for name, hits in run.flagged.items():
        words = f"At {name}, {{found}} that labellers looked at were flagged as odd, or skipped by two of them."
        yield occurrence(run, name, hits, words)


def _sure_where_split(run: RunColumns) -> Iterator[Finding]:
    for name in run.people:
        stage = run.stages[name]
        if stage.kind not in COUNTABLE:
            continue
        split = best_share(run, name) < 1
        excess = np.where(split, stage.confidence - stage.good, np.nan)
        mean_excess = mean(excess, run.units)
        if mean_excess.n < FEWEST or not mean_excess.is_measured:
            continue
        known = ~np.isnan(excess)
        sure, right = (np.where(known, column, np.nan) for column in (stage.confidence, stage.good))
        yield claim(
            name, mean_excess, mean_p(excess - RELEVANT, run.units),
            f"Where labellers disagree, {name} is {figure(mean(sure, run.units))} sure and right on "
            f"{figure(wilson_of(right, run.units))} of {mean_excess.n:,} {plural(run.cascade.noun, mean_excess.n)}.",
            positions=places((known & (stage.good == 0)).astype(np.float64), order=stage.confidence),
            count=int((known & (stage.good == 0)).sum()), plot=calibration_curve(run, stage),
        )  # fmt: skip


def _contradicted(run: RunColumns) -> Iterator[Finding | None]:
    """Find references that most strong systems contradict with one and the same answer."""
    for name, every in run.others.items():
        known = [columns for columns in every if (~np.isnan(columns.good)).sum() >= FEWEST]
        systems = [columns for columns in known if float(np.nanmean(columns.good)) >= STRONG]
        if len(systems) < FEWEST_SYSTEMS:
            continue
        needed = math.ceil(MOST * len(systems))
        values = np.stack([columns.value for columns in systems])
        wrong = np.stack([(columns.good == 0) & (columns.value != 0) for columns in systems])
        scored = np.stack([~np.isnan(columns.good) for columns in systems]).all(axis=0)
        votes = np.zeros(run.n, dtype=np.int64)
        for place in range(len(systems)):
            alike = ((values == values[place]) & wrong & wrong[place]).sum(axis=0)
            votes = np.maximum(votes, alike)
        hits = np.where(scored, (votes >= needed).astype(np.float64), np.nan)
        alone = _all_wrong([1 - float(np.nanmean(columns.good)) for columns in systems], needed)
        chance = max(ALIKE * alone, LEAST_CHANCE)
        words = (
            f"At least {needed} of {len(systems)} systems that are right on {figures.share(STRONG)} or more give "
            f"{name} the same other answer than the reference on {{found}}; errors that are independent would meet on "
            f"{100 * alone:.1f}%. Probably wrong references: label these again first."
        )
        yield beyond(run, name, hits, chance, words, order=votes.astype(np.float64))


def _all_wrong(errors: list[float], needed: int) -> float:
    """The chance that so many systems are wrong at once when they err independently."""
    chances = np.array([1.0])
    for error in errors:
        chances = np.convolve(chances, [1 - error, error])
    return float(chances[needed:].sum())


DETECTORS = (
    Detector(
        name="weak-agreement", family=Family.PEOPLE, title="Agreement too low for a gap to mean anything",
        rule="the whole interval of Krippendorff's alpha lies below 0.4, on 30 records or more",
        why="A labeller's score is measured against the others: where they disagree there is nothing to be far from.",
        look=_weak_agreement, comes_first=True,
    ),
    Detector(
        name="hasty", family=Family.PEOPLE, title="Labels made in a fifth of the usual time",
        rule="more than 1% of a labeller's labels took less than a fifth of their own median",
        why="Nobody reads and decides five times as fast as usual.", look=_hasty,
    ),
    Detector(
        name="wavering", family=Family.PEOPLE, title="A labeller who disagrees with their own earlier label",
        rule="more than 5% of the records that a labeller answered twice, an hour or more apart, got two answers",
        why="If one labeller cannot repeat an answer, the question is not clear.", look=_wavering,
    ),
    Detector(
        name="flagged", family=Family.PEOPLE, title="Flagged by whoever labelled",
        rule="any record that somebody flagged as odd (F on the Label page), or that two labellers skipped",
        why="Who read it saw something wrong: with the record, the question or the guideline.", look=_flagged,
    ),
    Detector(
        name="sure-where-split", family=Family.PEOPLE, title="Labellers disagree, the system is certain",
        rule="where labellers disagree, mean confidence is more than 3 points above the share right",
        why="What labellers cannot agree on, nobody can be that certain of.", look=_sure_where_split,
    ),
    Detector(
        name="contradicted", family=Family.PEOPLE, title="References that the strong systems contradict",
        rule="four of five systems that are right on 70% or more give the same other answer on more than 2% of the "
        "records, and more than twice as often as independent errors would",
        why="When systems that differ agree against one label, the label is the likelier error.", look=_contradicted,
    ),
)  # fmt: skip
