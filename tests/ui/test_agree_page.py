"""What the Agree page says and does, without a browser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from stagegap.ui import background
from stagegap.workspace import Workspace
from ui.pages import charts_of, opened, texts

CASCADE = "support_email"


def agree(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import agree_page

    agree_page.draw(workspace)


def test_first_visit_to_agree_says_that_answers_are_compared_and_then_shows_them(workspace: Workspace) -> None:
    first = opened(agree, workspace, stage="route", who="first-person")
    assert "Comparing what labellers answered." in texts(first)
    background.wait()
    then = texts(opened(agree, workspace, stage="route", who="first-person"))
    assert "Comparing" not in then
    assert "Krippendorff's alpha" in then
    assert "3 disagreements to settle at route" in then


def compared(workspace: Workspace, who: str = "", **parameters: str) -> AppTest:
    """Open the Agree page once the answers are compared."""
    workspace.people.prepare(CASCADE, "route", who)
    return opened(agree, workspace, stage="route", **({"who": who} if who else {}), **parameters)


def test_agreement_stands_in_the_heading_with_its_interval_and_n(workspace: Workspace) -> None:
    test = compared(workspace, "eve")
    heading = test.title[0].value.replace("\\", "")
    assert heading == "Two people agree on 98% at route (95% interval 93 to 99, n\u00a0=\u00a0120)"


def test_record_is_traced_to_who_said_what_by_somebody_who_may_see_it(workspace: Workspace) -> None:
    queue = workspace.labels.queue(CASCADE, "route")
    event = {"id": "d1", "action": "label", "record": "m0001", "values": {"verdict": "neither", "value": "other"}}
    workspace.people.settle(queue, [event], "dan", False)
    nobody = compared(workspace, trace="m0001")
    assert "Write your initials above to see the answers." in texts(nobody)
    assert "m0001" in charts_of(nobody), "what was settled is listed"
    assert "first-person" not in charts_of(nobody)
    traced = charts_of(compared(workspace, "eve", trace="m0001"))
    assert "first-person" in traced
    assert "settled</b>: other" in traced
    assert workspace.store.failing.seen(CASCADE, "eve") == {"m0001"}
    waiting = compared(workspace, "eve", trace="m0000")
    assert "m0000 waits to be settled." in texts(waiting)
    assert "has no record 'x1'" in texts(compared(workspace, "eve", trace="x1"))


def test_who_saw_the_answers_elsewhere_settles_nothing_there(workspace: Workspace) -> None:
    workspace.failures.look(CASCADE, "v2", "m0002", "curious")
    said = texts(compared(workspace, "curious"))
    assert "1 more wait for somebody who has not seen the answers there, as you have." in said
    assert "2 disagreements to settle at route" in said


@pytest.mark.parametrize(
    ("shared", "sentence"),
    [
        (0, "No mail here was answered by two labellers. Where a second one answers some of the same mails"),
        (1, "Whoever answered the same mail gave the same answer: 1 mail so far."),
    ],
)
def test_where_nothing_is_to_settle_it_is_said_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, shared: int, sentence: str
) -> None:
    settling = replace(workspace.people.settling(CASCADE, "route"), open=(), shared=shared)
    monkeypatch.setattr(type(workspace.people), "settling", lambda *_: settling)
    test = compared(workspace, "eve")
    assert sentence in texts(test)
    assert [header.value for header in test.header] == ["Nothing to settle at route", "Who said what?"]
