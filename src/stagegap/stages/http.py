"""Stages that ask a JSON service over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, StringConstraints, Tag

from stagegap.errors import ConfigurationError, RunStopped, near_names
from stagegap.model.answer import Status
from stagegap.model.cascade import Stage
from stagegap.model.record import Json
from stagegap.stages.acceptance import Check, Rejected, check_for, output_identity
from stagegap.stages.canonical import canonical, digest, parsed
from stagegap.stages.endpoint import redacted, value_of, variable, variables, variables_within, with_values
from stagegap.stages.failures import LIMITS, UNREADABLE, Failure, Meaning, Patience, may_pass, refused
from stagegap.stages.kinds import Draft, StageKind, Surroundings
from stagegap.stages.pace import Attempts, Providers
from stagegap.stages.protocol import Inputs, Reply
from stagegap.stages.settings import Block, Free, Parameters, Problem, Remark, Secret, Text, address_problem, shape
from stagegap.stages.templates import NotThere, TemplateError, ValueTemplate, picked

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

MOST_BYTES = 10_000_000
"""An answer larger than this, decompressed, is given up."""
CHUNK = 65_536
KEPT = 20_000
"""Characters of an answer that are kept in place of a value."""
INPUT_REFUSED = frozenset({400, 409, 413, 422})
"""Statuses that speak of one input; other 4xx speak of every call."""


Path = Annotated[str, StringConstraints(pattern=r"^[^.]+(\.[^.]+)*$")]
"""Keys and positions with dots between."""
Header = Annotated[Annotated[Text, Tag("<one>")] | Annotated[Secret, Tag("<mapping>")], Discriminator(shape)]


class HttpWith(Block):
    """Any service that answers with JSON."""

    url: Text
    """Where it answers; a secret in it stands as ${NAME}, is read at the first call and never stored."""
    method: Literal["POST", "GET", "PUT", "PATCH"] = "POST"
    """GET sends the inputs in the address; the others send JSON."""
    headers: dict[Text, Header] = Field(default_factory=dict[str, Header])
    """Header -> value; ${NAME} is read at the first call and never stored."""
    token: Secret | None = None
    """Only as ${NAME}; sent as the header `Authorization: Bearer ...`."""
    body: dict[Text, Free] | None = None
    """What is sent, with inputs as "{{ NAME }}"; the inputs by name when not given."""
    answer: Path | None = None
    """Where the answer stands in the JSON, as data.items.0.label; the whole of it when not given."""
    confidence: Path | None = None
    """Where a confidence in [0, 1] stands."""
    price: Annotated[float, Field(ge=0)] | None = None
    """US dollars a call, for the plan and the budget."""


def build_http(stage: Stage, around: Surroundings) -> HttpStage:
    """The stage that asks a service; `providers` are those that all stages of the cascade share.

    Raises: ConfigurationError for a body that is no template, or that reads what is no input.
    """
    given = stage.parameters
    corpus = around.corpora.get(stage.output.of or "")
    try:
        body = ValueTemplate(given.get("body"))
    except TemplateError as error:
        raise ConfigurationError(f"Stage {stage.name!r}: {error}.") from None
    settings = {name: given.get(name) for name in ("url", "method", "headers", "body", "answer", "confidence")}
    return HttpStage(
        stage,
        service=Service(stage, around.environment),
        body=body if given.get("body") is not None else None,
        check=check_for(stage.output, corpus.documents if corpus else ()),
        fingerprint=digest(["http", settings, output_identity(stage.output, corpus)]),
        providers=around.providers,
    )


class Service:
    """Address, headers and secrets of one stage's service; secrets are read at the first call and never shown."""

    def __init__(self, stage: Stage, environment: Mapping[str, str]) -> None:
        given = stage.parameters
        self.method = str(given.get("method", "POST"))
        self.url = str(given["url"])
        """As the file has it: secrets by name."""
        parts = urlsplit(self.url)
        self.host = parts.netloc
        self.address = f"{parts.scheme}://{parts.netloc}{parts.path}"
        """The address without its query: it may be shown."""
        self._stage = stage.name
        self._environment = environment
        self._headers = cast("Mapping[str, Json]", given.get("headers") or {})
        self._token = variable(given.get("token"))
        self._names = variables([given.get("token"), given.get("headers"), given.get("body")])
        self._names |= variables_within(self.url)

    def opened_url(self) -> str:
        """The address with its secrets. Raises: ConfigurationError when one is not set."""
        return with_values(self.url, self._environment, stage=self._stage)

    def headers(self) -> dict[str, str]:
        """The headers with their secrets. Raises: ConfigurationError when one is not set."""
        sent = {name: str(self.with_secrets(value)) for name, value in self._headers.items()}
        if self._token:
            sent["Authorization"] = f"Bearer {value_of(self._token, self._environment, stage=self._stage)}"
        return sent

    def with_secrets(self, value: Json) -> Json:
        """The value with each `{"$env": NAME}` replaced. Raises: ConfigurationError when one is not set."""
        if isinstance(value, Mapping):
            name = variable(value)
            if name:
                return value_of(name, self._environment, stage=self._stage)
            return {key: self.with_secrets(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.with_secrets(item) for item in value]
        return value

    def redacted(self, text: str) -> str:
        """The text on one line without the secrets."""
        return redacted(text, [self._environment.get(name, "") for name in self._names])


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one call sends."""

    json: bytes | None
    query: Mapping[str, str]


class HttpStage:
    """One request a call. Connections are opened at the first call and kept for all others."""

    reads_record = False

    def __init__(
        self,
        stage: Stage,
        *,
        service: Service,
        body: ValueTemplate | None,
        check: Check,
        fingerprint: str,
        providers: Providers,
    ) -> None:
        self.fingerprint = fingerprint
        self._stage = stage
        self._service = service
        self._patience = Patience.of(stage)
        self._body = body
        self._check = check
        self._attempts = Attempts(stage, host=service.host, providers=providers, redacted=service.redacted)
        self._session: ClientSession | None = None
        self._price = cast("float | None", stage.parameters.get("price"))

    @property
    def has_price(self) -> bool:
        """True when the file says what a call costs."""
        return self._price is not None

    def call_cost(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """US dollars of any call; None where the file does not say."""
        del tokens_in, tokens_out
        return self._price

    async def answer(self, inputs: Inputs) -> Reply:
        """Ask once, with retries for faults that pass, within the stage's time-out.

        Raises: RunStopped when the service refuses every call; ConfigurationError when a secret is not set.
        """
        try:
            asked = self._asked(inputs)
        except TemplateError as error:
            return Reply(status=Status.UNPARSABLE, error=f"the body: {error}", is_reusable=False)
        return await self._attempts.until_answered(lambda: self._ask(asked))

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _asked(self, inputs: Inputs) -> _Asked:
        if self._service.method == "GET":
            return _Asked(None, {name: _as_text(value) for name, value in inputs.items() if value is not None})
        body = dict(inputs) if self._body is None else self._service.with_secrets(self._body.fill(inputs))
        return _Asked(canonical(body), {})

    async def _ask(self, asked: _Asked) -> Reply | Failure:
        """Make one attempt; give a failure only where another attempt may help."""
        import aiohttp

        service = self._service
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self._patience.connect_s, sock_read=self._patience.silence_s
                ),
                headers={"Content-Type": "application/json", "Accept": "application/json", **service.headers()},
            )
        try:
            async with self._session.request(
                service.method, service.opened_url(), data=asked.json, params=asked.query, allow_redirects=False
            ) as response:
                self._attempts.heed(_lower(response.headers))
                content = await _read(response)
                return self._failed(response, content) if response.status >= 300 else self._answered(content)
        except (aiohttp.ClientError, OSError) as error:
            what = f"{type(error).__name__}: {error}".strip(": ")
            late = self._patience.exceeded(error)
            return Failure(
                meaning=Meaning.AGAIN, message=late or f"no connection: {what}", is_refused=not late and refused(error)
            )

    def _failed(self, response: ClientResponse, content: bytes | None) -> Reply | Failure:
        """What a status other than 2xx means. Raises: RunStopped."""
        status = response.status
        message = f"HTTP {status}: {(content or b'')[:2_000].decode(errors='replace').strip() or response.reason or ''}"
        if may_pass(status):
            headers, is_limit = _lower(response.headers), status in LIMITS
            return Failure(meaning=Meaning.AGAIN, message=message, headers=headers, is_limit=is_limit)
        if status in INPUT_REFUSED:
            return Reply(status=Status.UNPARSABLE, error=self._service.redacted(f"the input was refused: {message}"))
        if status < 400:
            host = urlsplit(response.headers.get("Location", "")).netloc or self._service.host
            message = f"HTTP {status} points to {host}; redirects are not followed, so write the final address as url."
        raise RunStopped(
            self._service.redacted(f"Stage {self._stage.name!r}: {self._service.address} refuses every call. {message}")
        )

    def _answered(self, content: bytes | None) -> Reply | Failure:
        if content is None:
            return Reply(status=Status.UNPARSABLE, error=f"the answer is larger than {MOST_BYTES:,} bytes")
        try:
            body = parsed(content)
        except ValueError:
            return UNREADABLE
        given = self._stage.parameters
        try:
            value = picked(body, str(given["answer"])) if given.get("answer") else body
            confidence = _confidence(picked(body, str(given["confidence"]))) if given.get("confidence") else None
        except NotThere as error:
            return self._no_value(str(error), content)
        accepted = self._check(value)
        if isinstance(accepted, Rejected):
            return self._no_value(accepted.reason, content)
        return Reply(value=accepted.value, confidence=confidence, cost=self._price)

    def _no_value(self, reason: str, content: bytes) -> Reply:
        raw = content[:KEPT].decode(errors="replace")
        return Reply(status=Status.UNPARSABLE, error=self._service.redacted(reason), raw=raw, cost=self._price)


async def _read(response: ClientResponse) -> bytes | None:
    """The whole answer; None when it is too large."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_chunked(CHUNK):
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _confidence(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise NotThere(f"the confidence is {str(value)[:40]!r}, where a number in [0, 1] is needed")
    return float(value)


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def check_http(draft: Draft) -> Iterator[Problem]:
    """Whether it has an address, and a body that reads inputs only."""
    settings = draft.of(HttpWith)
    problem = address_problem(settings.url, "url", like="https://HOST/PATH")
    if problem:
        yield problem
    if settings.body is None:
        return
    keys = ("with", "body")
    if settings.method == "GET":
        yield Problem(keys, "GET sends no body.", "Remove it: the inputs are sent in the address.")
    try:
        reads = ValueTemplate(cast("Json", settings.body)).reads
    except TemplateError as error:
        yield Problem(keys, f"{error}.")
        return
    for read in sorted(reads - set(draft.inputs)):
        message = f"body uses {read!r}, which is no input of the stage."
        yield Problem(keys, message, near_names(read, draft.inputs))


def study_http(draft: Draft, _: Mapping[str, str]) -> Iterator[Remark]:
    """Which inputs its body never sends."""
    settings = draft.of(HttpWith)
    if settings.body is None:
        return
    try:
        reads = ValueTemplate(cast("Json", settings.body)).reads
    except TemplateError:
        return  # `check_http` says it
    for name in draft.inputs:
        if name not in reads:
            yield Remark(f"body never uses the input {name!r}.", keys=("inputs", name), is_hint=True)


def _always(_: Parameters) -> bool:
    return True


KIND = StageKind(
    summary="Answers by a service that speaks JSON.",
    settings=HttpWith,
    build=build_http,
    check=check_http,
    study=study_http,
    is_paid=_always,
    draws=True,
)
