from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Command
from conftest import Copied
from stagegap.workspace import Workspace


@pytest.fixture
def begun(stagegap: Command, tmp_path: Path, starter: Copied) -> Command:
    starter(tmp_path)
    return stagegap


def test_history_is_printed_and_the_look_is_noted(begun: Command) -> None:
    said = begun("tools", "history", "topic", "q1", "--as", "yz")
    lines = said.out.splitlines()
    assert lines[:3] == ["q1 at topic", "Held to be right: opening", "ab: one answer"]
    assert lines[3] == "no time given  ab (not verified) answered: opening"
    assert lines[4] == "    from a file: what was seen is unknown"
    assert lines[-1] == "Next:  stagegap app   or   stagegap label topic --as yz"
    again = begun("tools", "history", "topic", "q1", "--as", "yz", "--json").json
    assert [one["did"] for one in again["events"]] == ["answered", "saw the answers"]


def test_record_that_still_waits_is_shown_on_request_only(begun: Command) -> None:
    with Workspace.open(Path.cwd()) as workspace:
        queue = workspace.labels.queue("first", "topic")
        said_before = {"action": "label", "values": {"value": "other"}, "note": "two", "active_ms": 4_000}
        event = {"id": "e", "record": "q2", **said_before}
        workspace.labels.save_labels(queue, [event], "yz")
    said = begun("tools", "history", "topic", "q1", "--as", "yz")
    assert said.code == 2
    assert "q1 still waits for your answer at topic. --look shows the answers all the same" in said.error
    assert "opening" not in said.out
    assert "answered: opening" in begun("tools", "history", "topic", "q1", "--as", "yz", "--look").out
    own = begun("tools", "history", "topic", "q2", "--as", "yz").out
    assert "    note: two" in own
    assert "    saw question, as in run v1, 4 s" in own or "    saw question, 4 s" in own


def test_unknown_record_is_one_sentence(begun: Command) -> None:
    said = begun("tools", "history", "topic", "q9", "--as", "yz")
    assert said.code == 2
    assert "has no record 'q9'" in said.error
