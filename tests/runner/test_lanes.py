from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from llm_server import LlmServer
from runner.making import TEXT, Build, Memory, run
from stagegap.errors import ConfigurationError
from stagegap.model.answer import Status
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.record import Json, Record
from stagegap.runner import lanes

Records = Callable[..., list[Record]]


@pytest.fixture
def llm(making: Build, server: LlmServer) -> Callable[..., Build]:
    """split -> draft (a model that answers its prompt) -> reply."""

    def make(*, concurrency: int = 4, **parameters: Json) -> Build:
        (making.folder / "prompt.j2").write_text("{{ text }}?")
        given: dict[str, Json] = {"model": "m", "prompt": "prompt.j2", "base_url": server.base_url, **parameters}
        making.python("split", "text", "return text.strip()")
        making.add("draft", "llm", "text=split", TEXT, given, concurrency=concurrency, timeout_s=30.0)
        making.python("reply", "draft=draft", "return draft.upper()")
        return making

    return make


def test_paid_calls_carry_tokens_cost_and_latency(llm: Callable[..., Build], records: Records, memory: Memory) -> None:
    summary = run(llm(price={"input": 1.0, "output": 2.0}).work(records("a", "b")), memory)
    assert memory.values("reply") == {"r0": "A?", "r1": "B?"}
    output = memory.of("draft")["r0"]
    assert (output.tokens_in, output.tokens_out, output.cost) == (10, 5, pytest.approx(2e-5))
    assert output.latency_ms is not None
    assert summary.cost == pytest.approx(4e-5)


def test_no_more_calls_at_once_than_the_stage_allows(
    llm: Callable[..., Build], records: Records, memory: Memory, server: LlmServer
) -> None:
    server.answers(latency_s=0.2)
    run(llm(concurrency=3).work(records(*map(str, range(9)))), memory)
    assert server.counters()["most_at_once"] == 3
    assert len(memory.values("reply")) == 9


def test_a_paid_call_is_never_made_twice_in_a_run_or_after_it(
    llm: Callable[..., Build], records: Records, memory: Memory, server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LOOKUP", 2)
    making = llm(concurrency=1)
    # While c waits for its turn, b is answered: the second b is known by the time that it would be called.
    texts = ["a", "b", "c", "b ", " a", "d", "d "]
    run(making.work(records(*texts)), memory)
    assert server.counters()["calls"] == 4
    assert memory.values("reply") == {f"r{number}": text.strip().upper() + "?" for number, text in enumerate(texts)}
    run(making.work(records(*texts), run="2"), memory)
    assert server.counters()["calls"] == 4
    assert sum(not output.cached for output in memory.outputs if output.stage == "draft") == 4


def test_a_time_out_of_the_provider_is_mended_by_the_next_run(
    llm: Callable[..., Build], records: Records, memory: Memory, server: LlmServer
) -> None:
    making = llm()
    server.answers(faults=["429"])
    making.stages[1] = dataclasses.replace(making.stages[1], timeout_s=5.0)
    run(making.work(records("a")), memory)
    failed = memory.of("draft")["r0"]
    assert (failed.status, failed.key) == (Status.INFRASTRUCTURE, "")
    assert memory.of("reply")["r0"].because is Status.INFRASTRUCTURE
    run(making.work(records("a"), run="2"), memory)
    assert memory.values("reply") == {"r0": "A?"}


def test_a_missing_key_ends_the_run_with_one_sentence(
    llm: Callable[..., Build], records: Records, memory: Memory
) -> None:
    with pytest.raises(ConfigurationError, match="needs the environment variable KEY"):
        run(llm(api_key={"$env": "KEY"}).work(records("a", "b")), memory)


def test_async_functions_run_like_models(making: Build, records: Records, memory: Memory) -> None:
    making.code = "import asyncio\n"
    making.python("draft", "text", "return text")
    making.code = making.code.replace("def draft", "async def draft").replace(
        "return", "await asyncio.sleep(0); return"
    )
    run(making.work(records("a", "b", "a")), memory)
    assert memory.values("draft") == {"r0": "a", "r1": "b", "r2": "a"}
    assert sum(output.cached for output in memory.outputs) == 1


def test_stages_that_share_a_resource_never_work_at_the_same_time(
    making: Build, records: Callable[..., list[Record]], memory: Memory
) -> None:
    making.code = (
        "import asyncio, threading\nBUSY = threading.Lock()\n"
        "def held():\n    assert BUSY.acquire(blocking=False), 'both at once'\n"
    )
    making.python("first", "text", "held()\n    BUSY.release()\n    return text", resources={"gpu": 1}, batch=1)
    making.code += (
        "async def second(text):\n    held()\n    await asyncio.sleep(0)\n    BUSY.release()\n    return text\n"
    )
    making.add("second", "python", "text", TEXT, {"function": "stages.py:second"}, resources={"gpu": 1})
    work = making.work(records(*"abcdefgh"))
    summary = run(dataclasses.replace(work, cascade=dataclasses.replace(work.cascade, resources={"gpu": 1})), memory)
    assert [tally.errors for tally in summary.tallies] == [0, 0]


def test_a_stage_is_got_ready_once_before_its_first_call_and_not_at_all_without_one(
    making: Build, records: Callable[..., list[Record]], memory: Memory
) -> None:
    making.code = "READY = []\ndef load():\n    READY.append(1)\n"
    making.code += "def plain(text):\n    return len(READY)\nasync def waiting(text):\n    return len(READY)\n"
    number = OutputType(kind=Kind.NUMBER)
    for name in ("plain", "waiting"):
        settings = {"function": f"stages.py:{name}", "warm_up": "stages.py:load"}
        making.add(name, "python", "text", number, settings, batch=2)
    run(making.work(records(*"abcde")), memory)
    assert set(memory.values("plain").values()) | set(memory.values("waiting").values()) <= {1, 2}
    before = making.work(records(*"abcde"), run="2")
    assert run(before, memory).calls == 0


def test_a_stage_that_cannot_be_got_ready_ends_the_run_with_a_sentence(
    making: Build, records: Callable[..., list[Record]], memory: Memory
) -> None:
    making.code = "def load():\n    raise OSError('no model here')\ndef plain(text):\n    return text\n"
    making.add("plain", "python", "text", TEXT, {"function": "stages.py:plain", "warm_up": "stages.py:load"})
    with pytest.raises(ConfigurationError, match=r"could not get the stage ready: OSError: no model here\."):
        run(making.work(records("a")), memory)
