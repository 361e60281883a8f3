"""What components send back: clicks on charts, the card's outbox, a signed-in person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import streamlit
from streamlit.testing.v1 import AppTest

from stagegap.workspace import Workspace


def ran(script: Callable[..., None], **arguments: Any) -> AppTest:
    test = AppTest.from_function(script, kwargs=arguments, default_timeout=60).run()
    assert not test.exception
    return test


def test_click_on_a_chart_row_goes_into_the_address_and_no_click_does_not() -> None:
    def script():
        import streamlit

        from stagegap.ui import state

        for sent in ({"pick": "draft"}, {"pick": None}):
            streamlit.session_state[state.chart_key("gap")] = sent
            state.take_pick("gap", "why")()

    assert ran(script).query_params["why"] == "draft"


def test_outbox_is_stored_and_acknowledged(workspace: Workspace) -> None:
    def script(workspace):
        import streamlit

        from stagegap.ui import label_page as label_card
        from stagegap.ui import state

        queue = workspace.labels.queue("support_email", "route")
        good = {"id": "e1", "action": "label", "record": "m0000", "values": {"value": "refund"}, "active_ms": 5}
        bad = {**good, "id": "e2", "values": {"value": "no such team"}}
        for sent in ({"events": [good, bad]}, None):
            streamlit.session_state["card"] = {"outbox": sent}
            label_card.take_in(workspace, queue, "ab", False, "card")
            streamlit.text(" ".join(state.acknowledged("card")))
            streamlit.text(" ".join(state.troubles("card")))

    test = ran(script, workspace=workspace)
    acknowledged, trouble, then, no_trouble = [text.value for text in test.text]
    assert (acknowledged, then, no_trouble) == ("e1", "", "")
    assert "'no such team' is no choice of the form" in trouble


def test_trouble_is_a_line_under_the_card(workspace: Workspace) -> None:
    def script(workspace):
        from stagegap.ui import label_page as label_card
        from stagegap.ui import state

        queue = workspace.labels.queue("support_email", "route")
        state.settle(label_card.key_of(queue, "ab"), stored=[], troubles=["The disk is full."])
        label_card.draw_card(workspace, queue, "ab", False)

    test = ran(script, workspace=workspace)
    assert "Not saved yet" in test.markdown[0].value


def test_signed_in_person_is_not_asked_for_initials(monkeypatch: pytest.MonkeyPatch) -> None:
    def script():
        import streamlit

        from stagegap.ui import identity

        streamlit.text(str(identity.annotator()))

    monkeypatch.setattr(streamlit, "user", {"email": "ab@example.org", "is_logged_in": True})
    test = ran(script)
    assert [text.value for text in test.text] == ["ab@example.org", "('ab@example.org', True)"]
    monkeypatch.setattr(streamlit, "user", {"email": "ab@example.org", "is_logged_in": False})
    configured = AppTest.from_function(script, default_timeout=60)
    configured.secrets["auth"] = {"client_id": "stagegap"}
    configured.run()
    assert [text.value for text in configured.text] == ["(None, False)"]
    assert [button.label for button in configured.button] == ["Sign in"]


def test_work_that_is_on_its_way_is_not_started_twice() -> None:
    from threading import Event

    from stagegap.ui import background

    go, done = Event(), list[str]()

    def work() -> None:
        go.wait()
        done.append("done")

    for _ in range(2):
        background.start(("some", "work"), work)
    go.set()
    background.wait()
    assert done == ["done"]
