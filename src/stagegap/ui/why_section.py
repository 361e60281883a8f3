"""The lower half of the Gap page: why the chosen stage fails, and what is closed until somebody asks."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard
from stagegap.ui import elements
from stagegap.ui.elements import note


def draw(scorecard: Scorecard, stages: list[str], why: str | None) -> None:
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


def draw_below(scorecard: Scorecard) -> None:
    """Draw the sections that are closed by default."""
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
