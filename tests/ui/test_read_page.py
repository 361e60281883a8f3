"""What the Read page says and stores, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Copied
from stagegap.ui.read_page import WAITS, given, store
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter
from ui import pages
from ui.pages import data, texts


def read(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import read_page

    read_page.draw(workspace)


@pytest.fixture
def started(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    """The starter, run once."""
    starter(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        yield workspace


def test_nobody_reads_without_a_name(started: Workspace) -> None:
    test = pages.opened(read, started)
    assert "Every reading carries who made it." in texts(test)
    assert not data(test, "read/first")


def test_page_hands_out_records_without_references_and_says_where_a_link_leads_nowhere(started: Workspace) -> None:
    test = pages.opened(read, started, who="ab", run="v9")
    assert "Run v9 in the link is not here. This is the newest." in texts(test)
    sent = data(test, "read/first/v1")
    assert "data-stage" in sent
    assert "Reference" not in sent
    assert test.selectbox(key="pick run").value == "v1"


def test_without_a_run_it_says_what_to_do(tmp_path: Path) -> None:
    write_starter(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        test = pages.opened(read, workspace, who="ab")
    assert test.title[0].value == "Nothing to read yet"
    assert "no label is needed" in texts(test)


def test_record_of_the_link_that_is_not_there_is_a_sentence(started: Workspace) -> None:
    test = pages.opened(read, started, who="ab", record="q99")
    assert "Record q99 is not in run v1." in texts(test)


def test_last_reading_can_be_taken_back_after_a_reload(started: Workspace) -> None:
    first = given(started, "first", "v1", who="ab", acknowledged=[])
    assert first["last"] is None
    record = first["items"][0]["record"]
    events = [
        {"id": "c1", "what": "code", "action": "add", "record": record, "stage": "topic", "tag": "two topics"},
        {"id": "g1", "what": "reading", "action": "read", "record": record, "verdict": "fail", "stage": "topic"},
        {"id": "g2", "what": "reading", "action": "burn", "record": record},
    ]
    stored, troubles = store(started, "first", "v1", events, who="ab", verified=False)
    assert stored == ["c1", "g1"]
    assert troubles == [f"{WAITS} A record is read, skipped or taken back, not 'burn'."]
    wrong = {"id": "v1", "what": "verdict", "action": "label", "record": record, "stage": "topic", "value": "nowhere"}
    stored, troubles = store(started, "first", "v1", [wrong], who="ab", verified=False)
    assert stored == ["v1"], "what is no answer of the stage is none on the next try"
    assert troubles[0].startswith(f"Not kept of {record}: 'nowhere' is no answer of the stage")
    after = given(started, "first", "v1", who="ab", acknowledged=stored)
    assert after["last"]["record"] == record
    assert after["last"]["own"] == {"verdict": "fail", "stage": "topic", "note": ""}
    assert after["last"]["codes"] == ["two topics"]
    assert after["progress"] == {"done": 1, "passed": 0, "total": 6}
    assert [code["name"] for code in after["codes"]] == ["two topics"]


def test_record_to_label_blind_comes_without_its_answers(started: Workspace) -> None:
    queue = started.labels.queue("first", "topic")
    started.labels.save_labels(queue, [{"id": "l", "action": "skip", "record": "q1", "values": None}], "ef")
    items = given(started, "first", "v1", who="ef", acknowledged=[])["items"]
    assert [(item["html"], item["waits"]) for item in items] == [(None, ["topic"])] * 4
