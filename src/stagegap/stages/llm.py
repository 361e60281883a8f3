"""Stages that ask a language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field

from stagegap.errors import MediaError
from stagegap.model.answer import Status
from stagegap.model.canonical import digest, parse_json
from stagegap.model.cascade import WRITTEN, Kind, Stage
from stagegap.model.record import Json
from stagegap.stages.acceptance import Check, Rejected, check_for, output_identity
from stagegap.stages.attachments import Question, in_responses, question
from stagegap.stages.attempts import Failure, Patience
from stagegap.stages.conversation import (
    ANSWER,
    OBJECT,
    SCHEMA,
    Chat,
    Conversation,
    Dialect,
    Responses,
    Said,
    Settings,
    answer_schema,
    confidence,
)
from stagegap.stages.endpoint import Endpoint, Line, missing_key, token_price
from stagegap.stages.kinds import Draft, StageKind, Surroundings
from stagegap.stages.mending import read_answer
from stagegap.stages.pace import Attempts, Providers
from stagegap.stages.protocol import Inputs, Reply
from stagegap.stages.settings import (
    Block,
    Free,
    Header,
    OneOrMore,
    Parameters,
    Points,
    Problem,
    Remark,
    Secret,
    Text,
    address_problem,
    texts,
)
from stagegap.stages.templates import Prompt, PromptError, prompt_remarks

EMPTY = "the answer is empty"
LATER = ("examples", "structured", "confidence", "top_p", "stop", "reasoning_effort", "headers", "extra_body")
KEPT = 20_000
"""Characters of an answer that are kept beside a value that had to be mended, or in place of one."""


class Price(Block):
    """What tokens cost."""

    input: Annotated[float, Field(ge=0)]
    """US dollars for a million tokens read."""
    output: Annotated[float, Field(ge=0)]
    """US dollars for a million tokens written."""
    cached: Annotated[float, Field(ge=0)] | None = None
    """US dollars for a million tokens read from the provider's cache; without it they count in full: an upper bound."""


class Shot(Block):
    """A question with its answer, shown to the model before the prompt."""

    user: Text
    """What is asked."""
    assistant: Text
    """What the model is to answer."""


class LlmWith(Block):
    """A language model behind an OpenAI-compatible endpoint."""

    model: Text
    """Name of the model."""
    prompt: Annotated[Text, Points("the prompt", role="prompt")]
    """File with the Jinja2 template of the prompt; the inputs are its variables."""
    system: Text | None = None
    """The system message, as text."""
    examples: list[Shot] | None = None
    """Few-shot examples, in order, between the system message and the prompt."""
    api: Literal["chat", "responses"] | None = None
    """`chat` completions, which every compatible server speaks, when not given; or the `responses` interface."""
    structured: Literal[True, False, "json_object"] | None = None
    """True asks for JSON by a schema made from the output type; not for a text. A server that knows no schemas gets it
    in words, and json_object does so from the start."""
    confidence: Literal["logprobs"] | None = None
    """`logprobs` makes it from the log probabilities of the answer's tokens, where the endpoint gives them."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """Left to the endpoint when not given."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the likeliest tokens that the model draws from; left to the endpoint when not given."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """How many tokens an answer may have, by whichever name the server knows."""
    stop: OneOrMore | None = None
    """Text, or texts, at which the model stops writing; not of the responses interface."""
    reasoning_effort: Text | None = None
    """How much a model that reasons is to do so, as `low`."""
    headers: dict[Text, Header] | None = None
    """Header -> value; ${NAME} is read at the first call and never stored."""
    extra_body: dict[Text, Free] | None = None
    """Members of the request that this provider knows besides, as `{top_k: 20}`."""
    base_url: Text | None = None
    """Address of the endpoint; OPENAI_BASE_URL or the official one when not given."""
    api_key: Secret | None = None
    """Only as ${NAME}; OPENAI_API_KEY when not given."""
    seed: int | None = None
    """Passed to the endpoint, which may honour it."""
    price: Price | None = None
    """For the plan and the budget; without it the cost is unknown."""


