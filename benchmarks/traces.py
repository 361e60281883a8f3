"""How long an import of traces takes, and how much memory: python benchmarks/traces.py FORMAT SHAPE [traces].

FORMAT is otlp, phoenix, langfuse or inspect, SHAPE is `lines` (one object a line) or `whole` (one JSON object, as an
API answers it). Every trace has 5 spans; CPU seconds of `import_traces` alone, and peak memory of the process.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stagegap.exchange.spans.files import import_traces

ROUTES = ("returns", "orders")
SPANS = (("mail", "CHAIN"), ("route", "LLM"), ("search", "RETRIEVER"), ("draft", "LLM"), ("book", "TOOL"))
FILLER = 'The parcel that you sent to me is not here, and I would like my "money" back. ' * 4
WRAPPED = {"phoenix": "data", "langfuse": "data", "inspect": "samples"}


def text(i: int, span: str) -> str:
    return ROUTES[i % 2] if span == "route" else f"{span} {i}: {FILLER}"


def attributes(i: int, name: str, kind: str) -> dict[str, Any]:
    own: dict[str, Any] = {
        "openinference.span.kind": kind, "input.value": f"Where is parcel {i}? {FILLER}",
        "output.value": text(i, name), "session.id": f"s{i // 2}", "llm.token_count.prompt": 50,
    }  # fmt: skip
    if kind == "RETRIEVER":
        own |= {"retrieval.documents.0.document.id": f"d{i % 97}", "retrieval.documents.0.document.content": FILLER}
    return own


def otlp(i: int) -> list[dict[str, Any]]:
    begin = 1_700_000_000_000_000_000 + i * 1_000_000_000
    return [
        {
            "traceId": f"t{i}", "spanId": f"{i}-{n}", "parentSpanId": f"{i}-0" if n else "", "name": name,
            "startTimeUnixNano": str(begin + n), "endTimeUnixNano": str(begin + n + 500_000_000), "status": {},
            "attributes": [
                {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
                for key, value in attributes(i, name, kind).items()
            ],
        }
        for n, (name, kind) in enumerate(SPANS)
    ]  # fmt: skip


def phoenix(i: int) -> list[dict[str, Any]]:
    return [
        {
            "name": name, "span_kind": kind, "parent_id": f"{i}-0" if n else None,
            "context": {"trace_id": f"t{i}", "span_id": f"{i}-{n}"}, "start_time": f"2026-01-02T03:04:0{n}+00:00",
            "end_time": f"2026-01-02T03:04:0{n + 1}+00:00", "status_code": "OK", "status_message": "", "events": [],
            "attributes": attributes(i, name, kind),
        }
        for n, (name, kind) in enumerate(SPANS)
    ]  # fmt: skip


def langfuse(i: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{i}-{n}", "traceId": f"t{i}", "type": "GENERATION" if kind == "LLM" else "SPAN", "name": name,
            "parentObservationId": f"{i}-0" if n else None, "startTime": f"2026-01-02T03:04:0{n}Z",
            "endTime": f"2026-01-02T03:04:0{n + 1}Z", "input": {"q": f"Where is parcel {i}? {FILLER}"},
            "output": text(i, name), "usageDetails": {"input": 5, "output": 2}, "level": "DEFAULT",
        }
        for n, (name, kind) in enumerate(SPANS)
    ]  # fmt: skip


def inspect(i: int) -> list[dict[str, Any]]:
    messages = [{"role": "user", "content": f"Where is parcel {i}? {FILLER}"}]
    call = {
        "event": "model", "timestamp": "2026-01-02T03:04:05Z", "completed": "2026-01-02T03:04:06Z", "model": "small",
        "input": messages, "output": {"choices": [{"message": {"role": "assistant", "content": text(i, "draft")}}]},
    }  # fmt: skip
    scores = {"match": {"value": "C" if i % 3 else "I", "answer": "yes"}}
    return [
        {
            "id": i, "epoch": 1, "input": messages[0]["content"], "target": f"It is in zone {i % 7}.",
            "messages": messages, "output": call["output"], "scores": scores, "events": [call] * 5,
        }
    ]  # fmt: skip


ENTRIES = {"otlp": otlp, "phoenix": phoenix, "langfuse": langfuse, "inspect": inspect}


def pieces(form: str, shape: str, traces: int) -> Iterator[str]:
    entries = (entry for i in range(traces) for entry in ENTRIES[form](i))
    if shape == "lines" and form == "otlp":
        return (json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": otlp(i)}]}]}) + "\n" for i in range(traces))
    if shape == "lines":
        return (json.dumps(entry) + "\n" for entry in entries)
    if form == "otlp":
        return whole('{"resourceSpans": [{"scopeSpans": [{"spans": [', entries, "]}]}]}")
    head = '{"version": 2, "status": "success", "eval": {}, ' if form == "inspect" else "{"
    return whole(f'{head}"{WRAPPED[form]}": [', entries, "]}")


def whole(head: str, entries: Iterable[object], tail: str) -> Iterator[str]:
    yield head
    for n, entry in enumerate(entries):
        yield (",\n" if n else "") + json.dumps(entry)
    yield tail


def main(form: str, shape: str, traces: int = 1_000) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "traces.json"
        with path.open("w", encoding="utf-8") as stream:
            stream.writelines(pieces(form, shape, traces))
        size, before = path.stat().st_size, time.process_time()
        imported = import_traces([path], Path(place), name="a")
        seconds = time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{form} {shape}: {imported.traces:,} traces, {imported.spans:,} spans, {size / 1e6:.0f} MB: "
        f"{seconds:.1f} s of CPU, peak {peak:.0f} MB; left over {sum(part.count for part in imported.unmapped):,}"
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
