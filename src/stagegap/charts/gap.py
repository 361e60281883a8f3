"""How far each stage is from a person, and what correcting it would buy."""

from __future__ import annotations

import math
from html import escape

from stagegap.analysis.changes import Claim, StageShare, WhatChanged
from stagegap.analysis.views import Scorecard, StageRow, StairStep
from stagegap.charts.marks import Scale, row, table
from stagegap.model.estimate import Estimate
from stagegap.model.wording import counted
from stagegap.tables import figures

ENOUGH = 30
"""Records below which a stage is drawn pale, with the count."""

_NEAR = 0.11
"""Share of the axis below which the two printed values are moved apart."""


def gap(scorecard: Scorecard, *, chosen: str | None = None, pickable: bool = False) -> str:
    """Draw every stage's score against a person's, where a person was measured; `pickable` makes rows clickable."""
    scale = _scale(scorecard)
    gaps = [stage.gap.value for stage in scorecard.stages if stage.gap.is_measured]
    rows = [_row(stage, scale, chosen=stage.stage == chosen, pickable=pickable) for stage in scorecard.stages]
    chart = table(
        kind="gap", caption="Score of each stage, system against person", rows=[*rows, scale.axis()], heading_width=20
    )
    return f'<div class="bc">{_key(gaps)}{chart}</div>'


def _shown(stage: StageRow) -> Estimate:
    """The system's score that the row draws: beside a person on the shared records, otherwise on all."""
    return stage.system if stage.gap.is_measured else stage.in_place


def _scale(scorecard: Scorecard) -> Scale:
    lows = [e.low for s in scorecard.stages for e in (_shown(s), s.person) if e.is_measured]
    low = min(lows, default=0.0) - 0.05
    if low < 0.3:
        return Scale()
    return Scale(low=math.floor(10 * low) / 10, step=0.1) if low < 0.9 else Scale(low=0.9, step=0.02)


def _key(gaps: list[float]) -> str:
    if gaps:
        person = f'<span><i class="dia"></i>person</span><span><b>{figures.points(max(gaps))}</b> gap in points</span>'
    else:
        person = '<span><i class="open"></i>to 100%: person not measured</span>'
    return (
        '<div class="key" aria-hidden="true"><span><i class="dot"></i>system</span>'
        f'{person}<span><i class="band"></i>95% interval</span></div>'
    )


def _row(stage: StageRow, scale: Scale, *, chosen: bool, pickable: bool) -> str:
    drawing, says, classes = _with_person(stage, scale, chosen) if stage.gap.is_measured else _alone(stage, scale)
    return row(
        head=f"{stage.position}  {stage.stage}",
        says=says,
        drawing=scale.grid() + drawing,
        value=stage.stage if pickable else None,
        chosen=chosen,
        classes=classes,
    )


def _band(scale: Scale, estimate: Estimate, colour: str) -> str:
    return f'<i class="band {colour}" style="{scale.between(estimate.low, estimate.high)}"></i>'


def _few(n: int) -> tuple[str, list[str]]:
    if n >= ENOUGH:
        return "", []
    return f'<span class="note few">too few to read: {n} of {ENOUGH}</span>', ["few"]


def _with_person(stage: StageRow, scale: Scale, chosen: bool) -> tuple[str, str, list[str]]:
    system, person, difference = stage.system, stage.person, stage.gap
    low, high = sorted((system.value, person.value))
    apart = 0.026 * (scale.high - scale.low) if high - low < _NEAR * (scale.high - scale.low) else 0.0
    side = -apart if system.value <= person.value else apart
    note, classes = _few(difference.n)
    exact = f"{figures.points(difference.value)} points, {figures.interval(difference)}, {difference.n} records"
    drawing = (
        _band(scale, system, "sys")
        + _band(scale, person, "hum")
        + f'<i class="line {"hot" if chosen else ""}" style="{scale.between(low, high)}"></i>'
        + f'<i class="c dot" style="{scale.left(system.value)}"></i>'
        + f'<i class="c dia" style="{scale.left(person.value)}"></i>'
        + f'<span class="n up" style="{scale.left((low + high) / 2)}" title="{escape(exact)}">'
        + figures.points(difference.value)
        + "</span>"
        + f'<span class="n dn sys" style="{scale.left(system.value + side)}">{figures.share(system.value)}</span>'
        + f'<span class="n dn" style="{scale.left(person.value - side)}">{figures.share(person.value)}</span>'
        + note
    )
    says = (
        f"{stage.stage}: system {figures.share(system.value)}, {figures.interval(system)}; "
        f"person {figures.share(person.value)}, {figures.span(person)}; gap {exact}."
    )
    return drawing, says, classes


