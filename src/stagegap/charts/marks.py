"""What every chart is drawn from: marks and texts as data, on rows with one axis or on a plane with two.

A text never stands where another may come: a row has one lane above its marks, one below, and a column of its own for
what is printed at its end. So nothing runs into anything, however wide the page is and whatever the figures are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Literal

from stagegap.tables import figures


@cache
def packaged(name: str) -> str:
    """The text of a style sheet that lies beside this module."""
    return files("stagegap.charts").joinpath(name).read_text(encoding="utf-8")


SHEETS = ("style.css", "content.css")


def style() -> str:
    """The style sheet of all charts; light and dark by the `color-scheme` of the page around them."""
    return "".join(map(packaged, SHEETS))


def style_of(html: str, *sheets: str) -> str:
    """The rules that a drawing uses, by default of the charts' style sheet, for a file that is sent around."""
    used = {name for classes in re.findall(r'class="([^"]*)"', html) for name in classes.split()}
    return "".join(rule for sheet in sheets or SHEETS for rule in _used_rules(packaged(sheet), used))


def _used_rules(sheet: str, used: set[str]) -> Iterator[str]:
    for rule in re.finditer(
        r"(?:/\*.*?\*/\s*)?(@(?:media|container)[^{]*)\{((?:[^{}]|\{[^{}]*\})*)\}|([^{}]+)\{([^{}]*)\}", sheet
    ):
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


Shape = Literal["dot", "diamond", "band", "bar", "bounds", "line", "dotted", "whisker", "rule"]
Tone = Literal["system", "person", "worst", "soft", "mute"]
"""What a colour means, one thing each: the system, people, the stage that holds back, nothing to conclude, the rest."""

_CLASSES: dict[str, str] = {
    "dot": "c dot",
    "diamond": "c dia",
    "band": "band",
    "bar": "bar",
    "bounds": "bar open",
    "line": "line",
    "dotted": "line open",
    "whisker": "wh",
    "rule": "base",
}
_TONES: dict[str, str] = {"system": "", "person": "hum", "worst": "hot", "soft": "soft", "mute": "mute"}
_POINTS = ("dot", "diamond", "rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A horizontal axis of shares, or of points around 0; a dot plot may start above 0, a bar never does."""

    low: float = 0.0
    high: float = 1.0
    step: float = 0.2
    is_signed: bool = False
    """Differences: printed as points with their sign."""

    @property
    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + i * self.step for i in range(count + 1)]

    def at(self, value: float) -> float:
        """The place of a value in per cent of the width, kept on the axis."""
        return 100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)

    def printed(self, value: float) -> str:
        return figures.points(value) if self.is_signed else figures.share(value)

    def grid(self) -> str:
        """The lines at the ticks, spread evenly by the style sheet: a row's lines would be half of its markup."""
        return f'<u class="g">{"<i></i>" * len(self.ticks)}</u>'

    def axis(self) -> str:
        """The last row of a chart: the values at the grid lines."""
        marks = "".join(
            f'<span style="left:{_short(self.at(tick))}%">{self.printed(tick)}</span>' for tick in self.ticks
        )
        many = " many" if len(self.ticks) > FEW_TICKS else ""
        return (
            f'<tr class="axis" aria-hidden="true"><td></td><td><div class="t ax{many}">{marks}</div></td><td></td></tr>'
        )


FEW_TICKS = 5
"""Of more, a narrow chart names every second."""


def _short(number: float) -> str:
    """A number to a hundredth, without zeros at its end.

    >>> _short(20.0), _short(33.337)
    ('20', '33.34')
    """
    return f"{number:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something at a value of the axis, or from one value to another."""

    shape: Shape
    tone: Tone
    low: float
    high: float
    """As `low` where it stands at one value."""
    role: str
    """What it is: `system`, `95% interval`."""

    def html(self, scale: Scale) -> str:
        place = f"left:{_short(scale.at(self.low))}%"
        if self.shape not in _POINTS:
            place += f";width:{_short(scale.at(self.high) - scale.at(self.low))}%"
        names = f"{_CLASSES[self.shape]} {_TONES[self.tone]}" if self.shape not in ("rule", "whisker") else ""
        return f'<i class="{names.strip() or _CLASSES[self.shape]}" style="{place}"></i>'


def at(shape: Shape, value: float, *, tone: Tone, role: str) -> Mark:
    """A mark at one value."""
    return Mark(shape=shape, tone=tone, low=value, high=value, role=role)


