"""First wrong attempts per attempt at risk, against figures counted by hand and a planted hazard."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.conftest import Command
from stagegap.analysis.attempts import AttemptsView, attempts_sheet
from stagegap.errors import ConfigurationError
from stagegap.exchange.spans.files import import_traces
from stagegap.workspace import Workspace

WHO_AND_WHEN = Path(__file__).parents[3] / "shared/data/who-and-when/traces.jsonl.gz"


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def trace(name: str, fault: int | None, *said: tuple[str, str], **fields: Any) -> dict[str, Any]:
    history = [turn("user", "Find it"), *(turn(role, content) for role, content in said)]
    return {"id": name, "history": history, "mistake_step": fault, "is_correct": False} | fields


TRACES = [
    trace("a", 2, ("Boss", "go"), ("Web", "404"), ("Boss", "go"), ("Web", "404")),
    trace("b", 1, ("Boss", "go"), ("Web", "ok"), is_correct=True, mistake_agent="Web"),
    trace("c", None, ("Boss", "go"), ("Web", "ok"), ("Web", "ok"), ("Web", "ok"), is_correct=True),
    trace("d", 2, ("Boss", "go"), ("Web", "no"), mistake_agent="Boss"),
    trace("e", 7, ("Boss", "go"), ("Web", "no")),
]


def looked_at(folder: Path, traces: list[dict[str, Any]], *more: dict[str, Any]) -> AttemptsView:
    folder.mkdir(exist_ok=True)
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in traces))
    imported = import_traces([folder / "t.jsonl"], folder, name="t")
    faults = folder / "data/t/first_faults.jsonl"
    with faults.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in more)
    with Workspace.open(folder) as opened:
        opened.runs.new(imported.cascade)
        return opened.runs.attribution("t").attempts(faults)


def test_attempts_behind_the_first_wrong_one_are_not_at_risk(tmp_path: Path) -> None:
    view = looked_at(tmp_path, TRACES)
    figures = {(group.kind, group.name): (group.attempts, group.at_risk, group.faults) for group in view.groups}
    assert (view.n, view.faulty, view.unmarked, view.elsewhere, view.other_role) == (4, 3, 1, 0, 2)
    # a: Boss, Web!  b: Boss! (named: Web)  c: all four  d: Boss, Web! (named: Boss)
    assert figures[("role", "Boss")] == (5, 4, 1)
    assert figures[("role", "Web")] == (7, 5, 2)
    assert [group.hazard.value for group in view.groups if group.kind == "role"] == [2 / 5, 1 / 4]
    assert figures[("position", "1")] == (4, 4, 1)
    assert figures[("position", "2")] == (4, 3, 2)
    assert figures[("position", "4 to 5")] == (2, 1, 0)
    assert view.hazard.value == pytest.approx(3 / 9)
    assert view.hazard.clusters == 4
    assert (view.recovered.n, view.recovered.value) == (3, pytest.approx(1 / 3))
    assert (view.repeats, view.attempts) == (2, 14)


def test_people_who_differ_and_positions_without_an_attempt_are_left_out(tmp_path: Path) -> None:
    marks = [
        {"record": "a", "annotator": "bob", "position": 0},
        {"record": "e", "annotator": "bob", "position": 99},
        {"record": "nowhere", "annotator": "bob", "position": 0},
    ]
    view = looked_at(tmp_path, TRACES, *marks)
    assert (view.n, view.disagree, view.elsewhere, view.annotators, view.unmarked) == (3, 1, 2, 2, 0)
    said = [part for part in attempts_sheet(view).parts if isinstance(part, str)]
    assert said[0].startswith("3 traces looked through by 2 annotators: 2 with a first wrong attempt.")
    assert any("whose first wrong attempt people do not agree on" in sentence for sentence in said)


def test_planted_hazard_is_recovered_within_its_interval(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    traces: list[dict[str, Any]] = []
    for number in range(300):
        said = [("Boss", "go") if n % 2 == 0 else ("Web", f"page {n}") for n in range(12)]
        chances = [0.02 if role == "Boss" else 0.15 for role, _ in said]
        wrong = [n for n, chance in enumerate(chances) if rng.random() < chance]
        traces.append(trace(f"t{number}", wrong[0] + 1 if wrong else None, *said))
    view = looked_at(tmp_path, traces)
    hazards = {group.name: group.hazard for group in view.groups if group.kind == "role"}
    for name, truth in (("Boss", 0.02), ("Web", 0.15)):
        low, high = hazards[name].low, hazards[name].high
        assert low is not None
        assert high is not None
        assert low < truth < high
        assert high - low < 0.08


def test_chain_of_thought_is_attempts_without_a_role_and_a_stage_of_its_own(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "input": "1 + 1", "steps": ["add", "done"], "first_fault": None, "answer": "2", "target": "2"},
        {"id": "b", "input": "1 + 2", "steps": ["add", "oops"], "first_fault": 1, "answer": "3", "target": "3"},
        {"id": "c", "input": "1 + 3", "steps": ["x"], "first_fault": "0", "answer": "7", "target": "4"},
    ]
    view = looked_at(tmp_path, rows)
    assert {(group.kind, group.name, group.faults) for group in view.groups} == {
        ("position", "1", 1), ("position", "2", 1),
    }  # fmt: skip
    assert (view.recovered.n, view.recovered.value) == (2, pytest.approx(0.5))
    with Workspace.open(tmp_path) as opened:
        card = opened.runs.scorecard("t")
        assert card is not None
        in_place = {row.stage: row.in_place.value for row in card.stages}
        assert in_place["all_steps"] == pytest.approx(1 / 3)
        assert in_place["answer"] == pytest.approx(2 / 3)


def test_cascade_without_attempts_says_so(tmp_path: Path) -> None:
    rows = [{"id": str(n), "question": "q", "answer": "a"} for n in range(3)]
    (tmp_path / "w.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    imported = import_traces([tmp_path / "w.jsonl"], tmp_path, name="t")
    (tmp_path / "f.jsonl").write_text('{"record": "0", "annotator": "ann", "position": 0}')
    with Workspace.open(tmp_path) as opened:
        opened.runs.new(imported.cascade)
        with pytest.raises(ConfigurationError, match="No record of t has attempts"):
            opened.runs.attribution("t").attempts(tmp_path / "f.jsonl")


def test_command_draws_what_an_import_wrote(tmp_path: Path, stagegap: Command) -> None:
    (tmp_path / "agents.jsonl").write_text("".join(json.dumps(row) + "\n" for row in TRACES))
    imported = stagegap("import", "agents.jsonl")
    assert "`stagegap show attempts data/agents/first_faults.jsonl`" in imported.out
    assert "The first fault is the number of one of the steps" in imported.out
    printed = stagegap("show", "attempts", "data/agents/first_faults.jsonl")
    assert (printed.code, printed.error) == (0, "")
    assert "First wrong attempts in v1 of agents" in printed.out
    assert stagegap("import", "agents.jsonl", "--name", "other", "--json").json["first_faults"] == 4


def test_methods_that_name_steps_stand_beside_chance_and_are_no_people(tmp_path: Path) -> None:
    claims = [
        {"record": "a", "annotator": "judge", "by": "model", "position": 1},
        {"record": "b", "annotator": "judge", "by": "model", "position": 1, "role": "Web"},
        {"record": "c", "annotator": "judge", "by": "model", "position": 0},
        {"record": "a", "annotator": "last", "by": "code", "position": 3},
    ]
    view = looked_at(tmp_path, TRACES, *claims)
    assert (view.n, view.disagree, view.annotators) == (4, 0, 1)
    chance, judge, last = view.namings
    # a: 4 steps of 2 roles, b: 2 of 2, d: 2 of 2
    assert chance.step.value == pytest.approx((1 / 4 + 1 / 2 + 1 / 2) / 3)
    assert chance.role.value == pytest.approx(1 / 2)
    assert (judge.method, judge.step.n, judge.step.value, judge.role.value, judge.unnamed) == ("judge", 2, 0.5, 1.0, 1)
    assert (last.method, last.step.value, last.role.value, last.unnamed) == ("last", 0.0, 1.0, 2)


def test_point_of_no_return_is_where_no_later_fault_ends_well(tmp_path: Path) -> None:
    said = [("Boss", "go"), ("Web", "a"), ("Web", "b"), ("Web", "c")]
    faults = [(1, True), (1, False), (2, True), (2, False), (3, False), (4, False), (None, True)]
    traces = [trace(f"t{n}", fault, *said, is_correct=right) for n, (fault, right) in enumerate(faults)]
    view = looked_at(tmp_path, traces)
    assert (view.no_return, view.lost.value, view.lost.n, view.recovered.value) == (3, 0.0, 2, pytest.approx(2 / 6))
    by_position = {group.name: group.recovered.value for group in view.groups if group.kind == "position"}
    assert by_position == {"1": 0.5, "2": 0.5, "3": 0.0, "4 to 5": 0.0}
    table = [part for part in attempts_sheet(view).parts if not isinstance(part, str)][1]
    assert "number 3 or later does (point of no return)" in str(table.rows[2][0])
    late = looked_at(tmp_path / "late", [trace("x", 4, *said, is_correct=True), trace("y", 1, *said)])
    assert late.no_return is None


@pytest.mark.skipif(not WHO_AND_WHEN.exists(), reason="The traces of Who&When are not there.")
@pytest.mark.parametrize(
    ("kind", "step", "role", "hazards"),
    [
        ("algorithm-generated", 0.1200, 0.2910, {}),
        # published with modes of one agent as agents of their own (0.1906), and with the question as a step (0.0416)
        ("hand-crafted", 0.0459, 0.4221, {"WebSurfer": (33, 179), "Orchestrator": (18, 675)}),
    ],
)
def test_chance_on_who_and_when_is_that_of_the_published_table(
    tmp_path: Path, kind: str, step: float, role: float, hazards: dict[str, tuple[int, int]]
) -> None:
    with gzip.open(WHO_AND_WHEN, "rt", encoding="utf-8") as stream:
        traces = [row for row in map(json.loads, stream) if row["system_kind"] == kind]
    view = looked_at(tmp_path, traces)
    assert view.namings[0].step.value == pytest.approx(step, abs=5e-5)
    assert view.namings[0].role.value == pytest.approx(role, abs=5e-5)
    groups = {group.name: (group.faults, group.at_risk) for group in view.groups if group.kind == "role"}
    assert {name: groups[name] for name in hazards} == hazards
