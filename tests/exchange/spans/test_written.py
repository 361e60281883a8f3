"""Files that the libraries themselves wrote (`written/`, with the version in the name), or after a published format."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from exchange.spans.spans import otlp_span, phoenix_span, resource, rows, write
from stagegap.errors import ConfigurationError
from stagegap.exchange.foreign.protocol import Leftovers
from stagegap.exchange.spans import Opinion, Span, SpanKind, format_of, items_of
from stagegap.exchange.spans.files import ImportedTraces, import_traces
from stagegap.exchange.spans.mlflow import hex_id
from stagegap.exchange.spans.span import criteria_of

WRITTEN = Path(__file__).parent / "written"
PROMPTFOO: dict[str, Any] = {
    "promptIdx": 0, "testIdx": 0, "success": False, "score": 0.5, "latencyMs": 250, "cost": 0.01, "failureReason": 1,
    "error": "Expected output to equal", "vars": {"question": "Tea?"}, "provider": {"id": "openai:m", "label": "m"},
    "prompt": {"raw": '[{"role": "user", "content": "Tea?"}]', "label": "short"},
    "testCase": {"vars": {"question": "Tea?"}, "metadata": {"topic": "tea"}, "assert": [
        {"type": "equals", "value": "Yes"}, {"type": "llm-rubric", "value": "kind"}]},
    "response": {"output": "No", "tokenUsage": {"prompt": 4, "completion": 1}},
    "gradingResult": {"pass": False, "score": 0.5, "reason": "", "componentResults": [
        {"pass": False, "score": 0, "reason": "no", "assertion": {"type": "equals", "value": "Yes"}},
        {"pass": True, "score": 1, "reason": "kind", "assertion": {"type": "llm-rubric", "metric": "tone"}},
        {"pass": True, "score": 1, "reason": "seen", "assertion": {"type": "human"}}, {"pass": True}]},
}  # fmt: skip
FAILED = PROMPTFOO | {"promptIdx": 1, "failureReason": 2, "error": "timeout", "response": {}, "gradingResult": None}
ASKED = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",
         "body": {"model": "m", "messages": [{"role": "user", "content": "Tea?"}]}}  # fmt: skip
ANSWERED = {"id": "b1", "custom_id": "a", "error": None, "response": {"status_code": 200, "body": {
    "model": "m-1", "choices": [{"message": {"role": "assistant", "content": "Yes"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1}}}}  # fmt: skip


def read(*paths: Path) -> tuple[list[Span], list[Opinion], dict[str, int]]:
    leftovers = Leftovers()
    items = [item for _, item in items_of(paths, leftovers)]
    return (
        [item for item in items if isinstance(item, Span)],
        [item for item in items if isinstance(item, Opinion)],
        {part.reason: part.count for part in leftovers.all()},
    )


def stages(imported: ImportedTraces) -> list[tuple[str, str, int | None]]:
    return [(stage.name, stage.type, stage.tokens) for stage in imported.stages]


def ratings(folder: Path, name: str) -> list[tuple[str, str, float]]:
    return [(row["criterion"], row["rater"], row["value"]) for row in rows(folder / f"data/{name}/ratings.jsonl")]


def test_langsmith_runs_come_in_with_the_feedback_beside_them(tmp_path: Path) -> None:
    names = ("langsmith-0.15.jsonl", "langsmith-0.15-feedback.jsonl")
    imported = import_traces([WRITTEN / name for name in names], tmp_path, name="x")
    assert imported.formats == ("langsmith",)
    assert stages(imported) == [
        ("route", "text", 16), ("search", "ranking", None), ("book", "text", None), ("answer", "text", None),
    ]  # fmt: skip
    assert imported.stages[0].cost == pytest.approx(0.002)
    assert (imported.stages[0].models, imported.stages[2].errors) == (("small-1",), 2)
    record = rows(tmp_path / "data/x/records.jsonl")[0]
    assert (record["question"], record["plan"], record["session"], record["user"]) == (
        "Where is parcel 0?", "pro", "s1", "u1",
    )  # fmt: skip
    assert [row["value"] for row in rows(tmp_path / "data/x/route.jsonl")] == ["orders", "orders"]
    assert [row["value"] for row in rows(tmp_path / "data/x/answer.jsonl")] == ["Two days.", "Two days."]
    assert ratings(tmp_path, "x")[:3] == [
        ("correct", "ann", 1.0),
        ("tone", "ann", 1.0),
        ("relevance", "model model", 0.5),
    ]
    assert not imported.unmapped


def test_langsmith_run_with_runs_inside_and_statistics(tmp_path: Path) -> None:
    message = {"type": "ai", "content": "", "tool_calls": [{"name": "look", "args": {}}]}
    child = {"id": "b", "run_type": "llm", "name": "m", "inputs": {"input": [{"type": "human", "content": "Tea?"}]},
             "outputs": {"output": message}, "status": "error"}  # fmt: skip
    openai = {"id": "c", "run_type": "llm", "name": "m", "inputs": {"messages": []}, "error": "late",
              "outputs": {"output": {"choices": [{"message": {"content": "Yes"}}]}}}  # fmt: skip
    plain = {"id": "d", "run_type": "parser", "name": "p", "inputs": {"a": 1, "b": 2}, "outputs": {}}
    root = {"id": "a", "run_type": "chain", "name": "r", "inputs": '{"question": "Tea?"}',
            "child_runs": [child, openai], "feedback_stats": {"ok": {"n": 1, "avg": 1.0}}}  # fmt: skip
    other = {"run_id": "d", "key": "k", "score": None, "value": "x", "correction": {"output": "Milk."}}
    spans, opinions, left = read(write(tmp_path / "a.jsonl", root, plain, other, {"run_id": "d"}))
    assert [(span.trace, span.id, span.parent, span.output, span.error) for span in spans] == [
        ("a", "a", "", None, ""),
        ("a", "b", "a", {"tool_calls": [{"name": "look", "args": {}}]}, "error"),
        ("a", "c", "a", "Yes", "late"),
        ("d", "d", "", None, ""),
    ]
    assert (spans[0].inputs, spans[1].inputs) == ({"question": "Tea?"}, [{"role": "user", "content": "Tea?"}])
    assert [(opinion.by, opinion.value, opinion.trace) for opinion in opinions] == [("reference", "Milk.", "d")]
    assert set(left.values()) == {1}
    assert len(left) == 2


def test_mlflow_traces_come_in_with_their_assessments(tmp_path: Path) -> None:
    imported = import_traces([WRITTEN / "mlflow-3.17.jsonl"], tmp_path, name="x")
    assert stages(imported) == [
        ("route", "text", 16), ("search", "ranking", None), ("book", "text", None), ("answer", "text", None),
    ]  # fmt: skip
    assert (imported.references, imported.stages[2].errors) == (2, 2)
    assert {row["error"] for row in rows(tmp_path / "data/x/book.jsonl")} == {"ValueError: no desk"}
    record = rows(tmp_path / "data/x/records.jsonl")[0]
    assert (record["question"], record["team"], record["session"]) == ("Where is parcel 0?", "blue", "s1")
    assert ratings(tmp_path, "x") == [
        ("helpful", "ann", 0.0), ("relevance of route", "model judge-1", 0.5),
        ("helpful", "ann", 1.0), ("relevance of route", "model judge-1", 0.5),
    ]  # fmt: skip
    assert rows(tmp_path / "data/x/search_documents.jsonl") == [
        {"id": "d1", "title": "", "text": "Parcels take 2 days."}
    ]


def test_mlflow_rows_of_a_search_say_the_same(tmp_path: Path) -> None:
    whole = rows(WRITTEN / "mlflow-3.17.jsonl")
    frame = [
        {"trace_id": each["info"]["trace_id"], "spans": json.dumps(each["data"]["spans"]),
         "trace_metadata": json.dumps(each["info"]["trace_metadata"]), "tags": json.dumps(each["info"]["tags"]),
         "assessments": json.dumps(each["info"]["assessments"])}
        for each in whole
    ]  # fmt: skip
    wrapped = write(tmp_path / "w.json", {"traces": [*whole, {"info": {}}]})
    said = read(WRITTEN / "mlflow-3.17.jsonl")
    assert read(write(tmp_path / "f.jsonl", *frame)) == said
    spans, opinions, left = read(wrapped)
    assert (spans, opinions, list(left.values())) == (*said[:2], [1])
    assert hex_id("=bad=") == "=bad="
    packed = {"assessment_name": "keys", "source": {"source_type": "HUMAN"},
              "expectation": {"serialized_value": {"value": '["a"]'}}}  # fmt: skip
    odd = {"info": {"request_id": "r", "assessments": [packed]}, "data": {"spans": [
        {"span_id": "s", "name": "", "status_code": "ERROR", "attributes": {"a": "{cut"}}]}}  # fmt: skip
    [span], [opinion], _ = read(write(tmp_path / "o.jsonl", odd))
    assert (span.name, span.error, opinion.value, opinion.author) == ("span", "error", ["a"], "human")


def test_atif_trajectory_is_replies_and_tools_of_an_agent(tmp_path: Path) -> None:
    spans, _, left = read(WRITTEN / "atif-1.8.json")
    assert [(span.kind, span.name, span.inputs, span.output, span.tokens_in) for span in spans] == [
        (SpanKind.AGENT, "mender", "Mend the test.", "Done.", None),
        (SpanKind.LLM, "reply", "Mend the test.", "I look.", 10),
        (SpanKind.TOOL, "bash", {"command": "ls"}, "a.py", None),
        (SpanKind.LLM, "reply", "a.py", "Done.", 20),
    ]
    named = {"agent_name": "mender", "agent_version": "1.0", "agent_model_name": "big-1"}
    assert (spans[0].fields, left) == (named, {})
    assert spans[1].end == pytest.approx((spans[1].start or 0) + 3)
    assert import_traces([WRITTEN / "atif-1.8.json"], tmp_path, name="x").traces == 1


def test_atif_agents_inside_agents_and_copied_steps(tmp_path: Path) -> None:
    whole = rows_of(WRITTEN / "atif-1.8.json")
    silent = {"step_id": 4, "source": "agent", "message": "", "tool_calls": [{"function_name": "look"}]}
    copied = whole["steps"][2] | {"is_copied_context": True}
    inner = whole | {"agent": {}, "steps": [silent], "session_id": "s2"}
    outer = whole | {"trajectory_id": "t", "steps": [*whole["steps"], copied], "subagent_trajectories": [inner]}
    spans, _, left = read(write(tmp_path / "a.jsonl", outer, {"x": 1}))
    assert {span.trace for span in spans} == {"t"}
    assert [(span.name, span.parent, span.output) for span in spans[4:]] == [
        ("agent", "agent", ""),
        ("reply", "agent.0", {"tool_calls": [{"function_name": "look"}]}),
        ("look", "agent.0", None),
    ]
    assert spans[0].session == "s1"
    assert set(left.values()) == {1}


def rows_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def test_promptfoo_results_are_answers_with_scores_of_their_makers(tmp_path: Path) -> None:
    whole = {"evalId": "e", "config": {}, "results": {"version": 3, "results": [PROMPTFOO, FAILED, {"x": 1}]}}
    path = write(tmp_path / "p.json", {"evalId": "e", "results": {"version": 3, "results": [PROMPTFOO, FAILED]}})
    assert format_of(path).name == format_of(write(tmp_path / "p.jsonl", PROMPTFOO, FAILED)).name == "promptfoo"
    assert read(path)[:2] == read(tmp_path / "p.jsonl")[:2]
    imported = import_traces([path], tmp_path, name="x")
    assert [(stage.name, stage.tokens, stage.errors) for stage in imported.stages] == [("answer", 5, 1)]
    assert [row["record"] for row in rows(tmp_path / "data/x/records.jsonl")] == ["0", "0/1"]
    assert rows(tmp_path / "data/x/records.jsonl")[1]["session"] == "0"
    assert [row["status"] for row in rows(tmp_path / "data/x/answer.jsonl")] == ["ok", "error"]
    assert ratings(tmp_path, "x") == [
        ("equals", "code equals", 0.0), ("tone", "model llm-rubric", 1.0), ("human", "human", 1.0),
        ("score", "code promptfoo", 1.0), ("promptfoo", "code promptfoo", 0.5),
    ]  # fmt: skip
    assert {row["value"] for row in rows(tmp_path / "data/x/references.jsonl")} == {"Yes"}
    assert read(write(tmp_path / "q.json", whole))[2] == {"No result of promptfoo.": 1}


def test_promptfoo_before_it_gave_reasons_says_which_calls_failed(tmp_path: Path) -> None:
    old = {key: value for key, value in PROMPTFOO.items() if key != "failureReason"} | {"gradingResult": None}
    path = write(tmp_path / "p.jsonl", old, old | {"testIdx": 1, "error": "boom", "score": 0, "response": None})
    import_traces([path], tmp_path, name="x")
    assert [(row["status"], row.get("error", "")) for row in rows(tmp_path / "data/x/answer.jsonl")] == [
        ("ok", ""), ("error", "boom"),
    ]  # fmt: skip
    assert ratings(tmp_path, "x") == [("promptfoo", "code promptfoo", 0.5)]


PICTURE = {"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}
CALL = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("messages", "whole"),
    [
        ([{"role": "user", "content": "Tea?"}], "user: Tea?"),
        ([{"role": "user", "content": [{"type": "text", "text": "Tea?"}, PICTURE]}],
         f"user: Tea?\n{json.dumps(PICTURE)}"),
        ([{"role": "user", "parts": [{"type": "text", "content": "żółć"}]}], "user: żółć"),
        ([{"role": "user", "parts": [{"type": "uri", "uri": "a.png"}]}], 'user: {"type": "uri", "uri": "a.png"}'),
        ([{"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "content": "a cat"}],
         f"assistant: {json.dumps([CALL])}\n\ntool: a cat"),
        ([{"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "4"}]}]}],
         'user: {"type": "tool_result", "content": [{"type": "text", "text": "4"}]}'),
        ([{"role": "user"}, {"role": "user", "content": ["a", "b"]}], "user: \n\nuser: a\nb"),
    ],
)  # fmt: skip
def test_what_went_into_a_model_is_kept_turn_by_turn_whatever_it_is_made_of(
    tmp_path: Path, messages: list[dict[str, Any]], whole: str
) -> None:
    said = {
        "id": "o", "traceId": "t", "type": "GENERATION", "name": "reply", "input": messages, "output": "Yes",
        "startTime": "2026-01-02T03:04:05+05:30",
    }  # fmt: skip
    import_traces([write(tmp_path / "t.jsonl", said)], tmp_path, name="x")
    assert rows(tmp_path / "data/x/records.jsonl")[0]["reply_input"] == whole


TURN = [{"role": "user", "parts": [{"type": "text", "content": "Tea?"}]}]
ANSWER = {"role": "assistant", "parts": [{"type": "text", "content": "Yes"}]}


@pytest.mark.parametrize(
    ("attributes", "whole", "answer"),
    [
        ({"gen_ai.input.messages": TURN, "gen_ai.system_instructions": [{"type": "text", "content": "Be kind."}],
          "gen_ai.output.messages": [{"role": "assistant", "parts": [
              {"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Yes"}]}]},
         "system: Be kind.\n\nuser: Tea?", "Yes"),
        ({"gen_ai.input.messages": TURN,
          "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "thinking", "thinking": "Hm."}]}]},
         "user: Tea?", "Hm."),
        ({"ai.prompt.messages": [{"role": "user", "content": [{"type": "text", "text": "Tea?"}]}],
          "ai.response.text": "Yes"}, "user: Tea?", "Yes"),
        ({"ai.prompt": {"prompt": "Tea?"}, "ai.response.text": "", "ai.response.object": {"tea": True}},
         "Tea?", {"tea": True}),
        ({"llm.input_messages": [{"message": {"role": "user", "content": "Tea?"}}],
          "llm.output_messages": [{"message": {"role": "assistant", "content": "Yes"}}]}, "user: Tea?", "Yes"),
        ({"pydantic_ai.all_messages": [*TURN, ANSWER], "final_result": "Yes"}, "user: Tea?", "Yes"),
        ({"pydantic_ai.all_messages": [*TURN, ANSWER]}, "user: Tea?", "Yes"),
        ({"all_messages_events": [{"event.name": "gen_ai.user.message", "role": "user", "content": "Tea?"},
          {"event.name": "gen_ai.choice", "message": {"role": "assistant", "content": "Yes"}}]}, "user: Tea?", "Yes"),
    ],
)  # fmt: skip
def test_conventions_of_today_lose_neither_instructions_nor_answers(
    tmp_path: Path, attributes: dict[str, Any], whole: str, answer: object
) -> None:
    written = {name: value if isinstance(value, str) else json.dumps(value) for name, value in attributes.items()}
    span = otlp_span("a", "1", "", "chat", 0, **{"gen_ai.request.model": "m", **written})
    [read_span], _, _ = read(write(tmp_path / "t.jsonl", resource([span])))
    assert (read_span.kind, read_span.output) == (SpanKind.LLM, answer)
    import_traces([tmp_path / "t.jsonl"], tmp_path, name="x")
    assert whole in rows(tmp_path / "data/x/records.jsonl")[0].values()


@pytest.mark.parametrize("whole", [True, False])
def test_documents_that_a_text_spells_are_documents(tmp_path: Path, whole: bool) -> None:
    documents = [{"document.id": "d1", "document.content": "Tea", "document.score": 0.5}, {"id": "d2", "text": "Milk"}]
    written: Any = json.dumps(documents) if whole else [json.dumps(document) for document in documents]
    named = {"openinference.span.kind": "RETRIEVER", "input.value": "Tea?", "retrieval.documents": written}
    [span], _, _ = read(write(tmp_path / "t.jsonl", resource([otlp_span("a", "1", "", "search", 0, **named)])))
    assert [document["id"] for document in span.documents] == ["d1", "d2"]


def test_batch_answers_meet_their_requests_and_errors_stay_errors(tmp_path: Path) -> None:
    refused = {
        "custom_id": "b",
        "error": None,
        "response": {"status_code": 400, "body": {"error": {"message": "long"}}},
    }
    expired = {"custom_id": "c", "error": {"code": "batch_expired"}, "response": None}
    silent = {"custom_id": "d", "error": None, "response": {"status_code": 500, "body": {}}}
    responses = {"custom_id": "e", "error": None, "response": {"status_code": 200, "body": {
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Milk"}]}]}}}  # fmt: skip
    completed = {
        "custom_id": "f",
        "error": None,
        "response": {"status_code": 200, "body": {"choices": [{"text": "So"}]}},
    }
    vectors = {"custom_id": "g", "error": None, "response": {"body": {"data": [{"embedding": [0.1]}]}}}
    answers = write(tmp_path / "out.jsonl", ANSWERED, refused, expired, silent, responses, completed, vectors)
    spans, _, _ = read(answers)
    assert [(span.trace, span.output, span.error) for span in spans] == [
        ("a", "Yes", ""), ("b", None, "long"), ("c", None, "batch_expired"), ("d", None, "status 500"),
        ("e", "Milk", ""), ("f", "So", ""), ("g", None, ""),
    ]  # fmt: skip
    imported = import_traces([write(tmp_path / "in.jsonl", ASKED), answers], tmp_path, name="x")
    assert (imported.formats, imported.traces) == (("openai-batch",), 7)
    assert rows(tmp_path / "data/x/records.jsonl")[0]["input"] == "user: Tea?"
    assert rows(tmp_path / "data/x/reply.jsonl")[0]["model"] == "m-1"
    assert {part.count for part in imported.unmapped} == {1}
    assert len(read(write(tmp_path / "odd.jsonl", *[ASKED] * 20, {"x": 1}))[2]) == 1


@pytest.mark.parametrize("is_framed", [False, True])
def test_otlp_in_protobuf_says_what_its_json_says(tmp_path: Path, is_framed: bool) -> None:
    content = (WRITTEN / "otlp-1.45.pb").read_bytes()
    path = tmp_path / "spans.bin"
    path.write_bytes(struct.pack(">I", len(content)) + content if is_framed else content)
    assert format_of(path).name == "otlp"
    spans, _, left = read(path)
    assert (len(spans), left) == (6, {})
    assert {len(span.trace) for span in spans} == {32}
    route = next(span for span in spans if span.name == "route")
    assert (route.kind, route.tokens_in, route.output, len(route.parent)) == (SpanKind.LLM, 3, "returns", 16)
    path.write_bytes(path.read_bytes() + (struct.pack(">I", 5) if is_framed else b"\n\x05") + b"\xff\xff\xff\xff\xff")
    assert list(read(path)[2]) == ["A message that is no protobuf of OTLP."]
    path.write_bytes(path.read_bytes()[:-9] + b"\n" + b"\xff" * 9)
    assert len(read(path)[2]) >= 1


@pytest.mark.parametrize("end", [b"\n\xff", b"\n\xff\xff\xff\xff\xff\xff", b"\x12\x01a"])
def test_cut_protobuf_gives_what_stands_before_the_cut(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "a").write_bytes((WRITTEN / "otlp-1.45.pb").read_bytes() + end)
    spans, _, left = read(tmp_path / "a")
    assert len(spans) == 6
    assert left == {"The file is cut, or no protobuf of OTLP: what stands before was read.": 1}


def test_protobuf_without_its_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"stagegap\[otlp\]"):
        read(WRITTEN / "otlp-1.45.pb")


def annotated(trace: str, *said: tuple[str, Any, str]) -> dict[str, Any]:
    return phoenix_span(trace, "s", None, "route", "LLM", output__value=("tea", "milk")[int(trace) % 2]) | {
        "annotations": [
            {"name": name, "annotator_kind": kind, "user_id": "ann", "result": {"label": value}, "updated_at": n + 1}
            for n, (name, value, kind) in enumerate(said)
        ]
    }


def test_scores_in_words_become_ratings_of_their_author(tmp_path: Path) -> None:
    human, model = "HUMAN", "LLM"
    source = write(
        tmp_path / "a.jsonl",
        annotated("1", ("ok", "Pass", human), ("ok", "fail", human), ("tone", "dry", model), ("why", "x\ny", human)),
        annotated("2", ("ok", "fail", human), ("tone", "warm", model), ("route", "wine", human)),
        *(annotated(str(n)) for n in range(3, 9)),
        annotated("9", ("route", "tea", human), ("helpful", "tea", human)),
    )
    imported = import_traces([source], tmp_path, name="x")
    assert ratings(tmp_path, "x") == [
        ("ok", "ann", 0.0), ("tone: dry", "model ann", 1.0), ("tone: warm", "model ann", 0.0),
        ("ok", "ann", 0.0), ("tone: dry", "model ann", 0.0), ("tone: warm", "model ann", 1.0),
        ("route: tea", "ann", 0.0), ("route: wine", "ann", 1.0), ("helpful: tea", "ann", 1.0),
    ]  # fmt: skip
    assert [(row["annotator"], row["value"]) for row in rows(tmp_path / "data/x/references.jsonl")] == [("ann", "tea")]
    assert {part.reason: part.count for part in imported.unmapped} == {
        "An author scored the same thing twice: the later score counts.": 1,
        "A score is no number, and none of a few words.": 1,
    }
    later = write(tmp_path / "b.jsonl", annotated("10", ("ok", "maybe", human), ("tone", "odd", model)))
    again = import_traces([later], tmp_path, name="x")
    assert (again.ratings, [part.count for part in again.unmapped]) == (0, [2])


def test_words_are_opposites_only_where_all_words_of_a_score_are() -> None:
    verdict = Opinion(trace="t", name="v", value="good")
    assert criteria_of(verdict, ["good"]) == {"v": 1.0}
    assert criteria_of(verdict, ["good", "fair"]) == {"v: good": 1.0, "v: fair": 0.0}
    assert criteria_of(Opinion(trace="t", name="v", value="Thumbs-Down"), ["Thumbs-Down"]) == {"v": 0.0}
    assert criteria_of(Opinion(trace="t", name="v", value="0.5"), []) == {"v": 0.5}
    assert criteria_of(Opinion(trace="t", name="v", value=None), []) == {}


def test_batches_of_anthropic_come_in_with_their_requests_and_faults(tmp_path: Path) -> None:
    asked = [
        {"custom_id": n, "params": {"model": "m", "messages": [{"role": "user", "content": f"q{n}"}]}} for n in "ab"
    ]
    message = {"model": "m-1", "role": "assistant", "usage": {"input_tokens": 3, "output_tokens": 1},
               "content": [{"type": "text", "text": "Yes"}]}  # fmt: skip
    fault = {"type": "error", "error": {"type": "invalid_request_error", "message": "too long"}}
    answered = [
        {"custom_id": "a", "result": {"type": "succeeded", "message": message}},
        {"custom_id": "b", "result": {"type": "errored", "error": fault}},
        {"custom_id": "c", "result": {"type": "expired"}},
    ]
    paths = [write(tmp_path / "asked.jsonl", *asked), write(tmp_path / "answered.jsonl", *answered)]
    imported = import_traces(paths, tmp_path, name="x")
    assert (imported.traces, imported.unmapped) == (3, ())
    first, *failed = rows(tmp_path / "data/x/reply.jsonl")
    assert (first["value"], first["tokens_in"], first["model"]) == ("Yes", 3, "m-1")
    assert [row["error"] for row in failed] == ["too long", "expired"]
    assert rows(tmp_path / "data/x/records.jsonl")[0]["reply_input"] == "user: qa"
