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
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.responses import ResponseInputParam


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
    tokens_cached: int = 0
    """Of those read, how many the provider had in its cache."""
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
        return _said_in_chat(completion)


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
        return _said_in_response(response)


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
        case Kind.LIST:
            items = cast("Mapping[str, object]", json.loads(output.schema or "{}"))
            inner = {"type": "array", "items": items}
            if items.get("type") != "string":
                members = {"properties": {ANSWER: inner}, "required": [ANSWER]}
                return {"type": "object", **members}, False
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


def _part(thing: object, *names: str) -> object:
    """What stands under names inside each other, in objects or mappings; None where it does not: nobody checked it."""
    for name in names:
        if isinstance(thing, Mapping):
            thing = cast("Mapping[str, object]", thing).get(name)
        else:
            thing = getattr(thing, name, None)
    return thing


def _items(thing: object) -> list[object]:
    return cast("list[object]", thing) if isinstance(thing, list) else []


def _text_of(content: object) -> str | None:
    """The text of a message: itself, or its parts joined, as some servers send it; None for anything else."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts = [_part(part, "text") for part in _items(content)]
    if not isinstance(content, list) or not all(isinstance(text, str) for text in texts):
        return None
    return "".join(cast("list[str]", texts))


def _chances(tokens: object) -> tuple[float, ...]:
    """The log probability of each token; none where one of them is no number, for then nobody knows the whole."""
    chances = [_part(token, "logprob") for token in _items(tokens)]
    known = [float(chance) for chance in chances if isinstance(chance, int | float) and math.isfinite(chance)]
    return tuple(known) if len(known) == len(chances) else ()


def _said_in_chat(answer: object) -> Said | None:
    """What a completion says; None for what can't be read as one: the client checks nothing itself."""
    choice = next(iter(_items(_part(answer, "choices"))), None)
    message = _part(choice, "message")
    text, refusal = _text_of(_part(message, "content")), _part(message, "refusal") or ""
    if message is None or isinstance(message, str) or text is None or not isinstance(refusal, str):
        return None
    endings: dict[object, Literal["cut", "withheld"]] = {"length": "cut", "content_filter": "withheld"}
    reason = _part(choice, "finish_reason")
    return Said(
        text=text,
        ending=endings.get(reason, "whole") if isinstance(reason, str) else "whole",
        refusal=refusal,
        tokens_in=_count(_part(answer, "usage", "prompt_tokens")),
        tokens_out=_count(_part(answer, "usage", "completion_tokens")),
        tokens_cached=_count(_part(answer, "usage", "prompt_tokens_details", "cached_tokens")) or 0,
        chances=_chances(_part(choice, "logprobs", "content")),
    )


def _said_in_response(answer: object) -> Said | None:
    """What a response says; None for what can't be read as one: the client checks nothing itself."""
    items = _part(answer, "output")
    if not isinstance(items, list):
        return None
    messages = [item for item in cast("list[object]", items) if _part(item, "type") == "message"]
    parts = [part for item in messages for part in _items(_part(item, "content"))]
    spoken = [part for part in parts if _part(part, "type") == "output_text"]
    texts = [_part(part, "text") for part in spoken]
    refusals = [_part(part, "refusal") for part in parts if _part(part, "type") == "refusal"]
    if not all(isinstance(text, str) for text in (*texts, *refusals)):
        return None
    status, reason = _part(answer, "status"), _part(answer, "incomplete_details", "reason")
    ending = "withheld" if reason == "content_filter" else "cut" if status == "incomplete" else "whole"
    return Said(
        text="".join(cast("list[str]", texts)),
        ending="failed" if status == "failed" else ending,
        refusal=" ".join(cast("list[str]", refusals)),
        tokens_in=_count(_part(answer, "usage", "input_tokens")),
        tokens_out=_count(_part(answer, "usage", "output_tokens")),
        tokens_cached=_count(_part(answer, "usage", "input_tokens_details", "cached_tokens")) or 0,
        chances=tuple(chance for part in spoken for chance in _chances(_part(part, "logprobs"))),
    )


def _count(tokens: object) -> int | None:
    """A number of tokens; None for what can be none."""
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens < 2**40 else None
