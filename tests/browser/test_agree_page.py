"""Settling by keys: blind, nothing lost, names and the system's answer hidden."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server
from browser.label_card import all_saved, stored
from stagegap.people.disagreements import digest
from ui.fake_bench import ANSWERS, PEOPLE
from ui.fake_workspace import SECRET


def open_agree(server: Server, open_page: Callable[..., Page], stage: str, more: str = "", **options: object) -> Page:
    page = open_page(f"{server.url}/agree?stage={stage}&who=eve{more}", **options)
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    page.locator(".card").focus()
    return page


def test_three_disagreements_are_settled_by_keys_only(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_agree(server, open_page, "route")
    expect(page.get_by_role("heading", name="3 disagreements to settle at route")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("2")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0002")
    page.keyboard.press("4")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing left to settle")).to_be_visible()
    all_saved(page)
    a, b, c = (event["values"] for event in stored(server))
    digests = {digest(answer) for answer in ANSWERS["route"]}
    assert a["verdict"] in digests
    assert (a["reason"], a["cites"]) == ("slip", "Two topics: choose the one that is more urgent.")
    assert set(b["verdict"].split()) == digests
    assert (c["verdict"], c["value"]) == ("neither", "technical")
    page.reload()
    expect(page.get_by_text("Guideline lines cited most")).to_be_visible()


def test_link_opens_its_record_and_another_one_is_named(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_agree(server, open_page, "draft", "&record=m0002")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0002")
    expect(page.get_by_text("must contain: 30 days")).to_be_visible()
    page.goto(f"{server.url}/agree?stage=draft&who=eve&record=m0077")
    expect(page.get_by_text("Labellers do not disagree on record m0077 at draft, or it is settled.")).to_be_visible()


def test_nothing_that_reaches_the_browser_names_a_person_or_the_systems_answer(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(server.url)
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    page.on("websocket", listen)
    for stage in ("route", "retrieve", "draft"):
        page.goto(f"{server.url}/agree?stage={stage}&who=eve")
        expect(page.locator(".card[data-record='m0000']")).to_be_visible()
    received = b"".join(frames)
    assert b"Both are fine" in received
    assert SECRET.encode() not in received
    assert not any(name.encode() in received for name in PEOPLE)


def test_decision_can_be_made_again_and_only_adds(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_agree(server, open_page, "route")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    page.keyboard.press("z")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    all_saved(page)
    first, second = stored(server)
    assert first["record"] == second["record"] == "m0000"
    assert first["values"]["verdict"] != second["values"]["verdict"]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (420, "dark")])
def test_decision_leads_to_who_said_what(
    server: Server, open_page: Callable[..., Page], width: int, scheme: str
) -> None:
    page = open_agree(server, open_page, "route", width=width, scheme=scheme)
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    all_saved(page)
    page.reload()
    page.get_by_role("button", name="m0000").click()
    history = page.get_by_role("region", name="History at route")
    for said in (*PEOPLE, "answered: billing", "eve", "settled: billing or refund", "not verified"):
        expect(history).to_contain_text(said)
    expect(page).to_have_url(f"{server.url}/agree?stage=route&who=eve&trace=m0000")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)
    result = Axe().run(page)
    assert [(v["id"], [node["html"][:200] for node in v["nodes"]]) for v in result.response["violations"]] == []
