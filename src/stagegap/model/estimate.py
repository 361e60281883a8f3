"""A number that never travels without its interval, its n and its method."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval; `nan` throughout when there was too little data, and `method` says why."""

    value: float
    low: float
    high: float
    n: int
    """Records that the value rests on."""
    method: str
    """Name of the interval, or `too few: ...`, or `not measured: ...`."""
    level: float = 0.95
    clusters: int | None = None
    """Independent units among the records; None when every record is one."""

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"n must not be negative, got {self.n}")
        if math.isnan(self.value) != math.isnan(self.low) or self.low > self.high:
            raise ValueError(f"{self.value} ({self.low} to {self.high}) is no value with an interval")

    @property
    def is_measured(self) -> bool:
        return not math.isnan(self.value)

    @property
    def caveat(self) -> str:
        """What `method` adds about few or uneven clusters; empty where there is nothing to add."""
        return self.method.partition("; ")[2] if self.is_measured and self.clusters is not None else ""

    def times(self, factor: float) -> Estimate:
        """The estimate of a multiple, such as the price of 1,000 records from that of one; `factor` is above 0."""
        return replace(self, value=self.value * factor, low=self.low * factor, high=self.high * factor)

    @property
    def excludes_zero(self) -> bool:
        """True when the interval lies wholly on one side of 0."""
        return self.is_measured and (self.low > 0 or self.high < 0)


def unmeasured(reason: str, *, n: int = 0) -> Estimate:
    """The estimate that says why there is no number.

    >>> unmeasured("too few: 1 record").is_measured
    False
    """
    return Estimate(value=math.nan, low=math.nan, high=math.nan, n=n, method=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a figure is if every unknown outcome is wrong, and if every one is right.

    From `worst.low` to `best.high` is an interval for the figure: it covers whatever the unknown outcomes are
    (Horowitz & Manski 2000; Imbens & Manski 2004).
    """

    worst: Estimate
    best: Estimate
    unknown: int
    """Records whose outcome is not known."""
