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
