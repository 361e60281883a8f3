"""Verdicts by keys: what is seen is said to be seen, and a blind turn never gets the output, on the wire too."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server
from browser.label_card import all_saved
from browser.test_blind import CASCADE, folder, once
from mails import PEOPLE, SECRET
from stagegap.people.verdicts import in_force, is_blind, parts
from stagegap.workspace import Workspace

__all__ = ["folder", "once"]


def whose_turns(folder: Path, *turns: bool) -> tuple[str, list[str]]:
    """A person whose first records come blind as said, and these records."""
    with Workspace.open(folder) as workspace:
        queue = workspace.labels.queue(CASCADE, "draft", "verdict")
        items = workspace.store.queue_items(queue.id, "nobody", len(turns))
        records = [item.record for item in items]
    names = (f"eve{n}" for n in range(100_000))
    who = next(name for name in names if [is_blind(queue.id, name, record) for record in records] == list(turns))
    return who, records


def test_verdicts_are_given_by_keys_and_a_blind_turn_never_gets_the_output(
    folder: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    who, turns = whose_turns(folder, True, False, False, False, False)  # the last is open and not answered
    records = turns[:-1]
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    page = open_page("about:blank")
    page.on("websocket", listen)
    page.goto(f"{serve(is_real=True).url}/label?cascade={CASCADE}&stage=draft&who={who}&queue=verdict")
    card = page.locator(".card[data-record]:not([data-record=''])")
    expect(card).to_have_attribute("data-record", records[0])
    expect(page.get_by_role("heading", name="Is what the system answered at draft right?")).to_be_visible()
    expect(page.get_by_text("Blind: you see what the system saw")).to_be_visible()
    expect(page.locator(".output")).to_have_count(0)
    card.focus()
    page.keyboard.type("my own words")
    page.keyboard.press("Control+Enter")
    expect(card).to_have_attribute("data-record", records[1])
    expect(page.get_by_text("Not blind: you see what the system answered")).to_be_visible()
    expect(page.locator(".output")).to_contain_text(SECRET)
    page.keyboard.press("1")
    expect(card).to_have_attribute("data-record", records[2])
    page.keyboard.press("2")
    box = page.get_by_role("textbox", name="Your answer")
    expect(box).to_be_focused()
    expect(box).to_have_value(re.compile(SECRET))
    box.fill("what is right")
    page.keyboard.press("Control+Enter")
    expect(card).to_have_attribute("data-record", records[3])
    page.keyboard.press("3")
    expect(card).not_to_have_attribute("data-record", records[3])
    page.keyboard.press("z")
    expect(card).to_have_attribute("data-record", records[3])
    expect(page.locator("[data-value='reject']")).to_have_attribute("aria-checked", "true")
    page.keyboard.press("3")
    all_saved(page)
    sent = b"".join(frames)
    for word in (b"sealed", *(name.encode() for name in PEOPLE)):
        assert word not in sent
    items = re.findall(rb'\{"id":\s?"(m\d+)"(.*?)(?=\{"id":\s?"m\d|$)', sent, re.DOTALL)
    assert {name.decode() for name, _ in items} >= set(records)
    with Workspace.open(folder) as workspace:
        queue = workspace.labels.queue(CASCADE, "draft", "verdict")
        for name, content in items:
            is_open = SECRET.encode() in content
            assert is_open is not is_blind(queue.id, who, name.decode()), name
        given = {label.record: label for label in workspace.store.labels(CASCADE, annotator=who, task="verdict")}
        (blind,) = workspace.store.labels(CASCADE, annotator=who)
        waiting = {
            item.record for item in workspace.labels.queue_items(workspace.labels.queue(CASCADE, "draft"), who, 99)
        }
    assert [parts(given[record])[0] for record in records[1:]] == ["accept", "correct", "reject"]
    assert (blind.record, blind.answer.value if blind.answer else None) == (records[0], "my own words")
    assert waiting.isdisjoint(records)


def test_reader_corrects_the_stage_that_went_wrong_and_undo_takes_it_back(
    folder: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{serve(is_real=True).url}/read?cascade={CASCADE}&who=eve")
    expect(page.locator("#read .panel h2")).to_be_visible()
    record = page.locator("#read").get_attribute("data-record")
    page.keyboard.press("f")
    page.keyboard.press("1")
    right = page.get_by_label("What route should have answered (optional)")
    output = page.locator("[data-stage=route] .ans").inner_text()
    right.select_option("other" if "technical" in output else "technical")
    page.locator("#read .note").focus()
    page.keyboard.type("another team")
    page.keyboard.press("Enter")
    expect(page.locator("#read .said")).to_have_text("Failed at route. Next mail.")
    expect(page.locator("#read .saved")).to_have_text("All saved")
    with Workspace.open(folder) as workspace:
        (label,) = workspace.store.labels(CASCADE, annotator="eve", task="verdict")
    assert (label.record, label.stage, label.targeted, parts(label)[0]) == (record, "route", True, "correct")
    page.keyboard.press("Alt+z")
    page.keyboard.press("z")
    expect(page.locator("#read")).to_have_attribute("data-record", str(record))
    expect(page.locator("#read .saved")).to_have_text("All saved")
    with Workspace.open(folder) as workspace:
        assert in_force(workspace.store.labels(CASCADE, annotator="eve", task="verdict")) == []
