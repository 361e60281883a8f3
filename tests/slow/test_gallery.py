"""Every figure of docs/gallery.md, computed from the published data; skipped where those are not beside the project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from acceptance.test_oddities import AGENTS, MISTAKES, project, rows
from oracles.sameness import DATA, ROOT, needs
from oracles.test_live_cascades import write_requests
from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate
from stagegap.tables.figures import Unit, figure
from stagegap.workspace import Workspace

pytestmark = pytest.mark.slow
PAGE = ROOT / "docs" / "gallery.md"


def say(*figures: tuple[str, Estimate, Unit]) -> list[str]:
    """Figures that are not on the page, as they would stand in its tables."""
    lines = [f"| {what} | {figure(estimate, unit)} | {estimate.n:,} |" for what, estimate, unit in figures]
    return [line for line in lines if line not in PAGE.read_text("utf-8")]


def scorecard(folder: Path, file: str, **environment: str) -> Scorecard:
    with Workspace(folder, environment=environment, clock=lambda: 0.0) as workspace:
        run, _ = workspace.runs.new(folder / file)
        card = workspace.runs.scorecard(run.cascade)
    assert card is not None
    return card


def of_stages(card: Scorecard) -> list[str]:
    gains = ((f"{row.stage}: gain at the end", row.gain, Unit.POINTS) for row in card.stages)
    assert card.verdict.headline in PAGE.read_text("utf-8"), card.verdict.headline
    return say(("system at the end", card.system, Unit.SHARE), *gains)


@needs("dstc10-track2-task2")
def test_spoken_requests(dialogues: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pipelines" / "dstc10", tmp_path / "pipelines")
    assert of_stages(scorecard(tmp_path, "pipelines/live.yaml", DSTC10=str(dialogues))) == []


@needs("clinc150")
def test_requests_of_a_hundred_and_fifty_intents(tmp_path: Path) -> None:
    write_requests(tmp_path)
    assert of_stages(scorecard(tmp_path, "cascade.yaml")) == []


def test_first_wrong_steps_of_agents(tmp_path: Path) -> None:
    crafted = [row for row in rows(AGENTS) if row["system_kind"] == "hand-crafted"]
    with project(tmp_path, crafted) as opened:
        view = opened.runs.attribution("t").attempts(tmp_path / "data/t/first_faults.jsonl")
    roles = {group.name: group.hazard for group in view.groups if group.kind == "role"}
    assert say(*((f"next attempt of {name} is the first wrong one", roles[name], Unit.SHARE) for name in ROLES)) == []


ROLES = ("WebSurfer", "Orchestrator")


@pytest.mark.parametrize("task", ["logical_deduction", "dyck_languages"])
def test_right_answers_from_wrong_steps(tmp_path: Path, task: str) -> None:
    with project(tmp_path, [row for row in rows(MISTAKES) if row["task"] == task]) as opened:
        view = opened.oddities.screen("t")
    card = next(card for card in view.cards if card.detector == "masked")
    assert say((f"{task}: right answers with a step that people marked as wrong", card.statistic, Unit.SHARE)) == []


def test_the_data_that_the_page_names_are_those_of_the_tests() -> None:
    assert {path.name for path in (AGENTS, MISTAKES)} <= {path.name for path in DATA.iterdir()}
