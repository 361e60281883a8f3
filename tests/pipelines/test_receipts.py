"""The cascade of receipts on receipts that are drawn here: imported, and run by one command with its neural models."""

from __future__ import annotations

import json
import runpy
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from stagegap.model.run import SYSTEM
from stagegap.workspace import Workspace

PIPELINE = Path(__file__).parents[2] / "pipelines" / "receipts"
RECEIPTS = {
    "r1": {"company": "AKIRA BAKERY SDN BHD", "address": "NO 12 JALAN MELATI", "date": "12/03/2018", "total": "7.00"},
    "r2": {"company": "MELUR HARDWARE", "address": "LOT 5 TAMAN INDAH", "date": "01/11/2017", "total": "128.40"},
    "r3": {"company": "RESTORAN SRI PAGI", "address": "NO 7 JALAN KENANGA", "date": "23/06/2018", "total": "15.90"},
}


def draw_receipts(folder: Path) -> Path:
    """The folder that the import takes: pictures, and what a person drew, typed and read off."""
    (folder / "images").mkdir(parents=True)
    font = ImageFont.load_default(30)
    records: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for name, fields in RECEIPTS.items():
        texts = [fields["company"], fields["address"], "TEL 07 123 4567", f"DATE {fields['date']}", "BREAD 1.20"]
        picture = Image.new("L", (640, 560), 250)
        draw, lines = ImageDraw.Draw(picture), []
        for place, text in enumerate([*texts, f"TOTAL {fields['total']}"]):
            at = (40, 40 + 80 * place)
            draw.text(at, text, fill=20, font=font)
            lines.append({"box": list(draw.textbbox(at, text, font=font)), "text": text})
        picture.save(folder / "images" / f"{name}.png")
        records.append({"receipt_id": name, "image": f"images/{name}.png"})
        people.append({"receipt_id": name, "lines": lines, "fields": fields})
    for name, rows in (("records", records), ("human", people)):
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def imported(folder: Path) -> Path:
    """What the import makes of drawn receipts."""
    convert = runpy.run_path(str(PIPELINE / "import_data.py"))["convert"]
    counts = convert(draw_receipts(folder / "source"), folder / "receipts")
    assert counts == {"records.jsonl": 3, "references.jsonl": 9, "images": 3}
    return folder / "receipts"


def test_rules_find_the_fields_in_what_a_person_typed(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (imported(tmp_path) / "references.jsonl").read_text().splitlines()]
    answers = {(row["record"], row["stage"]): row["value"] for row in rows}
    extract = runpy.run_path(str(PIPELINE / "rules.py"))["extract"]
    for name, fields in RECEIPTS.items():
        assert extract(answers[name, "read"]) == answers[name, "extract"] == fields


@pytest.mark.slow  # reads the neural models and three pictures: some ten seconds of processor time
def test_receipts_are_read_by_one_command_after_the_import(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="the neural models are in the extra `receipts`")
    folder = tmp_path / "project"
    shutil.copytree(PIPELINE, folder / "pipelines" / "receipts")
    with Workspace(folder, environment={"RECEIPTS": str(imported(tmp_path))}, clock=time.time) as opened:
        run, _ = opened.runs.new(folder / "pipelines" / "receipts" / "receipts.yaml")
        card = opened.runs.scorecard("receipts", run.name)
        answers = {output.record: output.value for output in opened.store.outputs(run.id, SYSTEM, "extract")}
    assert card is not None
    assert {row.stage: row.in_place.value >= 0.9 for row in card.stages} == dict.fromkeys(
        ("detect", "read", "extract"), True
    )
    assert answers == RECEIPTS
