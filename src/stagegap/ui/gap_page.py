"""The Gap page: which stage holds the system back, and by how much."""

from __future__ import annotations

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard, StageDetail
from stagegap.ui import dialogs, elements, empty, state
from stagegap.ui.elements import note
from stagegap.ui.protocol import Workspace


@streamlit.fragment
def draw(workspace: Workspace) -> None:
    """Draw the verdict, both charts and the reasons; or the sentence that says what to do first."""
    cascades = workspace.cascades()
    cascade, unknown = state.chosen("cascade", cascades, cascades[0] if cascades else None)
    if cascade is None:
        return empty.no_cascade()
    names = [run.name for run in workspace.runs(cascade)]
    run, unknown_run = state.chosen("run", names, None)
    scorecard = workspace.scorecard(cascade, run)
    if scorecard is None:
        return empty.no_run(workspace, cascade, run)
    head, tools = streamlit.columns([6, 1.9], vertical_alignment="top")
    with tools:
        _tools(workspace, scorecard, cascades)
    with head:
        streamlit.title(elements.plain(scorecard.verdict.headline), anchor=False)
    if unknown or unknown_run:
        note("The link names a cascade or run that is not here. This is the newest.")
    verdict = scorecard.verdict
    elements.lead(summary=verdict.summary, stage=verdict.stage, basis=verdict.basis, advice=verdict.advice)
    empty.strips(workspace, scorecard)
    stages = [stage.stage for stage in scorecard.stages]
    why, unknown_why = state.chosen("why", stages, _default(scorecard))
    _charts(scorecard, why)
    if unknown_why:
        note(f"The stage in the link is not in run {scorecard.run}.")
    _why(scorecard, stages, why)
    _below(scorecard)
    return None


def _default(scorecard: Scorecard) -> str:
    """The stage to explain first: the one that holds back, else the likeliest."""
    return scorecard.verdict.stage or max(scorecard.stages, key=lambda stage: stage.p_first).stage


def _tools(workspace: Workspace, scorecard: Scorecard, cascades: list[str]) -> None:
    with streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        if len(cascades) > 1:
            key = state.picker_key("cascade", scorecard.cascade)
            streamlit.selectbox(
                "Cascade", cascades, key=key, on_change=state.take_over("cascade"), label_visibility="collapsed"
            )
        runs = {run.name: dialogs.dated(run) for run in workspace.runs(scorecard.cascade)}
        streamlit.selectbox(
            "Run",
            list(runs),
            key=state.picker_key("run", scorecard.run),
            format_func=lambda name: runs[name],
            on_change=state.take_over("run"),
            width=150,
            label_visibility="collapsed",
        )
        if streamlit.button("Share", icon=":material/ios_share:"):
            dialogs.share(scorecard)


def _charts(scorecard: Scorecard, why: str | None) -> None:
    left, right = streamlit.columns([1, 1.12], gap="large")
    with left:
        streamlit.header("How far is each stage from a person?", anchor=False)
        elements.chart("gap", charts.gap(scorecard, chosen=why, pickable=True), picks="why")
        empty.person_note(scorecard)
    with right:
        streamlit.header("What would fixing it buy, end to end?", anchor=False)
        elements.chart("ceiling", charts.ceiling(scorecard, chosen=why, pickable=True), picks="why")
        note(charts.lost_anyway(scorecard))


def _why(scorecard: Scorecard, stages: list[str], why: str | None) -> None:
    with streamlit.container(horizontal=True, vertical_alignment="center", gap="medium"):
        streamlit.header(elements.plain(f"Why {why}?"), anchor=False, width="content")
        streamlit.segmented_control(
            "Stage",
            stages,
            required=True,
            key=state.picker_key("why", why),
            on_change=state.take_over("why"),
            label_visibility="collapsed",
        )
    detail = next((detail for detail in scorecard.details if detail.stage == why), None)
    if detail is None:
        return note(f"No record was scored at {why}.")
    left, right = streamlit.columns([1, 1.12], gap="large")
    with left:
        streamlit.markdown(elements.plain(charts.first_fault_sentence(scorecard, detail)))
        elements.chart("groups", charts.groups(detail))
        note(charts.groups_note(detail))
    with right:
        streamlit.markdown(elements.plain(charts.failures_sentence(detail)))
        elements.chart("failures", charts.failures(detail, noun=scorecard.noun), picks="record")
    return _record(scorecard, detail)


def _record(scorecard: Scorecard, detail: StageDetail) -> None:
    record, unknown = state.chosen("record", [row.record for row in detail.rows], None)
    if unknown:
        note(f"The record in the link is not among the failures of {detail.stage} in run {scorecard.run}.")
    if record is not None:
        dialogs.record(scorecard, detail)


def _below(scorecard: Scorecard) -> None:
    with streamlit.expander("First fault, stage by stage"):
        elements.chart("first faults", charts.first_faults(scorecard))
    with streamlit.expander("Which stages fail together"):
        elements.chart("together", charts.together(scorecard))
        note("Later stages cannot cause earlier faults, so the lower triangle is empty.")
    with streamlit.expander("What each step fixes and breaks"):
        elements.chart("steps", charts.steps(scorecard))
    with streamlit.expander("How this was measured"):
        for sentence in charts.method(scorecard):
            note(sentence)
