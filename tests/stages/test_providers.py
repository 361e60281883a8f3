"""Providers as they are: what each really answers, replayed over HTTP, and that one record's fault is that record's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_server import LlmServer
from provider_behaviour import Behaviour, error, events, piece, said
from providers import TABLE, table
from stagegap.errors import RunStopped
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages import Reply
from stagegap.stages.llm import LlmStage
from stagegap.stages.pace import MOST_DOUBTFUL
from stages.asking import KEY, LABEL, SECRET, TEXT, Model

ROOT = Path(__file__).parents[2]
UNNAMED = {"when": "~bad", "status": 400, "body": error("something about this request")}


@pytest.fixture
def model(tmp_path: Path, server: LlmServer, make_stage: Callable[..., Stage]) -> Model:
    return Model(tmp_path, server, make_stage)


def one_after_another(stage: LlmStage, *texts: str) -> list[Reply]:
    async def ask() -> list[Reply]:
        try:
            return [await stage.answer({"text": text}) for text in texts]
        finally:
            await stage.close()

    return asyncio.run(ask())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_what_a_provider_does_to_one_record_is_named_and_no_other_record_notices(model: Model, row: Behaviour) -> None:
    model.server.answers(reply="orders", rules=[row.rule])
    before, reply, after = one_after_another(model.stage(LABEL, **row.settings), "good", "bad", "good again")
    assert (reply.status, reply.error) == (Status(row.ends), row.says)
    assert (reply.value, reply.raw) == (row.value, row.raw)
    assert (before.value, after.value) == ("orders", "orders")


def test_the_docs_hold_the_same_table() -> None:
    # `python tests/providers.py` prints it.
    assert table() in (ROOT / "docs" / "providers.md").read_text("utf-8")


def test_an_unnamed_refusal_of_some_records_ends_no_run(model: Model) -> None:
    model.server.answers(rules=[UNNAMED])
    texts = [f"{'bad' if number % 3 else 'good'} {number}" for number in range(60)]
    replies = one_after_another(model.stage(), *texts)
    refused = [reply for reply in replies if reply.status is Status.REFUSED]
    assert len(refused) == 40
    assert {reply.error for reply in refused} == {"the provider refused: HTTP 400: something about this request"}
    # They are asked again by the next run: it may have been meant for everybody.
    assert not any(reply.is_reusable for reply in refused)
    assert sum(reply.value is not None for reply in replies) == 20


def test_a_service_that_refuses_the_first_calls_without_a_name_for_it_ends_the_run(model: Model) -> None:
    model.server.answers(rules=[{**UNNAMED, "when": "all"}])
    sentence = rf"/v1 refused all of the first {MOST_DOUBTFUL} calls\. the provider refused: HTTP 400: something"
    with pytest.raises(RunStopped, match=sentence):
        one_after_another(model.stage(), *map(str, range(60)))
    assert model.server.counters()["calls"] == MOST_DOUBTFUL


def test_after_many_refusals_in_a_row_a_call_that_was_accepted_is_made_again(model: Model) -> None:
    model.server.answers(rules=[UNNAMED])
    stage = model.stage(price={"input": 1.0, "output": 1.0})
    replies = one_after_another(stage, "good", *(f"bad {number}" for number in range(MOST_DOUBTFUL)))
    assert [reply.status for reply in replies[1:]] == [Status.REFUSED] * MOST_DOUBTFUL
    assert model.server.counters()["asked"]["good"] == 2
    # What finding out took is counted, with the record that it was made for.
    assert [reply.tokens_in for reply in replies[-2:]] == [None, 10]


def test_a_service_that_refuses_what_it_accepted_before_ends_the_run(model: Model) -> None:
    stage = model.stage()
    one_after_another(stage, "good")
    model.server.answers(rules=[{**UNNAMED, "when": "all"}])
    with pytest.raises(RunStopped, match=r"refuses what it accepted before\."):
        one_after_another(stage, *map(str, range(60)))


@pytest.mark.parametrize(
    "rule",
    [
        {"when": "~good", "status": 503, "body": error("busy")},
        {"when": "~good", "status": 500, "body": error("out of order")},
    ],
)
def test_what_can_not_be_found_out_ends_no_run(model: Model, rule: dict[str, Any]) -> None:
    stage = model.stage()
    one_after_another(stage, "good")
    model.server.answers(rules=[rule, UNNAMED])
    replies = one_after_another(stage, *(f"bad {number}" for number in range(MOST_DOUBTFUL + 1)))
    assert {reply.status for reply in replies} == {Status.REFUSED}


def test_an_answer_that_takes_too_long_finds_nothing_out(model: Model) -> None:
    stage = model.stage(timeout_s=1.5)
    one_after_another(stage, "good")
    model.server.answers(rules=[UNNAMED], always="hang")
    replies = one_after_another(stage, *(f"bad {number}" for number in range(MOST_DOUBTFUL)))
    assert {reply.status for reply in replies} == {Status.REFUSED}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("API key not valid. Please pass a valid API key.", details=[{"reason": "API_KEY_INVALID"}])),
        (404, {"detail": "Not Found"}),
        (404, error("The model `gpt-9` does not exist", code="model_not_found")),
        (402, error("Insufficient Balance")),
        (403, {"type": "error", "error": {"type": "permission_error", "message": "no leave to use this model"}}),
        (429, error("You exceeded your current quota", code="insufficient_quota")),
        (308, {}),
    ],
)
def test_what_no_input_can_be_the_reason_of_ends_the_run_at_once(model: Model, status: int, body: object) -> None:
    model.server.answers(rules=[{"when": "all", "status": status, "body": body}])
    with pytest.raises(RunStopped, match="refuses every call") as stop:
        one_after_another(model.stage(), "a")
    assert f"HTTP {status}: " in str(stop.value)
    assert model.server.counters()["calls"] == 1


def test_a_deployment_of_azure_gets_its_key_in_its_own_header_and_its_version_in_the_address(model: Model) -> None:
    address = f"{model.server.root}/openai/deployments/mine?api-version=2024-10-21"
    [reply] = model.ask(model.stage(base_url=address), "a")
    counters = model.server.counters()
    assert reply.value == "a"
    assert counters["address"] == "/openai/deployments/mine/chat/completions?api-version=2024-10-21"
    assert (counters["sent"]["api-key"], counters["authorization"]) == (KEY, "")


def test_headers_of_ones_own_are_sent_and_their_secrets_are_never_shown(model: Model) -> None:
    environment = {"GATE": "gate-secret-1"}
    stage = model.stage(
        api_key=None, headers={"x-api-key": {"$env": "GATE"}, "X-Team": "mail"}, environment=environment
    )
    model.server.answers(rules=[{"when": "~bad", "status": 400, "body": error("wrong: gate-secret-1")}])
    [reply] = model.ask(stage, "bad")
    sent = model.server.counters()["sent"]
    assert (sent["x-api-key"], sent["x-team"]) == ("gate-secret-1", "mail")
    assert "authorization" not in sent
    assert reply.error == "the provider refused: HTTP 400: wrong: ***"


def test_a_name_and_password_of_the_environments_address_are_sent_where_there_is_no_key(model: Model) -> None:
    address = model.server.base_url.replace("http://", "http://me:pass@")
    environment = {"OPENAI_BASE_URL": address}
    model.ask(model.stage(base_url=None, api_key=None, environment=environment), "a")
    assert model.server.counters()["authorization"] == "Basic bWU6cGFzcw=="


def test_a_proxy_of_the_environment_is_asked(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", model.server.root)
    monkeypatch.setenv("no_proxy", "")
    [reply] = model.ask(model.stage(base_url="http://models.invalid/v1"), "a")
    assert reply.value == "a"
    assert model.server.counters()["sent"]["host"] == "models.invalid"


def test_settings_go_to_the_server_by_the_names_that_it_knows(model: Model) -> None:
    extra = {"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}}
    model.ask(model.stage(top_p=0.9, stop="\n", reasoning_effort="low", extra_body=extra), "a")
    assert model.server.counters()["last"] == {
        "model": "m",
        "messages": [{"role": "user", "content": "a"}],
        "top_p": 0.9,
        "stop": ["\n"],
        "reasoning_effort": "low",
        **extra,
    }


def test_the_responses_interface_has_names_of_its_own(model: Model) -> None:
    model.ask(model.stage(api="responses", top_p=0.9, reasoning_effort="low", max_tokens=5), "a")
    last = model.server.counters()["last"]
    assert (last["top_p"], last["reasoning"], last["max_output_tokens"]) == (0.9, {"effort": "low"}, 5)


@pytest.mark.parametrize(
    "settings",
    [
        {"top_p": 0.5},
        {"stop": ["x"]},
        {"reasoning_effort": "low"},
        {"extra_body": {"top_k": 1}},
        {"headers": {"a": "b"}},
    ],
)
def test_settings_that_decide_the_answer_make_its_calls_new_ones(model: Model, settings: dict[str, Any]) -> None:
    assert model.stage(**settings).fingerprint != model.stage().fingerprint


def test_any_json_object_is_asked_for_where_the_file_says_so(model: Model) -> None:
    model.server.answers(reply='{"answer": "orders"}')
    [reply] = model.ask(model.stage(LABEL, structured="json_object"), "a")
    last = model.server.counters()["last"]
    assert reply.value == "orders"
    assert last["response_format"] == {"type": "json_object"}
    assert last["messages"][0]["content"].startswith("a\n\nAnswer with a JSON object of this schema")


def test_a_schema_is_sent_in_the_order_in_which_it_was_written(model: Model) -> None:
    """Models fill members in one after the other: thoughts before the verdict are another answer."""
    schema = '{"type":"object","properties":{"why":{"type":"string"},"answer":{"type":"string"}}}'
    model.server.answers(reply='{"why": "x", "answer": "y"}')
    model.ask(model.stage(OutputType(kind=Kind.OBJECT, schema=schema), structured=True), "a")
    sent = model.server.counters()["last"]["response_format"]["json_schema"]["schema"]
    assert list(sent["properties"]) == ["why", "answer"]


def test_the_dialect_is_learned_once(model: Model) -> None:
    body = error("Unsupported parameter: 'max_tokens' is not supported", code="unsupported_parameter")
    model.server.answers(rules=[{"when": "max_tokens", "status": 400, "body": body}])
    one_after_another(model.stage(max_tokens=5), "a", "b", "c")
    assert model.server.counters()["calls"] == 4


def test_a_server_that_knows_neither_name_of_the_limit_ends_the_run_with_its_words(model: Model) -> None:
    rules = [
        {"when": name, "status": 400, "body": error(f"Unknown parameter: {name}", code="unknown_parameter")}
        for name in ("max_tokens", "max_completion_tokens")
    ]
    model.server.answers(rules=rules)
    with pytest.raises(RunStopped, match="Unknown parameter: max_completion_tokens"):
        one_after_another(model.stage(max_tokens=5), "a")


def test_a_server_that_knows_no_form_at_all_gets_words(model: Model) -> None:
    words = error("'response_format.type' must be 'text'")
    model.server.answers(
        reply='{"answer": "orders"}', rules=[{"when": "response_format", "status": 400, "body": words}]
    )
    [reply] = model.ask(model.stage(LABEL, structured=True), "a")
    assert (reply.value, model.server.counters()["calls"]) == ("orders", 3)


def test_a_stream_has_its_usage_its_chances_and_its_refusal(model: Model) -> None:
    first = {"choices": [{"delta": {"content": "ord"}, "logprobs": {"content": [{"logprob": -0.5}]}}]}
    last = {
        "choices": [
            {"delta": {"content": "ers"}, "logprobs": {"content": [{"logprob": -0.5}]}, "finish_reason": "stop"}
        ]
    }
    usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
    refusal = {"choices": [{"delta": {"refusal": "I can't."}, "finish_reason": "stop"}]}
    text = {"type": "text/event-stream", "text": f": hello\nevent: x\n{events(first, last, usage)}"}
    model.server.answers(rules=[{"when": "~bad", **text, "text": events(refusal)}, {"when": "all", **text}])
    stage = model.stage(LABEL, confidence="logprobs")
    answered, refused = one_after_another(stage, "good", "bad")
    assert (answered.value, answered.confidence) == ("orders", pytest.approx(0.367879))
    assert (answered.tokens_in, answered.tokens_out) == (7, 2)
    assert (refused.status, refused.error) == (Status.REFUSED, "I can't.")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('data: {"choices": [{"delta": {"content": "a\u2028b"}, "finish_reason": "stop"}]}\n\n', "a\u2028b"),
        ('data: {"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}\r\n\r\n', "whole"),
        ('data: {"choices": [{"delta": {"content": "x"}}]}\ndata: 5\ndata: [DONE]\n', "x"),
        ('data: nonsense\n\ndata: {"choices": [{"delta": {"content": [{"text": "p"}]}}]}\n\ndata: [DONE]', "p"),
    ],
)
def test_streams_of_odd_forms_are_read(model: Model, text: str, value: str) -> None:
    model.server.answers(rules=[{"when": "all", "text": text, "type": "text/event-stream"}])
    [reply] = model.ask(model.stage(), "a")
    assert reply.value == value


def test_a_stream_with_a_broken_piece_is_not_read_without_it(model: Model) -> None:
    pieces = ["a ", "not ", "b"]
    text = events(*map(piece, pieces))
    broken = text.replace('"not "}', '"not "', 1)
    assert broken != text
    model.server.answers(rules=[{"when": "all", "text": broken, "type": "text/event-stream"}])
    [reply] = model.ask(model.stage(), "a")
    assert (reply.status, reply.value) == (Status.INFRASTRUCTURE, None)
    assert "can't be read" in reply.error
    model.server.answers(rules=[{"when": "all", "text": f"\ufeff{text}", "type": "application/json"}])
    assert model.ask(model.stage(), "a")[0].value == "a not b"


def test_a_stream_whose_last_piece_holds_the_fault_is_that_fault(model: Model) -> None:
    fault = {
        "choices": [{"delta": {}, "finish_reason": "error", "error": {"code": 400, "message": "prompt is too long"}}]
    }
    model.server.answers(rules=[{"when": "all", "text": events(piece("a"), fault), "type": "text/event-stream"}])
    [reply] = model.ask(model.stage(), "a")
    assert (reply.status, reply.error) == (Status.UNPARSABLE, "the prompt is too long: error 400: prompt is too long")


def test_a_stream_of_the_responses_interface_holds_the_whole_response_at_its_end(model: Model) -> None:
    part = {"type": "output_text", "text": "<think>so</think>a"}
    response = {"status": "completed", "output": [{"type": "message", "content": [part]}]}
    text = events({"type": "response.created"}, {"type": "response.completed", "response": response}, is_done=False)
    model.server.answers(rules=[{"when": "all", "text": text, "type": "text/event-stream"}])
    [reply] = model.ask(model.stage(api="responses"), "a")
    assert (reply.value, reply.raw) == ("a", "so\n\na")


def test_thoughts_leave_nobody_sure_of_the_answer(model: Model) -> None:
    body = said("<think>hm</think>orders")
    body["choices"][0]["logprobs"] = {"content": [{"logprob": -0.1}]}
    model.server.answers(rules=[{"when": "all", "body": body}])
    [reply] = model.ask(model.stage(LABEL, confidence="logprobs"), "a")
    assert (reply.value, reply.confidence) == ("orders", None)


def test_a_text_that_speaks_of_thoughts_stays_whole(model: Model) -> None:
    [reply] = model.ask(model.stage(TEXT), "Write <think> before and </think> after.")
    assert (reply.value, reply.raw) == ("Write <think> before and </think> after.", "")


@pytest.mark.parametrize(
    "body", [[], {}, {"error": {}}, [[[[[[[[[["deep"]]]]]]]]]], {"error": {"message": 5}}, "{[", 7]
)
def test_a_body_without_words_leaves_the_status_alone(model: Model, body: object) -> None:
    model.server.answers(rules=[{"when": "all", "status": 400, "body": body}])
    [reply] = model.ask(model.stage(), "a")
    assert reply.error.startswith("the provider refused: HTTP 400: ")


def test_a_secret_beside_the_question_is_put_in_at_the_call(model: Model) -> None:
    extra = {"guard": {"token": SECRET, "kinds": ["a", SECRET]}}
    model.ask(model.stage(extra_body=extra), "a")
    assert model.server.counters()["last"]["guard"] == {"token": KEY, "kinds": ["a", KEY]}
