from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exchange.spans.spans import otlp_span, phoenix_span, resource, rows, write
from stagegap.errors import ConfigurationError
from stagegap.exchange.foreign.protocol import Leftovers
from stagegap.exchange.spans import Opinion, Span, SpanKind, format_of, items_of
from stagegap.exchange.spans.files import import_traces
from stagegap.spec import load

SHARED = Path(__file__).parents[4] / "shared/data/foreign"
USER = {"role": "user", "content": "Tea or milk?"}
BOT = {"role": "assistant", "content": "Tea."}
SAMPLE = {
    "id": 1, "epoch": 1, "input": "Tea?", "target": "Yes", "messages": [USER, BOT], "metadata": {"topic": "tea"},
    "output": {"model": "m", "choices": [{"message": {"role": "assistant", "content": "Yes"}}]},
    "scores": {"match": {"value": "C"}, "human_view": {"value": "P"}, "detail": {"value": {"tone": "dry"}}},
    "attachments": {"abc": "Tea, at length?"},
    "events": [
        {"event": "step", "action": "begin", "type": "solver", "name": "plan", "timestamp": "2026-01-02T03:04:05Z"},
        {"event": "model", "model": "m", "timestamp": "2026-01-02T03:04:06Z",
         "input": [{"role": "user", "content": "attachment://abc"}],
         "output": {"time": 0.5, "usage": {"input_tokens": 3, "output_tokens": 1},
                    "choices": [{"message": {"role": "assistant", "content": "Yes"}}]}},
        {"event": "tool", "function": "kettle", "arguments": {"t": 1}, "result": "hot", "error": {"message": "burnt"}},
        {"event": "step", "action": "end", "type": "solver", "name": "plan"},
        {"event": "info", "data": 1},
    ],
}  # fmt: skip
LANGFUSE: dict[str, Any] = {
    "id": "t1", "timestamp": "2026-01-02T03:04:05Z", "name": "chat", "sessionId": "s", "userId": "u",
    "input": '"{\\"q\\": \\"Tea?\\"}"', "output": None, "tags": ["a"], "metadata": '{"plan": "pro"}',
    "observations": [
        {"id": "o1", "traceId": "t1", "type": "GENERATION", "name": "reply", "startTime": "2026-01-02T03:04:05Z",
         "endTime": "2026-01-02T03:04:06Z", "parentObservationId": None, "model": "m", "input": [USER], "output": BOT,
         "usageDetails": {"input": 5, "output": 2}, "totalCost": 0.01, "level": "ERROR", "statusMessage": "slow"},
    ],
    "scores": [
        {"name": "good", "value": 1, "source": "ANNOTATION", "authorUserId": "ann", "dataType": "NUMERIC"},
        {"name": "toxic", "value": 0.2, "source": "EVAL", "dataType": "NUMERIC"},
    ],
    "corrections": [{"name": "output", "value": "Milk.", "source": "ANNOTATION", "dataType": "CORRECTION"}],
}  # fmt: skip


def read(path: Path) -> tuple[list[Span], list[Opinion], Leftovers]:
    leftovers = Leftovers()
    items = [item for _, item in items_of([path], leftovers)]
    return [i for i in items if isinstance(i, Span)], [i for i in items if isinstance(i, Opinion)], leftovers


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("otlp", resource([otlp_span("t", "s", "", "n", 0)])),
        ("phoenix", phoenix_span("t", "s", None, "n", "LLM")),
        ("langfuse", LANGFUSE),
        ("langfuse", {"data": LANGFUSE["observations"]}),
        ("inspect", SAMPLE),
        ("inspect", {"version": 2, "status": "success", "eval": {}, "samples": [SAMPLE]}),
        ("messages", {"messages": [USER, BOT]}),
        ("table", {"id": 1, "question": "q", "answer": "a"}),
    ],
)
@pytest.mark.parametrize("shape", ["object", "lines", "list", "gzip"])
def test_format_is_told_by_content(tmp_path: Path, name: str, row: dict[str, Any], shape: str) -> None:
    path = tmp_path / "file.json"
    text = {"object": json.dumps(row, indent=1), "list": json.dumps([row, row])}.get(shape, f"{json.dumps(row)}\n" * 2)
    path.write_bytes(gzip.compress(text.encode()) if shape == "gzip" else text.encode())
    assert format_of(path).name == name
    assert read(path)[0]


