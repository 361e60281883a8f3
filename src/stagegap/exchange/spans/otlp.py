"""Spans of OpenTelemetry as OTLP writes them: in JSON as one object, a list, or one object a line, and in protobuf.

Source: opentelemetry.io/docs/specs/otlp, and the collector's file exporter: JSON lines, or messages in protobuf with
four bytes of length before each.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedReader, RawIOBase
from typing import IO, Any, cast

from stagegap.errors import require
from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.attributes import described
from stagegap.exchange.spans.span import Item, Opinion, Span, TraceFormat, Values, instant, unpacked
from stagegap.model.record import Json

_LENGTH = 4
_FIELD = 0x0A
"""The first byte of a message in protobuf that begins with its field 1, `resource_spans`."""


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so holds protobuf: its field 1 or a length first, and bytes that no text has."""
    has_bytes = any(byte < 9 or 13 < byte < 32 for byte in head[:4096])
    return has_bytes and (head[:1] == b"\n" or (head[:1] == b"\0" and head[_LENGTH : _LENGTH + 1] == b"\n"))


def unpacked_messages(stream: IO[bytes], head: bytes, leftovers: Leftovers, name: str) -> Values:
    """Each `ResourceSpans` of a file in protobuf as OTLP's JSON has it; what stands before a cut is read.

    Raises: ConfigurationError without opentelemetry-proto.
    """
    require("opentelemetry.proto", "Reading OTLP in protobuf", extra="otlp")
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, TracesData

    source = BufferedReader(_Joined(head, stream))
    is_framed, number = head[:1] == b"\0", 0
    while start := source.read(_LENGTH if is_framed else 1):
        number += 1
        place = f"message {number}"
        size = int.from_bytes(start, "big") if is_framed else _varint(source)
        content = source.read(size) if size is not None and (is_framed or start[0] == _FIELD) else None
        if content is None or len(content) != size:
            leftovers.add("The file is cut, or no protobuf of OTLP: what stands before was read.", f"{name}: {place}")
            return
        try:
            parts = TracesData.FromString(content).resource_spans if is_framed else [ResourceSpans.FromString(content)]
        except DecodeError as error:
            leftovers.add("A message that is no protobuf of OTLP.", f"{name}: {place}: {error}")
            continue
        for part in parts:
            yield place, {"resourceSpans": [_hexadecimal(cast("Json", MessageToDict(part)))]}


class _Joined(RawIOBase):
    """What was read of a stream already, and then the rest of it."""

    def __init__(self, head: bytes, stream: IO[bytes]) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # Any: a buffer, which has no type before Python 3.12
        content = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(content)] = content
        return len(content)


def _varint(source: IO[bytes]) -> int | None:
    """A number as protobuf writes it, seven bits a byte; None where there is none."""
    number = 0
    for place in range(5):
        byte = source.read(1)
        if not byte:
            return None
        number |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return number
    return None


_HEXADECIMAL = re.compile("[0-9A-Fa-f]{16}|[0-9A-Fa-f]{32}")
_IDS = ("traceId", "spanId", "parentSpanId")


def _hexadecimal(value: Json) -> Json:
    """The message with ids as OTLP's JSON has them, where protobuf's own JSON has base64."""
    if isinstance(value, Mapping):
        return {
            key: b64decode(item).hex() if key in _IDS and isinstance(item, str) else _hexadecimal(item)
            for key, item in value.items()
        }
    return [_hexadecimal(item) for item in value] if isinstance(value, list) else value


_LISTS = (
    "resourceSpans", "resource_spans", "batches", "scopeSpans", "scope_spans", "instrumentationLibrarySpans",
    "instrumentation_library_spans",
)  # fmt: skip
"""Lists around spans, of OTLP as it is and was, and as Tempo's API answers."""
_START = ("startTimeUnixNano", "start_time_unix_nano")


def _is_certain(first: Sequence[Object]) -> bool:
    return any(_is_ours(value) for value in first)


def _is_ours(value: Object) -> bool:
    whole = inside(value.get("trace")) or value
    return any(name in whole for name in _LISTS) or (
        _either(value, *_START) is not None and _either(value, "traceId") is not None
    )


