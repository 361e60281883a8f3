"""Asking a service until it answers: how fast, how often, the waits that it asks for, and when it is of no use."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Protocol

from stagegap.errors import ConfigurationError, RunStopped, near_names
from stagegap.model.answer import NOBODY, Attempt, Status
from stagegap.model.cascade import Limits, Stage
from stagegap.stages.attempts import Failure, Meaning
from stagegap.stages.protocol import Reply

RETRIES = 5
"""Further attempts after the first."""
FIRST_S = 0.5
CAP_S = 20.0
"""Longest wait that is not asked for by the provider."""
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_SPAN = re.compile(rf"(?:{_PART.pattern})+")


def wait_before(attempt: int, headers: Mapping[str, str], draw: random.Random) -> float:
    """The seconds to wait before the next attempt; `attempt` counts from 0.

    What the provider asks for counts. Otherwise full jitter: uniform between 0 and a limit that doubles up to a cap,
    so that calls that failed together do not come back together (Brooker, AWS Architecture Blog, 2015).

    >>> wait_before(0, {"retry-after": "3"}, random.Random(1))
    3.0
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        asked = _seconds(headers.get(name, ""))
        if asked is not None:
            return asked / unit
    waits = [reset_s for left, reset_s in remaining(headers).values() if left < 1]
    if waits:
        return max(waits)
    until = _until(headers.get("retry-after", ""), headers.get("date", ""))
    if until is not None:
        return until
    return draw.uniform(0, min(CAP_S, FIRST_S * 2**attempt))


def remaining(headers: Mapping[str, str]) -> dict[str, tuple[float, float]]:
    """What is left of a provider's limits by kind, `requests` and `tokens`, and the seconds until all is back.

    >>> remaining({"x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1m0.5s"})
    {'requests': (59.0, 60.5)}
    """
    limits: dict[str, tuple[float, float]] = {}
    for kind in ("requests", "tokens"):
        left = _seconds(headers.get(f"x-ratelimit-remaining-{kind}", ""))
        reset_s = _span(headers.get(f"x-ratelimit-reset-{kind}", ""))
        if left is not None and reset_s is not None:
            limits[kind] = (left, reset_s)
    return limits


def _span(text: str) -> float | None:
    """Read a length of time as providers write it: 6m0s, 20ms, 1h2m3.5s, or a number of seconds."""
    if not _SPAN.fullmatch(text):
        return _seconds(text)
    return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))


