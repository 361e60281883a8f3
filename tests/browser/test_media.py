"""Pictures and recordings of records in the browser: seen, turned, heard by keys, and nothing else of the project."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from browser.conftest import Server, run_once
from browser.test_label_page import all_saved
from stagegap.workspace import Workspace

CASCADE = """
cascade: slips
noun: slip
records: {path: slips.jsonl, id: id, media: files, fields: {photo: image, call: audio}}
stages:
  total:
    uses: python
    with: {function: "stages.py:total"}
    inputs: {photo: record.photo, call: record.call}
    output: {type: label, values: [low, high]}
    ask: Is the total high?
outcome: {score: total.accuracy, good: ">= 1"}
"""


def write_slips(folder: Path) -> None:
    """A project of two slips, each a picture with a line on it and a second of silence, run once."""
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
            sound.writeframes(b"\0\0" * 8000 * 5)
    rows = [{"id": f"s{n}", "photo": f"secret-high/{n}.png", "call": f"secret-high/{n}.wav"} for n in (1, 2)]
    (home / "slips.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (home / "stages.py").write_text("def total(photo, call):\n    return 'low'\n")
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
    picture = page.locator(".inputs img")
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("naturalWidth", 400)
    assert "secret-high" not in page.locator(".card").inner_html()
    page.get_by_role("button", name="Larger").click()
    expect(picture).to_have_attribute("style", "width: 150%; rotate: 0deg;")
    page.locator(".vx").focus()
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
    sound.evaluate("sound => { sound.currentTime = 3 }")
    page.keyboard.press("Space")
    expect(sound).to_have_js_property("paused", True)
    page.keyboard.press("b")
    assert 0.9 < sound.evaluate("sound => sound.currentTime") < 1.5
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
    address = str(page.locator(".inputs img").get_attribute("src"))
    sound = str(page.locator("audio").get_attribute("src"))
    fetch = page.request.get
    drawn = fetch(server.url + address)
    assert (drawn.status, drawn.headers["content-type"]) == (200, "image/png")
    assert drawn.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in drawn.headers["content-security-policy"]
    heard = fetch(server.url + sound, headers={"range": "bytes=0-3"})
    assert (heard.status, heard.headers["content-type"], heard.body()) == (206, "audio/wav", b"RIFF")
    small = fetch(f"{server.url}{address}?small=1")
    assert 0 < len(small.body()) <= len(drawn.body())
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


def test_failures_page_shows_the_picture_with_its_path(
    slips: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    with Workspace.open(slips) as workspace:
        assert workspace.media_folder("slips").endswith("files")
    page = open_page(f"{serve(is_real=True).url}/read?who=ab")
    expect(page.locator(".vi img").first).to_have_js_property("naturalWidth", 400)
    expect(page.get_by_text("secret-high/").first).to_be_visible()
    expect(page.get_by_role("button", name="Larger").first).to_be_visible()
