from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError, NotFound
from stagegap.model.answer import Status
from stagegap.model.run import SYSTEM, RunStatus
from stagegap.runner import Budget, RunOptions
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter

TOPIC = 'uses: python\n    with: {function: "stages.py:topic"}'


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """The starter project, with a clock that counts seconds."""
    write_starter(tmp_path)
    ticks = count(1_000)
    with Workspace(tmp_path, environment={}, clock=lambda: float(next(ticks))) as opened:
        yield opened


def change(workspace: Workspace, name: str, old: str, new: str) -> None:
    path = workspace.folder / "pipelines" / "first" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_run_on_some_records_is_scored_on_them_now_and_later(workspace: Workspace) -> None:
    options = RunOptions(sample=4, seed=3, limit=3)
    run, _ = workspace.runs.new(None, options)
    assert (run.records, run.seed, workspace.runs.options(run)) == (3, 3, options)
    whole, _ = workspace.runs.new(None)
    assert workspace.runs.options(whole) == RunOptions()
    before = workspace.runs.scorecard("first", run.name)
    assert before is not None
    assert before.n_records == 3
    workspace.runs.refresh("first", run.name)
    assert workspace.runs.scorecard("first", run.name) == before


def test_plan_and_run_agree_on_fresh_calls(workspace: Workspace) -> None:
    workspace.runs.new(None)
    assert workspace.runs.plan(None).calls == 0
    options = RunOptions(fresh=True)
    assert workspace.runs.plan(None, options).calls >= workspace.runs.new(None, options)[1].calls == 14


def test_a_budget_stops_a_run_and_the_next_goes_on(workspace: Workspace) -> None:
    run, summary = workspace.runs.new(None, RunOptions(budget=Budget(calls=5)))
    assert (run.status, run.error, summary.calls) == (RunStatus.STOPPED, "The budget of 5 calls is used up.", 5)
    assert workspace.runs.new(None)[1].calls == 9


def test_a_budget_in_dollars_needs_prices(workspace: Workspace) -> None:
    (workspace.folder / "pipelines" / "first" / "p.j2").write_text("{{ question }}")
    change(workspace, "cascade.yaml", TOPIC,
           "uses: llm\n    with: {model: m, prompt: p.j2, base_url: 'http://127.0.0.1:9/v1'}")  # fmt: skip
    with pytest.raises(ConfigurationError, match=r"what a call of the stage 'topic' costs is unknown\. Write `price`"):
        workspace.runs.new(None, RunOptions(budget=Budget(dollars=1)))


def failing(workspace: Workspace) -> None:
    """The first stage asks a program that answers q2 only once a file is there."""
    folder = workspace.folder / "pipelines" / "first"
    (folder / "worker.py").write_text(
        "import json, pathlib, sys\n"
        "for line in sys.stdin:\n"
        "    call = json.loads(line)\n"
        "    if 'near you' in line and not pathlib.Path('mended').exists():\n"
        "        sys.exit(1)\n"
        "    print(json.dumps({'id': call['id'], 'value': 'other'}), flush=True)\n"
    )
    change(workspace, "cascade.yaml", TOPIC,
           "uses: command\n    with: {command: [python3, worker.py]}")  # fmt: skip


def test_retry_mends_the_newest_run_where_a_service_failed(workspace: Workspace) -> None:
    failing(workspace)
    first, _ = workspace.runs.new(None)
    before = {o.record: o.status for o in workspace.store.outputs(first.id, SYSTEM, "topic")}
    assert [name for name, status in before.items() if status is Status.INFRASTRUCTURE] == ["q2"]
    (workspace.folder / "pipelines" / "first" / "mended").touch()
    planned = workspace.runs.plan(None, RunOptions(retry=True))
    assert {stage.calls + stage.known for stage in planned.cells[0].stages} <= {0, 1}
    again, summary = workspace.runs.new(None, RunOptions(retry=True))
    assert (again.id, again.name, again.status) == (first.id, "v1", RunStatus.DONE)
    assert 0 < summary.calls <= 3
    after = {o.record: o.status for o in workspace.store.outputs(first.id, SYSTEM, "topic")}
    assert after == {**before, "q2": Status.OK}
    card = workspace.runs.scorecard("first", "v1")
    assert card is not None
    assert card.n_records == 6
    assert workspace.runs.new(None, RunOptions(retry=True))[1].calls == 0
    assert len(workspace.runs.of("first")) == 1


def test_there_must_be_a_run_of_this_file_to_mend(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="Cascade 'first' has no run that is done, so there is nothing to mend"):
        workspace.runs.new(None, RunOptions(retry=True))
    workspace.runs.new(None)
    change(workspace, "cascade.yaml", "noun: question", "noun: query")
    with pytest.raises(ConfigurationError, match="The cascade file has changed since run v1"):
        workspace.runs.new(None, RunOptions(retry=True))
