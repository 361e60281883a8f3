"""What a detector is and gives: findings in words, and the cards and checks that a screen makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

import numpy as np

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import plural
from stagegap.oddities.columns import Codes, Floats, RunColumns
from stagegap.stats.intervals import wilson_of
from stagegap.stats.significance import above_p
from stagegap.stats.spread import Clusters, distinct, spread
from stagegap.tables import figures

MOST_RECORDS = 50
"""Records that a card names; it says how many there are."""
LEVEL = 0.05
"""A test is shown when its q is below: at most this share of the shown cards is expected to be chance."""


class Family(StrEnum):
    """The kinds of oddity, as people speak of them."""

    CURVE = "The learning curve does not look right"
    EASIER = "Worse on what should be easier"
    EXPECTED = "Higher or lower than expected"
    HURTS = "Something that should help, hurts"
    TOO_GOOD = "Too good to be true"
    FORMAT = "Inconsistent format"
    FILES = "Pictures, recordings, documents"
    PEOPLE = "Labellers"
    CASCADE = "Between the stages"


Scale = Literal["share", "points", "number", "seconds"]
"""How a statistic is printed: a share of records, a difference of shares, a plain number, a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One row of a plot."""

    name: str
    """`0.8 sure`, `200 examples`"""
    y: Estimate
    expected: float = math.nan
    """What should be there; NaN where nothing is expected."""
    other: Estimate | None = None
    """A second value to compare with."""
    x: float = math.nan
    """Its place in a curve: a size, a confidence; NaN in a plot that is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What a card draws beside its sentence: shares, one row each."""

    title: str
    marks: tuple[Mark, ...]
    y_name: str
    expected_name: str = ""
    other_name: str = ""
    level: Estimate | None = None
    """A level to compare all rows with: people."""
    level_name: str = ""
    line: tuple[tuple[float, ...], ...] = ()
    """Pairs of x and y, left to right: a fitted curve, or where confidence would come true."""
    x_name: str = ""
    is_log: bool = False
    """Places go by their logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one detector says of one stage, before it is known how many others were looked at."""

    stage: str
    """Empty for what concerns the whole run."""
    statistic: Estimate
    scale: Scale
    p: float | None
    """Of the test that nothing is odd; NaN with too little data. None for a rule that needs no test: what it finds
    is there."""
    is_found: bool = False
    """For a rule: something was found. A test leaves it to q."""
    sentence: str
    """What is odd, with its number."""
    positions: tuple[int, ...] = ()
    """Records that show it, the plainest first."""
    count: int = 0
    """How many records show it."""
    subject: str = ""
    """What it is about besides the stage: a person, an input, a group of records."""
    plot: Plot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One way of noticing."""

    name: str
    """In the address and the store: `masked`."""
    family: Family
    title: str
    """`Right although its input was wrong`"""
    rule: str
    """When it is shown, in words."""
    why: str
    """Why that is strange, in one line."""
    look: Callable[[RunColumns], Iterable[Finding | None]]
    """Gives one finding for each stage, person or group that it has data of; None stands for one without."""
    comes_first: bool = False
    """What would make other figures meaningless stands before everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """A card: one thing that looks strange. A screen, never a verdict."""

    key: str
    """`detector/stage/subject`; the same in every run."""
    run: str
    detector: str
    family: str
    title: str
    stage: str
    subject: str
    kind: Literal["found", "test"]
    statistic: Estimate
    scale: str
    n: int
    p: float
    """NaN for what was found by rule."""
    q: float
    """p after Benjamini-Hochberg over all detectors, stages and runs of the screen; NaN for what was found."""
    rule: str
    sentence: str
    why: str
    count: int
    records: tuple[str, ...]
    """At most 50 of the `count` that show it."""
    example: str
    """First words of the first of them."""
    plot: Plot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What a learning curve says, odd or not: would more data help?"""

    run: str
    stage: str
    sentence: str
    plot: Plot


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What happened without something, odd or not."""

    run: str
    stage: str
    what: str
    """`the input subject`, `block 2 of the prompt`"""
    judged: str
    """Stage whose score says what it did."""
    change: Estimate
    """Score without it minus score with it."""
    better: int
    worse: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A detector and how much it looked at."""

    detector: str
    family: str
    title: str
    rule: str
    looked: int
    """Stages, people and groups that it had enough data for."""
    n: int
    """The largest number of records among them."""
    shown: int
    """Cards that it gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """All that looks strange in a run, or in several."""

    cascade: str
    runs: tuple[str, ...]
    noun: str
    headline: str
    basis: str
    """How many checks looked at what, and how many tests share the false alarms."""
    cards: tuple[Oddity, ...]
    """Most surprising first."""
    checks: tuple[Checked, ...]
    tests: int
    """Number of p-values that q is adjusted for."""
    records: int
    labels_seq: int = 0
    curves: tuple[Taught, ...] = ()
    """Of stages that were taught with less: `stagegap show odd --learn`."""
    tried: tuple[Tried, ...] = ()
    """What was taken away: `stagegap show odd --without`."""


def places(hits: Floats, *, order: Floats | None = None) -> tuple[int, ...]:
    """The first positions that are 1, those with the highest `order` first."""
    positions: Codes = np.flatnonzero(hits == 1)
    if order is not None and len(positions):
        positions = positions[np.argsort(-np.nan_to_num(order[positions], nan=-np.inf), kind="stable")]
    first: list[int] = positions[:MOST_RECORDS].tolist()
    return tuple(first)


def share_of(estimate: Estimate, hits: int, noun: str) -> str:
    """A count with its share: `3 of 120 mails (2%, interval 1 to 7)`."""
    whole = f"{hits:,} of {estimate.n:,} {plural(noun, estimate.n)}"
    return (
        f"{whole} ({figures.share(estimate.value)}, interval {figures.span(estimate)})"
        if estimate.is_measured
        else whole
    )


def figure(estimate: Estimate) -> str:
    """A share with its interval: `12% (8 to 17)`."""
    return figures.figure(estimate, figures.Unit.SHARE) if estimate.is_measured else estimate.method


def beyond(
    run: RunColumns,
    stage: str,
    hits: Floats,
    tolerance: float,
    sentence: str,
    *,
    order: Floats | None = None,
    subject: str = "",
) -> Finding | None:
    """Test that a share is at most the tolerance; `{found}` in the sentence becomes count, share and interval.

    None where no record tells anything.
    """
    finding = _of_share(run, stage, hits, sentence, order=order, subject=subject)
    if finding is None or not finding.statistic.is_measured:
        return finding
    return replace(finding, p=above_p(hits, tolerance, run.units))


def occurrence(
    run: RunColumns, stage: str, hits: Floats, sentence: str, *, order: Floats | None = None, subject: str = ""
) -> Finding | None:
    """Say what is there: found where any record shows it, with n and Wilson's interval; None without a record."""
    finding = _of_share(run, stage, hits, sentence, order=order, subject=subject)
    return replace(finding, p=None, is_found=finding.count > 0) if finding else None


