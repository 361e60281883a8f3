"""Read DSTC10 track 2 task 2, as the organisers publish it or as tables, into one form."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagegap.errors import ConfigurationError
from stagegap.exchange.rows import read_rows

Row = Mapping[str, Any]
CRITERIA = ("accuracy", "appropriateness")
HUMAN = "human_reference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """All that the import takes over."""

    turns: Sequence[Row]
    """record, split (val, test), dialogue: list of speaker and text, or None where it is not published."""
    references: Sequence[Row]
    """record, stage, annotator, value; select and draft only where detect is true."""
    outputs: Mapping[str, Sequence[Row]]
    """System -> record, stage, value; select and draft only where the system's own detect is true."""
    ratings: Sequence[Row]
    """system, record, criterion, rater (a slot from 0, not one person), value from 1 to 5."""
    snippets: Sequence[Row]
    """snippet, domain, entity, title, body."""


def read_published(source: Path) -> Published:
    """Read a folder: a checkout of the organisers' repository, its `task2`, or a folder of tables.

    Raises: ConfigurationError when it is none of them, InputError for a file that can't be read.
    """
    for folder in (source, source / "task2"):
        if (folder / "results").is_dir() and (folder / "data").is_dir():
            return _repository(folder)
    if (source / "outputs.parquet").is_file():
        return _tables(source)
    raise ConfigurationError(
        f"{source} is neither a checkout of the organisers' repository (task2/data, task2/results) nor a folder with "
        "outputs.parquet."
    )


def published_scores(source: Path) -> dict[str, dict[str, float]]:
    """The organisers' own scores of each system by the name of their column."""
    paths = (source / "published_scores.csv", source / "results" / "scores.csv", source / "task2/results/scores.csv")
    with next(path for path in paths if path.exists()).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name not in ("team_id", "entry_id")]
    return {f"team{row['team_id']}/entry{row['entry_id']}": {name: float(row[name]) for name in names} for row in rows}


def _tables(folder: Path) -> Published:
    outputs: dict[str, list[Row]] = {}
    for row in _rows(folder / "outputs.parquet"):
        taken = {"record": row["record_id"], "stage": row["stage"], "value": json.loads(row["value"])}
        outputs.setdefault(row["system_id"], []).append(taken)
    return Published(
        turns=[
            {"record": row["record_id"], "split": row["split"], "dialogue": row["dialogue"]}
            for row in _rows(folder / "records.jsonl.gz")
        ],
        references=[
            {
                "record": row["record_id"],
                "stage": row["stage"],
                "annotator": row["annotator"],
                "value": json.loads(row["value"]),
            }
            for row in _rows(folder / "references.parquet")
        ],
        outputs=outputs,
        ratings=[
            {
                "system": row["system_id"],
                "record": row["record_id"],
                "criterion": row["criterion"],
                "rater": row["rater_slot"],
                "value": row["value"],
            }
            for row in _rows(folder / "ratings.parquet")
        ],
        snippets=[
            {
                "snippet": row["snippet_id"],
                "domain": row["domain"],
                "entity": row["entity"] or "",
                "title": row["title"],
                "body": row["body"],
            }
            for row in _rows(folder / "knowledge.jsonl.gz")
        ],
    )


def _rows(path: Path) -> list[Row]:
    return [row.values for row in read_rows(path)]


def _repository(folder: Path) -> Published:
    """Read the JSON files of the organisers: lists in the order of the turns, which gives the turns their ids."""
    turns: list[Row] = []
    references: list[Row] = []
    for split in ("val", "test"):
        labels = _json(folder / "data" / split / "labels.json")
        logs = folder / "data" / split / "logs.json"
        dialogues = _json(logs) if logs.exists() else [None] * len(labels)
        for number, (dialogue, label) in enumerate(zip(dialogues, labels, strict=True)):
            record = f"d10-{split}-{number:05d}"
            # Only the validation turns run live; of the test turns the recorded outputs and the labels are needed.
            kept = dialogue and [{"speaker": turn["speaker"], "text": turn["text"]} for turn in dialogue]
            turns.append({"record": record, "split": split, "dialogue": kept if split == "val" else None})
            references += [
                {**row, "annotator": "human" if row["stage"] == "draft" else "gold"} for row in _answers(record, label)
            ]
    systems = {
        f"{path.parent.name}/{path.stem}": path
        for path in sorted((folder / "results").glob("team*/entry*.json"))
        if "." not in path.stem
    }
    rated = {name: path.with_suffix(".human_eval.json") for name, path in systems.items()}
    rated[HUMAN] = folder / "results" / "ref" / "ref.human_eval.json"
    return Published(
        turns=turns,
        references=references,
        outputs={
            name: [row for n, label in enumerate(_json(path)) for row in _answers(f"d10-test-{n:05d}", label)]
            for name, path in systems.items()
        },
        ratings=[row for name, path in rated.items() if path.exists() for row in _ratings(name, _json(path))],
        snippets=list(_snippets(_json(folder / "data" / "knowledge.json"))),
    )


def _json(path: Path) -> Any:
    if not path.is_file():
        raise ConfigurationError(f"{path} is not there, and the import needs it.")
    return json.loads(path.read_text(encoding="utf-8"))


def _answers(record: str, label: Row) -> Iterator[Row]:
    yield {"record": record, "stage": "detect", "value": label["target"]}
    if label["target"]:
        ids = [f"{k['domain']}/{k['entity_id']}/{k['doc_id']}" for k in label["knowledge"]]
        yield {"record": record, "stage": "select", "value": ids}
        yield {"record": record, "stage": "draft", "value": label["response"]}


def _ratings(system: str, rated: Sequence[Row | None]) -> Iterator[Row]:
    for number, found in enumerate(rated):
        for criterion in CRITERIA if found else ():
            for rater, value in enumerate(found[criterion]):
                record = f"d10-test-{number:05d}"
                yield {"system": system, "record": record, "criterion": criterion, "rater": rater, "value": value}


def _snippets(knowledge: Row) -> Iterator[Row]:
    for domain, entities in knowledge.items():
        for entity, content in entities.items():
            for number, document in content["docs"].items():
                yield {
                    "snippet": f"{domain}/{entity}/{number}",
                    "domain": domain,
                    "entity": content.get("name") or "",
                    "title": document["title"],
                    "body": document["body"],
                }
