"""Worker processes of this machine: for Python stages that compute, where one interpreter uses one core."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import sys
import threading
from collections.abc import AsyncIterator, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from stagegap.errors import StagegapError
from stagegap.runner.engines.protocol import Chunk, ChunkResult, Recipe, Worker

READY = "ready"
"""First that a process sends."""


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

    async def open(self, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
        """Start the processes."""
        self._start = (recipe, dict(fingerprints))
        self._loop = asyncio.get_running_loop()
        self._results = asyncio.Queue()
        self._is_closed = False
        self._senders = ThreadPoolExecutor(self.workers, thread_name_prefix="stagegap-send")
        for _ in range(self.workers):
            self._add()

    async def submit(self, chunk: Chunk) -> None:
        """Hand a chunk to the process that has the least to do."""
        process = min(self._made, key=lambda process: len(process.open))
        process.open.add(chunk.id)
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
                self._tell(self._taken, process, process.pipe.recv())
        self._tell(self._gone, process)

    def _tell(self, what: object, *about: object) -> None:
        # The loop may have ended before the process did.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what, *about)  # pyright: ignore[reportArgumentType]  # one of the two below

    def _taken(self, process: _Process, result: ChunkResult) -> None:
        process.open.discard(result.id)
        self._results.put_nowait(result)

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
        for lost in process.open:
            self._results.put_nowait(ChunkResult(lost, is_lost=True))


@dataclass(eq=False, slots=True)
class _Process:
    process: BaseProcess
    pipe: Connection
    open: set[int] = field(default_factory=set[int])
    """Chunks that it has."""
    is_born: bool = False
    """True once it works."""
    listener: threading.Thread = field(default_factory=threading.Thread)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def send(self, chunk: Chunk) -> None:
        with self.turn:
            self.pipe.send(chunk)


def serve(pipe: Connection, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
    """Answer chunks until the driver is gone: the work of a worker process."""
    # Ctrl-C in the terminal is meant for the driver, which ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve_pipe(pipe, Worker(recipe, fingerprints))


def serve_pipe(pipe: Connection, worker: Worker) -> None:
    """Answer what comes through a pipe until its other end is closed."""
    asyncio.run(_serve(pipe, worker))


async def _serve(pipe: Connection, worker: Worker) -> None:
    loop, turn = asyncio.get_running_loop(), threading.Lock()

    def give(result: ChunkResult) -> None:
        with turn:
            pipe.send(result)

    async def answer(chunk: Chunk) -> None:
        result = await worker.answer(chunk)
        await loop.run_in_executor(None, give, result)

    pipe.send(READY)
    async with asyncio.TaskGroup() as tasks:
        with contextlib.suppress(EOFError):
            while True:
                tasks.create_task(answer(await loop.run_in_executor(None, pipe.recv)))
