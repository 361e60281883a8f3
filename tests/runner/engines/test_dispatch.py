from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

from runner.engines.recipes import FromStages
from runner.making import Build, Memory, run
from stagegap.model.answer import Status
from stagegap.model.record import Record
from stagegap.runner import Work
from stagegap.runner.engines import Chunk, ChunkResult, Recipe, spread
from stagegap.runner.engines.protocol import Worker

Records = Callable[..., list[Record]]


class Inside:
    """An engine without any process, which does to each chunk what a test says."""

    workers = 1

    def __init__(self, does: Callable[[int, ChunkResult], list[ChunkResult]]) -> None:
        self._does = does
        self._seen: dict[int, int] = {}
        self.chunks: list[Chunk] = []
        self.closed = 0

    async def open(self, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
        self._results: asyncio.Queue[ChunkResult] = asyncio.Queue()
        self._worker = Worker(recipe, fingerprints)

    async def submit(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        times = self._seen[chunk.id] = self._seen.get(chunk.id, 0) + 1
        for result in self._does(times, await self._worker.answer(chunk)):
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


def carried_out(making: Build, found: list[Record], engine: Inside, memory: Memory, *, timeout_s: float = 60.0) -> None:
    made = work(making, found)
    stages = tuple(replace(stage, timeout_s=timeout_s) for stage in made.cascade.stages)
    made = replace(made, cascade=replace(made.cascade, stages=stages))
    run(spread(made, engine, FromStages(tuple(making.stages), making.folder), margin_s=0.0), memory)


def test_calls_travel_together_in_chunks_of_50(making: Build, records: Records, memory: Memory) -> None:
    engine = Inside(lambda times, result: [result])
    carried_out(making, records(*map(str, range(230))), engine, memory)
    assert max(len(chunk.inputs) for chunk in engine.chunks) == 50
    assert len(engine.chunks) < 2 * 230 / 20
    assert engine.closed == 1


def test_a_second_result_of_a_chunk_is_dropped(making: Build, records: Records, memory: Memory) -> None:
    engine = Inside(lambda times, result: [result, result])
    carried_out(making, records(*map(str, range(60))), engine, memory)
    assert len(memory.outputs) == 120
    assert memory.values("reply") == {f"r{n}": str(n) for n in range(60)}


def test_a_lost_chunk_goes_out_again_under_its_id(making: Build, records: Records, memory: Memory) -> None:
    engine = Inside(lambda times, result: [result if times > 1 else ChunkResult(result.id, is_lost=True)])
    carried_out(making, records("a", "b"), engine, memory)
    assert [chunk.id for chunk in engine.chunks] == [0, 0, 1, 1]
    assert memory.values("reply") == {"r0": "a", "r1": "b"}


def test_a_silent_worker_is_not_waited_for(making: Build, records: Records, memory: Memory) -> None:
    engine = Inside(lambda times, result: [result] if times > 1 else [])
    carried_out(making, records("a"), engine, memory, timeout_s=0.05)
    assert memory.values("reply") == {"r0": "a"}


def test_workers_that_all_stay_silent_are_infrastructure(making: Build, records: Records, memory: Memory) -> None:
    engine = Inside(lambda times, result: [])
    carried_out(making, records("a", "b"), engine, memory, timeout_s=0.05)
    assert {output.status for output in memory.of("size").values()} == {Status.INFRASTRUCTURE}
    assert {output.status for output in memory.of("reply").values()} == {Status.BLOCKED}


def test_an_engine_that_was_never_needed_is_never_started(making: Build, memory: Memory) -> None:
    engine = Inside(lambda times, result: [result])
    carried_out(making, [], engine, memory)
    assert (engine.chunks, engine.closed) == ([], 0)
