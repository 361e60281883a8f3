from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from drawn_files import draw_picture
from stagegap.analysis.agree import agree_sheet
from stagegap.analysis.aim import messages
from stagegap.analysis.failures import title
from stagegap.errors import ConfigurationError, SpecError
from stagegap.exchange.records import read_records
from stagegap.model.media import media_of
from stagegap.workspace import Workspace

CASCADE = """
cascade: receipts
records: {{path: data/records.jsonl, media: data/scans, fields: {{photo: image}}}}
stages:
  size:
    uses: python
    with: {{function: "stages.py:{function}"}}
    {more}
    inputs: {{photo: record.photo}}
    output: {{type: number}}
    score: within@0
outcome: {{score: size.within@0}}
"""
STAGES = """
from pathlib import Path
import stagegap

def size(photo):
    assert isinstance(photo, Path), photo
    return photo.stat().st_size

async def later(photo):
    return size(photo)

@stagegap.batch
def several(photo):
    return [size(one) for one in photo]

def nested(photo):
    return size(photo[0]["scan"])
"""


def project(folder: Path, function: str = "size", more: str = "") -> Path:
    for name in ("a", "b"):
        draw_picture(folder / "data" / "scans" / f"{name}.png", name)
    rows = [{"id": name, "photo": f"{name}.png"} for name in ("a", "b")]
    (folder / "data" / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "stages.py").write_text(STAGES)
    (folder / "cascade.yaml").write_text(CASCADE.format(function=function, more=more))
    return folder


def outputs(folder: Path, stage: str = "size") -> dict[str, object]:
    """What a new run answers, by record."""
    with Workspace.open(folder) as workspace:
        run, _ = workspace.runs.new(folder / "cascade.yaml")
        cell = workspace.store.cells(run.id)[0]
        return {
            o.record: o.value if o.status.has_value else o.error for o in workspace.store.outputs(run.id, cell, stage)
        }


@pytest.mark.parametrize(
    ("function", "more"),
    [("size", ""), ("size", "timeout: 20"), ("size", "concurrency: 2"), ("later", ""), ("several", "")],
)
def test_python_function_is_given_the_path_of_a_picture(tmp_path: Path, function: str, more: str) -> None:
    folder = project(tmp_path, function, more)
    sizes = {name: (folder / "data" / "scans" / f"{name}.png").stat().st_size for name in ("a", "b")}
    assert outputs(folder) == sizes


def test_path_is_given_however_deep_it_lies(tmp_path: Path) -> None:
    folder = project(tmp_path, "nested")
    stages = (
        "  shelve:\n    uses: python\n    with: {function: 'stages.py:shelve'}\n    inputs: {photo: record.photo}\n"
    )
    text = (folder / "cascade.yaml").read_text().replace("{photo: record.photo}", "{photo: shelve}")
    (folder / "cascade.yaml").write_text(
        text.replace("stages:\n", f"stages:\n{stages}    output: {{type: list, items: {{}}}}\n")
    )
    with (folder / "stages.py").open("a") as file:
        file.write("\n\ndef shelve(photo):\n    return [{'scan': VALUE}]\n\nVALUE = None\n")
    with Workspace.open(folder) as workspace:
        records = workspace.files.load(folder / "cascade.yaml").records
    assert records.media == str(folder / "data" / "scans")
    [value] = [json.dumps(dict(r.fields)["photo"]) for r in read_records(records) if r.id == "a"]
    with (folder / "stages.py").open("a") as file:
        file.write(f"VALUE = {value}\n")
    assert set(outputs(folder).values()) == {(folder / "data" / "scans" / "a.png").stat().st_size}


CUT = """
  strips:
    uses: python
    with: {function: "stages.py:strips"}
    inputs: {photo: record.photo}
    output: {type: list, items: {}}
"""
STRIPS = """

from PIL import Image

def strips(photo):
    with Image.open(photo) as picture:
        picture.crop((0, 0, 50, 80)).save(photo.parent / f"{photo.stem}-strip.png")
        left, right = photo.parent / f"{photo.stem}-strip.png", picture.crop((50, 0, 240, 80))
        return [{"strip": left}, {"strip": right}]

def width(piece):
    with Image.open(piece["strip"]) as picture:
        return picture.width
"""


