"""A project whose one stage is judged by machines with planted errors, and labelled blind on a random part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CASCADE = """\
cascade: replies
noun: question
records: {{path: questions.jsonl, id: id{more_records}}}
references: {{path: references.jsonl}}
{evaluate}stages:
  reply:
    uses: python
    with: {{function: "stages.py:reply"}}
    inputs: {{shown: record.shown, strict: record.strict, grade: record.grade}}
    output: {{type: label, values: [right, wrong]}}
    judge:
{judges}
outcome: {{score: reply.accuracy}}
"""
STRICT = """\
      strict:
        uses: python
        with: {function: "stages.py:strict"}
"""
GRADED = """\
      graded:
        uses: python
        with: {function: "stages.py:graded"}
        criterion: usefulness
        scale: [1, 5]
"""
CODE = """\
def reply(shown, strict, grade):
    return shown


def strict(shown, strict, grade, output):
    assert output == shown
    return strict


def graded(shown, strict, grade, output):
    return grade


def cheat(output, reference):
    return output == reference
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """How good the replies are, and how often the judge says so."""

    n: int = 240
    labelled: int = 120
    good: float = 0.7
    sensitivity: float = 0.9
    specificity: float = 0.85
    seed: int = 7
    clusters: int | None = None


def write_judged(
    folder: Path, planted: Planted | None = None, *, judges: str = STRICT + GRADED, split: bool = False
) -> Path:
    """Write the project and give the folder of its cascade; `split` puts every other record into the split `dev`."""
    planted = planted or Planted()
    rng = np.random.default_rng(planted.seed)
    home = folder / "pipelines" / "replies"
    home.mkdir(parents=True)
    records, references = [], []
    for place in range(planted.n):
        is_good = bool(rng.random() < planted.good)
        chance = planted.sensitivity if is_good else 1 - planted.specificity
        verdict = bool(rng.random() < chance)
        record = {
            "id": f"q{place:04d}",
            "shown": "right" if is_good else "wrong",
            "strict": verdict,
            "grade": int(rng.integers(3, 6) if verdict else rng.integers(1, 4)),
        }
        if split:
            record["split"] = "dev" if place % 2 else "test"
        if planted.clusters:
            record["customer"] = f"c{place % planted.clusters}"
        records.append(record)
        if place < planted.labelled:
            references.append({"record": record["id"], "stage": "reply", "annotator": "anna", "value": "right"})
    text = CASCADE.format(
        judges=judges.rstrip("\n"),
        more_records=(", split: split" if split else "") + (", cluster: customer" if planted.clusters else ""),
        evaluate="evaluate: test\n" if split else "",
    )
    (home / "cascade.yaml").write_text(text)
    (home / "stages.py").write_text(CODE)
    for name, rows in (("questions", records), ("references", references)):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return home
