"""Outputs on their way to the store, in groups: many small writes would cost more than the work."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from stagegap.model.answer import Output
from stagegap.model.run import Cell
from stagegap.runner.work import Sink

GROUP = 4_096
"""Outputs that are written at once."""
BACKLOG = 2 * GROUP
"""Outputs that may wait before the run waits for the store."""
DELAY_S = 0.2
"""How long an output may wait for company: with what is being written, all that a crash can lose."""
PAID_DELAY_S = 0.02
"""The same for an output that was paid for: a crash makes somebody pay again."""


class Writer:
    """Collects the outputs of one cell and hands them to the sink, one group at a time."""

    def __init__(self, sink: Sink, *, run: str, cell: Cell) -> None:
        self._sink = sink
        self._run = run
        self._cell = cell
        self._waiting: list[Output] = []
        self._failure: Exception | None = None
        self._is_closed = False
        self._came = asyncio.Event()
        self._is_full = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._hurry: asyncio.TimerHandle | None = None

    def put(self, outputs: Sequence[Output], *, is_paid: bool = False) -> None:
        """Take outputs; returns at once. Raises: what the sink raised earlier."""
        if self._failure is not None:
            raise self._failure
        if not outputs:
            return
        self._waiting.extend(outputs)
        self._came.set()
        if is_paid and self._hurry is None:
            self._hurry = asyncio.get_running_loop().call_later(PAID_DELAY_S, self._is_full.set)
        if len(self._waiting) >= GROUP:
            self._is_full.set()
        if len(self._waiting) >= BACKLOG:
            self._has_room.clear()

    async def room(self) -> None:
        """Wait until the store has caught up."""
        await self._has_room.wait()

    def close(self) -> None:
        """Say that nothing more comes: the rest is written and `run` ends."""
        self._is_closed = True
        self._came.set()
        self._is_full.set()

    async def run(self) -> None:
        """Write until closed. Raises: what the sink raises."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="stagegap-writer") as thread:
            while True:
                await self._came.wait()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._is_full.wait(), DELAY_S)
                group, self._waiting = self._waiting, []
                if self._hurry is not None:
                    self._hurry.cancel()
                    self._hurry = None
                if not self._is_closed:
                    self._came.clear()
                    self._is_full.clear()
                elif not group:
                    return
                self._has_room.set()
                try:
                    await loop.run_in_executor(thread, self._sink.append_outputs, self._run, self._cell, group)
                except Exception as error:
                    self._failure = error
                    self._has_room.set()
                    raise
