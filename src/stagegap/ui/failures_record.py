"""The right of the Failures page: one record in full, and what each stage made of it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard
from stagegap.analysis.wording import listed
from stagegap.ui import elements, state
from stagegap.ui.elements import note
from stagegap.ui.protocol import Workspace

MARKED = ("Differences", "Plain text")


def draw(workspace: Workspace, scorecard: Scorecard, record: str, ids: Sequence[str], who: str | None) -> None:
    """Draw the record; the answers only where that person is not still to label it.

    Whoever sees the answers is noted, so that no queue offers them the record afterwards.
    """
    view = workspace.reading.record(scorecard.cascade, scorecard.run, record)
    if view is None:
        return note(f"Record {record} is not in run {scorecard.run}.")
    _head(record, ids)
    for name, text in view.fields:
        if " " in text or len(text) > 40:
            elements.field(name, text)
    note(" · ".join(f"{name} {text}" for name, text in view.fields if not (" " in text or len(text) > 40)))
    waiting = workspace.reading.waiting(scorecard.cascade, record, who) if who else ()
    if waiting:
        streamlit.markdown(
            elements.plain(
                f"This {scorecard.noun} still waits for your answer at {listed(waiting)}. "
                "Looking at the answers takes it out of your queue, because you would not be blind to them."
            )
        )
        streamlit.button(
            "Show the answers", on_click=workspace.reading.look, args=(scorecard.cascade, scorecard.run, record, who)
        )
        return None
    if who:
        workspace.reading.look(scorecard.cascade, scorecard.run, record, who)
    marked = state.asked("show") != "plain"
    streamlit.checkbox(
        "Mark differences", key=state.flag_key("show", off="plain"), on_change=state.take_over("show", off="plain")
    )
    return elements.chart("record", charts.record_blocks(view, marked=marked))


def _head(record: str, ids: Sequence[str]) -> None:
    place = ids.index(record)
    with streamlit.container(horizontal=True, vertical_alignment="center"):
        streamlit.header(elements.plain(record), anchor=False, width="content")
        for name, to in (("Previous", place - 1), ("Next", place + 1)):
            there = 0 <= to < len(ids)
            streamlit.button(
                name,
                key=f"failure {name}",
                disabled=not there,
                on_click=state.choose,
                args=("record", ids[to] if there else None),
            )
