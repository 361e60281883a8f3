from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stagegap.ui.server import KnownOrigins


def connected(kind: str, **headers: str) -> list[str]:
    """What became of a connection: `app` where it was handed on, otherwise what was answered."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append("app")

    async def send(message: Any) -> None:
        seen.append(message["type"])

    async def receive() -> Any:
        raise AssertionError("nothing is read of a connection that is refused")

    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    guard = KnownOrigins(app, hosts={"localhost", "127.0.0.1"})
    asyncio.run(guard({"type": kind, "headers": pairs}, receive, send))
    return seen


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "a program that is no browser"),
        ({"origin": "http://127.0.0.1:8501"}, "the app's own page"),
        ({"origin": "http://LOCALHOST:9"}, "the same by its other name"),
        ({"origin": "https://labels.example.org", "host": "labels.example.org"}, "through a proxy that keeps the name"),
    ],
)
def test_own_pages_are_handed_on(headers: dict[str, str], why: str) -> None:
    assert connected("websocket", **headers) == ["app"], why


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "null", "http://[", "http://127.0.0.1.elsewhere.example"]
)
def test_page_from_elsewhere_is_refused_before_anything_else_looks(origin: str) -> None:
    assert connected("websocket", origin=origin, host="127.0.0.1:8501") == ["websocket.close"]
    assert connected("http", origin=origin) == ["app"], "pages are read by anybody's link"
