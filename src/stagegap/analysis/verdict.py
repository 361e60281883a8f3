"""The answer as a sentence from a closed vocabulary: whether one stage leads, and a stage is named only on
evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.gains import SYSTEM_OUTCOME, Gains
from stagegap.analysis.troubles import Trouble, broken
from stagegap.analysis.views import StageRow, Verdict
from stagegap.attribution.ceiling import Ceiling, drawn_gains
from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted, listed, plural, sentence
from stagegap.people.agreement import is_weak, weak_sentence
from stagegap.people.roster import Labellers
from stagegap.stats.ranks import covariance_of_means, picked, rank_sets
from stagegap.stats.resample import Resamples
from stagegap.stats.sample_size import Budget, Pilot, records_to_name
from stagegap.stats.spread import worth
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Rests

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


def _lead(resamples: Resamples, gains: Gains, a: int, b: int) -> Estimate:
    """Gain of stage a minus gain of stage b."""
    by_stage = list(gains.weights.values())
    weights = Counter(by_stage[a])
    weights.subtract(by_stage[b])
    lead = resamples.contrast({**weights} or {SYSTEM_OUTCOME: 0.0}, level=NAMING_LEVEL)
    return lead if gains.drawn is None else gains.drawn.widened(lead, float(gains.drawn.leads[a, b]))


def outlook(resamples: Resamples, gains: Gains) -> Outlook:
    """The ranks that stay possible and the budget that would name the worst stage, the same in every view."""
    table = gains.table
    known = ~np.isnan(table).any(axis=1)
    values = table[known].mean(axis=0)
    drawn = drawn_gains(resamples, gains.weights, SYSTEM_OUTCOME)
    sizes = np.bincount(resamples.clusters.codes[known], minlength=1)
    units = worth(sizes.astype(np.float64)) if known.any() else 0.0
    ranks = rank_sets(values, drawn, rows=table, codes=resamples.clusters.codes)
    pilot = Pilot(gains=values, drawn=drawn, n=int(known.sum()), units=units, largest=max(1, int(sizes.max())))
    return Outlook(
        best=ranks.best,
        worst=ranks.worst,
        budget=records_to_name(pilot, rng=np.random.default_rng(0), level=NAMING_LEVEL),
    )


def promised_at(budget: Budget, noun: str) -> str:
    """Say at how many records the worst stage is named, by how far it leads."""
    near, middle, *_ = budget.promises
    return (
        f"{middle.records:,} {plural(noun, 2)} in all name the worst stage in 95% of cases if it leads by "
        f"{figures.percent(middle.lead)} points or more, {near.records:,} if it leads by {figures.percent(near.lead)}."
    )


def unbounded(noun: str) -> str:
    """Why no budget is promised: less than two clusters say nothing of how far others would differ."""
    nouns = plural(noun, 2)
    return (
        f"How many {nouns} would part them can't be said: these are nearly all of one cluster; label {nouns} of others."
    )


ENOUGH_RECORDS = 30
CLOSE = 0.02
CLOSE_AT_MOST = 0.05
"""Gains below `CLOSE` are only called close when no interval reaches further than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a verdict is made from."""

    noun: str
    outcome: str
    has_bar: bool
    n: int
    labelled: int
    annotators: int
    labellers: Labellers
    system: Estimate
    """The outcome."""
    ceiling: Ceiling | None
    rows: Sequence[StageRow]
    """In the order of the staircase, so that no word hangs on the order in which a file lists parallel branches."""
    contest: Contest | None
    no_ceiling: str
    """Why there is no ceiling; empty when there is."""
    outlook: Outlook | None = None
    """What would decide the contest; None where it is decided or there is none."""
    unlabelled: Sequence[str] = ()
    """Stages without a single reference."""
    is_chain: bool = True
    """The edges leave one order: what stages gain are the steps of a staircase, and add up on paper."""
    troubles: Sequence[Trouble] = ()
    """What went wrong with outputs and references."""
    is_rated: bool = False
    """People's ratings are the outcome."""
    is_recorded: bool = False
    """The system's outputs are recorded, and what they would be on references can't be known."""


def verdict(facts: Facts) -> Verdict:
    """Choose the sentence, the first that fits.

    Errors, not measured, too few, none behind, close, holds back, none stands out.

    Where people hardly agree, that is said before anything.
    """
    weak = [row for row in facts.rows if is_weak(row.alpha)]
    caution = " ".join(weak_sentence(row.alpha, facts.noun, place=f"at {row.stage}") for row in weak)
    return replace(_chosen(facts), caution=caution)


