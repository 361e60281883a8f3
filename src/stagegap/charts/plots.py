"""Estimates over two axes, as data and as SVG: dots with intervals, a line, and names with room for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from stagegap.charts.marks import wide
from stagegap.model.estimate import Estimate
from stagegap.tables import figures

WIDTH, HEIGHT = 560, 280
"""Of a plot, in its own units; it is drawn as wide as there is room."""
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 14, 58
SIZE = 17
"""Of its letters on a phone, in its own units: what is laid out for these has room for the smaller ones of a desk."""
CROWDED = 24
"""Dots above which bands are drawn thin, so that they do not run into each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """An estimate at its place on the horizontal axis."""

    x: float
    """In the plot's units."""
    place: str | float
    """What the axis says there."""
    name: str
    estimate: Estimate
    other: Estimate | None = None
    """A second value to compare with, drawn as a diamond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Dots with intervals over a horizontal axis; shares stand upwards."""

    says: str
    """What a screen reader reads."""
    x_name: str
    dots: tuple[Dot, ...] = ()
    names: tuple[tuple[float, str], ...] = ()
    """What may be written under the axis, each at its place; as much of it as there is room for."""
    line: tuple[tuple[float, float], ...] = ()
    """Places and shares, left to right."""
    is_stepped: bool = False
    """The line goes across and then up: the best so far."""
    level: Estimate | None = None
    """A share to compare all dots with."""
    empty: str = ""

    def html(self) -> str:
        if not self.dots:
            return f'<div class="bc"><p class="none">{escape(self.empty)}</p></div>'
        up = self.upright
        drawn = f"{up.grid}{self._level(up)}{self._path(up)}{self._dots(up)}"
        names = "".join(_text(x, HEIGHT - BOTTOM + 28, text) for x, text in fitting(self.names))
        under = _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, shortened(self.x_name, WIDTH - LEFT))
        return (
            f'<div class="bc"><svg class="pl" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(self.says)}">{drawn}{names}{under}</svg></div>'
        )

    @property
    def upright(self) -> Upright:
        others = [dot.other for dot in self.dots if dot.other is not None and dot.other.is_measured]
        estimates = [*(dot.estimate for dot in self.dots), *others, *([self.level] if self.level else [])]
        ends = [end for estimate in estimates for end in (estimate.low, estimate.high)]
        return Upright.over([*ends, *(y for _, y in self.line)])

    def _dots(self, up: Upright) -> str:
        drawn = "".join(_dot(dot, up) for dot in self.dots)
        return f'<g class="thin">{drawn}</g>' if len(self.dots) > CROWDED else drawn

    def _path(self, up: Upright) -> str:
        if not self.line:
            return ""
        ends = [(x, up.y(min(max(y, up.low), up.high))) for x, y in self.line]
        if not self.is_stepped:
            return f'<path class="fit" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in ends)}"/>'
        (x, y), *rest = ends
        return f'<path class="best" d="M{x:.1f} {y:.1f}{"".join(f"H{x:.1f}V{y:.1f}" for x, y in rest)}"/>'

    def _level(self, up: Upright) -> str:
        if self.level is None:
            return ""
        top, height, y = up.y(self.level.high), up.y(self.level.low) - up.y(self.level.high), up.y(self.level.value)
        return (
            f'<rect class="lv" x="{LEFT}" width="{WIDTH - LEFT - RIGHT}" y="{top:.1f}" height="{max(height, 1):.1f}"/>'
            f'<line class="lv" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )


@dataclass(frozen=True, slots=True)
class Upright:
    """The vertical axis: shares in per cent, from a tenth below the lowest end to one above the highest."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Upright:
        low = max(0.0, int(10 * min(values)) / 10)
        high = min(1.0, -(-int(100 * max(values)) // 10) / 10)
        return cls(min(low, 0.9), max(high, min(low, 0.9) + 0.1))

    def y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)

    @property
    def grid(self) -> str:
        count = round((self.high - self.low) * 10)
        every = 2 if count > 5 else 1
        ticks = [self.low + i / 10 for i in range(0, count + 1, every)]
        return "".join(
            f'<line class="gl" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(tick):.1f}" y2="{self.y(tick):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{self.y(tick) + 5:.1f}" text-anchor="end">{figures.share(tick)}</text>'
            for tick in ticks
        )


def _dot(dot: Dot, up: Upright) -> str:
    """An estimate on its interval; its numbers are shown by the pointer."""
    share, x = dot.estimate, dot.x
    label = f"{dot.name}: {figures.share(share.value)} ({figures.span(share)}), n {share.n:,}"
    other = ""
    if dot.other is not None and dot.other.is_measured:
        other = f'<path class="ot" d="M{x:.1f} {up.y(dot.other.value) - 6:.1f}l6 6l-6 6l-6 -6z"/>'
    return (
        f'<g><title>{escape(label)}</title><line class="iv" x1="{x:.1f}" x2="{x:.1f}" y1="{up.y(share.low):.1f}" '
        f'y2="{up.y(share.high):.1f}"/><circle class="pt" cx="{x:.1f}" cy="{up.y(share.value):.1f}" r="5"/></g>{other}'
    )


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{escape(text)}</text>'


LONGEST = 18
"""Characters of a name that an axis shows."""


def shortened(text: str, room: float) -> str:
    """As much of a text, in one line, as fits into a width of the plot.

    >>> shortened("a setting with quite a long name", 120)
    'a setting…'
    """
    line = " ".join(text.split()) or "–"
    while wide(line, SIZE) > room and len(line) > 1:
        line = f"{line.removesuffix('…')[:-1].rstrip()}…"
    return line


def fitting(names: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The names that have room beside each other within the plot, from the left; long ones are cut.

    One at the edge moves inwards.
    """
    free, placed = 0.0, list[tuple[float, str]]()
    for x, text in sorted(names):
        name = shortened(text if len(text) <= LONGEST else f"{' '.join(text.split())[: LONGEST - 1].rstrip()}…", WIDTH)
        half = wide(name, SIZE) / 2
        centre = min(max(x, half), WIDTH - half)
        if centre - half >= free:
            placed.append((centre, name))
            free = centre + half + SIZE / 2
    return placed
