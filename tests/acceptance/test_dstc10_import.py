"""The import of DSTC10 from the organisers' own layout, on invented dialogues; and the cascade's own functions."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PIPELINE = Path(__file__).parents[2] / "pipelines" / "dstc10"

KNOWLEDGE = {
    "hotel": {
        "1": {
            "name": "Sea View Hotel",
            "docs": {"0": {"title": "Are pets allowed?", "body": "No pets are allowed at Sea View Hotel."}},
        },
        "2": {
            "name": "Hill House - North",
            "docs": {"0": {"title": "Is there parking?", "body": "Yes, Hill House has parking."}},
        },
    },
    "taxi": {"*": {"docs": {"3": {"title": "Can I pay by card?", "body": "Yes, cards are accepted."}}}},
}
PETS = {"domain": "hotel", "entity_id": 1, "doc_id": 0}
PARKING = {"domain": "hotel", "entity_id": 2, "doc_id": 0}
NO = {"target": False}
LABELS = [{"target": True, "knowledge": [PETS], "response": "sorry no pets there"}, NO]
LOGS = [
    [
        {"speaker": "U", "text": "a hotel please", "nbest": []},
        {"speaker": "S", "text": "there is the sea view hotel or the hill house", "nbest": []},
        {"speaker": "U", "text": "do they take dogs at the sea view hotel", "nbest": []},
    ],
    [{"speaker": "U", "text": "hello", "nbest": []}],
]
RATED = {"accuracy": [5.0, 4.0, 3.0], "appropriateness": [4.0, 4.0, 4.0]}


def written(folder: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    entry = {"target": True, "knowledge": [PARKING, PETS, PARKING, PETS], "response": "Yes, there is parking."}
    written(
        folder / "task2",
        {
            "data/knowledge.json": KNOWLEDGE,
            "data/val/logs.json": LOGS,
            "data/val/labels.json": LABELS,
            "data/test/labels.json": LABELS,
            "results/teamB01/entry0.json": [entry, NO],
            "results/teamB01/entry0.metadata.json": {},
            "results/teamB01/entry0.human_eval.json": [RATED, None],
            "results/ref/ref.human_eval.json": [RATED, None],
        },
    )
    return folder


def run(*words: str) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, str(PIPELINE / "import_data.py"), *words]
    return subprocess.run(script, check=False, capture_output=True, text=True)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("start", ["", "task2"])
def test_a_checkout_of_the_organisers_repository_is_converted(checkout: Path, tmp_path: Path, start: str):
    target = tmp_path / "data"
    said = run(str(checkout / start), str(target))
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines() == [
        f"{target}/snippets.jsonl: 3 rows",
        f"{target}/recorded/records.jsonl: 2 rows",
        f"{target}/recorded/references.jsonl: 6 rows",
        f"{target}/recorded/ratings.jsonl: 12 rows",
        f"{target}/live/records.jsonl: 2 rows",
        f"{target}/live/references.jsonl: 6 rows",
        f"{target}/recorded/outputs: 1 systems",
        f"Next: DSTC10={target} stagegap run {PIPELINE}/live.yaml",
    ]
    assert rows(target / "recorded" / "records.jsonl")[1] == {"record": "d10-test-00001", "split": "test"}
    assert rows(target / "recorded" / "ratings.jsonl")[0] == {
        "system": "teamB01/entry0",
        "record": "d10-test-00000",
        "criterion": "accuracy",
        "rater": 0,
        "value": 5.0,
    }


def test_a_repeated_snippet_stays_where_it_was_recorded(checkout: Path, tmp_path: Path):
    run(str(checkout), str(tmp_path / "data"))
    outputs = rows(tmp_path / "data" / "recorded" / "outputs" / "teamB01-entry0.jsonl")
    assert [(row["record"][-1], row["stage"]) for row in outputs] == [
        ("0", "detect"),
        ("0", "select"),
        ("0", "draft"),
        ("1", "detect"),
    ]
    assert outputs[1]["value"] == ["hotel/2/0", "hotel/1/0", "hotel/2/0", "hotel/1/0"]


def test_no_answer_is_right_after_a_turn_that_needs_no_knowledge(checkout: Path, tmp_path: Path):
    run(str(checkout), str(tmp_path / "data"))
    found = {(row["record"][-1], row["stage"]): row for row in rows(tmp_path / "data" / "live" / "references.jsonl")}
    assert found["0", "select"]["value"] == ["hotel/1/0"]
    assert (found["0", "draft"]["value"], found["0", "draft"]["annotator"]) == ("sorry no pets there", "human")
    assert [found["1", stage]["value"] for stage in ("detect", "select", "draft")] == [False, None, None]


def test_a_live_record_holds_the_turn_what_was_said_before_and_the_place_named_last(checkout: Path, tmp_path: Path):
    run(str(checkout), str(tmp_path / "data"))
    first, second = rows(tmp_path / "data" / "live" / "records.jsonl")
    assert first["turn"] == "do they take dogs at the sea view hotel"
    assert first["before"] == ["U: a hotel please", "S: there is the sea view hotel or the hill house"]
    assert (first["place"], second["place"]) == ("Sea View Hotel", None)
    assert first["dialogue"] != second["dialogue"]


def test_what_is_wrong_is_one_sentence(checkout: Path, tmp_path: Path):
    elsewhere = run(str(tmp_path), str(tmp_path / "data"))
    assert elsewhere.returncode == 2
    assert elsewhere.stderr.startswith(f"{tmp_path} is neither a checkout of the organisers' repository")
    (checkout / "task2" / "data" / "knowledge.json").unlink()
    missing = run(str(checkout), str(tmp_path / "data"))
    assert missing.stderr.strip().endswith("knowledge.json is not there, and the import needs it.")
    assert run().returncode == 2
    assert not (tmp_path / "data").exists()


@pytest.fixture(scope="module")
def stages() -> ModuleType:
    made = importlib.util.spec_from_file_location("dstc10_stages", PIPELINE / "stages.py")
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    made.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("turn", "needs_knowledge"),
    [
        ("great do they take dogs", True),
        ("what is the noise level there", True),
        ("can you give me the zip code", False),  # a field of the database
        ("book a table for two please", False),  # an action of the database
        ("thank you", False),  # asks nothing
    ],
)
def test_the_rule_keeps_what_the_database_answers_from_the_knowledge_base(
    stages: ModuleType, turn: str, needs_knowledge: bool
):
    assert stages.detect(turn) is needs_knowledge


def test_a_draft_says_the_first_snippet_or_that_there_is_none(stages: ModuleType):
    assert stages.draft("dogs?", [{"text": "No Dogs."}, {"text": "Yes."}]) == "let me check that for you. no dogs."
    assert stages.draft("dogs?", None) == stages.draft("dogs?", []) == "i'm sorry i can't find that"


@pytest.mark.parametrize(
    ("reply", "person", "share"),
    [
        ("Yes, they accept Apple Pay.", "ok so it says that they accept apple pay", 1.0),
        ("Yes, they accept cards.", "yes they accept apple pay", 1 / 3),
        ("No, Apple Pay is not accepted.", "yes they accept apple pay", 0.0),  # the opposite
        ("Yes.", "yes they do", 1.0),  # nothing but yes was asked for
    ],
)
def test_a_reply_is_measured_by_the_content_words_of_a_persons_reply(
    stages: ModuleType, reply: str, person: str, share: float
):
    assert stages.said(reply, person) == pytest.approx(share)
