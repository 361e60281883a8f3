"""What a failed attempt means, and the sentence when it was waited for too long."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Self

from stagegap.model.answer import Attempt, Status
from stagegap.model.cascade import Stage
from stagegap.stages.protocol import Reply, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The three time-outs of a call, in seconds; the first counts over all attempts, the others for each."""

    call_s: float
    connect_s: float
    """Until a connection stands."""
    silence_s: float
    """Without a byte, before the first as between two."""

    @classmethod
    def of(cls, stage: Stage) -> Self:
        """The time-outs of a stage; what it does not say is the one of the whole call."""
        call_s = stage.timeout_s
        return cls(
            call_s=call_s,
            connect_s=call_s if stage.connect_timeout_s is None else min(call_s, stage.connect_timeout_s),
            silence_s=call_s if stage.silence_timeout_s is None else min(call_s, stage.silence_timeout_s),
        )

    def exceeded(self, error: BaseException | None) -> str:
        """Say which time-out an error of the connection, or one under it, stands for; "" when it is none."""
        import aiohttp

        while error is not None:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                return f"no connection within {self.connect_s:g} s"
            if isinstance(error, aiohttp.SocketTimeoutError):
                return f"no byte for {self.silence_s:g} s"
            error = error.__cause__
        return ""


class Meaning(Enum):
    """What to do after a failed attempt."""

    AGAIN = auto()
    """The fault may pass."""
    RECORD = auto()
    """This input gets no answer, however often it is sent; others may."""
    DOUBTFUL = auto()
    """This input gets no answer, and it may be that no other one does: what becomes of the others tells."""
    STOP = auto()
    """No call of this stage can succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A failed attempt."""

    meaning: Meaning
    message: str
    status: Status = Status.INFRASTRUCTURE
    """How the call ends when it is not tried again."""
    raw: str = ""
    """What the model wrote, where the provider shows it."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    is_limit: bool = False
    """True when the provider wants fewer calls, of everybody."""
    is_refused: bool = False
    """True when nobody listens at the address: no call can be answered before somebody does."""


UNREADABLE = Failure(meaning=Meaning.AGAIN, message="the provider's answer can't be read")
FAILED = Failure(meaning=Meaning.AGAIN, message="the provider says that it failed to answer")
TORN = Failure(meaning=Meaning.AGAIN, message="the answer's stream ended before the answer did")
LIMITS = frozenset({429, 529})
"""Too many calls; overloaded."""
PASSING = frozenset({408, 409, 425, 429})


def lost_connection(error: Exception, patience: Patience) -> Failure:
    """The failure for an error of the connection."""
    late = patience.exceeded(error)
    what = f"{type(error).__name__}: {error}".strip(": ")
    return Failure(
        meaning=Meaning.AGAIN, message=late or f"no connection: {what}", is_refused=not late and refused(error)
    )


def refused(error: BaseException | None) -> bool:
    """Whether an error of a connection, or one under it, says that nobody listens or that the host has no address."""
    while error is not None:
        if isinstance(error, ConnectionRefusedError | socket.gaierror):
            return True
        # Where a host has several addresses, all errors stand in one text.
        if isinstance(error, OSError) and (error.errno == errno.ECONNREFUSED or "Connect call failed" in str(error)):
            return True
        error = error.__cause__
    return False


def may_pass(status: int) -> bool:
    """Say whether a later attempt may end better than this HTTP status."""
    return status >= 500 or status in PASSING


UNREACHED = frozenset(
    {
        *("httpx.TransportError", "httpx2.TransportError", "requests.ConnectionError", "requests.Timeout"),
        *("requests.ChunkedEncodingError", "aiohttp.ClientConnectionError", "aiohttp.ClientPayloadError"),
        *("urllib3.HTTPError", "urllib.URLError", "http.IncompleteRead", "botocore.ConnectionError"),
        *("botocore.HTTPClientError", "openai.APIConnectionError", "anthropic.APIConnectionError"),
        *("litellm.APIConnectionError", "litellm.Timeout", "google.ServiceUnavailable", "google.DeadlineExceeded"),
    }
)
"""Errors of libraries that say that a service was not reached: first part of the module, and name; those below too."""
DEEPEST = 5


def is_unavailable(error: BaseException | None) -> bool:
    """Whether an exception of a user's function, or the one that it was raised from, is that of a service's absence.

    >>> is_unavailable(ConnectionResetError()), is_unavailable(ValueError("no such order"))
    (True, False)
    """
    for _ in range(DEEPEST):
        if error is None:
            return False
        if isinstance(error, Unavailable | ConnectionError | TimeoutError | socket.gaierror):
            return True
        status = _status_of(error)
        if status is not None:
            return may_pass(status)
        if any(f"{kind.__module__.partition('.')[0]}.{kind.__name__}" in UNREACHED for kind in type(error).__mro__):
            return True
        error = error.__cause__
    return False


def _status_of(error: BaseException) -> int | None:
    """The HTTP status that an exception is about, where clients put it; None where it is about none."""
    for thing in (getattr(error, "response", None), error):
        for name in ("status_code", "status", "code"):
            status: object = getattr(thing, name, None)
            if type(status) is int and 400 <= status < 600:
                return status
    return None


@dataclass(frozen=True, slots=True)
class Away:
    """A call whose service was away."""

    reply: Reply
    after_s: float | None
    """Seconds after which another call may help, where the function says so."""


class Tries:
    """The attempts of one call."""

    def __init__(self, waits_s: Sequence[float]) -> None:
        self._begun = self._last = time.monotonic()
        self._waits_s = waits_s
        self._attempts: list[Attempt] = []

    def wait_after(self, away: Away) -> float | None:
        """Seconds to wait before the next attempt; None where there is none."""
        count = len(self._attempts)
        self._note(away.reply)
        if count == len(self._waits_s):
            return None
        wait_s = self._waits_s[count] if away.after_s is None else max(0.0, away.after_s)
        self._last = time.monotonic() + wait_s
        return wait_s

    def told(self, reply: Reply) -> Reply:
        """The reply with the attempts that it took, where it took several."""
        if not self._attempts:
            return reply
        if reply.status is not Status.INFRASTRUCTURE:
            self._note(reply)
        return replace(reply, attempts=tuple(self._attempts))

    def _note(self, reply: Reply) -> None:
        took_s = time.monotonic() - self._last
        self._attempts.append(Attempt(self._last - self._begun, took_s, reply.status, reply.error))
