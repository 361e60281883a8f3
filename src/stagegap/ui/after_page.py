"""The After page, for what follows a verdict: which stage may be cheaper, where an optimiser should work, and whether
what comes in is still answered as well.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit

from stagegap import charts, registry
from stagegap.errors import StagegapError
from stagegap.ui import background, choice, elements
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.tables.table import Sheet
    from stagegap.workspace import Past


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw its parts for the cascade that the URL names; each says its decision first, then what it rests on."""
    chosen = choice.chosen(workspace)
    if chosen is None:
        return
    cascades, cascade = chosen
    head, right = streamlit.columns([5, 2], vertical_alignment="top")
    with head:
        streamlit.title("After the verdict", anchor=False)
    with right:
        choice.cascade_picker(cascades, cascade)
    past = workspace.past(cascade)
    parts = {
        "Which stage may be cheaper?": partial(_draw_cheaper, past, cascade),
        "Where should an optimiser work?": partial(_draw_aim, workspace, cascade),
        "Is it still good?": partial(_draw_watch, past),
    }
    for question, draw_part in parts.items():
        streamlit.header(question, anchor=False)
        try:
            draw_part()
        except StagegapError as error:
            streamlit.markdown(elements.plain(str(error)))


def _draw_cheaper(past: Past, cascade: str) -> None:
    """Draw what is worked out; else offer to, as long as that costs nothing."""
    swaps = past.cheaper()
    known = swaps.kept()
    if known is not None and not known.is_old:
        _draw_sheet("cheaper", registry.view("cheaper").sheet(known.view))
        if known.view.swaps:
            elements.chart("cheaper picture", charts.cheaper(known.view))
        return None
    key = ("cheaper", cascade)
    if background.is_working(key):
        note("Holding every version to the margin. This part fills itself.")
        return choice.wait(lambda: not background.is_working(key))
    failed = background.failure(key)
    if failed:
        streamlit.markdown(elements.plain(failed))
    note(
        "Runs with another version of a stage are held to what the cascade file lets the end lose "
        "(`targets: outcome: lose_at_most`), each alone and then all at once; known answers are not asked for again."
    )
    streamlit.button("Work it out", on_click=background.start, args=(key, partial(_worked_out, past)))
    note("In the terminal: `stagegap show cheaper`. With `--plan` it says the price first.")
    return None


def _worked_out(past: Past) -> None:
    past.cheaper().view()


def _draw_aim(workspace: Workspace, cascade: str) -> None:
    """Draw the stage and the figures of all; no answers or references, whoever looks may still label blind."""
    with streamlit.spinner("Looking at the newest run and all before it"):
        view = workspace.runs.attribution(cascade).aim()
    _draw_sheet("aim", registry.view("aim").sheet(view).without_records)
    if view.feedback:
        note("What to tell it about each failure, in the terminal: `stagegap show aim`.")


def _draw_watch(past: Past) -> None:
    watch = past.watch()
    if not watch.is_begun:
        return note("Nothing came in yet. In the terminal: `stagegap tools watch FOLDER`.")
    with streamlit.spinner("Looking at what came in"):
        view = watch.view()
    return _draw_sheet("watch", registry.view("watch").sheet(view))


def _draw_sheet(name: str, sheet: Sheet) -> None:
    streamlit.markdown(elements.plain(f"{sheet.headline}."))
    elements.sheet(name, sheet)
