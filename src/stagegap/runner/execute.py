"""Carry out the calls of a run: cell after cell, every stage of a cell at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

from stagegap.model.frozen import rare_collections
from stagegap.model.run import RunStatus
from stagegap.runner.answers import Known, Writer
from stagegap.runner.budget import Budget, Meter, counted, is_paid
from stagegap.runner.cases import Case, Cases, Ready, Wiring, repeats_of, scope_of
from stagegap.runner.lanes import AsyncLane, Pair, Surroundings, run_batches
from stagegap.runner.options import Stop, interrupts
from stagegap.runner.prepare import Pooled, Pools
from stagegap.runner.progress import Progress
from stagegap.runner.units import fans_of, together
from stagegap.runner.work import (
    Cache,
    Carrying,
    CellSummary,
    CellWork,
    Claims,
    CommonCache,
    Fresh,
    Releasing,
    Sink,
    Summary,
    Tally,
    Work,
)
from stagegap.stages.guards import Belongings, belongings_kept, end_if_robbed
from stagegap.stages.protocol import AsyncStage

NOTICE_S = 0.1
WINDOW = 8_192
"""Cases on their way at once: bounds memory, and is enough that no stage runs dry."""
HEAVY = 1_000
"""Characters up to which an output does not count: so many of those fit into the window."""
WINDOW_WEIGHT = 200_000_000
"""Characters of their outputs at once, from about which on no further case is let in."""
REFILL = 512
"""Cases are let in in groups of this size, so that the first stage keeps getting whole batches."""


def execute(
    work: Work,
    *,
    sink: Sink,
    cache: Cache,
    progress: Progress,
    clock: Callable[[], float] = time.perf_counter,
    stop: Stop | None = None,
) -> Summary:
    """Make every call that the cache does not know, and hand all outputs to the sink.

    Where other processes fill the cache too, no call is made that one of them is making: its answer is waited for.
    Ctrl-C begins no further call, awaits those in flight and writes what came; a second one gives them up. What was
    written is found in the cache by the next run. Where an event loop runs, as in a cell of a notebook, the work is
    done in a thread of its own.
    Raises: StoreError from the sink or the cache; ConfigurationError from a stage that can't work.
    """

    def carried_out() -> Summary:
        return asyncio.run(
            execute_async(work, sink=sink, cache=cache, progress=progress, clock=clock, stop=stop or Stop())
        )

    with rare_collections():
        try:
            return _aside(carried_out) if _is_loop_running() else carried_out()
        except BaseException:
            end_if_robbed()  # a loop whose files are closed does not get to the end of what it awaits
            raise


def _is_loop_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _aside(carried_out: Callable[[], Summary]) -> Summary:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(carried_out).result()


async def execute_async(
    work: Work, *, sink: Sink, cache: Cache, progress: Progress, clock: Callable[[], float], stop: Stop
) -> Summary:
    """Do what `execute` does, in a loop that runs already."""
    with (
        cache.claiming() if isinstance(cache, CommonCache) else contextlib.nullcontext() as claims,
        belongings_kept() as belongings,
    ):
        return await _carried_out(
            work, claims, belongings, sink=sink, cache=cache, progress=progress, clock=clock, stop=stop
        )


async def _carried_out(
    work: Work,
    claims: Claims | None,
    belongings: Belongings,
    *,
    sink: Sink,
    cache: Cache,
    progress: Progress,
    clock: Callable[[], float],
    stop: Stop,
) -> Summary:
    start = clock()
    stages = work.cascade.stages
    store = Fresh(work.fresh, sink=sink, cache=cache)
    sink = store if work.fresh else sink
    if claims is not None:
        sink = Releasing(sink, claims)
    wirings = {s.name: Wiring(work.cascade, s, work.codes[s.name], work.corpora, work.references) for s in stages}
    known = {
        name: Known(wiring, store.cache_of(name), work.carrier, None if name in work.fresh else claims)
        for name, wiring in wirings.items()
    }
    cells: list[CellSummary] = []
    budget = work.budget or Budget()
    meter = Meter(budget, counted(work.cascade), stop.request)
    threads = ThreadPoolExecutor(len(stages), thread_name_prefix="stagegap-stage")
    try:
        with interrupts(stop), _time_limit(budget, stop), _noticing(claims):
            for cell_work in work.cells:
                writer = Writer(sink, run=work.run, cell=cell_work.cell)
                cell = _CellRun(
                    work,
                    cell_work,
                    known=known,
                    writer=writer,
                    progress=progress,
                    stop=stop,
                    meter=meter,
                    belongings=belongings,
                )
                cells.append(cell.summary)
                await cell.run(threads, clock)
                if stop.reason:
                    break
    finally:
        threads.shutdown(wait=not stop.is_forced, cancel_futures=True)
        # Connections and processes serve all cells: to open them again for each would cost more than the calls.
        for code in work.codes.values():
            if isinstance(code, AsyncStage):
                await code.close()
    reason = stop.reason or _lost(cells)
    status = RunStatus.STOPPED if reason else RunStatus.DONE
    return Summary(status=status, cells=tuple(cells), seconds=clock() - start, error=reason)


def _lost(cells: Sequence[CellSummary]) -> str:
    """Say where answers are missing of a run that nobody stopped; empty where none is."""
    missing = {name: tally.total - tally.done for cell in cells for name, tally in cell.tallies.items()}
    name = next((name for name, count in missing.items() if count > 0), None)
    return f"Stage {name!r} lost {missing[name]:,} answers: they never came back." if name is not None else ""


class _CellRun:
    """The state of one cell while it runs; all of it belongs to the event loop's thread."""

    def __init__(
        self,
        work: Work,
        cell_work: CellWork,
        *,
        known: Mapping[str, Known],
        writer: Writer,
        progress: Progress,
        stop: Stop,
        meter: Meter,
        belongings: Belongings,
    ) -> None:
        cascade = work.cascade
        scope = scope_of(cascade, cell_work.cell, wants=cell_work.wants)
        self._repeats = repeats_of(cascade)
        most = max((self._repeats[stage.name] for stage in scope.runs), default=0)
        carries = () if work.carrier is None else cell_work.carries
        self._cases = Cases(scope, records=work.records, given=cell_work.given, repeats=most, carries=carries)
        self._run, self._carrier = work.run, work.carrier
        self._pools = Pools(cascade.resources)
        for code in work.codes.values():
            if isinstance(code, Pooled):
                code.use(self._pools)
        count = len(self._cases.taken_in)
        self._fans = fans_of(cascade, scope.runs)
        tallies = {
            stage.name: Tally(total=0 if stage.name in self._fans else count * self._repeats[stage.name])
            for stage in scope.runs
        }
        self.summary = CellSummary(cell=cell_work.cell, tallies=tallies, left_out=self._cases.left_out)
        self._known = {stage.name: known[stage.name] for stage in scope.runs}
        self._ready = {stage.name: Ready() for stage in scope.runs}
        children = {name: cascade.children(name) for name in self._ready}
        self._children = {name: [child for child in below if child in self._ready] for name, below in children.items()}
        self._paid = frozenset(stage.name for stage in scope.runs if is_paid(stage))
        self._lanes: list[AsyncLane] = []
        self._on_their_way = 0
        self._weight = 0
        self._writer = writer
        self._progress = progress
        self._stop = stop
        self._meter = meter
        self._belongings = belongings
        self._announce = work.announce

    async def run(self, threads: ThreadPoolExecutor, clock: Callable[[], float]) -> None:
        """Answer all cases, then wait until everything is written."""
        self._progress.begin(self.summary)
        writing = asyncio.create_task(self._writer.run())
        answering = asyncio.create_task(self._answer_all(threads, clock))
        self._stop.watch(on_request=self._wind_down, on_force=lambda: _cancel(answering))
        try:
            await answering
        except asyncio.CancelledError:
            if not self._stop.is_forced:
                raise
        finally:
            self._writer.close()
            try:
                await writing
            finally:
                self._progress.end()

    async def _answer_all(self, threads: ThreadPoolExecutor, clock: Callable[[], float]) -> None:
        around = Surroundings(
            deliver=self._deliver,
            pass_on=self._pass_on,
            room=self._writer.room,
            stop=self._stop.request,
            meter=self._meter,
            threads=threads,
            pools=self._pools,
            clock=clock,
            announce=self._announce,
        )
        if self._carrier is not None:
            carrying = Carrying(self._run, self._carrier, self._cases, self.summary.tallies)
            async for _ in carrying.chunks(threads):
                self._progress.update()
                if self._stop.reason:
                    break
        try:
            async with asyncio.TaskGroup() as group:
                for name, ready in self._ready.items():
                    group.create_task(self._lane(name, ready, around))
                self._let_in()
        except BaseExceptionGroup as failures:
            raise _first(failures) from None

    async def _lane(self, name: str, ready: Ready, around: Surroundings) -> None:
        known = self._known[name]
        code = known.wiring.code
        if isinstance(code, AsyncStage):
            lane = AsyncLane(code, known, ready, around)
            self._lanes.append(lane)
            await lane.run()
        else:
            await run_batches(code, known, ready, around)

    def _deliver(self, stage: str, pairs: Sequence[Pair]) -> None:
        """Take the outputs of a stage: count them, keep them, and pass each case on."""
        if not pairs:
            return
        self._belongings.mend()
        self._keep(stage, pairs)
        self._progress.update()
        self._let_in()

    def _keep(self, stage: str, pairs: Sequence[Pair]) -> None:
        """Count outputs, hand them to the store, and pass each case on."""
        self._move(stage, together(stage, pairs) if stage in self._fans else pairs)
        repeats = self._repeats[stage]
        outputs = [output for _, output in pairs if output.repeat < repeats]
        self.summary.tallies[stage].add(outputs)
        self._writer.put(outputs, is_paid=stage in self._paid)

    def _pass_on(self, stage: str, pairs: Sequence[Pair]) -> None:
        """Take outputs that are counted and kept already."""
        if pairs:
            self._move(stage, pairs)
            self._let_in()

    def _move(self, stage: str, pairs: Sequence[Pair]) -> None:
        """Let each case go on to the stages that wait for nothing else."""
        children = self._children[stage]
        moved: list[list[Case]] = [[] for _ in children]
        for case, output in pairs:
            case.outputs[stage] = output
            if output.weight > HEAVY:
                self._weight += output.weight
            case.left -= 1
            if not case.left:
                self._on_their_way -= 1
                if self._weight:
                    heavy = sum(own.weight for own in case.outputs.values() if own.weight > HEAVY)
                    self._weight = max(0, self._weight - heavy)
            for child, ready in zip(children, moved, strict=True):
                case.waits[child] -= 1
                if not case.waits[child]:
                    ready.append(case)
        for child, ready in zip(children, moved, strict=True):
            self._offer(child, ready)

    def _offer(self, stage: str, cases: Sequence[Case]) -> None:
        """Let cases wait for a stage, taken apart where it is asked unit by unit."""
        fan = self._fans.get(stage)
        if fan is None or not cases:
            self._ready[stage].put(cases)
            return
        waiting: list[Case] = []
        decided: list[Pair] = []
        empty: list[Pair] = []
        for case in cases:
            units = fan.cases(case)
            if case.repeat < self._repeats[stage]:
                self.summary.tallies[stage].total += len(units)
            waiting += [unit for unit, output in units if output is None]
            decided += [(unit, output) for unit, output in units if output is not None]
            if not units:
                empty.append((case, fan.empty(case)))
        self._ready[stage].put(waiting)
        if decided:
            self._keep(stage, decided)
        if empty:
            self._move(stage, empty)

    def _let_in(self) -> None:
        """Let further cases in where there is room; close all queues after the last."""
        while self._has_place() and (cases := self._cases.take(REFILL)):
            self._on_their_way += len(cases)
            for root, beginning in self._cases.beginnings(cases):
                self._offer(root, beginning)
        if not self._on_their_way:
            self._close()

    def _has_place(self) -> bool:
        return self._on_their_way + REFILL <= WINDOW and (not self._on_their_way or self._weight < WINDOW_WEIGHT)

    def _wind_down(self) -> None:
        for lane in self._lanes:
            lane.stop()
        self._close()

    def _close(self) -> None:
        for ready in self._ready.values():
            ready.close()


@contextlib.contextmanager
def _noticing(claims: Claims | None) -> Generator[None]:
    """Look every tenth of a second whether another run has come, which waits meanwhile."""

    async def notice(claims: Claims) -> None:
        while claims.is_alone:
            claims.notice()
            await asyncio.sleep(NOTICE_S)

    task = asyncio.create_task(notice(claims)) if claims is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


@contextlib.contextmanager
def _time_limit(budget: Budget, stop: Stop) -> Generator[None]:
    """Ask for the end when the time is over; what is under way is still awaited."""
    if budget.seconds is None:
        yield
        return
    timer = asyncio.get_running_loop().call_later(budget.seconds, stop.request, budget.used_up)
    try:
        yield
    finally:
        timer.cancel()


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first of the exceptions inside, however deep: the others followed from it or came too late."""
    first: BaseException = failures.exceptions[0]
    return _first(cast("BaseExceptionGroup[BaseException]", first)) if isinstance(first, BaseExceptionGroup) else first