def test_format_that_is_named_must_be_that_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", phoenix_span("t", "s", None, "n", "LLM"))
    assert format_of(path, "phoenix").name == "phoenix"
    with pytest.raises(ConfigurationError, match=r"no traces of Langfuse.*It looks like Phoenix"):
        format_of(path, "langfuse")
    with pytest.raises(ConfigurationError, match="Did you mean phoenix"):
        format_of(path, "phenix")
    with pytest.raises(ConfigurationError, match="begins with 'x'"):
        format_of(write(tmp_path / "b.json", {"x": 1}))


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3,
         "gen_ai.input.messages": json.dumps([USER]), "gen_ai.output.messages": json.dumps([BOT])},
        {"gen_ai.system": "openai", "gen_ai.request.model": "m", "gen_ai.usage.prompt_tokens": 3,
         "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Tea or milk?",
         "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "Tea."},
        {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 3,
         "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Tea or milk?",
         "llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "Tea."},
    ],
)  # fmt: skip
def test_conventions_of_today_and_before_say_the_same(tmp_path: Path, attributes: dict[str, Any]) -> None:
    [span], _, _ = read(write(tmp_path / "a.json", resource([otlp_span("t", "s", "", "n", 0, **attributes)])))
    assert (span.kind, span.model, span.tokens_in, span.inputs, span.output) == (SpanKind.LLM, "m", 3, [USER], "Tea.")


def test_messages_in_events_and_evaluations_are_read(tmp_path: Path) -> None:
    span = otlp_span("t", "s", "", "n", 0, gen_ai__request__model="m")
    event = lambda name, **own: {  # noqa: E731  # four of them just below
        "name": name, "attributes": [{"key": k.replace("__", "."), "value": {"stringValue": v}} for k, v in own.items()]
    }  # fmt: skip
    span["events"] = [
        event("gen_ai.user.message", content="Tea or milk?"),
        event("gen_ai.choice", message='{"role": "assistant", "content": "Tea."}'),
        event("gen_ai.evaluation.result", gen_ai__evaluation__name="calm", gen_ai__evaluation__score__label="yes"),
        event("exception", exception__message="no kettle"),
    ]
    span["status"] = {"code": 2}
    [read_span], [opinion], _ = read(write(tmp_path / "a.json", resource([span])))
    assert (read_span.inputs, read_span.output, read_span.error) == ([USER], "Tea.", "no kettle")
    assert (opinion.name, opinion.value, opinion.by) == ("calm", "yes", "model")


def test_phoenix_annotations_stay_those_of_their_kind_of_author(tmp_path: Path) -> None:
    row = phoenix_span("t", "s", None, "n", "LLM", output__value="Tea.") | {
        "annotations": [
            {"name": "ok", "annotator_kind": "HUMAN", "user_id": "ann", "result": {"score": 1.0}},
            {"name": "ok", "annotator_kind": "LLM", "result": {"label": "good", "explanation": "why"}},
        ]
    }
    _, opinions, _ = read(write(tmp_path / "a.json", row))
    assert [(o.author, o.by, o.value) for o in opinions] == [("ann", "person", 1.0), ("llm", "model", "good")]


def test_langfuse_trace_comes_with_scores_corrections_cost_and_error(tmp_path: Path) -> None:
    imported = import_traces([write(tmp_path / "a.json", LANGFUSE)], tmp_path, name="a")
    assert (imported.references, imported.ratings) == (1, 2)
    assert rows(tmp_path / "data/a/records.jsonl")[0] == {
        "record": "t1", "q": "Tea?", "plan": "pro", "tags": ["a"], "session": "s", "user": "u",
        "reply_input": "user: Tea or milk?",
    }  # fmt: skip
    assert [row["rater"] for row in rows(tmp_path / "data/a/ratings.jsonl")] == ["ann", "model eval"]
    [row] = rows(tmp_path / "data/a/reply.jsonl")
    assert (row["status"], row["error"], row["cost"], row["tokens_in"]) == ("error", "slow", 0.01, 5)


def test_inspect_archive_is_read_sample_by_sample(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "log.eval", "w") as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("samples/1_epoch_1.json", json.dumps(SAMPLE))
        archive.writestr("samples/1_epoch_2.json", json.dumps(SAMPLE | {"epoch": 2, "events": []}))
    spans, opinions, leftovers = read(tmp_path / "log.eval")
    model = next(span for span in spans if span.kind is SpanKind.LLM)
    assert (model.inputs, model.output) == ([{"role": "user", "content": "Tea, at length?"}], "Yes")
    assert {span.trace for span in spans} == {"1", "1/2"}
    assert [span.error for span in spans if span.name == "kettle"] == ["burnt"]
    assert [(o.name, o.value, o.by) for o in opinions][:4] == [
        ("target", "Yes", "reference"),
        ("match", 1.0, "code"),
        ("human_view", 0.5, "person"),
        ("detail.tone", "dry", "code"),
    ]
    assert [part.reason for part in leftovers.all()] == ["An event 'info' is no step."]


