"""The frame of every report: one HTML file, no script, nothing loaded, ready for paper."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any, cast

from stagegap import charts
from stagegap.exchange.typed import cell
from stagegap.tables.table import Row


def rows_csv(rows: Sequence[Row]) -> str:
    """One line a row; what was not measured is an empty cell, and no cell is a formula."""
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(rows[0] if rows else ())
    for row in rows:
        missing = {
            name for name, value in row.items() if value is None or (isinstance(value, float) and math.isnan(value))
        }
        table.writerow("" if name in missing else cell(value, raw=False) for name, value in row.items())
    return lines.getvalue()


def part(name: str, *arguments: object) -> str:
    """A part of a report as its template `report.html.j2` draws it; every text is escaped there."""
    return str(getattr(charts.template("report.html.j2").module, name)(*arguments))


def page(title: str, parts: Sequence[str], *, data: object = None) -> str:
    """The document; `data` is kept inside for programs."""
    body = "\n".join(part for part in parts if part)
    numbers = "" if data is None else _data(data)
    return part("page", title, charts.style_of(body, "report.css", *charts.SHEETS), body, numbers)


def _data(view: object) -> str:
    """The numbers for programs, to six digits; `<` cannot end the block early."""
    return json.dumps(_short(view), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _short(value: Any) -> Any:  # Any: JSON of any depth
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, list):
        return [_short(entry) for entry in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: _short(entry) for key, entry in cast("dict[str, Any]", value).items()}
    return value


def section(heading: str, body: str) -> str:
    """A part with its heading."""
    return part("section", heading, body)


def small(*sentences: str) -> str:
    """Sentences in small type; empty ones are left out."""
    return part("small", [sentence for sentence in sentences if sentence])
