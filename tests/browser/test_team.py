"""Several people: initials, two at once, a link to one record, what a change of the guideline shows."""

from __future__ import annotations

import json
from collections.abc import Callable

from playwright.sync_api import Page, expect

from browser.conftest import Server
from browser.label_card import all_saved, open_card, stored


def test_link_opens_its_record_with_the_own_answer_and_goes_on_after_it(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{server.url}/label?stage=route&who=ab&record=m0042")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0042")
    page.locator(".card").focus()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    all_saved(page)
    page.reload()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0042")
    expect(page.get_by_role("radio", name="refund")).to_have_attribute("aria-checked", "true")
    page.goto(f"{server.url}/label?stage=route&who=ab&record=gone")
    expect(page.get_by_text("Record gone in the link is not in this queue.")).to_be_visible()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")


def test_own_label_is_opened_again_and_corrected_by_adding(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    all_saved(page)
    page.reload()
    page.get_by_text("My labels").click()
    page.get_by_role("link", name="m0000").click()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    expect(page.get_by_role("radio", name="billing")).to_have_attribute("aria-checked", "true")
    page.locator(".card").focus()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    all_saved(page)
    page.goto(f"{server.url}/label?stage=route&who=ab")
    page.get_by_text("My labels").click()
    expect(page.locator(".own")).to_contain_text("before: billing")
    assert [event["values"]["value"] for event in stored(server)] == ["billing", "refund"]


def test_warm_up_comes_first_is_explained_and_sends_nothing(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page, "tone")
    warm = page.get_by_role("complementary", name="Warm-up")
    expect(warm).to_contain_text("Warm-up 1 of 2, not counted.")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(warm).to_contain_text("It names the login and nothing that was paid.")
    expect(warm.get_by_role("status")).to_have_text("✗ Not right.")
    expect(page.locator(".option.wrong")).to_contain_text(["billing"])
    expect(page.locator(".option.missed")).to_contain_text(["account"])
    page.keyboard.press("4")  # what is explained can't be answered again
    expect(page.locator(".option.wrong")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(warm).to_contain_text("Warm-up 2 of 2, not counted.")
    page.keyboard.press("z")
    for key in ("4", "5", "Enter"):
        page.keyboard.press(key)
    expect(warm.get_by_role("status")).to_have_text("✓ Right.")
    expect(page.locator(".option.right")).to_contain_text(["account", "technical"])
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    assert stored(server) == []
    page.reload()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")


def test_changed_guideline_is_shown_until_the_next_label(server: Server, open_page: Callable[..., Page]) -> None:
    old = {"id": "e1", "record": "m0000", "action": "label", "values": {"value": "other"}, "guideline": "0" * 16}
    (server.folder / "labels.jsonl").write_text(json.dumps(["queue-route", "ab", old]) + "\n")
    page = open_card(server, open_page)
    change = page.get_by_role("complementary", name="Changed guideline")
    expect(change).to_contain_text("One topic only.")
    expect(change).to_contain_text("Two topics: choose the one that is more urgent.")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(change).to_have_count(0)
    all_saved(page)
    page.reload()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0002")
    expect(change).to_have_count(0)


def test_stale_tab_of_yesterday_labels_by_the_guideline_that_is_on_it(
    server: Server, open_page: Callable[..., Page]
) -> None:
    stale, fresh = (open_card(server, open_page) for _ in range(2))
    fresh.keyboard.press("1")
    fresh.keyboard.press("Enter")
    all_saved(fresh)
    stale.keyboard.press("2")
    stale.keyboard.press("Enter")
    all_saved(stale)
    first, second = stored(server)
    assert first["record"] == second["record"] == "m0000", "both answers are kept, the later one counts"
    assert len(first["guideline"]) == 16
    expect(stale.locator(".card")).to_have_attribute("data-record", "m0001")