def test_chat_has_replies_and_tools_and_a_team_has_steps_by_role(tmp_path: Path) -> None:
    call = {"role": "assistant", "content": None, "tool_calls": [
        {"id": "c1", "function": {"name": "kettle", "arguments": '{"t": 1}'}}]}  # fmt: skip
    chat = {"id": "c", "messages": [{"role": "system", "content": "Be kind"}, USER, call,
                                    {"role": "tool", "tool_call_id": "c1", "content": '{"hot": true}'}, BOT],
            "expected": "Tea.", "topic": "tea"}  # fmt: skip
    spans, opinions, _ = read(write(tmp_path / "a.jsonl", chat))
    assert [(span.name, span.output) for span in spans[2:]] == [("kettle", {"hot": True}), ("reply", "Tea.")]
    assert (spans[0].fields, opinions[0].value) == ({"topic": "tea"}, "Tea.")
    team = {"history": [USER, {"role": "Web (thought)", "content": "hm"}, {"role": "Boss", "content": "ok"}],
            "mistake_step": "1", "mistake_reason": "wrong page"}  # fmt: skip
    named = {"history": [{"role": "user", "name": "Coder", "content": "hm"}, *team["history"][1:]], "question": "Tea?"}
    assert [span.inputs for span in read(write(tmp_path / "c.jsonl", named))[0][:1]] == [{"question": "Tea?"}]
    spans, opinions, _ = read(write(tmp_path / "b.jsonl", team))
    assert [(span.name, span.role) for span in spans[1:]] == [("step", "Web"), ("step", "Boss"), ("all_steps", "")]
    assert [(opinion.span, opinion.name, opinion.value, opinion.note) for opinion in opinions] == [
        ("all steps", "all_steps", "faulty", ""),
        ("turn 1", "first_fault", True, "wrong page"),
    ]


