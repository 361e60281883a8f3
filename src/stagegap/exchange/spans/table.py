"""Wide tables: one row a record, with columns of what went in, what each stage answered and what is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stagegap.exchange.foreign.protocol import Leftovers, Object, text
from stagegap.exchange.spans.attributes import documents_of
from stagegap.exchange.spans.span import (
    Item,
    Opinion,
    Span,
    SpanKind,
    TraceFormat,
    Values,
    amount_of,
    count_of,
    unpacked,
)
from stagegap.model.record import Json

ID_NAMES = ("id", "record", "record_id", "example_id", "row_id", "uuid", "trace_id")
OUTPUT_NAMES = (
    "output", "answer", "response", "prediction", "predicted", "completion", "generated_text", "actual_output",
    "model_output", "system", "generation",
)  # fmt: skip
REFERENCE_NAMES = (
    "expected", "expected_output", "reference", "ground_truth", "target", "gold", "ideal", "correct_answer",
    "reference_answer", "expected_answer", "reference_output",
)  # fmt: skip
DOCUMENT_NAMES = ("contexts", "retrieved_contexts", "retrieval_context", "documents", "retrieved_documents")
SESSION_NAMES = ("session", "session_id", "conversation_id", "thread_id", "cluster")
USER_NAMES = ("user_id", "user", "customer_id", "customer")
_OF_A_STAGE = {
    "output": r"output|prediction|pred|predicted|answer|response|result",
    "reference": r"expected|reference|gold|label|truth|target",
    "latency_ms": r"latency_ms",
    "seconds": r"latency_s|latency|seconds|duration|duration_s",
    "tokens_in": r"tokens_in|prompt_tokens|input_tokens",
    "tokens_out": r"tokens_out|completion_tokens|output_tokens",
    "cost": r"cost|cost_usd",
    "model": r"model",
    "error": r"error",
}
_SUFFIXES = {
    role: re.compile(rf"^(?P<stage>.+?)(?:\.|__|_|/|:| )(?:{words})$", re.I) for role, words in _OF_A_STAGE.items()
}
_PREFIXES = {
    role: re.compile(rf"^(?:{_OF_A_STAGE[role]})(?:\.|__|_|/|:| )(?P<stage>.+)$", re.I)
    for role in ("output", "reference")
}


class Column(NamedTuple):
    """What a column of a wide table means."""

    role: str
    """`output`, `reference`, `documents`, `field`, or what is known of a stage's call."""
    stage: str = ""


def named(columns: Sequence[str]) -> dict[str, Column]:
    """What each column means, by its name.

    >>> named(["id", "subject", "route_output", "route_expected", "draft.output", "draft.cost"])["draft.cost"]
    Column(role='cost', stage='draft')
    """
    plain = {_plain(column): column for column in columns}
    meant: dict[str, Column] = {}
    for role, names in (
        ("reference", REFERENCE_NAMES),
        ("documents", DOCUMENT_NAMES),
        ("session", SESSION_NAMES),
        ("user", USER_NAMES),
    ):
        meant |= {plain[name]: Column(role) for name in names if name in plain}
    if own_id := next((plain[name] for name in ID_NAMES if name in plain), None):
        meant[own_id] = Column("id")
    if whole := next((plain[name] for name in OUTPUT_NAMES if name in plain), None):
        meant[whole] = Column("output", "answer")
    rest = [column for column in columns if column not in meant]
    stages = {
        own.group("stage")
        for column in rest
        for pattern in (_SUFFIXES["output"], _PREFIXES["output"])
        if (own := pattern.match(column))
    }
    for column in rest:
        parts = [
            Column(role, own.group("stage"))
            for patterns in (_SUFFIXES, _PREFIXES)
            for role, pattern in patterns.items()
            if (own := pattern.match(column)) and own.group("stage") in stages
        ]
        bare = Column(_plain(column), "answer") if whole and _plain(column) in _OF_A_STAGE else Column("field")
        meant[column] = parts[0] if parts else bare
    return meant


def _plain(column: str) -> str:
    return column.strip().lower().replace(" ", "_").replace("-", "_")


def _is_certain(first: Sequence[Object]) -> bool:
    return bool(first) and any(column.role == "output" for column in named(list(first[0])).values())


def _read(values: Values, leftovers: Leftovers) -> Iterator[Item]:
    del leftovers  # every column of a row is a field at least
    known: dict[tuple[str, ...], dict[str, Column]] = {}
    for number, (_, row) in enumerate(values, start=1):
        names = tuple(row)
        meant = known.get(names) or known.setdefault(names, named(names))
        yield from _row(row, meant, number)


def _row(row: Object, meant: Mapping[str, Column], number: int) -> Iterator[Item]:
    cells: dict[str, dict[str, Json]] = {}
    for column, value in row.items():
        role, stage = meant[column]
        cells.setdefault(stage if stage else f"\0{role}", {})[role if stage else column] = value
    trace = text(_only(cells, "id")) or str(number)
    fields = {name: value for name, value in cells.get("\0field", {}).items() if value not in (None, "")}
    session, user = text(_only(cells, "session")), text(_only(cells, "user"))
    yield Span(trace=trace, id="row", name="row", inputs=fields, session=session, user=user)
    if documents := documents_of(unpacked(_only(cells, "documents"))):
        yield Span(
            trace=trace, id="documents", parent="row", name="retrieve", kind=SpanKind.RETRIEVER, documents=documents
        )
    for stage, own in cells.items():
        if not stage.startswith("\0"):
            yield from _stage(trace, stage, own)
    for name, value in cells.get("\0reference", {}).items():
        if value not in (None, ""):
            yield Opinion(trace=trace, name=name, value=unpacked(value), author="reference", by="reference")


def _only(cells: Mapping[str, Mapping[str, Json]], role: str) -> Json:
    """The first value of a role that no stage has."""
    return next(iter(cells.get(f"\0{role}", {}).values()), None)


def _stage(trace: str, stage: str, own: Mapping[str, Json]) -> Iterator[Item]:
    model, ms = text(own.get("model")), amount_of(own.get("latency_ms"))
    took = ms / 1000 if ms is not None else amount_of(own.get("seconds"))
    times: dict[str, Any] = {} if took is None else {"start": 0.0, "end": took}  # Any: two fields of Span
    yield Span(
        trace=trace,
        id=stage,
        parent="row",
        name=stage,
        kind=SpanKind.LLM if model or own.get("tokens_in") else SpanKind.CHAIN,
        output=unpacked(own.get("output") if own.get("output") != "" else None),
        error=text(own.get("error")),
        model=model,
        tokens_in=count_of(own.get("tokens_in")),
        tokens_out=count_of(own.get("tokens_out")),
        cost=amount_of(own.get("cost")),
        **times,
    )
    if own.get("reference") not in (None, ""):
        yield Opinion(
            trace=trace,
            span=stage,
            name="reference",
            value=unpacked(own["reference"]),
            author="reference",
            by="reference",
        )


TABLE = TraceFormat(name="table", title="wide table", is_certain=_is_certain, read=_read, is_whole=True)
