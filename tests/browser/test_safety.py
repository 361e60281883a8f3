"""What must not happen: leaks of the stage's own answer, and record texts that act."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server, run_once
from mails import write_mails
from stagegap.redaction import BLOT
from stagegap.workspace import Workspace
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


PLANTED = {
    "SERVICE_KEY": "k3y-of-the-service-7",
    "DB_PASS": "pa\"ss<&'word 7é",
    "CLIENT_SECRET": "s3cret/of+the=client",
    "GH_PAT": "ghx_9f8e7d6c5b4a",
}
OPENED = ("", "failures", "read", "label?stage=draft&who=eve", "label?stage=route&who=eve", "agree?stage=draft&who=eve")
OPENED += ("compare", "odd", "people", "after")


@pytest.mark.slow
def test_no_answer_of_the_app_holds_the_value_of_a_secret_variable_that_its_store_holds(
    tmp_path: Path, serve: Callable[..., Server], open_page: Callable[..., Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "support-mail"
    place = write_mails(folder, count=20, unlabelled={"draft": 5})
    planted = " and ".join(PLANTED.values())
    mails = place / "mails.jsonl"
    mails.write_text(mails.read_text().replace("This is mail", f"{json.dumps(planted)[1:-1]} in"))
    (place / "guideline.md").write_text(f"Never say {planted}.\n")
    stages = place / "stages.py"
    stages.write_text(stages.read_text().replace("dear customer", PLANTED["SERVICE_KEY"]))
    cascade = place / "cascade.yaml"
    cascade.write_text(cascade.read_text().replace("that you would send", PLANTED["GH_PAT"]))
    for _ in range(2):  # with no variable set the store holds them as they are
        run_once(folder)
        cascade.write_text(cascade.read_text().replace("noun: mail", "noun: letter"))
    with Workspace.open(folder) as workspace:
        [record] = workspace.store.records("support_email", ids=["m0003"])
        assert PLANTED["SERVICE_KEY"] in str(record.fields), "it is planted"
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    server = serve(is_real=True)
    page = open_page("about:blank")
    received: list[bytes] = []
    asked: set[str] = set()

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: received.append(data if isinstance(data, bytes) else data.encode()))

    page.on("websocket", listen)
    page.on("request", lambda request: asked.add(request.url))
    for address in OPENED:
        page.goto(f"{server.url}/{address}")
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
        if address.startswith("label"):
            expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
        page.wait_for_load_state("networkidle")
    received += [page.request.get(url).body() for url in sorted(asked) if url.startswith(server.url)]
    everything_sent = b"\n".join(received)
    blots = f"{BLOT} and ".encode(), b"*" * len(PLANTED["SERVICE_KEY"]) + b" and "
    assert any(blot in everything_sent for blot in blots), "what was planted is on the pages"
    for value in PLANTED.values():
        forms = value, quote(value), base64.b64encode(value.encode()).decode(), value.replace('"', '\\"')
        assert not [form for form in forms if form.encode() in everything_sent], value
