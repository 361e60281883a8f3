"""What a trace consists of, whoever recorded it: spans, and what somebody said of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from stagegap.exchange.foreign.protocol import Leftovers, Object, number_of
from stagegap.exchange.typed import seconds
from stagegap.model.canonical import parse_json
from stagegap.model.record import Json
from stagegap.model.wording import EARLIEST


class SpanKind(StrEnum):
    """What a span did."""

    LLM = "llm"
    RETRIEVER = "retriever"
    TOOL = "tool"
    AGENT = "agent"
    CHAIN = "chain"
    """A step of code, or a frame around other steps."""
    EMBEDDING = "embedding"
    EVALUATOR = "evaluator"
    """A machine's verdict of the trace itself, no step of the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One step of a trace."""

    trace: str
    id: str
    parent: str = ""
    """Empty for a root."""
    name: str
    kind: SpanKind = SpanKind.CHAIN
    start: float | None = None
    """Seconds since 1970."""
    end: float | None = None
    inputs: Json = None
    output: Json = None
    documents: Sequence[Mapping[str, Json]] = ()
    """What a retriever gave, best first: `id`, `title`, `text`, `score`."""
    error: str = ""
    """What went wrong; empty where nothing did."""
    model: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost: float | None = None
    """US dollars."""
    session: str = ""
    user: str = ""
    role: str = ""
    """Agent or part that acted, where that is not the name."""
    fields: Mapping[str, Json] = field(default_factory=dict[str, Json])
    """Fields of the record, of a root: what else is known of the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What somebody said of a trace or of one of its spans."""

    trace: str
    span: str = ""
    """Empty for the trace as a whole."""
    name: str
    value: Json
    author: str = ""
    by: Literal["person", "model", "code", "reference"] = "person"
    """`reference`: the value is the right answer itself."""
    note: str = ""
    at: float | None = None
    role: str = ""
    """Of a first fault: who went wrong, where people said it."""


