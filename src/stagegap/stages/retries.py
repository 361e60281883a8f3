"""Calling a provider again: how long to wait, and when it is of no use."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

RETRIES = 5
"""Further attempts after the first."""
FIRST_S = 0.5
CAP_S = 20.0
"""Longest wait that is not asked for by the provider."""
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_SPAN = re.compile(rf"(?:{_PART.pattern})+")


def wait_before(attempt: int, headers: Mapping[str, str], draw: random.Random) -> float:
    """The seconds to wait before the next attempt; `attempt` counts from 0.

    What the provider asks for counts. Otherwise full jitter: uniform between 0 and a limit that doubles up to a cap,
    so that calls that failed together do not come back together (Brooker, AWS Architecture Blog, 2015).

    >>> wait_before(0, {"retry-after": "3"}, random.Random(1))
    3.0
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        asked = _seconds(headers.get(name, ""))
        if asked is not None:
            return asked / unit
    waits = [reset_s for left, reset_s in remaining(headers).values() if left < 1]
    if waits:
        return max(waits)
    until = _until(headers.get("retry-after", ""), headers.get("date", ""))
    if until is not None:
        return until
    return draw.uniform(0, min(CAP_S, FIRST_S * 2**attempt))


def remaining(headers: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """What is left of a provider's limits by kind, `requests` and `tokens`, and the seconds until all is back.

    >>> remaining({"x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1m0.5s"})
    {'requests': (59.0, 60.5)}
    """
    limits: dict[str, tuple[float, float]] = {}
    for kind in ("requests", "tokens"):
        left = _seconds(headers.get(f"x-ratelimit-remaining-{kind}", ""))
        reset_s = _span(headers.get(f"x-ratelimit-reset-{kind}", ""))
        if left is not None and reset_s is not None:
            limits[kind] = (left, reset_s)
    return limits


def _span(text: str) -> float | None:
    """Read a length of time as providers write it: 6m0s, 20ms, 1h2m3.5s, or a number of seconds."""
    if not _SPAN.fullmatch(text):
        return _seconds(text)
    return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))


def _seconds(text: str) -> float | None:
    """Read a number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _until(moment: str, now: str) -> float | None:
    """Read a date as seconds from the date of the answer itself: the provider's clock may differ from this one's."""
    try:
        seconds = (parsedate_to_datetime(moment) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError):
        # TypeError: one date has a time zone and the other none.
        return None
    return max(0.0, seconds)
