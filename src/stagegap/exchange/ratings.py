"""Ratings of answers, and tables of scores as they are printed, from files."""

from __future__ import annotations

import math
from pathlib import Path

from stagegap.errors import near_names
from stagegap.exchange.records import identity
from stagegap.exchange.rows import Problems, Row, read_rows
from stagegap.model.answer import Rating
from stagegap.oddities.tables import PrintedScore

RATING_FIELDS = ("system", "record", "criterion", "rater", "value")


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
    missing = [name for name in RATING_FIELDS if row.values.get(name) in (None, "")]
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
    system, record, criterion, rater = (identity(row.values[name]) for name in RATING_FIELDS[:4])
    return Rating(system=system, record=record, criterion=criterion, rater=rater, value=value)


SCORE_FIELDS = ("name", "value", "n")


def read_printed(path: Path) -> list[PrintedScore]:
    """The scores of a file, one a row: a file with the fields name, value, n and perhaps runs.

    Raises: InputError with every problem: missing fields, values that are no number, an n that is none.
    """
    problems = Problems(path)
    scores = [score for row in read_rows(path) if (score := _score(row, problems)) is not None]
    problems.raise_if_any()
    return scores


def _score(row: Row, problems: Problems) -> PrintedScore | None:
    missing = [name for name in SCORE_FIELDS if row.values.get(name) in (None, "")]
    if missing:
        problems.add(row.line, f"The field {missing[0]!r} is missing.", near_names(missing[0], row.values))
        return None
    printed = str(row.values["value"]).strip()
    try:
        value = float(printed.removesuffix("%"))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        problems.add(row.line, f"A printed score is a share or a percentage, found {printed!r}.")
        return None
    counts = [row.values["n"], row.values.get("runs") or 1]
    if not all(str(count).strip().isdecimal() and int(str(count)) > 0 for count in counts):
        problems.add(row.line, f"n and runs are whole numbers above 0, found {counts[0]!r} and {counts[1]!r}.")
        return None
    return PrintedScore(name=str(row.values["name"]), printed=printed, n=int(str(counts[0])), runs=int(str(counts[1])))
