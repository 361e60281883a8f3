"""Answers of a shape that nobody expects: read where they say something, that record's failure where they do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llm_server import LlmServer
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stages.asking import LABEL, Model

PARTS = [{"type": "text", "text": "ord"}, {"type": "text", "text": "ers"}]
PRICE = {"input": 1.0, "output": 2.0}
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 900}}


@pytest.fixture
def model(tmp_path: Path, server: LlmServer, make_stage: Callable[..., Stage]) -> Model:
    return Model(tmp_path, server, make_stage)


@pytest.mark.parametrize(
    "more",
    [
        {"message": {"content": PARTS}},
        {"message": {"content": "orders", "refusal": None}},
        {"message": {"content": "orders"}, "usage": [1]},
        {"message": {"content": "orders"}, "usage": {"prompt_tokens": "10", "completion_tokens": True}},
        {"message": {"content": "orders"}, "usage": "many"},
    ],
)
def test_what_can_be_read_is_read(model: Model, more: dict[str, object]) -> None:
    model.server.answers(more=more)
    [reply] = model.ask(model.stage(LABEL), "a")
    assert (reply.status, reply.value) == (Status.OK, "orders")


@pytest.mark.parametrize(
    "more",
    [
        {"message": {"content": {"text": "orders"}}},
        {"message": {"content": 5}},
        {"message": {"content": [{"type": "image"}]}},
        {"message": {"content": "orders", "refusal": {"why": "x"}}},
        {"message": "orders"},
        {"message": None},
        {"choices": ["orders"]},
        {"choices": {"0": 1}},
        {"choices": None},
    ],
)
def test_what_can_not_be_read_is_that_records_failure(model: Model, more: dict[str, object]) -> None:
    model.server.answers(more=more)
    [reply] = model.ask(model.stage(LABEL), "a")
    assert reply.status is Status.INFRASTRUCTURE
    assert reply.error.startswith("the provider's answer can't be read")


@pytest.mark.parametrize("output", [[1], ["x"], [{"type": "message", "content": "orders"}], [None], {"a": 1}, "orders"])
def test_a_response_of_any_shape_is_an_answer_or_that_records_failure(model: Model, output: object) -> None:
    model.server.answers(more={"output": output, "usage": [1], "incomplete_details": "x"})
    [reply] = model.ask(model.stage(LABEL, api="responses"), "a")
    assert reply.status in (Status.INFRASTRUCTURE, Status.UNPARSABLE)


@pytest.mark.parametrize("chances", [[None], [-0.1, None]])
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_an_answer_without_its_chances_counts_and_nobody_knows_how_sure_it_was(
    model: Model, api: str, chances: list[float | None]
) -> None:
    model.server.answers(reply="orders", logprobs=chances)
    [reply] = model.ask(model.stage(LABEL, api=api, confidence="logprobs"), "a")
    assert (reply.status, reply.value, reply.confidence) == (Status.OK, "orders", None)


@pytest.mark.parametrize(("price", "cost"), [({**PRICE, "cached": 0.1}, 0.00021), (PRICE, 0.00102)])
def test_tokens_from_the_cache_cost_what_the_file_says_and_in_full_where_it_does_not(
    model: Model, price: dict[str, float], cost: float
) -> None:
    model.server.answers(more={"usage": USAGE})
    [reply] = model.ask(model.stage(price=price), "a")
    assert reply.cost == pytest.approx(cost)


@pytest.mark.parametrize("digits", [20, 30, 400, 5_000])
def test_a_number_of_many_digits_is_that_records_failure_and_no_other_number(model: Model, digits: int) -> None:
    model.server.answers(reply="1" + "0" * (digits - 1) + "1")
    for output in (OutputType(kind=Kind.NUMBER), OutputType(kind=Kind.OBJECT, schema="{}")):
        [reply] = model.ask(model.stage(output), "a")
        assert (reply.status, reply.value) == (Status.UNPARSABLE, None)
