"""Rows of figures as a plain table: every number with its interval and n. For notebooks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from stagegap.charts.marks import packaged, style
from stagegap.tables import figures
from stagegap.tables.figures import Unit

SHOWN = 50
"""Rows that a table shows; what is left out is counted."""
WIDEST = 120
"""Characters of a text in a cell."""
_NUMBERS = ("estimate", "low", "high", "n", "clusters", "method", "unit")
Cell = str | float | int | bool | None


def figures_table(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Draw the rows; an estimate takes one cell: its value, its interval and its n."""
    if not rows:
        return '<p class="none">Nothing to show.</p>'
    names = [name for name in rows[0] if name not in _NUMBERS and any(row[name] not in (None, "") for row in rows)]
    has_estimate = "estimate" in rows[0]
    heads = [*names, *(["value (95% interval), n"] if has_estimate else [])]
    body = "".join(
        "<tr>"
        + "".join(f"<td>{_cell(name, row[name])}</td>" for name in names)
        + (f"<td>{_estimate(row)}</td>" if has_estimate else "")
        + "</tr>"
        for row in rows[:SHOWN]
    )
    more = f"<p>{len(rows) - SHOWN:,} more rows: see the data frame.</p>" if len(rows) > SHOWN else ""
    head = "".join(f'<th scope="col">{escape(name.replace("_", " "))}</th>' for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def notebook_card(headline: str, sentences: Sequence[str], drawn: str) -> str:
    """What a notebook shows of a view: its answer, the sentences behind it, and the drawing."""
    paragraphs = "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences if sentence)
    charted = style() if 'class="bc"' in drawn else ""
    return (
        f"<style>{packaged('notebook.css')}{charted}</style>"
        f'<div class="stagegap"><p><b>{escape(headline)}</b></p>{paragraphs}{drawn}</div>'
    )


def _estimate(row: Mapping[str, Cell]) -> str:
    value, low, high = (float(row[name] or 0) for name in ("estimate", "low", "high"))
    if math.isnan(value):
        return f"<small>{escape(str(row['method']))}</small>"
    unit = Unit(str(row["unit"]))
    points = " points" if unit is Unit.POINTS else ""
    span = figures.between(low, high, unit)
    return f"<b>{figures.printed(value, unit)}{points}</b> ({span}), n {row['n']:,}"


def _cell(name: str, value: Cell) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return figures.p_value(value) if name in ("p", "p_adj") else figures.number(value, 3)
    text = " ".join(str(value).split())
    return escape(text if len(text) <= WIDEST else f"{text[: WIDEST - 1].rstrip()}…")
