"""What a person thought of an answer that somebody gave: a number on a scale."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One rater's number for one answer by one criterion."""

    system: str
    """Who gave the answer: a system, or a person."""
    record: str
    criterion: str
    rater: str
    """The rater, or their slot where raters are anonymous: a slot is not one person."""
    value: float
