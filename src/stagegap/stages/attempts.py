"""Asking a service until it answers: turns, retries, waits and the time-out that all of it must end in."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

from stagegap.model.answer import NOBODY, Status
from stagegap.model.cascade import Stage
from stagegap.stages.failures import Failure
from stagegap.stages.pace import Providers, Rate
from stagegap.stages.protocol import Reply
from stagegap.stages.retries import RETRIES, wait_before

REFUSED_RETRIES = 3
"""Further attempts where nobody listens: at most 3.5 seconds, for a service that is just starting again."""
MOST_REFUSED = 3
"""Calls in a row that found nobody, from which on the others fail at once."""
PROBE_S = 10.0
"""After so long one call finds out whether somebody listens again."""
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
        self._host = host
        self._refused = 0
        self._probe_at = 0.0
        # Jitter must differ between processes, and is no part of any result.
        self._draw = random.Random()

    async def until_answered(self, ask: Ask) -> Reply:
        """Ask, again where another attempt may help, within the time-out. Raises: what `ask` raises.

        Waiting for a turn is no part of the time-out: it is not the service that is slow then.
        """
        if self._refused >= MOST_REFUSED:
            if self._timer.now() < self._probe_at:
                return self._failed(f"{NOBODY}{self._host}: not tried again after {self._refused} calls in a row")
            self._probe_at = self._timer.now() + PROBE_S
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
                self._refused = 0
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
            if not reply.is_refused:
                self._refused = 0
            elif len(failures) > REFUSED_RETRIES or self._refused >= MOST_REFUSED or wait_s > left:
                return self._lost(f"{reply.message} ({len(failures)} attempts)")
            if len(failures) > RETRIES or wait_s > left:
                return self._failed(f"{reply.message} ({len(failures)} attempts)")
            left -= wait_s
            if not reply.is_limit:
                await self._timer.sleep(wait_s)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer's headers say is left of the provider's limits."""
        self._provider.heed(headers)

    def _lost(self, message: str) -> Reply:
        """End a call that found nobody, and count it: after a few, the others need not find out for themselves."""
        self._refused += 1
        self._probe_at = self._timer.now() + PROBE_S
        return self._failed(f"{NOBODY}{self._host}: {message}")

    def _failed(self, message: str) -> Reply:
        return Reply(status=Status.INFRASTRUCTURE, error=self._redacted(message), is_reusable=False)
