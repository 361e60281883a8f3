"""What the Failures page writes into the address: boxes, and what its list sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest


def ran(script: Callable[..., None], **parameters: str) -> AppTest:
    test = AppTest.from_function(script, default_timeout=60)
    for name, value in parameters.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


@pytest.mark.parametrize(
    ("sent", "address"),
    [
        ({"record": "m1", "after": None}, {"record": "m1", "after": "16"}),
        ({"record": None, "after": 8}, {"after": "8"}),
        ({"record": None, "after": 0}, {}),
        ({"record": 3, "after": "x"}, {"record": "m0", "after": "16"}),
    ],
)
def test_move_of_a_list_is_taken_into_the_address(sent: dict[str, Any], address: dict[str, str]) -> None:
    def script(sent):
        import streamlit

        from stagegap.ui import state

        streamlit.session_state["list"] = {"move": {"at": 7, **sent}}
        state.take_move("list")()
        streamlit.text(state.moves("list"))
        streamlit.text(state.moves("another list"))

    test = AppTest.from_function(script, kwargs={"sent": sent}, default_timeout=60)
    test.query_params["record"] = "m0"
    test.query_params["after"] = "16"
    test.run()
    assert not test.exception
    assert {name: values[0] for name, values in test.query_params.items()} == address or test.query_params == address
    assert [text.value for text in test.text] == ["(7, 0)", "(0, 0)"]


def test_choice_by_anything_but_the_list_is_counted() -> None:
    def script() -> None:
        import streamlit

        from stagegap.ui import state

        state.choose("record", "m1")
        state.choose_several(after="8", record=None)
        streamlit.text(state.moves("list"))

    assert ran(script).text[0].value == "(0, 3)"


def test_control_that_holds_what_the_page_set_changes_nothing() -> None:
    def script() -> None:
        from stagegap.ui import state

        state.picker_key("text", state.asked("text"))
        state.take_over("text", drop=("record",))()
        state.flag_key("show", off="plain")
        state.take_over("show", off="plain", drop=("record",))()

    assert ran(script, record="m0").query_params == {"record": "m0"}


def test_box_writes_what_it_is_for() -> None:
    def script() -> None:
        import streamlit

        from stagegap.ui import state

        streamlit.checkbox("on", key=state.flag_key("on"), on_change=state.take_over("on", drop=("record",)))
        off = state.flag_key("show", off="plain")
        streamlit.checkbox("show", key=off, on_change=state.take_over("show", off="plain"))

    test = ran(script, record="m0")
    assert [box.value for box in test.checkbox] == [False, True]
    test.checkbox[0].check().run()
    test.checkbox[1].uncheck().run()
    assert test.query_params == {"on": "1", "show": "plain"}
    assert [box.value for box in test.checkbox] == [True, False]
    test.checkbox[0].uncheck().run()
    test.checkbox[1].check().run()
    assert test.query_params == {}
