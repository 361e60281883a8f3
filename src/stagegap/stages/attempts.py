"""Asking a service until it answers: turns, retries, waits and the time-out that all of it must end in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stagegap.stages.failures import Failure
from stagegap.stages.pace import Providers, Rate
from stagegap.stages.protocol import Reply
from stagegap.stages.retries import RETRIES, wait_before

Ask = Callable[[], Awaitable[Reply | Failure]]


class Attempts:
    """Makes the attempts of one stage's calls; faults that do not pass become `infrastructure`."""

    def __init__(self, stage: Stage, *, host: str, providers: Providers, redacted: Callable[[str], str]) -> None:
        """`redacted` takes secrets out of what a service said."""
        self._timeout_s = stage.timeout_s
        self._provider = providers.of(host, stage.concurrency)
        self._timer = providers.timer
        self._rate = Rate(stage.limits, providers.timer)
        self._redacted = redacted
        # Jitter must differ between processes, and is no part of any result.
        self._draw = random.Random()

    async def until_answered(self, ask: Ask) -> Reply:
        """Ask, again where another attempt may help, within the time-out. Raises: what `ask` raises.

        Waiting for a turn is no part of the time-out: it is not the service that is slow then.
        """
        left = self._timeout_s
        provider = self._provider
        failures: list[Failure] = []
        while True:
            expected = await self._rate.admit()
            shared = await provider.rate.admit()
            async with provider.slot():
                start = self._timer.now()
                try:
                    async with asyncio.timeout(left):
                        reply = await ask()
                except TimeoutError:
                    self._rate.settle(expected, 0)
                    provider.rate.settle(shared, 0)
                    tried = f", after {failures[-1].message}" if failures else ""
                    return self._failed(f"no answer within {self._timeout_s:g} s{tried}")
                left -= self._timer.now() - start
            if isinstance(reply, Reply):
                used = (reply.tokens_in or 0) + (reply.tokens_out or 0)
                provider.answered(used)
                self._rate.settle(expected, used)
                provider.rate.settle(shared, used)
                return reply
            self._rate.settle(expected, 0)
            provider.rate.settle(shared, 0)
            failures.append(reply)
            wait_s = wait_before(len(failures) - 1, reply.headers, self._draw)
            if reply.is_limit:
                provider.hold(wait_s)
            if len(failures) > RETRIES or wait_s > left:
                return self._failed(f"{reply.message} ({len(failures)} attempts)")
            left -= wait_s
            if not reply.is_limit:
                await self._timer.sleep(wait_s)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer's headers say is left of the provider's limits."""
        self._provider.heed(headers)

    def _failed(self, message: str) -> Reply:
        return Reply(status=Status.INFRASTRUCTURE, error=self._redacted(message), is_reusable=False)
