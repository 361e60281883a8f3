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
from stagegap.workspace.foundation import write_starter


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
    run, summary = workspace.runs.new(None)
    assert (run.name, run.status, run.records, run.error) == ("v1", RunStatus.DONE, 6, "")
    assert run.finished_at is not None
    assert run.finished_at > run.started_at
    assert summary.calls == 14
    assert workspace.store.cells(run.id) == [SYSTEM, Cell("reference", ("topic",))]
    topics = {o.record: o.value for o in workspace.store.outputs(run.id, SYSTEM, "topic")}
    assert topics == {"q1": "opening", "q2": "parking", "q3": "other", "q4": "other", "q5": "other", "q6": "opening"}


def test_only_what_changed_is_called_again(workspace: Workspace) -> None:
    assert workspace.runs.new(None)[1].calls == 14
    assert workspace.runs.new(None)[1].calls == 0
    change(workspace, "18.", "19.", "stages.py")
    assert workspace.runs.plan(None).calls > 0
    run, summary = workspace.runs.new(None)
    assert (run.name, summary.calls) == ("v3", 14)


def test_a_plan_in_a_fresh_project_stores_nothing_and_bounds_the_calls_of_the_run(workspace: Workspace) -> None:
    planned = workspace.runs.plan(None)
    assert workspace.store.records("first") == []
    assert workspace.store.label_count("first") == 0
    assert (planned.is_exact, planned.calls) == (False, 18)
    assert workspace.runs.new(None)[1].calls == 14


def test_a_plan_reckons_with_references_that_only_the_next_run_takes_in(workspace: Workspace) -> None:
    path = workspace.folder / "pipelines" / "first" / "references.jsonl"
    whole = path.read_text()
    path.write_text("".join(line for line in whole.splitlines(keepends=True) if '"topic"' not in line))
    workspace.runs.new(None)
    path.write_text(whole)
    stored = workspace.store.label_count("first")
    planned = workspace.runs.plan(None)
    assert workspace.store.label_count("first") == stored
    assert planned.calls == workspace.runs.new(None)[1].calls > 0


def test_a_self_check_of_a_run_stores_no_record_that_came_since(workspace: Workspace) -> None:
    workspace.runs.new(None)
    path = workspace.folder / "pipelines" / "first" / "questions.jsonl"
    path.write_text(path.read_text() + '{"id": "q7", "text": "Are dogs allowed?", "length": "short"}\n')
    workspace.runs.attribution("first").selfcheck(simulations=20)
    assert workspace.store.records("first", ids=["q7"]) == []


def test_scorecard_is_read_as_it_was_stored(workspace: Workspace) -> None:
    assert workspace.runs.scorecard("first") is None
    workspace.runs.new(None)
    card = workspace.runs.scorecard("first")
    assert card is not None
    assert (card.run, card.n_records, card.annotators) == ("v1", 6, 1)
    assert [(row.stage, row.calls) for row in card.stages] == [("topic", 6), ("reply", 6)]
    assert card == workspace.runs.scorecard("first", "v1")


def test_new_labels_make_a_view_stale_until_it_is_refreshed(workspace: Workspace) -> None:
    workspace.runs.new(None)
    queue = workspace.labels.queue("first", "topic")
    card = workspace.runs.scorecard("first")
    assert card is not None
    assert workspace.runs.stale_labels(card) == 0
    event = {"id": "e1", "record": "q1", "action": "label", "values": {"value": "other"}, "active_ms": 1200}
    workspace.labels.save_labels(queue, [event, event], "cd")
    workspace.labels.save_labels(queue, [event], "cd")
    assert workspace.runs.stale_labels(card) == 1
    workspace.runs.refresh("first", "v1")
    fresh = workspace.runs.scorecard("first")
    assert fresh is not None
    assert (fresh.annotators, workspace.runs.stale_labels(fresh)) == (2, 0)


def test_a_run_is_scored_by_the_cascade_it_was_made_with(workspace: Workspace) -> None:
    workspace.runs.new(None)
    before = workspace.runs.scorecard("first")
    change(workspace, 'good: ">= 1"', 'good: ">= 0.5"')
    workspace.runs.refresh("first", "v1")
    assert workspace.runs.scorecard("first") == before


def test_queue_holds_the_inputs_of_its_stage_and_nothing_else(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match=r"Stage 'reply' reads earlier stages, and no run is done yet\."):
        workspace.labels.queue("first", "reply")
    run, _ = workspace.runs.new(None)
    queue = workspace.labels.queue("first", "reply")
    assert workspace.labels.queue("first", "reply") == queue
    items = workspace.labels.queue_items(queue, "yz", 10)
    answers = {o.record: o.value for o in workspace.store.outputs(run.id, SYSTEM, "reply")}
    assert {item.record for item in items} == {"q1", "q2", "q3", "q4", "q5", "q6"}
    for item in items:
        payload = json.loads(item.payload)
        assert set(payload) == {"id", "inputs", "options"}
        assert [shown["label"] for shown in payload["inputs"]] == ["question", "topic"]
        assert str(answers[item.record]) not in item.payload
        assert item.probability == 1.0


