from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

import pytest

from runner.engines.recipes import CODE, FromStages
from runner.making import TEXT, Build, Memory, run
from stagegap.errors import StagegapError
from stagegap.model.answer import Status
from stagegap.model.record import Record
from stagegap.runner import Work
from stagegap.runner.engines import Chunk, ChunkResult, Recipe, spread
from stagegap.runner.engines.dispatch import MOST
from stagegap.runner.engines.protocol import Worker

Records = Callable[..., list[Record]]


class Inside:
    """An engine without any process, which does to the parts of each chunk what a test says."""

    workers = 1

    def __init__(self, does: Callable[[int, list[ChunkResult]], list[ChunkResult]]) -> None:
        self._does = does
        self.chunks: list[Chunk] = []
        self.closed = 0

    async def open(self, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
        self._results: asyncio.Queue[ChunkResult] = asyncio.Queue()
        self._worker = Worker(recipe, fingerprints)

    async def submit(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        parts = [part async for part in self._worker.answers(chunk)]
        for result in self._does(len(self.chunks), parts):
            self._results.put_nowait(result)

    async def results(self) -> AsyncIterator[ChunkResult]:
        while True:
            yield await self._results.get()

    async def close(self) -> None:
        self.closed += 1


def work(making: Build, found: list[Record]) -> Work:
    making.python("size", "text", "return text")
    making.python("reply", "size=size", "return size")
    return making.work(found)


def carried_out(making: Build, found: list[Record], engine: Inside, memory: Memory) -> None:
    made = work(making, found)
    run(spread(made, engine, FromStages(tuple(making.stages), making.folder)), memory)


def whole(times: int, parts: list[ChunkResult]) -> list[ChunkResult]:
    return parts


def each_call_takes(latency_ms: float) -> Callable[[int, list[ChunkResult]], list[ChunkResult]]:
    """Whole chunks whose calls took the time a test says, not what this machine needed."""

    def timed(times: int, parts: list[ChunkResult]) -> list[ChunkResult]:
        return [
            replace(part, replies=tuple(replace(reply, latency_ms=latency_ms) for reply in part.replies))
            for part in parts
        ]

    return timed


def lost(chunk: int, *, is_cause: bool) -> ChunkResult:
    return ChunkResult(chunk, is_lost=True, is_cause=is_cause)


def test_chunks_grow_to_half_a_second_of_work_and_the_first_is_one_call(
    making: Build, records: Records, memory: Memory
) -> None:
    engine = Inside(each_call_takes(0.5))
    carried_out(making, records(*map(str, range(600))), engine, memory)
    sizes = [len(chunk.inputs) for chunk in engine.chunks if chunk.stage == "size"]
    assert sizes[0] == 1
    assert max(sizes) == MOST
    assert sum(sizes) == 600
    assert engine.closed == 1


def test_slow_calls_travel_alone(making: Build, records: Records, memory: Memory) -> None:
    engine = Inside(each_call_takes(1500.0))
    carried_out(making, records(*map(str, range(20))), engine, memory)
    assert {len(chunk.inputs) for chunk in engine.chunks} == {1}


def test_a_second_answer_of_a_call_is_dropped(making: Build, records: Records, memory: Memory) -> None:
    engine = Inside(lambda times, parts: [*parts, *parts])
    carried_out(making, records(*map(str, range(60))), engine, memory)
    assert len(memory.outputs) == 120
    assert memory.values("reply") == {f"r{n}": str(n) for n in range(60)}


def test_what_a_lost_worker_had_answered_is_not_asked_again(making: Build, records: Records, memory: Memory) -> None:
    kept: list[int] = []

    def cut(times: int, parts: list[ChunkResult]) -> list[ChunkResult]:
        calls = sum(len(part.replies) for part in parts)
        if kept or calls < 4:
            return parts
        kept.append(calls)
        first = replace(parts[0], replies=parts[0].replies[:3])
        return [first, lost(first.id, is_cause=True)]

    engine = Inside(cut)
    carried_out(making, records(*map(str, range(10))), engine, memory)
    asked = [str(call["text"]) for chunk in engine.chunks if chunk.stage == "size" for call in chunk.inputs]
    assert len(asked) == 10 + kept[0] - 3
    assert memory.values("reply") == {f"r{n}": str(n) for n in range(10)}


def test_chunks_that_only_waited_at_a_lost_worker_count_no_death(
    making: Build, records: Records, memory: Memory
) -> None:
    engine = Inside(lambda times, parts: parts if times > 8 else [lost(parts[0].id, is_cause=False)])
    carried_out(making, records("a", "b"), engine, memory)
    assert memory.values("reply") == {"r0": "a", "r1": "b"}


def test_a_call_that_takes_three_workers_with_it_is_infrastructure(
    making: Build, records: Records, memory: Memory
) -> None:
    engine = Inside(lambda times, parts: [lost(parts[0].id, is_cause=True)])
    carried_out(making, records("a", "b"), engine, memory)
    assert {output.status for output in memory.of("size").values()} == {Status.INFRASTRUCTURE}
    assert {output.status for output in memory.of("reply").values()} == {Status.BLOCKED}
    assert len(engine.chunks) == 6


def test_an_engine_that_can_not_take_a_chunk_ends_the_run_with_its_sentence(
    making: Build, records: Records, memory: Memory
) -> None:
    class Full(Inside):
        async def submit(self, chunk: Chunk) -> None:
            raise StagegapError("No worker answers.")

    with pytest.raises(StagegapError, match="No worker answers"):
        carried_out(making, records("a", "b"), Full(whole), memory)


def test_an_engine_that_was_never_needed_is_never_started(making: Build, memory: Memory) -> None:
    engine = Inside(whole)
    carried_out(making, [], engine, memory)
    assert (engine.chunks, engine.closed) == ([], 0)


def test_what_only_waits_is_asked_by_the_driver(making: Build, records: Records, memory: Memory) -> None:
    (making.folder / "stages.py").write_text(CODE)
    making.code = CODE
    making.add("upper", "python", "text", TEXT, {"function": "stages.py:upper"})
    making.add("shout", "python", "text=upper", TEXT, {"function": "stages.py:shout"})
    engine = Inside(whole)
    run(spread(making.work(records("a")), engine, FromStages(tuple(making.stages), making.folder)), memory)
    assert {chunk.stage for chunk in engine.chunks} == {"upper"}
    assert memory.values("shout") == {"r0": "A!"}