def _alone(stage: StageRow, scale: Scale) -> tuple[str, str, list[str]]:
    system = stage.in_place
    if not system.is_measured:
        says = f"{stage.stage}: no score, {system.method}."
        return f'<span class="note left">no score: {escape(system.method)}</span>', says, []
    note, classes = _few(system.n)
    person = stage.gap.method.removeprefix("not measured: ")
    drawing = (
        _band(scale, system, "sys")
        + f'<i class="line open" style="{scale.between(system.value, 1.0)}"></i>'
        + f'<i class="c dot" style="{scale.left(system.value)}"></i>'
        + f'<span class="n dn sys" style="{scale.left(system.value)}">{figures.share(system.value)}</span>'
        + (note or f'<span class="note right">person not measured: {escape(person)}</span>')
    )
    says = (
        f"{stage.stage}: system {figures.share(system.value)}, {figures.interval(system)}, {system.n} records; "
        f"person not measured: {person}."
    )
    return drawing, says, classes


_SCALE = Scale()


def ceiling(scorecard: Scorecard, *, chosen: str | None = None, pickable: bool = False) -> str:
    """Draw the outcome today, what references at one stage after another add, and the outcome with all of them."""
    today = scorecard.system
    if not today.is_measured:
        return f'<div class="bc"><p class="none">No outcome yet: {escape(today.method)}.</p></div>'
    base = f'<i class="base" style="{_SCALE.left(today.value)}"></i>'
    steps = _steps if scorecard.bounds is None else _bounded
    rows = [_total("system today", today, "sys", base), *steps(scorecard, chosen, pickable=pickable, base=base)]
    if scorecard.ceiling.is_measured:
        rows.append(_total("references everywhere", scorecard.ceiling, "hum", base))
    if scorecard.person.is_measured:
        rows.append(_total("one person, against the others", scorecard.person, "hum", base))
    caption = f"{scorecard.outcome_name}, with references replacing stages one after another"
    return f'<div class="bc">{table(kind="wf", caption=caption, rows=[*rows, _SCALE.axis()], heading_width=32)}</div>'


def _bar(low: float, high: float, colour: str, base: str) -> str:
    place = _SCALE.between(min(low, high), max(low, high))
    return f'{_SCALE.grid()}<i class="bar {colour}" style="{place}"></i>{base}'


def _whisker(low: float, high: float) -> str:
    return f'<i class="wh" style="{_SCALE.between(low, high)}"></i>'


def _total(head: str, estimate: Estimate, colour: str, base: str) -> str:
    drawing = (
        _bar(0.0, estimate.value, colour, base)
        + _whisker(estimate.low, estimate.high)
        + f'<span class="txt" style="{_SCALE.left(estimate.high)}">{figures.share(estimate.value)}</span>'
    )
    says = f"{figures.share(estimate.value)}, {figures.interval(estimate)}, {estimate.n} records."
    return row(head=head, says=says, drawing=drawing)


def _steps(scorecard: Scorecard, chosen: str | None, *, pickable: bool, base: str) -> list[str]:
    rows: list[str] = []
    reached = scorecard.system.value
    for step, printed in _climb(scorecard):
        gain, is_chosen = step.gain, step.stage == chosen
        if gain.is_measured:
            end = reached + gain.value
            text = figures.signed(printed)
            low, high = sorted((reached + gain.low, reached + gain.high))
            drawing = (
                _bar(reached, end, "hot" if is_chosen else "mute", base)
                + _whisker(low, high)
                + f'<span class="txt" style="{_SCALE.left(max(reached, end, high))}">{text} '
                + f"<small>({figures.span(gain)})</small></span>"
            )
            says = f"{text} points, {figures.interval(gain)}{_moved(scorecard, step.stage)}."
            reached = end
        else:
            drawing = f'{_SCALE.grid()}{base}<span class="note left">{escape(gain.method)}</span>'
            says = f"No gain: {gain.method}."
        rows.append(
            row(
                head=f"+ references at {step.stage}",
                says=says,
                drawing=drawing,
                value=step.stage if pickable else None,
                chosen=is_chosen,
            )
        )
    return rows


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


