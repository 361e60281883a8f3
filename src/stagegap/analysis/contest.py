"""Whether one stage leads the others, which ranks stay possible, and what it would take to decide."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.gains import SYSTEM_OUTCOME, Gains
from stagegap.attribution.ceiling import Ceiling, weighed
from stagegap.model.estimate import Estimate
from stagegap.model.wording import plural
from stagegap.stats.ranks import covariance_of_means, picked, rank_sets
from stagegap.stats.resample import Resamples
from stagegap.stats.sample_size import Budget, Pilot, records_to_name
from stagegap.tables import figures

Floats = NDArray[np.float64]
NAMED_FROM = 0.90
"""Share of resamples in which a stage must come first to be named."""
NAMING_LEVEL = 0.96
"""Level of the intervals by which the best must lead: with 0.95, two equal stages were named in 5.1 to 5.5% of the
simulated cases (`benchmarks/coverage.py`), with this in fewer than 5%."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """The stage with the largest gain against each other stage, on the same resamples."""

    best: int
    rival: int | None
    """The stage that is hardest to tell from the best; None when there is no other."""
    lead: Estimate | None
    """Gain of the best minus gain of the rival."""
    is_decided: bool
    """The best beats every other stage, its own gain is above 0, and it is first often enough."""
    picked: Estimate | None = None
    """The gain of the best without what being picked adds; None unless it is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What stays possible, and what would decide it."""

    best: tuple[int, ...]
    """Per stage: the best rank by gain that the data do not exclude, all stages at once."""
    worst: tuple[int, ...]
    budget: Budget


def contest(resamples: Resamples, stairs: Ceiling, gains: Gains) -> Contest:
    """Find whether one stage leads: it must beat each other stage, not only come first often.

    With equal stages some stage comes first in 90% of the resamples far too often (with two stages: one time in
    five). So its lead over every other stage must exclude 0 as well: an intersection-union test (Berger 1982), which
    names a stage in at most 5% of cases also when the two best are equal. Of stages that gain exactly the same the
    first by name is held against the others, so that the order of a file has no part in it.
    """
    steps = stairs.steps
    best = by_gain(stairs)[0]
    leads = {i: _lead(resamples, gains, best, i) for i in range(len(steps)) if i != best}
    rival = min(leads, key=lambda i: (round(leads[i].low, 9), steps[i].stage), default=None)
    is_decided = (
        steps[best].gain.low > 0 and steps[best].p_first >= NAMED_FROM and all(lead.low > 0 for lead in leads.values())
    )
    return Contest(
        best=best,
        rival=rival,
        lead=None if rival is None else leads[rival],
        is_decided=is_decided,
        picked=_picked(resamples, stairs, gains, best) if is_decided else None,
    )


def by_gain(stairs: Ceiling) -> list[int]:
    """Positions of the stages, the largest gain first; equal ones by name."""
    return sorted(
        range(len(stairs.steps)), key=lambda i: (-round(stairs.steps[i].gain.value, 9), stairs.steps[i].stage)
    )


def _picked(resamples: Resamples, stairs: Ceiling, gains: Gains, best: int) -> Estimate:
    table = gains.table
    known = ~np.isnan(table).any(axis=1)
    figures = [step.gain for step in stairs.steps]
    return picked(
        figures[best],
        np.array([gain.value for gain in figures]),
        covariance_of_means(table[known], resamples.clusters.codes[known]),
        best=best,
        level=figures[best].level,
        lead_level=NAMING_LEVEL,
    )


def drawn_gains(resamples: Resamples, gains: Gains) -> Floats:
    """The gains in each resample, one column a stage."""
    sums = [weighed(resamples.means, weights, SYSTEM_OUTCOME) for weights in gains.weights.values()]
    return np.stack(sums, axis=1)


def _lead(resamples: Resamples, gains: Gains, a: int, b: int) -> Estimate:
    """Gain of stage a minus gain of stage b."""
    by_stage = list(gains.weights.values())
    weights = Counter(by_stage[a])
    weights.subtract(by_stage[b])
    lead = resamples.contrast({**weights} or {SYSTEM_OUTCOME: 0.0}, level=NAMING_LEVEL)
    return lead if gains.drawn is None else gains.drawn.widened(lead, float(gains.drawn.leads[a, b]))


def outlook(resamples: Resamples, gains: Gains, *, rng: np.random.Generator) -> Outlook:
    """The ranks that stay possible and the budget that would name the worst stage."""
    table = gains.table
    known = ~np.isnan(table).any(axis=1)
    values = table[known].mean(axis=0)
    drawn = drawn_gains(resamples, gains)
    units = resamples.units(SYSTEM_OUTCOME)
    ranks = rank_sets(values, drawn, rows=table, codes=resamples.clusters.codes)
    pilot = Pilot(gains=values, drawn=drawn, n=int(known.sum()), units=units)
    return Outlook(
        best=ranks.best,
        worst=ranks.worst,
        budget=records_to_name(pilot, rng=rng, level=NAMING_LEVEL),
    )


def promised_at(budget: Budget, noun: str) -> str:
    """Say at how many records the worst stage is named, by how far it leads."""
    near, middle, *_ = budget.promises
    return (
        f"{middle.records:,} {plural(noun, 2)} in all name the worst stage in 95% of cases if it leads by "
        f"{figures.percent(middle.lead)} points or more, {near.records:,} if it leads by {figures.percent(near.lead)}."
    )
