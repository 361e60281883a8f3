"""On the Compare page: what was expected beside what came, and the form for the next expectation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit

from stagegap import charts
from stagegap.analysis.changes.views import OUTCOME
from stagegap.errors import StagegapError
from stagegap.tables import figures
from stagegap.ui import elements
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Past
from stagegap.ui.elements import note


def draw(workspace: Workspace, past: Past, cascade: str, baseline: str | None) -> None:
    """Draw the ledger, and offer to write down what the next change should bring."""
    view = past.ledger()
    streamlit.header("What did we expect?", anchor=False)
    if view.rows:
        note(view.calibration.sentence)
        elements.chart("ledger", charts.ledger(view))
        for sentence in dict.fromkeys(row.peek.sentence for row in view.rows if row.run):
            note(sentence)
    else:
        note("Nothing was written down yet. A guess made before a run says more than a reason found after it.")
    card = workspace.runs.scorecard(cascade, baseline)
    if card is None:
        return
    with streamlit.expander(f"Expect something of the change after {card.run}"):
        stages = [row.stage for row in card.stages]
        for row in card.stages:
            if row.gain.is_measured:
                note(
                    f"A perfect {row.stage} would bring the outcome {figures.points(row.gain.value)} points "
                    f"({figures.span(row.gain)})."
                )
        with streamlit.form("expect", border=False):
            # No list that pops up: it would close again at once while the expander still moves what is below it.
            place = streamlit.segmented_control("Where", [*stages, OUTCOME], default=stages[0], required=True)
            with streamlit.container(horizontal=True, vertical_alignment="bottom"):
                points = streamlit.number_input("Points", -100, 100, 0, step=1, width=140)
                reason = streamlit.text_input("Because", width=340)
            if streamlit.form_submit_button("Write it down"):
                _write(past, place, points, reason, card.run)


def _write(past: Past, place: str, points: int, reason: str, baseline: str) -> None:
    try:
        past.expect_points(place, points, reason=reason, baseline=baseline)
    except StagegapError as error:
        streamlit.markdown(elements.plain(str(error)))
        return
    streamlit.rerun()
