"""Traces of other programs: a registry of formats, told by what a file holds, and the items of files of any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stagegap.errors import ConfigurationError, near_names
from stagegap.exchange.foreign import FORMATS as LABEL_FORMATS
from stagegap.exchange.foreign.protocol import Leftovers, Object
from stagegap.exchange.spans.atif import ATIF
from stagegap.exchange.spans.batch import BATCH
from stagegap.exchange.spans.inspect_log import INSPECT
from stagegap.exchange.spans.langfuse import LANGFUSE_TRACES
from stagegap.exchange.spans.langsmith import LANGSMITH
from stagegap.exchange.spans.messages import MESSAGES
from stagegap.exchange.spans.mlflow import MLFLOW_TRACES
from stagegap.exchange.spans.otlp import OTLP
from stagegap.exchange.spans.phoenix import PHOENIX
from stagegap.exchange.spans.promptfoo import PROMPTFOO
from stagegap.exchange.spans.span import Item, Opinion, Span, SpanKind, TraceFormat
from stagegap.exchange.spans.table import TABLE
from stagegap.exchange.spans.values import first_of, values_of

__all__ = ["TRACE_FORMATS", "Item", "Opinion", "Span", "SpanKind", "TraceFormat", "format_of", "items_of"]

TRACE_FORMATS: Mapping[str, TraceFormat] = {
    form.name: form
    for form in (
        OTLP, PHOENIX, LANGFUSE_TRACES, LANGSMITH, MLFLOW_TRACES, INSPECT, ATIF, PROMPTFOO, BATCH, MESSAGES, TABLE,
    )
}  # fmt: skip
"""By name; a file is of the first one that its first objects leave no doubt of."""
ENOUGH = 20


def format_of(path: Path, source: str | None = None) -> TraceFormat:
    """The format of a file: the one that is named, which the content must agree with, or the one it is seen to be.

    Raises: ConfigurationError where it is none, with what stands in the file instead; InputError.
    """
    if source in LABEL_FORMATS and source not in TRACE_FORMATS:
        raise ConfigurationError(
            f"{source} holds labels and no traces: `stagegap tools import {path} --from {source}` takes them in."
        )
    if source is not None and source not in TRACE_FORMATS:
        raise ConfigurationError(f"There is no format of traces {source!r}. {near_names(source, TRACE_FORMATS)}")
    first = first_of(path, ENOUGH)
    fitting = [form for form in TRACE_FORMATS.values() if form.is_certain(first)] or _mostly(first)
    if source is None and fitting:
        return fitting[0]
    form = TRACE_FORMATS.get(source or "")
    if form and form in fitting:
        return form
    keys = ", ".join(repr(key) for key in list(first[0])[:8]) if first else "no JSON object that can be read"
    seen = f" It looks like {fitting[0].title}." if fitting else ""
    wanted = f"traces of {form.title}" if form else "traces of a known format"
    known = ", ".join(each.title for each in TRACE_FORMATS.values())
    raise ConfigurationError(
        f"{path} holds no {wanted}: it begins with {keys}.{seen} Known: {known}. "
        "Labels go in by `stagegap tools import`."
    )


def _mostly(first: Sequence[Object]) -> list[TraceFormat]:
    """The formats that half of the objects or more are of: a line that is something else makes no file unreadable."""
    counts = {form: sum(form.is_certain([value]) for value in first) for form in TRACE_FORMATS.values()}
    return sorted((form for form, n in counts.items() if n and 2 * n >= len(first)), key=lambda form: -counts[form])


def items_of(paths: Sequence[Path], leftovers: Leftovers, source: str | None = None) -> Iterator[tuple[str, Item]]:
    """The name of its format and each span or opinion of the files, in their order. Raises: ConfigurationError."""
    forms = [(path, format_of(path, source)) for path in paths]
    for path, form in forms:
        for item in form.read(values_of(path, leftovers), leftovers):
            yield form.name, item
