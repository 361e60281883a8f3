"""Spans of programs that have no format of their own here: rows that name their trace, themselves and their parent.

Tried on the shapes of Weave, Braintrust, Opik, Zipkin, Jaeger and the console exporter of OpenTelemetry's SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.attributes import at, described, documents_of, kind_of
from stagegap.exchange.spans.otlp import attributes_of, error_of, evaluations
from stagegap.exchange.spans.span import (
    Item,
    Opinion,
    Span,
    SpanKind,
    TraceFormat,
    Values,
    amount_of,
    answer_of,
    count_of,
    instant,
    number_of,
    single,
    unpacked,
)
from stagegap.exchange.spans.table import REFERENCE_NAMES
from stagegap.model.record import Json

_TRACES = ("trace_id", "traceId", "traceID", "root_span_id", "context.trace_id", "context.traceId")
_IDS = ("span_id", "spanId", "spanID", "context.span_id", "context.spanId", "id", "uuid")
_PARENTS = (
    "parent_span_id", "parentSpanId", "parentSpanID", "parent_id", "parentId", "parentID", "span_parents", "references",
    "parent",
)  # fmt: skip
_NAMES = ("name", "operationName", "operation_name", "op_name", "display_name", "span_attributes.name", "span_name")
_KINDS = ("type", "span_type", "spanType", "span_kind", "spanKind", "run_type", "span_attributes.type", "kind")
_STARTS = (
    "start_time", "startTime", "started_at", "startedAt", "start_timestamp", "start", "metrics.start", "timestamp",
    "created_at", "createdAt", "created",
)  # fmt: skip
_ENDS = ("end_time", "endTime", "ended_at", "endedAt", "end_timestamp", "end", "metrics.end", "completed_at")
_TOKENS = ("usage", "metrics", "token_usage", "tokens")
_SAYS = ("output", "outputs", "answer", "result", "response")
_MICROSECONDS = 1e14
"""A time beyond it counts microseconds, and so does the duration beside it."""


def _is_certain(first: Sequence[Object]) -> bool:
    return (
        bool(first)
        and all(at(_plain(row), *_TRACES) and at(_plain(row), *_IDS) and at(_plain(row), *_STARTS) for row in first)
        and any(name in row for row in first for name in _PARENTS)
    )


def _plain(row: Object) -> Json:
    return row if isinstance(row, dict) else dict(row)


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for place, value in values:
        if _is_certain([{"parent": None, **value}]):
            yield from _items(_plain(value))
        else:
            leftovers.add("No span: it does not say its trace, its own id and when it began.", place)


def _items(row: Json) -> Iterator[Item]:
    trace, own, parent = text(at(row, *_TRACES)), text(at(row, *_IDS)), _parent(row)
    given = at(row, "attributes", "tags")
    listed = objects(given)
    attributes = attributes_of(given) if listed else inside(unpacked(given))
    if listed and "value" in listed[0] and not isinstance(listed[0]["value"], Mapping):
        attributes = {text(tag.get("key")): tag.get("value") for tag in listed}
    events = objects(at(row, "events"))
    fields, metadata = described(attributes, events)
    start = instant(at(row, *_STARTS))
    kind = kind_of(text(at(row, *_KINDS)))
    kind = fields["kind"] if kind is SpanKind.CHAIN else kind
    output = unpacked(at(row, *_SAYS))
    fields |= {
        "kind": kind,
        "inputs": fields["inputs"] if (inputs := unpacked(at(row, "input", "inputs"))) is None else inputs,
        "output": fields["output"] if output is None else answer_of(single(output, _SAYS)),
        "documents": fields["documents"] or (documents_of(output) if kind is SpanKind.RETRIEVER else ()),
        "model": fields["model"] or text(at(row, "model", "metadata.model")),
        "tokens_in": _first(fields["tokens_in"], _tokens(row, ("input_tokens", "prompt_tokens", "prompt"))),
        "tokens_out": _first(fields["tokens_out"], _tokens(row, ("output_tokens", "completion_tokens", "completion"))),
        "cost": _first(fields["cost"], amount_of(at(row, "cost", "total_cost", "total_estimated_cost"))),
        "session": fields["session"] or text(at(row, "session_id", "thread_id", "conversation_id")),
        "user": fields["user"] or text(at(row, "user_id")),
    }
    more = unpacked(at(row, "metadata"))
    yield Span(
        trace=trace, id=own, parent=parent, name=text(at(row, *_NAMES)).removeprefix("weave:///") or "span",
        start=start, end=_end(row, start), error=_error(row, events),
        fields={} if parent else {**metadata, **inside(more)}, **fields,
    )  # fmt: skip
    yield from evaluations(trace, own, events)
    yield from _opinions(row, trace, own)


def _first(value: Json, other: Json) -> Json:
    return other if value is None else value


def _parent(row: Json) -> str:
    """The id of the parent; of a list of ids or references the first."""
    parent = at(row, *_PARENTS)
    entry = parent[0] if isinstance(parent, list) and parent else parent
    return text(at(entry, *_IDS) if isinstance(entry, Mapping) else entry)


def _end(row: Json, start: float | None) -> float | None:
    end = instant(at(row, *_ENDS))
    took, began = amount_of(at(row, "duration")), number_of(at(row, *_STARTS))
    if end is not None or start is None:
        return end
    if took is not None and began is not None and began > _MICROSECONDS:
        return start + took / 1e6
    ms = amount_of(at(row, "duration_ms", "latency_ms"))
    return None if ms is None else start + ms / 1000


def _tokens(row: Json, names: Sequence[str]) -> int | None:
    return count_of(at(row, *(f"{place}.{name}" for place in _TOKENS for name in names), *names[:2]))


def _error(row: Json, events: Sequence[Mapping[str, Json]]) -> str:
    error = at(row, "error", "exception", "error_info")
    if isinstance(error, Mapping):
        return text(at(dict(error), "message", "error.message", "exception_message", "type")) or "error"
    status = at(row, "status")
    code = {"code": at(row, "status_code"), "message": at(row, "status_message")}
    return text(error) or error_of(status if isinstance(status, Mapping) else code, events)


_BY: Mapping[str, Literal["person", "model", "code"]] = {"ui": "person", "human": "person", "online_scoring": "model"}


def _opinions(row: Json, trace: str, span: str) -> Iterator[Opinion]:
    """Scores by name or as a list, and what is said to be right."""
    scores = at(row, "scores", "feedback_scores")
    named = [{"name": name, "value": value} for name, value in inside(scores).items()] or objects(scores)
    for score in named:
        source = text(score.get("source"))
        yield Opinion(
            trace=trace, span=span, name=text(score.get("name")) or "score", value=score.get("value"),
            author=text(score.get("created_by")) or source or "score", by=_BY.get(source.lower(), "code"),
            note=text(score.get("reason")),
        )  # fmt: skip
    right = at(row, *REFERENCE_NAMES)
    if right is not None:
        yield Opinion(trace=trace, span=span, name="reference", value=right, author="reference", by="reference")


SPANS = TraceFormat(name="spans", title="spans of any program", is_certain=_is_certain, read=_read)
