from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence

import pytest

from llm_server import LlmServer
from runner.making import TEXT, Build, Memory, run
from stagegap.errors import StoreBusy
from stagegap.model.answer import Output, Status
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM, Cell
from stagegap.runner import answers as writing
from stagegap.runner.answers import Writer
from stagegap.stages import Reply


def outputs(n: int, start: int = 0) -> list[Output]:
    return [Output(record=f"r{number}", stage="s", status=Status.OK) for number in range(start, start + n)]


def test_what_was_put_is_written_when_it_closes(memory: Memory) -> None:
    async def scenario() -> None:
        writer = Writer(memory, run="1", cell=SYSTEM)
        writing_task = asyncio.create_task(writer.run())
        writer.put(outputs(3))
        writer.close()
        await writing_task

    asyncio.run(scenario())
    assert [(run, cell, len(group)) for run, cell, group in memory.groups] == [("1", SYSTEM, 3)]


def test_nothing_put_is_nothing_written(memory: Memory) -> None:
    async def scenario() -> None:
        writer = Writer(memory, run="1", cell=SYSTEM)
        writer.put([])
        writer.close()
        await writer.run()

    asyncio.run(scenario())
    assert memory.groups == []


def test_a_few_outputs_are_written_soon_without_closing(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "DELAY_S", 0.01)

    async def scenario() -> None:
        writer = Writer(memory, run="1", cell=SYSTEM)
        task = asyncio.create_task(writer.run())
        for number in range(2):
            writer.put(outputs(1, start=number))
            await asyncio.to_thread(memory.wrote.wait)
            memory.wrote.clear()
        writer.close()
        await task

    asyncio.run(scenario())
    assert [len(group) for _, _, group in memory.groups] == [1, 1]


def test_a_full_group_does_not_wait(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "DELAY_S", 1e6)
    monkeypatch.setattr(writing, "GROUP", 5)

    async def scenario() -> None:
        writer = Writer(memory, run="1", cell=SYSTEM)
        task = asyncio.create_task(writer.run())
        writer.put(outputs(5))
        await asyncio.to_thread(memory.wrote.wait)
        writer.close()
        await task

    asyncio.run(scenario())
    assert len(memory.outputs) == 5


def test_what_was_paid_for_does_not_wait_for_company(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "DELAY_S", 1e6)

    async def scenario() -> None:
        writer = Writer(memory, run="1", cell=SYSTEM)
        task = asyncio.create_task(writer.run())
        writer.put(outputs(1))
        writer.put(outputs(1, start=1), is_paid=True)
        assert await asyncio.to_thread(memory.wrote.wait, 60)
        writer.close()
        await task

    asyncio.run(scenario())
    assert [len(group) for _, _, group in memory.groups] == [2]


class Reading:
    """A stage that answers once something was written, and says whether it was."""

    fingerprint, reads_record = "reading", False

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def answer_batch(self, inputs: Sequence[Mapping[str, Json]]) -> list[Reply]:
        was_written = self.memory.wrote.wait(60)
        return [Reply(value=str(was_written)) for _ in inputs]


def test_a_run_writes_what_a_model_answered_while_it_goes_on(
    making: Build,
    records: Callable[..., list[Record]],
    memory: Memory,
    server: LlmServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "DELAY_S", 1e6)
    (making.folder / "prompt.j2").write_text("{{ text }}")
    given = {"model": "m", "prompt": "prompt.j2", "base_url": server.base_url}
    making.add("model", "llm", "text", TEXT, given)
    making.python("reply", "model=model", "return model")
    work = making.work(records("a"))
    work.codes["reply"] = Reading(memory)  # type: ignore[index]  # the stage of a test in place of the user's
    run(work, memory)
    assert memory.values("reply") == {"r0": "True"}


class Slow(Memory):
    """Takes the first group and holds it until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = threading.Event()
        self.let_go = threading.Event()

    def append_outputs(self, run: str, cell: Cell, outputs: Sequence[Output]) -> None:
        self.holds.set()
        self.let_go.wait()
        super().append_outputs(run, cell, outputs)


def test_a_long_backlog_lets_the_run_wait_for_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GROUP", 2)
    monkeypatch.setattr(writing, "BACKLOG", 4)
    slow = Slow()

    async def scenario() -> None:
        writer = Writer(slow, run="1", cell=SYSTEM)
        task = asyncio.create_task(writer.run())
        writer.put(outputs(2))
        await asyncio.to_thread(slow.holds.wait)
        writer.put(outputs(3, start=2))
        await writer.room()
        writer.put(outputs(1, start=5))
        waiting = asyncio.create_task(writer.room())
        await asyncio.wait([waiting], timeout=0)
        assert not waiting.done()
        slow.let_go.set()
        await waiting
        writer.close()
        await task

    asyncio.run(scenario())
    assert len(slow.outputs) == 6


class Failing(Memory):
    def append_outputs(self, run: str, cell: Cell, outputs: Sequence[Output]) -> None:
        raise StoreBusy("Another program holds the file.")


def test_a_store_that_fails_is_told_to_the_next_who_puts_and_to_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "GROUP", 2)
    monkeypatch.setattr(writing, "BACKLOG", 2)

    async def scenario() -> None:
        writer = Writer(Failing(), run="1", cell=SYSTEM)
        task = asyncio.create_task(writer.run())
        writer.put(outputs(2))
        with pytest.raises(StoreBusy):
            await task
        await writer.room()
        with pytest.raises(StoreBusy):
            writer.put(outputs(1))

    asyncio.run(scenario())
