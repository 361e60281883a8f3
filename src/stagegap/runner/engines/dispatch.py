"""The driver's side of an engine: calls gather to chunks sized by time, and lost ones go out again."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stagegap.errors import StagegapError
from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stagegap.runner.engines.protocol import Chunk, ChunkResult, Engine, Recipe
from stagegap.runner.prepare import Pools
from stagegap.runner.work import Work
from stagegap.stages.protocol import AsyncStage, Inputs, Listed, Recorded, Reply, StageCode, Trained

CHUNK_S = 0.5
"""Work that travels together: the way costs little beside it, and little is lost with a worker."""
MOST = 256
"""Calls that travel together at most, where the stage does not take more at once."""
AHEAD = 2
"""Chunks of a stage for each worker: one at work, one that waits at its door."""
DEATHS = 3
"""Workers that a call alone may take with it before it is given up."""
MARGIN_S = 30.0
"""Beyond a call's own time-out, the silence after which a worker is taken for dead."""
MOST_AT_ONCE = 4_000
"""Calls of a stage that wait for the engine at once."""


def spread(work: Work, engine: Engine, recipe: Recipe, *, margin_s: float = MARGIN_S) -> Work:
    """The same work with every call that computes made by the engine's workers.

    What only waits for somebody else (a service, an async function) is asked by the driver, as without an engine: so
    its rate, its budget and its calls at once are counted in one place, and an answer that was paid for is durable when
    it comes. Recorded outputs are there already. What a stage's
    `fit` made is kept here, and answers here.
    """
    travelling = {
        name: code
        for name, code in work.codes.items()
        if not isinstance(code, AsyncStage | Recorded) and not (isinstance(code, Trained) and code.stays)
    }
    fingerprints = {name: code.fingerprint for name, code in travelling.items()}
    dispatcher = _Dispatcher(engine, recipe, fingerprints, margin_s)
    remote: dict[str, StageCode] = {
        stage.name: _Remote(stage, work.codes[stage.name], dispatcher)
        for stage in work.cascade.stages
        if stage.name in travelling
    }
    # The dispatcher holds what a stage needs of the resources, chunk by chunk, not call by call.
    stages = tuple(
        replace(stage, concurrency=MOST_AT_ONCE, resources={}) if stage.name in remote else stage
        for stage in work.cascade.stages
    )
    return replace(work, cascade=replace(work.cascade, stages=stages), codes={**work.codes, **remote})


class _Remote:
    """A stage whose calls are made elsewhere."""

    def __init__(self, stage: Stage, code: StageCode, dispatcher: _Dispatcher) -> None:
        self.fingerprint = code.fingerprint
        self.reads_record = code.reads_record
        group = stage.batch if isinstance(code, Listed) and code.takes_lists else 0
        self._queue = _Queue(stage, group)
        self._dispatcher = dispatcher

    def use(self, pools: Pools) -> None:
        """Share the resources of the run with the stages that are answered here."""
        self._dispatcher.pools = pools

    async def answer(self, inputs: Inputs) -> Reply:
        """Answer one input. Raises: what the stage raises on its worker."""
        return await self._dispatcher.answer(self._queue, inputs)

    async def close(self) -> None:
        """End the engine; the first stage that is closed does it for all."""
        await self._dispatcher.close()