FIRST_FAULT = "first_fault"
"""Name of the opinion that a span is the first wrong one of its trace; one of no span says that none is."""
Item: TypeAlias = Span | Opinion
Values: TypeAlias = "Iterator[tuple[str, Object]]"
"""Place in the file, as `line 7`, and the object that stands there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFormat:
    """A format in which traces are recorded."""

    name: str
    title: str
    is_certain: Callable[[Sequence[Object]], bool]
    """Whether a file that begins with these objects is of the format."""
    read: Callable[[Values, Leftovers], Iterator[Item]]
    is_whole: bool = False
    """Every trace comes in one piece, its root first: a second one of the same id is another trace."""


def instant(value: Json) -> float | None:
    """Seconds since 1970 of a number in seconds, milliseconds, microseconds or nanoseconds, or of an ISO text.

    None of nothing, 0 and year 1, which programs write for it; NaN of anything else, which `Spool` counts.

    >>> instant("1700000000000000000"), instant(1700000000000), instant("2023-11-14T22:13:20Z"), instant("soon")
    (1700000000.0, 1700000000.0, 1700000000.0, nan)
    """
    number = number_of(value)
    if number is None and isinstance(value, str):
        try:
            number = seconds(value.strip())
        except ValueError:
            return math.nan
    if number is None:
        return None if value in (None, "") else math.nan
    while number > 1e11:
        number /= 1000.0
    return number if number > 0 else None if number in (0, EARLIEST) else math.nan


def amount_of(value: Json) -> float | None:
    """A cost or a time that something took; None of nothing, NaN of what is no number from 0 on."""
    number = number_of(value)
    if number is None and (value is None or (isinstance(value, str) and not value.strip())):
        return None
    return math.nan if number is None or number < 0 else number


def count_of(value: Json) -> int | None:
    """A number of tokens; None of nothing, -1 of what is none."""
    number = amount_of(value)
    return None if number is None else int(number) if 0 <= number < 2**31 and number == int(number) else -1


def unpacked(value: Json) -> Json:
    """The object or list that a text spells in JSON; any other value as it is.

    >>> unpacked('{"a": 1}'), unpacked("plain"), unpacked("12")
    ({'a': 1}, 'plain', '12')
    """
    if isinstance(value, str) and value[:1] in ("{", "[") and value.rstrip()[-1:] in ("}", "]"):
        try:
            return parse_json(value)
        except ValueError:
            return value
    return value


def spoken(content: Json) -> Json:
    """The text of a message's content: a text, or the text parts of a list; any other value as it is.

    Thoughts are no answer: they are left out beside what is more than that.
    """
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = [part for part in content if not _is_thought(part)] or content
        parts = [part if isinstance(part, str) else _part(part) for part in content]
        if parts and all(part is not None for part in parts):
            return "\n".join(part for part in parts if part)
    return content


def _is_thought(part: Json) -> bool:
    return isinstance(part, Mapping) and part.get("type") in ("reasoning", "thinking", "redacted_thinking")


def _part(part: Json) -> str | None:
    if not isinstance(part, Mapping):
        return None
    for key in ("text", "content", "reasoning", "thinking"):
        value = part.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, Mapping) and isinstance(value.get("value"), str):
            return str(value["value"])
    return None


def turn_text(turn: Mapping[str, Json]) -> str:
    """A turn of a conversation: its role and its texts; what is no text (pictures, calls of tools) as JSON.

    >>> turn_text({"role": "user", "parts": [{"type": "text", "content": "Tea?"}, {"type": "uri", "uri": "a.png"}]})
    'user: Tea?\\n{"type": "uri", "uri": "a.png"}'
    """
    content = turn.get("content", turn.get("parts"))
    parts = content if isinstance(content, list) else [content]
    pieces = [part if (text := spoken([part])) == [part] else text for part in parts]
    pieces.append(turn.get("tool_calls") or turn.get("function_call"))
    texts = (piece if isinstance(piece, str) else json.dumps(piece, ensure_ascii=False) for piece in pieces if piece)
    return f"{turn['role']}: " + "\n".join(texts).strip()


def answer_of(message: Json) -> Json:
    """What an assistant's message says: its text, or its calls of tools where it says nothing.

    Of a response of a model with choices it is the first one's message.

    >>> answer_of({"role": "assistant", "content": "Yes"}), answer_of({"choices": [{"message": {"content": "Yes"}}]})
    ('Yes', 'Yes')
    """
    if isinstance(message, Sequence) and not isinstance(message, str) and message:
        last = message[-1]
        return answer_of(last) if isinstance(last, Mapping) and ("content" in last or "parts" in last) else message
    if not isinstance(message, Mapping):
        return message
    choices = message.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, Mapping) and isinstance(first.get("message"), Mapping):
        return answer_of(first["message"])
    if isinstance(message.get("messages"), list) and len(message) == 1:
        return answer_of(message["messages"])
    content = spoken(message.get("content", message.get("parts")))
    if content not in (None, "", []):
        return content
    calls = message.get("tool_calls") or message.get("function_call")
    if calls:
        return {"tool_calls": calls}
    return content if "content" in message or "parts" in message else message


def single(value: Json, names: Sequence[str]) -> Json:
    """What stands under the only key where that says nothing; a list of one conversation is the conversation."""
    if isinstance(value, Mapping) and len(value) == 1:
        [(key, item)] = value.items()
        if key in names and (key in ("input", "messages", "output", "outputs") or isinstance(item, Mapping | list)):
            value = unpacked(item)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        return value[0]
    return value


_OPPOSITES = (
    ("pass", "fail"), ("passed", "failed"), ("yes", "no"), ("true", "false"), ("correct", "incorrect"),
    ("right", "wrong"), ("good", "bad"), ("helpful", "unhelpful"), ("relevant", "irrelevant"),
    ("relevant", "unrelated"), ("factual", "hallucinated"), ("safe", "unsafe"), ("positive", "negative"),
    ("up", "down"), ("thumbs_up", "thumbs_down"), ("acceptable", "unacceptable"),
    ("accepted", "rejected"), ("success", "failure"),
)  # fmt: skip
"""Words of which the first is 1 and the second is 0."""


def word_of(opinion: Opinion) -> str:
    """The word that a score is; empty for numbers, truth values and texts of several lines."""
    value = opinion.value
    if not isinstance(value, str) or number_of(value) is not None:
        return ""
    word = value.strip()
    return word if word and len(word) <= 60 and "\n" not in word else ""


def criteria_of(opinion: Opinion, words: Sequence[str]) -> dict[str, float]:
    """What an opinion says in numbers, by criterion: a score as it is, one of two opposites as 1 or 0.

    Any other word is one criterion a word that the score was seen to give: 1 for the one that was chosen, else 0.
    Nothing where it can't be said. `words` are those of all opinions of the name.

    >>> said = Opinion(trace="t", name="tone", value="dry")
    >>> criteria_of(said, ["dry", "warm"]), criteria_of(said, ["dry", "wet"])
    ({'tone: dry': 1.0, 'tone: warm': 0.0}, {'tone: dry': 1.0, 'tone: wet': 0.0})
    >>> criteria_of(Opinion(trace="t", name="verdict", value="Fail"), ["Fail", "Pass"])
    {'verdict': 0.0}
    """
    value = float(opinion.value) if isinstance(opinion.value, bool) else number_of(opinion.value)
    if value is not None:
        return {opinion.name: value}
    word = word_of(opinion)
    plain = {_plain(known) for known in words}
    pair = next((pair for pair in _OPPOSITES if plain and plain <= set(pair)), None)
    if pair:
        return {opinion.name: float(_plain(word) == pair[0])} if _plain(word) in pair else {}
    return {f"{opinion.name}: {known}": float(known == word) for known in words} if word in words else {}


def _plain(word: str) -> str:
    return word.lower().replace(" ", "_").replace("-", "_")
