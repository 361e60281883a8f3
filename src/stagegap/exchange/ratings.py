"""Ratings of answers from files."""

from __future__ import annotations

import math
from pathlib import Path

from stagegap.errors import near_names
from stagegap.exchange.records import identity
from stagegap.exchange.rows import Problems, Row, read_rows
from stagegap.model.rating import Rating

FIELDS = ("system", "record", "criterion", "rater", "value")


def read_ratings(path: Path) -> list[Rating]:
    """The ratings of a file: one a row, with the fields system, record, criterion, rater and value.

    Raises: InputError with every problem: missing fields, values that are no number, one rater twice.
    """
    problems = Problems(path)
    first: dict[tuple[str, str, str, str], int] = {}
    ratings: list[Rating] = []
    for row in read_rows(path):
        rating = _rating(row, problems)
        if rating is None:
            continue
        key = (rating.system, rating.record, rating.criterion, rating.rater)
        if key in first:
            problems.add(row.line, f"The rater {rating.rater!r} rated this answer on line {first[key]} already.")
        first.setdefault(key, row.line)
        ratings.append(rating)
    problems.raise_if_any()
    return ratings


def _rating(row: Row, problems: Problems) -> Rating | None:
    missing = [name for name in FIELDS if row.values.get(name) in (None, "")]
    if missing:
        problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        return None
    raw = row.values["value"]
    try:
        value = math.nan if isinstance(raw, bool) else float(raw)  # type: ignore[arg-type]  # refused just below
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        problems.add(row.line, f"A rating is a number, found {raw!r}.")
        return None
    system, record, criterion, rater = (identity(row.values[name]) for name in FIELDS[:4])
    return Rating(system=system, record=record, criterion=criterion, rater=rater, value=value)
