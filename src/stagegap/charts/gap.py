"""How far each stage is from a person, and what correcting it would buy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from stagegap.analysis.changes import Claim, StageShare, WhatChanged
from stagegap.analysis.views import Scorecard, StageRow, StairStep
from stagegap.charts.marks import Chart, Key, Mark, Row, Scale, Text, at, between
from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted, listed
from stagegap.people.roster import Labellers
from stagegap.tables import figures

ENOUGH = 30
"""Records below which a stage is drawn pale, with the count."""


def gap_chart(scorecard: Scorecard, *, chosen: str | None = None, pickable: bool = False) -> Chart:
    """Every stage's score against that of whoever labelled, where that was measured; `pickable`: rows can be chosen."""
    who = scorecard.labellers
    rows = tuple(
        _row(
            stage,
            who,
            is_worst=stage.stage == scorecard.verdict.stage,
            is_chosen=stage.stage == chosen,
            pickable=pickable,
        )
        for stage in scorecard.stages
    )
    return Chart(
        kind="gap",
        caption=f"Score of each stage, system against {who.noun}",
        scale=_scale(scorecard),
        rows=rows,
        key=_key(scorecard),
    )


def gap(scorecard: Scorecard, *, chosen: str | None = None, pickable: bool = False) -> str:
    """Draw every stage's score against a person's."""
    return gap_chart(scorecard, chosen=chosen, pickable=pickable).html()


def _shown(stage: StageRow) -> Estimate:
    """The system's score that the row draws: beside a person on the shared records, otherwise on all."""
    return stage.system if stage.gap.is_measured else stage.in_place


def _scale(scorecard: Scorecard) -> Scale:
    lows = [e.low for s in scorecard.stages for e in (_shown(s), s.person) if e.is_measured]
    low = min(lows, default=0.0) - 0.05
    if low < 0.3:
        return Scale()
    return Scale(low=math.floor(10 * low) / 10, step=0.1) if low < 0.9 else Scale(low=0.9, step=0.02)


def _key(scorecard: Scorecard) -> tuple[Key, ...]:
    noun = scorecard.labellers.noun
    is_compared = any(stage.gap.is_measured or stage.person.is_measured for stage in scorecard.stages)
    other = (
        (Key(text=noun, shape="diamond", tone="person"), Key(text="number at the end: gap in points"))
        if is_compared
        else (Key(text=f"to 100%: {noun} not measured", shape="dotted", tone="mute"),)
    )
    worst = (
        (Key(text="holds back", shape="bar", tone="worst"),)
        if is_compared and scorecard.verdict.stage is not None
        else ()
    )
    return (Key(text="system", shape="dot"), *other, *worst, Key(text="95% interval", shape="band"))


def _row(stage: StageRow, who: Labellers, *, is_worst: bool, is_chosen: bool, pickable: bool) -> Row:
    head = f"{stage.position}  {stage.stage}"
    value = stage.stage if pickable else None
    if stage.gap.is_measured:
        return _compared(stage, who, head, value, is_worst=is_worst, is_chosen=is_chosen)
    return _alone(stage, who, head, value, is_chosen=is_chosen)


def _few(n: int) -> tuple[str, ...]:
    return () if n >= ENOUGH else (f"too few to read: {n} of {ENOUGH}",)


def _interval(estimate: Estimate, *, is_person: bool) -> Mark:
    tone, role = ("person", "interval of the labeller") if is_person else ("system", "interval of the system")
    return between("band", (estimate.low, estimate.high), tone=tone, role=role)


def _compared(stage: StageRow, who: Labellers, head: str, value: str | None, *, is_worst: bool, is_chosen: bool) -> Row:
    system, person, difference = stage.system, stage.person, stage.gap
    exact = f"{figures.points(difference.value)} points, {figures.interval(difference)}, {difference.n} records"
    says = (
        f"{stage.stage}: system {figures.share(system.value)}, {figures.interval(system)}; "
        f"{who.noun} {figures.share(person.value)}, {figures.span(person)}; gap {exact}."
    )
    few = _few(difference.n)
    return Row(
        head=head,
        says=says,
        marks=(
            _interval(system, is_person=False),
            _interval(person, is_person=True),
            between("line", (system.value, person.value), tone="worst" if is_worst else "mute", role="gap"),
            at("dot", system.value, tone="system", role="system"),
            at("diamond", person.value, tone="person", role="labeller"),
        ),
        texts=(
            Text(text=figures.share(person.value), value=person.value, lane="above", tone="person"),
            Text(text=figures.share(system.value), value=system.value, lane="below", tone="system"),
        ),
        end=(figures.points(difference.value), f"({figures.span(difference)})", *(few or (f"n {difference.n:,}",))),
        value=value,
        is_chosen=is_chosen,
        is_pale=bool(few),
        hint=exact,
    )


