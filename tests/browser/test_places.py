"""Places on the label card: drawn, moved, resized, snapped and deleted, by mouse and by keys."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from browser.conftest import Server, run_once
from browser.label_card import all_saved
from drawn_files import write_pdf
from stagegap.workspace import Workspace

CASCADE = """
cascade: slips
noun: slip
records: {path: slips.jsonl, id: id, media: files, fields: {photo: image, call: audio, paper: pdf}}
stages:
  lines:
    uses: python
    with: {function: "stages.py:lines"}
    inputs: {photo: record.photo}
    output: {type: boxes, of: photo, values: [name, price]}
    score: [box_f1@0.5]
    ask: Where does each line stand?
  read:
    uses: python
    with: {function: "stages.py:read"}
    inputs: {photo: record.photo, lines: lines}
    output: {type: boxes}
    score: [text_f1]
    ask: What does each line say?
  who:
    uses: python
    with: {function: "stages.py:none"}
    inputs: {note: record.note}
    output: {type: spans, values: [person, place]}
    score: [span_f1]
    ask: Who is named?
  speech:
    uses: python
    with: {function: "stages.py:none"}
    inputs: {call: record.call}
    output: {type: segments, of: call}
    score: [overlap_f1]
    ask: When does somebody speak?
  stamps:
    uses: python
    with: {function: "stages.py:none"}
    inputs: {paper: record.paper}
    output: {type: boxes, of: paper}
    score: [box_f1@0.5]
    ask: Where are stamps?
outcome: {score: read.text_f1}
"""
STAGES = """
def lines(photo):
    return [{"x": 20, "y": 20 + 36 * n, "w": 300, "h": 30, "label": "name"} for n in range(30)]
def read(photo, lines):
    return [{**place, "text": "the-systems-own-answer"} for place in lines]
def none(**inputs):
    return []
"""
LOADED = "[...document.images].every(picture => picture.complete && picture.naturalWidth)"
"""A picture that comes late moves what is drawn on it, between the look at where it lies and the mouse."""
NOTE = "Ann Lee met Zoë (née Ott) in 𝒫aris, Ann paid."


def write_slips(folder: Path) -> None:
    """A project of slips with thirty lines, a note and five seconds of sound, run once."""
    home = folder / "pipelines" / "slips"
    (home / "files").mkdir(parents=True)
    rows: list[dict[str, str]] = []
    for number in (1, 2):
        picture = Image.new("RGB", (400, 1120), "white")
        for line in range(30):
            ImageDraw.Draw(picture).text((24, 24 + 36 * line), f"LINE {number} {line}", fill="black", font_size=22)
        picture.save(home / "files" / f"{number}.png")
        with wave.open(str(home / "files" / f"{number}.wav"), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(b"\0\0" * 8000 * 5)
        rows.append(
            {"id": f"s{number}", "photo": f"{number}.png", "call": f"{number}.wav", "note": NOTE, "paper": "p.pdf"}
        )
    write_pdf(home / "files" / "p.pdf", pages=3)
    (home / "slips.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (home / "stages.py").write_text(STAGES)
    (home / "cascade.yaml").write_text(CASCADE)
    run_once(folder)


@pytest.fixture
def open_stage(tmp_path: Path, serve: Callable[..., Server], open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Open the card of a stage on the record s1."""
    folder = tmp_path / "support-mail"
    folder.mkdir()
    write_slips(folder)
    server = serve(is_real=True)

    def open_stage(stage: str, **options: Any) -> Page:
        page = open_page(f"{server.url}/label?stage={stage}&who=yz&record=s1", **options)
        expect(page.locator(".card[data-record='s1']")).to_be_visible()
        expect(page.locator(".placed li")).to_have_count(0)
        page.wait_for_function(LOADED)
        return page

    return open_stage


def saved(page: Page, folder: Path, stage: str) -> list[dict[str, Any]]:
    """Save, and give the places as the store has them."""
    page.keyboard.press("Control+Enter")
    expect(page.locator(".card")).to_have_attribute("data-record", "s2")
    all_saved(page)
    with Workspace.open(folder) as workspace:
        (label,) = workspace.store.labels("slips", stage=stage, annotator="yz")
    assert label.answer is not None
    return label.answer.value  # type: ignore[return-value]  # a list of places


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one point to another, in pixels of the picture, or of the drawing's own units."""
    for point, act in ((start, page.mouse.down), (end, page.mouse.up)):
        x, y = page.locator(".over").evaluate(
            """(over, point) => {
                const { x, y } = new DOMPoint(...point).matrixTransform(over.getScreenCTM())
                return [x, y]
            }""",
            point,
        )
        page.mouse.move(x, y, steps=4)
        act()


