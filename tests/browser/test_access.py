"""Who gets in, in a real browser: the token of the link, an invitation, and what a page may load."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server, run_once
from browser.label_card import all_saved
from browser.test_real_workspace import project
from stagegap.ui.access import Access
from stagegap.workspace import Workspace

__all__ = ["project"]


def test_link_with_the_token_opens_the_app_and_leaves_the_address_clean(
    server: Server, open_page: Callable[..., Page]
) -> None:
    stranger = open_page(f"{server.url}/label?stage=route&who=ab", is_known=False)
    expect(stranger.get_by_text("This app opens by its link only")).to_be_visible()
    assert server.link.startswith(f"{server.url}/?token=")
    stranger.goto(server.link)
    expect(stranger.get_by_role("heading", level=1)).to_be_visible()
    assert "token" not in stranger.url
    stranger.goto(f"{server.url}/label?stage=route&who=ab")
    expect(stranger.locator(".card[data-record='m0000']")).to_be_visible()


def test_pages_need_nothing_that_their_policy_forbids(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    run_once(project)
    server = serve(is_real=True)
    page = open_page("about:blank")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    for place in ("", "failures", "label?stage=reply&who=ab", "agree?who=ab", "compare", "odd"):
        page.goto(f"{server.url}/{place}")
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
    assert [text for text in complaints if "Content Security Policy" in text or "Refused" in text] == []
    answer = page.request.get(server.url)
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_texts_of_records_become_no_links(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page("about:blank")
    for place in ("failures", "failures?why=retrieve", "label?stage=route&who=ab&record=m0003", "agree?who=ab"):
        page.goto(f"{server.url}/{place}")
        expect(page.get_by_role("heading", level=1).first).to_be_visible()
        links = page.locator("a[href]").evaluate_all("all => all.map(one => one.href)")
        assert {urlsplit(link).netloc for link in links} <= {urlsplit(server.url).netloc}


def test_invited_person_labels_under_their_name_and_reaches_no_other_page(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(is_real=True)
    access = Access(project)
    invitation, token = access.invite("ann")
    page = open_page(f"{server.url}/label?stage=topic&who=boss&token={token}", is_known=False)
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    expect(page.get_by_text("ann", exact=True)).to_be_visible()
    expect(page.get_by_role("textbox", name="Your initials")).to_have_count(0)
    page.locator(".card").focus()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    all_saved(page)
    with Workspace.open(project) as workspace:
        (made,) = [label for label in workspace.store.labels("first", stage="topic") if label.queue]
    assert (made.annotator, made.verified) == ("ann", True)
    for place in ("", "gap", "failures", "agree", "compare", "odd"):
        page.goto(f"{server.url}/{place}")
        expect(page.locator(".card[data-record]")).to_be_visible()
        assert page.get_by_role("link", name="Failures").count() == 0
    page.goto(f"{server.url}/label?stage=topic&who=boss")
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    access.revoke(invitation.id)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("it was taken back")).to_be_visible()
    page.reload()
    expect(page.get_by_text("This app opens by its link only")).to_be_visible()
    with Workspace.open(project) as workspace:
        assert len([label for label in workspace.store.labels("first", stage="topic") if label.queue]) == 1


def test_another_name_in_the_address_shows_nothing_of_theirs(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(is_real=True)
    page = open_page(f"{server.url}/label?stage=reply&who=ben")
    page.locator(".card").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("only ben knows this")
    page.keyboard.press("Control+Enter")
    all_saved(page)
    _, token = Access(project).invite("ann")
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    other = open_page("about:blank", is_known=False)
    other.on("websocket", listen)
    other.goto(f"{server.url}/label?stage=reply&who=ben&token={token}")
    expect(other.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    other.get_by_text("My labels").click()
    with Workspace.open(project) as workspace:
        record = next(label.record for label in workspace.store.labels("first", stage="reply") if label.queue)
    other.goto(f"{server.url}/label?stage=reply&who=ben&record={record}")
    expect(other.locator(f".card[data-record='{record}']")).to_be_visible()
    received = b"".join(frames)
    assert record.encode() in received
    assert b"only ben knows this" not in received
