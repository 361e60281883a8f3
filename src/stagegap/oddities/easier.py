"""Worse on what should be easier: difficulty comes from people, never from the system."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from stagegap.model.wording import plural
from stagegap.oddities.between import unanimous
from stagegap.oddities.card import Detector, Family, Finding, Mark, Plot, claim, figure, places
from stagegap.oddities.columns import Floats, RunColumns, StageColumns
from stagegap.oddities.expected import calibration_curve
from stagegap.stats.intervals import wilson_of
from stagegap.stats.significance import mean, mean_p, trend

RELEVANT = 0.03
"""Points by which the easier ones must be worse."""
FEWEST = 30
MOST_GROUPS = 12
SURE = 0.9


def _by_given(run: RunColumns) -> Iterator[Finding]:
    for stage in run.stages.values():
        yield from _inverted(run, stage, run.difficulty, "given as easier", subject="")
        for group in list(run.groups)[:MOST_GROUPS]:
            inside = np.full(run.n, np.nan)
            inside[run.groups[group]] = run.difficulty[run.groups[group]]
            yield from _inverted(run, stage, inside, f"given as easier, {group}", subject=group)


def _by_agreement(run: RunColumns) -> Iterator[Finding]:
    for name in run.people:
        hard = 1 - unanimous(run, name)
        yield from _inverted(run, run.stages[name], hard, "on which labellers agree", subject="")


def _by_time(run: RunColumns) -> Iterator[Finding]:
    for name in run.people:
        yield from _inverted(run, run.stages[name], seconds(run, name), "that labellers answer faster", subject="")


def seconds(run: RunColumns, stage: str) -> Floats:
    """How long people took for each record on average, each person's time beside their own median; NaN without.

    Persons differ in pace, so a time counts by its logarithm over that person's median.
    """
    people = run.people[stage]
    total, count = np.zeros(run.n), np.zeros(run.n)
    for person in range(len(people.names)):
        own = (people.person == person) & (people.active_ms > 0)
        if own.sum() >= 5:
            logs = np.log(people.active_ms[own])
            np.add.at(total, people.record[own], logs - np.median(logs))
            np.add.at(count, people.record[own], 1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _inverted(run: RunColumns, stage: StageColumns, hard: Floats, words: str, *, subject: str) -> Iterator[Finding]:
    """Test whether failures rise with ease, where the easier third is worse than the harder by 3 points."""
    failed = 1 - stage.good
    known = ~np.isnan(failed) & ~np.isnan(hard)
    if known.sum() < FEWEST or np.ptp(hard[known]) <= 0:
        return
    easy, tough = thirds(np.where(known, hard, np.nan))
    slope, p = trend(failed, -hard, run.units)
    if not slope.is_measured:
        return
    worse, better = (wilson_of(np.where(part, failed, np.nan), run.units) for part in (easy, tough))
    difference = worse.value - better.value
    yield claim(
        stage.name, slope, p if difference >= RELEVANT else 1.0,
        f"{stage.name} fails on {figure(worse)} of {worse.n:,} {plural(run.cascade.noun, worse.n)} {words}, and on "
        f"{figure(better)} of the {better.n:,} that should be harder.",
        scale="number", subject=subject, positions=places(np.where(easy, failed, 0.0), order=stage.confidence),
        count=int(failed[easy].sum()), plot=_levels(run, failed, hard, known),
    )  # fmt: skip


def thirds(
    hard: Floats,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The easier and the harder end: all records up to the lower and from the upper third, ties together."""
    low, high = np.nanquantile(hard, [1 / 3, 2 / 3])
    if low == high:
        return hard < high if (hard < high).any() else hard <= low, hard > low if (hard > low).any() else hard >= high
    return hard <= low, hard >= high


def _levels(run: RunColumns, failed: Floats, hard: Floats, known: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Plot:
    """Draw the failure rate by difficulty: by level where there are few, else in five parts of equal size."""
    levels = np.unique(hard[known])
    if len(levels) > 5:
        edges = np.quantile(hard[known], np.linspace(0, 1, 6))
        codes = np.clip(np.searchsorted(edges, hard, side="right") - 1, 0, 4)
        parts = [known & (codes == place) for place in range(5)]
    else:
        parts = [known & (hard == level) for level in levels.tolist()]
    marks = tuple(
        Mark(name=f"{place} of {len(parts)}", y=wilson_of(np.where(part, failed, np.nan), run.units))
        for place, part in enumerate(parts, start=1)
        if part.any()
    )
    return Plot(title="How often it fails, from easy to hard", marks=marks, y_name="share that fails")


def _sure_and_wrong(run: RunColumns) -> Iterator[Finding]:
    for name in run.people:
        stage, pace = run.stages[name], seconds(run, name)
        easy = (unanimous(run, name) == 1) & (np.isnan(pace) | (pace <= 0)) & (stage.confidence >= SURE)
        excess = np.where(easy, (1 - stage.good) - (1 - stage.confidence), np.nan)
        mean_excess = mean(excess, run.units)
        if mean_excess.n < FEWEST or not mean_excess.is_measured:
            continue
        failed = np.where(easy, 1 - stage.good, np.nan)
        yield claim(
            name, mean_excess, mean_p(excess, run.units),
            f"Where labellers agree quickly and {name} is at least 90% sure, it is wrong on "
            f"{figure(wilson_of(failed, run.units))} of {mean_excess.n:,}; its confidence promises "
            f"{figure(mean(np.where(easy, 1 - stage.confidence, np.nan), run.units))}.",
            positions=places(failed, order=stage.confidence), count=int(np.nansum(failed)),
            plot=calibration_curve(run, stage),
        )  # fmt: skip


_WHY = (
    "What is easy for labellers should not be the hard part for the system: look for what these records have in common."
)
DETECTORS = (
    Detector(
        name="easier-given", family=Family.EASIER, title="Worse where the records were given as easier",
        rule="failures rise with ease (trend test), and the easier third is worse than the harder by 3 points; over "
        "all records and in each group",
        why=_WHY, look=_by_given,
    ),
    Detector(
        name="easier-agreed", family=Family.EASIER, title="Worse where labellers agree",
        rule="fails more often where all labellers agree than where they do not, by 3 points",
        why=_WHY, look=_by_agreement,
    ),
    Detector(
        name="easier-quick", family=Family.EASIER, title="Worse where labellers are quick",
        rule="failures rise with labellers' pace (trend test), and the quicker third is worse than the slower"
        " by 3 points",
        why=_WHY, look=_by_time,
    ),
    Detector(
        name="sure-and-wrong", family=Family.EASIER, title="Labellers agree quickly, the system is wrong and sure",
        rule="where all agree, at their usual pace or faster, and confidence is at least 90%: wrong more often than "
        "the confidence says",
        why="Nobody would look at these records: the system is sure, and they are easy.", look=_sure_and_wrong,
    ),
)  # fmt: skip
