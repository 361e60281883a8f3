"""Turn the data of DSTC10 track 2 task 2 into records, corpus, references and recorded outputs: see docs/dstc10.md.

python pipelines/dstc10/import_data.py SOURCE TARGET
"""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from published import Published, Row, read_published

from stagegap.errors import ConfigurationError
from stagegap.metrics.formulas import folded

FIRST = 5
"""Snippets of a recorded ranking that are taken over: the organisers score no further."""
TRAIN_THIRD = 3
"""One dialogue in so many belongs to the split `train`, by a hash of its first turn."""


def convert(source: Path, target: Path) -> dict[str, int]:
    """Write all files of `target` and say how many rows each has; `source` is only read."""
    found = read_published(source)
    test = [row["record"] for row in found.turns if row["split"] == "test"]
    wanted = set(test)
    written = {
        "snippets.jsonl": found.snippets,
        "recorded/records.jsonl": [{"record": record, "split": "test"} for record in test],
        "recorded/references.jsonl": _references(found, lambda record: record in wanted),
        "recorded/ratings.jsonl": found.ratings,
        "live/records.jsonl": _live(found),
        "live/references.jsonl": _references(found, lambda record: record not in wanted),
    }
    for system, outputs in found.outputs.items():
        written[f"recorded/outputs/{system.replace('/', '-')}.jsonl"] = [_output(row) for row in outputs]
    for name, rows in written.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
    return {name: len(rows) for name, rows in written.items()}


def _references(found: Published, is_wanted: Callable[[str], bool]) -> list[Row]:
    """The references, and "no answer is right" at the later stages of turns that need no knowledge."""
    rows: list[Row] = []
    for row in found.references:
        if is_wanted(row["record"]):
            rows.append(row)
            if row["stage"] == "detect" and row["value"] is False:
                rows += [{**row, "stage": stage, "value": None} for stage in ("select", "draft")]
    return rows


def _output(row: Row) -> Row:
    """Keep the first five snippets, as they were recorded: a repeat holds its place, as the organisers count it."""
    return {**row, "value": row["value"][:FIRST]} if row["stage"] == "select" else row


def _live(found: Published) -> list[Row]:
    """The turns that have a dialogue; turns of one dialogue share its first turn and form a cluster."""
    places = _places(found.snippets)
    rows: list[Row] = []
    for row in found.turns:
        dialogue = row["dialogue"]
        if dialogue:
            first = hashlib.sha256(dialogue[0]["text"].encode()).hexdigest()[:12]
            rows.append(
                {
                    "record": row["record"],
                    "dialogue": first,
                    "split": "train" if int(first, 16) % TRAIN_THIRD == 0 else "test",
                    "length": "early" if len(dialogue) <= 5 else "middle" if len(dialogue) <= 11 else "late",
                    "turn": dialogue[-1]["text"],
                    "before": [f"{turn['speaker']}: {turn['text']}" for turn in dialogue[:-1]],
                    "place": last_named(places, [turn["text"] for turn in dialogue]),
                }
            )
    return rows


def last_named(places: Mapping[str, str], turns: Sequence[str]) -> str | None:
    """The place whose name is said last, and of those that end at the same word the longest name."""
    for turn in reversed(turns):
        words = f" {folded(turn)} "
        said = [(words.rfind(f" {name} ") + len(name), len(name), place) for name, place in places.items()]
        named = [one for one in said if one[0] >= one[1]]
        if named:
            return max(named)[2]
    return None


def _places(snippets: Sequence[Row]) -> dict[str, str]:
    """The places of the knowledge base by each form of their name, folded, that people may say."""
    named: dict[str, str] = {}
    for place in dict.fromkeys(row["entity"] for row in snippets if row["entity"]):
        whole = folded(place)
        short = folded(re.split(r" - |\(|,", place)[0])
        bare = re.sub(r"( (hotel|restaurant|cafe|bar|san francisco))+$", "", re.sub(r"^the ", "", short))
        for form in (whole, short, bare if " " in bare else short):
            named.setdefault(form, place)
    return named


def main() -> int:
    """Convert the folder of the first argument into the folder of the second."""
    if len(sys.argv) != 3:
        sys.stderr.write(f"Usage: python {sys.argv[0]} SOURCE TARGET\n")
        return 2
    source, target = map(Path, sys.argv[1:])
    try:
        written = convert(source, target)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    for name, count in written.items():
        if not name.startswith("recorded/outputs/"):
            sys.stdout.write(f"{target / name}: {count:,} rows\n")
    systems = sum(name.startswith("recorded/outputs/") for name in written)
    sys.stdout.write(f"{target / 'recorded/outputs'}: {systems} systems\n")
    sys.stdout.write(f"Next: DSTC10={target} stagegap run {Path(__file__).parent / 'live.yaml'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
