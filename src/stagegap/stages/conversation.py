"""One question to a model in either form of the interface: what goes over the wire, what comes back, in one form
of ours.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

import httpx2

from stagegap.model.cascade import Kind, OutputType

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion, ChatCompletionMessageParam
    from openai.types.responses import Response, ResponseInputParam


MOST_BYTES = 10_000_000
"""An answer larger than this, decompressed, is given up: it may come from anywhere and must not fill the memory."""
_ANY_HEADER = zlib.MAX_WBITS | 32
"""Lets zlib find out by itself whether it is gzip or deflate."""

Heed = Callable[[Mapping[str, str]], None]


class TooLarge(Exception):
    """An answer that goes beyond the limit."""

    def __init__(self) -> None:
        super().__init__(f"the answer is larger than {MOST_BYTES:,} bytes")


class Unasked(Exception):
    """An answer in an encoding that nobody asked for and that can't be read within bounds."""


def bounded(heed: Heed) -> Callable[[httpx2.Response], Awaitable[None]]:
    """A response hook of the client that hands the headers on and lets no more than the limit through."""

    async def hook(response: httpx2.Response) -> None:
        heed(response.headers)
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream), "it is the hook of an asynchronous client"
        # Taken away, so that the client does not decompress a second time and without bounds.
        encoding = response.headers.pop("content-encoding", "identity").strip().lower()
        response.stream = _Bounded(stream, encoding)

    return hook


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error once it is too large."""

    def __init__(self, stream: httpx2.AsyncByteStream, encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._encoding == "identity":
            left = MOST_BYTES
            async for part in self._stream:
                left -= len(part)
                if left < 0:
                    raise TooLarge
                yield part
        else:
            async for part in self._inflated():
                yield part

    async def _inflated(self) -> AsyncIterator[bytes]:
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            raise Unasked(f"the answer is encoded as {self._encoding!r}, which was not asked for")
        left, inflater = MOST_BYTES, zlib.decompressobj(_ANY_HEADER)
        async for part in self._stream:
            try:
                piece = inflater.decompress(part, left + 1)
            except zlib.error as error:
                raise Unasked(f"the answer can't be decompressed: {error}") from None
            left -= len(piece)
            if left < 0:
                raise TooLarge
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


ANSWER = "answer"
"""Member under which a structured answer stands that is no object itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What every question of a stage has in common; None leaves it to the endpoint."""

    model: str
    opening: Sequence[tuple[Literal["system", "user", "assistant"], str]] = ()
    """Messages before the prompt."""
    temperature: float | None = None
    limit: int | None = None
    """Tokens that an answer may have."""
    seed: int | None = None
    schema: Mapping[str, object] | None = None
    """JSON schema that the answer is held to."""
    is_strict: bool = True
    """True where the provider may refuse a schema that it can't hold the model to."""
    wants_chances: bool = False
    """True asks for the log probability of every token."""
    is_official: bool = False
    """OpenAI's newer models refuse max_tokens; other servers know nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a model said."""

    text: str
    ending: Literal["whole", "cut", "withheld", "failed"] = "whole"
    refusal: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    chances: tuple[float, ...] = ()
    """Log probability of each token, where the endpoint gives it."""


class Conversation(Protocol):
    """One form of the interface."""

    async def ask(self, client: AsyncOpenAI, prompt: str) -> Said | None:
        """Ask once; None where what came is no answer of this form. Raises: what the client raises."""
        ...


class Chat:
    """Chat completions: what every compatible server speaks."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        opening = [{"role": role, "content": text} for role, text in settings.opening]
        self._opening = cast("list[ChatCompletionMessageParam]", opening)
        self._format = _format(settings)

    async def ask(self, client: AsyncOpenAI, prompt: str) -> Said | None:
        """Ask once; None where what came is no answer of this form. Raises: what the client raises."""
        from openai import omit

        given = self._settings
        completion = await client.chat.completions.create(
            model=given.model,
            messages=[*self._opening, {"role": "user", "content": prompt}],
            temperature=omit if given.temperature is None else given.temperature,
            seed=omit if given.seed is None else given.seed,
            max_completion_tokens=omit if given.limit is None or not given.is_official else given.limit,
            max_tokens=omit if given.limit is None or given.is_official else given.limit,
            logprobs=True if given.wants_chances else omit,
            response_format=cast("object", {"type": "json_schema", "json_schema": self._format})  # pyright: ignore[reportArgumentType]  # a dictionary of that shape
            if self._format
            else omit,
        )
        return _said_in_chat(completion) if _has_message(completion) else None


class Responses:
    """The responses interface: one list of items in, one out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        opening = [{"role": role, "content": text} for role, text in settings.opening]
        self._opening = cast("ResponseInputParam", opening)
        self._format = _format(settings)

    async def ask(self, client: AsyncOpenAI, prompt: str) -> Said | None:
        """Ask once; None where what came is no answer of this form. Raises: what the client raises."""
        from openai import omit

        given = self._settings
        response = await client.responses.create(
            model=given.model,
            input=[*self._opening, {"role": "user", "content": prompt}],
            temperature=omit if given.temperature is None else given.temperature,
            max_output_tokens=omit if given.limit is None else given.limit,
            include=["message.output_text.logprobs"] if given.wants_chances else omit,
            store=False,
            text=cast("object", {"format": {"type": "json_schema", **self._format}})  # pyright: ignore[reportArgumentType]  # a dictionary of that shape
            if self._format
            else omit,
        )
        return _said_in_response(response) if isinstance(getattr(response, "output", None), list) else None


