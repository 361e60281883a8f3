"""The form of every type of answer by keys: nothing pressed by accident, nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from browser.conftest import Server
from browser.label_card import all_saved, open_card, stored, switch, write_labels
from ui.fake_workspace import STAGES

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


PRESSED = 'new KeyboardEvent("keydown", {key: "2", code: "Digit2", bubbles: true, composed: true})'
GO = f"""stage => {{
  const stages = [...document.querySelectorAll('[data-testid="stButtonGroup"] button')]
  stages.find(one => one.textContent.trim() === stage).click()
  document.body.dispatchEvent({PRESSED})
}}"""
"""Choose another stage, and press a key before the page has answered."""


def test_key_that_was_pressed_before_its_record_was_on_the_screen_answers_nothing(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page)
    page.evaluate(f"() => {{ window.early = {PRESSED} }}")
    switch(page, "urgent", "Must this be answered today?")
    page.evaluate("() => { document.body.dispatchEvent(window.early) }")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0000")
    page.evaluate(GO, "route")
    expect(page.get_by_role("form", name="Which team must answer this mail?")).to_be_visible()
    expect(page.locator(".card")).to_have_count(1)
    page.keyboard.press("2")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0001")
    all_saved(page)
    assert [(event["queue"], event["values"]["value"]) for event in stored(server)] == [("queue-route", "refund")]


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
    expect(page.get_by_role("alert")).to_have_text(r"Write it like \A[0-9]{5}\Z, or skip.")
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
