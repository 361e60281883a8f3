"""Traces of other programs: a registry of formats, told by what a file holds, and the items of files of any of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

from stagegap.errors import ConfigurationError, near_names
from stagegap.exchange.foreign import label_formats
from stagegap.exchange.foreign.protocol import Leftovers, Object, objects
from stagegap.exchange.rows import entries_of
from stagegap.exchange.spans.atif import ATIF
from stagegap.exchange.spans.batch import BATCH
from stagegap.exchange.spans.foreign_spans import SPANS
from stagegap.exchange.spans.inspect_log import INSPECT
from stagegap.exchange.spans.langfuse import LANGFUSE_TRACES
from stagegap.exchange.spans.langsmith import LANGSMITH
from stagegap.exchange.spans.messages import MESSAGES
from stagegap.exchange.spans.mlflow import MLFLOW_TRACES
from stagegap.exchange.spans.otlp import OTLP
from stagegap.exchange.spans.phoenix import PHOENIX
from stagegap.exchange.spans.promptfoo import PROMPTFOO
from stagegap.exchange.spans.span import Item, Opinion, Span, SpanKind, TraceFormat, Values
from stagegap.exchange.spans.table import TABLE
from stagegap.exchange.spans.values import first_of, values_of
from stagegap.plugins import TRACES, with_added

__all__ = [
    "TRACE_FORMATS",
    "Item",
    "Opinion",
    "Span",
    "SpanKind",
    "TraceFormat",
    "format_of",
    "items_of",
    "trace_formats",
]

TRACE_FORMATS: Mapping[str, TraceFormat] = {
    form.name: form
    for form in (
        OTLP, PHOENIX, LANGFUSE_TRACES, LANGSMITH, MLFLOW_TRACES, INSPECT, ATIF, PROMPTFOO, BATCH, SPANS,
        MESSAGES, TABLE,
    )
}  # fmt: skip
"""By name; a file is of the first one that its first objects leave no doubt of."""
ENOUGH = 20


def trace_formats() -> Mapping[str, TraceFormat]:
    """Every format of traces; those of other packages come first, as they know their files best."""
    return with_added(TRACES, TraceFormat, TRACE_FORMATS)


def format_of(path: Path, source: str | None = None) -> TraceFormat:
    """The format of a file: the one that is named, which the content must agree with, or the one it is seen to be.

    Raises: ConfigurationError where it is none, with what stands in the file instead; InputError.
    """
    forms = trace_formats()
    if source in label_formats() and source not in forms:
        raise ConfigurationError(
            f"{source} holds labels and no traces: `stagegap tools import {path} --from {source}` takes them in."
        )
    if source is not None and source not in forms:
        raise ConfigurationError(f"There is no format of traces {source!r}. {near_names(source, forms)}")
    leftovers = Leftovers()
    first = first_of(path, ENOUGH, leftovers)
    fitting, level = list[TraceFormat](), first
    while level and not fitting:
        fitting = [form for form in forms.values() if form.is_certain(level)] or _mostly(level)
        level = [entry for value in level for entry in _inner(value)]
    if source is None and fitting:
        return fitting[0]
    form = forms.get(source or "")
    if form and form in fitting:
        return form
    why = "".join(f" ({part.reason} {part.examples[0]})" for part in leftovers.all()[:2])
    begin = ", ".join(repr(key) for key in list(first[0])[:8]) or "an empty object" if first else ""
    keys = begin or f"no JSON object that can be read{why}"
    seen = f" It looks like {fitting[0].title}." if fitting else ""
    wanted = f"traces of {form.title}" if form else "traces of a known format"
    known = ", ".join(each.title for each in forms.values())
    raise ConfigurationError(
        f"{path} holds no {wanted}: it begins with {keys}.{seen} Known: {known}. "
        "Labels go in by `stagegap tools import`."
    )


def _mostly(first: Sequence[Object]) -> list[TraceFormat]:
    """The formats that half of the objects or more are of: a line that is something else makes no file unreadable."""
    counts = {form: sum(form.is_certain([value]) for value in first) for form in trace_formats().values()}
    return sorted((form for form, n in counts.items() if n and 2 * n >= len(first)), key=lambda form: -counts[form])


def _inner(value: Object) -> list[Object]:
    """The objects that an object only holds together, as the page of an API or a data frame does."""
    try:
        return objects(entries_of(value))
    except ValueError:
        return []


def _opened(value: Object, form: TraceFormat) -> list[Object]:
    """The value, or what it holds together where that is of the format and the value itself is not."""
    if form.is_certain([value]):
        return [value]
    inner = [entry for held in _inner(value) for entry in _opened(held, form)]
    return inner if any(form.is_certain([entry]) for entry in inner) else [value]


def items_of(paths: Sequence[Path], leftovers: Leftovers, source: str | None = None) -> Iterator[tuple[str, Item]]:
    """The name of its format and each span or opinion of the files, in their order. Raises: ConfigurationError."""
    forms = [(path, format_of(path, source)) for path in paths]
    apart = _Apart(leftovers)
    for path, form in forms:
        ahead = [form]
        for wanted in ahead:  # which grows while the file is read: a file may mix formats
            values = _values(path, wanted, ahead, leftovers, is_told=source is not None)
            items = wanted.read(values, leftovers)
            for item in apart.items(items) if wanted.is_whole else items:
                yield wanted.name, item


def _values(
    path: Path, wanted: TraceFormat, ahead: list[TraceFormat], leftovers: Leftovers, *, is_told: bool
) -> Values:
    """The objects of a file that are of one of its formats; what is of no other is of the first.

    Formats that are met are added to `ahead`. The two that take rows of any program leave room for doubt.
    """
    form = ahead[0]
    others = [] if is_told else [other for other in trace_formats().values() if other not in (form, SPANS, TABLE)]
    for place, value in values_of(path, leftovers if wanted is form else Leftovers()):
        for entry in _opened(value, form):
            is_own = form.is_certain([entry])
            owner = form if is_own else next((other for other in others if other.is_certain([entry])), form)
            if owner is wanted:
                yield place, entry
            elif owner not in ahead:
                ahead.append(owner)


class _Apart:
    """Traces that come in one piece, each under an id of its own: two files may both number theirs from 1."""

    def __init__(self, leftovers: Leftovers) -> None:
        self._leftovers = leftovers
        self._counts: dict[str, int] = {}
        self._contents: set[bytes] = set()

    def items(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items of every trace that differs from those before, renamed where another one has its id."""
        trace: list[Item] = []
        for item in items:
            if isinstance(item, Span) and not item.parent and trace:
                yield from self._trace(trace)
                trace = []
            trace.append(item)
        yield from self._trace(trace)

    def _trace(self, items: Sequence[Item]) -> Iterable[Item]:
        content = blake2b(repr(items).encode("utf-8", "replace"), digest_size=16).digest()
        if not items or content in self._contents:
            for item in items[:1]:
                reason = "A trace stands twice with the same content: it was counted once."
                self._leftovers.add(reason, f"trace {item.trace}")
            return ()
        self._contents.add(content)
        own = items[0].trace
        number = self._counts[own] = self._counts.get(own, 0) + 1
        if number == 1:
            return items
        reason = "Two traces have one id: both came in, the later one with its number behind the id."
        self._leftovers.add(reason, f"{own}~{number}")
        return [replace(item, trace=f"{own}~{number}") for item in items]
