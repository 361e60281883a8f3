"""The Failures page as a person meets it: keys only, nothing lost, nothing that acts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Server, violations
from stagegap.ui import elements
from ui.fake_reading import MALICIOUS, FakeReading


def stored(server: Server) -> FakeReading:
    return FakeReading(folder=server.folder, shown=None, waits=())


def ready(page: Page, record: str = "m0000") -> None:
    expect(page.locator("h2", has_text=record)).to_be_visible()
    if "who=" not in page.url:
        expect(page.get_by_text("Write your initials above to see the answers.")).to_be_visible()
    else:
        expect(page.locator(".sb").first).to_be_visible()
        expect(page.locator("#tags input.new")).to_be_visible()
    page.wait_for_function("name => window.stagegapRecord === name", arg=record)
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)


def test_first_line_is_the_answer_and_the_top_bar_leads_here(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(server.url)
    page.get_by_role("link", name="Failures", exact=True).click()
    expect(page.locator("h1")).to_contain_text("Retrieve fails on")
    ready(page)


def test_keys_walk_the_list_and_the_address_follows(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab")
    ready(page)
    for key, record in (
        ("j", "m0001"),
        ("ArrowRight", "m0002"),
        ("J", "m0003"),
        ("k", "m0002"),
        ("ArrowLeft", "m0001"),
    ):
        page.keyboard.press(key)
        expect(page.locator("tr.on code")).to_have_text(record)
    ready(page, "m0001")
    expect(page).to_have_url(f"{server.url}/failures?who=ab&record=m0001")


def test_key_at_the_end_of_a_page_goes_to_the_next(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?record=m0007")
    ready(page, "m0007")
    page.keyboard.press("j")
    ready(page, "m0008")
    expect(page.get_by_text("9 to 16 of 22 mails")).to_be_visible()
    page.keyboard.press("k")
    ready(page, "m0000")


@pytest.mark.parametrize(("keys", "record"), [(8, "m0008"), (13, "n0003")])
def test_burst_of_keys_walks_over_the_end_of_a_page(
    server: Server, open_page: Callable[..., Page], keys: int, record: str
) -> None:
    page = open_page(f"{server.url}/failures?record=m0000&who=ab")
    ready(page)
    for _ in range(keys):
        page.keyboard.press("j")
    ready(page, record)
    expect(page.get_by_text("9 to 16 of 22 mails")).to_be_visible()


def test_back_leads_to_the_record_before(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?record=m0000")
    ready(page)
    page.keyboard.press("j")
    ready(page, "m0001")
    page.keyboard.press("j")
    ready(page, "m0002")
    page.go_back()
    ready(page, "m0001")


def test_buttons_and_keys_agree_on_the_record(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?record=m0000")
    ready(page)
    page.keyboard.press("j")
    ready(page, "m0001")
    page.get_by_role("button", name="Next", exact=True).click()
    ready(page, "m0002")
    page.get_by_role("button", name="Next page").click()
    ready(page, "m0008")
    page.keyboard.press("j")
    ready(page, "m0009")
    page.get_by_role("button", name="First page").click()
    ready(page)


def test_click_anywhere_on_a_row_opens_it(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures")
    ready(page)
    row = page.locator(".ls tbody tr", has_text="I was charged twice")
    box = row.bounding_box()
    assert box is not None
    row.click(position={"x": box["width"] - 8, "y": box["height"] - 8})
    ready(page, "m0004")


def test_slash_searches_and_keys_do_nothing_while_typing(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab")
    ready(page)
    page.keyboard.press("/")
    expect(page.get_by_label("Search")).to_be_focused()
    page.keyboard.type("j1 refund t")
    expect(page.locator("tr.on code")).to_have_text("m0000")
    page.get_by_label("Search").fill("refund")
    page.keyboard.press("Enter")
    ready(page, "m0001")
    expect(page.get_by_text("1 mail, most typical first.")).to_be_visible()
    assert stored(server).events() == []


def test_reasons_are_made_put_on_and_taken_off_with_keys_alone(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab")
    ready(page)
    for reason in ("two topics", "wrong team"):
        page.keyboard.press("t")
        page.keyboard.type(reason)
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    expect(page.locator("h1")).to_contain_text("two topics")
    page.keyboard.press("j")
    page.keyboard.press("1")
    page.keyboard.press("j")
    page.keyboard.press("2")
    ready(page, "m0002")
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    expect(page.locator("button.tag", has_text="wrong team")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("2")
    expect(page.locator("button.tag", has_text="wrong team")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    tags = {event.record: [] for event in stored(server).events()}
    for event in stored(server).events():
        tags[event.record].append((event.action, event.tag))
    assert tags == {
        "m0000": [("add", "two topics"), ("add", "wrong team")],
        "m0001": [("add", "two topics")],
        "m0002": [("add", "wrong team"), ("remove", "wrong team")],
    }


def test_draw_that_was_overtaken_takes_no_key_away_until_the_rail_has_left_the_page(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(server.url)
    script = "\n".join(
        elements.asset(part) for part in ("presence.js", "element.js", "card/kept.js", "failures/tags.js")
    )
    page.evaluate(
        """async script => {
            const { default: draw } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })))
            const host = document.body.appendChild(document.createElement("div"))
            host.innerHTML = '<div id="tags"></div>'
            const data = { context: "c", who: "ab", record: "m1", acknowledged: [], longest: 80,
                           rows: [{ tag: "two topics", share: "", win: "", on: false }] }
            window.sent = 0
            const once = () => draw({ data, parentElement: host, setStateValue: () => { window.sent += 1 } })
            window.overtaken = once()
            once()
            window.host = host
        }""",
        script,
    )
    page.evaluate("window.overtaken()")
    page.keyboard.press("1")
    assert page.evaluate("window.sent") == 1
    page.evaluate("window.host.remove(); window.overtaken()")
    page.keyboard.press("1")
    assert page.evaluate("window.sent") == 1


def test_burst_of_keys_loses_no_tag(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab")
    ready(page)
    page.keyboard.press("t")
    page.keyboard.type("two topics")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    for _ in range(31):  # taken off and put on, as fast as the keys go: an odd number ends with it off
        page.keyboard.press("1")
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    events = stored(server).events()
    assert [event.action for event in events] == ["add", *["remove", "add"] * 15, "remove"]


def test_reason_is_renamed_merged_and_retired(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab")
    ready(page)
    for reason in ("one", "two"):
        page.get_by_label("New reason").fill(reason)
        page.get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Edit one").click()
    page.keyboard.type("uno")
    page.keyboard.press("Enter")
    expect(page.locator("button.tag .name")).to_have_text(["uno", "two"])
    page.get_by_role("button", name="Edit uno").click()
    page.keyboard.type("two")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator("button.tag .name")).to_have_text(["two"])
    page.get_by_role("button", name="Edit two").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Edit two").click()
    page.get_by_role("button", name="Retire").click()
    expect(page.locator("button.tag")).to_have_count(0)
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    assert [event.action for event in stored(server).events()] == ["add", "add", "move", "move", "retire"]


def test_tags_made_while_the_server_is_down_arrive_when_it_is_back(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{server.url}/failures?who=ab")
    ready(page)
    server.kill()
    page.get_by_label("New reason").fill("made alone")
    page.get_by_label("New reason").press("Enter")
    expect(page.locator("#tags .saved")).to_have_text("1 not saved yet")
    server.start()
    page.reload()
    ready(page)
    expect(page.locator("button.tag .name")).to_have_text(["made alone"])
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    assert [event.tag for event in stored(server).events()] == ["made alone"]


def test_text_of_a_record_is_shown_and_does_nothing(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?record=m0009&who=ab")
    ready(page, "m0009")
    expect(page.get_by_text(MALICIOUS).first).to_be_visible()
    page.get_by_label("New reason").fill(MALICIOUS[:50])
    page.get_by_label("New reason").press("Enter")
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    expect(page.locator("button.tag .name")).to_have_text([MALICIOUS[:50]])
    assert page.evaluate("window.hacked") is None


def test_opening_a_record_is_noted_for_that_person(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab&record=m0004")
    ready(page, "m0004")
    assert ["m0004", "ab"] in stored(server).looks()


def test_axe_finds_no_violation(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab")
    ready(page)
    page.get_by_label("New reason").fill("two topics")
    page.get_by_label("New reason").press("Enter")
    expect(page.locator("#tags .saved")).to_have_text("All saved")
    assert violations(page) == []


def test_record_that_is_tapped_on_a_phone_is_on_the_screen(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab", width=420, height=900)
    ready(page)
    expect(page.locator("h2", has_text="m0000")).not_to_be_in_viewport()
    page.locator("#list tr", has_text="m0002").click()
    expect(page.locator("h2", has_text="m0002")).to_be_in_viewport()


def test_phone_needs_no_sideways_scrolling(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{server.url}/failures?who=ab", width=420, height=900)
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    wide = page.evaluate(
        """() => [...document.querySelectorAll("[data-testid=stMain] *")]
            .filter(e => e.getBoundingClientRect().right > 421 && !e.closest("[role=radiogroup]"))
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert wide == []
