"""A curve: estimates over sizes or over confidence, with a fitted line and the level of people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from stagegap.charts.plots import HEIGHT, LEFT, RIGHT, WIDTH, Upright, mark, svg

if TYPE_CHECKING:  # the screen's own modules bring numpy along, which a first page does without
    from stagegap.analysis.oddities.card import Mark, Plot

APART = 44
"""Of a plot's units, from one name under the axis to the next."""


def curve(plot: Plot) -> str:
    """Draw the marks of a plot at their places, what is expected as a line; empty where a mark has no place."""
    marks = [point for point in plot.marks if not math.isnan(point.x) and point.y.is_measured]
    if len(marks) < 2 or len(marks) < len(plot.marks):
        return ""
    level = plot.level if plot.level is not None and plot.level.is_measured else None
    others = [point.other for point in marks if point.other is not None and point.other.is_measured]
    estimates = [*(point.y for point in marks), *others, *([level] if level else [])]
    up = Upright.over(
        [
            *(estimate.low for estimate in estimates),
            *(estimate.high for estimate in estimates),
            *(y for _, y in plot.line),
        ]
    )
    places = [*(point.x for point in marks), *(x for x, _ in plot.line)]
    across = _Across(low=min(places), high=max(places), is_log=plot.is_log)
    drawn = [up.grid]
    if level is not None:
        top, height = up.y(level.high), up.y(level.low) - up.y(level.high)
        drawn += [
            f'<rect class="lv" x="{LEFT}" width="{WIDTH - LEFT - RIGHT}" y="{top:.1f}" height="{max(height, 1):.1f}"/>',
            f'<line class="lv" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up.y(level.value):.1f}" '
            f'y2="{up.y(level.value):.1f}"/>',
        ]
    if plot.line:
        steps = "L".join(f"{across.at(x):.1f} {up.y(min(max(y, up.low), up.high)):.1f}" for x, y in plot.line)
        drawn.append(f'<path class="fit" d="M{steps}"/>')
    for point in marks:
        x = across.at(point.x)
        drawn.append(mark(x, point.y, point.name, up))
        if point.other is not None and point.other.is_measured:
            drawn.append(f'<path class="ot" d="M{x:.1f} {up.y(point.other.value) - 6:.1f}l6 6l-6 6l-6 -6z"/>')
    return svg(plot.title, "".join(drawn) + _names(marks, across), under=plot.x_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Across:
    """The horizontal axis, by the logarithm for sizes."""

    low: float
    high: float
    is_log: bool

    def at(self, value: float) -> float:
        low, high, here = (math.log(end) if self.is_log else end for end in (self.low, self.high, value))
        share = (here - low) / (high - low) if high > low else 0.5
        return LEFT + 20 + (WIDTH - LEFT - RIGHT - 40) * share


def _names(marks: list[Mark], across: _Across) -> str:
    named, last = "", -math.inf
    for point in sorted(marks, key=lambda point: point.x):
        x = across.at(point.x)
        if x - last >= APART:
            named += f'<text x="{x:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(point.name)}</text>'
            last = x
    return named
