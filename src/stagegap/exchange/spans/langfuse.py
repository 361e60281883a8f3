"""Traces, observations and scores of Langfuse: its API, the export of its pages, and one trace as its page gives it.

Source: langfuse.com/docs/api, and `observations` with types SPAN, GENERATION, EVENT, AGENT, TOOL, CHAIN, RETRIEVER,
EVALUATOR, EMBEDDING and GUARDRAIL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from stagegap.exchange.foreign.protocol import Leftovers, Object, inside, objects, text
from stagegap.exchange.spans.attributes import at, kind_of
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
    unpacked,
)
from stagegap.model.record import Json

_OBSERVATION = frozenset({"traceId", "type", "startTime"})
_SCORE = frozenset({"traceId", "name", "value", "source"})
_TRACE = frozenset({"sessionId", "userId", "observations"})
_SNAKE = frozenset({"trace_id", "session_id", "start_time", "bookmarked"})
"""What rows of the export into a bucket have, whose names are written apart."""


def _camel(entry: Object) -> Object:
    """The row of an export into a bucket under the names of the API; any other object as it is."""
    if not entry.keys() & _SNAKE:
        return entry
    words = {key: key.split("_") for key in entry}
    return {"".join([first, *map(str.title, more)]): entry[key] for key, (first, *more) in words.items()}


def _is_certain(first: Sequence[Object]) -> bool:
    entries = [_camel(entry) for entry in first]
    return bool(entries) and all(_is_ours(entry) for entry in entries) and not all(map(_is_score, entries))


def _is_ours(entry: Object) -> bool:
    return _is_observation(entry) or _is_trace(inside(entry.get("trace")) or entry) or _is_score(entry)


def _is_observation(entry: Object) -> bool:
    return entry.keys() >= _OBSERVATION and text(entry["type"]).isupper()


def _is_trace(entry: Object) -> bool:
    return "id" in entry and "timestamp" in entry and bool(entry.keys() & _TRACE) and not _is_score(entry)


def _is_score(entry: Object) -> bool:
    return entry.keys() >= _SCORE and "startTime" not in entry


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    for place, value in values:
        entry = _camel(value)
        if not _is_ours(entry):
            leftovers.add("Neither a trace, an observation nor a score of Langfuse.", place)
        elif _is_observation(entry):
            yield from _observation(entry, root="")
        elif _is_score(entry):
            yield opinion(entry, text(entry["traceId"]))
        else:
            yield from _whole(entry)


def _whole(entry: Object) -> Iterator[Item]:
    """A trace with what the file holds of it; observations beside it are fuller than those inside it."""
    trace = inside(entry.get("trace")) or entry
    name = text(trace.get("id"))
    observations = objects(unpacked(entry.get("observations"))) or objects(unpacked(trace.get("observations")))
    yield Span(
        trace=name,
        id=f"trace {name}",
        name=text(trace.get("name")) or "trace",
        start=instant(trace.get("timestamp")),
        inputs=unpacked(unpacked_twice(trace.get("input"))),
        output=answer_of(unpacked(unpacked_twice(trace.get("output")))),
        session=text(trace.get("sessionId")),
        user=text(trace.get("userId")),
        fields=_fields(trace),
    )
    for observation in observations:
        yield from _observation({**observation, "traceId": name}, root=f"trace {name}")
    for score in objects(unpacked(trace.get("scores") or entry.get("scores"))):
        yield opinion(score, name)
    for correction in objects(trace.get("corrections") or entry.get("corrections")):
        yield opinion({"dataType": "CORRECTION", "source": "ANNOTATION", **correction}, name)


def unpacked_twice(value: Json) -> Json:
    """The text inside a JSON text: the page's export encodes inputs and outputs twice."""
    if isinstance(value, str) and value[:1] == '"' and value[-1:] == '"':
        inner = unpacked(f"[{value}]")
        return inner[0] if isinstance(inner, list) and inner else value
    return value