def between(shape: Shape, ends: tuple[float, float], *, tone: Tone, role: str) -> Mark:
    """A mark from the smaller end to the larger one."""
    return Mark(shape=shape, tone=tone, low=min(ends), high=max(ends), role=role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A number beside its mark: above the marks of a row or below them, where nothing else is written."""

    text: str
    value: float
    """Where on the axis it belongs; it moves inwards as far as it has to to stay on it."""
    lane: Literal["above", "below"]
    tone: Tone

    def html(self, scale: Scale) -> str:
        place = _short(scale.at(self.value))
        lane = "up" if self.lane == "above" else "dn"
        names = " ".join(part for part in ("n", lane, "sys" if self.tone == "system" else "") if part)
        return f'<span class="{names}" style="left:{place}%;transform:translateX(-{place}%)">{escape(self.text)}</span>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a chart: its head, what a screen reader reads, and what is drawn."""

    head: str
    says: str
    marks: tuple[Mark, ...] = ()
    texts: tuple[Text, ...] = ()
    """At most one a lane."""
    end: tuple[str, ...] = ()
    """Printed at the end of the row, the first line strong."""
    note: str = ""
    """Stands in place of marks: why there are none."""
    value: str | None = None
    """Makes the row something to choose."""
    link: str | None = None
    """Makes it lead to another page."""
    is_chosen: bool = False
    is_pale: bool = False
    """Rests on too little to be read."""
    foot: str = ""
    """A small sentence below the marks."""
    hint: str = ""
    """Shown by the pointer at the end of the row, in the sentence for screen readers anyway."""

    def html(self, scale: Scale) -> str:
        flags = (("few", self.is_pale), ("on", self.is_chosen), ("pick", bool(self.value or self.link)))
        names = [name for name, is_on in flags if is_on]
        kind = f' class="{" ".join(names)}"' if names else ""
        says = f'<span class="sr">{escape(self.says)}</span>'
        if self.note:
            drawn = f'<td colspan="2">{says}<div class="note" aria-hidden="true">{breakable(self.note)}</div></td>'
            return f'<tr{kind}><th scope="row">{self._label()}</th>{drawn}</tr>'
        inner = "".join(mark.html(scale) for mark in self.marks) + "".join(text.html(scale) for text in self.texts)
        hint = f' title="{escape(self.hint)}"' if self.hint else ""
        end = "".join(f"<{tag}>{breakable(line)}</{tag}>" for tag, line in self._lines())
        foot = f'<div class="note" aria-hidden="true">{breakable(self.foot)}</div>' if self.foot else ""
        return (
            f'<tr{kind}><th scope="row">{self._label()}</th><td>{says}<div class="t" aria-hidden="true">'
            f'{scale.grid()}{inner}</div>{foot}</td><td class="e" aria-hidden="true"{hint}>{end}</td></tr>'
        )

    def _lines(self) -> list[tuple[str, str]]:
        return [("small" if place else "b", line) for place, line in enumerate(self.end) if line]

    def _label(self) -> str:
        label = breakable(self.head)
        if self.value is not None:
            current = ' aria-current="true"' if self.is_chosen else ""
            return f'<button type="button" data-v="{escape(self.value)}"{current}>{label}</button>'
        return f'<a href="{escape(self.link)}" target="_self">{label}</a>' if self.link is not None else label


def breakable(text: str) -> str:
    """A text as HTML that may go on in the next line after `_ - . / :` within a word, and not between two letters.

    >>> breakable("read_invoice <total>")
    'read_<wbr>invoice &lt;total&gt;'
    """
    return "<wbr>".join(escape(part) for part in re.split(r"(?<=[_\-./:])(?=\w)", text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A line of the legend: a shape with what it means; without a shape a sentence."""

    text: str
    shape: Shape | None = None
    tone: Tone = "system"


_SWATCHES: dict[str, str] = {"dot": "dot", "diamond": "dia", "band": "band", "bar": "block", "dotted": "open"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Rows of marks over one axis, drawn as an HTML table: read row by row, searched, printed, and no script in it."""

    kind: Literal["gap", "wf", "sl", "ch"]
    """How high its rows are."""
    caption: str
    scale: Scale = Scale()
    rows: tuple[Row, ...] = ()
    key: tuple[Key, ...] = ()
    empty: str = ""
    """The sentence that stands for a chart without rows."""

    def html(self) -> str:
        if not self.rows:
            return f'<div class="bc"><p class="none">{escape(self.empty)}</p></div>'
        body = "".join(row.html(self.scale) for row in self.rows)
        columns = f'<col style="width:{self._head}em"><col><col style="width:{self._end}em">'
        return (
            f'<div class="bc">{self._legend()}<table class="ct {self.kind}"><caption class="sr">{escape(self.caption)}'
            f"</caption><colgroup>{columns}</colgroup><tbody>{body}{self.scale.axis()}</tbody></table></div>"
        )

    @property
    def _head(self) -> float:
        """Width of the heads: of the longest piece that does not break, or of about half of the longest head."""
        heads = [row.head for row in self.rows]
        words = max(_wide(word) for head in heads for word in re.split(r"(?<=[_\-./:\s])", head))
        return round(min(15.0, max(5.0, words + 1.6, max(map(_wide, heads)) / 2 + 1.6)), 1)

    @property
    def _end(self) -> float:
        first = [1.08 * _wide(line) for row in self.rows for line in row.end[:1]]
        more = [0.9 * _wide(line) for row in self.rows for line in row.end[1:2]]
        widest = max([*first, *more], default=0.0)
        return round(min(11.0, max(3.4, widest + 1.2)), 1)

    def _legend(self) -> str:
        if not self.key:
            return ""
        parts = "".join(
            f'<span><i class="{_SWATCHES[key.shape]} {_TONES[key.tone]}"></i>{escape(key.text)}</span>'.replace(
                ' "', '"'
            )
            if key.shape
            else f"<span>{escape(key.text)}</span>"
            for key in self.key
        )
        return f'<div class="key" aria-hidden="true">{parts}</div>'


def _wide(text: str) -> float:
    """How wide a text is in em, at most, in any of the usual fonts."""
    return sum(_letter(char) for char in text)


def _letter(char: str) -> float:
    if char in " .,:;|!'()[]ijlt":
        return 0.4
    if char in "mwMW%@–—…" or char > "\u2e80":
        return 1.0
    return 0.75 if char.isupper() else 0.65


def wide(text: str, size: float) -> float:
    """How wide a text is at most, in the units of its size."""
    return size * _wide(text)