def _seconds(text: str) -> float | None:
    """Read a number of seconds."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _until(moment: str, now: str) -> float | None:
    """Read a date as seconds from the date of the answer itself: the provider's clock may differ from this one's."""
    try:
        seconds = (parsedate_to_datetime(moment) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError):
        # TypeError: one date has a time zone and the other none.
        return None
    return max(0.0, seconds)


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


MOST_DOUBTFUL = 10
"""Calls in a row that were refused by words that may be meant for all; then one that was accepted is made again."""
REFUSED_RETRIES = 3
"""Further attempts where nobody listens: at most 3.5 seconds, for a service that is just starting again."""
MOST_REFUSED = 3
"""Calls in a row that found nobody, from which on the others fail at once."""
PROBE_S = 10.0
"""After so long one call finds out whether somebody listens again."""
Ask = Callable[[], Awaitable[Reply | Failure]]


class Attempts:
    """Makes the attempts of one stage's calls; faults that do not pass become `infrastructure`."""

    def __init__(
        self, stage: Stage, *, host: str, address: str, providers: Providers, redacted: Callable[[str], str]
    ) -> None:
        """`address` is shown where no call can succeed; `redacted` takes secrets out of what a service said."""
        self._stage = stage.name
        self._timeout_s = stage.timeout_s
        self._provider = providers.of(host, stage.concurrency)
        self._timer = providers.timer
        self._rate = Rate(stage.limits, providers.timer)
        self._redacted = redacted
        self._host = host
        self._address = address
        self._refused = 0
        self._probe_at = 0.0
        self._accepted: Ask | None = None
        self._doubtful = 0
        self._is_finding_out = False
        # Jitter must differ between processes, and is no part of any result.
        self._draw = random.Random()

    async def until_answered(self, ask: Ask) -> Reply:
        """Ask, again where another attempt may help, within the time-out.

        Waiting for a turn is no part of the time-out: it is not the service that is slow then.
        Raises: RunStopped when no call can succeed; what `ask` raises.
        """
        if self._refused >= MOST_REFUSED:
            if self._timer.now() < self._probe_at:
                return self._failed(f"{NOBODY}{self._host}: not tried again after {self._refused} calls in a row")
            self._probe_at = self._timer.now() + PROBE_S
        left = self._timeout_s
        provider = self._provider
        failures: list[Failure] = []
        tried: list[Attempt] = []
        begun = math.nan
        while True:
            expected = await self._rate.admit()
            shared = await provider.rate.admit()
            async with provider.slot():
                start = self._timer.now()
                begun = start if math.isnan(begun) else begun
                try:
                    async with asyncio.timeout(left):
                        reply = await ask()
                except TimeoutError:
                    self._rate.settle(expected, 0)
                    provider.rate.settle(shared, 0)
                    last = f", after {failures[-1].message}" if failures else ""
                    late = Attempt(start - begun, self._timer.now() - start, Status.INFRASTRUCTURE, "no answer in time")
                    return self._failed(f"no answer within {self._timeout_s:g} s{last}", [*tried, late])
                took_s = self._timer.now() - start
                left -= took_s
            words = self._redacted(reply.error if isinstance(reply, Reply) else reply.message)
            tried.append(Attempt(start - begun, took_s, reply.status, words))
            used = (reply.tokens_in or 0) + (reply.tokens_out or 0) if isinstance(reply, Reply) else 0
            self._rate.settle(expected, used)
            provider.rate.settle(shared, used)
            if isinstance(reply, Reply) or reply.meaning is not Meaning.AGAIN:
                self._refused = 0
                decided = await self._decided(reply, ask, used)
                return replace(decided, attempts=tuple(tried)) if failures else decided
            failures.append(reply)
            wait_s = wait_before(len(failures) - 1, reply.headers, self._draw)
            if reply.is_limit:
                provider.hold(wait_s)
            if not reply.is_refused:
                self._refused = 0
            elif len(failures) > REFUSED_RETRIES or self._refused >= MOST_REFUSED or wait_s > left:
                return self._lost(f"{reply.message} ({len(failures)} attempts)", tried)
            if len(failures) > RETRIES or wait_s > left:
                return self._failed(f"{reply.message} ({len(failures)} attempts)", tried)
            left -= wait_s
            if not reply.is_limit:
                await self._timer.sleep(wait_s)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer's headers say is left of the provider's limits."""
        self._provider.heed(headers)

    async def _decided(self, reply: Reply | Failure, ask: Ask, used: int) -> Reply:
        """The reply of a call that needs no further attempt. Raises: RunStopped."""
        if isinstance(reply, Reply):
            self._accepted, self._doubtful = ask, 0
            self._provider.answered(used)
            return reply
        if reply.meaning is Meaning.STOP:
            raise self._stopped("refuses every call.", reply)
        error = self._redacted(reply.message)
        if reply.meaning is Meaning.RECORD:
            return Reply(status=reply.status, error=error, raw=reply.raw)
        # It may have been meant for everybody, so it is asked again by the next run.
        return await self._found_out(reply, Reply(status=reply.status, error=error, raw=reply.raw, is_reusable=False))

    async def _found_out(self, failure: Failure, reply: Reply) -> Reply:
        """The reply for an input that was refused, once it is not every input that is. Raises: RunStopped."""
        self._doubtful += 1
        if self._doubtful < MOST_DOUBTFUL or self._is_finding_out:
            return reply
        if self._accepted is None:
            raise self._stopped(f"refused all of the first {self._doubtful} calls.", failure)
        self._is_finding_out = True
        try:
            async with self._provider.slot(), asyncio.timeout(self._timeout_s):
                again = await self._accepted()
        except TimeoutError:
            return reply
        finally:
            self._is_finding_out = False
        if isinstance(again, Failure):
            if again.meaning is not Meaning.AGAIN:
                raise self._stopped("refuses what it accepted before.", failure)
            return reply
        self._doubtful = 0
        return replace(reply, tokens_in=again.tokens_in, tokens_out=again.tokens_out, cost=again.cost)

    def _stopped(self, what: str, failure: Failure) -> RunStopped:
        message = self._redacted(failure.message)
        return RunStopped(f"Stage {self._stage!r}: {self._address} {what} {message}")

    def _lost(self, message: str, tried: Sequence[Attempt]) -> Reply:
        """End a call that found nobody, and count it: after a few, the others need not find out for themselves."""
        self._refused += 1
        self._probe_at = self._timer.now() + PROBE_S
        return self._failed(f"{NOBODY}{self._host}: {message}", tried)

    def _failed(self, message: str, tried: Sequence[Attempt] = ()) -> Reply:
        attempts = tuple(tried) if len(tried) > 1 else ()
        error = self._redacted(message)
        return Reply(status=Status.INFRASTRUCTURE, error=error, attempts=attempts, is_reusable=False)
