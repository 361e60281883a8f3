"""The answer as a sentence from a closed vocabulary: a stage is named only on evidence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from stagegap.analysis.rounding import percent, staircase
from stagegap.analysis.views import StageRow, Verdict
from stagegap.analysis.wording import counted, interval, listed, plural, sentence, span
from stagegap.attribution.ceiling import Ceiling
from stagegap.model.estimate import Estimate
from stagegap.stats.distributions import normal_quantile
from stagegap.stats.resample import Resamples

ENOUGH_RECORDS = 30
NAMED_FROM = 0.90
"""Share of resamples in which a stage must come first to be named."""
NAMING_LEVEL = 0.96
"""Level of the intervals by which the best must lead: with 0.95, two equal stages were named in 5.1 to 5.5% of the
simulated cases (`benchmarks/coverage.py`), with this in fewer than 5%."""
CLOSE = 0.02
CLOSE_AT_MOST = 0.05
"""Gains below `CLOSE` are only called close when no interval reaches further than this."""
OVERLAP_WANTED = 40


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
    more: int | None
    """About how many more records would decide it; None when decided, or when no sensible number would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a verdict is made from."""

    noun: str
    outcome: str
    has_bar: bool
    n: int
    labelled: int
    annotators: int
    ceiling: Ceiling | None
    rows: Sequence[StageRow]
    contest: Contest | None
    no_ceiling: str
    """Why there is no ceiling; empty when there is."""
    is_recorded: bool = False
    """The system's outputs are recorded, and what they would be on references can't be known."""


def contest(resamples: Resamples, staircase_: Ceiling, columns: Sequence[str]) -> Contest:
    """Find whether one stage leads: it must beat each other stage, not only come first often.

    With equal stages some stage comes first in 90% of the resamples far too often (with two stages: one time in
    five). So its lead over every other stage must exclude 0 as well: an intersection-union test (Berger 1982), which
    names a stage in at most 5% of cases also when the two best are equal.
    """
    gains = [step.gain for step in staircase_.steps]
    best = max(range(len(gains)), key=lambda i: gains[i].value)
    leads = {i: _lead(resamples, columns, best, i) for i in range(len(gains)) if i != best}
    rival = min(leads, key=lambda i: leads[i].low, default=None)
    is_decided = (
        gains[best].low > 0
        and staircase_.steps[best].p_first >= NAMED_FROM
        and all(lead.low > 0 for lead in leads.values())
    )
    lead = None if rival is None else leads[rival]
    deciding = lead if lead is not None and lead.low <= 0 else gains[best]
    return Contest(
        best=best, rival=rival, lead=lead, is_decided=is_decided, more=None if is_decided else more_records(deciding)
    )


def _lead(resamples: Resamples, columns: Sequence[str], a: int, b: int) -> Estimate:
    """Give the gain of stage a minus the gain of stage b."""
    weights: Counter[str] = Counter()
    for name, sign in ((columns[a + 1], 1), (columns[a], -1), (columns[b + 1], -1), (columns[b], 1)):
        weights[name] += sign
    return resamples.contrast({name: float(weight) for name, weight in weights.items()}, level=NAMING_LEVEL)


def more_records(difference: Estimate, *, power: float = 0.95) -> int | None:
    """Give about how many more records would let the interval exclude 0, rounded up to tens.

    Half-widths shrink with the root of n; the difference is taken as it is, so the number is a guide. None when
    it would take more than twenty times the records there are.
    """
    half = (difference.high - difference.low) / 2
    if not difference.is_measured or difference.value <= 0 or half <= 0:
        return None
    z = normal_quantile((1 + difference.level) / 2)
    wanted = difference.n * (half * (z + normal_quantile(power)) / z / difference.value) ** 2
    if wanted > 20 * difference.n:
        return None
    return max(10, math.ceil((wanted - difference.n) / 10) * 10)


def verdict(facts: Facts) -> Verdict:
    """Choose the sentence: not measured, too few, none behind, close, holds back, none stands out, in this order."""
    basis = _basis(facts)
    ceiling = facts.ceiling
    if ceiling is None or facts.contest is None or not ceiling.headroom.is_measured:
        return _without_ceiling(facts, basis)
    summary = _summary(facts, ceiling)
    if facts.n < ENOUGH_RECORDS:
        return _too_few(facts, summary, basis)
    top = ceiling.steps[facts.contest.best]
    behind = _who(facts.rows)
    if all(_is_not_behind(row) for row in facts.rows):
        return Verdict(
            kind="none behind",
            stage=None,
            headline="No stage is measurably behind a person",
            summary=summary,
            basis=basis,
            advice="More records that several people label would show smaller gaps.",
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


def _who(rows: Sequence[StageRow]) -> str:
    return "a person" if all(row.gap.is_measured for row in rows) else "its references"


def _lost(ceiling: Ceiling) -> str:
    return f"{100 - percent(ceiling.ceiling.value)}% are lost even with references at every stage"


def _summary(facts: Facts, ceiling: Ceiling) -> str:
    today, points, top = staircase(
        ceiling.system.value, [step.gain.value for step in ceiling.steps], ceiling.ceiling.value
    )
    many = plural(facts.noun, 2)
    if facts.has_bar:
        start = f"The system gets {today}% of the {many} right. With references at every stage it gets {top}%."
    else:
        start = f"The system reaches {today}% ({facts.outcome}). With references at every stage it reaches {top}%."
    order = sorted(range(len(points)), key=lambda i: -ceiling.steps[i].gain.value)
    lead = ceiling.steps[order[0]]
    comes = "comes" if points[order[0]] == 1 else "come"
    parts = [f"{points[order[0]]} {comes} from {lead.stage} ({interval(lead.gain)})"]
    parts += [f"{points[i]} from {ceiling.steps[i].stage}" for i in order[1:]]
    if top <= today:
        return f"{start} There is nothing to win that shows in whole points."
    these = "this" if top - today == 1 else "these"
    return f"{start} Of {these} {counted(top - today, 'point')}, {', '.join(parts)}."


def _basis(facts: Facts) -> str:
    if not facts.labelled:
        return f"{counted(facts.n, facts.noun)} scored, no labels."
    people = "1 person" if facts.annotators == 1 else f"{facts.annotators} people"
    start = f"{counted(facts.labelled, facts.noun)} labelled by {people}."
    measured = [row for row in facts.rows if row.agreement.is_measured]
    if not measured:
        return f"{start} How far people agree is not measured: no {facts.noun} has enough labels of two people."
    best = facts.contest.best if facts.contest is not None else None
    chosen = next((row for row in measured if best is not None and row.position == best + 1), measured[-1])
    both = chosen.agreement
    return (
        f"{start} At {chosen.stage} two people agree on {percent(both.value)}% of the "
        f"{counted(both.n, facts.noun)} that several labelled ({span(both)})."
    )


def _without_ceiling(facts: Facts, basis: str) -> Verdict:
    few = 0 < facts.n < ENOUGH_RECORDS
    if few:
        return _too_few(facts, "", basis)
    why = facts.ceiling.headroom.method if facts.ceiling is not None else facts.no_ceiling
    return Verdict(
        kind="not measured",
        stage=None,
        headline="What each stage costs is not measured yet",
        summary=f"{sentence(why)}.",
        basis=basis,
        advice=(
            "Only a run of the stages themselves would tell more."
            if facts.is_recorded
            else f"Label {plural(facts.noun, 2)} at every stage, or import references, then run again."
        ),
    )


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
        start = f"What {best.stage} would gain can't be told from nothing: {interval(best.gain)} points."
    else:
        start = f"{sentence(listed([best.stage, steps[match.rival].stage]))} overlap."
    if match.more is None:
        return f"{start} They may well be equal: no sensible number of labels would part them."
    more = f"About {match.more:,} more labelled {plural(facts.noun, match.more)} would do"
    return f"{start} {more} if the lead stays as it is."