def _of_share(
    run: RunColumns, stage: str, hits: Floats, sentence: str, *, order: Floats | None, subject: str
) -> Finding | None:
    """A share with its records, not tested; None without a record."""
    rate = wilson_of(hits, run.units)
    if not rate.n:
        return None
    count = int(np.nansum(hits))
    return Finding(
        stage=stage,
        subject=subject,
        statistic=rate,
        scale="share",
        p=math.nan,
        sentence=sentence.replace("{found}", share_of(rate, count, run.cascade.noun)),
        positions=places(hits, order=order),
        count=count,
    )


def claim(
    stage: str,
    statistic: Estimate,
    p: float,
    sentence: str,
    *,
    scale: Scale = "points",
    positions: tuple[int, ...] = (),
    count: int = 0,
    subject: str = "",
    plot: Plot | None = None,
) -> Finding:
    """The finding of a test; with too little data its p is NaN and it is in no count."""
    return Finding(
        stage=stage,
        subject=subject,
        statistic=statistic,
        scale=scale,
        p=p if statistic.is_measured else math.nan,
        sentence=sentence,
        positions=positions,
        count=count,
        plot=plot,
    )


def lead_over(values: Floats, others: Floats, units: Clusters) -> tuple[Estimate, float]:
    """How far one mean lies above another of other records, and the one-sided p that it does not."""
    here, rest = ~np.isnan(values), ~np.isnan(others)
    lead, n = float(np.nanmean(values) - np.nanmean(others)), int(here.sum())
    codes = np.concatenate([units.codes[here], units.codes[rest]])
    if n < 2 or rest.sum() < 2 or distinct(codes) < 2:
        return unmeasured("too few: nothing varies", n=n), math.nan
    away = np.concatenate([values[here] - values[here].mean(), others[rest] - others[rest].mean()])
    within = spread(away, codes, weights=np.repeat([1 / n, -1 / int(rest.sum())], [n, int(rest.sum())]))
    if not within.error > 0:
        return unmeasured("too few: nothing varies", n=n), math.nan
    half = within.quantile(0.95) * within.error
    estimate = Estimate(
        value=lead, low=lead - half, high=lead + half, n=n, method=f"Student t, two samples{within.note}"
    )
    return estimate, within.tail(lead / within.error)
