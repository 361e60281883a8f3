"""What stages share and can't use at the same time, as the memory of a GPU: named pools of so many units."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Mapping


class Pools:
    """The pools of one run; who came first is served first, so that a large wish is not starved by small ones."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._free = dict(sizes)
        self._waiting: deque[tuple[Mapping[str, int], asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def hold(self, wanted: Mapping[str, int]) -> AsyncGenerator[None]:
        """Wait until all that is wanted is free, and keep it meanwhile; nothing wanted waits for nobody."""
        if not wanted:
            yield
            return
        await self._take(wanted)
        try:
            yield
        finally:
            self._give_back(wanted)

    async def _take(self, wanted: Mapping[str, int]) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._serve()
            else:
                self._give_back(wanted)
            raise

    def _give_back(self, wanted: Mapping[str, int]) -> None:
        for name, units in wanted.items():
            self._free[name] += units
        self._serve()

    def _serve(self) -> None:
        while self._waiting:
            wanted, turn = self._waiting[0]
            if not turn.done() and any(self._free[name] < units for name, units in wanted.items()):
                return
            self._waiting.popleft()
            if not turn.done():
                for name, units in wanted.items():
                    self._free[name] -= units
                turn.set_result(None)
