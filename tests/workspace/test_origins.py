"""From a reference back to people, on the real store; and what is not offered because its answer was shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Copied
from stagegap.errors import NotFound
from stagegap.model.answer import Answer
from stagegap.people.disagreements import digest
from stagegap.workspace import Workspace


@pytest.fixture
def project(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    starter(tmp_path)
    with Workspace.open(tmp_path) as opened:
        yield opened


def say(project: Workspace, stage: str, record: str, who: str, **values: object) -> None:
    queue = project.labels.queue("first", stage)
    event = {"id": f"{who}{stage}{record}", "record": record, "action": "label", "values": values}
    project.labels.save_labels(queue, [event], who)


def offered(project: Workspace, stage: str, who: str) -> set[str]:
    return {item.record for item in project.labels.queue_items(project.labels.queue("first", stage), who, 99)}


def test_history_names_everybody_with_what_was_before_them(project: Workspace) -> None:
    say(project, "topic", "q1", "yz", value="other")
    queue = project.people.settling("first", "topic").queue
    event = {"id": "d", "record": "q1", "action": "label", "values": {"verdict": digest(Answer(value="opening"))}}
    project.people.settle(queue, [event], "eve")
    project.failures.look("first", "v1", "q1", "yz")
    found = project.people.history("first", "topic", "q1")
    assert [(one.who, one.did, one.said) for one in found.events] == [
        ("ab", "answered", "opening"),
        ("yz", "answered", "other"),
        ("eve", "settled", "opening"),
        ("yz", "saw the answers", ""),
    ]
    assert dict(found.events[1].inputs) == {"question": "When do you open on Saturday?"}
    assert found.events[0].saw == "from a file: what was seen is unknown"
    assert found.events[3].saw == "of run v1"
    assert (found.accepted, found.settled) == (("opening",), "ab, yz, eve: adjudicated")


def test_look_without_a_run_is_noted_too(project: Workspace) -> None:
    project.failures.look("first", "", "q2", "yz")
    assert [one.saw for one in project.people.history("first", "topic", "q2").events][-1] == "of labellers"
    assert "q2" not in offered(project, "topic", "yz")


def test_record_and_stage_that_are_not_there_are_named(project: Workspace) -> None:
    with pytest.raises(NotFound, match=r"has no stage 'topc'\. Did you mean topic\?"):
        project.people.history("first", "topc", "q1")
    with pytest.raises(NotFound, match="has no record 'q11'"):
        project.people.history("first", "topic", "q11")
    assert project.people.history("first", "reply", "q1").events


def test_who_was_shown_the_answer_as_an_input_is_not_asked_for_it(project: Workspace) -> None:
    say(project, "topic", "q3", "yz", value="parking")
    say(project, "reply", "q3", "yz", value="It is free.")
    say(project, "reply", "q4", "yz", value="Until 18.")
    assert offered(project, "topic", "yz") == {"q1", "q2", "q5", "q6"}, "q4 showed the topic that the system gave"
    assert offered(project, "topic", "xx") == {f"q{i}" for i in range(1, 7)}
    assert offered(project, "reply", "yz") == {"q1", "q2", "q5", "q6"}
    assert project.failures.waiting("first", "q1", "yz") == ("topic", "reply")
    assert project.failures.waiting("first", "q4", "yz") == (), "what is not offered does not wait"
    with Workspace.open(project.folder) as again:  # a program that has opened no queue yet
        queue = project.labels.queue("first", "topic")
        assert again.labels.progress_of(queue, "yz").total == 5


def test_settling_is_left_to_somebody_who_has_not_seen_the_answers(project: Workspace) -> None:
    say(project, "topic", "q1", "yz", value="other")
    project.failures.look("first", "v1", "q1", "eve")
    mine, others = (project.people.settling("first", "topic", who) for who in ("eve", "dan"))
    assert ("q1" in mine.open, mine.known) == (False, 1)
    assert ("q1" in others.open, others.known) == (True, 0)
