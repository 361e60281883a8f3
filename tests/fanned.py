"""A project whose answers are taken apart into claims: what a run, the label card and the views are tried on."""

from __future__ import annotations

import json
from pathlib import Path

CASCADE = """\
cascade: answers
noun: answer
records: {path: answers.jsonl}
references: {path: references.jsonl}
stages:
  split:
    uses: python
    with: {function: "stages.py:split"}
    inputs: {text: record.text}
    output: {type: list}
  check:
    uses: python
    with: {function: "stages.py:check"}
    each: split
    align: value
    inputs: {claim: split}
    output: {type: boolean}
    ask: Is this claim true?
  right:
    uses: join
    with: {by: all}
    inputs: {claims: check}
    output: {type: boolean}
outcome: {score: right.accuracy, good: ">= 1"}
"""
STAGES = """\
def split(text):
    return [claim for claim in text.split("; ") if "lost" not in claim]


def check(claim):
    return "true" in claim or "odd" in claim
"""
KINDS = ("true", "false", "false odd", "true lost")


def claims_of(number: int) -> list[str]:
    """The claims of an answer: two to four, of which some are overlooked and some taken for true."""
    return [f"{KINDS[(number * 7 + place * place) % 4]} {number}-{place}" for place in range(2 + number % 3)]


def write_answers(folder: Path, *, answers: int = 24) -> Path:
    """The files of the project, with a reference for everything."""
    place = folder / "pipelines" / "answers"
    place.mkdir(parents=True)
    (place / "cascade.yaml").write_text(CASCADE)
    (place / "stages.py").write_text(STAGES)
    records: list[dict[str, object]] = []
    labels: list[dict[str, object]] = []
    for number in range(answers):
        record, claims = f"a{number}", claims_of(number)
        records.append({"id": record, "text": "; ".join(claims)})
        rows: list[dict[str, object]] = [{"stage": "split", "value": claims}]
        rows += [{"unit": claim, "stage": "check", "value": "true" in claim} for claim in claims]
        rows += [{"stage": "right", "value": all("true" in claim for claim in claims)}]
        labels += [{"record": record, "annotator": "ann", **row} for row in rows]
    for name, lines in (("answers", records), ("references", labels)):
        (place / f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return place
