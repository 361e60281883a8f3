"""What a failed attempt means, and the sentence when it was waited for too long."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self

from stagegap.model.answer import Status
from stagegap.model.cascade import Stage


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
