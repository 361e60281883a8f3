"""Spans on disk by trace: a file may mix the spans of a million traces, and one trace at a time is enough to see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

import orjson

from stagegap.exchange.foreign.protocol import Leftovers
from stagegap.exchange.records import identity
from stagegap.exchange.spans.span import Item, Opinion, Span, SpanKind

TRACES_A_FILE = 1_000
_EMPTY = {field.name: getattr(Span(trace="", id="", name=""), field.name) for field in dataclass_fields(Span)}
"""Every field of a span with what it holds where nothing is said."""
BUFFERED = 32 * 2**20
"""Bytes that wait in memory before they go to disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All spans of a trace and what was said of it, in the order of the file."""

    id: str
    spans: Sequence[Span]
    opinions: Sequence[Opinion]


class Spool:
    """Keeps items by trace, in the order in which traces were first seen."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers: dict[str, int] = {}
        self._waiting: dict[int, bytearray] = {}  # lines apart would each keep the whole buffer of its encoder
        self._bytes = 0
        self.spans = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, item: Item, leftovers: Leftovers) -> None:
        """Keep an item; one that can't be written down as JSON, or is of no trace, is left over."""
        if not item.trace:
            leftovers.add("It does not say of which trace it is.", repr(item.name))
            return
        item = _measured(item, leftovers)
        number = self._numbers.setdefault(item.trace, len(self._numbers))
        try:
            line = orjson.dumps([isinstance(item, Span), number, item])
        except (TypeError, ValueError) as error:
            leftovers.add("It can't be written down.", f"{item.name!r} of trace {item.trace}: {error}")
            return
        self.spans += isinstance(item, Span)
        part = self._waiting.setdefault(number // TRACES_A_FILE, bytearray())
        part += line
        part += b"\n"
        self._bytes += len(line)
        if self._bytes > BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        for part, lines in self._waiting.items():
            with (self._folder / f"{part}.jsonl").open("ab") as stream:
                stream.write(lines)
        self._waiting, self._bytes = {}, 0

    def traces(self, leftovers: Leftovers | None = None) -> Iterator[Trace]:
        """Every trace, sound: ids once, parents that are there, no circles. `leftovers` hear of what was mended."""
        self.flush()
        reports = Leftovers() if leftovers is None else leftovers
        for part in range(1 + (len(self._numbers) - 1) // TRACES_A_FILE):
            yield from self._part(self._folder / f"{part}.jsonl", reports)

    def _part(self, path: Path, leftovers: Leftovers) -> Iterator[Trace]:
        items: dict[int, list[Item]] = {}
        if path.exists():
            with path.open("rb") as stream:
                for line in stream:
                    is_span, number, values = orjson.loads(line)
                    items.setdefault(number, []).append(_span(values) if is_span else Opinion(**values))
        for number in sorted(items):
            spans = [item for item in items[number] if isinstance(item, Span)]
            yield Trace(
                id=identity(items[number][0].trace),
                spans=sound(spans, leftovers),
                opinions=[item for item in items[number] if isinstance(item, Opinion)],
            )


_MEASURES = {
    "start": "A time", "end": "A time", "at": "A time", "cost": "A cost", "tokens_in": "A number of tokens",
    "tokens_out": "A number of tokens",
}  # fmt: skip


def _measured(item: Item, leftovers: Leftovers) -> Item:
    """The item without numbers that are none: NaN and what is below 0 say that something unreadable stood there."""
    wrong = [name for name in _MEASURES if (value := getattr(item, name, None)) is not None and not value >= 0]
    for name in wrong:
        reason = f"{_MEASURES[name]} can't be read: it is not known."
        leftovers.add(reason, f"{name} of {item.name!r} of trace {item.trace}")
    return replace(item, **dict.fromkeys(wrong)) if wrong else item


def _span(values: dict[str, Any]) -> Span:
    values["kind"] = SpanKind(values["kind"])
    return Span(**values)


def sound(spans: Sequence[Span], leftovers: Leftovers) -> list[Span]:
    """The spans with every id once, parents that are there, no circles, and no time that runs backwards."""
    by_id: dict[str, Span] = {}
    for place, span in enumerate(spans):
        if not span.id:
            leftovers.add("A span without an id: it was kept under its place.", _named(span))
            span = replace(span, id=f"span {place}")  # noqa: PLW2901  # the span as it goes on
        if by_id.get(span.id) == span:
            leftovers.add("A span stands twice with the same content: it was counted once.", _named(span))
            continue
        name = span.id
        if name in by_id and (joined := _joined(by_id[name], span)):
            by_id[name] = joined
            continue
        if name in by_id:
            leftovers.add(
                "Two spans of a trace have one id: both were kept, the second as a step of its own.", _named(span)
            )
            name = next(own for n in range(2, len(spans) + 2) if (own := f"{span.id}~{n}") not in by_id)
        if span.end is not None and span.start is not None and span.end < span.start:
            leftovers.add("A span ends before it begins: how long it took is not known.", _named(span))
            span = replace(span, end=None)  # noqa: PLW2901  # the span as it goes on
        by_id[name] = span if name == span.id else replace(span, id=name)
    for name, span in list(by_id.items()):
        if span.parent and span.parent not in by_id:
            leftovers.add("The parent of a span is not in the file: it was read as a root.", _named(span))
            by_id[name] = replace(span, parent="")
    for name in _in_circles(by_id):
        leftovers.add("Spans are each other's parents: the circle was opened at one of them.", _named(by_id[name]))
        by_id[name] = replace(by_id[name], parent="")
    return list(by_id.values())


def _joined(first: Span, second: Span) -> Span | None:
    """One span of two that say no two things of it, as its begin and its end, or a request and its answer."""
    own: dict[str, Any] = {}  # Any: values of the fields of Span
    for name, empty in _EMPTY.items():
        here, there = getattr(first, name), getattr(second, name)
        if here != there and empty not in (here, there):
            return None
        own[name] = there if here == empty else here
    return replace(first, **own)


def _in_circles(by_id: Mapping[str, Span]) -> list[str]:
    """One span of every circle of parents."""
    safe: set[str] = set()
    openings: list[str] = []
    for name in by_id:
        way: dict[str, None] = {}
        place = name
        while place and place not in safe and place not in way:
            way[place] = None
            place = by_id[place].parent
        if place in way:
            openings.append(place)
        safe |= way.keys()
    return openings


def _named(span: Span) -> str:
    return f"{span.name!r} ({span.id}) of trace {span.trace}"