def _alone(stage: StageRow, who: Labellers, head: str, value: str | None, *, is_chosen: bool) -> Row:
    system = stage.in_place
    if not system.is_measured:
        says, note = f"{stage.stage}: no score, {system.method}.", f"no score: {system.method}"
        return Row(head=head, says=says, note=note, value=value, is_chosen=is_chosen)
    few = _few(system.n)
    person = stage.person
    why = f"not measured: {stage.gap.method.removeprefix('not measured: ')}"
    if person.is_measured:
        other = (_interval(person, is_person=True), at("diamond", person.value, tone="person", role="labeller"))
        why, above = (
            f"gap {why}",
            (Text(text=figures.share(person.value), value=person.value, lane="above", tone="person"),),
        )
    else:
        other = (between("dotted", (system.value, 1.0), tone="mute", role="not measured"),)
        why, above = f"{who.noun} {why}", ()
    return Row(
        head=head,
        says=f"{stage.stage}: system {figures.share(system.value)}, {figures.interval(system)}, {system.n} records; "
        f"{why}.",
        marks=(
            _interval(system, is_person=False),
            *other,
            at("dot", system.value, tone="system", role="system"),
        ),
        texts=(*above, Text(text=figures.share(system.value), value=system.value, lane="below", tone="system")),
        end=("", *few),
        foot="" if few else why,
        value=value,
        is_chosen=is_chosen,
        is_pale=bool(few),
    )


def ceiling_chart(scorecard: Scorecard, *, chosen: str | None = None, pickable: bool = False) -> Chart:
    """The outcome today, what correcting one stage after another adds, and the outcome with all corrected.

    Stages that gain nothing are one row together.
    """
    today = scorecard.system
    caption = f"{scorecard.outcome_name}, with one stage after another corrected"
    if not today.is_measured:
        return Chart(kind="wf", caption=caption, empty=f"No outcome yet: {today.method}.")
    base = at("rule", today.value, tone="soft", role="system today")
    steps = _steps if scorecard.bounds is None else _bounded
    rows = [_total("system today", today, base, is_system=True)]
    rows += steps(scorecard, chosen, pickable=pickable, base=base)
    if scorecard.ceiling.is_measured:
        rows.append(_total("all corrected", scorecard.ceiling, base, is_system=False))
    if scorecard.person.is_measured:
        rows.append(
            _total(f"one {scorecard.labellers.noun}, against the others", scorecard.person, base, is_system=False)
        )
    return Chart(kind="wf", caption=caption, rows=tuple(rows))


def ceiling(scorecard: Scorecard, *, chosen: str | None = None, pickable: bool = False) -> str:
    """Draw what correcting one stage after another adds."""
    return ceiling_chart(scorecard, chosen=chosen, pickable=pickable).html()


def both_gains_chart(scorecard: Scorecard) -> Chart:
    """What correcting a stage adds to the outcome: this stage alone, and in turn, after all before it.

    Stages that gain nothing either way are one row together.
    """
    rows: list[Row] = []
    flat: list[StageRow] = []
    reach = 0.0
    for stage, printed in zip(scorecard.stages, scorecard.printed_gains, strict=True):
        is_worst = stage.stage == scorecard.verdict.stage
        is_measured = stage.gain.is_measured and stage.gain_alone.is_measured
        if is_measured and not is_worst and not printed and figures.points(stage.gain_alone.value) == "0":
            flat.append(stage)
            continue
        for how, gain, points in (("alone", stage.gain_alone, None), ("in turn", stage.gain, printed)):
            if gain.is_measured:
                reach = max(reach, abs(gain.low), abs(gain.high))
            rows.append(_gain_row(f"{stage.stage}, {how}", gain, points, is_worst=is_worst and how == "in turn"))
    if flat:
        both = [gain for stage in flat for gain in (stage.gain_alone, stage.gain)]
        rows.append(_nothing(f"{listed([stage.stage for stage in flat])}, alone and in turn", both))
    half = next((step for step in (0.05, 0.1, 0.25, 0.5, 1.0) if reach <= step), 1.0)
    return Chart(
        kind="sl",
        caption="What correcting a stage adds to the outcome: alone, and in turn after all before it",
        scale=around_zero(half, half / 2),
        rows=tuple(rows) if scorecard.ceiling.is_measured else (),
        empty=f"No gains: {scorecard.ceiling.method}.",
    )