def test_first_stage_can_be_labelled_before_any_run(workspace: Workspace) -> None:
    queue = workspace.labels.queue("first", "topic")
    assert len(workspace.labels.queue_items(queue, "ab", 99)) == 6
    stages = workspace.labels.label_stages("first")
    assert [(s.stage, s.kind, s.queue_id) for s in stages] == [("topic", "label", queue.id), ("reply", "text", None)]


def test_label_arrives_through_another_process_that_handed_nothing_out(workspace: Workspace) -> None:
    queue = workspace.labels.queue("first", "topic")
    workspace.labels.queue_items(queue, "ab", 3)
    workspace.close()
    event = {"id": "e1", "record": "q5", "action": "label", "values": {"value": "other"}}
    workspace.labels.save_labels(queue, [event], "ab")
    assert workspace.labels.progress_of(queue, "ab").done == 1
    last = workspace.labels.sitting(queue, "ab", 1).last
    assert last is not None
    assert (last[0].record, last[1].verified) == ("q5", False)


@pytest.mark.parametrize("record", ["q77", "\ud800"])
def test_event_of_a_record_that_is_not_in_the_queue_is_refused(workspace: Workspace, record: str) -> None:
    queue = workspace.labels.queue("first", "topic")
    event = {"id": "e1", "record": record, "action": "label", "values": {"value": "other"}}
    with pytest.raises(ConfigurationError, match=r"The queue of stage 'topic' has no record "):
        workspace.labels.save_labels(queue, [event], "ab")
    assert workspace.labels.progress_of(queue, "ab").done == 0


def test_failing_stage_is_a_named_failure_of_its_records(workspace: Workspace) -> None:
    change(
        workspace, "words = question.lower()", 'assert "car" not in question\n    words = question.lower()', "stages.py"
    )
    run, _ = workspace.runs.new(None)
    outputs = {o.record: o for o in workspace.store.outputs(run.id, SYSTEM, "topic")}
    assert outputs["q2"].status == "error"
    assert "AssertionError" in outputs["q2"].error
    card = workspace.runs.scorecard("first")
    assert card is not None
    assert card.stages[0].failures == {"error": 2}
    assert (card.verdict.kind, card.verdict.stage) == ("errors", None)
    assert card.verdict.headline == f"No verdict: topic raised an error in 2 of {card.n_records} calls"
    assert card.verdict.summary.endswith("for example q2: topic raised AssertionError (stages.py:6).")
    assert card.verdict.advice.startswith("Mend the code of topic, then `stagegap run`")
    assert not any(stage.gain.is_measured for stage in card.stages)


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
    run, _ = workspace.runs.new(None)
    outputs = {o.record: o for o in workspace.store.outputs(run.id, SYSTEM, "topic")}
    assert (run.status, outputs["q2"].status) == (RunStatus.DONE, "error")
    assert "SystemExit" in outputs["q2"].error


def test_run_that_breaks_is_kept_as_failed(workspace: Workspace) -> None:
    with pytest.raises(RunStopped, match="Run v1 stopped, because the system refused: terminal is gone"):
        workspace.runs.new(None, progress=Gone())
    assert [(run.name, run.status, run.error) for run in workspace.runs.of("first")] == [
        ("v1", RunStatus.FAILED, "terminal is gone")
    ]
    assert workspace.runs.scorecard("first") is None


def test_stopped_run_goes_on_where_it_stopped(workspace: Workspace) -> None:
    stop = Stop()
    stop.request("It was interrupted.")
    run, summary = workspace.runs.new(None, stop=stop)
    assert (run.status, run.error) == (RunStatus.STOPPED, "It was interrupted.")
    assert workspace.runs.new(None)[0].status is RunStatus.DONE
    assert summary.calls <= 14


def test_own_metric_is_called_from_the_folder_of_the_cascade(workspace: Workspace) -> None:
    change(workspace, "score: fact_recall", "score: [fact_recall, 'python:stages.py:short']")
    change(workspace, "reply.fact_recall, good", "reply.short, good")
    path = workspace.folder / "pipelines" / "first" / "stages.py"
    path.write_text(path.read_text() + "\n\ndef short(value, reference):\n    return float(len(value) < 45)\n")
    run, _ = workspace.runs.new(None)
    card = workspace.runs.scorecard("first", run.name)
    assert card is not None
    assert card.outcome_name == "good questions (reply.short >= 1)"
    assert card.system.value == pytest.approx(5 / 6)


