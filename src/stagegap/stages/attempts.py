"""Asking a service until it answers: retries, waits and the time-out that all of it must end in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from stagegap.model.answer import Status
from stagegap.stages.failures import Failure
from stagegap.stages.protocol import Reply
from stagegap.stages.retrying import RETRIES, wait_before

Pause = Callable[[float], Awaitable[None]]


class Attempts:
    """Makes the attempts of one stage's calls; faults that do not pass become `infrastructure`."""

    def __init__(self, *, timeout_s: float, pause: Pause, redacted: Callable[[str], str]) -> None:
        """`pause` waits so many seconds; `redacted` takes secrets out of what a service said."""
        self._timeout_s = timeout_s
        self._pause = pause
        self._redacted = redacted
        # Jitter must differ between processes, and is no part of any result.
        self._draw = random.Random()

    async def until_answered(self, ask: Callable[[], Awaitable[Reply | Failure]]) -> Reply:
        """Ask, again where another attempt may help, within the time-out. Raises: what `ask` raises."""
        failures: list[Failure] = []
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._retried(ask, failures)
        except TimeoutError:
            tried = f", after {failures[-1].message}" if failures else ""
            return self._failed(f"no answer within {self._timeout_s:g} s{tried}")

    async def _retried(self, ask: Callable[[], Awaitable[Reply | Failure]], failures: list[Failure]) -> Reply:
        """Ask until there is an answer; every failed attempt is added to `failures`."""
        while True:
            found = await ask()
            if isinstance(found, Reply):
                return found
            failures.append(found)
            wait_s = wait_before(len(failures) - 1, found.headers, self._draw)
            if len(failures) > RETRIES or wait_s > self._timeout_s:
                return self._failed(f"{found.message} ({len(failures)} attempts)")
            await self._pause(wait_s)

    def _failed(self, message: str) -> Reply:
        return Reply(status=Status.INFRASTRUCTURE, error=self._redacted(message), is_reusable=False)
