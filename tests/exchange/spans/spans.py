"""Small traces in the formats of other programs, as their published schemas have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROUTES = ("returns", "orders")


def otlp_span(trace: str, span: str, parent: str, name: str, start: int, **attributes: Any) -> dict[str, Any]:
    """A span of OTLP JSON; `__` in the name of an attribute is a dot."""
    said = [{"key": key.replace("__", "."), "value": any_value(value)} for key, value in attributes.items()]
    begin = 1_700_000_000_000_000_000 + start * 1_000_000_000
    return {
        "traceId": trace, "spanId": span, "parentSpanId": parent, "name": name, "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + 500_000_000), "attributes": said, "status": {},
    }  # fmt: skip


def any_value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    return {"stringValue": value}


def resource(spans: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"scope": {}, "spans": spans}]}]}


def mail_trace(number: int) -> list[dict[str, Any]]:
    """A router, a retriever, a call of a model by GenAI's conventions and a tool, under one root (OpenInference)."""
    trace, route = f"t{number}", ROUTES[number % 2]
    question = f"Where is my parcel {number}?"
    document = f"Parcels of zone {number % 3} take {number % 3 + 2} days."
    answer = f"It takes {number % 3 + 2} days, number {number}."
    return [
        otlp_span(trace, "r", "", "mail", 0, openinference__span__kind="CHAIN", input__value=question,
                  output__value=answer, session__id=f"s{number // 2}", user__id="u1"),
        otlp_span(trace, "a", "r", "route", 1, openinference__span__kind="LLM", input__value=question,
                  output__value=route, llm__model_name="small-1", llm__token_count__prompt=10,
                  llm__token_count__completion=2, llm__cost__total=0.001),
        otlp_span(trace, "b", "r", "search", 2, **{
            "openinference.span.kind": "RETRIEVER", "input.value": question,
            "retrieval.documents.0.document.id": f"d{number % 3}",
            "retrieval.documents.0.document.content": document,
            "retrieval.documents.0.document.score": 0.5,
        }),
        otlp_span(trace, "c", "r", "draft", 3, **{
            "gen_ai.operation.name": "chat", "gen_ai.request.model": "big-1", "gen_ai.usage.input_tokens": 50,
            "gen_ai.usage.output_tokens": 9,
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": document}]}]),
            "gen_ai.output.messages": json.dumps(
                [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
            ),
        }),
        otlp_span(trace, "d", "r", "book", 4, **{
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "book",
            "gen_ai.tool.call.arguments": json.dumps({"route": route}),
            "gen_ai.tool.call.result": json.dumps({"ok": True, "number": number}),
        }),
    ]  # fmt: skip


def phoenix_span(trace: str, span: str, parent: str | None, name: str, kind: str, **attributes: Any) -> dict[str, Any]:
    return {
        "name": name, "span_kind": kind, "parent_id": parent, "context": {"trace_id": trace, "span_id": span},
        "start_time": "2026-01-02T03:04:05+00:00", "end_time": "2026-01-02T03:04:06+00:00", "status_code": "OK",
        "status_message": "", "events": [],
        "attributes": {key.replace("__", "."): value for key, value in attributes.items()},
    }  # fmt: skip


def write(path: Path, *rows: Mapping[str, Any], end: str = "\n") -> Path:
    path.write_text(end.join(json.dumps(row) for row in rows), "utf-8")
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
