"""The driver's side of an engine: calls gather to chunks, lost chunks go out again, a second result is dropped."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stagegap.runner.engines.protocol import Chunk, ChunkResult, Engine, Recipe
from stagegap.runner.work import Work
from stagegap.stages.protocol import AsyncStage, Inputs, Recorded, Reply, StageCode

CHUNK = 50
"""Calls that travel together at most."""
GATHER_S = 0.002
"""How long a call waits for others to travel with."""
DEATHS = 3
"""Workers that a call may take with it before it is given up."""
MARGIN_S = 30.0
"""Beyond the time-outs of its calls, the time after which a chunk without an answer counts as lost."""
MOST_AT_ONCE = 4_000


def spread(work: Work, engine: Engine, recipe: Recipe, *, margin_s: float = MARGIN_S) -> Work:
    """The same work with every call made by the engine's workers."""
    fingerprints = {name: code.fingerprint for name, code in work.codes.items()}
    dispatcher = _Dispatcher(engine, recipe, fingerprints, margin_s)
    stages = tuple(_wider(stage, work.codes[stage.name], engine.workers) for stage in work.cascade.stages)
    remote: dict[str, StageCode] = {
        stage.name: code if isinstance(code, Recorded) else _Remote(stage, code, dispatcher)
        for stage in work.cascade.stages
        for code in (work.codes[stage.name],)
    }
    return replace(work, cascade=replace(work.cascade, stages=stages), codes=remote)


def _wider(stage: Stage, code: StageCode, workers: int) -> Stage:
    """Enough calls at once for two chunks a worker, of a stage that takes batches; others keep their own limit."""
    if isinstance(code, AsyncStage):
        return stage
    return replace(stage, concurrency=min(MOST_AT_ONCE, 2 * workers * CHUNK))


class _Remote:
    """A stage whose calls are made elsewhere."""

    def __init__(self, stage: Stage, code: StageCode, dispatcher: _Dispatcher) -> None:
        self.fingerprint = code.fingerprint
        self.reads_record = code.reads_record
        self._stage = stage
        self._dispatcher = dispatcher

    async def answer(self, inputs: Inputs) -> Reply:
        """Answer one input. Raises: what the stage raises on its worker."""
        return await self._dispatcher.answer(self._stage, inputs)

    async def close(self) -> None:
        """End the engine; the first stage that is closed does it for all."""
        await self._dispatcher.close()


@dataclass(slots=True)
class _Pending:
    chunk: Chunk
    futures: list[asyncio.Future[Reply]]
    patience_s: float
    is_suspect: bool = False
    """True for a call that two workers have been lost with."""
    deaths: int = 0
    silence: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Dispatcher:
    engine: Engine
    recipe: Recipe
    fingerprints: Mapping[str, str]
    margin_s: float
    _opening: asyncio.Task[None] | None = None
    _listening: asyncio.Task[None] | None = None
    _gathering: dict[str, list[tuple[Inputs, asyncio.Future[Reply]]]] = field(
        default_factory=dict[str, list[tuple[Inputs, "asyncio.Future[Reply]"]]]
    )
    _open: dict[int, _Pending] = field(default_factory=dict[int, _Pending])
    _suspects: deque[_Pending] = field(default_factory=deque[_Pending])
    _sending: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def answer(self, stage: Stage, inputs: Inputs) -> Reply:
        if self._opening is None:
            self._opening = asyncio.create_task(self._begin())
        await asyncio.shield(self._opening)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        waiting = self._gathering.setdefault(stage.name, [])
        waiting.append((inputs, future))
        if len(waiting) >= CHUNK:
            self._send_off(stage)
        elif len(waiting) == 1:
            asyncio.get_running_loop().call_later(GATHER_S, self._send_off, stage)
        return await future

    async def close(self) -> None:
        if self._opening is None:
            return
        self._opening.cancel()
        for task in (self._listening, *self._sending):
            if task is not None:
                task.cancel()
        for pending in self._open.values():
            _hush(pending)
        self._open.clear()
        self._gathering.clear()
        self._suspects.clear()
        self._opening = self._listening = None
        await self.engine.close()

    async def _begin(self) -> None:
        await self.engine.open(self.recipe, self.fingerprints)
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for result in self.engine.results():
            self._take(result)

    def _send_off(self, stage: Stage) -> None:
        waiting = self._gathering.pop(stage.name, [])
        if waiting:
            chunk = Chunk(next(self._numbers), stage.name, tuple(inputs for inputs, _ in waiting))
            patience_s = stage.timeout_s + self.margin_s
            self._dispatch(_Pending(chunk, [future for _, future in waiting], patience_s))

    def _dispatch(self, pending: _Pending) -> None:
        chunk = pending.chunk
        self._open[chunk.id] = pending
        # A worker that can't be placed, or a network that is cut, says nothing at all.
        pending.silence = asyncio.get_running_loop().call_later(
            pending.patience_s, self._take, ChunkResult(chunk.id, is_lost=True)
        )
        sending = asyncio.create_task(self.engine.submit(chunk))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    def _take(self, result: ChunkResult) -> None:
        pending = self._open.pop(result.id, None)
        if pending is None:
            return  # a second result of a chunk that was dispatched twice
        _hush(pending)
        if result.is_lost:
            self._again(pending)
        else:
            _settle(pending, result)
        if pending.is_suspect:
            self._next_suspect()

    def _again(self, pending: _Pending) -> None:
        """Dispatch again what was lost.

        A chunk goes out as it is once: its worker may have been killed from outside, or by another chunk. After that
        each of its calls is a suspect, and suspects go out one at a time, so that whose worker dies has killed it.
        """
        pending.deaths += 1
        if pending.is_suspect:
            self._suspected_again(pending)
        elif pending.deaths == 1:
            self._dispatch(pending)
        else:
            for inputs, future in zip(pending.chunk.inputs, pending.futures, strict=True):
                alone = Chunk(next(self._numbers), pending.chunk.stage, (inputs,))
                self._suspects.append(_Pending(alone, [future], pending.patience_s, is_suspect=True))
            self._next_suspect()

    def _suspected_again(self, pending: _Pending) -> None:
        (future,) = pending.futures
        if pending.deaths < DEATHS:
            self._suspects.appendleft(pending)
        elif not future.done():
            error = f"{DEATHS} workers died of this call, or never answered it"
            future.set_result(Reply(status=Status.INFRASTRUCTURE, error=error, is_reusable=False))

    def _next_suspect(self) -> None:
        if self._suspects and not any(pending.is_suspect for pending in self._open.values()):
            self._dispatch(self._suspects.popleft())


def _settle(pending: _Pending, result: ChunkResult) -> None:
    """The reply of each call, or the error."""
    for place, future in enumerate(pending.futures):
        if future.done():
            continue
        if result.error is not None:
            future.set_exception(result.error)
            future.exception()  # heard: who waits for it may have been given up
        else:
            future.set_result(result.replies[place])


def _hush(pending: _Pending) -> None:
    if pending.silence is not None:
        pending.silence.cancel()
