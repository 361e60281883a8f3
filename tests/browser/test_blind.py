"""Blindness on the wire: what no queue may send to a browser, whatever it was drawn for."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server, run_once
from browser.label_card import all_saved
from mails import PEOPLE, SECRET, write_mails
from stagegap.people.judgements import Judging
from stagegap.runner.queues import Hunt
from stagegap.workspace import Workspace

CASCADE = "support_email"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose every draft holds a mark that is the system's own."""
    folder = tmp_path_factory.mktemp("blind")
    cascade = write_mails(folder, count=40, slip=3, unlabelled={"draft": 10, "retrieve": 10}) / "cascade.yaml"
    cascade.write_text(cascade.read_text().replace("    guideline: guideline.md\n", ""))  # nothing to read first
    run_once(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, once: Path) -> Path:
    shutil.copytree(once, tmp_path / "support-mail")
    return tmp_path / "support-mail"


def drawn(folder: Path, kind: str) -> str:
    with Workspace.open(folder) as workspace:
        desk = workspace.labels
        match kind:
            case "hunt":
                return desk.hunt(CASCADE, "draft", Hunt(where='record.language == "de"')).id
            case "judge":
                return desk.judge(CASCADE, "draft", Judging(mode="prefer", criterion="quality")).id
            case _:
                return kind


def received(server: Server, open_page: Callable[..., Page], queue: str, keys: tuple[str, ...]) -> bytes:
    """All that the server sent while somebody answered three records of a queue and opened the first again."""
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    page = open_page("about:blank")
    page.on("websocket", listen)
    page.goto(f"{server.url}/label?cascade={CASCADE}&stage=draft&who=eve&queue={queue}")
    card = page.locator(".card[data-record]:not([data-record=''])")
    expect(card).to_be_visible()
    first = card.get_attribute("data-record")
    card.focus()
    for _ in range(3):
        at = card.get_attribute("data-record")
        for key in keys:
            page.keyboard.press(key)
        expect(card).not_to_have_attribute("data-record", str(at))
        card.focus()
    all_saved(page)
    page.goto(f"{server.url}/label?cascade={CASCADE}&stage=draft&who=eve&queue={queue}&record={first}")
    expect(page.locator(f".card[data-record='{first}']")).to_be_visible()
    page.get_by_text("My labels").click()
    return b"".join(frames)


@pytest.mark.parametrize("kind", ["random", "overlap", "next", "swap", "hunt"])
def test_no_frame_holds_the_stages_own_answer_or_who_else_answered_what(
    folder: Path, serve: Callable[..., Server], open_page: Callable[..., Page], kind: str
) -> None:
    queue = drawn(folder, kind)
    frames = received(serve(is_real=True), open_page, queue, ("ArrowDown", "x", "Control+Enter"))
    assert b"Write the reply that you would send." in frames
    assert SECRET.encode() not in frames
    assert b"sealed" not in frames
    assert not any(name.encode() in frames for name in PEOPLE)


def test_judge_shows_both_answers_and_no_frame_says_whose(
    folder: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    queue = drawn(folder, "judge")
    frames = received(serve(is_real=True), open_page, queue, ("1", "Enter"))
    assert SECRET.encode() in frames, "the answer itself is what is judged"
    for word in (b"sealed", b"author", b"annotator", b'"system"', *(name.encode() for name in PEOPLE)):
        assert word not in frames
    with Workspace.open(folder) as workspace:
        items = workspace.store.queue_items(queue, "nobody", 1_000)
    sides = [re.search(r"(A|B):  [^\"]*" + SECRET, item.payload) for item in items]
    shares = Counter(match[1] for match in sides if match)
    assert min(shares["A"], shares["B"]) >= 5, "the side does not say it either"
