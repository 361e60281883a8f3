"""Reading failures on a real run of the starter cascade: list, record, tags, and what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Copied
from stagegap.analysis.failures import confusion
from stagegap.analysis.views import Scorecard
from stagegap.errors import ConfigurationError, NotFound
from stagegap.model.answer import Answer, Label, Output, Reference, Status
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.model.notes import Wanted
from stagegap.model.run import SYSTEM
from stagegap.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    starter(tmp_path)
    with Workspace.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def card(workspace: Workspace) -> Scorecard:
    found = workspace.runs.scorecard("first")
    assert found is not None
    return found


@pytest.fixture
def failing(card: Scorecard) -> tuple[str, str]:
    """A stage and a record at which it fails."""
    detail = next(detail for detail in card.details if detail.rows)
    return detail.stage, detail.rows[0].record


def test_list_of_failures_is_that_of_the_scorecard(workspace: Workspace, card: Scorecard) -> None:
    assert any(detail.failures for detail in card.details)
    for detail in card.details:
        page = workspace.failures.page("first", card.run, Wanted(stage=detail.stage))
        assert page.total == detail.failures
        assert [(row.record, row.title, row.score, row.first_fault) for row in page.rows] == [
            (row.record, row.title, row.score, row.first_fault) for row in detail.rows
        ]


def test_scores_of_every_stage_are_kept(workspace: Workspace, card: Scorecard) -> None:
    run = workspace.store.run("first")
    assert run is not None
    for stage in card.stages:
        kept = workspace.store.scores(run.id, SYSTEM, stage.stage, stage.metric)
        assert sum(kept.values()) / len(kept) == pytest.approx(stage.in_place.value)


def test_labels_made_later_change_the_list_when_the_view_is_refreshed(
    workspace: Workspace, card: Scorecard, failing: tuple[str, str]
) -> None:
    stage, record = failing
    view = workspace.failures.record("first", card.run, record)
    assert view is not None
    run = workspace.store.run("first")
    assert run is not None
    said = workspace.store.outputs(run.id, SYSTEM, stage, records=[record])[0].value
    labels = [
        Label(id=f"n{i}", record=record, stage=stage, annotator=f"p{i}", answer=Answer(value=said), at=9e9)
        for i in range(5)
    ]
    workspace.store.append_labels("first", labels)
    workspace.runs.refresh("first", card.run)
    page = workspace.failures.page("first", card.run, Wanted(stage=stage))
    assert record not in [row.record for row in page.rows]


def test_record_is_shown_stage_by_stage(workspace: Workspace, card: Scorecard, failing: tuple[str, str]) -> None:
    stage, record = failing
    view = workspace.failures.record("first", card.run, record)
    assert view is not None
    blocks = {block.stage: block for block in view.blocks}
    assert list(blocks) == [row.stage for row in card.stages]
    assert blocks[stage].badge in ("first fault", "inherits the fault", "own fault")
    assert blocks[stage].people
    assert workspace.failures.record("first", card.run, "nobody") is None


def test_record_is_in_the_list_at_its_place(workspace: Workspace, card: Scorecard, failing: tuple[str, str]) -> None:
    stage, record = failing
    wanted = Wanted(stage=stage)
    place = workspace.failures.place("first", card.run, wanted, record)
    assert place is not None
    assert workspace.failures.page("first", card.run, wanted, after=place - 1).rows[0].record == record
    assert workspace.failures.place("first", card.run, replace(wanted, group="no: such"), record) is None


def test_tags_are_counted_for_their_owner(workspace: Workspace, card: Scorecard, failing: tuple[str, str]) -> None:
    stage, record = failing
    event = {"id": "e1", "action": "add", "record": record, "tag": "two  topics"}
    for _ in range(2):  # sent twice, it is one
        workspace.failures.save_codes("first", card.run, stage, [event], viewer="ab", verified=False)
    mine = workspace.failures.tally(card, stage, "ab")
    assert mine.own.by_record == {record: ("two topics",)}
    assert [(row.tag, row.count) for row in mine.tally.rows] == [("two topics", 1)]
    others = workspace.failures.tally(card, stage, "cd")
    assert (others.own.by_record, [(row.tag, row.count) for row in others.tally.rows]) == ({}, [("two topics", 0)])
    with pytest.raises(ConfigurationError, match="can't be changed by 'burn'"):
        workspace.failures.save_codes(
            "first", card.run, stage, [{**event, "action": "burn"}], viewer="ab", verified=False
        )


def test_tag_of_a_record_that_is_no_failure_any_more_does_not_count(
    workspace: Workspace, card: Scorecard, failing: tuple[str, str]
) -> None:
    event = {"id": "e1", "action": "add", "record": "gone", "tag": "old"}
    workspace.failures.save_codes("first", card.run, failing[0], [event], viewer="ab", verified=True)
    tally = workspace.failures.tally(card, failing[0], "ab").tally
    assert (tally.read, tally.rows[0].count) == (0, 0)


def test_record_that_was_looked_at_waits_for_that_person_no_more(workspace: Workspace, card: Scorecard) -> None:
    queue = workspace.labels.queue("first", "topic")
    first, second, *_ = workspace.labels.queue_items(queue, "ef", 5)
    assert workspace.failures.waiting("first", second.record, "ef") == ()  # who never labelled has nothing waiting
    event = {"id": "l1", "action": "skip", "record": first.record, "values": None}
    workspace.labels.save_labels(queue, [event], "ef")
    assert workspace.failures.waiting("first", second.record, "ef") == ("topic",)
    assert workspace.failures.waiting("first", first.record, "ef") == ("topic",)  # skipped: still to be done
    assert workspace.failures.waiting("first", second.record, "gh") == ()
    for _ in range(2):
        workspace.failures.look("first", card.run, second.record, "ef")
    assert workspace.failures.waiting("first", second.record, "ef") == ()
    assert second.record not in [item.record for item in workspace.labels.queue_items(queue, "ef", 20)]
    assert second.record in [item.record for item in workspace.labels.queue_items(queue, "gh", 20)]


def test_record_that_was_labelled_waits_no_more(workspace: Workspace) -> None:
    queue = workspace.labels.queue("first", "topic")
    record = workspace.labels.queue_items(queue, "ef", 1)[0].record
    event = {"id": "l1", "action": "label", "record": record, "values": {"value": "opening"}}
    workspace.labels.save_labels(queue, [event], "ef")
    assert workspace.failures.waiting("first", record, "ef") == ()
    workspace.labels.save_labels(queue, [{"id": "l2", "action": "undo", "record": record, "values": None}], "ef")
    assert workspace.failures.waiting("first", record, "ef") == ("topic",)


def test_unknown_run_is_named(workspace: Workspace) -> None:
    with pytest.raises(NotFound, match="no run 'v9'"):
        workspace.failures.page("first", "v9", Wanted(stage="topic"))


def test_confusion_counts_what_a_label_stage_takes_for_what(workspace: Workspace) -> None:
    assert workspace.failures.confusion("first", "v1", "reply") is None
    found = workspace.failures.confusion("first", "v1", "topic")
    assert found is not None
    assert sum(map(len, found.records.values())) == 6
    assert set(found.right) <= {"opening", "parking", "other"}
    mistakes = {record for (right, said), ids in found.records.items() if right != said for record in ids}
    page = workspace.failures.page("first", "v1", Wanted(stage="topic"))
    assert mistakes == {row.record for row in page.rows}


def test_confusion_knows_several_right_answers_failures_and_lost_calls() -> None:
    stage = Stage(
        name="t", uses="python", inputs={}, output=OutputType(kind=Kind.LABEL, values=("a", "b")), metrics=("accuracy",)
    )

    def output(record: str, value: str | None, status: Status = Status.OK) -> Output:
        return Output(record=record, stage="t", status=status, value=value)

    outputs = {
        "1": output("1", "b"),
        "2": output("2", None, Status.UNPARSABLE),
        "3": output("3", None, Status.INFRASTRUCTURE),
        "4": output("4", "a"),
        "5": output("5", "a"),
    }
    both = tuple(Answer(value=value) for value in ("a", "b"))
    references = {
        (record, "t"): Reference(record=record, stage="t", accepted=accepted)
        for record, accepted in {"1": both, "2": both, "3": both, "4": (Answer(value=None),)}.items()
    }
    found = confusion(stage, outputs, references)
    assert found is not None
    assert (found.right, found.answered) == (("a", "b", "no answer"), ("a", "b", "no answer"))
    assert dict(found.records) == {("b", "b"): ("1",), ("a", "no answer"): ("2",), ("no answer", "a"): ("4",)}
    assert (found.count("b", "b"), found.count("b", "a")) == (1, 0)
