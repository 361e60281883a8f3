from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from llm_server import LlmServer
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stagegap.stages import AsyncStage, Reply, build
from stagegap.stages.acceptance import check_for
from stagegap.stages.attachments import Question
from stagegap.stages.attempts import Failure
from stagegap.stages.conversation import Said
from stagegap.stages.endpoint import Endpoint, Line
from stagegap.stages.llm import LlmStage
from stagegap.stages.pace import RETRIES
from stagegap.stages.templates import Prompt
from stages.asking import KEY, LABEL, TEXT, Model


@pytest.fixture
def model(tmp_path: Path, server: LlmServer, make_stage: Callable[..., Stage]) -> Model:
    return Model(tmp_path, server, make_stage)


def test_a_text_is_given_as_it_came_with_its_tokens(model: Model) -> None:
    assert model.ask(model.stage(), "Hello!\n") == [Reply(value="Hello!\n", tokens_in=10, tokens_out=5)]


def test_the_request_holds_what_the_cascade_says_and_nothing_else(model: Model) -> None:
    model.ask(model.stage(system="Be brief.", temperature=0, seed=4, max_tokens=7), "Hello")
    counters = model.server.counters()
    assert counters["last"] == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "temperature": 0,
        "seed": 4,
        "max_tokens": 7,
    }
    assert counters["authorization"] == f"Bearer {KEY}"


def test_what_the_cascade_leaves_out_is_left_to_the_endpoint(model: Model) -> None:
    model.ask(model.stage(), "Hello")
    assert set(model.server.counters()["last"]) == {"model", "messages"}


def test_the_price_makes_the_cost(model: Model) -> None:
    [reply] = model.ask(model.stage(price={"input": 2.0, "output": 10.0}), "a")
    assert reply.cost == pytest.approx((2 * 10 + 10 * 5) / 1e6)


def test_without_tokens_the_cost_is_unknown(model: Model) -> None:
    model.server.answers(always="no_usage")
    [reply] = model.ask(model.stage(price={"input": 2.0, "output": 10.0}), "a")
    assert (reply.cost, reply.tokens_in, reply.tokens_out) == (None, None, None)


def test_an_answer_that_had_to_be_mended_is_repaired_and_kept(model: Model) -> None:
    model.server.answers(reply="**Orders**")
    [reply] = model.ask(model.stage(LABEL), "a")
    assert (reply.status, reply.value, reply.raw) == (Status.REPAIRED, "orders", "**Orders**")


def test_an_answer_that_does_not_fit_is_unparsable_and_kept(model: Model) -> None:
    [reply] = model.ask(model.stage(LABEL), "both")
    assert (reply.status, reply.value, reply.raw, reply.tokens_out) == (Status.UNPARSABLE, None, "both", 5)
    assert reply.error == "'both' is none of the labels. Known: orders, spam."
    assert reply.is_reusable


@pytest.mark.parametrize(
    ("fault", "status", "error", "raw"),
    [
        ("refusal", Status.REFUSED, "I can't help with that.", "I can't help with that."),
        ("withheld", Status.REFUSED, "the provider's filter withheld the answer", ""),
        ("empty", Status.UNPARSABLE, "the answer is empty", " \n"),
        ("length", Status.UNPARSABLE, "the answer was cut off at the most tokens it may have", "A reply that"),
        ("too_long", Status.UNPARSABLE, "the prompt is too long: HTTP 400: 8193 tokens", ""),
        ("filtered", Status.REFUSED, "the provider refused: HTTP 400: not allowed", ""),
    ],
)
def test_what_the_model_does_not_answer_is_named(
    model: Model, fault: str, status: Status, error: str, raw: str
) -> None:
    model.server.answers(always=fault)
    [reply] = model.ask(model.stage(), "a")
    assert (reply.status, reply.value, reply.raw) == (status, None, raw)
    assert reply.error.startswith(error)
    assert reply.is_reusable
    assert model.server.counters()["calls"] == 1


@pytest.mark.parametrize("fault", ["429", "500", "half_body", "malformed", "page", "no_choices"])
def test_a_fault_that_passes_is_tried_again(model: Model, fault: str) -> None:
    model.server.answers(faults=[fault, fault])
    [reply] = model.ask(model.stage(), "a")
    assert (reply.status, reply.value) == (Status.OK, "a")
    assert model.server.counters()["calls"] == 3


def test_the_provider_says_how_long_to_wait(model: Model) -> None:
    model.server.answers(faults=["429"])
    model.ask(model.stage(), "a")
    assert model.clock.waits == [7.0]


def test_a_fault_that_stays_is_infrastructure_and_not_to_be_reused(model: Model) -> None:
    model.server.answers(always="500")
    [reply] = model.ask(model.stage(), "a")
    assert reply.status is Status.INFRASTRUCTURE
    assert not reply.is_reusable
    assert "HTTP 500" in reply.error
    assert reply.error.endswith(f"({RETRIES + 1} attempts)")
    assert model.server.counters()["calls"] == RETRIES + 1


def test_a_wait_beyond_the_time_out_is_not_begun(model: Model) -> None:
    model.server.answers(always="429")
    [reply] = model.ask(model.stage(timeout_s=5.0), "a")
    assert reply.status is Status.INFRASTRUCTURE
    assert model.clock.waits == []