def test_picture_that_a_stage_made_is_a_file_for_the_next_stage_and_new_only_with_its_content(tmp_path: Path) -> None:
    folder = project(tmp_path, "width")
    text = (folder / "cascade.yaml").read_text().replace("{photo: record.photo}", "{piece: strips}")
    text = text.replace("    with: {function", "    each: strips\n    with: {function", 1)
    (folder / "cascade.yaml").write_text(text.replace("stages:", f"stages:{CUT}", 1))
    with (folder / "stages.py").open("a") as file:
        file.write(STRIPS)
    assert sorted(outputs(folder).items()) == [("a#0", 50), ("a#1", 190), ("b#0", 50), ("b#1", 190)]
    with Workspace.open(folder) as workspace:
        [run] = workspace.store.runs("receipts")
        pieces = workspace.store.outputs(run.id, workspace.store.cells(run.id)[0], "strips")[0].value
    assert isinstance(pieces, list)
    saved, made = (media_of(dict(piece)["strip"]) for piece in pieces if isinstance(piece, Mapping))
    assert saved is not None
    assert made is not None
    assert (saved.path, saved.width, made.width) == ("a-strip.png", 50, 190)
    assert made.path == f".stagegap-media/{made.digest}.png"
    kept = folder / "data" / "scans" / ".stagegap-media"
    assert (kept / ".gitignore").read_text() == "*\n"
    assert len(list(kept.iterdir())) == 2, "the right half is white on both, so it is one file"


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        ("Path('/etc/passwd')", "'/etc/passwd' lies outside of the folder '{folder}'"),
        ("photo.parent / '..' / 'records.jsonl'", "'{folder}/../records.jsonl' lies outside of the folder"),
        ("photo.parent / 'notes.txt'", "'{folder}/notes.txt' has the ending '.txt', which no picture"),
        ("photo.parent / 'gone.png'", "'gone.png' is not there."),
    ],
)
def test_path_that_a_stage_gives_is_a_file_of_the_folder_or_no_answer(tmp_path: Path, made: str, problem: str) -> None:
    folder = project(tmp_path, "made")
    text = (folder / "cascade.yaml").read_text()
    (folder / "cascade.yaml").write_text(
        text.replace("{type: number}", "{type: object, schema: {type: object}}").replace("within@0", "exact")
    )
    with (folder / "stages.py").open("a") as file:
        file.write(f"\n\ndef made(photo):\n    return {made}\n")
    sentence = problem.format(folder=folder / "data" / "scans")
    assert all(f"made gave: {sentence}" in str(error) for error in outputs(folder).values())


def test_program_is_given_the_path_of_a_picture(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "size.py").write_text(
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        "    call = json.loads(line)\n"
        "    size = os.stat(call['inputs']['photo']).st_size\n"
        "    print(json.dumps({'id': call['id'], 'value': size}), flush=True)\n"
    )
    text = (folder / "cascade.yaml").read_text().replace("uses: python", "uses: command")
    command = json.dumps({"command": [sys.executable, "size.py"]})
    (folder / "cascade.yaml").write_text(text.replace('{function: "stages.py:size"}', command))
    assert outputs(folder) == {name: (folder / "data" / "scans" / f"{name}.png").stat().st_size for name in ("a", "b")}


def test_changed_picture_is_a_new_input_and_no_other_call_is_made(tmp_path: Path) -> None:
    folder = project(tmp_path)
    before = outputs(folder)
    with Workspace.open(folder) as workspace:
        assert workspace.runs.plan(folder / "cascade.yaml").calls == 0
    draw_picture(folder / "data" / "scans" / "b.png", "another text, which takes more bytes")
    with Workspace.open(folder) as workspace:
        assert workspace.runs.plan(folder / "cascade.yaml").calls == 1
    after = outputs(folder)
    assert (after["a"], after["b"]) == (before["a"], (folder / "data" / "scans" / "b.png").stat().st_size)
    assert before["b"] != after["b"]


def test_no_byte_of_a_picture_enters_the_store(tmp_path: Path) -> None:
    folder = project(tmp_path)
    outputs(folder)
    content = (folder / "data" / "scans" / "a.png").read_bytes()[40:200]
    files = [path for path in (folder / ".stagegap").rglob("*") if path.is_file()]
    assert any(b"a.png" in path.read_bytes() for path in files)
    assert not any(content in path.read_bytes() for path in files)


def test_folder_and_kinds_that_do_not_exist_are_told_with_file_and_line(tmp_path: Path) -> None:
    folder = project(tmp_path)
    text = (folder / "cascade.yaml").read_text()
    (folder / "cascade.yaml").write_text(
        text.replace("data/scans", "data/scan").replace("photo: image}", "photo: imgae}")
    )
    with Workspace.open(folder) as workspace, pytest.raises(SpecError) as caught:
        workspace.files.load(folder / "cascade.yaml")
    told = str(caught.value).replace(str(folder), "ROOT")
    assert "cascade.yaml:3: 'ROOT/data/scan' is no folder. Name the one that the files lie in." in told
    assert "cascade.yaml:3: records.fields.photo can't be 'imgae'. Did you mean image?" in told


