"""Where a model answers: the address, and the key that is read at the first call and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.cascade import Stage
from stagegap.stages.failures import Failure, Meaning
from stagegap.stages.patience import Patience
from stagegap.stages.protocol import Reply
from stagegap.stages.secrets import redacted, variable

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from stagegap.stages.wire import Heed

OFFICIAL = "https://api.openai.com/v1"
ADDRESS = "OPENAI_BASE_URL"
KEY = "OPENAI_API_KEY"
NO_KEY = "none"
"""Sent to endpoints of one's own that ask for no key: the client insists on one."""


class Endpoint:
    """Address and key of one stage's provider."""

    def __init__(self, stage: Stage, environment: Mapping[str, str]) -> None:
        self._stage = stage.name
        self._environment = environment
        self._url = str(stage.parameters.get("base_url") or environment.get(ADDRESS) or OFFICIAL)
        try:
            parts = urlsplit(self._url)
            hostname = parts.hostname or ""
        except ValueError:
            parts, hostname = urlsplit(""), ""
        if parts.scheme not in ("http", "https") or not hostname:
            raise ConfigurationError(f"Stage {stage.name!r}: base_url must be an address like {OFFICIAL}.")
        self.is_official = hostname.endswith((".openai.com", ".openai.azure.com"))
        place = parts.netloc.rpartition("@")[2]
        self.host = place
        self.address = urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
        """The address without user, password and query: it may be shown and hashed."""
        self._credentials = parts.netloc.rpartition("@")[0]
        self._key_name = variable(stage.parameters.get("api_key")) or KEY
        self._is_key_named = stage.parameters.get("api_key") is not None

    def open(self, *, patience: Patience, heed: Heed) -> AsyncOpenAI:
        """A client that hands the headers of each answer to `heed`.

        Raises: ConfigurationError when the key is not set.
        """
        import httpx2
        from openai import AsyncOpenAI, DefaultAioHttpClient

        from stagegap.stages.wire import bounded

        key = self._environment.get(self._key_name, "")
        if not key and (self._is_key_named or self.is_official):
            raise ConfigurationError(
                f"Stage {self._stage!r} needs the environment variable {self._key_name}, which is not set."
            )
        # Retries are ours, so that an interrupted run does not wait for them unseen.
        waits = httpx2.Timeout(patience.call_s, connect=patience.connect_s, read=patience.silence_s)
        return AsyncOpenAI(
            api_key=key or NO_KEY,
            base_url=self._url,
            max_retries=0,
            timeout=waits,
            # What comes compressed can be a thousand times as large as it looks.
            default_headers={"Accept-Encoding": "identity"},
            http_client=DefaultAioHttpClient(
                timeout=waits,
                event_hooks={"response": [bounded(heed)]},
            ),
        )

    def ended(self, failure: Failure) -> Reply | Failure:
        """How a failed attempt ends the call, or the failure itself where another attempt may help.

        Raises: RunStopped when no call of the stage can succeed.
        """
        if failure.meaning is Meaning.AGAIN:
            return failure
        message = self.redacted(failure.message)
        if failure.meaning is Meaning.STOP:
            raise RunStopped(f"Stage {self._stage!r}: {self.address} refuses every call. {message}")
        return Reply(status=failure.status, error=message)

    def redacted(self, text: str) -> str:
        """The text on one line, without the key or credentials that a provider may have repeated."""
        return redacted(text, (self._environment.get(self._key_name, ""), self._credentials))