def build_llm(stage: Stage, around: Surroundings) -> LlmStage:
    """The stage that asks a model; `providers` are those that all stages of the cascade share.

    Raises: ConfigurationError for a prompt or an address that can't be used.
    """
    corpus = around.corpora.get(stage.output.of or "")
    prompt = Prompt(stage, path=around.folder / str(stage.parameters["prompt"]))
    endpoint = Endpoint(stage, around.environment)
    return LlmStage(
        stage,
        prompt=prompt,
        endpoint=endpoint,
        conversation=_conversation(stage, endpoint),
        check=check_for(stage.output, corpus.documents if corpus else ()),
        fingerprint=digest(
            ["llm", _decisive(stage), prompt.text, endpoint.address, output_identity(stage.output, corpus)]
        ),
        providers=around.providers,
        media=around.media,
    )


def _decisive(stage: Stage) -> dict[str, Json]:
    """The settings that decide an answer; those that came later only where they are used."""
    given = stage.parameters
    settings = {name: given.get(name) for name in ("model", "system", "temperature", "max_tokens", "seed")}
    if given.get("api") == "responses":
        settings["api"] = "responses"
    return settings | {name: given[name] for name in LATER if given.get(name)}


def _conversation(stage: Stage, endpoint: Endpoint) -> Conversation:
    """The form of the interface that the stage asks in."""
    given = stage.parameters
    shots = cast("Sequence[Mapping[str, str]]", given.get("examples") or ())
    opening: list[tuple[Literal["system", "user", "assistant"], str]] = []
    if given.get("system"):
        opening.append(("system", str(given["system"])))
    for shot in shots:
        opening.append(("user", shot["user"]))
        opening.append(("assistant", shot["assistant"]))
    schema = answer_schema(stage.output) if given.get("structured") else None
    extra = cast("Mapping[str, Json]", endpoint.with_secrets(given.get("extra_body") or {}))
    settings = Settings(
        model=str(given["model"]),
        opening=tuple(opening),
        temperature=cast("float | None", given.get("temperature")),
        limit=cast("int | None", given.get("max_tokens")),
        seed=cast("int | None", given.get("seed")),
        top_p=cast("float | None", given.get("top_p")),
        stop=texts(given.get("stop")),
        effort=cast("str | None", given.get("reasoning_effort")),
        extra=extra,
        schema=schema[0] if schema else None,
        is_strict=schema[1] if schema else True,
        wants_chances=given.get("confidence") == "logprobs",
        dialect=Dialect(
            limit="max_completion_tokens" if endpoint.is_official else "max_tokens",
            form=OBJECT if given.get("structured") == "json_object" else SCHEMA,
        ),
    )
    return Responses(settings) if given.get("api") == "responses" else Chat(settings)


