"""Labelling by keys: nothing lost, nothing pressed by accident, nothing seen that should not be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from browser.conftest import Server


def stored(server: Server) -> list[dict[str, Any]]:
    """The events on the server's disk, each once, in their order."""
    file = server.folder / "labels.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return list({event["id"]: event for _, _, event in map(json.loads, lines)}.values())


def open_card(server: Server, open_page: Callable[..., Page], stage: str = "route", **options: Any) -> Page:
    page = open_page(f"{server.url}/label?stage={stage}&who=ab", **options)
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    page.locator(".card").focus()
    return page


def switch(page: Page, stage: str, question: str) -> None:
    """Choose another stage, and wait until the card of the one before is gone."""
    page.get_by_role("radio", name=stage, exact=True).click()
    expect(page.get_by_role("form", name=question)).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)
    page.locator(".card").focus()


def all_saved(page: Page) -> None:
    expect(page.locator(".saved")).to_have_text("All saved")
    expect(page.locator(".card")).to_have_attribute("data-pending", "0")


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


def test_typing_does_not_press_the_keys_of_the_card(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page, "draft")
    page.keyboard.press("ArrowDown")
    box = page.get_by_role("textbox", name="Your answer")
    expect(box).to_be_focused()
    page.keyboard.type("z s u f g n c r ? / 1 2 3\n")
    expect(box).to_have_value("z s u f g n c r ? / 1 2 3\n")
    assert stored(server) == []
    page.keyboard.press("Control+Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    all_saved(page)
    assert stored(server)[0]["values"]["value"] == "z s u f g n c r ? / 1 2 3\n"


def test_text_and_what_it_must_contain_are_written_by_keys_and_come_back(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page, "draft")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("You have 30 days.")
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    facts = page.get_by_role("textbox", name="What must every good answer contain?")
    expect(facts).to_be_focused()
    page.keyboard.type("30 days | thirty days\nsend it back")
    page.keyboard.press("Control+Enter")
    all_saved(page)
    assert stored(server)[0]["values"] == {"value": "You have 30 days.", "facts": "30 days | thirty days\nsend it back"}
    page.reload()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    page.locator(".card").focus()
    page.keyboard.press("z")
    expect(facts).to_have_value("30 days | thirty days\nsend it back")
    page.keyboard.press("0")
    page.keyboard.press("Control+Enter")
    all_saved(page)
    assert stored(server)[-1]["values"]["value"] is None


def test_enter_without_an_answer_says_what_is_missing(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Choose one answer, or skip.")
    page.keyboard.press("Numpad6")
    page.keyboard.press("Enter")
    all_saved(page)
    assert stored(server)[0]["values"] == {"value": "other"}


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
    page.locator(".card").focus()
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


def test_ranking_keeps_the_order_of_choice_and_finds_what_is_not_a_candidate(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page, "retrieve")
    offered = page.locator(".rows .option").evaluate_all("all => all.map(one => one.dataset.value)")
    beyond = sorted({"KB-061", "KB-022", "KB-014", "KB-017", "KB-024", "KB-031", "KB-032"} - set(offered))[0]
    page.keyboard.press("3")
    page.keyboard.press("1")
    page.keyboard.press("Shift+Digit1")
    expect(page.get_by_text("Steps, then time limits.")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(beyond)
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    all_saved(page)
    assert stored(server)[0]["values"]["value"] == [offered[2], offered[0], beyond]
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    all_saved(page)
    assert stored(server)[1]["values"]["value"] == []


def test_other_output_types_have_their_forms(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page, "urgent")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    switch(page, "topics", "Which topics are in it?")
    for key in ("6", "2", "6", "Enter"):
        page.keyboard.press(key)
    switch(page, "anger", "How angry, 0 to 10?")
    number = page.get_by_role("textbox", name="Your number")
    number.fill("11")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_text("Write a number from 0 up to 10, or skip.")
    number.fill("7,5")
    page.keyboard.press("Control+Enter")
    all_saved(page)
    switch(page, "country", "Which country is it about?")
    page.get_by_role("textbox", name="Search").fill("country 27")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    all_saved(page)
    assert [event["values"]["value"] for event in stored(server)] == [False, ["refund"], 7.5, "country 27"]


def test_object_is_answered_field_by_field(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page, "ticket")
    page.keyboard.press("2")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("A")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_text("Write at least 2 characters, or skip.")
    page.keyboard.type("nn")
    page.get_by_role("textbox", name="customer › age").fill("3.5")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_text("Write a whole number from 0, or skip.")
    page.get_by_role("textbox", name="customer › age").fill("35")
    page.get_by_role("textbox", name="address › zip").fill("12")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_text("Write an answer, or skip.")
    page.get_by_role("textbox", name="address › city").fill("Bonn")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_text("Write it like ^[0-9]{5}$, or skip.")
    page.get_by_role("textbox", name="address › zip").fill("53111")
    page.get_by_role("checkbox", name="parcel").click()
    page.get_by_role("checkbox", name="money").click()
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_text("At most 1, or skip.")
    page.get_by_role("checkbox", name="money").click()
    page.get_by_role("textbox", name="orders").fill("A1\n\n A2 ")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    all_saved(page)
    assert stored(server)[0]["values"] == {
        "/kind": "complaint", "/customer/name": "Ann", "/customer/age": 35, "/address/city": "Bonn",
        "/address/zip": "53111", "/topics": ["parcel"], "/orders": ["A1", "A2"],
    }  # fmt: skip
    page.keyboard.press("z")
    expect(page.get_by_role("textbox", name="customer › name")).to_have_value("Ann")
    expect(page.get_by_role("textbox", name="orders")).to_have_value("A1\nA2")


def test_form_of_the_users_own_is_drawn_and_answers(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page, "triage")
    slider = page.get_by_role("slider", name="How bad is m0000")
    expect(slider).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Move the slider, or skip.")
    page.keyboard.press("7")
    expect(slider).to_have_value("7")
    page.keyboard.press("u")
    expect(slider).to_have_value("7")
    page.keyboard.press("Enter")
    expect(page.get_by_role("slider", name="How bad is m0001")).to_be_visible()
    all_saved(page)
    (made,) = stored(server)
    assert (made["values"], made["unsure"]) == ({"value": {"bad": 7}}, True)
    page.reload()
    expect(page.get_by_role("slider", name="How bad is m0001")).to_have_value("1")
    page.locator(".card").focus()
    page.keyboard.press("z")
    expect(page.get_by_role("slider", name="How bad is m0000")).to_have_value("7")


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
    page.keyboard.press("g")
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
    expect(page.get_by_text("move between questions")).to_be_visible()


def test_nobody_labels_without_a_name(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/label?stage=route")
    expect(page.get_by_text("Write your initials above.")).to_be_visible()
    page.get_by_placeholder("Your initials").fill("cd")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/label?stage=route&who=cd")


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
