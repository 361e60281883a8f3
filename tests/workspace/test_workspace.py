from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError, NotFound, RunStopped, SpecError
from stagegap.model.run import SYSTEM, Cell, RunStatus
from stagegap.runner import CellSummary, Silent, Stop
from stagegap.workspace import Workspace
from stagegap.workspace.starter import write_starter


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """The starter project, with a clock that counts seconds."""
    write_starter(tmp_path)
    ticks = count(1_000)
    with Workspace(tmp_path, environment={}, clock=lambda: float(next(ticks))) as opened:
        yield opened


def change(workspace: Workspace, old: str, new: str, name: str = "cascade.yaml") -> None:
    path = workspace.folder / "pipelines" / "first" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_run_stores_outputs_of_the_system_and_of_every_swap(workspace: Workspace) -> None:
    run, summary = workspace.run(None)
    assert (run.name, run.status, run.records, run.error) == ("v1", RunStatus.DONE, 6, "")
    assert run.finished_at is not None
    assert run.finished_at > run.started_at
    assert summary.calls == 14
    assert workspace.store.cells(run.id) == [SYSTEM, Cell("reference", ("topic",))]
    topics = {o.record: o.value for o in workspace.store.outputs(run.id, SYSTEM, "topic")}
    assert topics == {"q1": "opening", "q2": "parking", "q3": "other", "q4": "other", "q5": "other", "q6": "opening"}


def test_only_what_changed_is_called_again(workspace: Workspace) -> None:
    assert workspace.run(None)[1].calls == 14
    assert workspace.run(None)[1].calls == 0
    change(workspace, "18.", "19.", "stages.py")
    assert workspace.plan(None).calls > 0
    run, summary = workspace.run(None)
    assert (run.name, summary.calls) == ("v3", 14)


def test_scorecard_is_read_as_it_was_stored(workspace: Workspace) -> None:
    assert workspace.scorecard("first") is None
    workspace.run(None)
    card = workspace.scorecard("first")
    assert card is not None
    assert (card.run, card.n_records, card.annotators) == ("v1", 6, 1)
    assert [(row.stage, row.calls) for row in card.stages] == [("topic", 6), ("reply", 6)]
    assert card == workspace.scorecard("first", "v1")


def test_new_labels_make_a_view_stale_until_it_is_refreshed(workspace: Workspace) -> None:
    workspace.run(None)
    queue = workspace.desk.queue("first", "topic")
    card = workspace.scorecard("first")
    assert card is not None
    assert workspace.stale_labels(card) == 0
    event = {"id": "e1", "record": "q1", "action": "label", "values": {"value": "other"}, "active_ms": 1200}
    workspace.desk.save_labels(queue, [event, event], "cd")
    workspace.desk.save_labels(queue, [event], "cd")
    assert workspace.stale_labels(card) == 1
    workspace.refresh("first", "v1")
    fresh = workspace.scorecard("first")
    assert fresh is not None
    assert (fresh.annotators, workspace.stale_labels(fresh)) == (2, 0)


def test_a_run_is_scored_by_the_cascade_it_was_made_with(workspace: Workspace) -> None:
    workspace.run(None)
    before = workspace.scorecard("first")
    change(workspace, 'good: ">= 1"', 'good: ">= 0.5"')
    workspace.refresh("first", "v1")
    assert workspace.scorecard("first") == before


def test_queue_holds_the_inputs_of_its_stage_and_nothing_else(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match=r"Stage 'reply' reads earlier stages, and no run is done yet\."):
        workspace.desk.queue("first", "reply")
    run, _ = workspace.run(None)
    queue = workspace.desk.queue("first", "reply")
    assert workspace.desk.queue("first", "reply") == queue
    items = workspace.desk.queue_items(queue, "yz", 10)
    answers = {o.record: o.value for o in workspace.store.outputs(run.id, SYSTEM, "reply")}
    assert {item.record for item in items} == {"q1", "q2", "q3", "q4", "q5", "q6"}
    for item in items:
        payload = json.loads(item.payload)
        assert set(payload) == {"id", "inputs", "options"}
        assert [shown["label"] for shown in payload["inputs"]] == ["question", "topic"]
        assert str(answers[item.record]) not in item.payload
        assert item.probability == 1.0


