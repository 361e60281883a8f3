"""How far people agree at each stage: a dot with its interval, and on how many records that rests."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from stagegap.analysis.views import Scorecard, StageRow
from stagegap.charts.marks import Scale, row, table
from stagegap.tables import figures


def agreement(
    scorecard: Scorecard,
    *,
    chosen: str | None = None,
    beyond: Mapping[str, str] | None = None,
    pickable: bool = True,
) -> str:
    """Draw every stage's agreement of two people; `beyond` has a sentence a stage on agreement beyond chance."""
    scale = Scale()
    rows = [
        _row(
            stage,
            scale,
            scorecard.noun,
            chosen=stage.stage == chosen,
            beyond=(beyond or {}).get(stage.stage, ""),
            pickable=pickable,
        )
        for stage in scorecard.stages
    ]
    chart = table(
        kind="sl", caption="Agreement of two people at each stage", rows=[*rows, scale.axis()], heading_width=20
    )
    return f'<div class="bc">{chart}</div>'


def _row(stage: StageRow, scale: Scale, noun: str, *, chosen: bool, beyond: str, pickable: bool) -> str:
    value = stage.stage if pickable else None
    alike = stage.agreement
    if not alike.is_measured:
        why = alike.method.removeprefix("not measured: ")
        return row(
            head=stage.stage,
            says=f"{stage.stage}: agreement not measured, {why}.",
            drawing=scale.grid() + f'<span class="note left">not measured: {escape(why)}</span>',
            value=value,
            chosen=chosen,
        )
    drawing = (
        scale.grid()
        + f'<i class="band hum" style="{scale.between(alike.low, alike.high)}"></i>'
        + f'<i class="c dia" style="{scale.left(alike.value)}"></i>'
        + f'<span class="txt" style="{scale.left(alike.high)}" title="{escape(beyond)}">{figures.share(alike.value)} '
        + f"<small>n = {alike.n:,}</small></span>"
    )
    says = (
        f"{stage.stage}: two people agree on {figures.share(alike.value)}, {figures.interval(alike)}, "
        f"{alike.n:,} {noun} records. {beyond}"
    )
    return row(head=stage.stage, says=says.strip(), drawing=drawing, value=value, chosen=chosen)
