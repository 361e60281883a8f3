"""The official client of OpenAI beside our own way over the wire: both ask one server and must see the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from llm_server import LlmServer
from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stages.asking import KEY, Model

MESSAGES: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
]


@pytest.fixture
def model(tmp_path: Path, server: LlmServer, make_stage: Callable[..., Stage]) -> Model:
    return Model(tmp_path, server, make_stage)


@pytest.fixture
def client(server: LlmServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.base_url, api_key=KEY, max_retries=0)


def test_a_question_is_asked_with_the_same_words(model: Model, client: openai.OpenAI) -> None:
    client.chat.completions.create(model="m", messages=MESSAGES, temperature=0, seed=4, max_tokens=7)
    official = model.server.counters()
    model.server.answers()
    model.ask(model.stage(system="Be brief.", temperature=0, seed=4, max_tokens=7), "Hello")
    ours = model.server.counters()
    for part in ("last", "authorization"):
        assert ours[part] == official[part]


def test_an_answer_is_read_as_the_same_text_and_tokens(model: Model, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="m", messages=[MESSAGES[1]])
    [reply] = model.ask(model.stage(), "Hello")
    assert answer.usage is not None
    assert (reply.value, reply.tokens_in, reply.tokens_out) == (
        answer.choices[0].message.content,
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )


def test_a_refusal_is_one_for_both(model: Model, client: openai.OpenAI) -> None:
    model.server.answers(always="too_long")
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="m", messages=[MESSAGES[1]])
    [reply] = model.ask(model.stage(), "Hello")
    assert reply.status is not Status.OK
    body = refused.value.body
    assert isinstance(body, dict)
    assert str(body["message"]) in reply.error