def _fields(trace: Object) -> Mapping[str, Json]:
    metadata = unpacked(trace.get("metadata"))
    own = dict(metadata) if isinstance(metadata, Mapping) else {}
    plain = {key: value for key, value in own.items() if isinstance(value, str | int | float | bool)}
    tags = trace.get("tags")
    return {**plain, **({"tags": tags} if tags else {})}


def _observation(entry: Object, *, root: str) -> Iterator[Item]:
    usage = inside(unpacked(entry.get("usageDetails"))) or inside(unpacked(entry.get("usage")))
    kind = SpanKind.CHAIN if entry.get("type") in ("SPAN", "EVENT") else kind_of(entry.get("type"))
    level, message = text(entry.get("level")), text(entry.get("statusMessage"))
    output = unpacked(unpacked_twice(entry.get("output")))
    tree: Json = {**entry, "costDetails": unpacked(entry.get("costDetails"))}
    yield Span(
        trace=text(entry.get("traceId")),
        id=text(entry.get("id")),
        parent=text(entry.get("parentObservationId")) or root,
        name=text(entry.get("name")) or text(entry.get("type")).lower(),
        kind=kind,
        start=instant(entry.get("startTime")),
        end=instant(entry.get("endTime")),
        inputs=unpacked(unpacked_twice(entry.get("input"))),
        output=response_text(output) if kind is SpanKind.LLM else output,
        error=(message or "error") if level == "ERROR" else "",
        model=text(entry.get("model") or entry.get("providedModelName")),
        tokens_in=count_of(at(dict(usage), "input") or entry.get("promptTokens") or entry.get("inputUsage")),
        tokens_out=count_of(at(dict(usage), "output") or entry.get("completionTokens") or entry.get("outputUsage")),
        cost=amount_of(at(tree, "totalCost", "calculatedTotalCost", "costDetails.total")),
        session=text(entry.get("sessionId")),
        user=text(entry.get("userId")),
        role=text(at(unpacked(entry.get("metadata")), "langgraph_node", "attributes.agent.name")),
    )
    for score in objects(entry.get("scores")):
        yield opinion(score, text(entry.get("traceId")), text(entry.get("id")))


def response_text(output: Json) -> Json:
    """What a model said, in a chat's message or in the response object of OpenAI's Responses API."""
    if isinstance(output, Mapping) and isinstance(output.get("output"), list):
        answers = [part for part in objects(output["output"]) if part.get("type") in ("message", "function_call")]
        texts = [answer_of(part) if part.get("type") == "message" else dict(part) for part in answers]
        return texts[-1] if texts else output
    return answer_of(output)


_BY: Mapping[str, Literal["person", "model", "code"]] = {"ANNOTATION": "person", "EVAL": "model", "API": "code"}


def opinion(score: Object, trace: str, span: str = "") -> Opinion:
    """A score: a person's where its source is ANNOTATION, an evaluator's (EVAL) or a program's (API) otherwise."""
    kind, source = text(score.get("dataType")).upper(), text(score.get("source")).upper()
    words = score.get("longStringValue") or score.get("stringValue")
    value = score.get("value") if kind in ("NUMERIC", "BOOLEAN") or not words else words
    is_correction = kind == "CORRECTION"
    return Opinion(
        trace=text(score.get("traceId")) or trace,
        span=text(score.get("observationId")) or span,
        name=text(score.get("name")) or "score",
        value=value if value is not None or not is_correction else score.get("output"),
        author=text(score.get("authorUserName")) or text(score.get("authorUserId")) or source.lower(),
        by="reference" if is_correction else _BY.get(source, "code"),
        note=text(score.get("comment")),
        at=instant(score.get("timestamp") or score.get("createdAt")),
    )


LANGFUSE_TRACES = TraceFormat(name="langfuse", title="Langfuse", is_certain=_is_certain, read=_read)
