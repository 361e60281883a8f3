"""Two runs of the starter cascade with sixty questions, and the list of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from conftest import Copied
from sixty import replace_in
from stagegap.analysis.compare import accept
from stagegap.analysis.views import to_json
from stagegap.errors import NotFound
from stagegap.model.answer import Output, Status
from stagegap.model.run import SYSTEM, RunStatus, Source
from stagegap.runner import RunOptions
from stagegap.workspace import Workspace
from stagegap.workspace.comparison import facts, history, on_shared_records
from stagegap.workspace.provenance import read as read_provenance


@pytest.fixture
def made(tmp_path: Path, once: Copied) -> Path:
    return once(tmp_path)


@pytest.fixture
def workspace(made: Path) -> Iterator[Workspace]:
    """With the run v1."""
    with Workspace.open(made) as opened:
        yield opened


def test_spoilt_stage_is_told_with_its_records(tmp_path: Path, twice: Copied) -> None:
    with Workspace.open(twice(tmp_path)) as workspace:
        view = workspace.runs.compare("first", "v1", "v2")
        back = workspace.runs.compare("first", "v2", "v1")
    assert view.headline == "v2 is worse than v1: −30 points (95% interval −43 to −20)"
    assert {row.stage: row.claim.verdict for row in view.stages} == {"topic": "tied", "reply": "regressed"}
    (broken,) = {one.n_worse for one in view.lists if one.stage == "outcome"}
    assert (broken, view.outcome.flips.broken, view.outcome.flips.fixed) == (18, 18, 0)
    assert "some places" in view.lists[0].worse[0].after
    assert back.outcome.claim.verdict == "improved"


def test_same_run_twice_gives_the_same_answers(workspace: Workspace) -> None:
    workspace.runs.new(None)
    view = workspace.runs.compare("first", "v1", "v2")
    settings = [change for change in view.config if change.path != "run.time"]
    assert (view.headline, settings) == ("v2 gives the same answers as v1", [])


def test_each_side_is_scored_by_the_cascade_it_was_made_with(workspace: Workspace, made: Path) -> None:
    replace_in(made / "cascade.yaml", "score: fact_recall", "score: [chrf, fact_recall]")
    workspace.runs.new(None)
    view = workspace.runs.compare("first", "v1", "v2")
    assert view.refusal is not None
    assert view.refusal.reasons == ("reply is scored by fact_recall in v1 and by chrf in v2.",)
    assert "stages.reply.score" in {change.path for change in view.config}
    assert view.headline == ""


def test_runs_on_other_records_offer_the_shared_ones(workspace: Workspace) -> None:
    workspace.runs.new(None, RunOptions(limit=40))
    view = workspace.runs.compare("first", "v1", "v2")
    assert view.refusal is not None
    assert view.refusal.offer == "Compare the 40 questions that are the same in both?"
    taken = on_shared_records(view)
    assert taken == accept(view)
    assert taken.n == 40
    assert on_shared_records(taken) == taken


def test_price_and_time_of_each_stage_are_named_where_they_differ(workspace: Workspace) -> None:
    first = workspace.runs.of("first")[0]
    runs = [workspace.store.create_run(replace(first, id=str(i) * 32, name="")) for i in (5, 6)]
    for run, cost, latency in zip(runs, (0.002, 0.004), (200.0, 500.0), strict=True):
        for stage, price, took in (("reply", cost, latency), ("topic", None, latency / 1000)):
            output = Output(record="q01", stage=stage, status=Status.OK, value="x", cost=price, latency_ms=took)
            workspace.store.append_outputs(run.id, SYSTEM, [output])
    told = {one.path: (one.before, one.after) for one in facts(workspace.store, *runs)}
    assert told["reply: cost of an answer"] == ("$0.002 on average, n 1", "$0.004 on average, n 1")
    assert told["reply: time of an answer"] == ("median 0.2 s, n 1", "median 0.5 s, n 1")
    assert "topic: time of an answer" not in told, "a clock's noise"
    bare = workspace.store.create_run(replace(first, id="7" * 32, name=""))
    only = {one.path: (one.before, one.after) for one in facts(workspace.store, bare, runs[0])}
    assert only["reply: time of an answer"] == (None, "median 0.2 s, n 1")


def test_files_are_compared_by_their_text_and_else_by_a_hash_with_its_reason(workspace: Workspace) -> None:
    store, first = workspace.store, workspace.runs.of("first")[0]
    runs = [store.create_run(replace(first, id=str(i) * 32, name="")) for i in (5, 6)]
    made_from = read_provenance(store, first.id)
    assert made_from is not None
    files: tuple[list[tuple[str, str, Literal["text", "not text"]]], ...] = (
        [("a", "prompt.txt", "text"), ("b", "model.bin", "not text")],
        [("c", "prompt.txt", "text"), ("d", "model.bin", "not text"), ("e", "new.txt", "text")],
    )
    for run, named in zip(runs, files, strict=True):
        sources = tuple(
            Source(role="prompt", path=path, digest=letter * 64, size=9, kept=kept) for letter, path, kept in named
        )
        texts = {letter * 64: f"Be {letter}.\n" for letter, _, kept in named if kept == "text"}
        store.origins.put(run.id, to_json(replace(made_from, sources=sources)), texts)
    rows = {row.path: row for row in facts(store, *runs)}
    assert rows["file prompt.txt"].lines.splitlines()[1:] == ["-Be a.", "+Be c."]
    assert rows["file new.txt"].lines.splitlines()[1:] == ["+Be e."]
    binary = rows["file model.bin"]
    assert (binary.before, binary.after, binary.lines) == (f"{'b' * 12} (not text)", f"{'d' * 12} (not text)", "")


def test_comparison_with_a_run_that_is_not_there_names_those_that_are(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="no run 'v9'"):
        workspace.runs.compare("first", "v1", "v9")


def test_history_has_the_newest_first_with_outcome_and_cost(workspace: Workspace) -> None:
    second, _ = workspace.runs.new(None, RunOptions(limit=40))
    view = history(workspace._base, "first", blessed=second)
    assert [(row.run, row.records, row.is_blessed) for row in view.rows] == [("v2", 40, True), ("v1", 60, False)]
    assert [row.outcome.n for row in view.rows] == [40, 60]
    assert view.rows[1].outcome.value == pytest.approx(0.9)
    assert view.rows[1].cost == 0
    assert view.rows[1].seconds is not None


def test_run_without_a_scorecard_is_listed_without_an_outcome(workspace: Workspace) -> None:
    run = workspace.runs.of("first")[0]
    workspace.store.create_run(replace(run, id="5" * 32, name="", status=RunStatus.STOPPED))
    row = history(workspace._base, "first", blessed=None).rows[0]
    assert (row.run, row.status, row.outcome.method) == ("v2", "stopped", "not measured: the run has no scorecard")
