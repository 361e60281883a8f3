"""The spoken requests of DSTC10, live and as one system answered them, worked out twice and equal to 1e-9."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from oracles import naive_cascade as naive
from oracles.sameness import ROOT, assert_faults, assert_scorecard, card_of, case_of, lines, module_of, needs
from stagegap.workspace import Workspace


def _stages(said: Callable[[object, object], float], *, first: naive.Metric, bar: float = 1.0) -> list[naive.Stage]:
    return [
        naive.Stage("detect", (), "boolean", naive.equal, 1.0),
        naive.Stage("select", ("detect",), "ranking", first, bar),
        naive.Stage("draft", ("detect", "select"), "text", lambda value, row: said(value, row["value"]), 0.5),
    ]


@pytest.mark.slow
@needs("dstc10-track2-task2")
@pytest.mark.xdist_group("dstc10")
def test_spoken_requests_with_stages_that_run(dialogues: Path, tmp_path: Path):
    """Dialogues as clusters, a condition, a metric of the user, references that say "no answer"."""
    shutil.copytree(ROOT / "pipelines" / "dstc10", tmp_path / "pipelines" / "dstc10")
    folder = tmp_path / "pipelines" / "dstc10"
    said = module_of(folder / "stages.py").said
    stages = _stages(said, first=naive.recall_at(1))
    turns = lines(dialogues / "live" / "records.jsonl")
    with Workspace(tmp_path, environment={"DSTC10": str(dialogues)}, clock=time.time) as workspace:
        workspace.runs.new(folder / "live.yaml")
        case = case_of(
            workspace,
            "dstc10-live",
            stages=stages,
            records=[{"id": turn["record"], "cluster": turn["dialogue"]} for turn in turns],
            rows=lines(dialogues / "live" / "references.jsonl"),
            outcome=("draft", stages[2].metric, 0.5),
        )
        other = assert_scorecard(card_of(workspace, "dstc10-live"), case)
        assert_faults(workspace, "dstc10-live", other)
    assert len(other.gains) == 3


@pytest.mark.slow
@needs("dstc10-track2-task2")
@pytest.mark.xdist_group("dstc10")
@pytest.mark.parametrize("system", ["teamB00-entry0", "teamB05-entry0"])
def test_spoken_requests_as_one_system_answered_them(dialogues: Path, tmp_path: Path, system: str):
    """Recorded outputs: what a swap would change there nobody knows."""
    shutil.copytree(ROOT / "pipelines" / "dstc10", tmp_path / "pipelines" / "dstc10")
    folder = tmp_path / "pipelines" / "dstc10"
    said = module_of(folder / "stages.py").said
    stages = _stages(said, first=naive.reciprocal_rank, bar=0.5)
    rows = lines(dialogues / "recorded" / "references.jsonl")
    wanted = {(row["record"], row["stage"]): row["value"] for row in rows}
    own = {
        (row["record"], row["stage"]): row["value"]
        for row in lines(dialogues / "recorded" / "outputs" / f"{system}.jsonl")
    }

    def unknown(swapped: frozenset[str], stage: str, record: str) -> bool:
        if not swapped or stage in swapped:
            return False
        needs_answer = wanted[record, "detect"] if "detect" in swapped else own[record, "detect"]
        if not needs_answer:
            return False  # a skip
        if stage == "select" or "select" not in swapped:
            return not own[record, "detect"]
        return (record, "select") not in own or own[record, "select"] != wanted.get((record, "select"))

    turns = lines(dialogues / "recorded" / "records.jsonl")
    with Workspace(tmp_path, environment={"DSTC10": str(dialogues), "SYSTEM": system}, clock=time.time) as workspace:
        workspace.runs.new(folder / "recorded.yaml")
        case = case_of(
            workspace,
            "dstc10-recorded",
            stages=stages,
            records=[{"id": turn["record"]} for turn in turns],
            rows=rows,
            outcome=("draft", stages[2].metric, 0.5),
            unknown=unknown,
        )
        card = card_of(workspace, "dstc10-recorded")
        assert card.bounds is not None
        other = assert_scorecard(card, case, are_alone=False)
        assert_faults(workspace, "dstc10-recorded", other)
    assert other.bad == other.unexplained + other.not_known + sum(each.first for each in other.faults.values())
