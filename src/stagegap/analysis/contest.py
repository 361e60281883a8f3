"""Whether one stage leads the others, which ranks stay possible, and what it would take to decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.wording import plural
from stagegap.attribution.ceiling import Ceiling
from stagegap.model.estimate import Estimate
from stagegap.stats.naming import Budget, Pilot, records_to_name
from stagegap.stats.ranks import rank_sets
from stagegap.stats.resample import Resamples
from stagegap.stats.winners import covariance_of_means, picked
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


def contest(resamples: Resamples, staircase: Ceiling, columns: Sequence[str]) -> Contest:
    """Find whether one stage leads: it must beat each other stage, not only come first often.

    With equal stages some stage comes first in 90% of the resamples far too often (with two stages: one time in
    five). So its lead over every other stage must exclude 0 as well: an intersection-union test (Berger 1982), which
    names a stage in at most 5% of cases also when the two best are equal.
    """
    gains = [step.gain for step in staircase.steps]
    best = max(range(len(gains)), key=lambda i: gains[i].value)
    leads = {i: _lead(resamples, columns, best, i) for i in range(len(gains)) if i != best}
    rival = min(leads, key=lambda i: leads[i].low, default=None)
    is_decided = (
        gains[best].low > 0
        and staircase.steps[best].p_first >= NAMED_FROM
        and all(lead.low > 0 for lead in leads.values())
    )
    return Contest(
        best=best,
        rival=rival,
        lead=None if rival is None else leads[rival],
        is_decided=is_decided,
        picked=_picked(resamples, gains, columns, best) if is_decided else None,
    )


def _picked(resamples: Resamples, gains: Sequence[Estimate], columns: Sequence[str], best: int) -> Estimate:
    table = np.stack([resamples.columns[name] for name in columns], axis=1)
    there = ~np.isnan(table).any(axis=1)
    return picked(
        gains[best],
        np.array([gain.value for gain in gains]),
        covariance_of_means(np.diff(table[there], axis=1), resamples.clusters.codes[there]),
        best=best,
        level=gains[best].level,
        lead_level=NAMING_LEVEL,
    )


def _drawn_gains(resamples: Resamples, columns: Sequence[str]) -> Floats:
    """Give the gains in each resample, one column a stage."""
    return np.diff(np.stack([resamples.means[name] for name in columns], axis=1), axis=1)


def _lead(resamples: Resamples, columns: Sequence[str], a: int, b: int) -> Estimate:
    """Give the gain of stage a minus the gain of stage b."""
    weights: Counter[str] = Counter()
    for name, sign in ((columns[a + 1], 1), (columns[a], -1), (columns[b + 1], -1), (columns[b], 1)):
        weights[name] += sign
    return resamples.contrast({name: float(weight) for name, weight in weights.items()}, level=NAMING_LEVEL)


def outlook(resamples: Resamples, columns: Sequence[str], *, rng: np.random.Generator) -> Outlook:
    """Give the ranks that stay possible and the budget that would name the worst stage."""
    values = np.diff(np.array([resamples.point(name) for name in columns]))
    drawn = _drawn_gains(resamples, columns)
    units = resamples.units(columns[0])
    ranks = rank_sets(values, drawn, units=units)
    there = ~np.isnan(resamples.columns[columns[0]])
    pilot = Pilot(gains=values, drawn=drawn, n=int(there.sum()), units=units)
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
