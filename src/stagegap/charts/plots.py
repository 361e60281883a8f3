"""Plots with two axes, as SVG: marks with their intervals over a vertical axis of shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from stagegap.model.estimate import Estimate
from stagegap.tables import figures

WIDTH, HEIGHT = 560, 260
"""Of a plot, in its own units; it is drawn as wide as there is room."""
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 34


@dataclass(frozen=True, slots=True)
class Upright:
    """The vertical axis: shares in per cent, from a tenth below the lowest interval to one above the highest."""

    low: float
    high: float

    @classmethod
    def of(cls, estimates: Sequence[Estimate]) -> Upright:
        return cls.over([value for estimate in estimates for value in (estimate.low, estimate.high)])

    @classmethod
    def over(cls, values: Sequence[float]) -> Upright:
        low = max(0.0, int(10 * min(values)) / 10)
        high = min(1.0, -(-int(100 * max(values)) // 10) / 10)
        return cls(low, max(high, low + 0.1))

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)

    @property
    def grid(self) -> str:
        count = round((self.high - self.low) * 10)
        every = 2 if count > 5 else 1
        ticks = [self.low + i / 10 for i in range(0, count + 1, every)]
        return "".join(
            f'<line class="gl" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(tick):.1f}" y2="{self.y(tick):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{self.y(tick) + 4:.1f}" text-anchor="end">{figures.share(tick)}</text>'
            for tick in ticks
        )


def mark(x: float, share: Estimate, name: str, plot: Upright) -> str:
    """Draw an estimate as a dot on its interval; its numbers are shown by the pointer."""
    label = f"{name}: {figures.share(share.value)} ({figures.span(share)}), n {share.n:,}"
    return (
        f'<g><title>{escape(label)}</title><line class="iv" x1="{x:.1f}" x2="{x:.1f}" y1="{plot.y(share.low):.1f}" '
        f'y2="{plot.y(share.high):.1f}"/><circle class="pt" cx="{x:.1f}" cy="{plot.y(share.value):.1f}" r="5"/></g>'
    )


def svg(says: str, drawing: str, *, under: str) -> str:
    """A plot: the sentence that a screen reader reads, what is drawn, and the name of the horizontal axis."""
    label = f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 1}" text-anchor="middle">{escape(under)}</text>'
    return (
        f'<div class="bc"><svg class="pl" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(says)}">'
        f"{drawing}{label}</svg></div>"
    )