def test_wide_table_has_columns_per_stage(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text(
        "id,question,route_output,route_expected,route_cost,draft.output,draft.latency_ms,contexts,session_id\n"
        'a,Tea?,drinks,food,0.5,Yes,20,"[""Tea is hot""]",s\n'
        "b,Milk?,drinks,drinks,,,,,s\n"
    )
    imported = import_traces([tmp_path / "w.csv"], tmp_path, name="w")
    assert [stage.name for stage in imported.stages] == ["retrieve", "route", "draft"]
    assert rows(tmp_path / "data/w/records.jsonl")[0] == {"record": "a", "question": "Tea?", "session": "s"}
    assert rows(tmp_path / "data/w/draft.jsonl")[0]["latency_ms"] == 20
    assert rows(tmp_path / "data/w/route.jsonl")[0]["cost"] == 0.5
    assert [row["value"] for row in rows(tmp_path / "data/w/references.jsonl")] == ["food", "drinks"]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the files that other programs wrote are not here")
@pytest.mark.parametrize(
    ("name", "spans", "stages"),
    [
        ("langfuse-langgraph.json", 10, ["agent", "should_continue", "tools", "answer"]),
        ("langfuse-openai-agents.json", 6, ["Hello_world_response", "get_weather", "answer"]),
        ("phoenix-trace.json", 18, ["reply", "list_datasets"]),
        ("inspect-popularity.json", 18, ["generate"]),
        ("inspect.eval", 5, ["generate"]),
    ],
)
def test_files_that_other_programs_wrote_come_in(tmp_path: Path, name: str, spans: int, stages: list[str]) -> None:
    imported = import_traces([SHARED / name], tmp_path, name="x")
    assert imported.spans == spans
    assert [stage.name for stage in imported.stages][: len(stages)] == stages


ATTRIBUTES = {"openinference.span.kind": "LLM", "input.value": "Tea?", "output.value": "Yes"}
ASKED = [{"role": "user", "content": "Tea?"}]
BEGAN, ENDED = "2026-01-02T03:04:05Z", "2026-01-02T03:04:06Z"
REPLY = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes"}}]}


def _weave(own: str, parent: str | None) -> dict[str, Any]:
    return {"id": own, "trace_id": "t1", "parent_id": parent, "op_name": f"weave:///x/op/{own}:1", "started_at": BEGAN,
            "ended_at": ENDED, "inputs": {"messages": ASKED}, "output": REPLY, "summary": {}}  # fmt: skip


def _braintrust(own: str, parent: str | None) -> dict[str, Any]:
    times = {"start": 1_700_000_000.5, "end": 1_700_000_001.5, "prompt_tokens": 7}
    return {"span_id": own, "root_span_id": "t1", "span_parents": parent and [parent], "input": ASKED, "output": REPLY,
            "span_attributes": {"name": own, "type": "llm" if parent else "task"}, "metrics": times,
            **({} if parent else {"expected": "Yes", "scores": {"fact": 1}})}  # fmt: skip


def _opik(own: str, parent: str | None) -> dict[str, Any]:
    return {"id": own, "trace_id": "t1", "parent_span_id": parent, "name": own, "start_time": BEGAN,
            "type": "llm" if parent else "general", "end_time": ENDED,
            "input": {"messages": ASKED}, "output": {"output": "Yes"},
            "feedback_scores": [{"name": "fine", "value": 0.5, "source": "ui"}] if parent else []}  # fmt: skip


def _zipkin(own: str, parent: str | None) -> dict[str, Any]:
    more = {"parentId": parent} if parent else {}
    return {"traceId": "t1", "id": own, "name": own, "timestamp": 1_700_000_000_000_000, "duration": 1_000_000,
            "tags": ATTRIBUTES if parent else {}, **more}  # fmt: skip


def _jaeger(own: str, parent: str | None) -> dict[str, Any]:
    references = [{"refType": "CHILD_OF", "traceID": "t1", "spanID": parent}] if parent else []
    tags = [{"key": key, "type": "string", "value": value} for key, value in ATTRIBUTES.items() if parent]
    return {"traceID": "t1", "spanID": own, "operationName": own, "references": references, "tags": tags,
            "startTime": 1_700_000_000_000_000, "duration": 1_000_000, "logs": []}  # fmt: skip


def _console(own: str, parent: str | None) -> dict[str, Any]:
    return {"name": own, "context": {"trace_id": "0xt1", "span_id": own}, "kind": "SpanKind.CLIENT",
            "parent_id": parent, "start_time": BEGAN, "end_time": ENDED, "status": {"status_code": "UNSET"},
            "attributes": ATTRIBUTES if parent else {}, "events": []}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "held", "judged"),
    [
        (_weave, lambda rows: "\n".join(map(json.dumps, rows)), 0),
        (_braintrust, json.dumps, 2),
        (_opik, lambda rows: json.dumps({"content": rows, "total": 2}), 1),
        (_zipkin, json.dumps, 0),
        (_jaeger, lambda rows: json.dumps({"data": [{"traceID": "t1", "spans": rows, "processes": {}}]}), 0),
        (_console, lambda rows: "\n".join(json.dumps(row, indent=4) for row in rows), 0),
    ],
)
def test_spans_of_programs_without_a_format_of_their_own_are_one_trace(
    tmp_path: Path,
    row: Callable[[str, str | None], dict[str, Any]],
    held: Callable[[list[dict[str, Any]]], str],
    judged: int,
) -> None:
    (tmp_path / "a.json").write_text(held([row("shop", None), row("draft", "shop")]))
    imported = import_traces([tmp_path / "a.json"], tmp_path, name="x")
    assert (imported.formats, imported.spans, imported.traces, imported.unmapped) == (("spans",), 2, 1, ())
    [stage] = imported.stages
    assert (stage.type, stage.attempts, stage.seconds) == ("text", 1, 1.0)
    [output] = rows(tmp_path / f"data/x/{stage.name}.jsonl")
    assert output["value"] == "Yes"
    assert "Tea?" in (tmp_path / "data/x/records.jsonl").read_text()
    assert imported.references + imported.ratings == judged


LF_ROW = {"id": "o1", "trace_id": "t1", "type": "GENERATION", "start_time": "2024-01-02 03:04:05.000", "end_time": None,
          "parent_observation_id": None, "name": "draft", "input": "Tea?", "output": "Yes", "level": "DEFAULT",
          "usage_details": '{"input": 3}', "cost_details": '{"total": 0.5}', "provided_model_name": "big"}  # fmt: skip
LF_SCORE = {"id": "s1", "traceId": "t1", "observationId": None, "name": "fine", "value": 1, "source": "ANNOTATION",
            "dataType": "NUMERIC", "authorUserId": "ann"}  # fmt: skip
ARTEFACT = {"spans": [{"name": "draft", "context": {"span_id": "0x1", "trace_id": "0x2"}, "parent_id": None,
                       "start_time": 1, "end_time": 2, "events": [], "attributes": {
                           "mlflow.traceRequestId": '"tr-1"', "mlflow.spanType": '"LLM"',
                           "mlflow.spanInputs": '{"q": "Tea?"}', "mlflow.spanOutputs": json.dumps(REPLY)}}],
            "request": "{}", "response": "{}"}  # fmt: skip