def _chosen(facts: Facts) -> Verdict:
    basis = _basis(facts)
    ceiling = facts.ceiling
    trouble = broken(facts.troubles)
    if trouble is not None:
        return _broken(trouble, basis)
    if ceiling is None or facts.contest is None or not ceiling.headroom.is_measured:
        return _without_ceiling(facts, basis)
    summary = _summary(facts, ceiling)
    if facts.n < ENOUGH_RECORDS:
        return _too_few(facts, summary, basis)
    top = ceiling.steps[facts.contest.best]
    behind = _who(facts)
    if all(_is_not_behind(row) for row in facts.rows):
        return Verdict(
            kind="none behind",
            stage=None,
            headline=f"No stage is measurably behind a {facts.labellers.noun}",
            summary=summary,
            basis=basis,
            advice=f"More records that several {facts.labellers.nouns} label would show smaller gaps.",
        )
    if top.gain.value < CLOSE and all(step.gain.high < CLOSE_AT_MOST for step in ceiling.steps):
        return Verdict(
            kind="close",
            stage=None,
            headline=f"Each stage is close to {behind}; {_lost(ceiling)}",
            summary=summary,
            basis=basis,
        )
    if facts.contest.is_decided:
        return Verdict(
            kind="holds back",
            stage=top.stage,
            headline=f"{sentence(top.stage)} holds this system back",
            summary=summary,
            basis=basis,
            picked=facts.contest.picked,
        )
    return Verdict(
        kind="none stands out",
        stage=None,
        headline="No stage stands out yet",
        summary=summary,
        basis=basis,
        advice=_undecided(facts, ceiling, facts.contest),
    )


def _is_not_behind(row: StageRow) -> bool:
    return row.gap.is_measured and row.gap.n >= ENOUGH_RECORDS and row.gap.low <= 0


def _who(facts: Facts) -> str:
    return f"a {facts.labellers.noun}" if all(row.gap.is_measured for row in facts.rows) else "its references"


def _lost(ceiling: Ceiling) -> str:
    return f"{100 - figures.percent(ceiling.ceiling.value)}% are lost even with every stage corrected"


def _summary(facts: Facts, ceiling: Ceiling) -> str:
    today, top = figures.percent(ceiling.system.value), figures.percent(ceiling.ceiling.value)
    points = figures.printed_gains(
        ceiling.system, [step.gain for step in ceiling.steps], ceiling.ceiling, is_staircase=facts.is_chain
    )
    many = counted(facts.n, facts.noun)
    if facts.has_bar:
        start = f"The system gets {today}% of {many} right. With every stage corrected it gets {top}%."
    else:
        start = (
            f"On {many} the system reaches {today}% ({facts.outcome}). With every stage corrected it reaches {top}%."
        )
    if top <= today:
        lacking = [trouble.sentence for trouble in facts.troubles if trouble.kind == "own facts"]
        return f"{start} {' '.join(lacking) or 'There is nothing to win that shows in whole points.'}"
    order = by_gain(ceiling)
    lead = ceiling.steps[order[0]]
    comes = "comes" if points[order[0]] == 1 else "come"
    parts = [f"{points[order[0]]} {comes} from {lead.stage} ({figures.interval(lead.gain)})"]
    parts += [f"{figures.minus(str(points[i]))} from {ceiling.steps[i].stage}" for i in order[1:] if points[i]]
    flat = [ceiling.steps[i].stage for i in order[1:] if not points[i]]
    parts += [f"none from {flat[0] if len(flat) == 1 else 'the others'}"] if flat else []
    these = "this" if top - today == 1 else "these"
    return f"{start} Of {these} {counted(top - today, 'point')}, {', '.join(parts)}."


def _basis(facts: Facts) -> str:
    if not facts.labelled and not facts.is_rated:
        return f"{counted(facts.n, facts.noun)} scored, no labels."
    return f"{_labelled(facts)} {Rests.RATINGS if facts.is_rated else Rests.REFERENCES}"


