"""The cascade on recordings: its import, its rule, and its file, without the package that listens."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from drawn_files import write_tone
from oracles.sameness import ROOT
from stagegap.workspace import Workspace

HOME = ROOT / "pipelines" / "voice"


def write_source(folder: Path) -> Path:
    """A folder of the form of pocketsphinx's source distribution, with tones in place of voices."""
    for name, lines in (
        ("cards/cards.transcription", ["<s> ten of clubs  </s> (001)"]),
        ("librivox/transcription", ["<s> he was not an ill disposed young man </s> (book-0880)"]),
    ):
        path = folder / "test" / "data" / name
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines) + "\n")
    write_tone(folder / "test/data/cards/001.wav")
    write_tone(folder / "test/data/librivox/book-0880.wav")
    return folder


def test_recordings_come_with_what_people_wrote_down_and_the_cascade_takes_them(tmp_path: Path) -> None:
    convert = runpy.run_path(str(HOME / "import_data.py"))["convert"]
    assert convert(write_source(tmp_path / "source"), tmp_path / "voice") == 2
    rows = [json.loads(line) for line in (tmp_path / "voice/references.jsonl").read_text().splitlines()]
    assert [(row["record"], row["value"]) for row in rows] == [
        ("001", "ten of clubs"),
        ("001", "cards"),
        ("book-0880", "he was not an ill disposed young man"),
        ("book-0880", "reading"),
    ]
    with Workspace(tmp_path, environment={"VOICE": str(tmp_path / "voice")}, clock=lambda: 0.0) as workspace:
        file = workspace.files.load(HOME / "voice.yaml")
    assert list(file.cascade.names) == ["cut", "transcribe", "classify"]


def test_rule_tells_cards_from_reading() -> None:
    classify = runpy.run_path(str(HOME / "speech.py"))["classify"]
    assert [
        classify(text) for text in ("Four queen of clubs", "five five", "of the one queen and her many men", "")
    ] == [
        "cards",
        "cards",
        "reading",
        "reading",
    ]
