from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from llm_server import LlmServer
from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Kind, Limits, OutputType, Stage
from stagegap.stages import build
from stagegap.stages.llm import LlmStage
from stagegap.stages.pace import LONGEST_HOLD_S, LoopTimer, Provider, Providers, Rate
from stagegap.stages.protocol import Reply
from stages.timing import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(clock: Clock) -> Provider:
    found = Provider(clock)
    found.join(8)
    return found


def test_a_wait_that_one_call_is_told_holds_for_all(provider: Provider, clock: Clock) -> None:
    async def calls() -> list[float]:
        began: list[float] = []

        async def call() -> None:
            async with provider.slot():
                began.append(clock.now())

        provider.hold(7.0)
        provider.hold(5.0)
        await asyncio.gather(*(call() for _ in range(3)))
        return began

    assert min(asyncio.run(calls())) >= 7.0
    assert set(clock.waits) == {7.0}


def test_a_wait_of_hours_is_cut_short(provider: Provider, clock: Clock) -> None:
    async def call() -> None:
        async with provider.slot():
            pass

    provider.hold(7200.0)
    asyncio.run(call())
    assert clock.waits == [LONGEST_HOLD_S]


def test_calls_at_once_are_halved_once_a_wave_and_come_back_one_by_one(provider: Provider, clock: Clock) -> None:
    provider.hold(1.0)
    provider.hold(1.0)
    assert provider.at_once == 4
    clock.time = 2.0
    provider.hold(1.0)
    assert provider.at_once == 2
    for _ in range(3):
        provider.answered()
    assert provider.at_once == 3
    for _ in range(100):
        provider.answered()
    assert provider.at_once == 8
    for _ in range(9):
        clock.time += 10
        provider.hold(1.0)
    assert provider.at_once == 1


def test_never_more_calls_at_once_than_allowed_and_all_get_their_turn(provider: Provider, clock: Clock) -> None:
    most = 0
    busy = 0

    async def call(number: int) -> int:
        nonlocal most, busy
        async with provider.slot():
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0)
            busy -= 1
        if number % 3:
            provider.answered()
        return number

    async def together() -> list[int]:
        given_up = [asyncio.create_task(call(-1)) for _ in range(5)]
        started = [asyncio.create_task(call(number)) for number in range(40)]
        await asyncio.sleep(0)
        given_up[-1].cancel()
        return await asyncio.gather(*started)

    provider.hold(0.0)
    assert asyncio.run(together()) == list(range(40))
    assert most <= 8


