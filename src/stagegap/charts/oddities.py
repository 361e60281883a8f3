"""What looks strange: curves, trials, the plot of a card, its records, and the list of what was checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from stagegap.charts.marks import HEIGHT, LEFT, RIGHT, WIDTH, Scale, Upright, mark, row, svg, table
from stagegap.model.wording import counted
from stagegap.tables import figures

if TYPE_CHECKING:
    from stagegap.oddities.card import Checked, Mark, Oddity, Plot, Screen, Taught, Tried
    from stagegap.oddities.screen import Noticing


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


def trials(screen: Screen) -> str:
    """Draw the curves with what they say, and one row for each thing that was taken away; empty without any."""
    return "".join([*map(_curve, screen.curves), _without(screen.tried)])


def _curve(taught: Taught) -> str:
    return f"<p>{escape(taught.sentence)}</p>{oddity_plot(taught.plot)}"


def _without(rows: Sequence[Tried]) -> str:
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Without", "Change in points", "Better", "Worse"))
    body = "".join(
        f'<tr><th scope="row">{escape(trial.what)} <div class="notes">{escape(judged(trial))}</div></th>'
        f"<td>{change(trial)}</td><td>{trial.better:,}</td><td>{trial.worse:,}</td></tr>"
        for trial in rows
    )
    return (
        '<div class="bc"><div class="scroll" tabindex="0" role="region" aria-label="What was taken away">'
        '<table class="fl ls ck"><caption class="sr">Scores without something, minus with it</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def judged(trial: Tried) -> str:
    """Say of which stage it was taken, and whose score is compared: `of draft; score of draft`."""
    return f"of {trial.stage}; score of {trial.judged}"


def change(trial: Tried) -> str:
    """The change with its interval and n: `−3 (−6 to 0; n = 120)`."""
    estimate = trial.change
    return (
        f"{figures.points(estimate.value)} ({figures.span(estimate)}; n = {estimate.n:,})"
        if estimate.is_measured
        else estimate.method
    )


_SCALE = Scale()
_CURRENT = ' aria-current="true"'


def oddity_plot(plot: Plot) -> str:
    """Draw a plot of shares: a row each, hollow what is expected, a diamond what it is compared with.

    Where the rows have places (sizes, confidence) they stand as a curve above.
    """
    rows = [_mark(mark, plot) for mark in plot.marks]
    key = [f'<span><i class="dot"></i>{escape(plot.y_name)}</span>']
    if plot.other_name:
        key.append(f'<span><i class="dia"></i>{escape(plot.other_name)}</span>')
    if plot.expected_name:
        key.append(f'<span><i class="open"></i>{escape(plot.expected_name)}</span>')
    if plot.level is not None and plot.level.is_measured:
        key.append(f'<span><i class="band hum"></i>{escape(plot.level_name)} {figures.share(plot.level.value)}</span>')
    drawn = table(kind="sl", caption=plot.title, rows=[*rows, _SCALE.axis()], heading_width=24)
    return f'<div class="bc"><div class="key">{"".join(key)}</div></div>{curve(plot)}<div class="bc od">{drawn}</div>'


def _mark(mark: Mark, plot: Plot) -> str:
    if not mark.y.is_measured:
        note = f'<span class="note left">{escape(mark.y.method)}</span>'
        return row(head=mark.name, says=f"{mark.y.method}.", drawing=_SCALE.grid() + note)
    level = plot.level
    band = (
        f'<i class="band hum" style="{_SCALE.between(level.low, level.high)}"></i>'
        if level is not None and level.is_measured
        else ""
    )
    expected = "" if math.isnan(mark.expected) else f'<i class="base" style="{_SCALE.left(mark.expected)}"></i>'
    other = mark.other
    diamond = f'<i class="c dia" style="{_SCALE.left(other.value)}"></i>' if other and other.is_measured else ""
    says = f"{plot.y_name} {figures.share(mark.y.value)}, {figures.interval(mark.y)}, n = {mark.y.n}"
    if other is not None and other.is_measured:
        says += f"; {plot.other_name} {figures.share(other.value)}"
    if expected:
        says += f"; {plot.expected_name} {figures.share(mark.expected)}"
    return row(
        head=mark.name,
        says=f"{says}.",
        drawing=f'{_SCALE.grid()}{band}{expected}<i class="band" style="{_SCALE.between(mark.y.low, mark.y.high)}"></i>'
        f'<i class="c dot" style="{_SCALE.left(mark.y.value)}"></i>{diamond}'
        f'<span class="txt" style="{_SCALE.left(mark.y.high)}">{figures.share(mark.y.value)} '
        f"<small>({mark.y.n:,})</small></span>",
    )


def oddity_records(card: Oddity, *, chosen: str | None) -> str:
    """Draw the records of a card; a click anywhere on a row chooses its record."""
    rows = "".join(
        f'<tr class="pick{" on" if record == chosen else ""}"><th scope="row"><button type="button" '
        f'data-v="{escape(record)}"{_CURRENT if record == chosen else ""}>{escape(record)}</button></th></tr>'
        for record in card.records
    )
    return (
        f'<div class="bc"><div class="scroll long" tabindex="0" role="region" aria-label="Records of this card">'
        f'<table class="fl ls one"><caption class="sr">Records that show it, the plainest first</caption>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def oddities_without_words(view: Noticing) -> str:
    """The list of cards, without the texts of records."""
    return oddity_list(view, records=False)


def oddity_list(noticing: Noticing, *, records: bool) -> str:
    """Draw the open cards as text, for a file; without `records` no word of a record stands in it."""
    rows = "".join(_paragraph(row.card, records=records) for row in noticing.open)
    away = "".join(
        f'<p class="small">Not odd: {escape(row.card.title)}. “{escape(row.dismissed.reason)}”</p>'
        for row in noticing.dismissed
        if row.dismissed is not None
    )
    return f'<p>{escape(noticing.headline)}.</p>{rows}{away}<p class="small">{escape(noticing.screen.basis)}</p>'


def _paragraph(card: Oddity, *, records: bool) -> str:
    place = ", ".join(escape(part) for part in (card.stage, certainty(card)) if part)
    plot = oddity_plot(card.plot) if card.plot is not None else ""
    example = (
        f'<p class="small">Such as <code>{escape(card.records[0])}</code>: {escape(card.example)}</p>'
        if records and card.example
        else ""
    )
    return (
        f"<p><b>{escape(card.title)}</b> <small>{place}</small><br>{escape(card.sentence)} "
        f"<small>{escape(card.why)}</small></p>{plot}{example}"
    )


def checks(rows: Sequence[Checked]) -> str:
    """Draw the list of everything that was checked: the rule, and how much it looked at."""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Check", "Looked at", "Shown"))
    body = "".join(
        f'<tr><th scope="row">{escape(check.title)}<div class="notes">Shown when {escape(check.rule)}.</div></th>'
        f"<td>{_looked(check)}</td><td>{check.shown or ''}</td></tr>"
        for check in rows
    )
    return (
        '<div class="bc"><div class="scroll" tabindex="0" role="region" aria-label="Checks"><table class="fl ls ck">'
        f'<caption class="sr">Checks of this screen</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody>'
        "</table></div></div>"
    )


def _looked(check: Checked) -> str:
    return f"{counted(check.looked, 'place')}, n up to {check.n:,}" if check.looked else "nothing to look at"


def certainty(card: Oddity) -> str:
    """Say how it was found: `q = 0.003`, or that a rule found it."""
    if card.kind == "found":
        return "found by rule"
    return "q < 0.001" if card.q < 0.001 else f"q = {card.q:.3f}"