def both_gains(scorecard: Scorecard) -> str:
    """Draw what correcting a stage adds to the outcome: alone, and in turn."""
    return both_gains_chart(scorecard).html()


def _gain_row(head: str, gain: Estimate, points: int | None, *, is_worst: bool) -> Row:
    if not gain.is_measured:
        return Row(head=head, says=f"{gain.method}.", note=gain.method)
    text = figures.points(gain.value) if points is None else figures.signed(points)
    return Row(
        head=head,
        says=f"{text} points, {figures.interval(gain)}, {gain.n:,} records.",
        marks=(
            at("rule", 0.0, tone="soft", role="no change"),
            between("bar", (0.0, gain.value), tone="worst" if is_worst else "mute", role=head),
            _whisker(gain.low, gain.high),
        ),
        end=(text, f"({figures.span(gain)}, n {gain.n:,})"),
    )


def _whisker(low: float, high: float) -> Mark:
    return between("whisker", (low, high), tone="soft", role="95% interval")


def _total(head: str, estimate: Estimate, base: Mark, *, is_system: bool) -> Row:
    value = figures.share(estimate.value)
    tone = "system" if is_system else "person"
    return Row(
        head=head,
        says=f"{value}, {figures.interval(estimate)}, {estimate.n} records.",
        marks=(
            between("bar", (0.0, estimate.value), tone=tone, role=head),
            base,
            _whisker(estimate.low, estimate.high),
        ),
        end=(value, f"({figures.span(estimate)})"),
    )


def _steps(scorecard: Scorecard, chosen: str | None, *, pickable: bool, base: Mark) -> Iterator[Row]:
    reached = scorecard.system.value
    flat: list[StairStep] = []
    for step, printed in _climb(scorecard):
        gain = step.gain
        head, value = f"+ {step.stage} corrected", step.stage if pickable else None
        if not gain.is_measured:
            why = gain.method
            yield Row(head=head, says=f"No gain: {why}.", note=why, value=value, is_chosen=step.stage == chosen)
            continue
        start, reached = reached, reached + gain.value
        if not printed and step.stage != scorecard.verdict.stage:
            flat.append(step)
            continue
        text = figures.signed(printed)
        low, high = start + gain.low, start + gain.high
        yield Row(
            head=head,
            says=f"{text} points, {figures.interval(gain)}{_moved(scorecard, step.stage)}.",
            marks=(
                between(
                    "bar",
                    (start, reached),
                    tone="worst" if step.stage == scorecard.verdict.stage else "mute",
                    role="gain",
                ),
                base,
                _whisker(low, high),
            ),
            end=(text, f"({figures.span(gain)})"),
            value=value,
            is_chosen=step.stage == chosen,
        )
    if flat:
        yield _nothing(f"+ {listed([step.stage for step in flat])} corrected", [step.gain for step in flat])


def _nothing(head: str, gains: Sequence[Estimate]) -> Row:
    """One row for all stages that gain nothing in whole points: how far the widest of their intervals reaches."""
    if len(gains) == 1:
        says = f"0 points, {figures.interval(gains[0])}"
    else:
        widest = figures.between(min(gain.low for gain in gains), max(gain.high for gain in gains))
        says = f"0 points, {figures.share(gains[0].level)} intervals within {widest}"
    return Row(head=head, says=f"{says}.", note=f"nothing: {says}")


def _climb(scorecard: Scorecard) -> list[tuple[StairStep, int]]:
    """The steps with their whole points: on a chain, and where nothing is measured, what each stage's row says."""
    if not scorecard.is_chain and scorecard.staircase:
        return list(zip(scorecard.staircase, scorecard.printed_steps, strict=True))
    steps = [StairStep(stage=row.stage, gain=row.gain) for row in scorecard.stages]
    return list(zip(steps, scorecard.printed_gains, strict=True))


def _moved(scorecard: Scorecard, stage: str) -> str:
    """How many records a step moved: only where the step is the stage's gain, which the counts belong to."""
    if not scorecard.is_chain:
        return ""
    row = next(row for row in scorecard.stages if row.stage == stage)
    return f"; {row.fixed} become good, {row.broken} become bad"


