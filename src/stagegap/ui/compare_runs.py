"""On the Compare page: all runs beside each other, any knob against any estimate, the best so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit

from stagegap import charts
from stagegap.analysis.changes.views import OUTCOME
from stagegap.ui import elements, state
from stagegap.ui.elements import note

if TYPE_CHECKING:
    from stagegap.workspace import Past

FEWEST = 2


def draw(past: Past) -> None:
    """Draw table, scatter and line of all runs that are done."""
    view = past.compared_runs()
    if len(view.rows) < FEWEST:
        return
    streamlit.header(elements.plain(f"{view.headline}."), anchor=False)
    if view.warning:
        note(view.warning)
    measure, _ = state.chosen("y", view.measures, OUTCOME)
    knob, _ = state.chosen(
        "x", view.knobs, next((name for name in view.knobs if ".with." in name), view.knobs[0] if view.knobs else None)
    )
    elements.chart("runs", charts.runs_table(view, measure=measure or OUTCOME))
    left, right = streamlit.columns([1, 1], gap="large")
    with left:
        streamlit.header("The best so far", anchor=False)
        elements.chart("best", charts.best_so_far(view))
    with right:
        streamlit.header("One knob against one figure", anchor=False)
        if knob is None:
            note("No setting and no file differs among the runs.")
            return
        with streamlit.container(horizontal=True, vertical_alignment="center"):
            elements.picker("Figure", "y", {name: name for name in view.measures}, measure or OUTCOME)
            elements.picker("Knob", "x", {name: charts.knob_title(name) for name in view.knobs}, knob, width=260)
        elements.chart("scatter", charts.scatter(view, knob=knob, measure=measure or OUTCOME))
        note("A dot is a run, the band its 95% interval. Runs that lie apart by chance lie apart here, too.")
