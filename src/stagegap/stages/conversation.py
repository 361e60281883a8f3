"""One question to a model in either form of the interface: what is sent, what a server refuses, what comes back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, cast

from stagegap.model.canonical import parsed
from stagegap.model.cascade import Kind, OutputType
from stagegap.model.record import Json
from stagegap.stages.attachments import Question, followed_by, in_chat, in_responses
from stagegap.stages.attempts import (
    FAILED,
    TORN,
    UNREADABLE,
    Failure,
    Meaning,
    complaint_inside,
    complaint_of,
    failure_for,
)
from stagegap.stages.endpoint import Line
from stagegap.stages.places import places_schema
from stagegap.stages.wire import Received, is_stream, put_together

ANSWER = "answer"
"""Member under which a structured answer stands that is no object itself."""
SCHEMA, OBJECT, WORDS = "schema", "object", "words"
"""How an answer of a form is asked for: by a schema, as any JSON object, or in words only."""
_NOT_UNDERSTOOD = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|unavailable|not permitted|not allowed|invalid value"
    r"|must be|only support|extra_forbidden|not available|does not match any|expected",
    re.IGNORECASE,
)
_FORM = re.compile(
    r"response_format|json_schema|json_object|json mode|structured output|additionalproperties", re.IGNORECASE
)
_WANTS_STREAM = re.compile(
    r"only supports? stream|enable the stream|stream\W{1,4}(?:must|should|has to) be|requires? stream"
    r"|non-streaming|stream(?:ing)? (?:mode )?is required|stream must be",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a server wants to be asked for what servers call by different names."""

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """OpenAI's newer models refuse `max_tokens`; many other servers know nothing else."""
    form: Literal["schema", "object", "words"] = SCHEMA
    is_stream: bool = False
    """True where a server answers by a stream of events only."""
    is_limit_settled: bool = False
    """True once the other name was tried."""

    def after(self, words: str, body: Mapping[str, Json]) -> Dialect | None:
        """The dialect to ask in after a refusal in these words; None where it is about something else.

        >>> Dialect().after("Unsupported parameter: 'max_tokens'", {"max_tokens": 5}).limit
        'max_completion_tokens'
        >>> official = Dialect(limit="max_completion_tokens")
        >>> official.after("body.max_completion_tokens: Extra inputs are not permitted", {official.limit: 5}).limit
        'max_tokens'
        """
        if not self.is_stream and "stream" not in body and _WANTS_STREAM.search(words):
            return replace(self, is_stream=True)
        if not _NOT_UNDERSTOOD.search(words):
            return None
        if self.limit in body and self.limit in words and not self.is_limit_settled:
            other: Literal["max_tokens", "max_completion_tokens"] = (
                "max_completion_tokens" if self.limit == "max_tokens" else "max_tokens"
            )
            return replace(self, limit=other, is_limit_settled=True)
        if "response_format" in body and self.form != WORDS and _FORM.search(words):
            return replace(self, form=OBJECT if self.form == SCHEMA else WORDS)
        return None

    def response_format(self, schema: Mapping[str, Json]) -> Json:
        """The member that asks for the form; None where words alone do."""
        if self.form == SCHEMA:
            return {"type": "json_schema", "json_schema": schema}
        return {"type": "json_object"} if self.form == OBJECT else None


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
    top_p: float | None = None
    stop: Sequence[str] = ()
    """Texts at which the model stops writing."""
    effort: str | None = None
    """How much a model that reasons is to do so, as `low`."""
    extra: Mapping[str, Json] | None = None
    """Members of the body that the interface of this provider knows besides."""
    schema: Mapping[str, Json] | None = None
    """JSON schema that the answer is held to."""
    is_strict: bool = True
    """True where the provider may refuse a schema that it can't hold the model to."""
    wants_chances: bool = False
    """True asks for the log probability of every token."""
    dialect: Dialect = field(default_factory=Dialect)
    """What the server is taken to understand before it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a model said."""

    text: str
    thoughts: str = ""
    """What it said to itself before the answer, where that stood in the same text."""
    ending: Literal["whole", "cut", "withheld"] = "whole"
    refusal: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_cached: int = 0
    """Of those read, how many the provider had in its cache."""
    chances: tuple[float, ...] = ()
    """Log probability of each token, where the endpoint gives it."""


class Conversation(Protocol):
    """One form of the interface."""

    async def ask(self, line: Line, prompt: Question) -> Said | Failure:
        """Ask once; where nothing was said, why."""
        ...


