"""The right of the Failures page: one record in full, and what each stage made of it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard
from stagegap.ui import elements, looking, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace


def draw(workspace: Workspace, scorecard: Scorecard, record: str, ids: Sequence[str], who: str | None) -> None:
    """Draw the record, and its answers to somebody who may see them."""
    view = workspace.failures.record(scorecard.cascade, scorecard.run, record)
    if view is None:
        return note(f"Record {record} is not in run {scorecard.run}.")
    _head(record, ids)
    for name, text in view.fields:
        if " " in text or len(text) > 40:
            elements.field(name, text)
    note(" · ".join(f"{name} {text}" for name, text in view.fields if not (" " in text or len(text) > 40)))
    if not looking.may_see(workspace, scorecard.cascade, scorecard.run, record, who=who, noun=scorecard.noun):
        return None
    marked = state.asked("show") != "plain"
    streamlit.checkbox(
        "Mark differences", key=state.flag_key("show", off="plain"), on_change=state.take_over("show", off="plain")
    )
    elements.chart("record", charts.record_blocks(view, marked=marked))
    streamlit.checkbox("Who said what, and when", key=state.flag_key("history"), on_change=state.take_over("history"))
    if state.asked("history") == "1":
        histories = [workspace.people.history(scorecard.cascade, block.stage, record) for block in view.blocks]
        elements.chart("history", charts.label_histories(histories))
    return None


def _head(record: str, ids: Sequence[str]) -> None:
    place = ids.index(record)
    with streamlit.container(horizontal=True, vertical_alignment="center"):
        streamlit.header(elements.plain(record), anchor=False, width="content")
        for name, to in (("Previous", place - 1), ("Next", place + 1)):
            exists = 0 <= to < len(ids)
            streamlit.button(
                name,
                key=f"failure {name}",
                disabled=not exists,
                on_click=state.choose,
                args=("record", ids[to] if exists else None),
            )
