"""Tables of scores as they are printed."""

from __future__ import annotations

from pathlib import Path

from stagegap.analysis.oddities.grim import PrintedScore
from stagegap.errors import near_names
from stagegap.exchange.rows import Problems, Row, read_rows

FIELDS = ("name", "value", "n")


def read_printed(path: Path) -> list[PrintedScore]:
    """The scores of a file, one a row: a file with the fields name, value, n and perhaps runs.

    Raises: InputError with every problem: missing fields, values that are no number, an n that is none.
    """
    problems = Problems(path)
    scores = [score for row in read_rows(path) if (score := _score(row, problems)) is not None]
    problems.raise_if_any()
    return scores


def _score(row: Row, problems: Problems) -> PrintedScore | None:
    missing = [name for name in FIELDS if row.values.get(name) in (None, "")]
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