def _bounded(scorecard: Scorecard, chosen: str | None, *, pickable: bool, base: str) -> list[str]:
    """Rows of a cascade that can't be run again: where the outcome lies if all unknown ones are wrong, or all right."""
    assert scorecard.bounds is not None
    rows: list[str] = []
    for step in scorecard.bounds.steps:
        worst, best = step.outcome.worst, step.outcome.best
        if step.gain.worst.is_measured and step.gain.best.is_measured:
            text = f"{figures.points(step.gain.worst.value)} to {figures.points(step.gain.best.value)}"
            colour = "hot" if step.stage == chosen else "mute"
            drawing = (
                f'{_SCALE.grid()}<i class="bar open {colour}" style="{_SCALE.between(worst.value, best.value)}"></i>'
                f"{base}{_whisker(worst.low, best.high)}"
                f'<span class="txt" style="{_SCALE.left(best.high)}">{text}</span>'
            )
            says = (
                f"{text} points: all unknown outcomes wrong, or all right; {step.gain.unknown} unknown. "
                f"With intervals {figures.between(step.gain.worst.low, step.gain.best.high)}."
            )
        else:
            drawing = f'{_SCALE.grid()}{base}<span class="note left">{escape(step.gain.worst.method)}</span>'
            says = f"No gain: {step.gain.worst.method}."
        rows.append(
            row(
                head=f"+ references at {step.stage}",
                says=says,
                drawing=drawing,
                value=step.stage if pickable else None,
                chosen=step.stage == chosen,
            )
        )
    return rows


_WORDS = {"improved": "better", "regressed": "worse", "tied": "no measurable difference", "too few": "too few to read"}
_STEPS = (0.025, 0.05, 0.1, 0.25, 0.5)


def contributions(view: WhatChanged) -> str:
    """Draw the contribution of each stage that changed, and their sum; to the right is better."""
    rows = [row_ for row_ in view.stages if row_.status == "changed"]
    if not rows:
        return '<div class="bc"><p class="none">No stage that reaches the outcome changed.</p></div>'
    scale = _gain_scale([share.claim for share in rows] + [view.total])
    whole = view.printed
    drawn = [_gain_row(share.stage, share.claim, scale, _more(share), whole.get(share.stage)) for share in rows]
    drawn.append(_gain_row("in all", view.total, scale, "", None))
    ticks = "".join(f'<span style="{scale.left(tick)}">{figures.points(tick)}</span>' for tick in scale.ticks)
    axis = f'<tr aria-hidden="true"><td></td><td><div class="t ax">{ticks}</div></td></tr>'
    sides = (
        f"points of the outcome from {escape(view.before)} to {escape(view.after)}. Left of 0: worse. Right: better."
    )
    key = (
        '<div class="key"><span><i class="dot"></i>contribution</span><span><i class="band"></i>95% interval</span>'
        f"<span>{sides}</span></div>"
    )
    caption = f"What each stage contributes to the change from {view.before} to {view.after}"
    return f'<div class="bc">{key}{table(kind="ch", caption=caption, rows=[*drawn, axis], heading_width=20)}</div>'


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
    return Scale(low=-2 * step, high=2 * step, step=step)


def _more(share: StageShare) -> str:
    return f"<br>{share.fixed:,} fixed, {share.broken:,} broken"


def _gain_row(head: str, claim: Claim, scale: Scale, more: str, whole: int | None) -> str:
    change, word = claim.change, _WORDS[claim.verdict]
    if not change.is_measured:
        return row(
            head=head,
            says=f"{head}: {change.method}.",
            drawing=f'{scale.grid()}<span class="note left">{escape(change.method)}</span>',
        )
    figure = figures.points(change.value) if whole is None else figures.signed(whole)
    hot = " hot" if claim.verdict == "regressed" else "" if claim.verdict == "improved" else " soft"
    drawing = (
        f'{scale.grid()}<i class="base" style="{scale.left(0.0)}"></i>'
        f'<i class="band{hot}" style="{scale.between(change.low, change.high)}"></i>'
        f'<i class="c dot{hot}" style="{scale.left(change.value)}"></i>'
        f'<span class="n up" style="{scale.left(change.value)}">{figure}</span>'
        f'<span class="note end">{escape(word)}<br>{figures.span(change)}, n {change.n:,}{more}</span>'
    )
    says = f"{head}: {figure} points, {figures.interval(change)}, {change.n:,} records: {word}."
    return row(head=head, says=says, drawing=drawing, classes=("few",) if claim.verdict == "too few" else ())
