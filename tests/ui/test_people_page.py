"""What the People page says and does, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from conftest import Copied
from stagegap.workspace import Workspace
from ui import pages
from ui.pages import data, texts


def people(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import people_page

    people_page.draw(workspace)


@pytest.fixture
def started(tmp_path: Path, starter: Copied) -> Iterator[Workspace]:
    """The starter, run; `cd` answered one question of six."""
    starter(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        queue = workspace.labels.queue("first", "topic")
        event = {"id": "e", "record": "q1", "action": "label", "values": {"value": "other"}}
        workspace.labels.save_labels(queue, [event], "cd")
        yield workspace


def opened(workspace: Workspace, **parameters: str) -> AppTest:
    return pages.opened(people, workspace, **parameters)


def test_everybody_is_listed_and_nobody_acts_without_a_name(started: Workspace) -> None:
    test = opened(started)
    assert test.title[0].value.replace("\\", "") == "2 labellers of first: 1 active and 1 from a file"
    assert "cd" in data(test, "people")
    assert "Reports leave out what is still to be answered by cd (5)." in texts(test)
    assert "Write your initials above to say who has stopped" in texts(test)
    assert not test.selectbox


def test_somebody_stops_and_goes_on(started: Workspace) -> None:
    test = opened(started, who="eve")
    test.selectbox(key="standing who").set_value("cd").run()
    next(button for button in test.button if button.label == "Has stopped").click().run()
    assert "cd has stopped." in texts(test)
    assert started.people.roster("first").people[1].standing == "retired"
    next(button for button in test.button if button.label == "Goes on").click().run()
    assert "cd goes on" in texts(test)
    assert started.people.roster("first").people[1].standing == "active"
    assert [event.by for event in started.store.people("first")] == ["eve", "eve"]


def test_somebody_is_asked_and_what_can_not_be_is_said(started: Workspace) -> None:
    test = opened(started, who="eve")
    test.text_input(key="asked who").set_value("kim").run()
    test.selectbox(key="asked queue").set_value("overlap").run()
    due = date.today() + timedelta(days=30)
    test.date_input(key="asked day").set_value(due).run()
    next(button for button in test.button if button.label == "Ask").click().run()
    assert f"kim is asked to answer the overlap queue of topic until {due.isoformat()}." in texts(test)
    (asked,) = started.people.assigned("first", "kim").values()
    assert (asked.due, asked.by) == (due.isoformat(), "eve")
    test.selectbox(key="asked queue").set_value("next").run()
    next(button for button in test.button if button.label == "Ask").click().run()
    assert "needs no further label at 'topic'" in texts(test)
