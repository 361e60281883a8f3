"""What every chart is drawn with: scales, grid lines, marks placed by per cent, and plots with two axes as SVG."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from stagegap.model.estimate import Estimate
from stagegap.tables import figures


@cache
def packaged(name: str) -> str:
    """The text of a style sheet that lies beside this module."""
    return files("stagegap.charts").joinpath(name).read_text(encoding="utf-8")


def style() -> str:
    """The style sheet of all charts; light and dark by the `color-scheme` of the page around them."""
    return packaged("style.css")


def style_of(html: str, *sheets: str) -> str:
    """The rules that a drawing uses, by default of the charts' style sheet, for a file that is sent around."""
    used = {name for classes in re.findall(r'class="([^"]*)"', html) for name in classes.split()}
    return "".join(rule for sheet in sheets or ("style.css",) for rule in _used_rules(packaged(sheet), used))


def _used_rules(sheet: str, used: set[str]) -> Iterator[str]:
    for rule in re.finditer(r"(?:/\*.*?\*/\s*)?(@media[^{]*)\{((?:[^{}]|\{[^{}]*\})*)\}|([^{}]+)\{([^{}]*)\}", sheet):
        query, inner, selectors, body = rule.groups()
        if query:
            rules = "".join(_used_rules(inner, used))
            if rules:
                yield f"{query}{{{rules}}}\n"
            continue
        parts = [part.strip() for part in re.sub(r"/\*.*?\*/", "", selectors).split(",")]
        parts = [part for part in parts if set(re.findall(r"\.([A-Za-z][\w-]*)", part)) <= used]
        if parts:
            declarations = re.sub(r"\s*([:;,])\s*", r"\1", " ".join(body.split())).rstrip(";")
            yield f"{','.join(parts)}{{{declarations}}}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A horizontal axis of shares; a dot plot may start above 0, a bar never does."""

    low: float = 0.0
    high: float = 1.0
    step: float = 0.2

    @property
    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + i * self.step for i in range(count + 1)]

    def at(self, value: float) -> float:
        """The place of a value in per cent of the width, kept on the axis."""
        return 100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)

    def left(self, value: float) -> str:
        return f"left:{_short(self.at(value))}%"

    def between(self, low: float, high: float) -> str:
        return f"left:{_short(self.at(low))}%;width:{_short(self.at(high) - self.at(low))}%"

    def grid(self) -> str:
        """The lines at the ticks, spread evenly by the style sheet: a row's lines would be half of its markup."""
        return f'<u class="g">{"<i></i>" * len(self.ticks)}</u>'

    def axis(self) -> str:
        """The last row of a chart: the values at the grid lines."""
        marks = "".join(f'<span style="{self.left(tick)}">{figures.share(tick)}</span>' for tick in self.ticks)
        return f'<tr aria-hidden="true"><td></td><td><div class="t ax">{marks}</div></td></tr>'


def _short(number: float) -> str:
    """A number to a hundredth, without zeros at its end.

    >>> _short(20.0), _short(33.337)
    ('20', '33.34')
    """
    return f"{number:.2f}".rstrip("0").rstrip(".")


def row(
    *,
    head: str,
    says: str,
    drawing: str,
    value: str | None = None,
    link: str | None = None,
    chosen: bool = False,
    classes: Sequence[str] = (),
) -> str:
    """A table row: its head, the sentence that a screen reader reads, and the drawing.

    With `value` the head becomes a button that carries it, with `link` a link to another page; then the whole row can
    be clicked.
    """
    names = [*classes, *(["on"] if chosen else []), *(["pick"] if value is not None or link is not None else [])]
    label = escape(head)
    if value is not None:
        current = ' aria-current="true"' if chosen else ""
        label = f'<button type="button" data-v="{escape(value)}"{current}>{label}</button>'
    if link is not None:
        label = f'<a href="{escape(link)}" target="_self">{label}</a>'
    kind = f' class="{" ".join(names)}"' if names else ""
    return (
        f'<tr{kind}><th scope="row">{label}</th><td><span class="sr">{escape(says)}</span>'
        f'<div class="t" aria-hidden="true">{drawing}</div></td></tr>'
    )


def table(*, kind: str, caption: str, rows: Sequence[str], heading_width: int) -> str:
    """A chart: a table of two columns, the first `heading_width` per cent wide."""
    return (
        f'<table class="{kind}"><caption class="sr">{escape(caption)}</caption>'
        f'<colgroup><col style="width:{heading_width}%"><col></colgroup><tbody>{"".join(rows)}</tbody></table>'
    )


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
