"""Outcomes beside the headline: a stage that nobody reads has a ceiling of its own, and changes nothing at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sixty import TOPICS, write_sixty
from stagegap import registry
from stagegap.analysis.views import Scorecard
from stagegap.errors import SpecError
from stagegap.workspace import Workspace

URGENT = """
  urgent:
    uses: python
    with: {function: "stages.py:urgent"}
    inputs: {topic: topic}
    output: {type: label, values: ["yes", "no"]}
"""


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scorecard, Scorecard]:
    """Of sixty questions whose topic is wrong for parking, without and with a stage that nobody reads."""
    folder = tmp_path_factory.mktemp("outcomes")
    made = write_sixty(folder)
    code = (
        (made / "stages.py").read_text().replace('return "parking" if "park" in words else "other"', 'return "other"')
    )
    code += '\n\ndef urgent(topic: str) -> str:\n    """Say whether somebody waits."""\n'
    (made / "stages.py").write_text(f'{code}    return "yes" if topic == "parking" else "no"\n')
    with Workspace.open(made) as opened:
        opened.runs.new(None)
        cascade = (made / "cascade.yaml").read_text()
        (made / "cascade.yaml").write_text(cascade.replace("\noutcome:", f"{URGENT}\noutcome:"))
        with (made / "references.jsonl").open("a") as file:
            for i in range(60):
                value = "yes" if TOPICS[i % 3] == "parking" else "no"
                row = {"record": f"q{i:02d}", "stage": "urgent", "annotator": "ab", "value": value}
                file.write(json.dumps(row) + "\n")
        opened.runs.new(None)
        before, after = (opened.runs.scorecard("first", name) for name in ("v1", "v2"))
    assert before is not None
    assert after is not None
    return before, after


def test_stage_that_nobody_reads_has_an_outcome_with_its_own_ceiling(cards: tuple[Scorecard, Scorecard]) -> None:
    before, after = cards
    assert before.others == ()
    [other] = after.others
    assert other.outcome_name == "mean urgent.accuracy"
    assert (other.system.value, other.ceiling.value) == (pytest.approx(40 / 60), 1.0)
    assert (other.most, other.gain.value) == ("topic", pytest.approx(20 / 60))


def test_headline_is_what_it_was(cards: tuple[Scorecard, Scorecard]) -> None:
    before, after = cards
    assert (after.outcome_name, after.verdict.stage) == (before.outcome_name, before.verdict.stage)
    assert (after.system.value, after.ceiling.value) == (before.system.value, before.ceiling.value)
    urgent = after.stages[-1]
    assert (urgent.stage, urgent.gain.value, urgent.first_faults) == ("urgent", 0.0, 0)
    assert after.stages[0].gain.value == before.stages[0].gain.value
    assert after.with_first_fault == before.with_first_fault


def test_other_outcomes_stand_beside_the_headline_on_every_screen(cards: tuple[Scorecard, Scorecard]) -> None:
    before, after = cards
    drawn, plain = (
        [table.columns[0].name for table in registry.view("gap").sheet(card).tables if table.is_visible]
        for card in (after, before)
    )
    assert "Other outcome" in drawn
    assert "Other outcome" not in plain


def test_spoilt_name_is_a_sentence(tmp_path: Path) -> None:
    made = write_sixty(tmp_path)
    with (made / "cascade.yaml").open("a") as file:
        file.write("outcomes: [{score: topic.acuracy}]\n")
    with Workspace.open(made) as opened, pytest.raises(SpecError, match="'acuracy' is no score of the stage 'topic'"):
        opened.runs.plan(None)
