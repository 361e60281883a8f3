"""On the Agree page: where a reference comes from, for every decision and for any record that somebody names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit

from stagegap import charts
from stagegap.errors import NotFound
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Settling
from stagegap.ui import elements, looking, state


def draw(workspace: Workspace, settling: Settling, *, who: str | None, run: str, noun: str) -> None:
    """List the decisions, and draw the history of the record that the URL names to somebody who may see it."""
    cascade, stage = settling.queue.cascade, settling.queue.stage
    streamlit.header("Who said what?", anchor=False)
    record = state.asked("trace")
    if settling.decisions:
        elements.chart("decisions", charts.decisions(settling.decisions, noun=noun, chosen=record), picks="trace")
    streamlit.text_input(
        f"{noun.capitalize()} to trace",
        key=state.picker_key("trace", record),
        on_change=state.take_over("trace"),
        placeholder=f"Id of a {noun}",
        width=260,
    )
    if record is None:
        return
    if record in settling.open:
        elements.note(
            f"{record} waits to be settled. Its history is shown afterwards, so that whoever settles it sees no names."
        )
        return
    try:
        history = workspace.people.history(cascade, stage, record)
    except NotFound as error:
        elements.note(str(error))
        return
    if looking.may_see(workspace, cascade, run, record, who=who, noun=noun):
        elements.chart("history", charts.label_histories([history]))
