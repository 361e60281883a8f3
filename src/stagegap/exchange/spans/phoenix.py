"""Spans of Phoenix: its API and `spans.jsonl` (nested or flat), and data frames kept as JSONL, CSV or Parquet.

Source: Arize-ai/phoenix, `GET /v1/projects/{project}/spans` and `Client().spans.get_spans_dataframe()`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.attributes import described, kind_of
from stagegap.exchange.spans.otlp import error_of, evaluations
from stagegap.exchange.spans.span import Item, Opinion, Span, TraceFormat, Values, instant, unpacked
from stagegap.model.record import Json


def _is_certain(first: Sequence[Object]) -> bool:
    return bool(first) and all(
        "span_kind" in entry and (_ids(entry)[0] != "") and ("start_time" in entry or "startTime" in entry)
        for entry in first
    )


def _ids(entry: Object) -> tuple[str, str]:
    context = inside(entry.get("context"))
    trace = text(context.get("trace_id")) or text(entry.get("context.trace_id")) or text(entry.get("trace_id"))
    span = text(context.get("span_id")) or text(entry.get("context.span_id")) or text(entry.get("span_id"))
    return trace, span


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for place, entry in values:
        trace, own = _ids(entry)
        if trace and own:
            yield from _items(entry, trace, own)
        else:
            leftovers.add("A span without trace or span id.", f"{place}: {text(entry.get('name'))!r}")


def _items(entry: Object, trace: str, own: str) -> Iterator[Item]:
    attributes = dict(inside(unpacked(entry.get("attributes"))))
    attributes |= {
        name.removeprefix("attributes."): unpacked(item)
        for name, item in entry.items()
        if name.startswith("attributes.") and item is not None
    }
    events = objects(unpacked(entry.get("events")))
    span_fields, fields = described(attributes, events)
    word = text(entry.get("span_kind"))
    if word and word.upper() != "UNKNOWN":
        span_fields["kind"] = kind_of(word)
    status = {"code": entry.get("status_code"), "message": entry.get("status_message")}
    yield Span(
        trace=trace,
        id=own,
        parent=text(entry.get("parent_id")),
        name=text(entry.get("name")) or "span",
        start=instant(entry.get("start_time")),
        end=instant(entry.get("end_time")),
        error=error_of(status, events),
        fields=fields,
        **span_fields,
    )
    yield from evaluations(trace, own, events)
    for annotation in objects(unpacked(entry.get("annotations") or entry.get("span_annotations"))):
        yield _opinion(annotation, trace, own)


def _opinion(annotation: Object, trace: str, span: str) -> Opinion:
    result = inside(annotation.get("result")) or annotation
    kind = text(annotation.get("annotator_kind")).upper()
    value: Json = result.get("score")
    return Opinion(
        trace=trace,
        span=span,
        name=text(annotation.get("name") or annotation.get("annotation_name")) or "annotation",
        value=value if value is not None else result.get("label"),
        author=text(annotation.get("user_id"))
        or text(inside(annotation.get("metadata")).get("annotator"))
        or kind.lower(),
        by=_BY.get(kind, "person"),
        note=text(result.get("explanation")),
        at=instant(annotation.get("updated_at") or annotation.get("created_at")),
    )


_BY: Mapping[str, Literal["person", "model", "code"]] = {"HUMAN": "person", "LLM": "model", "CODE": "code"}
PHOENIX = TraceFormat(name="phoenix", title="Phoenix", is_certain=_is_certain, read=_read)
