"""Blindness on the wire: what no queue may send to a browser, whatever it was drawn for."""

from __future__ import annotations

import json
import re
import shutil
import wave
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, WebSocket, expect

from browser.conftest import Server, run_once
from browser.label_card import all_saved
from mails import PEOPLE, SECRET, write_mails
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM
from stagegap.people.judgements import Judging
from stagegap.runner.queues import Hunt
from stagegap.workspace import Workspace

CASCADE = "support_email"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose every draft holds a mark that is the system's own."""
    folder = tmp_path_factory.mktemp("blind")
    cascade = write_mails(folder, count=40, slip=3, unlabelled={"draft": 10, "retrieve": 10}) / "cascade.yaml"
    cascade.write_text(cascade.read_text().replace("    guideline: guideline.md\n", ""))  # nothing to read first
    run_once(folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path, once: Path) -> Path:
    shutil.copytree(once, tmp_path / "support-mail")
    return tmp_path / "support-mail"


def drawn(folder: Path, kind: str) -> str:
    with Workspace.open(folder) as workspace:
        desk = workspace.labels
        match kind:
            case "hunt":
                return desk.hunt(CASCADE, "draft", Hunt(where='record.language == "de"')).id
            case "judge":
                return desk.judge(CASCADE, "draft", Judging(mode="prefer", criterion="quality")).id
            case _:
                return kind


def received(server: Server, open_page: Callable[..., Page], queue: str, keys: tuple[str, ...]) -> bytes:
    """All that the server sent while somebody answered three records of a queue and opened the first again."""
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    page = open_page("about:blank")
    page.on("websocket", listen)
    page.goto(f"{server.url}/label?cascade={CASCADE}&stage=draft&who=eve&queue={queue}")
    card = page.locator(".card[data-record]:not([data-record=''])")
    expect(card).to_be_visible()
    first = card.get_attribute("data-record")
    card.focus()
    for _ in range(3):
        at = card.get_attribute("data-record")
        for key in keys:
            page.keyboard.press(key)
        expect(card).not_to_have_attribute("data-record", str(at))
        card.focus()
    all_saved(page)
    page.goto(f"{server.url}/label?cascade={CASCADE}&stage=draft&who=eve&queue={queue}&record={first}")
    expect(page.locator(f".card[data-record='{first}']")).to_be_visible()
    page.get_by_text("My labels").click()
    return b"".join(frames)


@pytest.mark.parametrize("kind", ["random", "overlap", "next", "swap", "hunt"])
def test_no_frame_holds_the_stages_own_answer_or_who_else_answered_what(
    folder: Path, serve: Callable[..., Server], open_page: Callable[..., Page], kind: str
) -> None:
    queue = drawn(folder, kind)
    frames = received(serve(is_real=True), open_page, queue, ("ArrowDown", "x", "Control+Enter"))
    assert b"Write the reply that you would send." in frames
    assert SECRET.encode() not in frames
    assert b"sealed" not in frames
    assert not any(name.encode() in frames for name in PEOPLE)