def test_rectangles_are_scored_by_what_they_share_and_have_no_chance_agreement(tmp_path: Path) -> None:
    folder = project(tmp_path, "lines")
    text = (folder / "cascade.yaml").read_text().replace("size", "detect").replace("within@0", "box_f1@0.5")
    text = text.replace("{type: number}", "{type: boxes, of: photo}")
    (folder / "cascade.yaml").write_text(
        text.replace("stages:\n", "references: {path: data/labels.jsonl}\nstages:\n", 1)
    )
    with (folder / "stages.py").open("a") as file:
        file.write("\n\ndef lines(photo):\n    return [{'x': 0, 'y': 0, 'w': 10, 'h': 10}]\n")
    first, second = {"x": 0, "y": 0, "w": 10, "h": 20}, {"x": 0, "y": 0, "w": 30, "h": 30}
    labels = [
        {"record": record, "stage": "detect", "annotator": name, "value": [place]}
        for record in ("a", "b")
        for name, place in (("ada", first), ("bob", second))
    ]
    (folder / "data" / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels))
    assert set(map(str, outputs(folder, "detect").values())) == {"[{'x': 0, 'y': 0, 'w': 10, 'h': 10}]"}
    with Workspace.open(folder) as workspace:
        [run] = workspace.runs.of("receipts")
        view = workspace.runs.attribution("receipts", run.name).agree()
        card = workspace.runs.scorecard("receipts", run.name)
    [row] = view.stages
    assert (row.agreement.value, row.system.value, row.coefficients) == (0, 0.5, ())
    assert card is not None
    assert card.system.value == 1  # half of ada's rectangle, which is accepted as bob's is
    sentence = "detect: no agreement beyond chance: rectangles can be drawn anywhere"
    assert sentence in "\n".join(str(part) for part in agree_sheet(view).parts)


def test_stage_that_can_not_take_a_file_is_told_with_file_and_line(tmp_path: Path) -> None:
    folder = project(tmp_path)
    text = (folder / "cascade.yaml").read_text().replace("uses: python", "uses: sklearn")
    learns = text.replace('{function: "stages.py:size"}', "{train: train, estimator: ridge}")
    (folder / "cascade.yaml").write_text(learns)
    with Workspace.open(folder) as workspace, pytest.raises(SpecError) as caught:
        workspace.files.load(folder / "cascade.yaml")
    told = "a stage that uses 'sklearn' can't be given a file. Stages of the kinds python, command, http and llm can."
    assert told in str(caught.value)


def test_rectangle_outside_of_its_picture_is_no_answer_from_a_stage_nor_from_a_person(tmp_path: Path) -> None:
    folder = project(tmp_path / "pipelines" / "receipts", "lines")
    text = (folder / "cascade.yaml").read_text().replace("size", "detect").replace("within@0", "box_f1@0.5")
    (folder / "cascade.yaml").write_text(text.replace("{type: number}", "{type: boxes}"))
    with (folder / "stages.py").open("a") as file:
        file.write("\n\ndef lines(photo):\n    x = 240 if photo.stem == 'b' else 239\n")
        file.write("    return [{'x': x, 'y': 0, 'w': 9, 'h': 9}]\n")
    told = "The rectangle 1 lies outside of its picture of 240 x 80 pixels."
    assert outputs(folder, "detect") == {"a": [{"x": 239, "y": 0, "w": 9, "h": 9}], "b": told}
    with Workspace.open(tmp_path) as workspace:
        queue = workspace.labels.queue("receipts", "detect")
        event = {"id": "e1", "record": "a", "action": "label", "values": {"value": [{"x": 1, "y": 80, "w": 9, "h": 9}]}}
        with pytest.raises(ConfigurationError) as caught:
            workspace.labels.save_labels(queue, [event], "ab")
        assert str(caught.value) == f"The answer to 'a' does not fit stage 'detect': {told}"
        inside = {**event, "values": {"value": [{"x": 1, "y": 79, "w": 9, "h": 9}]}}
        workspace.labels.save_labels(queue, [inside], "ab")
        [label] = workspace.store.labels("receipts", stage="detect")
    assert label.answer is not None
    assert label.answer.value == [{"x": 1, "y": 79, "w": 9, "h": 9}]


def test_file_is_its_path_in_a_notebook_in_the_terminal_and_in_what_an_optimiser_is_told(tmp_path: Path) -> None:
    folder = project(tmp_path)
    labels = [{"record": name, "stage": "size", "annotator": "ann", "value": 1} for name in ("a", "b")]
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
    file = (folder / "cascade.yaml").read_text()
    (folder / "cascade.yaml").write_text(f"{file}references: {{path: labels.jsonl}}\n")
    (folder / "pipelines").mkdir()
    with Workspace.open(folder) as workspace:
        run, _ = workspace.runs.new(folder / "cascade.yaml")
        evidence = workspace.runs.attribution("receipts", run.name).evidence
        card = workspace.runs.scorecard("receipts", run.name)
    (message, *_) = messages(evidence, "size", [0], {})
    assert message.inputs == {"photo": "a.png"}
    assert title(evidence.records[1], evidence.cascade) == "b.png"
    assert card is not None
    (detail,) = card.details
    assert {row.title for row in detail.rows} == {"a.png", "b.png"}
