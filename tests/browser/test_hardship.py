"""A slow line, a screen reader, and records that nobody would write by hand: the real workspace under each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server, run_once
from browser.label_card import all_saved, open_card, stored
from stagegap import charts
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter

SECRET = "the-systems-own-answer"
HOSTILE = {
    "markup": "<img src=http://tracker.invalid/p onerror='window.hacked=1'><script>window.hacked=1</script>",
    "markdown": "![pixel](http://tracker.invalid/p.png) [click](javascript:window.hacked=1) **bold** $x^2$ :smile:",
    "rtl": "\u202emoc.live\u202c \u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "nul": "before\x00after\x1b[31m\x07",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f4\U000e0067\U000e0062\U000e007f e\u0301\u0316\u0317",
    "huge": "word " * 1_000_000,
}
"""What each record's text is; the last has 5 MB."""
WITHOUT_FOLDS = """place => {
  const copy = place.querySelector(".inputs .txt").cloneNode(true)
  for (const summary of copy.querySelectorAll("summary")) summary.remove()
  return copy.textContent
}"""
"""The text of what the stage saw, without what is said of its folds. It is looked up and read in one step: a card is
replaced as a whole when the server answers, and its values move to the new one."""
BOTH = """([box, html]) => {
  const other = document.createElement("div")
  other.innerHTML = html
  return [box.innerHTML, other.innerHTML]
}"""
TALK = [
    {"role": "system", "content": "# Rules\n\n- be **brief**\n- [be](javascript:window.hacked=1) kind"},
    {"role": "user", "content": "<img src=http://tracker.invalid/p onerror='window.hacked=1'>"},
    {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "function": {"name": "find", "arguments": '{"q": "<script>", "k": {"n": 1.50}}'}}],
    },
    {"role": "tool", "content": '[{"sku": "P1", "price": 2}, {"sku": "</div>", "price": 3}]'},
]
ANSWERS = f"""
def topic(text):
    return "other"


def reply(question, topic):
    return "{SECRET}"
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A project whose records are hostile, with a run in which the system gave away nothing but its secret."""
    folder = tmp_path / "support-mail"
    folder.mkdir()
    write_starter(folder)
    home = folder / "pipelines" / "first"
    rows = [json.dumps({"id": name, "text": text, "length": "short"}) for name, text in HOSTILE.items()]
    (home / "questions.jsonl").write_text("\n".join(rows) + "\n")
    (home / "references.jsonl").write_text("")
    (home / "stages.py").write_text(ANSWERS.replace("def topic(text)", "def topic(question)"))
    run_once(folder)
    return folder


