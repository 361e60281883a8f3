"""How fast a provider is called: waits that it asks for, limits of a stage, and fewer calls at once when it is hurt."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Limits
from stagegap.stages.retries import remaining

LONGEST_HOLD_S = 60.0
"""Longest time that nobody calls a provider; then one call finds out whether it answers again."""
MINUTE_S = 60.0


class Timer(Protocol):
    """A clock, and waiting by it."""

    def now(self) -> float:
        """Seconds from any start, never going back."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Wait."""
        ...


class LoopTimer:
    """The time of this machine."""

    def now(self) -> float:
        """Seconds from any start, never going back."""
        return time.monotonic()

    async def sleep(self, seconds: float, /) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Provider:
    """One host, shared by all stages that call it.

    When it asks for a wait, nobody calls it until the wait is over, and half as many calls at once are made afterwards;
    each answer gives back a part, so that one call more is made for each round of answers (AIMD; Chiu & Jain 1989).
    """

    def __init__(self, timer: Timer, limits: Limits | None = None) -> None:
        self._timer = timer
        self.rate = Rate(limits, timer)
        """What all stages together may ask of it."""
        self._most = 0
        self._limit = 0.0
        self._busy = 0
        self._until = timer.now()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._answers = 0
        self._tokens = 0

    @property
    def at_once(self) -> int:
        """Calls that may be under way at once."""
        return int(self._limit)

    def join(self, concurrency: int) -> None:
        """Count a stage in that makes so many calls at once."""
        self._most += concurrency
        self._limit = float(self._most)

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Wait until a call may be made, and be counted while it is."""
        await self._enter()
        try:
            yield
        finally:
            self._busy -= 1
            self._wake()

    def answered(self, tokens: int = 0) -> None:
        """Note a call that was not turned away, with the tokens that it used."""
        self._answers += 1
        self._tokens += tokens
        if self._limit < self._most:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)
            self._wake()

    def hold(self, seconds: float) -> None:
        """Let nobody call for a while. Calls that were under way together count as one reason."""
        now = self._timer.now()
        if now >= self._until:
            self._limit = max(1.0, self._limit / 2)
        self._until = max(self._until, now + min(seconds, LONGEST_HOLD_S))

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take in what the provider says is left of its limits, before it has to turn a call away.

        Nobody calls until the limits are back where nothing is left; where less is left than calls are under way, no
        more than that are made at once. Tokens count by what a call has used on average.
        """
        for kind, (left, reset_s) in remaining(headers).items():
            each = self._tokens / self._answers if kind == "tokens" and self._answers else 1.0
            calls = left / max(each, 1.0)
            if calls < 1:
                self._until = max(self._until, self._timer.now() + min(reset_s, LONGEST_HOLD_S))
            elif calls < self._busy:
                self._limit = max(1.0, min(self._limit, calls))

    async def _enter(self) -> None:
        while True:
            wait_s = self._until - self._timer.now()
            if wait_s > 0:
                await self._timer.sleep(wait_s)
            elif self._busy < self.at_once:
                self._busy += 1
                return
            else:
                waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(waiter)
                await waiter

    def _wake(self) -> None:
        free = self.at_once - self._busy
        while self._waiting and free > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                free -= 1


class Providers:
    """The hosts of one cascade, each once."""

    def __init__(self, timer: Timer | None = None, limits: Mapping[str, Limits] | None = None) -> None:
        """`limits` are those of hosts, shared by all stages that call them."""
        self.timer = timer or LoopTimer()
        self._limits = limits or {}
        self._by_host: dict[str, Provider] = {}

    def of(self, host: str, concurrency: int) -> Provider:
        """The provider at a host, with one more stage that makes so many calls at once."""
        provider = self._by_host.get(host)
        if provider is None:
            provider = self._by_host[host] = Provider(self.timer, self._limits.get(host))
        provider.join(concurrency)
        return provider

    def refuse_unused(self) -> None:
        """Name limits of a host that no stage calls. Raises: ConfigurationError."""
        for host in self._limits:
            if host not in self._by_host:
                near = near_names(host, self._by_host)
                raise ConfigurationError(f"`providers` limits {host!r}, which no stage calls. {near}".strip())


class Rate:
    """The limits of one stage: calls are spread so that no minute holds more calls or tokens.

    What a call will use is taken to be the mean of those before it, and put right once it is known.
    """

    def __init__(self, limits: Limits | None, timer: Timer) -> None:
        calls = limits.calls_per_minute if limits else None
        tokens = limits.tokens_per_minute if limits else None
        self._call_s = MINUTE_S / calls if calls else 0.0
        self._token_s = MINUTE_S / tokens if tokens else 0.0
        self._timer = timer
        self._next_call = self._next_token = timer.now()
        self._used = 0
        self._answers = 0

    async def admit(self) -> float:
        """Wait for a turn; give the tokens that were set aside, for `settle`."""
        if not self._call_s and not self._token_s:
            return 0.0
        now = self._timer.now()
        begin = max(now, self._next_call, self._next_token)
        expected = self._used / self._answers if self._answers else 0.0
        self._next_call = begin + self._call_s
        self._next_token = max(self._next_token, now) + expected * self._token_s
        if begin > now:
            await self._timer.sleep(begin - now)
        return expected

    def settle(self, expected: float, tokens: int) -> None:
        """Put right what a call has used; 0 when nobody knows."""
        self._used += tokens
        self._answers += 1
        self._next_token += (tokens - expected) * self._token_s
