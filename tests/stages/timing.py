"""A clock that only moves when somebody waits by it, so that no test waits for time to pass."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Notes every wait; the time of a wait is over at once."""

    time: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float, /) -> None:
        self.waits.append(seconds)
        self.time = max(self.time, self.time + seconds)
        await asyncio.sleep(0)
