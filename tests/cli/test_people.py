"""Who answers, from the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Command
from conftest import Copied
from stagegap.workspace import Workspace


@pytest.fixture
def started(tmp_path: Path, starter: Copied) -> Path:
    """The starter, run; `cd` answered one question of six."""
    starter(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        queue = workspace.labels.queue("first", "topic")
        event = {"id": "e", "record": "q1", "action": "label", "values": {"value": "other"}}
        workspace.labels.save_labels(queue, [event], "cd")
    return tmp_path


def rows(stagegap: Command) -> dict[str, tuple[str, list[tuple[str, str, str]]]]:
    return {
        person["name"]: (
            person["standing"],
            [(work["stage"], work["purpose"], work.get("due", "")) for work in person.get("work", [])],
        )
        for person in stagegap("people", "--json").json["people"]
    }


def test_everybody_is_listed_with_what_is_left(stagegap: Command, started: Path) -> None:
    said = stagegap("people").out
    assert "2 labellers of first: 1 active and 1 from a file" in said
    assert "Reports leave out what is still to be answered by cd (5)." in said
    assert said.splitlines()[-1] == "Next:  stagegap label STAGE --as NAME   or   stagegap report"
    assert rows(stagegap)["cd"] == ("active", [("topic", "random", "")])


def test_somebody_is_asked_until_a_day_and_excused(stagegap: Command, started: Path) -> None:
    said = stagegap("people", "assign", "kim", "topic", "--queue", "overlap", "--due", "2999-12-31", "--as", "eve").out
    assert said.startswith("kim is asked to answer the overlap queue of topic until 2999-12-31. ")
    assert "Next:  stagegap label topic --overlap --as kim" in said
    assert rows(stagegap)["kim"] == ("active", [("topic", "overlap", "2999-12-31")])
    with Workspace.open(started) as workspace:
        (record, *_) = workspace.labels.queue_items(workspace.labels.queue("first", "topic", "overlap"), "kim", 9)
        assert workspace.failures.open_records("first", [record.record]).people["kim"] == {record.record}
        assert workspace.failures.waiting("first", record.record, "kim") == ("topic",)
        assert workspace.people.assigned("first", "kim")[record_queue(workspace)].by == "eve"
    said = stagegap("people", "excuse", "kim", "topic", "--queue", "overlap").out
    assert "kim is no longer asked to answer the overlap queue of topic." in said
    assert "kim" not in rows(stagegap)
    assert stagegap("people", "excuse", "kim", "topic").error.startswith("'kim' was not asked to answer the random")


def record_queue(workspace: Workspace) -> str:
    return workspace.labels.queue("first", "topic", "overlap").id


def test_what_can_not_be_is_said(stagegap: Command, started: Path) -> None:
    for words, error in {
        ("retire", "ce"): "Nobody called 'ce' has answered anything of 'first'. ",
        ("bring-back", "nobody"): "Nobody called 'nobody' has answered",
        ("assign", "cd", "topik"): "Nobody can be asked about a stage 'topik'.",
        ("assign", " ", "topic"): "Say who is asked",
        ("assign", "cd", "topic", "--due", "5.12."): "A last day is written as ",
        ("assign", "cd", "topic", "--due", "1999-01-01"): "The last day 1999-01-01 is over",
        ("assign", "cd", "topic", "--queue", "none"): "Stage 'topic' has no queue 'none'.",
    }.items():
        said = stagegap("people", *words)
        assert said.code == 2, words
        assert said.error.startswith(error), words


def test_whoever_has_stopped_is_listed_and_nothing_waits(stagegap: Command, started: Path) -> None:
    stagegap("people", "assign", "cd", "topic")
    stagegap("people", "retire", "cd", "--as", "eve")
    assert rows(stagegap)["cd"][0] == "retired"
    with Workspace.open(started) as workspace:
        assert workspace.failures.open_records("first", ["q2"]).people == {}