def test_unknown_names_come_with_the_known_ones(workspace: Workspace) -> None:
    workspace.runs.new(None)
    with pytest.raises(NotFound, match=r"Cascade 'first' has no run 'v2'\. Known: v1\."):
        workspace.runs.refresh("first", "v2")
    with pytest.raises(NotFound, match=r"holds the cascade 'firts'\. Did you mean first\?"):
        workspace.labels.label_stages("firts")


def test_pooled_scores_of_a_run_come_from_its_outputs_and_all_labels(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match=r"^Cascade 'first' has no run that is done\. `stagegap run` makes one\.$"):
        workspace.runs.pooled("first")
    workspace.runs.new(None)
    card = workspace.runs.scorecard("first")
    assert card is not None
    found = workspace.runs.pooled("first", "v1")
    assert found[0].stage == card.stages[0].stage
    # Each record wants an answer at the first stage and gets one, so all three are the mean score.
    assert found[0].precision.value == found[0].recall.value == card.stages[0].in_place.value
    assert workspace.runs.pooled("first") == found


def test_cascades_are_those_that_ran_and_those_that_have_a_file(workspace: Workspace) -> None:
    other = workspace.folder / "pipelines" / "first" / "other.yaml"
    other.write_text("extends: cascade.yaml\ncascade: another\n")
    (workspace.folder / "pipelines" / "notes.yaml").write_text("nothing: here\n")
    asking = "extends: cascade.yaml\ncascade: asking\nstages: {topic: {ask: '${WHAT} ${NOT:-is asked}'}}\n"
    (workspace.folder / "pipelines" / "first" / "asking.yaml").write_text(asking)
    workspace.runs.new(other)
    assert workspace.cascades() == ["another", "first"]
    assert set(workspace.files.by_name()) == {"another", "asking", "first"}


def test_file_called_cascade_comes_before_variants_and_other_folders(workspace: Workspace) -> None:
    other = workspace.folder / "pipelines" / "archive" / "live.yaml"
    other.parent.mkdir()
    other.write_text("cascade: archived\n")
    assert list(workspace.files.by_name()) == ["first", "archived"]
    assert workspace.files.load(None).cascade.name == "first"


def test_a_variant_of_another_name_has_the_references_of_the_file_that_both_name(workspace: Workspace) -> None:
    other = workspace.folder / "pipelines" / "first" / "other.yaml"
    other.write_text("extends: cascade.yaml\ncascade: another\n")
    workspace.runs.new(None)
    workspace.runs.new(other)
    first, second = workspace.runs.scorecard("first"), workspace.runs.scorecard("another")
    assert first is not None
    assert second is not None
    assert second.n_scored == first.n_scored > 0


def test_folder_without_a_cascade_says_how_to_make_one(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as opened, pytest.raises(NotFound, match="`stagegap init` makes one"):
        opened.files.load(None)


def test_workspace_is_found_from_a_folder_inside(workspace: Workspace) -> None:
    with Workspace.open(workspace.folder / "pipelines" / "first") as opened:
        assert opened.folder == workspace.folder


def test_commit_of_the_project_stands_with_the_run(workspace: Workspace) -> None:
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", "-C", str(workspace.folder), *who, *words], check=True, env=environment)

    git("init", "-q")
    assert workspace.runs.new(None)[0].commit == ""
    git("add", "pipelines")
    git("commit", "-q", "-m", "first")
    clean = workspace.runs.new(None)[0].commit
    assert len(clean) == 12
    change(workspace, "18.", "19.", "stages.py")
    assert workspace.runs.new(None)[0].commit == f"{clean}+"


def test_problems_of_a_file_are_told_before_anything_is_stored(workspace: Workspace) -> None:
    change(workspace, "uses: python", "uses: pyhton")
    with pytest.raises(SpecError, match="pyhton"):
        workspace.runs.new(None)
    assert workspace.store.runs() == []


def test_stage_that_can_never_answer_stops_the_run(workspace: Workspace) -> None:
    change(workspace, "def topic(question: str) -> str:", "def topic(question: str, missing: str) -> str:", "stages.py")
    with pytest.raises((ConfigurationError, RunStopped), match="missing"):
        workspace.runs.new(None)


def test_account_without_a_name_goes_by_its_number(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under the number of whoever owns the project."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_017)
    run, _ = workspace.runs.new(None)
    assert run.who == "uid-4000017"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("cascade: first\n".encode("utf-16"), "no UTF-8. Save it as UTF-8"),
        (b"", "found nothing where a cascade is needed"),
        (b"- cascade\n", "list"),
    ],
)
def test_a_lone_file_that_is_no_cascade_is_told_as_what_it_is(
    workspace: Workspace, content: bytes, expected: str
) -> None:
    (workspace.folder / "pipelines" / "first" / "cascade.yaml").write_bytes(content)
    with pytest.raises(SpecError, match=expected):
        workspace.files.load(None)
