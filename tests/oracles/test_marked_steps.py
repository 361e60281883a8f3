"""Traces whose first wrong step people marked: every step a recorded stage, first faults worked out twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from oracles import naive_cascade as naive
from oracles.sameness import DATA, assert_faults, assert_same, card_of, case_of, lines, needs, written
from stagegap.workspace import Workspace

MOST = 31
"""Steps that a cascade can hold beside the answer."""


def steps_cascade(folder: Path, traces: Sequence[Mapping[str, Any]], most: int) -> list[dict[str, Any]]:
    """Each step a recorded stage, right as far as people marked it; then the answer. Gives the reference rows."""
    outputs, references = [], []
    for trace in traces:
        for at in range(most):
            place = {"record": trace["id"], "stage": f"step_{at}"}
            exists = at < trace["steps"]
            outputs.append({**place, "value": at != trace["mistake"] if exists else None})
            # After the first wrong step nobody looked on.
            if trace["mistake"] is None or at <= trace["mistake"]:
                references.append({**place, "annotator": "people", "value": True if exists else None})
        place = {"record": trace["id"], "stage": "answer"}
        outputs.append({**place, "value": trace["answer"]})
        references.append({**place, "annotator": "people", "value": trace["target"]})
    written(folder / "outputs.jsonl", outputs)
    written(folder / "references.jsonl", references)
    written(folder / "records.jsonl", [{"id": trace["id"]} for trace in traces])
    stages = "".join(
        f"""\
  step_{at}:
    uses: recorded
    with: {{path: outputs.jsonl}}
    inputs: {{{f"before: step_{at - 1}" if at else ""}}}
    output: {{type: boolean}}
    ask: Is this step right?
"""
        for at in range(most)
    )
    (folder / "cascade.yaml").write_text(
        f"""\
cascade: steps
noun: trace
records: {{path: records.jsonl, id: id}}
references: {{path: references.jsonl}}
stages:
{stages}  answer:
    uses: recorded
    with: {{path: outputs.jsonl}}
    inputs: {{last: step_{most - 1}}}
    output: {{type: text}}
    score: exact
    ask: What is the answer?
outcome: {{score: answer.exact}}
"""
    )
    return references


def check_steps(folder: Path, traces: Sequence[Mapping[str, Any]]) -> naive.Figures:
    most = max(trace["steps"] for trace in traces)
    references = steps_cascade(folder, traces, most)
    names = [*(f"step_{at}" for at in range(most)), "answer"]
    with Workspace(folder, environment={}, clock=time.time) as workspace:
        workspace.runs.new(folder / "cascade.yaml")
        case = case_of(
            workspace,
            "steps",
            stages=[
                naive.Stage(name, tuple(names[at - 1 : at]) if at else (), "text", naive.equal, 1.0)
                for at, name in enumerate(names)
            ],
            records=[{"id": trace["id"]} for trace in traces],
            rows=references,
            outcome=("answer", naive.equal, None),
            unknown=lambda swapped, stage, _record: bool(swapped) and stage not in swapped,
        )
        card = card_of(workspace, "steps")
        other = naive.figures(case, seed=card.seed, resamples=20)
        for row in card.stages:
            assert_same(row.in_place, other.draws.mean(f"in place {row.stage}"), row.stage)
            assert not row.gain.is_measured
        assert_faults(workspace, "steps", other)
    return other


@pytest.mark.slow
@needs("bigbench-mistake")
@pytest.mark.parametrize(
    ("task", "masked", "unmarked"),
    [
        ("tracking_shuffled_objects", 12, 7),
        ("multistep_arithmetic", 1, 18),
        ("word_sorting", 15, 4),
        ("logical_deduction", 39, 0),
    ],
)
def test_chains_of_thought_whose_first_wrong_step_people_marked(tmp_path: Path, task: str, masked: int, unmarked: int):
    rows = [
        row
        for row in lines(DATA / "bigbench-mistake" / "traces.jsonl.gz")
        if row["task"] == task and len(row["steps"]) <= MOST
    ]
    traces = [
        {
            "id": row["record_id"],
            "steps": len(row["steps"]),
            "mistake": row["mistake_index"],
            "answer": row["answer"] or "",
            "target": row["target"],
        }
        for row in rows
    ]
    other = check_steps(tmp_path, traces)
    # As the notes of the data count them, but that an answer with a blank before it is the same answer: right answers
    # after a wrong step, and wrong ones without any.
    assert sum(each.masked for each in other.faults.values()) - other.faults["answer"].masked == masked
    assert other.faults["answer"].first == unmarked
    assert other.not_known == 0


@pytest.mark.slow
@needs("who-and-when")
@pytest.mark.parametrize(("kind", "most", "count"), [("algorithm-generated", 10, 126), ("hand-crafted", 31, 25)])
def test_failed_traces_of_agents_whose_decisive_step_people_marked(tmp_path: Path, kind: str, most: int, count: int):
    """The longest traces by hand have 130 steps: those that a cascade can hold are taken."""
    traces = [
        {
            "id": row["trace_id"],
            "steps": len(row["history"]),
            "mistake": int(row["mistake_step"]),
            "answer": "failed",
            "target": "done",
        }
        for row in lines(DATA / "who-and-when" / "traces.jsonl.gz")
        if row["system_kind"] == kind and len(row["history"]) <= most
    ]
    other = check_steps(tmp_path, traces)
    assert (other.bad, other.unexplained, other.not_known) == (count, 0, 0)
    marked = Counter(trace["mistake"] for trace in traces)
    assert {at: other.faults[f"step_{at}"].first for at in marked} == marked
