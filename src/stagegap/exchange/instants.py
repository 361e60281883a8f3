"""Points in time as other programs write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from stagegap.model.record import Json, number_problem

LATEST = 253_402_300_799.0
"""The end of the year 9999, beyond which no calendar goes."""
EARLIEST = -62_135_596_800.0
"""The begin of the year 1."""


def seconds(value: Json) -> float | None:
    """Seconds since 1970, UTC, of a number of seconds or an ISO 8601 text; None of nothing.

    A text without a zone is UTC.
    Raises: ValueError with one sentence for anything else.

    >>> seconds("2026-01-02T03:04:05Z"), seconds("2026-01-02 03:04:05"), seconds(12), seconds("12.5"), seconds("")
    (1767323045.0, 1767323045.0, 12.0, 12.5, None)
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            pass
        else:
            return _in_seconds(number)
        try:
            moment = datetime.fromisoformat(value.strip())
        except (ValueError, OverflowError):
            raise _no_instant(value) from None
        return _in_calendar((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp(), value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no_instant(value)
    if number_problem(value):
        raise _no_instant(value)
    return _in_seconds(float(value))


def _in_seconds(number: float) -> float:
    if not math.isfinite(number):
        raise _no_instant(number)
    if not EARLIEST <= number <= LATEST:
        place = "after the year 9999" if number > 0 else "before the year 1"
        raise ValueError(
            f"A time is seconds since 1970, and {number:g} of them lie {place}. Milliseconds? Divide by 1000."
        )
    return number


def _in_calendar(number: float, value: Json) -> float:
    if not EARLIEST <= number <= LATEST:
        raise _no_instant(value)
    return number


def _no_instant(value: Json) -> ValueError:
    return ValueError(f"A time is seconds since 1970 or an ISO 8601 text, found {value!r}.")
