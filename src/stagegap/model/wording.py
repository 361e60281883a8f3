"""Numbers, counts and times as words of a sentence, and whole percents and points that add up on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from stagegap.model.estimate import Estimate

EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_799.0
"""The first and the last second that a calendar holds: years 1 and 9999."""


def instant(at: float) -> datetime:
    """A stored time as a moment in UTC; one that no calendar holds, from an older store, as the last that it does.

    >>> instant(1.7e12).year
    9999
    """
    return datetime.fromtimestamp(min(max(at, EARLIEST), LATEST), UTC)


def plural(noun: str, count: int) -> str:
    """The noun as it stands after a count.

    >>> plural("mail", 2), plural("query", 2), plural("batch", 2), plural("mail", 1)
    ('mails', 'queries', 'batches', 'mail')
    """
    if count == 1:
        return noun
    if noun.endswith("y") and noun[-2:-1] not in ("a", "e", "i", "o", "u"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    >>> counted(1200, "mail")
    '1,200 mails'
    """
    return f"{count:,} {plural(noun, count)}"


def listed(parts: Sequence[str]) -> str:
    """Join with commas and a last `and`.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def metric_title(name: str) -> str:
    """A metric as people call it: a user's function by its own name.

    >>> metric_title("recall@3"), metric_title("python:stages.py:short")
    ('recall@3', 'short')
    """
    return name.rpartition(":")[2]


def sentence(text: str) -> str:
    """Start with a capital, leaving the rest as it is (stage names keep their form)."""
    return text[:1].upper() + text[1:]


def why_missing(figures: Iterable[tuple[str, Estimate]]) -> tuple[str, ...]:
    """Why figures are missing, each reason once with the names that it holds for."""
    names: dict[str, list[str]] = {}
    for name, estimate in figures:
        if not estimate.is_measured:
            names.setdefault(estimate.method, []).append(name)
    return tuple(f"{listed(list(dict.fromkeys(missing)))}: {reason}." for reason, missing in names.items())


def ranks(best: int, worst: int) -> str:
    """Ranks that the data do not exclude.

    >>> ranks(1, 1), ranks(1, 3)
    ('1', '1 to 3')
    """
    return str(best) if best == worst else f"{best} to {worst}"