def test_a_call_that_hangs_ends_with_the_time_out(model: Model) -> None:
    model.server.answers(always="hang")
    [reply] = model.ask(model.stage(timeout_s=0.2), "a")
    assert reply.status is Status.INFRASTRUCTURE
    assert not reply.is_reusable


def test_the_time_out_names_what_was_tried(model: Model) -> None:
    model.server.answers(faults=["500", "500"], always="hang")
    [reply] = model.ask(model.stage(timeout_s=4.0), "a")
    assert reply.error == "no answer within 4 s, after HTTP 500: something broke"


def test_nobody_at_the_address_is_infrastructure(model: Model) -> None:
    [reply] = model.ask(model.stage(base_url="http://127.0.0.1:9/v1"), "a")
    assert reply.status is Status.INFRASTRUCTURE
    assert "no connection: " in reply.error


@pytest.mark.parametrize("fault", ["401", "400", "quota"])
def test_a_refusal_of_every_call_stops_the_run_with_one_message_and_no_secret(model: Model, fault: str) -> None:
    model.server.answers(always=fault)
    with pytest.raises(
        RunStopped, match=r"Stage 'draft': http://127\.0\.0\.1:\d+/v1 refuses every call\. HTTP 4"
    ) as stop:
        model.ask(model.stage(), "a")
    assert KEY not in str(stop.value)
    assert model.server.counters()["calls"] == 1


def test_many_calls_share_one_client(model: Model) -> None:
    replies = model.ask(model.stage(), *map(str, range(20)))
    assert [reply.value for reply in replies] == [str(number) for number in range(20)]


def test_a_stage_that_was_closed_opens_again(model: Model) -> None:
    stage = model.stage()
    assert model.ask(stage, "a") == model.ask(stage, "a")
    asyncio.run(stage.close())


def test_a_missing_key_is_named_at_the_first_call(model: Model) -> None:
    with pytest.raises(ConfigurationError, match="needs the environment variable KEY, which is not set"):
        model.ask(model.stage(environment={}), "a")


def test_the_official_endpoint_needs_a_key(model: Model) -> None:
    stage = model.stage(base_url=None, api_key=None, environment={})
    with pytest.raises(ConfigurationError, match="needs the environment variable OPENAI_API_KEY"):
        model.ask(stage, "a")


def test_an_endpoint_of_ones_own_may_ask_for_no_key(model: Model) -> None:
    environment = {"OPENAI_BASE_URL": model.server.base_url}
    [reply] = model.ask(model.stage(base_url=None, api_key=None, environment=environment), "a")
    assert reply.value == "a"


@pytest.mark.parametrize("address", ["127.0.0.1:80", "ftp://models", "http://", "http://[::1"])
def test_an_address_that_is_none_is_named_at_once(model: Model, address: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url must be an address like https://"):
        model.stage(base_url=address)


def test_credentials_in_the_address_are_neither_hashed_nor_shown(model: Model) -> None:
    address = model.server.base_url.replace("http://", "http://me:pass@")
    assert model.stage(base_url=address).fingerprint == model.stage().fingerprint


def test_the_fingerprint_holds_what_decides_the_answer_and_no_secret(model: Model) -> None:
    first = model.stage().fingerprint
    assert model.stage(environment={"KEY": "other"}).fingerprint == first
    assert model.stage(price={"input": 1, "output": 1}).fingerprint == first
    others = [model.stage(model="n"), model.stage(temperature=1), model.stage(LABEL), model.stage(system="x")]
    (model.folder / "prompt.j2").write_text("{{ text }}!")
    others.append(model.stage())
    assert len({first, *(other.fingerprint for other in others)}) == 6


def test_a_prompt_that_can_not_be_filled_is_unparsable_without_a_call(model: Model) -> None:
    (model.folder / "prompt.j2").write_text("{{ text.subject.upper() }}")
    [reply] = model.ask(model.stage(), "a")
    assert reply.status is Status.UNPARSABLE
    assert reply.error == "the prompt prompt.j2 can't be filled: 'str object' has no attribute 'subject'"
    assert not reply.is_reusable
    assert model.server.counters()["calls"] == 0


def test_a_fault_of_our_own_is_not_taken_for_one_of_the_provider(model: Model) -> None:
    class Broken:
        async def ask(self, line: Line, prompt: Question) -> Said | Failure:
            raise KeyError("ours")

    whole = model.make_stage("llm", TEXT, model="m", prompt="prompt.j2", base_url=model.server.base_url)
    stage = LlmStage(
        whole,
        prompt=Prompt(whole, path=model.folder / "prompt.j2"),
        endpoint=Endpoint(whole, {}),
        conversation=Broken(),
        check=check_for(TEXT, ()),
        fingerprint="",
        providers=model.providers,
    )
    with pytest.raises(KeyError):
        model.ask(stage, "a")


def test_build_makes_the_same_stage(model: Model) -> None:
    described = model.make_stage("llm", TEXT, model="m", prompt="prompt.j2", base_url=model.server.base_url)
    stage = cast("AsyncStage", build(described, folder=model.folder, corpora={}, environment={}))
    assert stage.fingerprint == model.stage(api_key=None).fingerprint
    assert not stage.reads_record
