"""What the Agree page says and does, without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ui import views
from ui.fake_workspace import FakeWorkspace
from ui.pages import charts_of, opened, texts


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    return FakeWorkspace(folder=tmp_path, shown=views.scorecard())


def agree(workspace):
    from stagegap.ui import agree_page

    agree_page.draw(workspace)


def test_first_visit_to_agree_says_that_answers_are_compared_and_then_shows_them(workspace: FakeWorkspace) -> None:
    from stagegap.ui import background

    workspace.people.may_go_on.clear()
    first = opened(agree, workspace, stage="route", who="eve")
    assert "Comparing what people answered." in texts(first)
    workspace.people.may_go_on.set()
    background.wait()
    then = texts(opened(agree, workspace, stage="route", who="eve"))
    assert "Comparing" not in then
    assert "Judged blind by quality" in then
    assert "You: 3 labels at route." in then
    assert "1 of 3 answers marked unsure." in then
    assert "carry initials that nobody checked: not verified." in then
    assert "3 disagreements to settle at route" in then


def compared(workspace: FakeWorkspace, **parameters: str) -> AppTest:
    """Open the Agree page once the answers are compared."""
    for who in ("", "eve", "curious"):
        workspace.people.prepare("support_email", "route", who)
    return opened(agree, workspace, stage="route", **parameters)


def test_agreement_stands_in_the_heading_with_its_interval_and_n(workspace: FakeWorkspace) -> None:
    test = compared(workspace, who="eve")
    assert test.title[0].value.replace("\\", "") == "Two people agree on 94% at route (95% interval 88 to 97, n = 120)"


def test_record_is_traced_to_who_said_what_by_somebody_who_may_see_it(workspace: FakeWorkspace) -> None:
    queue = workspace.labels.queue("support_email", "route")
    event = {"id": "d1", "action": "label", "record": "m0001", "values": {"verdict": "neither", "value": "other"}}
    workspace.people.settle(queue, [event], "dan", False)
    nobody = compared(workspace, trace="m0001")
    assert "Write your initials above to see the answers." in texts(nobody)
    assert "m0001" in charts_of(nobody), "what was settled is listed"
    assert "first-person" not in charts_of(nobody)
    traced = charts_of(compared(workspace, trace="m0001", who="eve"))
    assert "first-person" in traced
    assert "settled</b>: other" in traced
    assert workspace.failures.looks() == [["m0001", "eve"]]
    waiting = compared(workspace, trace="m0000", who="eve")
    assert "m0000 waits to be settled." in texts(waiting)
    assert "first-person" not in charts_of(waiting)
    assert "has no record 'x1'" in texts(compared(workspace, trace="x1", who="eve"))


def test_who_saw_the_answers_elsewhere_settles_nothing_there(workspace: FakeWorkspace) -> None:
    said = texts(compared(workspace, who="curious"))
    assert "1 more wait for somebody who has not seen the answers there, as you have." in said
