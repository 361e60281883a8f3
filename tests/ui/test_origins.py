"""Who is handed on to the app, and what goes out: each request by its headers alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stagegap.ui.access import Access
from stagegap.ui.server import NO_TOKEN, PROXY_TOKEN, Guard, Traffic

HOST = "127.0.0.1:8501"


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(tmp_path)


def answered(
    access: Access, kind: str = "http", *, query: str = "", path: str = "/", asks: object = True, **headers: str
) -> list[Any]:
    """The messages that a request is answered with; the app itself answers with a body that says so."""
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "bytes": b"\x05value-0815\x00"})
            await send({"type": "websocket.send", "text": "plain"})
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
            await send({"type": "http.response.body", "body": b"the app, value-0815"})
        else:
            sent.append({"type": "lifespan"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read of a request that is refused")

    names = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in names.items()]
    guard = Guard(
        app,
        access,
        hosts=["localhost", "127.0.0.1", "labels.example.org:8443"],
        asks_for_token=bool(asks),
        traffic=Traffic(Path()),
    )
    scope = {"type": kind, "headers": pairs, "path": path, "query_string": query.encode(), "scheme": "http"}
    asyncio.run(guard(scope, receive, send))
    return sent


def outcome(messages: list[Any]) -> str:
    first = messages[0]
    return "app" if first["type"] == "websocket.accept" else str(first.get("status", first["type"]))


def owner(access: Access) -> str:
    return f"{access.cookie_name}={access.cookie(access.token)}"


@pytest.mark.parametrize(
    ("host", "origin", "why"),
    [
        (HOST, f"http://{HOST}", "the app's own page"),
        ("localhost:9000", "http://LOCALHOST:9000", "through a tunnel with a port of its own"),
        ("labels.example.org:8443", "https://labels.example.org:8443", "through a proxy that keeps the name"),
        (HOST, "https://labels.example.org:8443", "through a proxy that does not"),
    ],
)
def test_own_pages_are_handed_on(access: Access, host: str, origin: str, why: str) -> None:
    assert outcome(answered(access, "websocket", host=host, origin=origin, cookie=owner(access))) == "app", why


@pytest.mark.parametrize(
    ("host", "origin", "why"),
    [
        (HOST, "http://127.0.0.1:9999", "another program on this machine"),
        (HOST, "http://localhost:8501", "the same port by another name, whose cookies are others"),
        (HOST, "https://elsewhere.example", "a page of somebody else"),
        (HOST, "null", "a file or a sandbox"),
        (HOST, "http://[", "nonsense"),
        (HOST, "http://127.0.0.1.elsewhere.example:8501", "a name that begins like ours"),
        (HOST, None, "no page at all"),
        ("elsewhere.example:8501", "http://elsewhere.example:8501", "a name that was made to point here"),
        ("[", "http://[", "no name"),
    ],
)
def test_socket_from_elsewhere_is_refused(access: Access, host: str, origin: str | None, why: str) -> None:
    headers = {"host": host, "cookie": owner(access)} | ({"origin": origin} if origin else {})
    assert outcome(answered(access, "websocket", **headers)) == "websocket.close", why
    if origin:
        assert outcome(answered(access, **headers)) == "403", why


def test_nothing_is_handed_on_without_the_token(access: Access) -> None:
    assert outcome(answered(access, "websocket", origin=f"http://{HOST}")) == "websocket.close"
    for headers in (
        {},
        {"cookie": "a=b"},
        {"cookie": f"{access.cookie_name}={access.token}"},
        {"x_stagegap_token": "x"},
    ):
        start, body = answered(access, **headers)
        assert start["status"] == 403
        assert NO_TOKEN[:20].encode() in body["body"]
    assert outcome(answered(access, query="token=wrong")) == "403"
    assert outcome(answered(access, cookie=owner(access))) == "200"
    assert outcome(answered(access, asks=False)) == "200", "people sign in, and the pages ask them to"
    assert outcome(answered(access, "lifespan")) == "lifespan"


def test_whoever_asks_is_told_that_the_app_answers_and_no_more(access: Access) -> None:
    start, body = answered(access, path="/healthz", host="10.0.0.7")
    assert (start["status"], body["body"]) == (200, b"ok\n")
    assert outcome(answered(access, "websocket", path="/healthz", origin=f"http://{HOST}")) == "websocket.close"
    assert outcome(answered(access, path="/healthz/more")) == "403"


def test_proxy_shows_the_token_in_a_header(access: Access) -> None:
    assert outcome(answered(access, **{PROXY_TOKEN.decode(): access.token})) == "200"


def test_token_in_the_address_becomes_a_cookie_and_leaves_the_address(access: Access) -> None:
    start, _ = answered(access, query=f"stage=route&token={access.token}&who=ab", path="/label")
    headers = dict(start["headers"])
    assert (start["status"], headers[b"location"]) == (303, b"/label?stage=route&who=ab")
    kept = headers[b"set-cookie"].decode()
    assert kept.startswith(f"{owner(access)}; HttpOnly; SameSite=Lax; Path=/")
    assert access.token not in kept
    for path in ("//elsewhere.example/x", "///elsewhere.example/x", "/\\elsewhere.example/x", "\\/elsewhere.example/x"):
        start, _ = answered(access, query=f"token={access.token}", path=path)
        assert dict(start["headers"])[b"location"] == b"/elsewhere.example/x", "it leads to no other place"
    start, _ = answered(access, query=f"token={access.token}", path="/label\r\nset-cookie: a=b")
    assert dict(start["headers"])[b"location"] == b"/label%0D%0Aset-cookie%3A%20a%3Db", "nor brings a header of its own"


def test_every_answer_forbids_frames_and_all_that_is_not_its_own(access: Access) -> None:
    for messages in (answered(access), answered(access, cookie=owner(access))):
        headers = dict(messages[0]["headers"])
        policy = headers[b"content-security-policy"].decode()
        assert "frame-ancestors 'none'" in policy
        assert f"connect-src 'self' ws://{HOST} wss://{HOST}" in policy
        assert headers[b"x-frame-options"] == b"DENY"
        assert headers[b"referrer-policy"] == b"no-referrer"


def test_values_of_secrets_reach_no_browser(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "value-0815")
    _, frame, text = answered(access, "websocket", origin=f"http://{HOST}", cookie=owner(access))
    assert frame["bytes"] == b"\x05**********\x00", "as long as before"
    assert text["text"] == "plain"
    assert answered(access, cookie=owner(access))[1]["body"] == b"the app, **********"
