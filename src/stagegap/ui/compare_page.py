"""The Compare page: is the new run better, at which stages, on which records, and what was changed?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit
from streamlit.delta_generator import DeltaGenerator

from stagegap import charts
from stagegap.analysis.changes.views import Comparison
from stagegap.analysis.wording import counted
from stagegap.ui import (
    compare_changed,
    compare_ledger,
    compare_lists,
    compare_runs,
    days,
    elements,
    offers,
    opening,
    run_strip,
    share,
    state,
)
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Past

PLACE = ("record", "list", "at")
"""What another pair of runs takes out of the URL: the place in the lists that it was for."""


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw the comparison of the two runs that the URL names; or the sentence that says what to do first."""
    choice = opening.chosen(workspace)
    if choice is None:
        return None
    cascades, cascade = choice
    past = workspace.past(cascade)
    pair = past.pair()
    if pair is None:
        streamlit.title("Nothing to compare yet", anchor=False)
        streamlit.markdown("Two runs that are done make a comparison. Change something, then `stagegap run`.")
        run_strip.draw(workspace, cascade, current=None)
        return compare_ledger.draw(workspace, past, cascade, None)
    names = {run.name: days.dated(run) for run in workspace.runs.of(cascade) if run.status.value == "done"}
    before, no_before = state.chosen("before", list(names), pair[0])
    after, no_after = state.chosen("run", list(names), pair[1])
    assert before is not None, "a pair has an earlier run"
    assert after is not None, "a pair has a later run"
    head, tools = streamlit.columns([4, 3.2], vertical_alignment="top")
    with tools:
        row = _tools(names, cascades, cascade, before, after)
    if before == after:
        with head:
            streamlit.title("Choose two runs", anchor=False)
        note(f"Both are {before}.")
    else:
        with streamlit.spinner(f"Comparing {before} with {after}"):
            view = past.comparison(before, after)
        with head:
            view = _headed(past, view)
        if view.headline:
            with row:
                share.button(partial(offers.of_comparison, workspace, view), before=before, run=after)
        if no_before or no_after:
            note("The link names a run that is not here.")
        run_strip.draw(workspace, cascade, current=after)
        if view.headline:
            _figures(workspace, past, view)
    compare_runs.draw(past)
    return compare_ledger.draw(workspace, past, cascade, after)


def _tools(names: dict[str, str], cascades: Sequence[str], cascade: str, before: str, after: str) -> DeltaGenerator:
    """Draw the pickers, and give the row that they stand in."""
    row = streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center")
    with row:
        if len(cascades) > 1:
            elements.picker("Cascade", "cascade", dict(zip(cascades, cascades, strict=True)), cascade)
        elements.picker("Earlier run", "before", names, before, drop=PLACE)
        elements.picker("Later run", "run", names, after, drop=PLACE)
    return row


def _headed(past: Past, view: Comparison) -> Comparison:
    """Write the verdict; without one, why there is none and what can be compared instead."""
    if view.refusal is not None and view.refusal.offer and state.asked("shared") == "1":
        view = past.accepted(view)
    if view.refusal is None or view.is_accepted:
        streamlit.title(elements.plain(view.headline), anchor=False)
        streamlit.markdown(elements.plain(view.summary))
        if view.is_accepted:
            note("On the records that are the same in both. The rest of the runs differs, too.")
        return view
    streamlit.title(elements.plain(f"{view.before} and {view.after} can't be compared as they are"), anchor=False)
    for reason in view.refusal.reasons:
        streamlit.markdown(elements.plain(reason))
    if view.refusal.offer:
        streamlit.button(view.refusal.offer, on_click=state.choose, args=("shared", "1"), type="primary")
    else:
        note("Nothing is the same in both: choose other runs.")
    return view


def _figures(workspace: Workspace, past: Past, view: Comparison) -> None:
    left, right = streamlit.columns([1.25, 1], gap="large")
    with left:
        streamlit.header("What became of each stage?", anchor=False)
        elements.chart("changes", charts.changes(view))
        note(
            f"Paired on {counted(view.n, view.noun)}, intervals 95%. A direction is claimed where it holds for all "
            f"{view.claims} figures at once (Holm)."
        )
    with right:
        compare_changed.draw(past, view)
    compare_lists.draw(workspace, view)
    compare_lists.settings(past, view)
