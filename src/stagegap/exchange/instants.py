"""Points in time as other programs write them."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from stagegap.model.record import Json


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
            return _finite(float(value))
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise _no_instant(value) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no_instant(value)
    return _finite(float(value))


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise _no_instant(number)
    return number


def _no_instant(value: Json) -> ValueError:
    return ValueError(f"A time is seconds since 1970 or an ISO 8601 text, found {value!r}.")
