"""Every way in which a provider can fail, each with the exact status and sentence that a run then holds."""

from __future__ import annotations

import contextlib
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from llm_server import LlmServer
from stagegap.errors import RunStopped
from stagegap.model.answer import Status
from stagegap.model.cascade import Limits, Stage
from stagegap.stages.pace import RETRIES, Providers
from stages.asking import KEY, LABEL, Model

ATTEMPTS = f"({RETRIES + 1} attempts)"
CHAT, RESPONSES = "chat", "responses"


@pytest.fixture
def model(tmp_path: Path, server: LlmServer, make_stage: Callable[..., Stage]) -> Model:
    return Model(tmp_path, server, make_stage)


@pytest.mark.parametrize("api", [CHAT, RESPONSES])
@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        # What may pass was tried six times.
        ("500", Status.INFRASTRUCTURE, f"HTTP 500: something broke {ATTEMPTS}"),
        ("half_body", Status.INFRASTRUCTURE, f"no connection: {{}} {ATTEMPTS}"),
        ("malformed", Status.INFRASTRUCTURE, f"the provider's answer can't be read {ATTEMPTS}"),
        ("page", Status.INFRASTRUCTURE, f"the provider's answer can't be read {ATTEMPTS}"),
        ("torn_gzip", Status.INFRASTRUCTURE, f"the answer can't be decompressed: {{}} {ATTEMPTS}"),
        ("brotli", Status.INFRASTRUCTURE, f"the answer is encoded as 'br', which was not asked for {ATTEMPTS}"),
        # What does not pass was paid once.
        ("huge", Status.UNPARSABLE, "the answer is larger than 10,000,000 bytes"),
        ("bomb", Status.UNPARSABLE, "the answer is larger than 10,000,000 bytes"),
        ("refusal", Status.REFUSED, "I can't help with that."),
        ("withheld", Status.REFUSED, "the provider's filter withheld the answer"),
        ("empty", Status.UNPARSABLE, "the answer is empty"),
        ("length", Status.UNPARSABLE, "the answer was cut off at the most tokens it may have"),
        ("too_long", Status.UNPARSABLE, "the prompt is too long: HTTP 400: 8193 tokens"),
        ("filtered", Status.REFUSED, "the provider refused: HTTP 400: not allowed"),
    ],
)
def test_each_fault_has_its_status_and_its_sentence(
    model: Model, api: str, fault: str, status: Status, error: str
) -> None:
    model.server.answers(always=fault)
    [reply] = model.ask(model.stage(api=api), "a")
    before, _, after = error.partition("{}")
    assert (reply.status, reply.value) == (status, None)
    assert reply.error.startswith(before)
    assert reply.error.endswith(after)
    assert "{}" in error or reply.error == error
    is_passing = status is Status.INFRASTRUCTURE
    assert reply.is_reusable is not is_passing
    assert model.server.counters()["calls"] == (RETRIES + 1 if is_passing else 1)


@pytest.mark.parametrize(
    ("fault", "api", "error"),
    [
        ("no_choices", CHAT, "the provider's answer can't be read"),
        ("no_output", RESPONSES, "the provider's answer can't be read"),
        ("failed", RESPONSES, "the provider says that it failed to answer"),
    ],
)
def test_an_answer_without_a_message_is_tried_again(model: Model, fault: str, api: str, error: str) -> None:
    model.server.answers(always=fault)
    [reply] = model.ask(model.stage(api=api), "a")
    assert (reply.status, reply.error) == (Status.INFRASTRUCTURE, f"{error} {ATTEMPTS}")


@pytest.mark.parametrize("fault", ["hang", "half_then_hang"])
def test_silence_before_the_first_byte_or_between_two_is_tried_again(model: Model, fault: str) -> None:
    model.server.answers(faults=[fault])
    [reply] = model.ask(model.stage(silence_s=0.2), "a")
    assert (reply.status, reply.value) == (Status.OK, "a")
    assert model.server.counters()["calls"] == 2


@pytest.mark.parametrize("fault", ["hang", "half_then_hang"])
def test_silence_that_stays_is_named_with_its_length(model: Model, fault: str) -> None:
    model.server.answers(always=fault)
    [reply] = model.ask(model.stage(silence_s=0.1), "a")
    assert (reply.status, reply.error) == (Status.INFRASTRUCTURE, f"no byte for 0.1 s {ATTEMPTS}")


@pytest.mark.parametrize("fault", ["hang", "half_then_hang"])
def test_the_whole_call_ends_with_its_time_out(model: Model, fault: str) -> None:
    model.server.answers(always=fault)
    [reply] = model.ask(model.stage(timeout_s=0.2, silence_s=5.0), "a")
    assert reply.status is Status.INFRASTRUCTURE
    # Whichever of the two looks first: the silence of a call can't be longer than the call.
    assert reply.error in ("no answer within 0.2 s", "no byte for 0.2 s (1 attempts)")


