"""The groups of records that a stage fails most on, by failures beyond their share."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from stagegap.analysis.views import SliceRow, StageDetail
from stagegap.charts.marks import Scale, row, table
from stagegap.tables import figures

SHOWN = 6
_SCALE = Scale()


def groups(detail: StageDetail, *, limit: int = SHOWN, link: Callable[[str], str] | None = None) -> str:
    """Draw the failure rate of the first `limit` groups against the stage's average.

    `link` gives the address of a group's failures; without it the rows lead nowhere.
    """
    if not detail.groups:
        return '<div class="bc"><p class="none">No groups to compare: no slices are declared for the records.</p></div>'
    base = f'<i class="base" style="{_SCALE.left(detail.average.value)}"></i>' if detail.average.is_measured else ""
    rows = [_row(group, base, link(group.group) if link else None) for group in detail.groups[:limit]]
    caption = f"Failure rate of {detail.stage} by group"
    return f'<div class="bc">{table(kind="sl", caption=caption, rows=[*rows, _SCALE.axis()], heading_width=32)}</div>'


def _row(group: SliceRow, base: str, link: str | None) -> str:
    count = f"({group.failures} of {group.n})"
    if not group.rate.is_measured:
        note = f'<span class="note left">{escape(group.rate.method)} {count}</span>'
        return row(
            head=group.group, says=f"{group.rate.method} {count}.", drawing=f"{_SCALE.grid()}{base}{note}", link=link
        )
    colour = "hot" if group.stands_out else "soft"
    rate = group.rate
    drawing = (
        f'{_SCALE.grid()}{base}<i class="band {colour}" style="{_SCALE.between(rate.low, rate.high)}"></i>'
        f'<i class="c dot {colour}" style="{_SCALE.left(rate.value)}"></i>'
        f'<span class="txt" style="{_SCALE.left(rate.high)}">{figures.share(rate.value)} <small>{count}</small></span>'
    )
    above = ", above the average with its whole interval" if group.stands_out else ""
    return row(
        head=group.group,
        says=f"fails {figures.share(rate.value)} {count}, {figures.interval(rate)}{above}.",
        drawing=drawing,
        link=link,
    )
