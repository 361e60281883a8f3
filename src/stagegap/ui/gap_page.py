"""The Gap page: which stage holds the system back, and by how much."""

from __future__ import annotations

from functools import partial

import streamlit

from stagegap import charts, report
from stagegap.analysis.views import Scorecard
from stagegap.ui import elements, empty, offers, opening, state, toolbar, why_section
from stagegap.ui.elements import note
from stagegap.workspace import Workspace


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw the verdict, both charts and the reasons; or the sentence that says what to do first."""
    scored = opening.scored(workspace)
    if scored is None:
        return None
    opened, scorecard = scored
    verdict = scorecard.verdict
    head, tools = streamlit.columns([6, 1.9] if len(opened.cascades) == 1 else [5, 3], vertical_alignment="top")
    with tools:
        toolbar.draw(opened, partial(offers.of_run, workspace, scorecard), run=scorecard.run)
    with head:
        streamlit.title(elements.plain(verdict.headline), anchor=False)
    elements.lead(
        caution=verdict.caution,
        summary=verdict.summary,
        stage=verdict.stage,
        basis=verdict.basis,
        advice=verdict.advice,
    )
    opening.say_if_elsewhere(opened)
    empty.strips(workspace, scorecard)
    stages = [stage.stage for stage in scorecard.stages]
    why, no_stage = state.chosen("why", stages, report.explained(scorecard))
    _charts(scorecard, why)
    if no_stage:
        note(f"The stage in the link is not in run {scorecard.run}.")
    why_section.draw(scorecard, stages, why)
    return why_section.draw_below(scorecard)


def _charts(scorecard: Scorecard, why: str | None) -> None:
    left, right = streamlit.columns([1, 1.12], gap="large")
    with left:
        streamlit.header("How far is each stage from a person?", anchor=False)
        elements.chart("gap", charts.gap(scorecard, chosen=why, pickable=True), picks="why")
        empty.person_note(scorecard)
    with right:
        streamlit.header("What would fixing it buy, end to end?", anchor=False)
        elements.chart("ceiling", charts.ceiling(scorecard, chosen=why, pickable=True), picks="why")
        note(charts.one_order(scorecard))
        note(charts.lost_anyway(scorecard))