class Chat:
    """Chat completions: what every compatible server speaks, each in its own dialect, which is learned from it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening: list[Json] = [{"role": role, "content": text} for role, text in settings.opening]
        self._format = _format(settings)
        self._dialect = settings.dialect

    async def ask(self, line: Line, prompt: Question) -> Said | Failure:
        """Ask once; once more in other words where the server understands a part of the question in those only."""
        dialect = self._dialect
        while True:
            body = self._body(prompt, dialect)
            answer = await _posted(line, "/chat/completions", body)
            if not isinstance(answer, Failure):
                return _said_in_chat(answer)
            if answer.meaning not in (Meaning.DOUBTFUL, Meaning.STOP):
                return answer
            other = dialect.after(answer.message, body)
            if other is None:
                return answer
            self._dialect = dialect = other

    def _body(self, prompt: Question, dialect: Dialect) -> dict[str, Json]:
        given = self._settings
        if self._format and dialect.form != SCHEMA:
            prompt = followed_by(prompt, f"\n\n{asked_for(given.schema)}")
        own: dict[str, Json] = {
            "temperature": given.temperature,
            "top_p": given.top_p,
            "stop": list(given.stop) or None,
            "seed": given.seed,
            "reasoning_effort": given.effort,
            dialect.limit: given.limit,
            "logprobs": True if given.wants_chances else None,
            "response_format": dialect.response_format(self._format) if self._format else None,
            "stream": True if dialect.is_stream else None,
            "stream_options": {"include_usage": True} if dialect.is_stream else None,
        }
        messages: list[Json] = [*self._opening, {"role": "user", "content": in_chat(prompt)}]
        return {"model": given.model, "messages": messages, **_given(own), **(given.extra or {})}


class Responses:
    """The responses interface: one list of items in, one out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opening: list[Json] = [{"role": role, "content": text} for role, text in settings.opening]
        self._format = _format(settings)

    async def ask(self, line: Line, prompt: Question) -> Said | Failure:
        """Ask once; where nothing was said, why."""
        given = self._settings
        own: dict[str, Json] = {
            "temperature": given.temperature,
            "top_p": given.top_p,
            "max_output_tokens": given.limit,
            "reasoning": {"effort": given.effort} if given.effort else None,
            "include": ["message.output_text.logprobs"] if given.wants_chances else None,
            "text": {"format": {"type": "json_schema", **self._format}} if self._format else None,
        }
        question: list[Json] = [*self._opening, {"role": "user", "content": in_responses(prompt)}]
        named: dict[str, Json] = {"model": given.model, "input": question, "store": False}
        body = {**named, **_given(own), **(given.extra or {})}
        answer = await _posted(line, "/responses", body)
        return answer if isinstance(answer, Failure) else _said_in_response(answer)


def _given(members: Mapping[str, Json]) -> dict[str, Json]:
    """What is not left to the endpoint."""
    return {name: value for name, value in members.items() if value is not None}


async def _posted(line: Line, path: str, body: Mapping[str, Json]) -> Mapping[str, object] | Failure:
    """The body of an answer, from a stream put together where it is one; a complaint, whatever its form, as a failure.

    Nothing of it was checked yet.
    """
    received = await line.post(path, body)
    if isinstance(received, Failure):
        return received
    if received.status >= 300:
        complaint = complaint_of(received.status, received.text, reason=_reason(received))
        return failure_for(complaint, headers=received.headers)
    content: object
    if is_stream(received):
        content = put_together(received.text)
        if content is None:
            return TORN
    else:
        try:
            content = parsed(received.body)
        except ValueError:
            return UNREADABLE
    complaint = complaint_inside(content)
    if complaint is not None:
        return failure_for(complaint, headers=received.headers)
    return cast("Mapping[str, object]", content) if isinstance(content, Mapping) else UNREADABLE


def _reason(received: Received) -> str:
    """What stands in for words where an answer has none."""
    if 300 <= received.status < 400:
        place = received.headers.get("location", "elsewhere")
        return f"it points to {place}; redirects are not followed, so write the final address as base_url"
    return received.reason


def answer_schema(output: OutputType) -> tuple[Mapping[str, Json], bool] | None:
    """The JSON schema of a structured answer, and whether it can be held strictly; None for a text.

    >>> answer_schema(OutputType(kind=Kind.BOOLEAN))[0]["properties"]
    {'answer': {'type': 'boolean'}}
    """
    match output.kind:
        case Kind.TEXT | Kind.TRANSCRIPT:
            return None
        case Kind.OBJECT:
            return cast("Mapping[str, Json]", json.loads(output.schema or '{"type":"object"}')), False
        case Kind.LABEL:
            inner: Mapping[str, Json] = {"type": "string", "enum": list(output.values)}
        case Kind.LABELS:
            inner = {"type": "array", "items": {"type": "string", "enum": list(output.values)}}
        case Kind.RANKING:
            inner = {"type": "array", "items": {"type": "string"}}
        case Kind.BOXES | Kind.SPANS | Kind.SEGMENTS:
            inner = {"type": "array", "items": places_schema(output)}
        case Kind.LIST:
            items = cast("Mapping[str, Json]", json.loads(output.schema or "{}"))
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


def _format(settings: Settings) -> dict[str, Json]:
    if settings.schema is None:
        return {}
    return {"name": ANSWER, "schema": settings.schema, "strict": settings.is_strict}


def _part(thing: object, *names: str) -> object:
    """What stands under names inside each other; None where it does not: nobody checked it."""
    for name in names:
        thing = cast("Mapping[str, object]", thing).get(name) if isinstance(thing, Mapping) else None
    return thing


def _items(thing: object) -> list[object]:
    return cast("list[object]", thing) if isinstance(thing, list) else []


