from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from llm_server import LlmServer
from runner.making import TEXT, Build, JumpingLoop, Memory, jump, run
from stagegap.errors import ConfigurationError
from stagegap.model.record import Json, Record
from stagegap.model.run import RunStatus
from stagegap.runner import Budget, Silent, Stop, Summary, Work
from stagegap.runner.budget import Meter
from stagegap.runner.execute import execute_async
from stagegap.stages import Reply

Records = Callable[..., list[Record]]
PRICE = {"input": 1e5, "output": 0.0}
"""A call with ten tokens costs a dollar."""


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("200 calls", Budget(calls=200)),
        ("1 call", Budget(calls=1)),
        ("5 min", Budget(seconds=300)),
        ("90s", Budget(seconds=90)),
        ("$3", Budget(dollars=3)),
        ("0.5 USD", Budget(dollars=0.5)),
        ("1,000 calls, $2.50; 2 h", Budget(calls=1000, dollars=2.5, seconds=7200)),
    ],
)
def test_a_budget_is_read(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "many", "3", "$3 calls", "200 cals", "-1 calls", "$"])
def test_what_is_no_budget_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"is no budget\. Write 200 calls, 5 min, 2 h or \$3\."):
        Budget.parse(text)


def test_an_unknown_unit_gets_its_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"Did you mean calls or call\?"):
        Budget.parse("200 cals")


@pytest.fixture
def ask(making: Build, records: Records, server: LlmServer, memory: Memory) -> Callable[..., Summary]:
    """Run one model stage on twelve records, with a budget."""
    (making.folder / "prompt.j2").write_text("{{ text }}")
    making.environment["KEY"] = "k"
    making.python("first", "text", "return text")
    given = {"model": "m", "prompt": "prompt.j2", "base_url": server.base_url, "price": PRICE}
    making.add("model", "llm", "text=first", TEXT, given, concurrency=4)

    def ask(budget: Budget | None, n: int = 12) -> Summary:
        work = replace(making.work(records(*map(str, range(n)))), budget=budget)
        return run(work, memory)

    return ask


def test_a_run_within_its_budget_is_done(ask: Callable[..., Summary]) -> None:
    assert ask(Budget(calls=12, dollars=12, seconds=600)).status is RunStatus.DONE


def test_no_call_begins_beyond_the_budget_and_the_next_run_goes_on(
    ask: Callable[..., Summary], server: LlmServer, memory: Memory
) -> None:
    first = ask(Budget(calls=5))
    assert (first.status, first.error) == (RunStatus.STOPPED, "The budget of 5 calls is used up.")
    assert server.counters()["calls"] == 5
    assert len(memory.of("model")) == 5
    assert ask(None).status is RunStatus.DONE
    assert server.counters()["calls"] == 12


def test_no_more_money_is_spent_than_told(ask: Callable[..., Summary], server: LlmServer) -> None:
    stopped = ask(Budget(dollars=3.5))
    assert (stopped.status, stopped.error) == (RunStatus.STOPPED, "The budget of $3.50 is used up.")
    assert stopped.cost == pytest.approx(3.0)
    assert server.counters()["calls"] == 3


class Patient:
    """A stage that waits for somebody else, until the run is asked to end; then an hour has gone by."""

    fingerprint, reads_record = "patient", False

    def __init__(self) -> None:
        self.let_go = asyncio.Event()
        self.begun = 0

    async def answer(self, inputs: Mapping[str, Json]) -> Reply:
        self.begun += 1
        if self.begun == 4:
            jump(3600)
        await self.let_go.wait()
        return Reply(value=str(inputs["text"]))

    async def close(self) -> None:
        pass


class Told(Stop):
    """Lets the stage answer once the end is asked for."""

    def __init__(self, stage: Patient) -> None:
        super().__init__()
        self.stage = stage

    def request(self, reason: str) -> None:
        super().request(reason)
        self.stage.let_go.set()


async def timed(work: Work, memory: Memory, stop: Stop) -> Summary:
    return await execute_async(work, sink=memory, cache=memory, progress=Silent(), clock=time.perf_counter, stop=stop)


def test_what_is_under_way_when_the_time_is_over_is_kept(making: Build, records: Records, memory: Memory) -> None:
    making.python("reply", "text", "return text", concurrency=4)
    work = replace(making.work(records(*map(str, range(20)))), budget=Budget(seconds=3600))
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        patient = Patient()
        work.codes["reply"] = patient  # type: ignore[index]  # the stage of a test in place of the user's
        stopped = runner.run(timed(work, memory, Told(patient)))
    assert (stopped.status, stopped.error) == (RunStatus.STOPPED, "The budget of 60 min is used up.")
    assert len(memory.of("reply")) == patient.begun == 4


def test_a_run_that_is_done_in_time_is_not_asked_to_end_later(making: Build, records: Records, memory: Memory) -> None:
    making.python("reply", "text", "return text")
    work = replace(making.work(records("a")), budget=Budget(seconds=3600))
    stop = Stop()

    async def and_then_the_time_is_over() -> Summary:
        summary = await timed(work, memory, stop)
        jump(7200)
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(0, over.set)
        await over.wait()
        return summary

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(and_then_the_time_is_over()).status is RunStatus.DONE
    assert stop.reason == ""


def test_without_paid_stages_every_call_counts(making: Build, records: Records, memory: Memory) -> None:
    making.python("first", "text", "return text", batch=2)
    work = replace(making.work(records(*map(str, range(12)))), budget=Budget(calls=5))
    stopped = run(work, memory)
    assert (stopped.status, stopped.calls) == (RunStatus.STOPPED, 5)
    work = replace(work, budget=Budget(calls=7))
    assert run(work, memory).status is RunStatus.DONE


def test_a_call_that_no_reply_came_to_is_no_longer_under_way() -> None:
    asked: list[str] = []

    async def spend() -> list[int]:
        meter = Meter(Budget(dollars=2), frozenset({"model"}), asked.append)
        admitted = [await meter.admit("model")]
        meter.settle("model", dollars=1.0)
        meter.settle("other", dollars=9.0)
        admitted += [await meter.admit("model"), await meter.admit("model"), await meter.admit("other", 3)]
        return admitted

    assert asyncio.run(spend()) == [1, 1, 0, 3]
    assert asked == ["The budget of $2.00 is used up."]
