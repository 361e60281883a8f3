"""Turn scanned receipts with people's boxes, texts and fields into records and references: see docs/receipts.md.

python pipelines/receipts/import_data.py SOURCE TARGET
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

Row = dict[str, Any]
FIELDS = ("company", "date", "address", "total")


def convert(source: Path, target: Path) -> dict[str, int]:
    """Write records, references and pictures into `target`, and say how many of each; `source` is only read."""
    people = {row["receipt_id"]: row for row in _rows(source / "human.jsonl")}
    records = [row for row in _rows(source / "records.jsonl") if row["receipt_id"] in people]
    (target / "images").mkdir(parents=True, exist_ok=True)
    for row in records:
        shutil.copyfile(source / row["image"], target / row["image"])
    written = {
        "records.jsonl": [{"receipt": row["receipt_id"], "photo": row["image"]} for row in records],
        "references.jsonl": [entry for row in records for entry in _references(people[row["receipt_id"]])],
    }
    for name, rows in written.items():
        (target / name).write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), "utf-8")
    return {**{name: len(rows) for name, rows in written.items()}, "images": len(records)}


def _rows(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _references(person: Row) -> list[Row]:
    """What the annotator answered at each stage: lines without text, with it, and the four fields."""
    lines = [_line(line) for line in person["lines"]]
    lines = [line for line in lines if line["w"] > 0 and line["h"] > 0]
    fields = {name: person["fields"].get(name) or None for name in FIELDS}
    answers = {
        "detect": [{key: line[key] for key in "xywh"} for line in lines],
        "read": lines,
        "extract": fields,
    }
    return [
        {"record": person["receipt_id"], "stage": stage, "annotator": "sroie", "value": value}
        for stage, value in answers.items()
    ]


def _line(line: Row) -> Row:
    left, top, right, bottom = line["box"]
    return {"x": left, "y": top, "w": round(right - left, 2), "h": round(bottom - top, 2), "text": line["text"]}


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("python pipelines/receipts/import_data.py SOURCE TARGET")
    for name, count in convert(Path(sys.argv[1]), Path(sys.argv[2])).items():
        print(f"{count:>6,}  {name}")  # noqa: T201  # what a script says
