"""What was logged while a stage was trained: curves by step."""

from __future__ import annotations

import math
from dataclasses import dataclass

HELD_OUT = "held_out_"
"""Begin of the name of a curve of records that the training kept aside; the rest is the name of its other half."""
COSTS = ("loss", "error", "perplexity")
"""Ends of the names of curves that should fall; all others should rise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One value by step."""

    name: str
    """As it was logged: `loss`, `held_out_score`."""
    steps: tuple[float, ...]
    values: tuple[float, ...]
    """NaN where what was logged is no finite number."""

    @property
    def is_cost(self) -> bool:
        """Whether less of it is better."""
        return self.name.endswith(COSTS)

    @property
    def last(self) -> float:
        return self.values[-1]

    @property
    def best(self) -> tuple[float, float]:
        """The best value and its step; NaN twice where none is finite."""
        known = [(value, step) for step, value in zip(self.steps, self.values, strict=True) if not math.isnan(value)]
        if not known:
            return math.nan, math.nan
        return min(known) if self.is_cost else max(known, key=lambda point: (point[0], -point[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a stage was trained: on what, and what it logged."""

    stage: str
    key: str
    """Hash of the code, the settings and the data: what was made with it is made once."""
    records: int = 0
    """With a reference, of the split that it learns from."""
    prior: float = math.nan
    """Nats that knowing nothing but the shares of their references costs; NaN where these are no classes."""
    curves: tuple[Curve, ...] = ()
    seconds: float | None = None
    """None while it goes on, and where it has not begun or was killed."""
    error: str = ""

    def curve(self, name: str) -> Curve | None:
        """The curve of that name; None where it was not logged."""
        return next((curve for curve in self.curves if curve.name == name), None)

    @property
    def sentence(self) -> str:
        """`route learns from 640 records: step 12, loss 0.31, held_out_score 0.84.`"""
        verb = "learns" if self.seconds is None else "has learned"
        start = f"{self.stage} {verb} from {self.records:,} {'record' if self.records == 1 else 'records'}"
        if self.error:
            return f"{start}: {self.error}"
        if not self.curves:
            return f"{start}; nothing is logged."
        step = max(curve.steps[-1] for curve in self.curves)
        values = [f"{curve.name} {digits(curve.last)}" for curve in self.curves]
        return f"{start}: step {step:g}, {', '.join(values)}."


def digits(value: float) -> str:
    """A logged value with three digits; what is no finite number as such."""
    return "not a number" if math.isnan(value) else f"{value:.3g}"
