"""The Gap page as a person meets it."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from browser.conftest import Server


def test_first_line_is_the_verdict(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    expect(page.locator("h1")).to_have_text("Retrieve holds this system back")
    expect(page.get_by_text("20 come from retrieve")).to_be_visible()
    expect(page.get_by_role("row", name="all corrected")).to_be_visible()


def test_click_on_a_chart_row_changes_the_reason_and_the_address(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(server.url)
    expect(page.get_by_role("heading", name="Why retrieve?")).to_be_visible()
    page.locator(".gap tr", has_text="3 draft").click()
    expect(page.get_by_role("heading", name="Why draft?")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/?why=draft")


def test_keyboard_chooses_a_stage_and_the_focus_stays(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    row = page.locator(".gap button", has_text="1 route")
    row.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Why route?")).to_be_visible()
    expect(page.locator(".gap button", has_text="1 route")).to_be_focused()


def test_stage_switch_changes_the_reason(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    page.get_by_role("radio", name="draft").click()
    expect(page.get_by_role("heading", name="Why draft?")).to_be_visible()


def test_deep_link_opens_the_stage_also_by_the_name_of_the_page(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/gap?why=route")
    expect(page.get_by_role("heading", name="Why route?")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/?why=route")
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_unknown_values_in_the_link_open_the_default_and_say_so(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/?why=nowhere&run=v99")
    expect(page.get_by_role("heading", name="Why retrieve?")).to_be_visible()
    expect(page.get_by_text("The stage in the link is not in run v14.")).to_be_visible()
    expect(page.get_by_text("Run v99 in the link is not here. This is the newest.")).to_be_visible()


def test_another_page_keeps_the_run_and_who_is_asking(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?run=v13&who=ab")
    expect(page.get_by_label("Your initials")).to_have_value("ab")
    for name, kept in (("Oddities", "who=ab&run=v13"), ("Label", "who=ab&run=v13"), ("Compare", "who=ab")):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(f"{kept}$"))
    page.get_by_role("link", name="Label", exact=True).click()
    initials = page.get_by_label("Your initials")
    expect(initials).to_have_value("ab")
    initials.fill("")
    initials.press("Enter")
    expect(page).to_have_url(re.compile("label\\?run=v13$"))
    page.get_by_role("link", name="Failures", exact=True).click()
    expect(page).to_have_url(re.compile("failures\\?run=v13$"))


def test_click_on_a_failure_opens_it_on_the_failures_page(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    page.locator(".fl tr", has_text="Press enquiry").click()
    expect(page).to_have_url(re.compile(r"/failures\?.*stage=retrieve&record=m0002"))
    expect(page.get_by_role("heading", name="m0002")).to_be_visible()


def test_share_gives_a_report_without_the_texts_unless_asked(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    page.get_by_role("button", name="Share").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download report").click()
    report = download.value.path().read_text(encoding="utf-8")
    assert download.value.suggested_filename == "support_email-v14.html"
    assert "Retrieve holds this system back" in report
    assert "Press enquiry" not in report


def test_without_results_the_page_says_what_to_run(
    serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    page = open_page(serve(scorecard="none").url)
    expect(page.locator("h1")).to_have_text("No results yet")
    expect(page.get_by_text("stagegap run")).to_be_visible()


def test_person_that_nobody_measured_is_not_drawn(serve: Callable[..., Server], open_page: Callable[..., Page]) -> None:
    page = open_page(serve(scorecard="without_person").url)
    expect(page.locator(".gap").get_by_text("person not measured: double-label 40 records").first).to_be_visible()
    expect(page.locator(".gap .dia")).to_have_count(0)
    page.get_by_role("link", name="Label the records that everybody labels").click()
    expect(page.get_by_placeholder("Your initials")).to_be_visible()


def test_ctrl_c_ends_the_server_while_a_page_is_open(server: Server, open_page: Callable[..., Page]) -> None:
    expect(open_page(server.url).locator("h1")).to_be_visible()
    assert "Stopped. Your labels are saved." in server.interrupt()
