"""Sixty projects, most with a planted fault, worked through by a scripted agent that has the tools of `stagegap mcp`.

The agent does what the skill says: it reads the verdict; where no stage may be named it asks how many more labels would
name one, people give so many, and it reads again. It answers with a stage only where `may_be_said` names one.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

import stagegap
from stagegap.library.agent import Agent

STAGES = ("route", "retrieve", "draft")
CASCADE = """cascade: planted
records: {{path: records.jsonl, id: id}}
references: {{path: references.jsonl}}
stages:
{stages}outcome: {{score: draft.accuracy}}
"""
CODE = """import random
SKILLS = {skills}


def answer(stage, number, before):
    luck = random.Random(f"{seed} {{stage}} {{number}}").random()
    return before if luck < SKILLS[stage] else "wrong"


def route(number):
    return answer("route", number, "right")


def retrieve(number, before):
    return answer("retrieve", number, before)


def draft(number, before):
    return answer("draft", number, before)
"""
FIRST, MOST = 80, 3_000
"""Records with references at the beginning, and at the end at most."""


def write_project(folder: Path, skills: dict[str, float], seed: int) -> Path:
    made = folder / "pipelines" / "planted"
    made.mkdir(parents=True)
    stages, before = "", ""
    for stage in STAGES:
        stages += (
            f"  {stage}:\n    uses: python\n    with: {{function: 'stages.py:{stage}'}}\n"
            f"    inputs: {{number: record.number{before}}}\n    output: {{type: label, values: [right, wrong]}}\n"
        )
        before = f", before: {stage}"
    (made / "cascade.yaml").write_text(CASCADE.format(stages=stages))
    (made / "stages.py").write_text(CODE.format(skills=skills, seed=seed))
    rows = ({"id": f"r{number:04d}", "number": number} for number in range(MOST))
    (made / "records.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return made


def give_labels(made: Path, count: int) -> None:
    """People say what is right at each stage of the first so many records."""
    rows = (
        {"record": f"r{number:04d}", "stage": stage, "annotator": "ab", "value": "right"}
        for number in range(count)
        for stage in STAGES
    )
    (made / "references.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def skills(worst: str, lead: float) -> dict[str, float]:
    """Skills by which references win 8 points at each stage, and `lead` points more at the worst."""
    gains = {stage: 0.08 + (lead if stage == worst else 0.0) for stage in STAGES}
    outcome, by_stage = 1.0, dict[str, float]()
    for stage in reversed(STAGES):
        by_stage[stage] = (outcome - gains[stage]) / outcome
        outcome -= gains[stage]
    return by_stage


def named(agent: Agent, made: Path) -> tuple[str, int]:
    """The stage that the scripted agent names, empty for none, and how many records people answered for it."""
    labelled = FIRST
    give_labels(made, labelled)
    verdict = agent.answered(agent.run)("100000 calls")
    while True:
        assert isinstance(verdict, dict)
        if match := re.fullmatch(r"(\w+) holds this system back\.", str(verdict["may_be_said"])):
            return match[1].lower(), labelled
        need = agent.answered(agent.show)("need")
        assert isinstance(need, dict)
        advised = re.search(r"([\d,]+) records in all name the worst stage in 95% of cases", str(need["may_be_said"]))
        budget = min(int(advised[1].replace(",", "")), MOST) if advised else labelled
        if budget <= labelled:
            return "", labelled
        give_labels(made, labelled := budget)
        verdict = agent.answered(agent.run)("100000 calls")


@pytest.mark.slow
def test_the_right_stage_is_named_at_the_advised_budget_and_none_where_all_are_equal(tmp_path: Path) -> None:
    draw = random.Random(19)
    faults = [(stage, draw.uniform(0.05, 0.2)) for _ in range(16) for stage in STAGES]
    planted = [*faults, *[("", 0.0)] * 12]
    answers: list[tuple[str, float, str, int]] = []
    for seed, (worst, lead) in enumerate(planted):
        made = write_project(tmp_path / str(seed), skills(worst, lead), seed)
        with stagegap.open(tmp_path / str(seed)) as project:
            answers.append((worst, lead, *named(Agent(project), made)))
    with_fault = [(worst, stage) for worst, _, stage, _ in answers if worst]
    right = sum(worst == stage for worst, stage in with_fault)
    assert right >= 0.95 * len(with_fault), answers
    assert not [stage for worst, _, stage, _ in answers if not worst and stage], answers
