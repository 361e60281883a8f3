"""How far each stage is from a person: a dot plot, one row a stage in cascade order."""

from __future__ import annotations

import math
from html import escape

from stagegap.analysis.views import Scorecard, StageRow
from stagegap.charts.marks import Scale, row, table
from stagegap.model.estimate import Estimate
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
