"""Where a model answers, what its tokens cost, and the secrets that are read at the first call and never shown."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable
from urllib.parse import unquote, urlsplit, urlunsplit

from stagegap import redaction
from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.attempts import Failure, Patience
from stagegap.stages.wire import Heed, Received, Wire

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


def with_secrets(value: Json, environment: Mapping[str, str], *, stage: str) -> Json:
    """The value with each `{"$env": NAME}` replaced. Raises: ConfigurationError when one is not set."""
    if isinstance(value, Mapping):
        name = variable(value)
        if name:
            return value_of(name, environment, stage=stage)
        return {key: with_secrets(item, environment, stage=stage) for key, item in value.items()}
    if isinstance(value, list):
        return [with_secrets(item, environment, stage=stage) for item in value]
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
AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
"""Hosts that want the key in a header of their own."""
DEPLOYMENTS = "/openai/deployments/"
"""Part of the path of such a service behind a gateway."""


def missing_key(base_url: str | None, environment: Mapping[str, str]) -> str:
    """The variable that calls need where a stage names no key: "" where there is one, or the endpoint asks for none."""
    address = base_url or environment.get(ADDRESS) or OFFICIAL
    try:
        hostname = urlsplit(address).hostname or ""
    except ValueError:
        hostname = ""
    return KEY if _is_official(hostname) and not environment.get(KEY) else ""


def _is_official(hostname: str) -> bool:
    return hostname.endswith((".openai.com", *AZURE))


class Line:
    """A way to one model's endpoint, with its key: JSON out, whatever comes back."""

    def __init__(self, wire: Wire, url: Callable[[str], str]) -> None:
        """`url` makes the address of a path."""
        self._wire = wire
        self._url = url

    async def post(self, path: str, body: Mapping[str, Json]) -> Received | Failure:
        """What came back, or why nothing did that can be read."""
        # In the order as written: models fill the members of a schema in one after the other.
        return await self._wire.send(self._url(path), json.dumps(body).encode())

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()


class Endpoint:
    """Address, key and headers of one stage's provider."""

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
        self._is_azure = hostname.endswith(AZURE) or DEPLOYMENTS in parts.path
        place = parts.netloc.rpartition("@")[2]
        self.host = place
        self.address = urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", ""))
        """The address without user, password and query: it may be shown and hashed."""
        self._credentials = parts.netloc.rpartition("@")[0]
        self._key_name = variable(stage.parameters.get("api_key")) or KEY
        self._is_key_named = stage.parameters.get("api_key") is not None
        self._headers = cast("Mapping[str, Json]", stage.parameters.get("headers") or {})
        self._secrets = variables([self._headers, stage.parameters.get("extra_body")]) | variables_within(self._url)

    def open(self, *, patience: Patience, heed: Heed) -> Line:
        """A way to it that hands the headers of each answer to `heed`.

        Raises: ConfigurationError when the key, or another secret, is not set.
        """
        address = with_values(self._url, self._environment, stage=self._stage)
        parts = urlsplit(address)
        # The client would send user and password, too, and refuses that beside a key.
        place = parts.netloc.rpartition("@")[2]

        def url(path: str) -> str:
            return urlunsplit((parts.scheme, place, parts.path.rstrip("/") + path, parts.query, ""))

        return Line(Wire(patience, headers=self._sent_headers(), heed=heed), url)

    def _sent_headers(self) -> dict[str, str]:
        own = {name: str(self.with_secrets(value)) for name, value in self._headers.items()}
        is_authorized = bool({"authorization", "api-key", "x-api-key"} & {name.lower() for name in own})
        key = self._environment.get(self._key_name, "")
        if not key and (self._is_key_named or (self.is_official and not is_authorized)):
            value_of(self._key_name, {}, stage=self._stage)
        if key and (self._is_key_named or not is_authorized):
            return ({"api-key": key} if self._is_azure else {"Authorization": f"Bearer {key}"}) | own
        if self._credentials and not is_authorized:
            written = base64.b64encode(unquote(self._credentials).encode()).decode()
            return {"Authorization": f"Basic {written}"} | own
        return own

    def with_secrets(self, value: Json) -> Json:
        """The value with its secrets. Raises: ConfigurationError when one is not set."""
        return with_secrets(value, self._environment, stage=self._stage)

    def redacted(self, text: str) -> str:
        """The text on one line, without the secrets that a provider may have repeated."""
        values = [self._environment.get(name, "") for name in (self._key_name, *sorted(self._secrets))]
        return redacted(text, (*values, self._credentials))
