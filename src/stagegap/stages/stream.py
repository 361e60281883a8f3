"""Answers that come as a stream of events, whether asked for or not, put together to what came at once otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from stagegap.stages.wire import Received

_LINE_END = re.compile(r"\r\n|\n|\r")
"""No other: a text may hold what else Python takes for the end of a line."""
DONE = "[DONE]"
WHOLE = frozenset({"response.completed", "response.incomplete", "response.failed"})
"""Events of the responses interface that hold the whole response."""
GROWING = ("content", "refusal", "reasoning_content", "reasoning")
"""Members of a message that come in pieces."""


def is_stream(received: Received) -> bool:
    """Whether an answer is a stream of events; some servers call it JSON."""
    kind = received.headers.get("content-type", "")
    return "text/event-stream" in kind or received.body.lstrip()[:6].startswith((b"data:", b"event:"))


def put_together(text: str) -> Mapping[str, object] | None:
    """The answer that a stream holds, in the form of one that came at once; None where the stream ended before it.

    >>> put_together('data: {"choices": [{"delta": {"content": "o"}, "finish_reason": "stop"}]}')["choices"]
    [{'message': {'content': 'o'}, 'finish_reason': 'stop'}]
    """
    message: dict[str, object] = {}
    choice: dict[str, object] = {"message": message}
    rest: dict[str, object] = {}
    chances: list[object] = []
    is_whole = False
    for event in _events(text):
        if event is None:
            is_whole = True
            continue
        if event.get("error"):
            return {"error": event["error"]}
        if event.get("type") in WHOLE:
            return _mapping(event.get("response"))
        if event.get("usage"):
            rest["usage"] = event["usage"]
        piece = next(iter(_list(event.get("choices"))), None)
        own = _mapping(piece)
        _grow(message, _mapping(own.get("delta")) or _mapping(own.get("message")))
        chances += _list(_mapping(own.get("logprobs")).get("content"))
        if own.get("finish_reason"):
            choice["finish_reason"], is_whole = own["finish_reason"], True
        if own.get("error"):
            choice["error"] = own["error"]
    if chances:
        choice["logprobs"] = {"content": chances}
    message.setdefault("content", "")
    return {"choices": [choice], **rest} if is_whole else None


def _grow(message: dict[str, object], piece: Mapping[str, object]) -> None:
    """Add a piece of a message to it. A text grows by texts, a list of parts by parts."""
    for name in GROWING:
        more, before = piece.get(name), message.get(name)
        if isinstance(more, str) and isinstance(before, str | None):
            message[name] = (before or "") + more
        elif isinstance(more, list):
            message[name] = [*_list(before), *cast("Sequence[object]", more)]


def _events(text: str) -> Iterator[Mapping[str, object] | None]:
    """The data of each event that is an object; None for the sign that all was sent."""
    data: list[str] = []
    for line in (*_LINE_END.split(text), ""):
        if line.startswith("data:"):
            data.append(line[5:].strip())
            continue
        if line or not data:
            continue
        content, data = "\n".join(data), []
        yield from _read(content)


def _read(content: str) -> Iterator[Mapping[str, object] | None]:
    if content == DONE:
        yield None
        return
    try:
        event: object = json.loads(content)
    except (ValueError, RecursionError):
        # Servers that forget the empty line between two events.
        lines = content.split("\n")
        for line in lines if len(lines) > 1 else ():
            yield from _read(line)
        return
    if isinstance(event, Mapping):
        yield cast("Mapping[str, object]", event)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
