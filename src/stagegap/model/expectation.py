"""What somebody expects of a change, written down before the run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What somebody expects of a change, written down before the run."""

    id: str
    place: str
    """Name of a stage, or `outcome`."""
    predicted: float
    """Difference of the mean score, as a share: 0.05 is +5 points."""
    low: float | None = None
    """Range that the person gives, where they give one; meant to hold in 95% of cases."""
    high: float | None = None
    reason: str = ""
    who: str = ""
    at: float = 0.0
    """Seconds since 1970, UTC, handed in by the caller."""
    baseline: str = ""
    """Name of the run that the change starts from: `v13`."""

    def __post_init__(self) -> None:
        if not -1 <= self.predicted <= 1:
            raise ValueError(f"a difference of scores lies between -1 and 1, got {self.predicted}")
        if (self.low is None) != (self.high is None):
            raise ValueError("a range needs both of its ends")
        if self.low is not None and self.high is not None and not self.low <= self.predicted <= self.high:
            raise ValueError(f"the range {self.low} to {self.high} leaves out the prediction {self.predicted}")