def test_first_stage_can_be_labelled_before_any_run(workspace: Workspace) -> None:
    queue = workspace.desk.queue("first", "topic")
    assert len(workspace.desk.queue_items(queue, "ab", 99)) == 6
    stages = workspace.desk.label_stages("first")
    assert [(s.stage, s.kind, s.queue_id) for s in stages] == [("topic", "label", queue.id), ("reply", "text", None)]


def test_label_arrives_through_another_process_that_handed_nothing_out(workspace: Workspace) -> None:
    queue = workspace.desk.queue("first", "topic")
    workspace.desk.queue_items(queue, "ab", 3)
    workspace.close()
    event = {"id": "e1", "record": "q5", "action": "label", "values": {"value": "other"}}
    workspace.desk.save_labels(queue, [event], "ab")
    assert workspace.desk.progress_of(queue, "ab").done == 1
    last = workspace.desk.sitting(queue, "ab", 1).last
    assert last is not None
    assert (last[0].record, last[1].verified) == ("q5", False)


def test_event_of_a_record_that_is_not_in_the_queue_is_refused(workspace: Workspace) -> None:
    queue = workspace.desk.queue("first", "topic")
    event = {"id": "e1", "record": "q77", "action": "label", "values": {"value": "other"}}
    with pytest.raises(ConfigurationError, match=r"The queue of stage 'topic' has no record 'q77'\."):
        workspace.desk.save_labels(queue, [event], "ab")
    assert workspace.desk.progress_of(queue, "ab").done == 0


def test_failing_stage_is_a_named_failure_of_its_records(workspace: Workspace) -> None:
    change(
        workspace, "words = question.lower()", 'assert "car" not in question\n    words = question.lower()', "stages.py"
    )
    run, _ = workspace.run(None)
    outputs = {o.record: o for o in workspace.store.outputs(run.id, SYSTEM, "topic")}
    assert outputs["q2"].status == "unparsable"
    assert "AssertionError" in outputs["q2"].error
    card = workspace.scorecard("first")
    assert card is not None
    assert card.stages[0].failures == {"unparsable": 2}


class Gone(Silent):
    """Progress that is shown nowhere any more."""

    def begin(self, cell: CellSummary) -> None:
        raise OSError("terminal is gone")


def test_function_that_exits_fails_its_record_and_not_the_run(workspace: Workspace) -> None:
    change(
        workspace,
        "words = question.lower()",
        "words = question.lower()\n    if 'car' in words:\n        exit(3)",
        "stages.py",
    )
    run, _ = workspace.run(None)
    outputs = {o.record: o for o in workspace.store.outputs(run.id, SYSTEM, "topic")}
    assert (run.status, outputs["q2"].status) == (RunStatus.DONE, "unparsable")
    assert "SystemExit" in outputs["q2"].error


def test_run_that_breaks_is_kept_as_failed(workspace: Workspace) -> None:
    with pytest.raises(OSError, match="terminal is gone"):
        workspace.run(None, progress=Gone())
    assert [(run.name, run.status, run.error) for run in workspace.runs("first")] == [
        ("v1", RunStatus.FAILED, "terminal is gone")
    ]
    assert workspace.scorecard("first") is None


def test_stopped_run_goes_on_where_it_stopped(workspace: Workspace) -> None:
    stop = Stop()
    stop.request("It was interrupted.")
    run, summary = workspace.run(None, stop=stop)
    assert (run.status, run.error) == (RunStatus.STOPPED, "It was interrupted.")
    assert workspace.run(None)[0].status is RunStatus.DONE
    assert summary.calls <= 14


def test_own_metric_is_called_from_the_folder_of_the_cascade(workspace: Workspace) -> None:
    change(workspace, "score: fact_recall", "score: [fact_recall, 'python:stages.py:short']")
    change(workspace, "reply.fact_recall, good", "reply.short, good")
    path = workspace.folder / "pipelines" / "first" / "stages.py"
    path.write_text(path.read_text() + "\n\ndef short(value, reference):\n    return float(len(value) < 45)\n")
    run, _ = workspace.run(None)
    card = workspace.scorecard("first", run.name)
    assert card is not None
    assert card.outcome_name == "good questions (reply.short >= 1)"
    assert card.system.value == pytest.approx(5 / 6)