@dataclass(slots=True)
class _Queue:
    """Calls of a stage that wait for a worker, and what a call takes."""

    stage: Stage
    group: int
    calls: deque[tuple[Inputs, asyncio.Future[Reply]]] = field(
        default_factory=deque[tuple[Inputs, "asyncio.Future[Reply]"]]
    )
    under_way: int = 0
    """Chunks that are with the engine."""
    seconds: float | None = None
    """What a call took lately; None before the first."""
    is_asked: bool = False
    """True while chunks are about to be made of what waits."""

    def size(self) -> int:
        """Calls of the next chunk: about half a second of work, whole groups of a stage that takes lists."""
        if self.seconds is None:
            return self.group or 1
        wanted = max(1, min(max(MOST, self.group), int(CHUNK_S / max(self.seconds, 1e-6))))
        return -(-wanted // self.group) * self.group if self.group else wanted

    def learn(self, replies: tuple[Reply, ...]) -> None:
        """Remember what a call took: halfway to what these took."""
        took = sum(reply.latency_ms or 0.0 for reply in replies) / 1000 / len(replies)
        self.seconds = took if self.seconds is None else (self.seconds + took) / 2


@dataclass(slots=True)
class _Pending:
    """A chunk that is with the engine."""

    chunk: Chunk
    queue: _Queue
    futures: list[asyncio.Future[Reply]]
    done: asyncio.Event
    answered: int = 0
    deaths: int = 0


@dataclass(slots=True)
class _Dispatcher:
    engine: Engine
    recipe: Recipe
    fingerprints: Mapping[str, str]
    margin_s: float
    pools: Pools = field(default_factory=lambda: Pools({}))
    _opening: asyncio.Task[None] | None = None
    _listening: asyncio.Task[None] | None = None
    _open: dict[int, _Pending] = field(default_factory=dict[int, _Pending])
    _carrying: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def answer(self, queue: _Queue, inputs: Inputs) -> Reply:
        if self._opening is None:
            self._opening = asyncio.create_task(self._begin())
        await asyncio.shield(self._opening)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        queue.calls.append((inputs, future))
        self._ask(queue)
        return await future

    async def close(self) -> None:
        if self._opening is None:
            return
        self._opening.cancel()
        for task in (self._listening, *self._carrying):
            if task is not None:
                task.cancel()
        self._open.clear()
        self._opening = self._listening = None
        await self.engine.close()

    async def _begin(self) -> None:
        await self.engine.open(self.recipe, self.fingerprints)
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for result in self.engine.results():
            self._take(result)

    def _ask(self, queue: _Queue) -> None:
        """Make chunks of what waits, once everybody who calls in this turn of the loop has called."""
        if not queue.is_asked:
            queue.is_asked = True
            asyncio.get_running_loop().call_soon(self._fill, queue)

    def _fill(self, queue: _Queue) -> None:
        queue.is_asked = False
        while queue.calls and queue.under_way < AHEAD * self.engine.workers:
            size = min(queue.size(), len(queue.calls))
            self._send(queue, [queue.calls.popleft() for _ in range(size)])

    def _send(self, queue: _Queue, calls: list[tuple[Inputs, asyncio.Future[Reply]]], *, deaths: int = 0) -> None:
        stage = queue.stage
        chunk = Chunk(
            next(self._numbers), stage.name, tuple(inputs for inputs, _ in calls), group=queue.group, most=stage.batch,
            patience_s=stage.timeout_s + self.margin_s,
        )  # fmt: skip
        pending = _Pending(chunk, queue, [future for _, future in calls], asyncio.Event(), deaths=deaths)
        queue.under_way += 1
        carrying = asyncio.create_task(self._carry(pending))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)

    async def _carry(self, pending: _Pending) -> None:
        """Send a chunk and wait until all of it is answered, or lost, with what the stage needs of the resources."""
        try:
            async with self.pools.hold(pending.queue.stage.resources):
                self._open[pending.chunk.id] = pending
                try:
                    await self.engine.submit(pending.chunk)
                except StagegapError as error:
                    self._take(ChunkResult(pending.chunk.id, error=error))
                await pending.done.wait()
        finally:
            pending.queue.under_way -= 1
        self._fill(pending.queue)

    def _take(self, result: ChunkResult) -> None:
        pending = self._open.get(result.id)
        if pending is None:
            return  # an answer of a chunk that was taken for lost: its calls are on their way again
        if result.error is not None:
            for future in pending.futures:
                _fail(future, result.error)
        elif result.is_lost:
            self._again(pending, is_cause=result.is_cause)
        else:
            self._settle(pending, result)
            if pending.answered < len(pending.futures):
                return
        del self._open[result.id]
        pending.done.set()

    def _settle(self, pending: _Pending, result: ChunkResult) -> None:
        """Each reply to who waits for it; what was answered before is not taken twice."""
        if not result.replies or result.first != pending.answered:
            return
        pending.queue.learn(result.replies)
        pending.answered += len(result.replies)
        for future, reply in zip(pending.futures[result.first :], result.replies, strict=False):
            if not future.done():
                future.set_result(reply)

    def _again(self, pending: _Pending, *, is_cause: bool) -> None:
        """Send what was lost once more.

        A worker answers its chunks one after the other, so only the first that it had can have killed it: its calls go
        out alone, and each that takes three workers with it is given up. All others go back to the head of their queue.
        """
        lost = list(zip(pending.chunk.inputs, pending.futures, strict=True))[pending.answered :]
        if not is_cause:
            pending.queue.calls.extendleft(reversed(lost))
        elif len(pending.chunk.inputs) == 1 and pending.deaths + 1 >= DEATHS:
            error = f"{DEATHS} workers died of this call, or never answered it"
            if not pending.futures[0].done():
                reply = Reply(status=Status.INFRASTRUCTURE, error=error, is_reusable=False)
                pending.futures[0].set_result(reply)
        else:
            deaths = pending.deaths + 1 if len(pending.chunk.inputs) == 1 else 0
            for call in lost:
                self._send(pending.queue, [call], deaths=deaths)


def _fail(future: asyncio.Future[Reply], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # heard: who waits for it may have been given up
