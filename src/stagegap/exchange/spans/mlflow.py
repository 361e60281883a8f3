"""Traces of MLflow 3 (and 2.14 on): `Trace.to_dict()`, its JSON, and the rows of `mlflow.search_traces()`.

Source: mlflow/mlflow, `mlflow.entities.Trace`: ids of spans are base64 of their bytes, values of attributes are JSON.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, spelled, text
from stagegap.exchange.spans.attributes import described
from stagegap.exchange.spans.otlp import error_of
from stagegap.exchange.spans.span import Item, Opinion, Span, TraceFormat, Values, instant, unpacked
from stagegap.model.record import Json

_BY: Mapping[str, Literal["person", "model", "code"]] = {"HUMAN": "person", "LLM_JUDGE": "model", "CODE": "code"}
_ROW = frozenset({"trace_id", "spans", "trace_metadata"})


def _parts(value: Object) -> tuple[Object, Json]:
    """Information and spans of a trace; nothing of what is none."""
    whole = inside(unpacked(value.get("trace"))) or value
    info = inside(whole.get("info") or whole.get("trace_info"))
    data = inside(whole.get("data") or whole.get("trace_data"))
    if ("trace_id" in info or "request_id" in info) and "spans" in data:
        return info, data["spans"]
    if value.keys() >= _ROW:
        return value, unpacked(value.get("spans"))
    spans = objects(value.get("spans"))  # the artefact of a trace, whose information stands in the tracking store
    own = text(spelled(inside(spans[0].get("attributes")).get("mlflow.traceRequestId"))) if spans else ""
    return ({"trace_id": own}, value["spans"]) if own else ({}, None)


def _is_certain(first: Sequence[Object]) -> bool:
    return 2 * sum(bool(_parts(entry)[0]) for entry in first) > len(first)


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for place, value in values:
        info, spans = _parts(value)
        if info:
            yield from _trace(info, spans)
        else:
            leftovers.add("No trace of MLflow: it has no information, or no spans.", place)


def _trace(info: Object, spans: Json) -> Iterator[Item]:
    trace = text(info.get("trace_id")) or text(info.get("request_id"))
    metadata = inside(unpacked(info.get("trace_metadata") or info.get("request_metadata")))
    tags = inside(unpacked(info.get("tags")))
    whole = {
        "session": text(metadata.get("mlflow.trace.session")),
        "user": text(metadata.get("mlflow.trace.user")),
        "fields": {key: item for key, item in tags.items() if not key.startswith("mlflow.")},
    }
    for span in objects(spans):
        yield _span(span, trace, whole)
    for assessment in objects(unpacked(info.get("assessments"))):
        yield _opinion(assessment, trace)


def _span(span: Object, trace: str, whole: Mapping[str, str | Mapping[str, Json]]) -> Span:
    attributes = {name: spelled(item) for name, item in inside(span.get("attributes")).items()}
    events = objects(span.get("events"))
    span_fields, fields = described(attributes, events)
    status = span.get("status")
    parent = hex_id(span.get("parent_span_id") or span.get("parent_id"))
    is_root = not parent
    return Span(
        trace=trace,
        id=hex_id(span.get("span_id") or inside(span.get("context")).get("span_id")),
        parent=parent,
        name=text(span.get("name")) or "span",
        start=instant(span.get("start_time_unix_nano") or span.get("start_time")),
        end=instant(span.get("end_time_unix_nano") or span.get("end_time")),
        error=error_of(status if isinstance(status, Mapping) else span, events),
        **{
            **span_fields,
            "session": span_fields["session"] or (text(whole["session"]) if is_root else ""),
            "user": span_fields["user"] or (text(whole["user"]) if is_root else ""),
            "fields": {**fields, **inside(whole["fields"])} if is_root else {},  # pyright: ignore[reportArgumentType]  # fields of a record
        },
    )


def hex_id(value: Json) -> str:
    """The hexadecimal id of what is one, or is its bytes in base64: assessments name the one, spans the other.

    >>> hex_id("bNd7Pn7aqEc="), hex_id("6cd77b3e7edaa847"), hex_id(None)
    ('6cd77b3e7edaa847', '6cd77b3e7edaa847', '')
    """
    name = text(value).removeprefix("0x")
    if name.endswith("="):
        try:
            return base64.b64decode(name, validate=True).hex()
        except binascii.Error:
            return name
    return name


def _opinion(assessment: Object, trace: str) -> Opinion:
    source = inside(assessment.get("source"))
    kind = text(source.get("source_type")).upper()
    expected = inside(assessment.get("expectation"))
    answer = expected or inside(assessment.get("feedback"))
    packed = inside(answer.get("serialized_value"))
    return Opinion(
        trace=trace,
        span=hex_id(assessment.get("span_id")),
        name=text(assessment.get("assessment_name") or assessment.get("name")) or "assessment",
        value=spelled(packed.get("value")) if packed else answer.get("value"),
        author=text(source.get("source_id")) or kind.lower(),
        by="reference" if expected else _BY.get(kind, "code"),
        note=text(assessment.get("rationale")),
        at=instant(assessment.get("last_update_time") or assessment.get("create_time")),
    )


MLFLOW_TRACES = TraceFormat(name="mlflow", title="MLflow", is_certain=_is_certain, read=_read)
