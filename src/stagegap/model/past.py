"""What earlier calls of a stage took: from it the next ones are predicted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """One call that was made, not served from the cache."""

    latency_ms: float
    """Of a batch, its share."""
    tokens_in: int | None
    tokens_out: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpending:
    """What the answers of one stage in one run cost and took when they were made."""

    cost: float | None
    """Mean US dollars of an answer; None where none has a price."""
    priced: int
    """Answers that have a price."""
    latency_ms: float | None
    """Median of the answers that have one; None where none has."""
    timed: int
    """Answers that have a latency."""
