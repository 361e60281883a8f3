from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_server import LlmServer
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages import Reply
from stagegap.stages.conversation import answer_schema
from stages.asking import LABEL, TEXT, Model

OBJECT = OutputType(kind=Kind.OBJECT, schema='{"type":"object","properties":{"a":{"type":"integer"}}}')


@pytest.fixture
def model(tmp_path: Path, server: LlmServer, make_stage: Callable[..., Stage]) -> Model:
    return Model(tmp_path, server, make_stage)


def test_the_responses_interface_gives_text_and_tokens(model: Model) -> None:
    stage = model.stage(api="responses", system="Be brief.", temperature=0, max_tokens=7)
    assert model.ask(stage, "Hello") == [Reply(value="Hello", tokens_in=10, tokens_out=5)]
    assert model.server.counters()["last"] == {
        "model": "m",
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "temperature": 0,
        "max_output_tokens": 7,
        "store": False,
    }


def test_both_interfaces_have_keys_of_their_own(model: Model) -> None:
    assert model.stage(api="responses").fingerprint != model.stage().fingerprint == model.stage(api="chat").fingerprint


def test_examples_stand_between_the_system_message_and_the_prompt(model: Model) -> None:
    shots = [{"user": "2+2", "assistant": "4"}, {"user": "2+3", "assistant": "5"}]
    stage = model.stage(system="Count.", examples=shots)
    model.ask(stage, "3+3")
    assert [one["content"] for one in model.server.counters()["last"]["messages"]] == [
        "Count.", "2+2", "4", "2+3", "5", "3+3",
    ]  # fmt: skip
    assert stage.fingerprint != model.stage(system="Count.").fingerprint


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_structured_label_is_held_to_its_values_and_read_without_mending(model: Model, api: str) -> None:
    model.server.answers(reply='{"answer": "orders"}')
    [reply] = model.ask(model.stage(LABEL, api=api, structured=True), "a")
    assert (reply.status, reply.value) == (Status.OK, "orders")
    last = model.server.counters()["last"]
    held = last["response_format"]["json_schema"] if api == "chat" else last["text"]["format"]
    assert held["strict"] is True
    assert held["schema"]["properties"] == {"answer": {"type": "string", "enum": ["orders", "spam"]}}


def test_a_structured_object_is_held_to_its_own_schema(model: Model) -> None:
    model.server.answers(reply='{"a": 1}')
    [reply] = model.ask(model.stage(OBJECT, structured=True), "a")
    assert reply.value == {"a": 1}
    held = model.server.counters()["last"]["response_format"]["json_schema"]
    assert (held["schema"], held["strict"]) == (json.loads(OBJECT.schema or ""), False)


@pytest.mark.parametrize("text", ["orders", "Orders.", '["orders"]', '{"answer": "Orders"}'])
def test_a_server_that_ignores_the_schema_is_read_as_any_other(model: Model, text: str) -> None:
    model.server.answers(reply=text)
    [structured] = model.ask(model.stage(LABEL, structured=True), "a")
    [free] = model.ask(model.stage(LABEL), "a")
    assert (structured.status, structured.value) == (free.status, free.value)


@pytest.mark.parametrize(
    ("output", "member"),
    [
        (
            OutputType(kind=Kind.LABELS, values=("a", "b")),
            {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        ),
        (OutputType(kind=Kind.RANKING, of="shop"), {"type": "array", "items": {"type": "string"}}),
        (OutputType(kind=Kind.NUMBER), {"type": "number"}),
    ],
)  # fmt: skip
def test_every_type_but_a_text_has_a_schema(output: OutputType, member: object) -> None:
    found = answer_schema(output)
    assert found is not None
    assert found[0]["properties"] == {"answer": member}
    assert answer_schema(TEXT) is None


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_log_probabilities_make_the_confidence(model: Model, api: str) -> None:
    model.server.answers(reply="orders", logprobs=[math.log(0.8), math.log(0.5)])
    [label] = model.ask(model.stage(LABEL, api=api, confidence="logprobs"), "a")
    assert label.confidence == pytest.approx(0.4)
    [text] = model.ask(model.stage(TEXT, api=api, confidence="logprobs"), "a")
    assert text.confidence == pytest.approx(math.sqrt(0.4))


def test_without_log_probabilities_there_is_no_confidence(model: Model) -> None:
    model.server.answers(reply="orders", logprobs=[math.log(0.8)])
    assert model.ask(model.stage(LABEL), "a")[0].confidence is None
    model.server.answers(reply="orders")
    assert model.ask(model.stage(LABEL, confidence="logprobs"), "a")[0].confidence is None


def test_what_is_no_answer_has_no_confidence(model: Model) -> None:
    model.server.answers(reply="neither", logprobs=[-0.1])
    assert model.ask(model.stage(LABEL, confidence="logprobs"), "a")[0].confidence is None
