"""Light and dark, desk and phone: readable, reachable, nothing cut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import COLOURS, Server, violations

PAGES = {
    "gap": "/",
    "label": "/label?stage=retrieve&who=ab",
    "text": "/label?stage=draft&who=ab",
    "brief": "/label?stage=anger&who=new",
    "agree": "/agree?stage=draft&who=eve",
}


WIDE = """() => [...document.querySelectorAll("[data-testid=stMain] *")]
    .filter(e => e.getBoundingClientRect().right > 421 && !e.closest("[role=radiogroup]"))
    .map(e => e.outerHTML.slice(0, 120))"""
"""What reaches beyond a phone's screen; a row of stages scrolls by itself."""


def settled(page: Page, name: str) -> None:
    """Wait for what is drawn last."""
    expect(page.locator({"gap": ".fl"}.get(name, ".card"))).to_be_visible()
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation_in_light_and_dark_and_a_phone_needs_no_sideways_scrolling(
    server: Server, open_page: Callable[..., Page], name: str
) -> None:
    """A page that was opened once: its colours follow those of the machine, and its width that of the window."""
    page = open_page(server.url + PAGES[name])
    settled(page, name)
    assert violations(page) == []
    page.set_viewport_size({"width": 420, "height": 900})
    page.reload()
    settled(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    assert page.evaluate(WIDE) == []


def test_long_name_of_a_stage_needs_no_sideways_scrolling_on_a_phone(
    serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    page = open_page(serve(scorecard="long_names").url, width=420, height=900)
    settled(page, "gap")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 420
    assert page.evaluate(WIDE) == []


@pytest.mark.parametrize(("scheme", "dot_colour"), [("light", "rgb(0, 114, 178)"), ("dark", "rgb(86, 180, 233)")])
def test_charts_follow_the_theme(
    server: Server, open_page: Callable[..., Page], scheme: Literal["light", "dark"], dot_colour: str
) -> None:
    page = open_page(server.url, scheme=scheme)
    settled(page, "gap")
    expect(page.locator(".stApp")).to_have_css("background-color", COLOURS[scheme])
    expect(page.locator(".gap .dot").first).to_have_css("background-color", dot_colour)
    text = {"light": "rgb(27, 36, 48)", "dark": "rgb(230, 234, 240)"}[scheme]
    expect(page.locator(".fl")).to_have_css("color", text)
