"""Judging by keys: two answers side by side, and nothing that reaches the browser says whose they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server
from browser.label_card import all_saved
from browser.test_real_workspace import project
from stagegap.people.judgements import Judging, Mode
from stagegap.workspace import Workspace

__all__ = ["project"]


def drawn(folder: Path, mode: Mode) -> str:
    with Workspace.open(folder) as workspace:
        return workspace.labels.judge("first", "reply", Judging(mode=mode, criterion="quality")).id


def opened(server: Server, open_page: Callable[..., Page], queue: str, frames: list[bytes]) -> Page:
    page = open_page(server.url)

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    page.on("websocket", listen)
    page.goto(f"{server.url}/label?stage=reply&who=eve&queue={queue}")
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    page.locator(".card").focus()
    return page


@pytest.mark.parametrize(
    ("mode", "keys", "points"),
    [("rate", ("2", "ArrowDown", "5"), {2, 5}), ("prefer", ("1",), {0, 1})],
)
def test_answers_are_judged_by_keys_only_and_blind(
    project: Path,
    serve: Callable[..., Server],
    open_page: Callable[..., Page],
    mode: Mode,
    keys: tuple[str, ...],
    points: set[int],
) -> None:
    queue, frames = drawn(project, mode), list[bytes]()
    page = opened(serve(is_real=True), open_page, queue, frames)
    expect(page.get_by_role("heading", name="How good are these answers at reply?")).to_be_visible()
    expect(page.get_by_text("who gave which answer is hidden")).to_be_visible()
    for _ in range(6):
        for key in keys:
            page.keyboard.press(key)
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All answered. Thank you.")).to_be_visible()
    all_saved(page)
    received = b"".join(frames)
    assert b'"text": "A"' in received or b'"texts"' in received
    assert b"sealed" not in received
    assert b"author" not in received
    with Workspace.open(project) as workspace:
        made = workspace.store.labels("first", stage="reply", task="judge")
        (found,) = workspace.people.judged("first", "reply")
    said: list[dict[str, str]] = [cast("dict", label.answer.value)["ratings"] for label in made if label.answer]
    assert len(said) == 6
    assert all(set(one) == {"system", "person"} and set(one.values()) == points for one in said)
    assert found.gap.n == 6


def test_undo_shows_the_judgement_again_after_a_reload(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    queue = drawn(project, "rate")
    page = opened(serve(is_real=True), open_page, queue, [])
    first = page.locator(".card").get_attribute("data-record")
    for key in ("4", "ArrowDown", "3", "Enter"):
        page.keyboard.press(key)
    all_saved(page)
    page.reload()
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    page.locator(".card").focus()
    page.keyboard.press("z")
    expect(page.locator(".card")).to_have_attribute("data-record", str(first))
    points = page.get_by_role("radiogroup", name="How good is A?")
    expect(points.locator("[data-value='4']")).to_have_attribute("aria-checked", "true")
