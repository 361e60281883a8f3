"""Where a model answers, what its tokens cost, and the key that is read at the first call and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

from stagegap import redaction
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.failures import Failure, Meaning, Patience
from stagegap.stages.protocol import Reply

if TYPE_CHECKING:
    from openai import AsyncOpenAI

    from stagegap.stages.conversation import Heed


MOST_CHARACTERS = 500
_WITHIN = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A secret among the text of an address, by name."""


def variable(reference: Json) -> str:
    """The name of the environment variable that a secret stands for; "" where there is none.

    >>> variable({"$env": "KEY"}), variable("text")
    ('KEY', '')
    """
    return str(reference.get("$env", "")) if isinstance(reference, Mapping) else ""


def variables(value: Json) -> set[str]:
    """The names of all secrets in a value."""
    if isinstance(value, Mapping):
        name = variable(value)
        return {name} if name else {variable for item in value.values() for variable in variables(item)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {variable for item in value for variable in variables(item)}
    return set()


def variables_within(address: str) -> set[str]:
    """The names of the secrets that stand within an address.

    >>> variables_within("https://HOST/answer?key=${SERVICE_KEY}")
    {'SERVICE_KEY'}
    """
    return {name for name in _WITHIN.findall(address) if redaction.is_secret(name)}


def with_values(address: str, environment: Mapping[str, str], *, stage: str) -> str:
    """The address with its secrets. Raises: ConfigurationError when one is not set."""
    for name in variables_within(address):
        address = address.replace(f"${{{name}}}", value_of(name, environment, stage=stage))
    return address


def value_of(name: str, environment: Mapping[str, str], *, stage: str) -> str:
    """The value of a secret. Raises: ConfigurationError when it is not set."""
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError(f"Stage {stage!r} needs the environment variable {name}, which is not set.")
    return value


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text on one line, at most 500 characters, without the secrets.

    >>> redacted("wrong key:\\n sk-1", ["sk-1", ""])
    'wrong key: ***'
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, redaction.BLOT)
    return redaction.words(" ".join(text.split()))[:MOST_CHARACTERS]


MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """US dollars for a million tokens."""

    read: float
    written: float
    cached: float | None = None
    """For tokens read that the provider had in its cache; None counts them in full, an upper bound."""

    def cost(self, tokens_in: int, tokens_out: int, *, cached: int = 0) -> float:
        """US dollars; `cached` says how many of those read came from the provider's cache.

        >>> TokenPrice(2.0, 8.0).cost(1_000, 500), TokenPrice(2.0, 8.0, 0.2).cost(1_000, 500, cached=1_000)
        (0.006, 0.0042)
        """
        cheap = min(cached, tokens_in) if self.cached is not None else 0
        full = self.read * (tokens_in - cheap) + self.written * tokens_out
        return (full + (self.cached or 0.0) * cheap) / MILLION


LIST_PRICES = {
    "gpt-4o": TokenPrice(2.5, 10.0, 1.25),
    "gpt-4o-mini": TokenPrice(0.15, 0.6, 0.075),
    "gpt-4.1": TokenPrice(2.0, 8.0, 0.5),
    "gpt-4.1-mini": TokenPrice(0.4, 1.6, 0.1),
    "gpt-4.1-nano": TokenPrice(0.1, 0.4, 0.025),
    "gpt-5": TokenPrice(1.25, 10.0, 0.125),
    "gpt-5.1": TokenPrice(1.25, 10.0, 0.125),
    "gpt-5.4": TokenPrice(2.5, 15.0, 0.25),
    "gpt-5-mini": TokenPrice(0.25, 2.0, 0.025),
    "gpt-5-nano": TokenPrice(0.05, 0.4, 0.005),
    "o3": TokenPrice(2.0, 8.0, 0.5),
    "o4-mini": TokenPrice(1.1, 4.4, 0.275),
}
"""List prices of api.openai.com in March 2026, standard tier; a stage's `price` overrides them."""


@runtime_checkable
class Priced(Protocol):
    """Code of a stage whose calls may cost money."""

    @property
    def has_price(self) -> bool:
        """True when what a call cost is known afterwards."""
        ...

    def call_cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """US dollars of a call with so many tokens; None where it can't be known."""
        ...


def token_price(given: Json, model: str, *, is_official: bool) -> TokenPrice | None:
    """The price of a model: the file's own, otherwise that of the list; None when it is unknown.

    A name of the list behind another address says nothing about the price there. A dated model, as
    gpt-4o-2024-08-06, costs what its name without the date costs.
    """
    if isinstance(given, Mapping):
        cached = cast("float | None", given.get("cached"))
        return TokenPrice(cast("float", given["input"]), cast("float", given["output"]), cached)
    if not is_official:
        return None
    undated = model.rstrip("0123456789-") if model[-11:-10] == "-" and model[-10:].count("-") == 2 else model
    return LIST_PRICES.get(model) or LIST_PRICES.get(undated)


OFFICIAL = "https://api.openai.com/v1"
ADDRESS = "OPENAI_BASE_URL"
KEY = "OPENAI_API_KEY"
NO_KEY = "none"
"""Sent to endpoints of one's own that ask for no key: the client insists on one."""


def missing_key(base_url: str | None, environment: Mapping[str, str]) -> str:
    """The variable that calls need where a stage names no key: "" where there is one, or the endpoint asks for none."""
    address = base_url or environment.get(ADDRESS) or OFFICIAL
    try:
        hostname = urlsplit(address).hostname or ""
    except ValueError:
        hostname = ""
    return KEY if _is_official(hostname) and not environment.get(KEY) else ""


def _is_official(hostname: str) -> bool:
    return hostname.endswith((".openai.com", ".openai.azure.com"))


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
        self.is_official = _is_official(hostname)
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

        from stagegap.stages.conversation import bounded

        key = self._environment.get(self._key_name, "")
        if not key and (self._is_key_named or self.is_official):
            raise ConfigurationError(
                f"Stage {self._stage!r} needs the environment variable {self._key_name}, which is not set."
            )
        # Retries are ours, so that an interrupted run does not wait for them unseen.
        waits = httpx2.Timeout(patience.call_s, connect=patience.connect_s, read=patience.silence_s)
        return AsyncOpenAI(
            api_key=key or NO_KEY,
            base_url=with_values(self._url, self._environment, stage=self._stage),
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
