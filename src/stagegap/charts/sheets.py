"""Sheets as HTML: sentences and tables, every text escaped by the template."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape

from jinja2 import Environment, Template
from markupsafe import Markup

from stagegap import redaction
from stagegap.charts.content import Manner, coded, value_html
from stagegap.charts.marks import packaged, style
from stagegap.tables.table import Sheet, Table

WIDEST = 120
"""Characters of a text in a cell."""


def sheet_html(parts: Sequence[str | Table]) -> str:
    """Sentences and tables of a sheet, those without rows left out."""
    return template("tables.html.j2").render(parts=_readable(parts))


def tables_html(sheet: Sheet) -> str:
    """The tables of a sheet alone, as they stand on a page; a wide one scrolls in its own frame."""
    return (
        f'<div class="bc"><div class="sheet" tabindex="0" role="region" aria-label="{escape(sheet.headline)}">'
        f"{sheet_html(sheet.tables)}</div></div>"
    )


def notebook_card(sheet: Sheet, *, picture: str) -> str:
    """What a notebook shows of a view: its answer, the sentences behind it, and its picture or else its tables."""
    parts = sheet.sentences if picture else sheet.parts
    charted = style() if 'class="bc"' in picture else ""
    return template("notebook.html.j2").render(
        css=packaged("notebook.css") + charted,
        caution=sheet.caution,
        headline=sheet.headline,
        body="" if picture and not parts else sheet_html(parts),
        picture=picture,
    )


def _readable(parts: Sequence[str | Table]) -> list[str | Table]:
    return [part for part in parts if (part.is_visible if isinstance(part, Table) else part)]


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1].rstrip()}…"


SENT = Manner(gate=redaction.words)
"""How values are drawn in a file that is sent around."""


def _drawn(text: str, manner: Manner = SENT) -> Markup:
    """A text of a record in a file that is sent around, each character of it escaped."""
    return Markup(f'<div class="v">{value_html(text, manner)}</div>')


def _coded(text: str) -> Markup:
    return Markup(coded(text))


@cache
def template(name: str) -> Template:
    """A template that lies beside this module; whatever it is given is escaped, unless it is marked as safe there."""
    environment = Environment(autoescape=True, trim_blocks=False)
    return environment.from_string(packaged(name), globals={"short": _short, "drawn": _drawn, "coded": _coded})
