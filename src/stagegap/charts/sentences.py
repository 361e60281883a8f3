"""The sentences that stand beside the charts, in app and report alike."""

from __future__ import annotations

import re
from html import escape

from stagegap.analysis.outcomes import undecided_sentences
from stagegap.analysis.views import Scorecard, StageDetail
from stagegap.charts.content import coded
from stagegap.charts.failures import SHOWN
from stagegap.model.answer import Status
from stagegap.model.wording import counted, listed, plural, sentence
from stagegap.tables import figures


def emphasised(text: str, *, stage: str | None) -> str:
    """A sentence of a verdict as HTML: percentages bold, and what comes from `stage` marked.

    >>> emphasised("56% good; 20 come from <a>.", stage="<a>")
    '<b>56%</b> good; <em>20 come from &lt;a&gt;</em>.'
    """
    html = re.sub(r"(?<![\w.])\d+%(?! interval)", lambda match: f"<b>{match[0]}</b>", coded(text))
    if stage is None:
        return html
    return re.sub(rf"(?<![\w.])\d+ comes? from {re.escape(escape(stage))}", r"<em>\g<0></em>", html, count=1)


def first_fault_sentence(scorecard: Scorecard, detail: StageDetail) -> str:
    """Say in how many bad records the stage went wrong first."""
    row = next(stage for stage in scorecard.stages if stage.stage == detail.stage)
    if not first_faults_of(scorecard):
        return f"No bad {scorecard.noun} is known whose first fault could be at {detail.stage}."
    bad = counted(first_faults_of(scorecard), f"bad {scorecard.noun}")
    lead = f"{sentence(detail.stage)} is the first stage to go wrong in {row.first_faults} of {bad}."
    return f"{lead} It fails most on:" if detail.groups and detail.failures else lead


def first_faults_of(scorecard: Scorecard) -> int:
    """Bad records in which some stage was first, each counted once; on branches of its own, several may be."""
    if scorecard.with_first_fault is not None:
        return scorecard.with_first_fault
    return sum(stage.first_faults for stage in scorecard.stages)


def groups_note(detail: StageDetail) -> str:
    """Say what the marks of the groups chart mean, and how many groups were looked at."""
    if not detail.groups and detail.declared:
        return (
            f"Too few to compare: of {listed(detail.declared)}, declared as slices, none has two values among the "
            f"{detail.n:,} scored here."
        )
    if not detail.groups:
        return "Declare `slices` in the cascade file to see groups here."
    average = f"Dashed: average, {figures.share(detail.average.value)}. " if detail.average.is_measured else ""
    checked = f"{counted(detail.groups_checked, 'group')} checked, so one alone is a hint, not proof."
    more = f" The first {SHOWN} are shown." if len(detail.groups) > SHOWN else ""
    return f"{average}Blue: the whole interval is above it. {checked}{more}"


def failures_sentence(detail: StageDetail) -> str:
    """Say how many failures there are to read."""
    if not detail.failures:
        return (
            f"Nothing to read: {detail.n:,} scored here, and none fails." if detail.n else "Nothing is scored here yet."
        )
    note = f" (the first {len(detail.rows)} are here)" if len(detail.rows) < detail.failures else ""
    return f"Read the {counted(detail.failures, 'failure')} of {detail.n:,}, most typical first{note}:"


def one_order(scorecard: Scorecard) -> str:
    """Say along which order the staircase climbs; empty on a chain, which has one."""
    if scorecard.is_chain or not scorecard.staircase:
        return ""
    order = ", ".join(step.stage for step in scorecard.staircase)
    return (
        f"Branches can be mended in any order. The bars climb along one of them ({order}); the gains in the verdict "
        "and in the tables are the mean over all."
    )


def lost_anyway(scorecard: Scorecard) -> str:
    """Say what no stage can win: what is not good even with references everywhere."""
    if scorecard.bounds is not None:
        return scorecard.bounds.sentence
    if not scorecard.ceiling.is_measured:
        return f"With every stage corrected: {scorecard.ceiling.method}."
    if scorecard.good is None:
        return f"Stages are corrected one after another. Outcome: {scorecard.outcome_name}."
    lost = 100 - figures.percent(scorecard.ceiling.value)
    if not lost:
        return f"With every stage corrected every {scorecard.noun} is good: each miss can be won at some stage."
    nouns = plural(scorecard.noun, 2)
    return f"{lost}% of {nouns} are not good even with every stage corrected. No single fix can win those."


