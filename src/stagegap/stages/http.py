"""Stages that ask a JSON service over HTTP."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, cast
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from stagegap.errors import ConfigurationError, MediaError, near_names
from stagegap.model.answer import Status
from stagegap.model.canonical import canonical, digest, parsed
from stagegap.model.cascade import Stage
from stagegap.model.media import media_of
from stagegap.model.record import Json
from stagegap.stages.acceptance import Check, Rejected, check_for, output_identity
from stagegap.stages.attachments import multipart
from stagegap.stages.attempts import LIMITS, UNREADABLE, Failure, Meaning, Patience, may_pass
from stagegap.stages.endpoint import (
    redacted,
    value_of,
    variable,
    variables,
    variables_within,
    with_secrets,
    with_values,
)
from stagegap.stages.kinds import Draft, StageKind, Surroundings
from stagegap.stages.pace import Attempts, Providers
from stagegap.stages.protocol import Inputs, Reply
from stagegap.stages.settings import Block, Free, Header, Parameters, Problem, Remark, Secret, Text, address_problem
from stagegap.stages.templates import NotThere, TemplateError, ValueTemplate, picked
from stagegap.stages.wire import Received, Wire

KEPT = 20_000
"""Characters of an answer that are kept in place of a value."""
INPUT_REFUSED = frozenset({400, 409, 413, 422})
"""Statuses that speak of one input."""
DOUBTFUL = frozenset({403, 451})
"""Statuses that may speak of one input, as a firewall's, or of every call, as the other 4xx do."""


Path = Annotated[str, StringConstraints(pattern=r"^[^.]+(\.[^.]+)*$")]
"""Keys and positions with dots between."""


class HttpWith(Block):
    """Any service that answers with JSON."""

    url: Text
    """Where it answers; a secret in it stands as ${NAME}, is read at the first call and never stored."""
    method: Literal["POST", "GET", "PUT", "PATCH"] = "POST"
    """GET sends the inputs in the address; the others send JSON, and form data (multipart) where a file is among it."""
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
        media=around.media,
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
        """The value with its secrets. Raises: ConfigurationError when one is not set."""
        return with_secrets(value, self._environment, stage=self._stage)

    def redacted(self, text: str) -> str:
        """The text on one line without the secrets."""
        return redacted(text, [self._environment.get(name, "") for name in self._names])


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one call sends."""

    content: bytes | None
    query: Mapping[str, str]
    form: str = ""
    """Type of the content where it is no JSON."""


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
        media: pathlib.Path | None,
    ) -> None:
        self.fingerprint = fingerprint
        self._media = media
        self._stage = stage
        self._service = service
        self._patience = Patience.of(stage)
        self._body = body
        self._check = check
        self._attempts = Attempts(
            stage, host=service.host, address=service.address, providers=providers, redacted=service.redacted
        )
        self._wire: Wire | None = None
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
        except MediaError as error:
            return Reply(status=Status.ERROR, error=str(error), is_reusable=False)
        return await self._attempts.until_answered(lambda: self._ask(asked))

    async def close(self) -> None:
        """Close the connections."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()

    def _asked(self, inputs: Inputs) -> _Asked:
        if self._service.method == "GET":
            if self._media is not None and any(media_of(value) for value in inputs.values()):
                raise MediaError("GET sends no files. Choose another `method`.")
            return _Asked(None, {name: _as_text(value) for name, value in inputs.items() if value is not None})
        body = dict(inputs) if self._body is None else self._service.with_secrets(self._body.fill(inputs))
        form = multipart(cast("Mapping[str, Json]", body), self._media)
        if form is not None:
            return _Asked(form[0], {}, form[1])
        return _Asked(canonical(body), {})

    async def _ask(self, asked: _Asked) -> Reply | Failure:
        """Make one attempt."""
        service = self._service
        if self._wire is None:
            headers = {"Accept": "application/json", **service.headers()}
            self._wire = Wire(self._patience, headers=headers, heed=self._attempts.heed)
        received = await self._wire.send(
            service.opened_url(), asked.content, method=service.method, query=asked.query, form=asked.form
        )
        if isinstance(received, Failure):
            return received
        return self._failed(received) if received.status >= 300 else self._answered(received.body)

    def _failed(self, received: Received) -> Failure:
        """What a status other than 2xx means."""
        status, headers = received.status, received.headers
        message = f"HTTP {status}: {received.text[:2_000].strip() or received.reason}"
        if may_pass(status):
            return Failure(meaning=Meaning.AGAIN, message=message, headers=headers, is_limit=status in LIMITS)
        if status in INPUT_REFUSED:
            message = f"the input was refused: {message}"
            return Failure(meaning=Meaning.RECORD, status=Status.UNPARSABLE, message=message)
        if status in DOUBTFUL:
            message = f"the service refused: {message}"
            return Failure(meaning=Meaning.DOUBTFUL, status=Status.REFUSED, message=message)
        if status < 400:
            host = urlsplit(headers.get("location", "")).netloc or self._service.host
            message = f"HTTP {status} points to {host}; redirects are not followed, so write the final address as url."
        return Failure(meaning=Meaning.STOP, message=message)

    def _answered(self, content: bytes) -> Reply | Failure:
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


def _confidence(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise NotThere(f"the confidence is {str(value)[:40]!r}, where a number in [0, 1] is needed")
    return float(value)


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else canonical(value).decode()


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
    takes_files=True,
    draws=True,
)