def test_hostile_records_are_shown_as_plain_text_and_labelled(
    hostile: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(is_real=True)
    page = open_page(f"{server.url}/label?stage=topic&who=yz")
    seen: dict[str, str] = {}
    for done in range(len(HOSTILE)):
        expect(page.get_by_text(f"{done} of {len(HOSTILE)} done")).to_be_visible()
        card = page.locator(".card[data-record]:not([data-record=''])")
        expect(card).to_be_visible()
        record = str(card.get_attribute("data-record"))
        seen[record] = str(page.locator("#card").evaluate(WITHOUT_FOLDS))
        assert page.locator(".inputs img, .inputs script, .inputs a, .inputs strong").count() == 0
        card.focus()
        page.keyboard.press("3")
        page.keyboard.press("Enter")
    all_saved(page)
    assert seen == HOSTILE, "every character is there, and nothing else"
    assert page.evaluate("window.hacked") is None
    with Workspace.open(hostile) as workspace:
        made = workspace.store.labels("first", stage="topic", annotator="yz")
    assert {label.record for label in made} == set(HOSTILE)


def test_chat_is_drawn_alike_on_the_card_and_in_reports_and_nothing_of_it_acts(
    hostile: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    row = json.dumps({"id": "talk", "text": TALK, "length": "short"})
    (hostile / "pipelines" / "first" / "questions.jsonl").write_text(row + "\n")
    run_once(hostile)
    page = open_page(f"{serve(is_real=True).url}/label?stage=topic&who=yz")
    value = page.locator(".inputs .v")
    expect(value.locator(".vt")).to_have_count(4)
    expect(value.locator(".va")).to_contain_text("calls find")
    expect(value.locator("li").first).to_have_text("be brief")
    assert value.locator("img, script, a, strong").count() == 0
    card, report = page.evaluate(BOTH, [value.element_handle(), charts.value_html(TALK)])
    assert card == report
    value.locator("summary").first.click()
    page.keyboard.press("u")
    expect(page.locator("[data-value=_unsure]")).to_have_attribute("aria-checked", "true")
    expect(value.locator("details").first).to_have_attribute("open", "")  # what was unfolded stays so
    assert page.evaluate("window.hacked") is None


def test_wire_and_queue_hold_no_output_of_the_stage(
    hostile: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(is_real=True)
    page = open_page(server.url)
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    page.on("websocket", listen)
    page.goto(f"{server.url}/label?stage=reply&who=yz")
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    received = b"".join(frames)
    assert HOSTILE["emoji"].encode() in received or json.dumps(HOSTILE["emoji"])[1:-1].encode() in received
    assert SECRET.encode() not in received
    with Workspace.open(hostile) as workspace:
        queue = workspace.labels.queue("first", "reply")
        items = workspace.labels.queue_items(queue, "nobody", 99)
        made = workspace.store.run("first")
        assert made is not None
    assert len(items) == len(HOSTILE)
    assert all(set(json.loads(item.payload)) == {"id", "inputs", "options"} for item in items)
    assert not any(SECRET in item.payload or item.sealed for item in items)


def test_slow_line_delays_the_acknowledgement_and_not_the_next_record(
    server: Server, open_page: Callable[..., Page]
) -> None:
    page = open_card(server, open_page)
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 400, "downloadThroughput": 40_000, "uploadThroughput": 20_000}
    line.send("Network.emulateNetworkConditions", slow)
    for i in range(8):
        expect(page.locator(".card")).to_have_attribute("data-record", f"m{i:04d}")
        page.keyboard.press("4")
        page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "m0008")
    all_saved(page)
    assert [event["record"] for event in stored(server)] == [f"m{i:04d}" for i in range(8)]


def test_line_that_is_cut_and_comes_back_loses_nothing(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    page.context.set_offline(True)
    for i in range(3):
        expect(page.locator(".card")).to_have_attribute("data-record", f"m{i:04d}")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
    page.context.set_offline(False)
    expect(page.locator(".saved")).to_have_text("All saved", timeout=60_000)
    assert [event["record"] for event in stored(server)] == ["m0000", "m0001", "m0002"]


def test_screen_reader_hears_what_everything_is(server: Server, open_page: Callable[..., Page]) -> None:
    page = open_card(server, open_page)
    expect(page.get_by_role("form", name="Which team must answer this mail?")).to_be_visible()
    expect(page.get_by_role("region", name="What the stage saw")).to_be_visible()
    expect(page.get_by_role("group", name="body")).to_be_visible()
    expect(page.get_by_role("radiogroup", name="Choose one")).to_be_visible()
    expect(page.get_by_role("radio", name="billing charges, invoices, prices")).not_to_be_checked()
    expect(page.get_by_role("progressbar", name="Labels done")).to_have_attribute("aria-valuemax", "120")
    for name in ("Save and next", "Skip", "Undo", "Guideline", "Keys", "Note"):
        expect(page.get_by_role("button", name=name, exact=True)).to_be_visible()
    for name in ("I am unsure", "Something is odd here"):
        expect(page.get_by_role("checkbox", name=name)).not_to_be_checked()
    page.get_by_role("radio", name="billing charges, invoices, prices").click()
    expect(page.get_by_role("radio", name="billing charges, invoices, prices")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("[aria-live=polite]")).to_have_text("Saved: billing. Next record.")
    unnamed = page.locator(".card").evaluate(
        """card => [...card.querySelectorAll("button, input, textarea, [role]")].filter(
            e => !(e.getAttribute("aria-label") || e.textContent.trim())).map(e => e.outerHTML.slice(0, 100))"""
    )
    assert unnamed == []