def notices(scorecard: Scorecard) -> list[str]:
    """Say what failed on the way to the numbers: failures are counted, never dropped in silence."""
    sentences = [trouble.sentence for trouble in scorecard.troubles if trouble.sentence != scorecard.verdict.summary]
    if scorecard.n_infrastructure:
        sentences.append(
            f"{counted(scorecard.n_infrastructure, scorecard.noun)} not scored: a call ended without an answer "
            "(time-out, 5xx, rate limit). They are in no rate; the next run tries them again."
        )
    for stage in scorecard.stages:
        said = {trouble.kind for trouble in scorecard.troubles if trouble.stage == stage.stage}
        left = (Status.REFUSED, *([] if "do not fit" in said else [Status.UNPARSABLE]))
        bad = {s: n for s, n in stage.failures.items() if s in left and n}
        if bad:
            counts = listed([f"{n:,} {status}" for status, n in bad.items()])
            sentences.append(f"{sentence(stage.stage)} calls without an answer: {counts}. They count as bad.")
    return [
        *sentences,
        *undecided_sentences(scorecard.strict, scorecard.system, noun=scorecard.noun, who=scorecard.labellers.nouns),
        *(sentence(repeat.sentence) for repeat in scorecard.repeats),
    ]


def method(scorecard: Scorecard) -> list[str]:
    """Say how the numbers were made."""
    sentences = [
        f"Outcome: {scorecard.outcome_name}. {counted(scorecard.n_scored, scorecard.noun)} of "
        f"{scorecard.n_records:,} scored.",
        f"Intervals: 95%, from {scorecard.resamples:,} paired resamples of whole clusters, seed {scorecard.seed}.",
        "Correcting a stage puts references in place of its outputs; later stages run again on them. Stages are "
        "corrected one after another, in every order that the edges allow, and a stage's gain is the mean over the "
        "orders.",
        f"{counted(scorecard.beyond_references, scorecard.noun)} bad even with every stage corrected.",
    ]
    sentences += _picked(scorecard)
    if scorecard.system.caveat:
        sentences.append(f"Clusters: {scorecard.system.caveat}.")
    if scorecard.missing_baseline_fields:
        sentences.append(
            f"The cascade file does not say about who labelled: {listed(scorecard.missing_baseline_fields)}."
        )
    return sentences


def _picked(scorecard: Scorecard) -> list[str]:
    """What the named stage's gain is without what being picked as the largest adds, where that shows in points."""
    named = next((row for row in scorecard.stages if row.stage == scorecard.verdict.stage), None)
    picked = scorecard.verdict.picked
    if named is None or picked is None or figures.interval(picked) == figures.interval(named.gain):
        return []
    points = counted(figures.percent(picked.value), "point")
    return [
        f"The largest of several uncertain gains is too large; allowing for its being picked as the largest, that of "
        f"{named.stage} is {points} ({figures.interval(picked)})."
    ]


WHICH = "Which number is it?"
"""Heading of what follows."""


def which_number(scorecard: Scorecard) -> list[str]:
    """Say what the numbers about a stage answer, and on which records each rests."""
    many = counted(scorecard.n_scored, scorecard.noun)
    who = scorecard.labellers
    shared = [f"{row.gap.n:,} at {row.stage}" for row in scorecard.stages if row.gap.is_measured and row.gap.n]
    sentences = [
        f"Gain alone: what correcting this stage and no other adds to the outcome. Gain in turn: what correcting it "
        f"adds once all before it are corrected; these add up. Both rest on the {many} that can be scored in every "
        "step.",
        "First to go wrong counts bad records by where the first fault stands, which is no gain: a later stage may "
        "recover from it, or fail as well.",
    ]
    if shared:
        sentences.append(
            f"Gap: {who.noun} minus system on what several {who.nouns} labelled ({listed(shared)}). The system's score "
            f"beside it rests on these, too; scores of all {plural(scorecard.noun, 2)} stand in `stagegap compare`."
        )
    return sentences
