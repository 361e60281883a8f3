"""Reading whole records on a real run: the fair sample, what is handed out, what is stored, the codebook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from conftest import Copied
from stagegap.analysis.record_view import RecordView
from stagegap.errors import ConfigurationError, NotFound
from stagegap.model.run import Run
from stagegap.workspace import Workspace
from stagegap.workspace.failures import Failures

EVENT = {"id": "g1", "what": "reading", "action": "read", "verdict": "fail", "stage": "topic", "note": "two topics"}


@pytest.fixture
def workspace(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    """The starter, run once; six questions."""
    starter(tmp_path)
    with Workspace.open(tmp_path) as opened:
        yield opened


def names(workspace: Workspace, who: str, **more: str) -> list[str]:
    return [item.record for item in workspace.readings.sitting("first", None, who, ahead=9, **more).items]


def test_sample_holds_every_record_once_in_an_order_that_a_later_run_has_too(workspace: Workspace) -> None:
    first = names(workspace, "ab")
    assert sorted(first) == [f"q{i}" for i in range(1, 7)]
    assert first != sorted(first)
    workspace.runs.new(None)
    assert names(workspace, "ab") == first
    assert [queue.purpose for queue in workspace.store.queues("first")] == ["read", "read"]


@pytest.mark.parametrize("is_whole", [True, False])
def test_traces_of_agents_are_read_whole_whichever_stage_takes_them_apart(tmp_path: Path, is_whole: bool) -> None:
    """The first stage has an output of each turn and none of a trace; where all are so, turns say which traces ran."""
    turns = [{"role": "Coder", "content": "print(1)"}, {"role": "Boss", "content": "1, thanks"}]
    traces = [{"id": f"t{n}", "question": "1?", "history": turns[: 1 + n % 2]} for n in range(5)]
    (tmp_path / "team.jsonl").write_text("".join(json.dumps(trace) + "\n" for trace in traces), "utf-8")
    with Workspace.open(tmp_path) as workspace:
        imported = workspace.runs.import_traces([tmp_path / "team.jsonl"])
        file = tmp_path / "pipelines" / "team.yaml"
        if not is_whole:
            file.write_text(
                re.sub(r"  answer:.*", "outcome: {score: step.accuracy}\n", file.read_text(), flags=re.DOTALL)
            )
        workspace.runs.new(imported.cascade)
        sitting = workspace.readings.sitting("team", None, "ab", ahead=9)
        assert sorted(item.record for item in sitting.items) == [f"t{n}" for n in range(5)]
        kept = workspace.runs.kept_scorecard("team", None)
        assert kept is not None
        assert kept.view.n_records == 5
    view = next(item.view for item in sitting.items if item.record == "t1")
    assert view is not None
    assert [turn["role"] for turn in json.loads(view.blocks[0].turns)] == ["Coder", "Boss"]
    assert dict(view.fields)["question"] == "1?"


def test_records_that_come_next_are_looked_for_together(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among millions a name is looked for as long as many are."""
    looks: list[list[str]] = []
    look = Failures.as_they_flowed

    def counted(self: Failures, run: Run, records: Sequence[str]) -> dict[str, RecordView]:
        looks.append(list(records))
        return look(self, run, records)

    monkeypatch.setattr(Failures, "as_they_flowed", counted)
    for turn in range(5):
        item = workspace.readings.sitting("first", "v1", "ab", ahead=1).items[0]
        assert item.view is not None
        assert item.view.record == item.record
        workspace.readings.save("first", "v1", [{**EVENT, "id": f"r{turn}", "record": item.record}], "ab")
    assert [len(records) for records in looks] == [6]
    workspace.runs.new(None)
    assert workspace.readings.sitting("first", "v2", "ab", ahead=1).items[0].view is not None
    assert workspace.readings.sitting("first", "v1", "ab", ahead=1).items[0].view is not None
    assert [len(records) for records in looks] == [6, 6, 2]


def test_record_is_handed_out_as_it_flowed_and_without_what_is_held_to_be_right(workspace: Workspace) -> None:
    sitting = workspace.readings.sitting("first", "v1", "ab", ahead=2)
    assert len(sitting.items) == 2
    for item in sitting.items:
        assert item.view is not None
        assert [block.stage for block in item.view.blocks] == list(sitting.stages)
        assert {(block.reference, block.badge) for block in item.view.blocks} == {("", "not compared")}
        assert all(block.call for block in item.view.blocks)


def test_who_reads_a_record_is_not_asked_to_label_it_and_who_is_to_label_it_is_told_before(
    workspace: Workspace,
) -> None:
    queue = workspace.labels.queue("first", "topic")
    skipped = {"id": "l1", "action": "skip", "record": "q1", "values": None}
    workspace.labels.save_labels(queue, [skipped], "ef")
    sitting = workspace.readings.sitting("first", None, "ef", ahead=2)
    assert [(item.view, item.waits) for item in sitting.items] == [(None, ("topic",))] * 2
    record = sitting.items[0].record
    assert record in [item.record for item in workspace.labels.queue_items(queue, "ef", 9)]
    workspace.readings.show("first", None, record, "ef")
    assert record not in [item.record for item in workspace.labels.queue_items(queue, "ef", 9)]
    first, second = workspace.readings.sitting("first", None, "ef", ahead=2).items
    assert first.view is not None
    assert (second.view, second.waits) == (None, ("topic",))
    read = set(names(workspace, "gh"))  # gh never labelled: nothing waits, and what was handed out was seen
    assert read & {item.record for item in workspace.labels.queue_items(queue, "gh", 9)} == set()