class LlmStage:
    """One prompt, one answer. The client is made at the first call and kept for all others."""

    reads_record = False

    def __init__(
        self,
        stage: Stage,
        *,
        prompt: Prompt,
        endpoint: Endpoint,
        conversation: Conversation,
        check: Check,
        fingerprint: str,
        providers: Providers,
        media: Path | None = None,
    ) -> None:
        self.fingerprint = fingerprint
        self._media = media
        self._stage = stage
        self._prompt = prompt
        self._endpoint = endpoint
        self._conversation = conversation
        self._check = check
        self._patience = Patience.of(stage)
        given = stage.parameters
        self._price = token_price(given.get("price"), str(given.get("model")), is_official=endpoint.is_official)
        self._attempts = Attempts(
            stage, host=endpoint.host, address=endpoint.address, providers=providers, redacted=endpoint.redacted
        )
        self._line: Line | None = None

    @property
    def has_price(self) -> bool:
        """True when what a call cost is known afterwards."""
        return self._price is not None

    def call_cost(self, tokens_in: int | None, tokens_out: int | None, *, cached: int = 0) -> float | None:
        """US dollars; None where the price or the tokens are unknown."""
        if self._price is None or tokens_in is None or tokens_out is None:
            return None
        return self._price.cost(tokens_in, tokens_out, cached=cached)

    async def answer(self, inputs: Inputs) -> Reply:
        """Ask once, with retries for faults that pass, within the stage's time-out.

        Raises: RunStopped when the provider refuses every call; ConfigurationError when the key is not set.
        """
        try:
            prompt = question(self._prompt.fill, inputs, self._media)
            if isinstance(self._conversation, Responses):
                in_responses(prompt)
        except (PromptError, MediaError) as error:
            return Reply(status=Status.UNPARSABLE, error=str(error), is_reusable=False)
        return await self._attempts.until_answered(lambda: self._ask(prompt))

    async def close(self) -> None:
        """Close the connections."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    def _opened(self) -> Line:
        """The way to the model. Raises: ConfigurationError when the key is not set."""
        if self._line is None:
            self._line = self._endpoint.open(patience=self._patience, heed=self._attempts.heed)
        return self._line

    async def _ask(self, prompt: Question) -> Reply | Failure:
        """Make one attempt."""
        message = await self._conversation.ask(self._opened(), prompt)
        return message if isinstance(message, Failure) else self._reply(message)

    def _reply(self, message: Said) -> Reply:
        status, value, error = self._judged(message)
        return Reply(
            status=status,
            value=value,
            error=error,
            confidence=confidence(self._stage.output.kind, message.chances) if status.has_value else None,
            raw=_kept(message, status),
            tokens_in=message.tokens_in,
            tokens_out=message.tokens_out,
            cost=self.call_cost(message.tokens_in, message.tokens_out, cached=message.tokens_cached),
        )

    def _judged(self, message: Said) -> tuple[Status, Json, str]:
        """Status, value and error of an answer."""
        if message.refusal or message.ending == "withheld":
            error = self._endpoint.redacted(message.refusal) or "the provider's filter withheld the answer"
            return Status.REFUSED, None, error
        if message.ending == "cut":
            return Status.UNPARSABLE, None, "the answer was cut off at the most tokens it may have"
        if not message.text.strip():
            return Status.UNPARSABLE, None, "the model thought and gave no answer" if message.thoughts else EMPTY
        if self._stage.parameters.get("structured") and self._stage.output.kind is not Kind.OBJECT:
            inner = self._check(_member(message.text))
            if not isinstance(inner, Rejected):
                return Status.OK, inner.value, ""
        read = read_answer(self._stage.output, message.text, self._check)
        if isinstance(read.answer, Rejected):
            return Status.UNPARSABLE, None, read.answer.reason
        return Status.REPAIRED if read.is_mended else Status.OK, read.answer.value, ""


def _kept(said: Said, status: Status) -> str:
    """What is kept beside the value: the text where it is another, and what stood before it."""
    if said.thoughts:
        return f"{said.thoughts}\n\n{said.text}"[:KEPT]
    return "" if status is Status.OK else (said.text or said.refusal)[:KEPT]


def _member(text: str) -> object:
    """What stands under `answer` in a JSON object; None where the text is none."""
    try:
        content: object = parse_json(text)
    except ValueError:
        return None
    return cast("Mapping[str, object]", content).get(ANSWER) if isinstance(content, Mapping) else None


def check_llm(draft: Draft) -> Iterator[Problem]:
    """Whether it has an address, and settings that its interface and its output know."""
    settings = draft.of(LlmWith)
    problem = address_problem(settings.base_url, "base_url", like="https://HOST/v1")
    if problem:
        yield problem
    if settings.structured and draft.output.kind in WRITTEN:
        yield Problem(("with", "structured"), "a text has no structure.", "Remove the key.")
    elif settings.api == "responses" and settings.structured == "json_object":
        yield Problem(("with", "structured"), "the responses interface knows schemas.", "Write true.")
    if settings.api == "responses" and settings.seed is not None:
        yield Problem(("with", "seed"), "the responses interface takes no seed.", "Remove the key.")
    if settings.api == "responses" and settings.stop is not None:
        yield Problem(("with", "stop"), "the responses interface takes no stop.", "Remove the key.")


def study_llm(draft: Draft, environment: Mapping[str, str]) -> Iterator[Remark]:
    """Whether the prompt reads the inputs, and whether there is a key."""
    settings = draft.of(LlmWith)
    yield from prompt_remarks(settings.prompt, draft.inputs)
    if settings.api_key is None and not settings.headers and (name := missing_key(settings.base_url, environment)):
        yield Remark(f"the environment variable {name} is not set.", keys=("with",), variable=name)


def _always(_: Parameters) -> bool:
    return True


KIND = StageKind(
    summary="Answers by a language model.",
    settings=LlmWith,
    build=build_llm,
    check=check_llm,
    study=study_llm,
    is_paid=_always,
    draws=True,
    takes_files=True,
)
