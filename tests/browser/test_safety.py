"""What must not happen: leaks of the stage's own answer, and record texts that act."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection

from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server
from ui.fake_workspace import MALICIOUS, SECRET


def test_nothing_that_reaches_the_browser_holds_the_stages_own_answer(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page("about:blank".replace("about:blank", server.url))
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    page.on("websocket", listen)
    for stage in ("route", "retrieve", "draft"):
        page.goto(f"{server.url}/label?stage={stage}&who=ab")
        expect(page.locator(".card[data-record='m0000']")).to_be_visible()
    received = b"".join(frames)
    assert b"my session expired" in received
    assert SECRET.encode() not in received


def test_text_of_a_record_is_shown_and_does_nothing(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/label?stage=route&who=ab")
    for i in range(3):
        expect(page.locator(".card")).to_have_attribute("data-record", f"m{i:04d}")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
    expect(page.locator(".inputs h2")).to_have_text(MALICIOUS)
    assert page.evaluate("window.hacked") is None


def test_text_of_a_failure_is_shown_and_does_nothing(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/?why=retrieve")
    expect(page.locator(".fl").get_by_text("![pixel](http://tracker.invalid/p.png)")).to_be_attached()
    assert page.evaluate("window.hacked") is None


def test_script_of_another_page_gets_no_connection(server: Server) -> None:
    for origin, answer in ((server.url, 101), ("https://elsewhere.example", 403)):
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.request("GET", "/_stcore/stream", headers={
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "c3RhZ2VnYXAtc3RhZ2VnYQ==", "Origin": origin,
            "Cookie": "{name}={value}".format(**server.cookie),
        })  # fmt: skip
        assert connection.getresponse().status == answer
        connection.close()
