from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from runner.making import TEXT, Build, Memory
from stagegap.model.estimate import Estimate
from stagegap.model.record import Record
from stagegap.model.run import PastCall
from stagegap.runner import Plan, forecast, plan

Records = Callable[..., list[Record]]
LLM = {"model": "m", "prompt": "prompt.j2", "base_url": "http://127.0.0.1:9/v1"}


@pytest.fixture
def ahead(making: Build, records: Records, memory: Memory) -> Callable[..., Plan]:
    """Plan a Python stage and what is added to `making`, on twelve records, from these past calls."""
    (making.folder / "prompt.j2").write_text("{{ text }}")
    making.python("first", "text", "return text")

    def ahead(**past: list[PastCall]) -> Plan:
        work = making.work(records(*map(str, range(12))))
        return forecast(plan(work, cache=memory), work, past)

    return ahead


def calls(*latencies: float, tokens: tuple[int, int] | None = (100, 10)) -> list[PastCall]:
    read, written = tokens or (None, None)
    return [PastCall(latency_ms=ms, tokens_in=read, tokens_out=written) for ms in latencies]


def shown(estimate: Estimate) -> tuple[float, float, float]:
    return estimate.value, estimate.low, estimate.high


def test_without_past_calls_the_plan_says_that_it_is_unknown(ahead: Callable[..., Plan]) -> None:
    planned = ahead()
    assert math.isnan(planned.seconds.value)
    assert planned.seconds.method == "stage first: no earlier calls"
    assert shown(planned.dollars) == (0.0, 0.0, 0.0)


def test_time_money_and_tokens_come_from_past_calls(making: Build, ahead: Callable[..., Plan]) -> None:
    price = {"input": 10.0, "output": 100.0}
    making.add("model", "llm", "text=first", TEXT, {**LLM, "price": price}, concurrency=4)
    planned = ahead(first=calls(1.0, 1.0), model=calls(1000.0, 1000.0, 1000.0))
    first, model = planned.cells[0].stages
    assert shown(first.seconds) == pytest.approx((0.012, 0.012, 0.012))
    assert shown(model.seconds) == pytest.approx((3.0, 3.0, 3.0))
    assert shown(model.tokens) == pytest.approx((1320.0,) * 3)
    assert shown(model.dollars) == pytest.approx((12 * 0.002,) * 3)
    assert model.dollars.n == 3
    assert shown(planned.dollars) == shown(model.dollars)
    assert shown(planned.seconds) == pytest.approx((3.0, 3.0, 3.012))


def test_an_interval_is_wider_for_calls_that_differ(making: Build, ahead: Callable[..., Plan]) -> None:
    making.add("model", "llm", "text=first", TEXT, {**LLM, "price": {"input": 1.0, "output": 1.0}})
    model = ahead(model=calls(100.0, 900.0, 500.0)).cells[0].stages[1]
    assert model.seconds.low < model.seconds.value < model.seconds.high


@pytest.mark.parametrize(
    ("price", "tokens", "reason"),
    [
        (None, (100, 10), "price unknown"),
        ({"input": 1.0, "output": 1.0}, None, "no earlier calls"),
    ],
)
def test_what_can_not_be_known_is_named(
    making: Build, ahead: Callable[..., Plan], price: object, tokens: tuple[int, int] | None, reason: str
) -> None:
    making.add("model", "llm", "text=first", TEXT, {**LLM, **({"price": price} if price else {})})  # type: ignore[dict-item]
    planned = ahead(first=calls(1.0, 1.0), model=calls(1000.0, 1000.0, tokens=tokens))
    assert planned.dollars.method == f"stage model: {reason}"
    assert planned.seconds.is_measured


def test_a_service_costs_what_the_file_says(making: Build, ahead: Callable[..., Plan]) -> None:
    making.add("service", "http", "text=first", TEXT, {"url": "http://127.0.0.1:9/", "price": 0.5})
    planned = ahead(service=calls(10.0, 10.0, tokens=None))
    assert shown(planned.dollars) == (6.0, 6.0, 6.0)


def test_a_program_answers_one_call_at_a_time(making: Build, ahead: Callable[..., Plan]) -> None:
    making.add("program", "command", "text=first", TEXT, {"command": ["cat"]}, concurrency=8)
    assert ahead(program=calls(1000.0, 1000.0)).cells[0].stages[1].seconds.value == 12.0


def test_what_needs_no_call_costs_nothing(making: Build, records: Records, memory: Memory) -> None:
    making.add("model", "llm", "text", TEXT, LLM)
    (making.folder / "prompt.j2").write_text("{{ text }}")
    work = making.work(records())
    planned = forecast(plan(work, cache=memory), work, {})
    assert (planned.calls, planned.dollars.value, planned.seconds.value) == (0, 0.0, 0.0)