def test_what_was_said_is_stored_once_and_comes_back_with_its_codes(workspace: Workspace) -> None:
    record, second, *_ = names(workspace, "ab")
    code = {"id": "c1", "what": "code", "action": "add", "record": record, "stage": "topic", "tag": "two topics"}
    for _ in range(2):
        workspace.readings.save("first", None, [{**EVENT, "record": record}, code], "ab", verified=True)
    sitting = workspace.readings.sitting("first", None, "ab", ahead=9)
    assert (sitting.done, sitting.passed, sitting.total, sitting.noun) == (1, 0, 6, "question")
    assert record not in [item.record for item in sitting.items]
    assert sitting.last is not None
    assert sitting.last.own is not None
    assert (sitting.last.record, sitting.last.own.note, sitting.last.codes) == (record, "two topics", ("two topics",))
    assert sitting.last.own.queue == workspace.store.queues("first")[0].id
    assert sitting.book.names == ("two topics",)
    passed = {**EVENT, "id": "g2", "verdict": "pass", "record": second}
    workspace.readings.save("first", None, [passed], "ab")
    assert workspace.readings.sitting("first", None, "ab", ahead=9).passed == 1
    undo = {"id": "g3", "action": "undo", "record": second}
    workspace.readings.save("first", None, [undo], "ab")
    assert second in names(workspace, "ab")


def test_record_that_is_looked_up_comes_first_and_enters_no_rate(workspace: Workspace) -> None:
    last = names(workspace, "ab")[-1]
    item = workspace.readings.sitting("first", None, "ab", ahead=2, record=last).items[0]
    assert (item.record, item.is_offered) == (last, False)
    workspace.readings.save("first", None, [{**EVENT, "record": last, "is_offered": False}], "ab")
    again = workspace.readings.sitting("first", None, "ab", ahead=2, record=last)
    assert (again.done, again.items[0].is_offered) == (0, False)
    offered = again.items[1].record
    workspace.readings.save("first", None, [{**EVENT, "id": "g2", "record": offered}], "ab")
    assert workspace.readings.sitting("first", None, "ab", ahead=2, record=offered).items[0].is_offered
    with pytest.raises(NotFound, match="Record q99 is not in run v1"):
        workspace.readings.sitting("first", None, "ab", ahead=2, record="q99")


def test_events_that_no_page_sends_are_refused(workspace: Workspace) -> None:
    record = names(workspace, "ab")[0]
    with pytest.raises(ConfigurationError, match="found 'topics'"):
        workspace.readings.save("first", None, [{**EVENT, "record": record, "stage": "topics"}], "ab")
    code = {"id": "c1", "what": "code", "action": "add", "record": record, "stage": "topics", "tag": "x"}
    with pytest.raises(ConfigurationError, match="There is no stage 'topics'"):
        workspace.readings.save("first", None, [code], "ab")
    assert workspace.store.failing.readings("first") == []


def test_codebook_is_changed_for_everybody(workspace: Workspace) -> None:
    book = workspace.readings.change("first", "ab", action="define", tag="tone", definition="Rude.", severity="minor")
    assert [(code.name, code.definition, code.severity, code.by) for code in book.codes] == [
        ("tone", "Rude.", "minor", "ab")
    ]
    assert workspace.readings.change("first", "cd", action="move", tag="tone", into="rude").names == ("rude",)
    with pytest.raises(ConfigurationError, match="no code 'rud'"):
        workspace.readings.change("first", "cd", action="retire", tag="rud")


def test_views_are_held_for_a_while_and_a_label_page_never_gets_the_sample(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stagegap.workspace.readings.HELD", 2)
    workspace.readings.sitting("first", None, "ab", ahead=6)
    assert len(workspace.readings._views) <= 2
    with pytest.raises(NotFound, match="no queue 'read'"):
        workspace.labels.queue("first", "reply", "read")


def read_all(workspace: Workspace, run: str, who: str, *, fails: int) -> list[str]:
    """The first `fails` records of the sample fail at topic, the others pass."""
    records = [item.record for item in workspace.readings.sitting("first", run, who, ahead=9).items]
    for place, record in enumerate(records):
        verdict = "fail" if place < fails else "pass"
        event = {**EVENT, "id": f"{who} {run} {record}", "record": record, "verdict": verdict}
        workspace.readings.save("first", run, [event], who)
    return records


def test_notes_become_codes_and_the_view_counts_them_over_runs(workspace: Workspace) -> None:
    records = read_all(workspace, "v1", "ab", fails=3)
    waiting = workspace.readings.uncoded("first", "v1", "ab")
    assert [(reading.record, reading.note) for reading in waiting] == [(name, "two topics") for name in records[2::-1]]
    workspace.readings.give("first", "v1", waiting[:2], "two topics", "ab")
    assert [reading.record for reading in workspace.readings.uncoded("first", "v1", "ab")] == [records[0]]
    view = workspace.runs.attribution("first", "v1").codes()
    assert [(row.code, row.stage, row.count) for row in view.rows] == [
        ("two topics", "topic", 2),
        ("(no code)", "topic", 1),
    ]
    assert (view.n, view.failing.value, view.uncoded, view.runs) == (6, 0.5, 1, ())
    workspace.runs.new(None)
    assert workspace.runs.attribution("first", "v2").codes().n == 0
    assert read_all(workspace, "v2", "cd", fails=2) == records
    workspace.readings.give("first", "v2", workspace.readings.uncoded("first", "v2", "cd"), "two topics", "cd")
    later = workspace.runs.attribution("first", "v2").codes()
    assert [(row.code, row.run, round(row.share.value, 3)) for row in later.runs] == [
        ("two topics", "v1", 0.333),
        ("two topics", "v2", 0.333),
    ]
    assert later.runs[1].change.n == 6
    assert workspace.runs.attribution("first", "v1").codes().runs == ()
