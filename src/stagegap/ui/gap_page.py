"""The Gap page: which stage holds the system back, by how much, and why."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

import streamlit

from stagegap import charts, registry, report
from stagegap.analysis.views import Scorecard, sheets_beside
from stagegap.model.wording import plural
from stagegap.tables.table import Sheet
from stagegap.ui import choice, elements, share, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace


def draw_why(scorecard: Scorecard, stages: list[str], why: str | None) -> None:
    """Draw the stage switch, the groups that the stage fails most on, and its failures."""
    with streamlit.container(horizontal=True, vertical_alignment="center", gap="medium"):
        streamlit.header(elements.plain(f"Why {why}?"), anchor=False, width="content")
        elements.switch("Stage", "why", stages, why)
    detail = next((detail for detail in scorecard.details if detail.stage == why), None)
    if detail is None:
        return note(f"No record was scored at {why}.")
    left, right = streamlit.columns([1, 1.12], gap="large")
    with left:
        streamlit.markdown(elements.plain(charts.first_fault_sentence(scorecard, detail)))
        elements.chart("groups", charts.groups(detail, link=partial(_failures, scorecard, detail.stage)))
        note(charts.groups_note(detail))
    with right:
        streamlit.markdown(elements.plain(charts.failures_sentence(detail)))
        elements.chart(
            "failures", charts.failures(detail, noun=scorecard.noun, link=partial(_record, scorecard, detail.stage))
        )
        elements.link("Read them stage by stage, and note why.", "All failures", _failures(scorecard, detail.stage))
    return None


def _failures(scorecard: Scorecard, stage: str, group: str | None = None) -> str:
    """The address of a stage's failures, of one group where it is named."""
    parts = {"cascade": scorecard.cascade, "run": scorecard.run, "stage": stage, **({"group": group} if group else {})}
    return f"failures?{urlencode(parts)}"


def _record(scorecard: Scorecard, stage: str, record: str) -> str:
    """The address of one failure: answers are shown where it is known who looks, and nowhere else."""
    return f"{_failures(scorecard, stage)}&{urlencode({'record': record})}"


def draw_below_why(scorecard: Scorecard) -> None:
    """Draw the sections that are closed by default."""
    with streamlit.expander(charts.WHICH):
        elements.chart("which gain", charts.both_gains(scorecard))
        for sentence in charts.which_number(scorecard):
            note(sentence)
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


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw the verdict, both charts and the reasons; or the sentence that says what to do first."""
    scored = choice.scored(workspace)
    if scored is None:
        return None
    opened, scorecard = scored
    verdict = scorecard.verdict
    head, tools = streamlit.columns([6, 1.9] if len(opened.cascades) == 1 else [5, 3], vertical_alignment="top")
    with tools:
        choice.draw_toolbar(opened, partial(share.of_run, workspace, scorecard), run=scorecard.run)
    with head:
        streamlit.title(elements.plain(verdict.headline), anchor=False)
    elements.lead(
        caution=verdict.caution,
        summary=verdict.summary,
        stage=verdict.stage,
        basis=verdict.basis,
        advice=verdict.advice,
    )
    choice.say_if_elsewhere(opened)
    choice.strips(workspace, scorecard)
    read = registry.view("codes").sheet(workspace.runs.attribution(opened.cascade, scorecard.run).codes())
    query = urlencode({"cascade": scorecard.cascade, "run": scorecard.run})
    nouns = plural(scorecard.noun, 2)
    if not scorecard.labels_seq and not scorecard.system.is_measured:
        elements.link("", f"Read whole {nouns}", f"read?{query}")
        return _draw_read(read)
    choice.next_labels(workspace, scorecard)
    stages = [stage.stage for stage in scorecard.stages]
    why, no_stage = state.chosen("why", stages, report.explained(scorecard))
    _charts(scorecard, why)
    if no_stage:
        note(f"The stage in the link is not in run {scorecard.run}.")
    draw_why(scorecard, stages, why)
    _draw_read(read)
    for sheet in sheets_beside(scorecard):
        streamlit.header(sheet.headline, anchor=False)
        elements.sheet(sheet.headline, sheet)
    return draw_below_why(scorecard)


def _draw_read(read: Sheet) -> None:
    """Draw what people say who read whole records; nothing where nobody has."""
    if read.tables:
        streamlit.header(elements.plain(read.headline), anchor=False)
        elements.sheet("codes", read)


def _charts(scorecard: Scorecard, why: str | None) -> None:
    left, right = streamlit.columns([1, 1.12], gap="large")
    with left:
        streamlit.header(f"How far is each stage from a {scorecard.labellers.noun}?", anchor=False)
        elements.chart("gap", charts.gap(scorecard, chosen=why, pickable=True), picks="why")
        choice.person_note(scorecard)
    with right:
        streamlit.header("What would correcting it buy, end to end?", anchor=False)
        elements.chart("ceiling", charts.ceiling(scorecard, chosen=why, pickable=True), picks="why")
        note(charts.one_order(scorecard))
        note(charts.lost_anyway(scorecard))