def _labelled(facts: Facts) -> str:
    if not facts.labelled:
        return f"{counted(facts.n, facts.noun)} scored, no labels."
    nouns = facts.labellers.nouns
    start = f"{counted(facts.labelled, facts.noun)} labelled by {facts.labellers.counted(facts.annotators)}."
    measured = [row for row in facts.rows if row.agreement.is_measured]
    if not measured:
        return f"{start} How far {nouns} agree is not measured: no {facts.noun} has enough labels of two {nouns}."
    best = facts.contest.best if facts.contest is not None else None
    named = facts.ceiling.steps[best].stage if best is not None and facts.ceiling is not None else ""
    chosen = next((row for row in measured if row.stage == named), measured[-1])
    both = chosen.agreement
    return (
        f"{start} At {chosen.stage} two {nouns} agree on {figures.share(both.value)} of the "
        f"{counted(both.n, facts.noun)} that several labelled ({figures.span(both)}); "
        f"gaps rest on such {plural(facts.noun, 2)}."
    )


def _broken(trouble: Trouble, basis: str) -> Verdict:
    return Verdict(
        kind="errors",
        stage=None,
        headline=f"No verdict: {trouble.stage} raised an error in {trouble.count:,} of {trouble.n:,} calls",
        summary=trouble.sentence,
        basis=basis,
        advice=trouble.next_step,
    )


def _without_ceiling(facts: Facts, basis: str) -> Verdict:
    if 0 < facts.n < ENOUGH_RECORDS and not facts.is_rated:
        return _too_few(facts, "", basis)
    why = facts.ceiling.headroom.method if facts.ceiling is not None else facts.no_ceiling
    if facts.unlabelled and not facts.is_rated:
        why = f"what is right at {listed(facts.unlabelled)} is not known yet: no label and no reference says so"
    return Verdict(
        kind="not measured",
        stage=None,
        headline="What each stage costs is not measured yet",
        summary=f"{_alone(facts)}{sentence(why)}.",
        basis=basis,
        advice=_next_step(facts),
    )


def _alone(facts: Facts) -> str:
    """The outcome where people rated it: of a score that nobody compares with references it is the whole answer."""
    if not facts.is_rated or not facts.system.is_measured:
        return ""
    share = f"{figures.share(facts.system.value)} ({figures.interval(facts.system, Unit.SHARE)})"
    many = counted(facts.n, facts.noun)
    if facts.has_bar:
        return f"The system gets {share} of {many} right. "
    return f"On {many} the system reaches {share} of the scale ({facts.outcome}). "


def _next_step(facts: Facts) -> str:
    if facts.is_rated and not facts.system.is_measured:
        return "Rate its answers, under the name of the run in the file of ratings."
    if facts.is_rated:
        return (
            "`stagegap show ratings` says where low ratings come from, and which score goes with them: that one as the "
            "outcome has gains."
        )
    if facts.is_recorded:
        return "Only a run of the stages themselves would tell more."
    nouns = plural(facts.noun, 2)
    first = "" if facts.labelled else f"Read whole {nouns} first, which needs no label (`stagegap app`, page Read). "
    return f"{first}Label {nouns} at {_where(facts)}, or import references, then run again."


def _where(facts: Facts) -> str:
    return listed(facts.unlabelled) if facts.unlabelled else "every stage"


def _too_few(facts: Facts, summary: str, basis: str) -> Verdict:
    return Verdict(
        kind="too few",
        stage=None,
        headline=f"Too few to read: {facts.n} of {ENOUGH_RECORDS} {plural(facts.noun, 2)}",
        summary=summary,
        basis=basis,
        advice=f"Label {ENOUGH_RECORDS - facts.n} more {plural(facts.noun, ENOUGH_RECORDS - facts.n)} at every stage.",
    )


def _undecided(facts: Facts, ceiling: Ceiling, match: Contest) -> str:
    steps = ceiling.steps
    best = steps[match.best]
    if match.rival is None or (match.lead is not None and match.lead.low > 0):
        start = f"What {best.stage} would gain can't be told from nothing: {figures.interval(best.gain)} points."
    else:
        start = f"{sentence(listed([best.stage, steps[match.rival].stage]))} overlap."
    if facts.outlook is None:
        return start
    return f"{start} {_ranks(ceiling, facts.outlook)} {_budget(facts, facts.outlook)}"


def _ranks(ceiling: Ceiling, outlook: Outlook) -> str:
    """Say which stages can be first, all at once, and how often each is in the resamples."""
    first = [
        f"{step.stage} (first in {figures.share(step.p_first)} of resamples)"
        for step, best in zip(ceiling.steps, outlook.best, strict=True)
        if best == 1
    ]
    return f"Not excluded as first: {listed(first)}."


def _budget(facts: Facts, outlook: Outlook) -> str:
    if outlook.budget.records is None:
        return unbounded(facts.noun)
    return f"Labelled at every stage, {promised_at(outlook.budget, facts.noun)}"