def test_unknown_names_come_with_the_known_ones(workspace: Workspace) -> None:
    workspace.run(None)
    with pytest.raises(NotFound, match=r"Cascade 'first' has no run 'v2'\. Known: v1\."):
        workspace.refresh("first", "v2")
    with pytest.raises(NotFound, match=r"holds the cascade 'firts'\. Did you mean first\?"):
        workspace.desk.label_stages("firts")


def test_pooled_scores_of_a_run_come_from_its_outputs_and_all_labels(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match=r"^Cascade 'first' has no run that is done\.$"):
        workspace.pooled("first")
    workspace.run(None)
    card = workspace.scorecard("first")
    assert card is not None
    found = workspace.pooled("first", "v1")
    assert found[0].stage == card.stages[0].stage
    # Each record wants an answer at the first stage and gets one, so all three are the mean score.
    assert found[0].precision.value == found[0].recall.value == card.stages[0].in_place.value
    assert workspace.pooled("first") == found


def test_cascades_are_those_that_ran_and_those_that_have_a_file(workspace: Workspace) -> None:
    other = workspace.folder / "pipelines" / "first" / "other.yaml"
    other.write_text("extends: cascade.yaml\ncascade: another\n")
    (workspace.folder / "pipelines" / "notes.yaml").write_text("nothing: here\n")
    asking = "extends: cascade.yaml\ncascade: asking\nstages: {topic: {ask: '${WHAT} ${NOT:-is asked}'}}\n"
    (workspace.folder / "pipelines" / "first" / "asking.yaml").write_text(asking)
    workspace.run(other)
    assert workspace.cascades() == ["another", "first"]
    assert set(workspace.files()) == {"another", "asking", "first"}


def test_file_called_cascade_comes_before_variants_and_other_folders(workspace: Workspace) -> None:
    other = workspace.folder / "pipelines" / "archive" / "live.yaml"
    other.parent.mkdir()
    other.write_text("cascade: archived\n")
    assert list(workspace.files()) == ["first", "archived"]
    assert workspace.load(None).cascade.name == "first"


def test_a_variant_of_another_name_has_the_references_of_the_file_that_both_name(workspace: Workspace) -> None:
    other = workspace.folder / "pipelines" / "first" / "other.yaml"
    other.write_text("extends: cascade.yaml\ncascade: another\n")
    workspace.run(None)
    workspace.run(other)
    first, second = workspace.scorecard("first"), workspace.scorecard("another")
    assert first is not None
    assert second is not None
    assert second.n_scored == first.n_scored > 0


def test_folder_without_a_cascade_says_how_to_make_one(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as opened, pytest.raises(NotFound, match="`stagegap init` makes one"):
        opened.load(None)


def test_workspace_is_found_from_a_folder_inside(workspace: Workspace) -> None:
    with Workspace.open(workspace.folder / "pipelines" / "first") as opened:
        assert opened.folder == workspace.folder


def test_commit_of_the_project_stands_with_the_run(workspace: Workspace) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", "-C", str(workspace.folder), *who, *words], check=True, env=environment)

    git("init", "-q")
    assert workspace.run(None)[0].commit == ""
    git("add", "pipelines")
    git("commit", "-q", "-m", "first")
    clean = workspace.run(None)[0].commit
    assert len(clean) == 12
    change(workspace, "18.", "19.", "stages.py")
    assert workspace.run(None)[0].commit == f"{clean}+"


def test_problems_of_a_file_are_told_before_anything_is_stored(workspace: Workspace) -> None:
    change(workspace, "uses: python", "uses: pyhton")
    with pytest.raises(SpecError, match="pyhton"):
        workspace.run(None)
    assert workspace.store.runs() == []


def test_stage_that_can_never_answer_stops_the_run(workspace: Workspace) -> None:
    change(workspace, "def topic(question: str) -> str:", "def topic(question: str, missing: str) -> str:", "stages.py")
    with pytest.raises((ConfigurationError, RunStopped), match="missing"):
        workspace.run(None)
