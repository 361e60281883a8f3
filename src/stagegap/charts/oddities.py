"""What looks strange: curves, trials, the plot of a card, its records, and the list of what was checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from stagegap.charts.content import Pictures, column_heads, scroll_table, small_picture
from stagegap.charts.marks import Chart, Key, Row, at, between
from stagegap.charts.plots import LEFT, RIGHT, WIDTH, Dot
from stagegap.charts.plots import Plot as Curve
from stagegap.model.wording import counted
from stagegap.tables import figures

if TYPE_CHECKING:
    from stagegap.oddities.card import Checked, Mark, Oddity, Plot, Screen, Taught, Tried
    from stagegap.oddities.screen import Noticing

PICTURED = 6
"""Records of a card whose pictures are seen beside it."""


def curve_plot(plot: Plot) -> Curve | None:
    """The marks of a plot at their places, what is expected as a line; None where a mark has no place."""
    marks = [point for point in plot.marks if not math.isnan(point.x) and point.y.is_measured]
    if len(marks) < 2 or len(marks) < len(plot.marks):
        return None
    places = [*(point.x for point in marks), *(x for x, _ in plot.line)]
    across = _Across(low=min(places), high=max(places), is_log=plot.is_log)
    return Curve(
        says=plot.title,
        x_name=plot.x_name,
        dots=tuple(
            Dot(x=across.at(point.x), place=point.x, name=point.name, estimate=point.y, other=point.other)
            for point in marks
        ),
        names=tuple((across.at(point.x), point.name) for point in marks),
        line=tuple((across.at(x), y) for x, y in plot.line),
        level=plot.level if plot.level is not None and plot.level.is_measured else None,
    )


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


def trials(screen: Screen) -> str:
    """Draw the curves with what they say, and one row for each thing that was taken away; empty without any."""
    return "".join([*map(_curve, screen.curves), _without(screen.tried)])


def _curve(taught: Taught) -> str:
    return f"<p>{escape(taught.sentence)}</p>{oddity_plot(taught.plot)}"


def _without(rows: Sequence[Tried]) -> str:
    if not rows:
        return ""
    heads = column_heads("Without", "Change in points", "Better", "Worse")
    body = "".join(
        f'<tr><th scope="row">{escape(trial.what)} <div class="notes">{escape(judged(trial))}</div></th>'
        f"<td>{change(trial)}</td><td>{trial.better:,}</td><td>{trial.worse:,}</td></tr>"
        for trial in rows
    )
    caption = "Scores without something, minus with it"
    return scroll_table(heads, body, caption=caption, table="fl ls ck", label="What was taken away")


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


_CURRENT = ' aria-current="true"'


def oddity_chart(plot: Plot) -> Chart:
    """Shares, a row each: dashed what is expected, a diamond what it is compared with."""
    key = [Key(text=plot.y_name, shape="dot")]
    if plot.other_name:
        key.append(Key(text=plot.other_name, shape="diamond", tone="person"))
    if plot.expected_name:
        key.append(Key(text=plot.expected_name, shape="dotted", tone="mute"))
    if plot.level is not None and plot.level.is_measured:
        level = f"{plot.level_name} {figures.share(plot.level.value)}"
        key.append(Key(text=level, shape="band", tone="person"))
    return Chart(kind="sl", caption=plot.title, rows=tuple(_mark(mark, plot) for mark in plot.marks), key=tuple(key))


def oddity_plot(plot: Plot) -> str:
    """Draw a plot of shares; where the rows have places (sizes, confidence) they stand as a curve above."""
    curve = curve_plot(plot)
    return f"{curve.html() if curve is not None else ''}{oddity_chart(plot).html()}"


def _mark(mark: Mark, plot: Plot) -> Row:
    share, other, level = mark.y, mark.other, plot.level
    if not share.is_measured:
        return Row(head=mark.name, says=f"{share.method}.", note=share.method)
    marks = [between("band", (share.low, share.high), tone="system", role="95% interval")]
    says = f"{plot.y_name} {figures.share(share.value)}, {figures.interval(share)}, n = {share.n}"
    if level is not None and level.is_measured:
        marks.insert(0, between("band", (level.low, level.high), tone="person", role=plot.level_name))
    marks.append(at("dot", share.value, tone="system", role=plot.y_name))
    if other is not None and other.is_measured:
        marks.append(at("diamond", other.value, tone="person", role=plot.other_name))
        says += f"; {plot.other_name} {figures.share(other.value)}"
    if not math.isnan(mark.expected):
        marks.insert(0, at("rule", mark.expected, tone="soft", role=plot.expected_name))
        says += f"; {plot.expected_name} {figures.share(mark.expected)}"
    end = (figures.share(share.value), f"n {share.n:,}")
    return Row(head=mark.name, says=f"{says}.", marks=tuple(marks), end=end)


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


def card_pictures(card: Oddity, pictures: Pictures) -> str:
    """Draw the pictures of the first records that show it; empty without any."""
    drawn = "".join(small_picture(pictures, record) for record in card.records[:PICTURED])
    return f'<div class="bc">{drawn}</div>' if drawn else ""


def oddities_without_words(view: Noticing) -> str:
    """The list of cards, without the texts of records."""
    return oddity_list(view, records=False)


def oddity_list(noticing: Noticing, *, records: bool, pictures: Pictures | None = None) -> str:
    """Draw the open cards as text, for a file; without `records` no word of a record stands in it."""
    rows = "".join(_paragraph(row.card, pictures, records=records) for row in noticing.open)
    away = "".join(
        f'<p class="small">Not odd: {escape(row.card.title)}. “{escape(row.dismissed.reason)}”</p>'
        for row in noticing.dismissed
        if row.dismissed is not None
    )
    return f'<p>{escape(noticing.headline)}.</p>{rows}{away}<p class="small">{escape(noticing.screen.basis)}</p>'


def _paragraph(card: Oddity, pictures: Pictures | None, *, records: bool) -> str:
    place = ", ".join(escape(part) for part in (card.stage, certainty(card)) if part)
    plot = oddity_plot(card.plot) if card.plot is not None else ""
    example = ""
    if records and card.example:
        such = f"Such as <code>{escape(card.records[0])}</code>: {escape(card.example)}"
        example = f'<p class="small">{small_picture(pictures, card.records[0])}{such}</p>'
    return (
        f"<p><b>{escape(card.title)}</b> <small>{place}</small><br>{escape(card.sentence)} "
        f"<small>{escape(card.why)}</small></p>{plot}{example}"
    )


def checks(rows: Sequence[Checked]) -> str:
    """Draw the list of everything that was checked: the rule, and how much it looked at."""
    heads = column_heads("Check", "Looked at", "Shown")
    body = "".join(
        f'<tr><th scope="row">{escape(check.title)}<div class="notes">Shown when {escape(check.rule)}.</div></th>'
        f"<td>{_looked(check)}</td><td>{check.shown or ''}</td></tr>"
        for check in rows
    )
    return scroll_table(heads, body, caption="Checks of this screen", table="fl ls ck", label="Checks")


def _looked(check: Checked) -> str:
    return f"{counted(check.looked, 'place')}, n up to {check.n:,}" if check.looked else "nothing to look at"


def certainty(card: Oddity) -> str:
    """Say how it was found: `q = 0.003`, or that a rule found it."""
    if card.kind == "found":
        return "found by rule"
    return "q < 0.001" if card.q < 0.001 else f"q = {card.q:.3f}"