def test_a_call_that_is_given_up_while_it_waits_takes_no_turn(clock: Clock) -> None:
    provider = Provider(clock)
    provider.join(1)

    async def together() -> bool:
        async with provider.slot():
            waiting = [asyncio.create_task(provider.slot().__aenter__()) for _ in range(2)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await asyncio.sleep(0)
        await waiting[1]
        return waiting[0].cancelled()

    assert asyncio.run(together())


def test_stages_of_one_host_share_their_provider(clock: Clock) -> None:
    providers = Providers(clock)
    first = providers.of("a:1", 4)
    assert providers.of("a:1", 4) is first
    assert first.at_once == 8
    assert providers.of("b:1", 4) is not first


def test_calls_are_spread_over_the_minute(clock: Clock) -> None:
    rate = Rate(Limits(calls_per_minute=30), clock)
    assert [asyncio.run(_admitted(rate, clock)) for _ in range(4)] == [0.0, 2.0, 4.0, 6.0]
    clock.time = 60.0
    assert asyncio.run(_admitted(rate, clock)) == 60.0


def test_tokens_are_spread_by_what_calls_have_used(clock: Clock) -> None:
    rate = Rate(Limits(tokens_per_minute=600), clock)
    assert asyncio.run(_admitted(rate, clock, tokens=100)) == 0.0
    assert asyncio.run(_admitted(rate, clock, tokens=300)) == 10.0
    assert asyncio.run(_admitted(rate, clock, tokens=0)) == 40.0


def test_without_limits_nobody_waits(clock: Clock) -> None:
    rate = Rate(None, clock)
    assert [asyncio.run(_admitted(rate, clock, tokens=9)) for _ in range(3)] == [0.0] * 3


async def _admitted(rate: Rate, clock: Clock, tokens: int = 0) -> float:
    expected = await rate.admit()
    began = clock.now()
    rate.settle(expected, tokens)
    return began


def test_the_time_of_this_machine_goes_on() -> None:
    timer = LoopTimer()
    before = timer.now()
    asyncio.run(timer.sleep(0.001))
    assert before < timer.now() <= time.monotonic()


@pytest.fixture
def model(tmp_path: Path, server: LlmServer, make_stage: Callable[..., Stage], clock: Clock) -> Callable[..., LlmStage]:
    """Stages that share one provider."""
    (tmp_path / "prompt.j2").write_text("{{ text }}")
    providers = Providers(clock)

    def make(**changes: object) -> LlmStage:
        stage = make_stage("llm", OutputType(kind=Kind.TEXT), model="m", prompt="prompt.j2", base_url=server.base_url)
        described = replace(stage, **changes)  # type: ignore[arg-type]
        built = build(described, folder=tmp_path, corpora={}, environment={}, providers=providers)
        assert isinstance(built, LlmStage)
        return built

    return make


def test_a_stage_waits_when_another_of_the_same_host_is_turned_away(
    model: Callable[..., LlmStage], server: LlmServer, clock: Clock
) -> None:
    server.answers(faults=["429"])
    first, second = model(), model()

    async def ask() -> list[float]:
        began = []
        try:
            await first.answer({"text": "a"})
            began.append(clock.now())
            await second.answer({"text": "b"})
        finally:
            await first.close()
            await second.close()
        return began

    assert asyncio.run(ask())[0] >= 7.0
    assert clock.waits == [7.0]


def test_a_stage_keeps_its_limits(model: Callable[..., LlmStage], clock: Clock) -> None:
    stage = model(limits=Limits(calls_per_minute=60, tokens_per_minute=150))

    async def ask() -> None:
        try:
            for text in "abc":
                await stage.answer({"text": text})
        finally:
            await stage.close()

    asyncio.run(ask())
    # Ten tokens read and five written each time: six seconds a call.
    assert [round(wait) for wait in clock.waits] == [6, 6]


def test_waiting_for_a_turn_is_no_part_of_the_time_out(
    model: Callable[..., LlmStage], server: LlmServer, clock: Clock
) -> None:
    stage = model(limits=Limits(calls_per_minute=1), timeout_s=5.0)

    async def ask() -> list[str]:
        try:
            return [(await stage.answer({"text": text})).status for text in "ab"]
        finally:
            await stage.close()

    assert asyncio.run(ask()) == ["ok", "ok"]
    assert clock.now() >= 55.0


def test_each_attempt_of_a_call_is_told_with_its_time_its_words_and_how_it_ended(
    model: Callable[..., LlmStage], server: LlmServer
) -> None:
    server.answers(faults=["429", "500"])
    stage = model()

    async def ask() -> list[Reply]:
        try:
            return [await stage.answer({"text": text}) for text in "ab"]
        finally:
            await stage.close()

    tried, at_once = asyncio.run(ask())
    assert [attempt.status for attempt in tried.attempts] == ["infrastructure", "infrastructure", "ok"]
    assert "429" in tried.attempts[0].error
    assert "500" in tried.attempts[1].error
    assert not tried.attempts[2].error
    assert tried.attempts[0].after_s == 0.0
    assert 7.0 <= tried.attempts[1].after_s < tried.attempts[2].after_s
    assert at_once.attempts == ()


def test_attempts_of_a_call_that_ends_without_an_answer_are_told_and_the_only_one_is_not(
    model: Callable[..., LlmStage], server: LlmServer
) -> None:
    server.answers(faults=["500"] * 6 + ["hang"])
    first, late = model(), model(timeout_s=0.2)

    async def ask(stage: LlmStage) -> Reply:
        try:
            return await stage.answer({"text": "a"})
        finally:
            await stage.close()

    lost = asyncio.run(ask(first))
    assert lost.status == "infrastructure"
    assert len(lost.attempts) == 6
    assert asyncio.run(ask(late)).attempts == ()


def test_no_more_calls_at_once_than_the_provider_has_left() -> None:
    async def main() -> int:
        provider = Provider(Clock())
        provider.join(8)
        async with contextlib.AsyncExitStack() as held:
            for _ in range(5):
                await held.enter_async_context(provider.slot())
            provider.heed({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1s"})
        return provider.at_once

    assert asyncio.run(main()) == 3


def test_a_limited_host_that_no_stage_calls_is_named() -> None:
    providers = Providers(Clock(), {"api.opnai.com": Limits(calls_per_minute=1)})
    providers.of("api.openai.com", 1)
    with pytest.raises(ConfigurationError, match=r"limits 'api\.opnai\.com', which no stage calls\. Did you mean api"):
        providers.refuse_unused()
