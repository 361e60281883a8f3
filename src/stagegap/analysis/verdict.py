"""The answer as a sentence from a closed vocabulary: a stage is named only on evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stagegap.analysis.contest import Contest, Outlook, by_gain, promised_at
from stagegap.analysis.troubles import Trouble
from stagegap.analysis.views import StageRow, Verdict
from stagegap.attribution.ceiling import Ceiling
from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted, listed, plural, sentence
from stagegap.people.agreement import is_weak, weak_sentence
from stagegap.tables import figures

ENOUGH_RECORDS = 30
CLOSE = 0.02
CLOSE_AT_MOST = 0.05
"""Gains below `CLOSE` are only called close when no interval reaches further than this."""
OVERLAP_WANTED = 40


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
    broken = next((trouble for trouble in facts.troubles if trouble.forbids_verdict), None)
    if broken is not None:
        return _broken(broken, basis)
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
            summary=f"{summary}{_allowing(top.gain, facts.contest.picked)}",
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


def _allowing(gain: Estimate, picked: Estimate | None) -> str:
    """Say what the named stage's gain is without what being picked adds, where that shows in whole points."""
    if picked is None or figures.interval(picked) == figures.interval(gain):
        return ""
    points = counted(figures.percent(picked.value), "point")
    return f" Allowing for its being picked as the largest: {points} ({figures.interval(picked)})."


def _is_not_behind(row: StageRow) -> bool:
    return row.gap.is_measured and row.gap.n >= ENOUGH_RECORDS and row.gap.low <= 0


def _who(rows: Sequence[StageRow]) -> str:
    return "a person" if all(row.gap.is_measured for row in rows) else "its references"


def _lost(ceiling: Ceiling) -> str:
    return f"{100 - figures.percent(ceiling.ceiling.value)}% are lost even with references at every stage"


def _summary(facts: Facts, ceiling: Ceiling) -> str:
    today, top = figures.percent(ceiling.system.value), figures.percent(ceiling.ceiling.value)
    points = figures.printed_gains(
        ceiling.system, [step.gain for step in ceiling.steps], ceiling.ceiling, is_staircase=facts.is_chain
    )
    many = plural(facts.noun, 2)
    if facts.has_bar:
        start = f"The system gets {today}% of the {many} right. With references at every stage it gets {top}%."
    else:
        start = f"The system reaches {today}% ({facts.outcome}). With references at every stage it reaches {top}%."
    order = by_gain(ceiling)
    lead = ceiling.steps[order[0]]
    comes = "comes" if points[order[0]] == 1 else "come"
    parts = [f"{points[order[0]]} {comes} from {lead.stage} ({figures.interval(lead.gain)})"]
    parts += [f"{points[i]} from {ceiling.steps[i].stage}" for i in order[1:]]
    if top <= today:
        lacking = [trouble.sentence for trouble in facts.troubles if trouble.kind == "own facts"]
        return f"{start} {' '.join(lacking) or 'There is nothing to win that shows in whole points.'}"
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
    named = facts.ceiling.steps[best].stage if best is not None and facts.ceiling is not None else ""
    chosen = next((row for row in measured if row.stage == named), measured[-1])
    both = chosen.agreement
    return (
        f"{start} At {chosen.stage} two people agree on {figures.share(both.value)} of the "
        f"{counted(both.n, facts.noun)} that several labelled ({figures.span(both)})."
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
            else f"Label {plural(facts.noun, 2)} at {_where(facts)}, or import references, then run again."
        ),
    )


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
        return f"How many {plural(facts.noun, 2)} would part them can't be said."
    return f"Labelled at every stage, {promised_at(outlook.budget, facts.noun)}"
