from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Command

TASKS = [
    {
        "id": n,
        "data": {"id": f"q{n}"},
        "annotations": [
            {
                "id": 10 + n,
                "completed_by": 3,
                "updated_at": "2026-01-02T03:04:05Z",
                "result": [{"from_name": "theme", "type": "choices", "value": {"choices": ["parking"]}}],
            }
        ],
    }
    for n in (1, 2, 9)
]
LOST = "The record is not one of the cascade's; --record-id FIELD says where its id stands."


@pytest.fixture
def project(stagegap: Command, tmp_path: Path) -> Command:
    stagegap("init")
    (tmp_path / "tasks.json").write_text(json.dumps(TASKS))
    return stagegap


def test_import_tells_what_became_no_label(project: Command) -> None:
    said = project("tools", "import", "tasks.json", "--stage", "topic=theme")
    assert said.code == 0
    assert said.out.splitlines() == [
        "2 labels are new (read as label-studio).",
        f"1 left over: {LOST}",
        "    task 9, annotation 19: 'q9'",
        "Next:  stagegap run   or   stagegap show",
    ]
    again = project("tools", "import", "tasks.json", "--from", "label-studio", "--stage", "topic=theme")
    assert again.out.startswith("0 labels are new (read as label-studio). 2 were there already.\n")


def test_several_files_come_in_at_once_with_who_answered(project: Command, tmp_path: Path) -> None:
    for n in (1, 2, 9):
        row = {"text": "x", "id": 77, "mail": f"q{n}", "label": ["parking"]}
        (tmp_path / f"d{n}.jsonl").write_text(json.dumps(row))
    options = ("--from", "doccano", "--stage", "topic=label", "--record-id", "mail", "--annotator", "ab", "--json")
    done = project("tools", "import", "d1.jsonl", "d2.jsonl", "d9.jsonl", *options)
    assert done.code == 0, done.error
    said = done.json
    assert (said["added"], said["known"], said["from"]) == (2, 0, "doccano")
    assert [(part["reason"], part["count"]) for part in said["unmapped"]] == [(LOST, 1)]
    own = project("tools", "import", "d1.jsonl", "--annotator", "ab", "--from", "mlflow")
    assert (own.code, "holds no labels of MLflow" in own.error) == (2, True)


def test_outputs_and_labels_go_out_to_other_programs(project: Command, tmp_path: Path) -> None:
    project("tools", "import", "tasks.json", "--stage", "topic=theme")
    project("run")
    said = project("tools", "export", "outputs.parquet", "--outputs", "--json").json
    assert (said["rows"] > 0, said["left"]) == (True, {})
    assert "outputs" in project("tools", "export", "outputs.jsonl", "--outputs").out
    rows = [json.loads(line) for line in (tmp_path / "outputs.jsonl").read_text().splitlines()]
    assert len(rows) == said["rows"]
    assert {row["score"] for row in rows if row["stage"] == "topic"} & {0.0, 1.0}
    assert "rows for label-studio" in project("tools", "export", "out.json", "--to", "label-studio").out
    before = project("tools", "import", "out.json", "--json").json
    assert (before["from"], before["unmapped"]) == ("label-studio", [])
    assert project("tools", "export", "spans.jsonl", "--to", "otlp", "--json").json["rows"] > 0
    assert project("tools", "export", "x.json", "--to", "nobody").code == 2


def test_import_tells_it_to_programs_too(project: Command) -> None:
    said = project("tools", "import", "tasks.json", "--stage", "topic=theme", "--record-id", "id", "--json")
    assert said.json == {
        "added": 2,
        "known": 0,
        "unvouched": 0,
        "from": "label-studio",
        "unmapped": [{"reason": LOST, "count": 1, "examples": ["task 9, annotation 19: 'q9'"]}],
    }


@pytest.mark.parametrize("words", ["topic", "=theme", "topic="])
def test_stage_option_without_two_names_is_refused(project: Command, words: str) -> None:
    said = project("tools", "import", "tasks.json", "--stage", words)
    assert said.code == 2
    assert said.error == (
        "--stage takes the stage and the question's name in the other program, as in --stage route=topic; "
        f"found {words!r}.\n"
    )


def test_labels_go_out_and_in_again(project: Command, tmp_path: Path) -> None:
    project("tools", "import", "tasks.json", "--stage", "topic=theme")
    said = project("tools", "export", "labels.csv")
    assert said.out.splitlines() == ["labels.csv  2 labels", "Next:  stagegap tools import labels.csv"]
    assert project("tools", "import", "labels.csv").out.startswith("0 labels are new. 2 were there already.\n")
    references = project("tools", "export", "references.csv", "--references")
    assert references.out.splitlines() == [
        "references.csv  2 accepted answers", "Next:  stagegap tools export references.csv",
    ]  # fmt: skip
    assert project("tools", "export", "labels.parquet", "--raw", "--json").json == {"path": "labels.parquet", "rows": 2}
    assert (tmp_path / "labels.parquet").read_bytes()[:4] == b"PAR1"
    assert project("tools", "export", "labels.xlsx").code == 2


def test_export_without_a_cascade_says_how_to_make_one(stagegap: Command) -> None:
    said = stagegap("tools", "export", "labels.csv")
    assert (said.code, said.error) == (2, "There is no cascade here. `stagegap init` makes one.\n")
