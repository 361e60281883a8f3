"""How long a provider is waited for, and the sentence when it was too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

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
