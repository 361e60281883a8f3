"""Below the records: the table of what went wrong, notes that become codes, and the codebook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from conftest import Copied
from stagegap.people.codebook import Codebook
from stagegap.workspace import Workspace
from ui import pages
from ui.pages import data, texts


def read(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import read_page

    read_page.draw(workspace)


@pytest.fixture
def started(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    """The starter, run; three of its six questions were read by `ab`, two fail at topic with a note."""
    starter(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        items = workspace.readings.sitting("first", "v1", "ab", ahead=3).items
        for place, item in enumerate(items):
            said = {"verdict": "fail", "stage": "topic", "note": f"note {place}"} if place else {"verdict": "pass"}
            event = {"id": f"g{place}", "what": "reading", "action": "read", "record": item.record, **said}
            workspace.readings.save("first", "v1", [event], "ab")
        yield workspace


def opened(workspace: Workspace) -> AppTest:
    return pages.opened(read, workspace, who="ab")


def press(test: AppTest, label: str) -> AppTest:
    next(button for button in test.button if button.label == label).click().run()
    assert not test.exception
    return test


def book(workspace: Workspace) -> Codebook:
    return workspace.readings.book("first")


def test_table_stands_below_and_notes_become_a_code(started: Workspace) -> None:
    test = opened(started)
    assert "67% (21 to 94) of 3 questions read fail" in texts(test)
    assert "2 failures without a code" in texts(test)
    picked = test.multiselect(key="notes picked")
    assert [option.partition(" (")[0] for option in picked.options] == ["topic: note 2", "topic: note 1"]
    picked.set_value([reading.record for reading in started.readings.uncoded("first", "v1", "ab")]).run()
    test.text_input(key="notes code").set_value("two topics").run()
    press(test, "Give them this code")
    assert "two topics stands on 2 records." in texts(test)
    assert {mark.code for mark in book(started).marks} == {"two topics"}
    assert "two topics" in data(test, "codes")
    assert not test.multiselect or test.multiselect[0].key != "notes picked"


def test_code_is_defined_renamed_merged_split_and_retired(started: Workspace) -> None:
    waiting = started.readings.uncoded("first", "v1", "ab")
    started.readings.give("first", "v1", waiting, "two topics", "ab")
    test = opened(started)
    test.text_input(key="definition two topics 1").set_value("Two requests.").run()
    test.selectbox(key="severity two topics 1").set_value("major").run()
    press(test, "Save its meaning")
    assert "two topics is defined." in texts(test)
    assert [(c.definition, c.severity, c.version) for c in book(started).codes] == [("Two requests.", "major", 2)]
    record = waiting[0].record
    test.text_input(key="into two topics 2").set_value("three topics").run()
    test.multiselect(key="records two topics 2").select(record).run()
    press(test, "Split off")
    assert "1 record went to three topics." in texts(test)
    assert [mark.code for mark in book(started).marks if mark.record == record] == ["three topics"]
    test.text_input(key="into two topics 3").set_value("topics").run()
    press(test, "Rename")
    assert book(started).names == ("topics", "three topics")
    test.selectbox(key="code to change").set_value("three topics").run()
    test.text_input(key="into three topics 1").set_value("topics").run()
    press(test, "Merge")
    assert book(started).names == ("topics",)
    test.checkbox(key="history of the book").check().run()
    assert "three topics became topics (ab)." in texts(test)
    press(test, "Retire")
    assert book(started).names == ()


def test_what_cannot_be_done_is_a_sentence(started: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from stagegap.ui import identity, read_page

    outcomes: list[str] = []
    monkeypatch.setattr("stagegap.ui.state.put_outcome", outcomes.append)
    read_page._act("ab", lambda: started.readings.change("first", "ab", action="retire", tag="gone"), "done")
    monkeypatch.setattr(identity, "may_label", lambda who: False)
    read_page._act("ab", lambda: None, "done")
    assert outcomes == ["The codebook has no code 'gone'.", identity.CLOSED]
