"""JSON over HTTP, asked within bounds: one session of a stage, and answers that come as a stream of events."""

from __future__ import annotations

import json
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from stagegap.model.answer import Status
from stagegap.stages.attempts import Failure, Meaning, Patience, lost_connection

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession


MOST_BYTES = 10_000_000
"""An answer larger than this, decompressed, is given up: it may come from anywhere and must not fill the memory."""
CHUNK = 65_536
_ANY_HEADER = zlib.MAX_WBITS | 32
"""Lets zlib find out by itself whether it is gzip or deflate."""
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})

Heed = Callable[[Mapping[str, str]], None]
"""Takes the headers of an answer."""
TOO_LARGE = Failure(
    meaning=Meaning.RECORD, status=Status.UNPARSABLE, message=f"the answer is larger than {MOST_BYTES:,} bytes"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What a service sent back."""

    status: int
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes
    reason: str = ""

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


class Wire:
    """Requests of one stage to its service; redirects are not followed, for a key must not go elsewhere."""

    def __init__(self, patience: Patience, *, headers: Mapping[str, str], heed: Heed) -> None:
        """`headers` go with every request; `heed` is handed those of every answer."""
        self._patience = patience
        self._headers = headers
        self._heed = heed
        self._session: ClientSession | None = None

    async def send(
        self,
        url: str,
        body: bytes | None,
        *,
        method: str = "POST",
        query: Mapping[str, str] | None = None,
        form: str = "",
    ) -> Received | Failure:
        """What came back, or why nothing did that can be read; `form` is the type of a body that is no JSON."""
        import aiohttp

        if self._session is None:
            self._session = self._opened()
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                params=query,
                headers=self._given(form),
                allow_redirects=False,
                proxy=_proxy(url),
            ) as response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                self._heed(headers)
                content = await _read(response, headers.get("content-encoding", "identity").strip().lower())
        except (aiohttp.ClientError, OSError) as error:
            return lost_connection(error, self._patience)
        if isinstance(content, Failure):
            return content
        content = content.removeprefix(BOM_UTF8)
        return Received(status=response.status, headers=headers, body=content, reason=response.reason or "")

    def _given(self, form: str) -> Mapping[str, str]:
        if not form:
            return {"Content-Type": "application/json", **self._headers}
        others = {name: value for name, value in self._headers.items() if name.lower() != "content-type"}
        return {**others, "Content-Type": form}  # its boundary is known here only

    async def close(self) -> None:
        """Close the connections; the next request opens them again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> ClientSession:
        import aiohttp

        patience = self._patience
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            # The whole call, with all its attempts, is timed by who asks.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=patience.connect_s, sock_read=patience.silence_s),
            # What comes compressed can be a thousand times as large as it looks.
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
        )


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an address (`HTTPS_PROXY`, `NO_PROXY`); none for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return None if host in _HERE or proxy_bypass(host) else getproxies().get(parts.scheme)


async def _read(response: ClientResponse, encoding: str) -> bytes | Failure:
    """The whole body, decompressed, or why it can't be had."""
    parts: list[bytes] = []
    left = MOST_BYTES
    try:
        async for part in _decoded(response, encoding):
            left -= len(part)
            if left < 0:
                return TOO_LARGE
            parts.append(part)
    except _Unasked as error:
        return Failure(meaning=Meaning.AGAIN, message=str(error))
    return b"".join(parts)


async def _decoded(response: ClientResponse, encoding: str) -> AsyncIterator[bytes]:
    if encoding == "identity":
        async for part in response.content.iter_chunked(CHUNK):
            yield part
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise _Unasked(f"the answer is encoded as {encoding!r}, which was not asked for")
    inflater = zlib.decompressobj(_ANY_HEADER)
    async for part in response.content.iter_chunked(CHUNK):
        waiting = part
        while waiting:
            try:
                yield inflater.decompress(waiting, CHUNK)
            except zlib.error as error:
                raise _Unasked(f"the answer can't be decompressed: {error}") from None
            waiting = inflater.unconsumed_tail


class _Unasked(Exception):
    """An answer in an encoding that nobody asked for and that can't be read within bounds."""


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

    Empty where a piece can't be read: without it the rest would be another answer.

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
        if not event:
            return {}
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
    """The data of each event that is an object, empty for a broken one; None for the sign that all was sent."""
    data: list[str] = []
    for line in (*_LINE_END.split(text), ""):
        if line.startswith("data:"):
            data.append(line[5:].strip())
            continue
        if line or not data:
            continue
        content, data = "\n".join(data), []
        yield from _event(content)


def _event(content: str) -> Iterator[Mapping[str, object] | None]:
    if content == DONE:
        yield None
        return
    try:
        event: object = json.loads(content)
    except (ValueError, RecursionError):
        # Servers that forget the empty line between two events.
        lines = content.split("\n")
        for line in lines if len(lines) > 1 else ():
            yield from _event(line)
        if len(lines) == 1 and content.startswith("{"):
            yield {}
        return
    if isinstance(event, Mapping) and event:
        yield cast("Mapping[str, object]", event)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