_ASIDE = frozenset({"thinking", "reasoning", "reference", "redacted_thinking"})
"""Kinds of parts of a message that are no part of the answer."""


def _text_of(content: object) -> str | None:
    """The text of a message: itself, or its parts joined, as some servers send it; None for anything else."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part for part in _items(cast("object", content)) if _part(part, "type") not in _ASIDE]
    texts = [part if isinstance(part, str) else _part(part, "text") for part in parts]
    return "".join(cast("list[str]", texts)) if all(isinstance(text, str) for text in texts) else None


def _chances(tokens: object) -> tuple[float, ...]:
    """The log probability of each token; none where one of them is no number, for then nobody knows the whole."""
    chances = [_part(token, "logprob") for token in _items(tokens)]
    known = [float(chance) for chance in chances if isinstance(chance, int | float) and math.isfinite(chance)]
    return tuple(known) if len(known) == len(chances) else ()


THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
"""Signs between which models that reason write what is no part of their answer, where the server leaves it in."""


def apart(text: str) -> tuple[str, str]:
    """What a model said to itself before its answer, and the answer. A text that has only thoughts has no answer.

    The first sign may be missing: some servers put it into the prompt.

    >>> apart("<think>It is short.</think>\\norders"), apart("orders")
    (('It is short.', 'orders'), ('', 'orders'))
    """
    begin = text.lstrip()
    for first, last in THOUGHTS:
        if begin.startswith(first):
            thoughts, _, answer = begin.removeprefix(first).partition(last)
            return thoughts.strip(), answer.lstrip()
        if last in text and first not in text:
            thoughts, _, answer = text.rpartition(last)
            return thoughts.strip(), answer.lstrip()
    return "", text


CUT = frozenset({"length", "max_tokens", "model_length", "model_context_window_exceeded"})
WITHHELD = ("content_filter", "safety", "prohibited_content", "blocklist", "recitation", "sensitive", "refusal")
"""Begin of the words by which providers say that their filter stopped the answer."""
BROKEN = frozenset({"error", "network_error", "insufficient_system_resource"})


def _said_in_chat(answer: Mapping[str, object]) -> Said | Failure:
    """What a completion says, or why it can't be read as one."""
    choice = next(iter(_items(answer.get("choices"))), None)
    message = _part(choice, "message")
    text, refusal = _text_of(_part(message, "content")), _part(message, "refusal") or ""
    reason = str(_part(choice, "finish_reason") or "").lower()
    if reason in BROKEN:
        complaint = complaint_inside({"error": _part(choice, "error")})
        return FAILED if complaint is None else failure_for(complaint)
    if not isinstance(message, Mapping) or text is None or not isinstance(refusal, str):
        return UNREADABLE
    thoughts, spoken = apart(text)
    return Said(
        text=spoken,
        thoughts=thoughts,
        ending="cut" if reason in CUT else "withheld" if reason.startswith(WITHHELD) else "whole",
        refusal=refusal,
        tokens_in=_count(_part(answer, "usage", "prompt_tokens")),
        tokens_out=_count(_part(answer, "usage", "completion_tokens")),
        tokens_cached=_count(_part(answer, "usage", "prompt_tokens_details", "cached_tokens")) or 0,
        # How sure it was of its thoughts says nothing of its answer.
        chances=() if thoughts else _chances(_part(choice, "logprobs", "content")),
    )


def _said_in_response(answer: Mapping[str, object]) -> Said | Failure:
    """What a response says, or why it can't be read as one."""
    items = answer.get("output")
    if not isinstance(items, list):
        return UNREADABLE
    messages = [item for item in _items(cast("object", items)) if _part(item, "type") == "message"]
    parts = [part for item in messages for part in _items(_part(item, "content"))]
    spoken = [part for part in parts if _part(part, "type") == "output_text"]
    texts = [_part(part, "text") for part in spoken]
    refusals = [_part(part, "refusal") for part in parts if _part(part, "type") == "refusal"]
    if not all(isinstance(text, str) for text in (*texts, *refusals)):
        return UNREADABLE
    status, reason = answer.get("status"), _part(answer, "incomplete_details", "reason")
    if status == "failed":
        return FAILED
    thoughts, text = apart("".join(cast("list[str]", texts)))
    return Said(
        text=text,
        thoughts=thoughts,
        ending="withheld" if reason == "content_filter" else "cut" if status == "incomplete" else "whole",
        refusal=" ".join(cast("list[str]", refusals)),
        tokens_in=_count(_part(answer, "usage", "input_tokens")),
        tokens_out=_count(_part(answer, "usage", "output_tokens")),
        tokens_cached=_count(_part(answer, "usage", "input_tokens_details", "cached_tokens")) or 0,
        chances=() if thoughts else tuple(chance for part in spoken for chance in _chances(_part(part, "logprobs"))),
    )


def _count(tokens: object) -> int | None:
    """A number of tokens; None for what can be none."""
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens < 2**40 else None


def asked_for(schema: Mapping[str, Json] | None) -> str:
    """The words that ask for an answer of the schema; the word JSON in them is a condition of many servers."""
    return f"Answer with a JSON object of this schema and nothing else:\n{json.dumps(schema, ensure_ascii=False)}"
