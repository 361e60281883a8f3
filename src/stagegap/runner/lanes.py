"""One lane a stage: takes the cases that are ready for it, and delivers their outputs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from stagegap.errors import RunStopped
from stagegap.model.answer import Output, Status
from stagegap.runner.answers import Known, Sorted, without_secrets
from stagegap.runner.budget import Meter
from stagegap.runner.cases import Call, Case, Ready
from stagegap.runner.prepare import Pools
from stagegap.runner.work import Announce
from stagegap.stages.protocol import AsyncStage, BatchStage, Reply, warm

Pair: TypeAlias = tuple[Case, Output]
WAIT_S = 0.05
"""Pause before a call is looked for again that another run is making."""
LOOKUP = 8_192
"""Cases that the cache is asked for at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every lane of a cell is given."""

    deliver: Callable[[str, Sequence[Pair]], None]
    """Takes the outputs of a stage."""
    pass_on: Callable[[str, Sequence[Pair]], None]
    """Takes outputs that are stored and counted already."""
    room: Callable[[], Awaitable[None]]
    """Waits until the store has caught up."""
    stop: Callable[[str], None]
    """Asks for the end of the run."""
    meter: Meter
    threads: ThreadPoolExecutor
    pools: Pools
    clock: Callable[[], float]
    """Seconds from any start, never going back."""
    announce: Announce
    """Told which records a stage is asked for."""


async def run_batches(code: BatchStage, known: Known, ready: Ready, around: Surroundings) -> None:
    """Answer batch after batch in a worker thread, one at a time, until the queue closes.

    The cache is asked for all cases that are there, because a look into it costs the same for one as for thousands.
    While one batch is answered the next ones gather; a lone case never waits for company.
    """
    loop = asyncio.get_running_loop()
    stage, threads = known.wiring.stage, around.threads
    while cases := await ready.take(max(stage.batch, LOOKUP)):
        work = await loop.run_in_executor(threads, known.sort, cases)
        around.pass_on(stage.name, work.carried)
        around.deliver(stage.name, work.decided)
        async for some in _ours(known, work, stage.batch, around, is_over=lambda: ready.is_closed):
            if ready.is_closed:
                return
            batch = some[: await around.meter.admit(stage.name, len(some))]
            if not batch:
                return
            try:
                records = [work.open[call.key][0].record.id for call in (batch[0], batch[-1])]
                async with around.pools.hold(stage.resources):
                    with around.announce(stage.name, records, True):
                        pairs = await loop.run_in_executor(threads, _answered, code, known, work, batch, around.clock)
            except RunStopped as reason:
                around.stop(str(reason))
                return
            around.meter.settle(stage.name, len(batch), sum(o.cost or 0.0 for _, o in pairs if not o.cached))
            around.deliver(stage.name, pairs)
            await around.room()
        await around.room()


async def _ours(
    known: Known, work: Sorted, size: int, around: Surroundings, *, is_over: Callable[[], bool]
) -> AsyncIterator[Sequence[Call]]:
    """The calls that this run is to make, so many at once; what other runs answer meanwhile is delivered.

    A call that another run is making is waited for: until its answer is stored, or until that run lets go of it.
    """
    loop = asyncio.get_running_loop()
    calls: list[Call] = work.calls
    while calls:
        others: list[Call] = []
        for start in range(0, len(calls), size):
            some = calls[start : start + size]
            taken = known.claims.claim([call.key for call in some]) if known.claims is not None else ()
            if known.claims is None or known.claims.is_alone:
                yield some
                continue
            shared = await loop.run_in_executor(around.threads, known.shared_out, work, some, taken)
            around.deliver(known.wiring.stage.name, shared.answered)
            others.extend(shared.others)
            if shared.ours:
                yield shared.ours
        if is_over():
            return
        if len(others) == len(calls):
            await asyncio.sleep(WAIT_S)
        calls = others


def _answered(
    code: BatchStage, known: Known, work: Sorted, calls: Sequence[Call], clock: Callable[[], float]
) -> Sequence[Pair]:
    warm(code)
    start = clock()
    replies = code.answer_batch([call.inputs for call in calls])
    each_ms = round((clock() - start) * 1000 / len(calls), 4)
    replies = without_secrets(replies)
    return known.answered(work, calls, replies, latency_ms=each_ms)


class AsyncLane:
    """Many calls at once, as many as the stage's concurrency allows; equal calls in flight are one call."""

    def __init__(self, code: AsyncStage, known: Known, ready: Ready, around: Surroundings) -> None:
        self._code = code
        self._known = known
        self._ready = ready
        self._around = around
        self._stage = known.wiring.stage
        self._slots = asyncio.Semaphore(self._stage.concurrency)
        self._in_flight: dict[str, list[Case]] = {}
        self._is_stopping = False
        self._is_warm = False

    def stop(self) -> None:
        """Begin no further call; those in flight are awaited."""
        self._is_stopping = True

    async def run(self) -> None:
        """Answer until the queue closes."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as calls:
            while cases := await self._ready.take(LOOKUP):
                work = await loop.run_in_executor(self._around.threads, self._known.sort, cases)
                self._around.pass_on(self._stage.name, work.carried)
                self._around.deliver(self._stage.name, work.decided)
                if work.calls:
                    await self._warm_up()
                size = max(self._stage.concurrency, 1)
                async for some in _ours(self._known, work, size, self._around, is_over=lambda: self._is_stopping):
                    for call in some:
                        await self._begin(calls, call, work.open[call.key])
                await self._around.room()

    async def _warm_up(self) -> None:
        """Get the stage ready before its first call, in a thread; what it takes counts with no call."""
        if not self._is_warm:
            self._is_warm = True
            await asyncio.get_running_loop().run_in_executor(self._around.threads, warm, self._code)

    async def _begin(self, calls: asyncio.TaskGroup, call: Call, cases: list[Case]) -> None:
        if call.key in self._in_flight:
            self._in_flight[call.key].extend(cases)
            return
        # It may have been answered since the cache was asked.
        recent = self._known.recent(call.key)
        if recent is not None:
            pairs = [(case, self._known.shared(recent, case)) for case in cases]
            self._around.deliver(self._stage.name, pairs)
            return
        self._in_flight[call.key] = cases
        await self._around.room()
        await self._slots.acquire()
        if self._is_stopping or not await self._around.meter.admit(self._stage.name) or self._is_stopping:
            self._slots.release()
        else:
            calls.create_task(self._call(call))

    async def _call(self, call: Call) -> None:
        cost = 0.0
        try:
            async with self._around.pools.hold(self._stage.resources):
                start = self._around.clock()
                record = self._in_flight[call.key][0].record.id
                with self._around.announce(self._stage.name, [record], False):
                    reply = await self._code.answer(call.inputs)
                each_ms = round((self._around.clock() - start) * 1000, 4)
            cost = reply.cost or 0.0
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # by the run, not by the stage
            each_ms = 0.0
            reply = Reply(status=Status.INFRASTRUCTURE, error="the stage gave the call up", is_reusable=False)
        except RunStopped as reason:
            self._around.stop(str(reason))
            return
        finally:
            self._slots.release()
            self._around.meter.settle(self._stage.name, 1, cost)
        (reply,) = without_secrets([reply])
        cases = self._in_flight.pop(call.key)
        outputs = self._known.outputs(call.key, reply, cases, latency_ms=each_ms)
        self._known.remember(outputs[:1])
        self._around.deliver(self._stage.name, list(zip(cases, outputs, strict=True)))