def test_rectangles_are_drawn_moved_resized_snapped_labelled_and_deleted_by_mouse(
    open_stage: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_stage("lines")
    expect(page.locator(".card")).not_to_contain_text("300")
    drag(page, (20, 20), (220, 50))
    page.get_by_role("radio", name="price").click()
    drag(page, (120, 35), (150, 135))
    drag(page, (300, 300), (380, 400))
    drag(page, (23, 60), (222, 118))
    rows = page.locator(".placed li")
    expect(rows).to_have_count(3)
    expect(page.get_by_role("radio", name="price")).to_be_checked()
    page.get_by_role("button", name="Choose rectangle 2").click()
    page.get_by_role("button", name="Delete 2").click()
    expect(rows).to_have_count(2)
    drag(page, (249, 135), (300, 135))
    page.mouse.click(5, 5)
    places = saved(page, tmp_path / "support-mail", "lines")
    assert [place["label"] for place in places] == ["price", "price"]
    moved, snapped = places
    assert abs(moved["x"] - 50) <= 1
    assert abs(moved["y"] - 120) <= 1
    assert abs(moved["w"] - 250) <= 2
    assert snapped["y"] + snapped["h"] == moved["y"]


def test_thirty_lines_are_labelled_without_the_mouse(open_stage: Callable[..., Page], tmp_path: Path) -> None:
    page = open_stage("read")
    assert "the-systems-own-answer" not in page.content()
    page.keyboard.press("Alt+t")
    for line in range(30):
        expect(page.get_by_role("textbox", name=f"Text of rectangle {line + 1}", exact=True)).to_be_focused()
        page.keyboard.type(f"LINE 1 {line}, a s")
        page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("The last line.")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Alt+Shift+ArrowLeft")
    page.keyboard.press("Alt+d")
    page.keyboard.press("Alt+a")
    page.keyboard.press("Alt+x")
    places = saved(page, tmp_path / "support-mail", "read")
    assert [place["text"] for place in places] == [f"LINE 1 {n}, a s" for n in (*range(28), 27, 29)]
    assert places[0] == {"x": 20, "y": 20, "w": 300, "h": 30, "label": "name", "text": "LINE 1 0, a s"}
    assert (places[28]["x"], places[28]["w"]) == (26, 294)


def test_rectangle_is_drawn_moved_and_sized_by_keys_alone_and_what_was_done_is_taken_back(
    open_stage: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_stage("lines")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Mark at least one, say that there is none, or skip.")
    for is_none in (True, False):
        page.keyboard.press("0")
        expect(page.get_by_role("checkbox", name="There is none")).to_be_checked(checked=is_none)
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The rectangle 1 has no label. Give it one, or delete it.")
    page.keyboard.press("1")
    for key in ("ArrowDown", "Shift+ArrowRight", "Control+ArrowLeft", "Control+Shift+ArrowUp", "a", "2", "a", "x"):
        page.keyboard.press(key)
    expect(page.locator(".placed li")).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(page.locator(".placed li")).to_have_count(3)
    page.keyboard.press(",")
    page.keyboard.press("Delete")
    page.keyboard.press("0")
    places = saved(page, tmp_path / "support-mail", "lines")
    first, second = places
    assert first == {"x": 19, "y": 62, "w": 166, "h": 33, "label": "name"}
    assert (second["x"], second["w"], second["h"], second["label"]) == (19, 166, 33, "price")


def test_spans_snap_to_words_and_count_characters_as_people_do(open_stage: Callable[..., Page], tmp_path: Path) -> None:
    page = open_stage("who")
    page.keyboard.press("a")
    page.keyboard.press("1")
    page.keyboard.press("Shift+ArrowRight")
    words = page.locator(".words")
    for word, act in (("Zoë", page.mouse.down), ("Ott", page.mouse.up)):
        box = words.get_by_text(word, exact=True).bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 4, box["y"] + 4, steps=4)
        act()
    words.get_by_text("𝒫aris", exact=True).click()
    page.keyboard.press("2")
    expect(page.locator(".placed li .name")).to_have_text(
        ["person · “Ann Lee”", "person · “Zoë (née Ott”", "place · “𝒫aris”"]
    )
    words.get_by_text("Zoë", exact=True).click()
    page.keyboard.press("Control+Shift+ArrowRight")
    places = saved(page, tmp_path / "support-mail", "who")
    assert [(NOTE[place["start"] : place["end"]], place["label"]) for place in places] == [
        ("Ann Lee", "person"),
        ("Zoë (née Ott)", "person"),
        ("𝒫aris", "place"),
    ]


def test_segments_are_drawn_beside_the_recording_and_set_where_it_is(
    open_stage: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_stage("speech")
    expect(page.locator("audio")).to_have_js_property("readyState", 4)
    drag(page, (1, 0.5), (2, 0.5))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+Shift+ArrowLeft")
    page.locator("audio").evaluate("sound => { sound.currentTime = 3.5 }")
    page.keyboard.press("a")
    page.locator("audio").evaluate("sound => { sound.currentTime = 3.75 }")
    page.keyboard.press("]")
    places = saved(page, tmp_path / "support-mail", "speech")
    first, second = places
    assert abs(first["start"] - 1.1) < 0.03
    assert abs(first["end"] - 2.09) < 0.03
    assert second == {"start": 3.5, "end": 3.75}


def test_rectangles_lie_on_the_page_where_they_are_drawn(open_stage: Callable[..., Page], tmp_path: Path) -> None:
    page = open_stage("stamps")
    frame, drawn = page.locator(".sheet .vx"), page.locator(".sheet .over .place")
    page.keyboard.press("a")
    expect(drawn).to_have_count(1)
    page.keyboard.press("PageDown")
    expect(frame).to_have_attribute("data-page", "2")
    expect(drawn).to_have_count(0)
    page.keyboard.press("a")
    expect(page.locator(".placed li.on")).to_contain_text("on page 2")
    page.keyboard.press("ArrowRight")
    expect(drawn).to_have_count(1)
    page.keyboard.press(",")
    expect(frame).to_have_attribute("data-page", "1")
    expect(drawn).to_have_count(1)
    first, second = saved(page, tmp_path / "support-mail", "stamps")
    assert "page" not in first
    assert (second["page"], second["x"] > first["x"]) == (2, True)
