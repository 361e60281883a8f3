from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Copied
from stagegap.errors import InputError, NotFound
from stagegap.model.queue import Queue
from stagegap.people.judgements import Judging
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter

RATE = Judging(mode="rate", criterion="quality")


@pytest.fixture
def project(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    starter(tmp_path)
    with Workspace.open(tmp_path) as opened:
        yield opened


def judge(project: Workspace, queue: Queue, record: str, a: int, b: int, *, who: str = "eve", **more: Any) -> None:
    event = {"id": f"{who}{record}{a}{b}", "record": record, "action": "label", "values": {"a": a, "b": b}} | more
    project.labels.save_labels(queue, [event], who)


def records(project: Workspace, queue: Queue, who: str) -> list[str]:
    return [item.record for item in project.labels.queue_items(queue, who, 99)]


def test_judges_get_what_the_system_and_somebody_else_answered(project: Workspace) -> None:
    queue = project.labels.judge("first", "reply", RATE)
    assert (queue.purpose, queue.drawn) == ("judge", "rate by quality")
    assert len(records(project, queue, "eve")) == 6
    assert records(project, queue, "ab") == [], "nobody judges their own answer"
    assert project.labels.judge("first", "reply", RATE).id == queue.id
    assert project.labels.judge("first", "reply", Judging(mode="prefer", criterion="quality")).id != queue.id


def test_judgements_are_no_answers_and_make_the_record_known(project: Workspace) -> None:
    before = project.store.label_count("first")
    card = project.runs.scorecard("first")
    queue = project.labels.judge("first", "reply", RATE)
    first, second, *_ = records(project, queue, "eve")
    judge(project, queue, first, 2, 5)
    judge(project, queue, second, 2, 5)
    judge(project, queue, second, 0, 0, action="undo", values=None)
    assert project.store.label_count("first") == before
    assert card is not None
    assert project.runs.stale_labels(card) == 0
    assert len(project.store.labels("first", stage="reply", annotator="eve")) == 0
    assert first not in records(project, queue, "eve")
    assert second in records(project, queue, "eve"), "an undo brings it back to the judge"
    produce = project.labels.queue("first", "reply")
    assert {first, second}.isdisjoint(records(project, produce, "eve")), "its answers were seen"
    assert len(records(project, produce, "xx")) == 6
    own = project.labels.label_of(queue, "eve", first)
    assert own is not None
    assert own.task == "judge"
    assert project.labels.label_of(queue, "eve", second) is None
    progress = project.labels.progress_of(queue, "eve")
    assert (progress.done, progress.total) == (1, 6)


def test_judgements_are_compared_by_criterion(project: Workspace) -> None:
    assert project.people.judged("first", "reply") == ()
    queue = project.labels.judge("first", "reply", RATE)
    for record in records(project, queue, "eve"):
        judge(project, queue, record, 3, 3)
    (found,) = project.people.judged("first", "reply")
    assert (found.criterion, found.gap.value, found.gap.n) == ("quality", 0.0, 6)


def test_judgements_come_back_from_a_file_with_everything(project: Workspace, tmp_path: Path) -> None:
    queue = project.labels.judge("first", "reply", RATE)
    judge(project, queue, records(project, queue, "eve")[0], 2, 5)
    made = project.store.labels("first", task="judge")
    other = tmp_path / "other"
    write_starter(other)
    for ending in ("jsonl", "csv", "parquet"):
        path = tmp_path / f"labels.{ending}"
        project.labels.export("first", path)
        with Workspace.open(other) as again:
            again.labels.import_file(path, None)
            assert again.store.labels("first", task="judge") == made


def test_without_two_answers_there_is_nothing_to_judge(project: Workspace) -> None:
    path = project.folder / "pipelines" / "first" / "cascade.yaml"
    path.write_text(path.read_text().replace("cascade: first", "cascade: bare").replace("references:", "# "))
    project.runs.new(None)
    with pytest.raises(NotFound, match="There is nothing to judge at 'reply'"):
        project.labels.judge("bare", "reply", RATE)


def foreign(project: Workspace, path: Path, values: list[dict[str, object]], **more: Any) -> int:
    """Import judgements of a file that names no queue; gives how many were new."""
    rows = [
        {"record": f"q{i}", "stage": "reply", "annotator": "far", "task": "judge", "value": value, **more}
        for i, value in enumerate(values, start=1)
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return project.labels.import_file(path, None).added


def test_judgements_of_a_file_without_a_queue_are_said_beside_those_made_here(
    project: Workspace, tmp_path: Path
) -> None:
    rated = [{"criterion": "tone", "ratings": {"system": 1 + i % 2, "person": 4 + i % 2}} for i in range(6)]
    preferred = [{"criterion": "brevity", "ratings": {"system": i % 2, "person": 1}} for i in range(6)]
    assert foreign(project, tmp_path / "a.jsonl", rated, run="of-somebody-else", queue="theirs") == 6
    assert foreign(project, tmp_path / "b.jsonl", preferred) == 6
    project.people.prepare("first", "reply", "")
    notes = project.people.notes("first", "reply", "")
    assert notes is not None
    assert [said.partition(":")[0] for said in notes.judged] == [
        "Judged by tone, in a file, so that nobody here knows how blind",
        "Judged by brevity, in a file, so that nobody here knows how blind",
    ]
    judged = project.runs.attribution("first").agree().judged
    assert [(row.stage, row.criterion, row.people.n) for row in judged] == [
        ("reply", "tone", 6),
        ("reply", "brevity", 6),
    ]


def test_judgements_of_another_run_are_not_said_of_this_one(project: Workspace, tmp_path: Path) -> None:
    before = project.store.run("first")
    assert before is not None
    project.runs.new(None)
    rated: list[dict[str, object]] = [{"ratings": {"system": 2, "person": 4}}]
    assert foreign(project, tmp_path / "a.jsonl", rated, run=before.id) == 1
    assert project.people.judged_elsewhere("first", "reply") == ()
    judged = project.runs.attribution("first", before.name).agree().judged
    assert [(row.criterion, row.people.n) for row in judged] == [("quality", 1)]
    assert project.people.judged_elsewhere("first", "topic") == ()


def test_one_judge_by_two_criteria_on_the_same_records_is_said_of_both(project: Workspace, tmp_path: Path) -> None:
    for criterion, system in (("tone", 2), ("help", 4)):
        rated: list[dict[str, object]] = [
            {"criterion": criterion, "ratings": {"system": system, "person": 5 - i % 2}} for i in range(6)
        ]
        assert foreign(project, tmp_path / "a.jsonl", rated) == 6
    gaps = project.people.judged_elsewhere("first", "reply")
    assert {gap.criterion: (gap.system.n, gap.gap.value) for gap in gaps} == {"tone": (6, 2.5), "help": (6, 0.5)}


def test_a_run_that_judgements_name_may_be_named_as_people_do(project: Workspace, tmp_path: Path) -> None:
    project.runs.new(None)
    for run, system in (("v1", 2), ("v2", 4)):
        rated: list[dict[str, object]] = [
            {"criterion": "tone", "ratings": {"system": system, "person": 5 - i % 2}} for i in range(6)
        ]
        assert foreign(project, tmp_path / "a.jsonl", rated, run=run) == 6
    (newest,) = project.people.judged_elsewhere("first", "reply")
    assert (newest.system.n, newest.gap.value) == (6, 0.5), "v2 is the newest"


@pytest.mark.parametrize("ratings", [{}, {"person": 2}, {"system": 2, "person": True}, {"system": "2", "person": 3}])
def test_judgement_without_two_numbers_is_refused(
    project: Workspace, tmp_path: Path, ratings: dict[str, object]
) -> None:
    with pytest.raises(InputError, match="two numbers, of 'system' and 'person'"):
        foreign(project, tmp_path / "a.jsonl", [{"criterion": "tone", "ratings": ratings}])


@pytest.mark.parametrize("ratings", [{"system": 8, "person": 9}, {"system": 0, "person": 3}, {"system": 0.5}])
def test_judgement_on_another_scale_is_refused(project: Workspace, tmp_path: Path, ratings: dict[str, object]) -> None:
    with pytest.raises(InputError, match="rates from 1 to 5, or says 1 for good and 0"):
        foreign(project, tmp_path / "a.jsonl", [{"criterion": "tone", "ratings": ratings}])


def test_judgement_that_says_nothing_is_refused(project: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"record": "q1", "stage": "reply", "annotator": "far", "task": "judge", "value": null}')
    with pytest.raises(InputError, match="an object with ratings, found no value"):
        project.labels.import_file(path, None)