def _spans_in(value: Object) -> Iterator[Object]:
    """The spans inside lists of resources and scopes; a span that stands by itself is its own."""
    inner = next((value[name] for name in _LISTS if name in value), None)
    if inner is not None:
        for entry in objects(inner):
            yield from _spans_in(entry)
    elif "spans" in value:
        yield from objects(value["spans"])
    elif _either(value, *_START) is not None:
        yield value


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for place, value in values:
        if not _is_certain([value]):
            signal = next((name for name in ("resourceLogs", "resourceMetrics") if name in value), "")
            reason = f"{signal} hold no spans." if signal else "An object without resourceSpans is no OTLP."
            leftovers.add(reason, place)
            continue
        for span in _spans_in(inside(value.get("trace")) or value):
            yield from _items(span, place, leftovers)


def plain(value: Json) -> Json:
    """The value of an OTLP `AnyValue`: `{"stringValue": "a"}` is `a`."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None if isinstance(value, Mapping) else value
    [(kind, item)] = value.items()
    match kind:
        case "intValue" | "int_value":
            digits = text(item)
            return int(digits) if digits.lstrip("-").isdecimal() and len(digits) < 20 else item
        case "arrayValue" | "array_value":
            return [plain(entry) for entry in objects(inside(item).get("values"))]
        case "kvlistValue" | "kvlist_value":
            return attributes_of(inside(item).get("values"))
        case _:
            return item


def attributes_of(value: Json) -> dict[str, Json]:
    """Attributes by name of OTLP's list of keys and values, or of the object that other writers make of it."""
    value = unpacked(value)
    if isinstance(value, Mapping):
        return dict(value)
    return {text(entry.get("key")): plain(entry.get("value")) for entry in objects(value)}


def _id(value: Json) -> str:
    """An id; the specification calls hexadecimal digits case-insensitive, and other programs' ids are as they are."""
    name = text(value)
    return name.lower() if _HEXADECIMAL.fullmatch(name) else name


def _items(span: Object, place: str, leftovers: Leftovers) -> Iterator[Item]:
    trace, own = (_id(_either(span, *names)) for names in (("traceId", "trace_id"), ("spanId", "span_id")))
    if not trace or not own:
        leftovers.add("A span without trace or span id.", f"{place}: {text(span.get('name'))!r}")
        return
    attributes = attributes_of(span.get("attributes"))
    events = [
        {**event, "attributes": attributes_of(event.get("attributes"))}
        for event in objects(unpacked(span.get("events")))
    ]
    span_fields, fields = described(attributes, events)
    parent = _id(_either(span, "parentSpanId", "parent_span_id"))
    yield Span(
        trace=trace,
        id=own,
        parent="" if set(parent) <= {"0"} else parent,
        name=text(span.get("name")) or "span",
        start=instant(_either(span, "startTimeUnixNano", "start_time_unix_nano")),
        end=instant(_either(span, "endTimeUnixNano", "end_time_unix_nano")),
        error=error_of(inside(span.get("status")) or {"code": span.get("status")}, events),
        fields=fields,
        **span_fields,
    )
    yield from evaluations(trace, own, events)


def _either(span: Object, *names: str) -> Json:
    return next((span[name] for name in names if span.get(name) is not None), None)


def error_of(status: Mapping[str, Json], events: Sequence[Mapping[str, Json]]) -> str:
    """What went wrong: the status's message, or that of an exception; empty where the status is no error."""
    code = status.get("code", status.get("status_code"))
    if code not in (2, "2", "STATUS_CODE_ERROR", "ERROR", "StatusCode.ERROR"):
        return ""
    raised: list[Any] = [inside(event.get("attributes")) for event in events if event.get("name") == "exception"]
    message = next((text(own.get("exception.message")) for own in raised if own.get("exception.message")), "")
    return text(status.get("message", status.get("description"))) or message or "error"


def evaluations(trace: str, span: str, events: Sequence[Mapping[str, Json]]) -> Iterator[Opinion]:
    """Scores that GenAI's event `gen_ai.evaluation.result` holds: made by a program, never by a person."""
    for event in events:
        own = inside(event.get("attributes"))
        if event.get("name") == "gen_ai.evaluation.result" and own.get("gen_ai.evaluation.name"):
            value = own.get("gen_ai.evaluation.score.value", own.get("gen_ai.evaluation.score.label"))
            yield Opinion(
                trace=trace,
                span=span,
                name=text(own.get("gen_ai.evaluation.name")),
                value=unpacked(value),
                author=text(own.get("gen_ai.evaluation.name")),
                by="model",
                note=text(own.get("gen_ai.evaluation.explanation")),
            )


OTLP = TraceFormat(name="otlp", title="OpenTelemetry (OTLP)", is_certain=_is_certain, read=_read)