def _bounded(scorecard: Scorecard, chosen: str | None, *, pickable: bool, base: Mark) -> Iterator[Row]:
    """Rows of a cascade that can't be run again: where the outcome lies if all unknown ones are wrong, or all right."""
    assert scorecard.bounds is not None
    for step in scorecard.bounds.steps:
        head, value = f"+ {step.stage} corrected", step.stage if pickable else None
        worst, best = step.outcome.worst, step.outcome.best
        if not (step.gain.worst.is_measured and step.gain.best.is_measured):
            why = step.gain.worst.method
            yield Row(head=head, says=f"No gain: {why}.", note=why, value=value, is_chosen=step.stage == chosen)
            continue
        text = f"{figures.points(step.gain.worst.value)} to {figures.points(step.gain.best.value)}"
        yield Row(
            head=head,
            says=f"{text} points: all unknown outcomes wrong, or all right; {step.gain.unknown} unknown. "
            f"With intervals {figures.between(step.gain.worst.low, step.gain.best.high)}.",
            marks=(
                between("bounds", (worst.value, best.value), tone="mute", role="bounds"),
                base,
                _whisker(worst.low, best.high),
            ),
            end=(text,),
            value=value,
            is_chosen=step.stage == chosen,
        )


_STEPS = (0.025, 0.05, 0.1, 0.25, 0.5)


def change_row(head: str, claim: Claim, *, whole: int | None = None, more: tuple[str, ...] = (), says: str = "") -> Row:
    """A change around 0 with its interval and its word: grey where nothing can be concluded."""
    change, word = claim.change, claim.word
    if not change.is_measured:
        return Row(head=head, says=f"{head}: {change.method}.", note=change.method)
    figure = figures.points(change.value) if whole is None else figures.signed(whole)
    tone = "system" if claim.verdict in ("improved", "regressed") else "soft"
    return Row(
        head=head,
        says=f"{head}: {says}{figure} points, {figures.interval(change)}, {change.n:,} records: {word}.",
        marks=(
            at("rule", 0.0, tone="soft", role="no change"),
            between("band", (change.low, change.high), tone=tone, role="95% interval"),
            at("dot", change.value, tone=tone, role="change"),
        ),
        end=(f"{figure}, {word}", f"({figures.span(change)}, n {change.n:,})", *more),
        is_pale=claim.verdict == "too few",
    )


def around_zero(half: float, step: float) -> Scale:
    """An axis of points that reaches as far to both sides."""
    return Scale(low=-half, high=half, step=step, is_signed=True)


def contributions_chart(view: WhatChanged) -> Chart:
    """The contribution of each stage that changed, and their sum; to the right is better."""
    rows = [share for share in view.stages if share.status == "changed"]
    caption = f"What each stage contributes to the change from {view.before} to {view.after}"
    if not rows:
        return Chart(kind="ch", caption=caption, empty="No stage that reaches the outcome changed.")
    whole = view.printed
    drawn = [
        change_row(share.stage, share.claim, whole=whole.get(share.stage), more=(_moves(share),)) for share in rows
    ]
    drawn.append(change_row("in all", view.total))
    sides = f"points of the outcome from {view.before} to {view.after}. Left of 0: worse. Right: better."
    return Chart(
        kind="ch",
        caption=caption,
        scale=_gain_scale([share.claim for share in rows] + [view.total]),
        rows=tuple(drawn),
        key=(Key(text="contribution", shape="dot"), Key(text="95% interval", shape="band"), Key(text=sides)),
    )


def contributions(view: WhatChanged) -> str:
    """Draw the contribution of each stage that changed."""
    return contributions_chart(view).html()


def _moves(share: StageShare) -> str:
    return f"{share.fixed:,} fixed, {share.broken:,} broken"


def contributions_note(view: WhatChanged) -> str:
    """Say how the contributions were made, and which stage's gain depends on another's version."""
    how = figures.orders_walked(view.orders, view.tolerance) or "every mixture of the two versions"
    start = f"Shapley values over {how}, on {counted(view.n, view.noun)}; they add up to the difference."
    pairs = [
        f"{pair.later} gains {figures.points(pair.claim.change.value)} ({figures.span(pair.claim.change)}) more "
        f"beside the new {pair.earlier} than beside the old one."
        for pair in view.pairs
        if pair.claim.verdict in ("improved", "regressed")
    ]
    return " ".join([start, *pairs])


def _gain_scale(claims: list[Claim]) -> Scale:
    reach = max(
        (abs(end) for claim in claims if claim.change.is_measured for end in (claim.change.low, claim.change.high)),
        default=0,
    )
    step = next(step for step in _STEPS if reach <= 2 * step or step == _STEPS[-1])
    return around_zero(2 * step, step)