def answer_schema(output: OutputType) -> tuple[Mapping[str, object], bool] | None:
    """The JSON schema of a structured answer, and whether it can be held strictly; None for a text.

    >>> answer_schema(OutputType(kind=Kind.BOOLEAN))[0]["properties"]
    {'answer': {'type': 'boolean'}}
    """
    match output.kind:
        case Kind.TEXT:
            return None
        case Kind.OBJECT:
            return cast("Mapping[str, object]", json.loads(output.schema or '{"type":"object"}')), False
        case Kind.LABEL:
            inner: Mapping[str, object] = {"type": "string", "enum": list(output.values)}
        case Kind.LABELS:
            inner = {"type": "array", "items": {"type": "string", "enum": list(output.values)}}
        case Kind.RANKING:
            inner = {"type": "array", "items": {"type": "string"}}
        case Kind.NUMBER:
            inner = {"type": "number"}
        case _:
            inner = {"type": "boolean"}
    members = {"properties": {ANSWER: inner}, "required": [ANSWER], "additionalProperties": False}
    return {"type": "object", **members}, True


def confidence(kind: Kind, chances: Sequence[float]) -> float | None:
    """The probability that a model gave to its answer; None where it did not say.

    Of a label, number or truth value it is the product over all tokens. Longer answers are compared across lengths:
    the geometric mean of a token.

    >>> confidence(Kind.LABEL, [-0.1, -0.2]), confidence(Kind.TEXT, [-0.1, -0.2])
    (0.740818, 0.860708)
    """
    if not chances:
        return None
    total = math.fsum(chances)
    if kind not in (Kind.LABEL, Kind.NUMBER, Kind.BOOLEAN):
        total /= len(chances)
    return round(math.exp(min(0.0, total)), 6)


def _format(settings: Settings) -> dict[str, object]:
    if settings.schema is None:
        return {}
    return {"name": ANSWER, "schema": settings.schema, "strict": settings.is_strict}


def _has_message(completion: object) -> bool:
    """Say whether what the client gave is a completion with a message: it checks nothing itself."""
    choices = cast("object", getattr(completion, "choices", None))
    if not isinstance(choices, list) or not choices:
        return False
    return getattr(cast("list[object]", choices)[0], "message", None) is not None


def _said_in_chat(completion: ChatCompletion) -> Said:
    choice = completion.choices[0]
    tokens = choice.logprobs.content if choice.logprobs else None
    return Said(
        text=choice.message.content or "",
        ending={"length": "cut", "content_filter": "withheld"}.get(choice.finish_reason, "whole"),  # pyright: ignore[reportArgumentType]  # one of the literals
        refusal=choice.message.refusal or "",
        tokens_in=_count(completion.usage.prompt_tokens if completion.usage else None),
        tokens_out=_count(completion.usage.completion_tokens if completion.usage else None),
        chances=tuple(token.logprob for token in tokens or ()),
    )


def _said_in_response(response: Response) -> Said:
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    texts = [part for part in parts if part.type == "output_text"]
    reason = response.incomplete_details.reason if response.incomplete_details else None
    ending = "withheld" if reason == "content_filter" else "cut" if response.status == "incomplete" else "whole"
    return Said(
        text="".join(part.text for part in texts),
        ending="failed" if response.status == "failed" else ending,
        refusal=" ".join(part.refusal for part in parts if part.type == "refusal"),
        tokens_in=_count(response.usage.input_tokens if response.usage else None),
        tokens_out=_count(response.usage.output_tokens if response.usage else None),
        chances=tuple(token.logprob for part in texts for token in part.logprobs or ()),
    )


def _count(tokens: int | None) -> int | None:
    """A number of tokens; None for what can be none, as the client checks nothing."""
    return tokens if isinstance(tokens, int) and tokens >= 0 else None
