"""Oddities of real data with human marks: masked faults, impossible percentages, raters that hardly agree.

The data lies outside the repository; without it these tests are skipped. Nothing of it is written but to a temporary
folder.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from stagegap.exchange.spans.files import import_traces
from stagegap.oddities.tables import PrintedScore, is_possible
from stagegap.workspace import Workspace
from stagegap.workspace.oddities import rated

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MISTAKES, AGENTS, DSTC = (DATA / name for name in ("bigbench-mistake", "who-and-when", "dstc10-track2-task2"))


def needs(folder: Path) -> None:
    if not folder.is_dir():
        pytest.skip(f"the data are not at {folder}")


def rows(folder: Path) -> list[dict]:
    needs(folder)
    with gzip.open(folder / "traces.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def project(tmp_path: Path, made: list[dict]) -> Workspace:
    source = tmp_path / "traces.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    imported = import_traces([source], tmp_path, name="t")
    assert imported.traces == imported.first_faults == len(made)
    opened = Workspace.open(tmp_path)
    opened.runs.new(imported.cascade)
    return opened


@pytest.mark.parametrize(
    ("task", "masked", "right"),
    [
        ("logical_deduction", 39, 45),
        pytest.param("word_sorting", 15, 45, marks=pytest.mark.slow),  # these two repeat the kind
        pytest.param("dyck_languages", 147, 482, marks=pytest.mark.slow),
    ],
)
def test_masked_faults_of_chains_of_thought_are_found(tmp_path: Path, task: str, masked: int, right: int) -> None:
    """So many right answers contain a step that people marked as wrong, as the data's own notes count them."""
    chosen = [row for row in rows(MISTAKES) if row["task"] == task]
    with project(tmp_path, chosen) as opened:
        view = opened.oddities.screen("t")
    card = next(card for card in view.cards if card.detector == "masked")
    assert (card.stage, card.count, card.n) == ("answer", masked, right)
    assert card.q < 0.05


@pytest.mark.slow  # the task with many is in the gate
def test_task_with_hardly_a_masked_fault_shows_none(tmp_path: Path) -> None:
    chosen = [row for row in rows(MISTAKES) if row["task"] == "multistep_arithmetic"]
    with project(tmp_path, chosen) as opened:
        view = opened.oddities.screen("t")
    assert not [card for card in view.cards if card.detector == "masked"]


def test_failed_traces_of_agents_are_taken_in_with_their_first_fault(tmp_path: Path) -> None:
    with project(tmp_path, rows(AGENTS)) as opened:
        card = opened.runs.scorecard("t")
        assert card is not None
        in_place = {stage.stage: stage for stage in card.stages}
        assert (card.n_records, in_place["answer"].in_place.value) == (184, 0.0)
        assert in_place["all_steps"].first_faults == 184
        view = opened.oddities.screen("t")
    assert not [card for card in view.cards if card.detector == "masked"]  # every trace failed


def test_hazards_of_the_agents_are_those_of_the_published_data(tmp_path: Path) -> None:
    """33 of 179 attempts of WebSurfer against 18 of 675 of Orchestrator, though 33 : 18 as counts."""
    crafted = [row for row in rows(AGENTS) if row["system_kind"] == "hand-crafted"]
    with project(tmp_path, crafted) as opened:
        view = opened.runs.attribution("t").attempts(tmp_path / "data/t/first_faults.jsonl")
    roles = {group.name: (group.faults, group.at_risk) for group in view.groups if group.kind == "role"}
    assert (view.n, view.faulty, view.other_role) == (58, 58, 3)
    assert roles["WebSurfer"] == (33, 179)
    assert roles["Orchestrator"] == (18, 675)
    assert (view.hazard.value or 0) == pytest.approx(58 / sum(at_risk for _, at_risk in roles.values()))
    assert view.recovered.value == 0


def test_impossible_percentage_of_the_agents_paper_is_found() -> None:
    """126 traces in one run: 12.50% is no share of them; the two baselines in each other's place are possible."""
    traces = rows(AGENTS)
    n = sum(row["system_kind"] == "algorithm-generated" for row in traces)
    assert n == 126
    assert not is_possible(PrintedScore(name="step", printed="12.50%", n=n))
    assert is_possible(PrintedScore(name="agent", printed="53.17%", n=n))


@pytest.mark.xdist_group("dstc10")
@pytest.mark.skipif(not DSTC.is_dir(), reason=f"the data are not at {DSTC}")
def test_weak_agreement_of_raters_is_reported_before_any_gap(dialogues: Path) -> None:
    view = rated(next(dialogues.rglob("ratings.*")))
    assert [card.subject for card in view.cards] == ["accuracy", "appropriateness"]
    assert all(card.statistic.high < 0.2 for card in view.cards)
    assert "A gap measured with these labels is mostly noise." in view.cards[0].sentence
