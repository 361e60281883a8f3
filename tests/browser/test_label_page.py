"""Labelling by keys: nothing lost, nothing pressed by accident, nothing seen that should not be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Server
from ui.fake_workspace import STAGES


def stored(server: Server) -> list[dict[str, Any]]:
    """The events on the server's disk, each once, in their order."""
    file = server.folder / "labels.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return list({event["id"]: event for _, _, event in map(json.loads, lines)}.values())


def open_card(server: Server, open_page: Callable[..., Page], stage: str = "route", **options: Any) -> Page:
    page = open_page(f"{server.url}/label?stage={stage}&who=ab", **options)
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    return page


def switch(page: Page, stage: str, question: str) -> None:
    """Choose another stage, and wait until the card of the one before is gone."""
    page.get_by_role("radio", name=stage, exact=True).click()
    expect(page.get_by_role("form", name=question)).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)


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


SENTENCE = "Yes, it is so. Skip us, undo 42 fun/now?"
"""Holds every letter that is a key in a form without a box."""


BOXES = {
    "draft": "Your answer",
    "retrieve": "Search",
    "anger": "Your number",
    "ticket": "customer › name",
    "country": "Search",
    "remarks": "Remarks on m0000",
}


def test_what_is_typed_at_once_is_in_the_box_and_presses_no_key(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page, "draft")
    for stage, name in BOXES.items():
        if stage != "draft":
            switch(page, stage, STAGES[stage].ask)
        box = page.get_by_role("textbox", name=name)
        expect(box).to_be_visible()  # a form of the user's own is there a moment later
        page.keyboard.type(SENTENCE)
        expect(box).to_have_value(SENTENCE)
        page.keyboard.press("Escape")
        page.keyboard.type(" s")
        expect(box).to_have_value(f"{SENTENCE} s")
        expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    assert stored(server) == []


def test_skip_is_seen_and_undone_at_once_and_no_text_is_lost_by_it(
    server: Server, open_page: Callable[..., Page]
) -> None:
    write_labels(server, "draft", range(1, 120))
    page = open_card(server, open_page, "draft")
    box = page.get_by_role("textbox", name="Your answer")
    page.keyboard.type("Half a reply")
    page.keyboard.press("Alt+0")
    expect(box).to_have_value("")
    page.keyboard.press("Alt+0")
    expect(box).to_have_value("Half a reply")
    page.keyboard.press("Alt+s")
    expect(page.get_by_role("heading", name="Only the skipped ones are left")).to_be_visible()
    expect(page.locator(".said")).to_have_text("Skipped m0000. It comes again at the end.")
    expect(page.get_by_text("1 skipped")).to_be_visible()
    page.keyboard.press("z")
    expect(box).to_have_value("Half a reply")
    expect(page.get_by_text("1 skipped")).to_have_count(0)
    page.keyboard.press("Alt+s")
    page.keyboard.press("s")
    expect(box).to_have_value("Half a reply")
    expect(box).to_be_focused()
    all_saved(page)
    assert [event["action"] for event in stored(server)][119:] == ["skip", "undo", "skip"]


def test_number_takes_digits_from_the_first_key_and_enter_and_its_message_goes_with_its_cause(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page, "anger")
    for typed, said in (
        ("12", "Write a number from 0 up to 10, or skip."),
        ("x", "Write a number from 0 up to 10, or skip."),
        ("1,000", "Write 1000, or a point before a fraction: a comma can be read in two ways."),
    ):
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_have_text(said)
        page.keyboard.press("Control+a")
        page.keyboard.press("Delete")
        page.keyboard.type("3")
        expect(page.get_by_role("alert")).to_have_count(0)
        page.keyboard.press("Backspace")
    page.keyboard.type("7,5")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    all_saved(page)
    assert [event["values"]["value"] for event in stored(server)] == ["7,5", "3"]


