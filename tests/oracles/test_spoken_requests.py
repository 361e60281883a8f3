"""The spoken requests of DSTC10, live and as one system answered them, worked out twice and equal to 1e-9."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from oracles import naive_cascade as naive
from oracles.naive_order import correlated
from oracles.sameness import (
    ROOT,
    assert_compared,
    assert_faults,
    assert_same,
    assert_scorecard,
    assert_views,
    card_of,
    case_of,
    lines,
    module_of,
    needs,
    slices_of,
)
from stagegap.workspace import Workspace


def _stages(said: Callable[[object, object], float], *, first: naive.Metric, bar: float = 1.0) -> list[naive.Stage]:
    return [
        naive.Stage("detect", (), "boolean", naive.equal, 1.0),
        naive.Stage("select", ("detect",), "ranking", first, bar),
        naive.Stage("draft", ("detect", "select"), "text", lambda value, row: said(value, row["value"]), 0.5),
    ]


pytestmark = [pytest.mark.slow, needs("dstc10-track2-task2"), pytest.mark.xdist_group("dstc10")]
SYSTEMS = ("teamB00/entry0", "teamB10/entry1")


def test_spoken_requests_with_stages_that_run(dialogues: Path, tmp_path: Path):
    """Dialogues as clusters, a condition, a metric of the user, references that say "no answer"; then another stage."""
    shutil.copytree(ROOT / "pipelines" / "dstc10", tmp_path / "pipelines" / "dstc10")
    folder = tmp_path / "pipelines" / "dstc10"
    said = module_of(folder / "stages.py").said
    stages = _stages(said, first=naive.recall_at(1))
    turns = lines(dialogues / "live" / "records.jsonl")
    with Workspace(tmp_path, environment={"DSTC10": str(dialogues)}, clock=time.time) as workspace:
        workspace.runs.new(folder / "live.yaml")
        case = partial(
            case_of,
            workspace,
            "dstc10-live",
            stages=stages,
            records=[{"id": turn["record"], "cluster": turn["dialogue"]} for turn in turns],
            rows=lines(dialogues / "live" / "references.jsonl"),
            outcome=("draft", stages[2].metric, 0.5),
        )
        first = case(run_name="v1")
        other = assert_scorecard(card_of(workspace, "dstc10-live"), first)
        assert_faults(workspace, "dstc10-live", other)
        assert_views(workspace, "dstc10-live", first, other, [slices_of(turn, "length") for turn in turns])
        code = (folder / "stages.py").read_text()
        (folder / "stages.py").write_text(code.replace(" and not FIELDS.search(turn)", ""))
        workspace.runs.new(folder / "live.yaml")
        changed = assert_compared(workspace.runs.compare("dstc10-live", "v1", "v2"), first, case(run_name="v2"))
    assert len(other.gains) == 3
    assert 0 < changed["detect"].same < 263


def _recorded(
    workspace: Workspace, dialogues: Path, stages: Sequence[naive.Stage], system: str, **more: Any
) -> naive.Case:
    """The case of the newest run, which took the outputs of one system."""
    rows = lines(dialogues / "recorded" / "references.jsonl")
    wanted = {(row["record"], row["stage"]): row["value"] for row in rows}
    path = dialogues / "recorded" / "outputs" / f"{system.replace('/', '-')}.jsonl"
    own = {(row["record"], row["stage"]): row["value"] for row in lines(path)}

    def unknown(swapped: frozenset[str], stage: str, record: str) -> bool:
        if not swapped or stage in swapped:
            return False
        needs_answer = wanted[record, "detect"] if "detect" in swapped else own[record, "detect"]
        if not needs_answer:
            return False  # a skip
        if stage == "select" or "select" not in swapped:
            return not own[record, "detect"]
        return (record, "select") not in own or own[record, "select"] != wanted.get((record, "select"))

    return case_of(
        workspace,
        "dstc10-recorded",
        stages=stages,
        records=[{"id": turn["record"]} for turn in lines(dialogues / "recorded" / "records.jsonl")],
        rows=rows,
        unknown=unknown,
        **more,
    )


RATED = """
ratings: {path: "${DSTC10}/recorded/ratings.jsonl", scale: [1, 5], person: human_reference, system: "${RATED}"}
outcome: {score: draft.rating@accuracy, good: ">= 0.75"}
outcomes: [{score: draft.rating@appropriateness}]
"""


@pytest.mark.parametrize("is_rated", [False, True], ids=["by a metric", "by people's ratings"])
def test_spoken_requests_as_two_systems_answered_them(dialogues: Path, tmp_path: Path, is_rated: bool):
    """Recorded outputs: what a swap would change there nobody knows. Then the second system against the first."""
    shutil.copytree(ROOT / "pipelines" / "dstc10", tmp_path / "pipelines" / "dstc10")
    folder = tmp_path / "pipelines" / "dstc10"
    stages = _stages(module_of(folder / "stages.py").said, first=naive.reciprocal_rank, bar=0.5)
    turns = lines(dialogues / "recorded" / "records.jsonl")
    file = folder / "recorded.yaml"
    if is_rated:
        file.write_text(file.read_text().split("outcome:")[0] + RATED)
    cases: list[naive.Case] = []
    raw: list[np.ndarray] = []
    for system in SYSTEMS:
        environment = {"DSTC10": str(dialogues), "SYSTEM": system.replace("/", "-"), "RATED": system}
        with Workspace(tmp_path, environment=environment, clock=time.time) as workspace:
            workspace.runs.new(file)
            ratings = _shares(dialogues, system)
            outcome = ("draft", stages[2].metric, 0.75 if is_rated else 0.5)
            rated = ratings["accuracy"] if is_rated else None
            case = _recorded(workspace, dialogues, stages, system, outcome=outcome, rated=rated)
            card = card_of(workspace, "dstc10-recorded")
            assert (card.bounds is None) == is_rated
            other = assert_scorecard(card, case, are_alone=False)
            assert_faults(workspace, "dstc10-recorded", other)
            assert_views(workspace, "dstc10-recorded", case, other, [slices_of(turn, "split") for turn in turns])
            assert other.bad == other.unexplained + other.not_known + sum(each.first for each in other.faults.values())
            cases.append(case)
            raw.append(np.array([ratings["accuracy"].get(record, np.nan) for record in case.records]))
            if is_rated:
                assert other.draws.mean("outcome 0").n == len(ratings["accuracy"])
                columns = {name: np.array([own.get(r, np.nan) for r in case.records]) for name, own in ratings.items()}
                beside = replace(other.draws, columns=columns).mean("appropriateness")
                assert_same(card.others[0].system, beside, "the other rating")
                _assert_correlations(workspace, raw[-1], other)
            if len(cases) == 2:
                view = workspace.runs.compare("dstc10-recorded", "v1", "v2")
                assert_compared(view, *cases, rated=(raw[0], raw[1]) if is_rated else None)


def _shares(dialogues: Path, system: str) -> dict[str, dict[str, float]]:
    """By criterion and record, the mean of its raters between the ends of 1 to 5."""
    given: dict[tuple[str, str], list[float]] = {}
    for row in lines(dialogues / "recorded" / "ratings.jsonl"):
        if row["system"] == system:
            given.setdefault((row["criterion"], row["record"]), []).append(row["value"])
    shares: dict[str, dict[str, float]] = {}
    for (criterion, record), values in given.items():
        shares.setdefault(criterion, {})[record] = (sum(values) / len(values) - 1) / 4
    return shares


def _assert_correlations(workspace: Workspace, ratings: np.ndarray, other: naive.Figures) -> None:
    """Of the score of the reply with its ratings, limits and all."""
    view = workspace.runs.attribution("dstc10-recorded").ratings(None)
    row = next(row for row in view.metrics if row.score == "draft.said" and row.criterion == "accuracy")
    score = other.draws.columns["in place draft"]
    own = row.correlations
    for name, figure in correlated(score, ratings, other.draws.units).items():
        assert_same(getattr(own, name), figure, name)