@pytest.mark.parametrize(
    ("reply", "status", "value"),
    [
        ("orders", Status.OK, "orders"),
        ('Sure! Here you are:\n```json\n{"answer": "orders"}\n```', Status.REPAIRED, "orders"),
        ('{"answer": "orders"', Status.REPAIRED, "orders"),
        ("It is about orders.", Status.UNPARSABLE, None),
    ],
)
def test_prose_fences_and_broken_json_around_a_label(
    model: Model, reply: str, status: Status, value: str | None
) -> None:
    model.server.answers(reply=reply)
    [found] = model.ask(model.stage(LABEL), "a")
    assert (found.status, found.value) == (status, value)


def test_429_with_retry_after_waits_as_long_as_the_provider_says_and_nobody_calls_meanwhile(model: Model) -> None:
    model.server.answers(faults=["429"])
    replies = model.ask(model.stage(), "a", "b")
    assert [reply.value for reply in replies] == ["a", "b"]
    assert set(model.clock.waits) == {7.0}


def test_429_that_stays_is_infrastructure_with_the_providers_words(model: Model) -> None:
    model.server.answers(always="429")
    [reply] = model.ask(model.stage(timeout_s=100.0), "a")
    assert (reply.status, reply.error) == (Status.INFRASTRUCTURE, f"HTTP 429: slow down {ATTEMPTS}")


def test_429_without_retry_after_waits_until_the_limit_is_back(model: Model) -> None:
    model.server.answers(faults=["429_reset"])
    model.ask(model.stage(timeout_s=100.0), "a")
    # The provider says 62 s; nobody calls for a minute, then one call finds out.
    assert model.clock.waits == [60.0]


def test_when_the_headers_say_that_nothing_is_left_nobody_calls_before_the_reset(model: Model) -> None:
    model.server.answers(headers={"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3s"})
    stage = model.stage()
    model.ask(stage, "a")
    assert model.clock.waits == []
    model.server.answers()
    model.ask(stage, "b")
    assert model.clock.waits == [3.0]


def test_tokens_that_are_left_count_by_what_a_call_has_used(model: Model) -> None:
    stage = model.stage()
    model.ask(stage, "a")  # 15 tokens
    model.server.answers(headers={"x-ratelimit-remaining-tokens": "14", "x-ratelimit-reset-tokens": "250ms"})
    model.ask(stage, "b")
    model.ask(stage, "c")
    assert model.clock.waits == [0.25]


def test_stages_share_the_limits_of_their_provider(model: Model) -> None:
    host = model.server.base_url.split("/")[2]
    model.providers = Providers(model.clock, {host: Limits(calls_per_minute=60)})
    model.ask(model.stage(), "a")
    model.ask(model.stage(model="other"), "b")
    assert model.clock.waits == [1.0]


def test_a_stage_has_limits_of_its_own(model: Model) -> None:
    stage = model.stage(limits=Limits(tokens_per_minute=30))
    model.ask(stage, "a")  # 15 tokens: half a minute's worth
    model.ask(stage, "b")
    assert model.clock.waits == [30.0]


@pytest.mark.parametrize(("fault", "said"), [("401", "HTTP 401"), ("400", "HTTP 400"), ("quota", "HTTP 429")])
def test_what_no_call_can_get_past_stops_the_run_and_tells_no_key(model: Model, fault: str, said: str) -> None:
    model.server.answers(always=fault)
    with pytest.raises(RunStopped) as stop:
        model.ask(model.stage(api=RESPONSES), "a")
    assert said in str(stop.value)
    assert KEY not in str(stop.value)


def test_a_huge_answer_does_not_fill_the_memory(model: Model) -> None:
    model.server.answers(always="bomb")
    stage = model.stage()
    model.ask(stage, "warm")
    tracemalloc.start()
    try:
        model.ask(stage, "a")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The answer is 40 MB; it is let in up to 10 MB, in one piece and in parts.
    assert most < 30_000_000


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address whose queue of connections is full: a further one is never answered."""
    with socket.socket() as listening, contextlib.ExitStack() as held:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


def test_a_connection_that_never_stands_is_named_with_its_time_out(model: Model, deaf: str) -> None:
    [reply] = model.ask(model.stage(base_url=deaf, connect_s=0.05), "a")
    assert (reply.status, reply.error) == (Status.INFRASTRUCTURE, f"no connection within 0.05 s {ATTEMPTS}")


def test_an_answer_that_came_compressed_is_read(model: Model) -> None:
    model.server.answers(always="gzip")
    [reply] = model.ask(model.stage(), "a")
    assert (reply.status, reply.value) == (Status.OK, "a")