def test_number_that_a_browser_would_round_is_sent_and_shown_as_it_was_typed(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page, "ticket")
    page.keyboard.press("1")
    page.keyboard.type("Ann")
    page.keyboard.press("Enter")
    age = page.get_by_role("textbox", name="customer › age")
    expect(age).to_be_focused()
    page.keyboard.type("18446744073709551616")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("alert")).to_have_text("This number has more digits than can be kept exactly.")
    age.fill("9007199254740993")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    all_saved(page)
    assert stored(server)[0]["values"]["/customer/age"] == "9007199254740993"
    page.reload()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    page.keyboard.press("Alt+z")
    expect(age).to_have_value("9007199254740993")


def test_digit_saves_where_one_choice_is_the_whole_answer_until_it_is_switched_off(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page)
    page.keyboard.press("2")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    expect(page.locator(".said")).to_have_text("Saved: refund. Next record.")
    page.keyboard.press("d")
    expect(page.get_by_role("switch", name="A digit saves")).not_to_be_checked()
    page.keyboard.press("1")
    page.keyboard.press("1")
    expect(page.get_by_role("radio", name="billing")).to_be_checked()
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0002")
    all_saved(page)
    page.reload()
    expect(page.get_by_role("switch", name="A digit saves")).not_to_be_checked()
    switch(page, "urgent", "Must this be answered today?")
    page.keyboard.press("d")
    for key in "yn":
        page.keyboard.press(key)
    expect(page.locator(".card")).to_have_attribute("data-record", "m0002")
    page.keyboard.press("Alt+n")
    expect(page.get_by_role("textbox", name="Note")).to_be_focused()
    all_saved(page)
    assert [event["values"]["value"] for event in stored(server)] == ["refund", "billing", True, False]


def test_key_that_is_held_down_saves_and_skips_once(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    for key in "2s":
        page.keyboard.down(key)
        for _ in range(5):
            page.keyboard.down(key)
        page.keyboard.up(key)
    expect(page.locator(".card")).to_have_attribute("data-record", "m0002")
    all_saved(page)
    assert [event["action"] for event in stored(server)] == ["label", "skip"]


def test_search_of_a_ranking_and_of_a_long_list_chooses_with_arrows_and_enter(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page, "retrieve")
    page.keyboard.type("ship")
    page.keyboard.press("Enter")
    search = page.get_by_role("textbox", name="Search")
    expect(search).to_have_value("")
    page.keyboard.type("account")
    rows = page.locator(".rows .option").evaluate_all("all => all.map(one => one.dataset.value)")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("nothing like it")
    expect(page.get_by_text("Nothing here matches.")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    search.fill("")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    switch(page, "country", "Which country is it about?")
    page.keyboard.type("27")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    all_saved(page)
    assert [event["values"]["value"] for event in stored(server)] == [["KB-061", rows[1]], "country 27"]


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


def write_labels(server: Server, stage: str, records: range) -> None:
    """Labels that `ab` made before."""
    values: dict[str, Any] = {
        "route": {"value": "other"}, "retrieve": {"value": []}, "draft": {"value": None}, "urgent": {"value": True},
        "topics": {"value": []}, "anger": {"value": 1}, "ticket": {"/kind": "question", "/customer/name": "Ann"},
    }  # fmt: skip
    rows = [
        {"id": f"old {stage} {i}", "record": f"m{i:04d}", "action": "label", "values": values[stage]} for i in records
    ]
    with (server.folder / "labels.jsonl").open("a") as file:
        file.writelines(json.dumps([f"queue-{stage}", "ab", row]) + "\n" for row in rows)


def test_text_and_what_it_must_contain_are_written_by_keys_and_come_back(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page, "draft")
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
    page.keyboard.press("Alt+z")
    expect(facts).to_have_value("30 days | thirty days\nsend it back")
    page.keyboard.press("Alt+0")
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
    assert [event["values"]["value"] for event in stored(server)] == [False, ["refund"], "7,5", "country 27"]


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
    for key in ("Escape", "ArrowDown", "x", "n"):  # below the last box a letter writes into no answer above
        page.keyboard.press(key)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    all_saved(page)
    assert stored(server)[0]["values"] == {
        "/kind": "complaint", "/customer/name": "Ann", "/customer/age": "35", "/address/city": "Bonn",
        "/address/zip": "53111", "/topics": ["parcel"], "/orders": ["A1", "A2"], "/insured": False,
    }  # fmt: skip
    page.keyboard.press("Alt+z")
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