OLD_SAMPLE = {"id": 1, "epoch": 1, "input": "Tea?", "target": "Yes", "messages": [], "score": {"value": "C"},
              "output": {"model": "m", **REPLY}, "transcript": {"events": [], "content": {}}}  # fmt: skip
FRAME = {
    "name": ["draft"], "span_kind": ["LLM"], "parent_id": [None], "start_time": [BEGAN], "context.trace_id": ["t1"],
    "context.span_id": ["s1"], "attributes.input.value": ["Tea?"], "attributes.output.value": ["Yes"],
}  # fmt: skip
FLAT = otlp_span("t1", "s1", "", "draft", 0, openinference__span__kind="LLM", input__value="Tea?", output__value="Yes")
RUN = {"id": "r1", "trace_id": "r1", "run_type": "llm", "name": "draft", "inputs": {"input": "Tea?"},
       "outputs": {"output": "Yes"}, "start_time": BEGAN, "end_time": ENDED}  # fmt: skip


@pytest.mark.parametrize(
    ("form", "content", "ratings"),
    [
        ("langfuse", [LF_ROW], 0),
        ("langfuse", {"data": [{"id": "t1", "timestamp": BEGAN, "name": "x", "output": "Yes", "observations": []}]}, 0),
        ("langfuse", [LF_ROW, LF_SCORE], 1),
        ("mlflow", ARTEFACT, 0),
        ("inspect", {"version": 1, "status": "success", "eval": {}, "samples": [OLD_SAMPLE]}, 1),
        ("phoenix", FRAME, 0),
        ("phoenix", {name: {"0": cells[0]} for name, cells in FRAME.items()}, 0),
        ("phoenix", {"columns": list(FRAME), "index": [0], "data": [[cells[0] for cells in FRAME.values()]]}, 0),
        ("phoenix", {"0": {name: cells[0] for name, cells in FRAME.items()}}, 0),
        ("otlp", FLAT, 0),
        ("otlp", {"batches": resource([FLAT])["resourceSpans"]}, 0),
        ("otlp", {"trace": resource([FLAT])}, 0),
        ("langsmith", {"runs": [RUN], "cursors": {"next": None}}, 0),
        ("promptfoo", {"results": {"version": 1, "results": [
            {"vars": {}, "prompt": {"raw": "Tea?"}, "success": True, "score": 1, "response": {"output": "Yes"}}
        ]}}, 1),
        ("table", {"test_cases": [{"input": "Tea?", "actual_output": "Yes"}]}, 0),
    ],
)  # fmt: skip
def test_other_versions_and_other_covers_of_a_format_say_the_same(
    tmp_path: Path, form: str, content: Any, ratings: int
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(content))
    imported = import_traces([tmp_path / "a.json"], tmp_path, name="x")
    assert (imported.formats, imported.traces, imported.ratings, imported.unmapped) == ((form,), 1, ratings, ())
    load(imported.cascade, environment={})
    [stage] = imported.stages
    assert rows(tmp_path / f"data/x/{stage.name}.jsonl")[0]["value"] == "Yes"


GEMINI: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Be kind"}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Where is"}, {"text": "parcel 7?"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "track", "args": {"id": 7}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "track", "response": {"at": "Bern"}}}]},
        {"role": "model", "parts": [{"text": "In Bern."}]},
    ],
}
RAGAS: dict[str, Any] = {
    "reference": "It is in Bern",
    "user_input": [
        {"type": "human", "content": "Where is\nparcel 7?"},
        {"type": "ai", "content": "", "tool_calls": [{"name": "track", "args": {"id": 7}}]},
        {"type": "tool", "content": '{"at": "Bern"}'},
        {"type": "ai", "content": "In Bern."},
    ],
}


@pytest.mark.parametrize(("value", "told"), [(GEMINI, {"system": "Be kind"}), (RAGAS, {})])
def test_conversations_of_gemini_and_ragas_are_chats(
    tmp_path: Path, value: dict[str, Any], told: dict[str, str]
) -> None:
    path = write(tmp_path / "chats.jsonl", value, value)
    spans, _, leftovers = read(path)
    whole, first, tool, last = spans[:4]
    assert leftovers.all() == ()
    assert (whole.inputs, whole.output) == ({"question": "Where is\nparcel 7?", **told}, "In Bern.")
    assert first.output == {"tool_calls": [{"function": {"name": "track", "arguments": {"id": 7}}}]}
    assert (tool.kind, tool.name, tool.inputs, tool.output) == (SpanKind.TOOL, "track", {"id": 7}, {"at": "Bern"})
    assert last.output == "In Bern."