def test_judge_shows_both_answers_and_no_frame_says_whose(
    folder: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    queue = drawn(folder, "judge")
    frames = received(serve(is_real=True), open_page, queue, ("1", "Enter"))
    assert SECRET.encode() in frames, "the answer itself is what is judged"
    for word in (b"sealed", b"author", b"annotator", b'"system"', *(name.encode() for name in PEOPLE)):
        assert word not in frames
    with Workspace.open(folder) as workspace:
        items = workspace.store.queue_items(queue, "nobody", 1_000)
    sides = [re.search(r"(A|B):  [^\"]*" + SECRET, item.payload) for item in items]
    shares = Counter(match[1] for match in sides if match)
    assert min(shares["A"], shares["B"]) >= 5, "the side does not say it either"


MARK = "the-systems-own-answer"
CHOICES = [f"choice-{number}-of-six" for number in range(6)]
PLACE = {"label": MARK, "text": MARK}
ANSWERS: dict[str, tuple[str, Json]] = {
    "text": ("{type: text}", MARK),
    "transcript": ("{type: transcript}", MARK),
    "list": ("{type: list}", [MARK]),
    "object": ("{type: object, schema: {type: object, properties: {name: {type: string}}}}", {"name": MARK}),
    "number": ("{type: number}", 73519.25),
    "boxes": ("{type: boxes, of: photo}", [{"x": 13, "y": 17, "w": 21, "h": 19, **PLACE}]),
    "spans": ("{type: spans, of: note}", [{"start": 2, "end": 5, "label": MARK}]),
    "segments": ("{type: segments, of: call}", [{"start": 0.1875, "end": 0.3125, **PLACE}]),
    "label": (f"{{type: label, values: [{', '.join(CHOICES)}]}}", CHOICES[2]),
    "labels": (f"{{type: labels, values: [{', '.join(CHOICES)}]}}", [CHOICES[4]]),
    "ranking": ("{type: ranking, of: shelf, k: 1}", [CHOICES[3]]),
}


def write_all_types(folder: Path) -> None:
    """A project with a stage of every type that can be told from its bytes, run once."""
    home = folder / "pipelines" / "all"
    home.mkdir(parents=True)
    Image.new("RGB", (64, 64), "white").save(home / "a.png")
    with wave.open(str(home / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(b"\0\0" * 8000)
    row = {"id": "s1", "photo": "a.png", "call": "a.wav", "note": "A note of Ann"}
    (home / "all.jsonl").write_text(json.dumps(row) + "\n")
    (home / "shelf.jsonl").write_text("".join(json.dumps({"id": name, "text": "A text"}) + "\n" for name in CHOICES))
    stages = [
        f"  s_{name}:\n    {{uses: python, with: {{function: 'stages.py:s_{name}'}}, output: {output},"
        " inputs: {photo: record.photo, call: record.call, note: record.note}}"
        for name, (output, _) in ANSWERS.items()
    ]
    (home / "stages.py").write_text(
        "\n".join(f"def s_{name}(photo, call, note):\n    return {value!r}" for name, (_, value) in ANSWERS.items())
    )
    (home / "cascade.yaml").write_text(
        "cascade: all\nrecords: {path: all.jsonl, fields: {photo: image, call: audio}}\n"
        "corpora: {shelf: {path: shelf.jsonl, id: id, title: id, text: text}}\nstages:\n"
        + "\n".join(stages)
        + "\noutcome: {score: s_label.accuracy}\n"
    )
    run_once(folder)


def test_no_type_of_answer_is_sent_to_who_labels_it_blind(
    tmp_path: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    folder = tmp_path / "support-mail"
    folder.mkdir()
    write_all_types(folder)
    with Workspace.open(folder) as workspace:
        (run,) = workspace.store.runs("all")
        outputs = {
            name: [output.value for output in workspace.store.outputs(run.id, SYSTEM, f"s_{name}")] for name in ANSWERS
        }
    assert outputs == {name: [value] for name, (_, value) in ANSWERS.items()}
    server = serve(is_real=True)
    frames: list[bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda data: frames.append(data if isinstance(data, bytes) else data.encode()))

    page = open_page("about:blank")
    page.on("websocket", listen)
    for name in ANSWERS:
        frames.clear()
        page.goto(f"{server.url}/label?cascade=all&stage=s_{name}&who=eve&record=s1")
        expect(page.locator(".card[data-record='s1']")).to_be_visible()
        page.get_by_text("My labels").click()
        received = b"".join(frames)
        assert b"A note of Ann" in received
        for mark in (MARK, "73519", "0.1875", "0.3125"):
            assert mark.encode() not in received, name
        counts = {choice: received.count(choice.encode()) for choice in CHOICES}
        assert len(set(counts.values())) == 1, "each choice is sent as often as the one that the system made"
