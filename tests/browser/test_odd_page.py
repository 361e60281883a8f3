"""The Oddities page as a person meets it: by keyboard only, on a phone, and nothing that acts or calls out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Server, violations


def ready(page: Page, headline: str = "4 things look strange") -> None:
    expect(page.locator("h1")).to_have_text(headline)
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)


def pressed(page: Page, name: str) -> None:
    """Choose a button by the keyboard alone."""
    page.get_by_role("button", name=name, exact=True).first.focus()
    page.keyboard.press("Enter")


def test_top_bar_leads_here_and_the_answer_stands_first(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    page.get_by_role("link", name="Oddities", exact=True).click()
    ready(page)
    expect(page.locator("h2").first).to_have_text("Agreement too low for a gap to mean anything")


def test_card_is_opened_walked_and_left_by_keys(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/odd?who=ab")
    ready(page)
    page.locator("[class*=st-key-open-refused-draft] button").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Shown when more than 1% of the calls were refused.")).to_be_visible()
    expect(page.locator("h2", has_text="m0000")).to_be_visible()
    pressed(page, "Next")
    expect(page.locator("h2", has_text="m0001")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/odd?who=ab&check=refused%2Fdraft%2F&record=m0001")
    pressed(page, "All cards")
    expect(page).to_have_url(f"{server.url}/odd?who=ab")


def test_dismissal_with_its_reason_survives_a_reload(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/odd?who=ab&check=refused%2Fdraft%2F")
    ready(page)
    pressed(page, "Not odd")
    page.get_by_label("Why is this not odd?").fill("a test of the filter")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Keep it away").click()
    ready(page, "3 things look strange")
    page.goto(f"{server.url}/odd?who=ab")
    ready(page, "3 things look strange")
    page.get_by_text("1 card said to be not odd").click()
    expect(page.get_by_text("“a test of the filter” (ab,")).to_be_visible()


@pytest.mark.parametrize("card", ["", "&check=calibration%2Ffind%2F"])
def test_axe_finds_no_violation(server: Server, open_page: Callable[..., Page], card: str) -> None:
    page = open_page(f"{server.url}/odd?who=ab{card}")
    ready(page)
    if card:
        expect(page.locator("table.sl")).to_be_visible()
        expect(page.locator(".sb").first).to_be_visible()
    assert violations(page) == []


def test_phone_needs_no_sideways_scrolling(server: Server, open_page: Callable[..., Page]) -> None:
    for address in ("/odd?who=ab", "/odd?who=ab&check=calibration%2Ffind%2F"):
        page = open_page(server.url + address, width=420)
        ready(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_text_of_an_example_is_shown_and_does_nothing(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/odd")
    ready(page)
    expect(page.get_by_text("window.hacked=1").first).to_be_visible()
    assert page.evaluate("window.hacked") is None
