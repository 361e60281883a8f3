"""Figures of a view for spreadsheets."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from stagegap.analysis.frames import Row
from stagegap.exchange.cells import cell


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
