"""Labelling by keys: nothing lost, nothing pressed by accident, nothing seen that should not be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Server
from browser.label_card import all_saved, open_card, stored, write_labels
from ui.fake_workspace import STAGES


def test_five_labels_by_keys_only_arrive(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    for key in "12345":
        page.keyboard.press(key)
        page.keyboard.press("Enter")
    all_saved(page)
    events = stored(server)
    assert [event["values"]["value"] for event in events] == ["billing", "refund", "delivery", "account", "technical"]
    assert [event["record"] for event in events] == ["m0000", "m0001", "m0002", "m0003", "m0004"]
    expect(page.get_by_text("5 of 120 done")).to_be_visible()


def test_burst_of_sixty_labels_loses_none(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    for i in range(60):
        expect(page.locator(".card")).to_have_attribute("data-record", f"m{i:04d}")
        page.keyboard.press("2")
        page.keyboard.press("Enter")
    all_saved(page)
    assert [event["record"] for event in stored(server)] == [f"m{i:04d}" for i in range(60)]


@pytest.mark.parametrize("each", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_labels_of_every_kind_are_made_in_one_sitting_without_the_mouse(
    server: Server, open_page: Callable[..., Page], each: int
) -> None:
    """So many records of each of seven kinds; after the last of a stage Enter leads to the next one."""
    keys = {
        "route": ["3"],
        "retrieve": ["2", "1", "Enter"],
        "draft": [*"Yes, so.", "Control+Enter"],
        "urgent": ["y"],
        "topics": ["1", "3", "Enter"],
        "anger": [*"7.5", "Enter"],
        "ticket": ["2", *"ASSET-1", "Enter", *"35", "Control+Enter"],
    }
    for stage in keys:
        write_labels(server, stage, range(120 - each))
    page = open_card(server, open_page)
    for stage, pressed in keys.items():
        expect(page.get_by_role("form", name=STAGES[stage].ask)).to_be_visible()
        expect(page.locator(".card")).to_have_count(1)  # that of the stage before stays for a moment
        for i in range(120 - each, 120):
            expect(page.locator(".card")).to_have_attribute("data-record", f"m{i:04d}")
            for key in pressed:
                page.keyboard.press(key)
        expect(page.get_by_role("heading", name="All answered. Thank you.")).to_be_visible()
        all_saved(page)
        expect(page.get_by_text("You labelled 120 of 120 records.")).to_be_visible()
        expect(page.get_by_role("button", name="Go on to")).to_be_visible()
        page.keyboard.press("Shift")  # an Enter right after a digit that saved is the Enter of that digit
        page.keyboard.press("Enter")
    made = [event for event in stored(server) if not event["id"].startswith("old")]
    assert len(made) == 7 * each
    assert {event["action"] for event in made} == {"label"}
    by_stage = {stage: [e["values"] for e in made if e["queue"] == f"queue-{stage}"] for stage in keys}
    assert all(len(values) == each for values in by_stage.values())
    assert all(len(values["value"]) == 2 for values in by_stage["retrieve"])
    for stage, values in {
        "route": {"value": "delivery"},
        "draft": {"value": "Yes, so."},
        "urgent": {"value": True},
        "topics": {"value": ["billing", "delivery"]},
        "anger": {"value": "7.5"},
        "ticket": {"/kind": "complaint", "/customer/name": "ASSET-1", "/customer/age": "35"},
    }.items():
        assert by_stage[stage] == [values] * each


def test_skip_unsure_odd_and_note_travel_with_the_label(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    page.keyboard.press("s")
    page.keyboard.press("u")
    page.keyboard.press("f")
    page.keyboard.press("n")
    page.keyboard.type("two topics")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    all_saved(page)
    skip, label = stored(server)
    assert (skip["action"], skip["values"]) == ("skip", None)
    assert (label["unsure"], label["odd"], label["note"]) == (True, True, "two topics")


def test_undo_works_at_once_and_after_a_reload(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.keyboard.press("z")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    expect(page.get_by_role("radio", name="billing")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    all_saved(page)
    page.reload()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    page.keyboard.press("z")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    expect(page.get_by_role("radio", name="refund")).to_have_attribute("aria-checked", "true")
    all_saved(page)
    assert [event["action"] for event in stored(server)] == ["label", "undo", "label", "undo"]


def test_draft_survives_a_reload(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page, "draft")
    page.get_by_role("textbox", name="Your answer").fill("Dear customer")
    page.reload()
    expect(page.get_by_role("textbox", name="Your answer")).to_have_value("Dear customer")


def test_labels_made_while_the_server_is_down_arrive_when_it_is_back(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    all_saved(page)
    server.kill()
    for i in range(1, 6):
        expect(page.locator(".card")).to_have_attribute("data-record", f"m{i:04d}")
        page.keyboard.press("3")
        page.keyboard.press("Enter")
    expect(page.locator(".saved")).to_have_text("5 labels wait for the server")
    server.start()
    expect(page.locator(".saved")).to_have_text("All saved", timeout=60_000)
    assert [event["record"] for event in stored(server)] == [f"m{i:04d}" for i in range(6)]


def test_labels_that_wait_survive_a_reload(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    server.kill()
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page.locator(".saved")).to_have_text("Saving")
    server.start()
    page.reload()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    all_saved(page)
    assert [event["values"]["value"] for event in stored(server)] == ["account"]


def test_labels_that_wait_are_sent_from_the_page_of_another_stage(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page, "urgent")
    server.kill()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".saved")).to_have_text("Saving")
    server.start()
    page.goto(f"{server.url}/label?stage=route&who=ab")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    all_saved(page)
    expect(page.get_by_text("0 of 120 done")).to_be_visible()
    assert [(event["queue"], event["values"]) for event in stored(server)] == [("queue-urgent", {"value": True})]


def test_guideline_is_read_before_the_first_label_and_not_again(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/label?stage=route&who=new")
    expect(page.get_by_role("region", name="Before you begin")).to_contain_text("Read the whole mail.")
    page.keyboard.press("2")
    expect(page.locator(".option")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="What the stage saw")).to_be_visible()
    page.reload()
    expect(page.get_by_role("region", name="What the stage saw")).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    all_saved(page)
    assert [event["values"]["value"] for event in stored(server)] == ["refund"]
    page.goto(f"{server.url}/label?stage=tone&who=new")
    expect(page.get_by_role("region", name="Before you begin")).to_contain_text("2 examples with explained answers")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("Warm-up 1 of 2, not counted.")).to_be_visible()


def test_marks_of_a_guideline_become_elements_and_nothing_else_does(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page, "anger")
    page.keyboard.press("Alt+g")
    shown = page.get_by_role("group", name="Guideline")
    expect(shown.locator("b")).to_have_text(["0"])
    expect(shown.locator("i")).to_have_text(["calm"])
    expect(shown.locator(".head")).to_have_text("How angry")
    expect(shown.locator(".point")).to_have_text(["0: calm", "10: 2 * 5 <img src=x onerror='window.hacked=1'>"])
    assert shown.locator("img").count() == 0
    assert page.evaluate("window.hacked") is None


def test_guideline_and_keys_open_by_key(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    page.keyboard.press("g")
    expect(page.get_by_role("complementary", name="Guideline")).to_contain_text("choose the one that is more urgent")
    page.keyboard.press("?")
    expect(page.get_by_text("undo the last record")).to_be_visible()


def test_nobody_labels_without_a_name(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/label?stage=route")
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    expect(page.get_by_placeholder("Your initials")).to_be_focused()
    page.keyboard.type("cd")
    page.keyboard.press("Enter")
    expect(page.locator(".card[data-record='m0000']")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/label?stage=route&who=cd")
    page.locator(".card").focus()
    page.keyboard.press("1")
    expect(page.locator(".card[data-record='m0001']")).to_be_visible()
    all_saved(page)
    assert [event["values"] for event in stored(server)] == [{"value": "billing"}]


def test_link_of_label_mode_is_answered_by_keys_at_once(
    serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(pages="label")
    page = open_page(f"{server.url}/label?stage=route&who=ab")
    expect(page.locator(".card[data-record='m0000']")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    all_saved(page)
    assert [event["values"]["value"] for event in stored(server)] == ["refund"]


def test_label_mode_serves_no_other_page(serve: Callable[..., Server], open_page: Callable[..., Page]) -> None:
    server = serve(pages="label")
    for path in ("/label?stage=retrieve&who=ab", "/gap?stage=retrieve&who=ab", "/?stage=retrieve&who=ab"):
        page = open_page(server.url + path)
        expect(page.locator(".card[data-record='m0000']")).to_be_visible()
        expect(page.get_by_text("holds this system back")).to_have_count(0)
