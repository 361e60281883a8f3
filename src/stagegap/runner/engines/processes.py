"""Worker processes of this machine: for Python stages that compute, where one interpreter uses one core."""

from __future__ import annotations

import asyncio
import contextlib
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from stagegap.errors import StagegapError
from stagegap.runner.engines.protocol import Chunk, ChunkResult, Recipe, Worker, versions
from stagegap.stages.guards import lift

READY = "ready"
"""First that a process sends."""
BEAT = "beat"
"""A sign of life: a process that computes sends them from a thread of its own."""
BEAT_S = 1.0


@contextlib.contextmanager
def _without_main_file() -> Generator[None]:
    """Keep a new process from running the program's own file once more: it needs nothing of it.

    A script without `if __name__ == "__main__"` would otherwise begin its work again in every worker.
    """
    main = sys.modules["__main__"]
    attributes = {name: value for name, value in vars(main).items() if name in ("__file__", "__spec__")}
    for name in attributes:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in attributes.items():
            setattr(main, name, value)


class Processes:
    """So many processes with a pipe each; one that dies is replaced, and what it had is reported as lost."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._made: list[_Process] = []
        self._results: asyncio.Queue[ChunkResult] = asyncio.Queue()
        self._is_closed = False
        self._stillborn = 0
        """Processes in a row that ended before they could work."""
        self._watching: asyncio.Task[None] | None = None

    async def open(self, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
        """Start the processes."""
        self._start = (recipe, dict(fingerprints), versions())
        self._loop = asyncio.get_running_loop()
        self._results = asyncio.Queue()
        self._is_closed = False
        self._senders = ThreadPoolExecutor(self.workers, thread_name_prefix="stagegap-send")
        for _ in range(self.workers):
            self._add()
        self._watching = asyncio.create_task(self._watch())

    async def submit(self, chunk: Chunk) -> None:
        """Hand a chunk to the process that has the least to do."""
        process = min(self._made, key=lambda process: len(process.open))
        process.open[chunk.id] = _Open(len(chunk.inputs), chunk.patience_s)
        # A process that is gone is noticed by who listens to it.
        with contextlib.suppress(OSError):
            await self._loop.run_in_executor(self._senders, process.send, chunk)

    async def results(self) -> AsyncIterator[ChunkResult]:
        """What came back, for ever."""
        while True:
            yield await self._results.get()

    async def close(self) -> None:
        """End the processes, whatever they do."""
        self._is_closed = True
        if self._watching is not None:
            self._watching.cancel()
        for process in self._made:
            process.process.kill()
        self._senders.shutdown(wait=True, cancel_futures=True)
        for process in self._made:
            await asyncio.to_thread(process.listener.join)
            process.process.join()
            process.process.close()
            process.pipe.close()
        self._made.clear()

    @property
    def pids(self) -> list[int]:
        """The processes' own numbers."""
        return [process.process.pid or 0 for process in self._made]

    def _add(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, *self._start), daemon=True)
        with _without_main_file():
            process.start()
        theirs.close()
        worker = _Process(process, ours)
        worker.listener = threading.Thread(target=self._listen, args=(worker,), name="stagegap-listen")
        self._made.append(worker)
        worker.listener.start()

    def _listen(self, process: _Process) -> None:
        """Take results in until the process is gone."""
        with contextlib.suppress(EOFError, OSError):
            process.is_born = process.pipe.recv() == READY
            while True:
                message = process.pipe.recv()
                process.heard = time.monotonic()
                if message != BEAT:
                    self._tell(self._taken, process, message)
        self._tell(self._gone, process)

    def _tell(self, what: object, *about: object) -> None:
        # The loop may have ended before the process did.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *about)  # pyright: ignore[reportArgumentType]  # one of the two below

    def _taken(self, process: _Process, result: ChunkResult) -> None:
        known = process.open.get(result.id)
        if known is not None:
            known.left -= len(result.replies)
            if known.left <= 0 or result.error is not None:
                del process.open[result.id]
        self._results.put_nowait(result)

    async def _watch(self) -> None:
        """End processes that have work and give no sign of life: foreign code that never lets go of the interpreter."""
        while True:
            await asyncio.sleep(BEAT_S)
            now = time.monotonic()
            for process in self._made:
                patience_s = max((chunk.patience_s for chunk in process.open.values()), default=math.inf)
                if process.is_born and now - process.heard > patience_s:
                    process.process.kill()  # who listens to it reports what it had

    def _gone(self, process: _Process) -> None:
        if self._is_closed:
            return
        self._made.remove(process)
        process.process.join()
        code = process.process.exitcode
        process.process.close()
        process.pipe.close()
        self._stillborn = 0 if process.is_born else self._stillborn + 1
        if self._stillborn > self.workers:
            error = StagegapError(f"The worker processes can't be started: one after the other ended with code {code}.")
            for chunk in [*process.open, *(chunk for other in self._made for chunk in other.open)]:
                self._results.put_nowait(ChunkResult(chunk, error=error))
            return
        self._add()
        for place, lost in enumerate(process.open):
            self._results.put_nowait(ChunkResult(lost, is_lost=True, is_cause=place == 0))


@dataclass(slots=True)
class _Open:
    """A chunk that a process has."""

    left: int
    """Calls of it that are not answered."""
    patience_s: float


@dataclass(eq=False, slots=True)
class _Process:
    process: BaseProcess
    pipe: Connection
    open: dict[int, _Open] = field(default_factory=dict[int, _Open])
    """Chunks that it has by their id, in the order in which it answers them."""
    is_born: bool = False
    """True once it works."""
    heard: float = field(default_factory=time.monotonic)
    """When it last said something."""
    listener: threading.Thread = field(default_factory=threading.Thread)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def send(self, chunk: Chunk) -> None:
        with self.turn:
            self.pipe.send(chunk)


def serve(pipe: Connection, recipe: Recipe, fingerprints: Mapping[str, str], driver: str) -> None:
    """Answer chunks until the driver is gone: the work of a worker process."""
    # Ctrl-C in the terminal is meant for the driver, which ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lift()
    serve_pipe(pipe, Worker(recipe, fingerprints, driver=driver))
    os._exit(0)  # whatever a thread of the user's still computes: nobody is left to tell


def serve_pipe(pipe: Connection, worker: Worker) -> None:
    """Answer what comes through a pipe until its other end is closed."""
    turn, ended = threading.Lock(), threading.Event()

    def say(message: object) -> None:
        with turn, contextlib.suppress(OSError):  # the driver is gone: the reader notices
            pipe.send(message)

    def beat() -> None:
        while not ended.wait(BEAT_S):
            say(BEAT)

    say(READY)
    beating = threading.Thread(target=beat, name="stagegap-beat", daemon=True)
    beating.start()
    asyncio.run(_serve(pipe, worker, say))
    ended.set()
    beating.join()


async def _serve(pipe: Connection, worker: Worker, say: Callable[[object], None]) -> None:
    loop = asyncio.get_running_loop()

    async def answer(chunk: Chunk) -> None:
        async for result in worker.answers(chunk):
            await loop.run_in_executor(None, say, result)

    answering: set[asyncio.Task[None]] = set()
    with contextlib.suppress(EOFError, OSError):
        while True:
            task = loop.create_task(answer(await loop.run_in_executor(None, pipe.recv)))
            answering.add(task)
            task.add_done_callback(answering.discard)
    for task in answering:
        task.cancel()
