"""How each registered view is asked of a project in a notebook: one list for all tests that draw every view."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stagegap.library import Project, Shown
from stagegap.library.project import shown_as


def read_some(project: Project) -> Shown[Any]:
    """The view of codes, after somebody has read two more records that fail at the first stage."""
    readings, cascade = project.workspace.readings, project.cascade
    sitting = readings.sitting(cascade, None, "reader", ahead=2)
    for item in sitting.items:
        own = {"record": item.record, "stage": sitting.stages[0]}
        code = {"id": f"code {item.record}", "what": "code", "action": "add", "tag": "two topics", **own}
        read = {"id": f"read {item.record}", "what": "reading", "action": "read", "verdict": "fail", **own}
        readings.save(cascade, None, [code, read], "reader")
    return project.codes()


VIEWS_OF_A_PROJECT: dict[str, Callable[[Project], Shown[Any]]] = {
    "gap": lambda project: project.gap(),
    "blame": lambda project: project.blame(),
    "faults": lambda project: project.faults(),
    "units": lambda project: project.units(),
    "slices": lambda project: project.slices(),
    "codes": read_some,
    "agree": lambda project: project.agree(),
    "people": lambda project: project.people(),
    "need": lambda project: project.need(),
    "answers": lambda project: project.answers("topic"),
    "groups": lambda project: project.groups(),
    "runs": lambda project: project.runs(),
    "oddities": lambda project: project.oddities(),
    "swaps": lambda project: project.swaps(),
    "compare": lambda project: project.compare("v1", "v2"),
    "changed": lambda project: project.changed("v1", "v2"),
    "cheaper": lambda project: project.cheaper("v2", base="v1"),
    "aim": lambda project: project.aim("v1"),
    "compared_runs": lambda project: project.compared_runs(),
    "ledger": lambda project: project.ledger(),
    "expected": lambda project: project.expect("again", reply=1),
    "reproduce": lambda project: project.reproduce("v1"),
    "check": lambda project: project.check("v2", against="v1"),
    "selfcheck": lambda project: project.selfcheck(records=20),
}


def _attempts(project: Project) -> Shown[Any]:
    """First wrong attempts of six traces of two agents, in a cascade of its own beside the mails."""
    folder = project.workspace.folder
    said = [{"role": "user", "content": "Find it"}, {"role": "Boss", "content": "go"}]
    rows = [
        {
            "id": f"t{n}",
            "history": [*said, *({"role": "Web", "content": f"page {n % 2}"} for _ in range(n))],
            "mistake_step": 2 if n % 3 == 0 else 1 if n % 3 == 1 else None,
            "is_correct": n % 2 == 0,
        }
        for n in range(1, 7)
    ]
    (folder / "agents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    runs = project.workspace.runs
    runs.new(runs.import_traces([folder / "agents.jsonl"]).cascade)
    return shown_as("attempts", runs.attribution("agents").attempts(folder / "data/agents/first_faults.jsonl"))


def _watched(project: Project) -> Shown[Any]:
    """One new mail that everybody is asked about, and one old one that is asked again."""
    incoming = project.workspace.folder / "incoming"
    incoming.mkdir(exist_ok=True)
    (incoming / "monday.jsonl").write_text(json.dumps({"id": "new", "text": "40"}))
    return project.watch(incoming, share=1.0, again=1)


ELSEWHERE: dict[str, Callable[[Project], Shown[Any]]] = {
    "attempts": _attempts,
    "escalation": lambda project: project.escalation(),
    "judges": lambda project: project.judges(),
    "verdicts": lambda project: project.verdicts(),
    "watch": _watched,
    "marks": lambda project: project.marks(project.workspace.folder / "pipelines" / "marks.jsonl"),
    "ratings": lambda project: project.ratings(
        project.workspace.folder / "pipelines" / "ratings.jsonl", system="mails", person="whole"
    ),
    "overnight": lambda project: project.overnight(project.workspace.folder / "pipelines" / "night.yaml"),
}
"""Views that need a cheap stage beside a careful one, ratings, marks and a matrix: `write_mails` makes them."""
NIGHT = """\
matrix:
  base: cascade.yaml
  variants:
    plain:
    one: {stages: {answer: {batch: 1}}}
"""
CASCADE = """
cascade: mails
records: {path: mails.jsonl}
references: {path: labels.jsonl}
human_baseline: {population: "language model", kinds: {first: [ann]}}
stages:
  quick:
    uses: python
    with: {function: "stages.py:quick"}
    inputs: {text: record.text}
    output: {type: label, values: ["yes", "no"]}
  careful:
    uses: python
    with: {function: "stages.py:careful"}
    inputs: {text: record.text}
    when: confidence.quick < 0.5
    output: {type: label, values: ["yes", "no"]}
  answer:
    uses: python
    with: {function: "stages.py:chosen"}
    inputs: {first: quick, second: careful}
    output: {type: label, values: ["yes", "no"]}
    judge:
      strict: {uses: python, with: {function: "stages.py:strict"}, sees: [output], repeats: 2}
outcome: {score: answer.accuracy}
"""
STAGES = """
import stagegap

def quick(text):
    number = int(text)
    return stagegap.Answered("yes" if number % 3 else "no", confidence=(number % 10) / 10)

def careful(text):
    return "yes"

def chosen(first, second):
    return first if second is None else second

def strict(output):
    return output == "yes"
"""


def write_mails(folder: Path) -> None:
    """Forty mails whose right answer is yes; a cheap stage is unsure of half of them."""
    folder.mkdir()
    (folder / "cascade.yaml").write_text(CASCADE)
    (folder / "stages.py").write_text(STAGES)
    (folder / "night.yaml").write_text(NIGHT)
    (folder / "mails.jsonl").write_text("".join(json.dumps({"id": f"m{n}", "text": str(n)}) + "\n" for n in range(40)))
    ratings = (
        {"system": system, "record": f"m{n}", "criterion": "help", "rater": rater, "value": 1 + (n + shift) % 5}
        for system in ("mails", "whole")
        for n in range(30)
        for rater, shift in (("ann", 0), ("bob", n % 2))
    )
    marks = (
        {"record": f"m{n}", "annotator": who, "faults": ["quick"] if n % 3 == 0 else [], "root_cause": "quick"}
        for n in range(12)
        for who in ("ann", "bob")
    )
    (folder / "marks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in marks))
    (folder / "ratings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ratings))
    rows = (
        {"record": f"m{n}", "stage": stage, "annotator": "ann", "value": "yes"}
        for n in range(40)
        for stage in ("quick", "careful", "answer")
    )
    (folder / "labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
