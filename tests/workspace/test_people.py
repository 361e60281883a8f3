from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Copied
from stagegap.people.judgements import Judging
from stagegap.runner.queues import Hunt
from stagegap.workspace import Workspace
from stagegap.workspace.people import PeopleNotes


@pytest.fixture
def project(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    """The starter, with a second person who says `other` to every question."""
    starter(tmp_path)
    with Workspace.open(tmp_path) as opened:
        answer(opened, "random", "yz")
        yield opened


def answer(project: Workspace, queue: str, who: str, value: str = "other") -> None:
    found = project.labels.queue("first", "topic", queue)
    for item in project.labels.queue_items(found, who, 99):
        event = {"id": f"{who}{item.record}", "record": item.record, "action": "label", "values": {"value": value}}
        project.labels.save_labels(found, [{**event, "active_ms": 4_000}], who)


def notes(project: Workspace, stage: str = "topic", who: str = "yz") -> PeopleNotes:
    project.people.prepare("first", stage, who)
    found = project.people.notes("first", stage, who)
    assert found is not None
    return found


def test_nothing_is_computed_before_it_is_prepared_and_then_it_is_kept(project: Workspace) -> None:
    assert project.people.notes("first", "topic", "yz") is None
    assert not project.people.is_current("first", "topic", "yz")
    kept = notes(project)
    assert project.people.is_current("first", "topic", "yz")
    answer(project, "random", "xx")
    assert not project.people.is_current("first", "topic", "yz")
    assert project.people.notes("first", "topic", "yz") == kept, "the older ones stand until there are newer"


def test_agreement_beyond_chance_is_said_for_categories_only(project: Workspace) -> None:
    assert notes(project).beyond.startswith("Krippendorff's alpha (nominal) ")
    assert notes(project, "reply").beyond == ""


def test_a_person_reads_of_their_own_work_and_of_nobody_elses(project: Workspace) -> None:
    assert notes(project).own.startswith("You: 6 labels at topic, 4 s each. You agree with the others on ")
    assert notes(project, who="ab").own.startswith("You: 6 labels at topic. You agree")
    assert notes(project, who="eve").own == "You have no label at topic yet."
    assert notes(project, who="").own == ""


def test_hunt_with_unknown_chances_enters_no_rate(project: Workspace) -> None:
    hunt = project.labels.hunt("first", "topic", Hunt(where="true"))
    assert notes(project).hunts == ()
    answer(project, hunt.id, "xx")
    (said,) = notes(project).hunts
    assert said == "Hunt true at topic: 6 questions labelled, in no rate, because the chance of each is unknown."


def test_judgements_are_said_by_criterion(project: Workspace) -> None:
    queue = project.labels.judge("first", "reply", Judging(mode="prefer", criterion="tone"))
    assert notes(project, "reply").judged == ()
    for item in project.labels.queue_items(queue, "eve", 99):
        event = {"id": item.record, "record": item.record, "action": "label", "values": {"verdict": "both"}}
        project.labels.save_labels(queue, [event], "eve")
    (said,) = notes(project, "reply").judged
    assert said.startswith("Judged blind by tone: ")
