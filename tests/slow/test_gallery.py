"""Every figure of docs/gallery.md, computed from the published data; skipped where those are not beside the project."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from acceptance.test_oddities import AGENTS, MISTAKES, project, rows
from oracles.sameness import DATA, ROOT, needs
from oracles.test_live_cascades import lines, request, write_requests, written
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


@needs("clinc150")
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("shares", [(0.0,) * 12, (0.0,) * 6 + (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)])
def test_watch_of_requests_of_which_more_and_more_are_out_of_scope(tmp_path: Path, shares: tuple[float, ...]) -> None:
    """12 batches of 60 requests of another third, half of them drawn and answered; nobody should answer the others."""
    home, incoming = tmp_path / "pipelines" / "requests", tmp_path / "incoming"
    home.mkdir(parents=True)
    incoming.mkdir()
    *_, of = write_requests(home)
    every = lines(DATA / "clinc150" / "data_full.jsonl.gz")
    order = np.random.default_rng(0)
    usual, others = (
        iter(order.permutation(np.array(texts, dtype=object)).tolist())
        for texts in (
            [(row["text"], row["intent"]) for row in every if row["split"] == "test"][1::3],
            [(row["text"], None) for row in every if row["split"] == "oos_test"],
        )
    )
    with Workspace(tmp_path, environment={}, clock=time.time) as opened:
        opened.runs.new(home / "cascade.yaml")
        watch = opened.past("requests").watch()
        for batch, share in enumerate(shares):
            came = [next(others if i < 60 * share else usual) for i in range(60)]
            texts = [text for text, _ in came]
            written(incoming / f"{batch:02}.jsonl", [request(f"n{batch}-{i}", text) for i, text in enumerate(texts)])
            watch.take_in(incoming, share=0.5, again=0)
            answers = [
                {"record": f"n{batch}-{i}", "stage": stage, "annotator": "crowd", "value": value}
                for i, (_, intent) in enumerate(came)
                for stage, value in (("domain", of.get(intent)), ("intent", intent))
            ]
            written(tmp_path / "answers.jsonl", answers)
            opened.labels.import_file(tmp_path / "answers.jsonl", watch.path)
        view = watch.view()
    title = "no request out of scope" if not any(shares) else "10 to 60% out of scope from the seventh batch on"
    rows = {(row.kind, row.place): row.mean for row in view.rows}
    assert view.headline in PAGE.read_text("utf-8"), view.headline
    assert say((f"{title}: right at the end so far", rows["score", "outcome"], Unit.SHARE)) == []
