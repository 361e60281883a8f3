"""On the Compare page: the records behind a change, one of them in full, and the settings of both runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit

from stagegap import charts
from stagegap.analysis.changes.views import OUTCOME, ChangeLists, ChangeRow, Comparison, ConfigChange
from stagegap.analysis.wording import counted
from stagegap.ui import elements, identity, looking, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Past

LISTS = {"worse": "got worse", "better": "got better", "text": "changed text only", "all": "all that changed"}


def draw(workspace: Workspace, view: Comparison) -> None:
    """Draw the flips of the chosen stage, the list that the URL names, and the chosen record's two answers."""
    names = [lists.stage for lists in view.lists]
    start = next((lists.stage for lists in view.lists if lists.worse), names[0] if names else None)
    at, _ = state.chosen("at", names, start)
    if at is None:
        return
    lists = next(lists for lists in view.lists if lists.stage == at)
    with streamlit.container(horizontal=True, vertical_alignment="center", gap="medium"):
        streamlit.header("Which records changed?", anchor=False, width="content")
        elements.switch("Stage", "at", names, at, drop=("record", "list"))
    kind, _ = state.chosen("list", list(LISTS), "worse" if lists.worse else "better" if lists.better else "all")
    assert kind is not None, "a list has a default"
    rows, total = _rows(lists, kind)
    left, right = streamlit.columns([1, 1.4], gap="large")
    with left:
        change = view.outcome if at == OUTCOME else next(stage for stage in view.stages if stage.stage == at)
        elements.chart("flips", charts.flip_table(change, view, chosen=kind), picks="list")
        _tabs(lists, kind)
        ids = [row.record for row in rows]
        record, unknown = state.chosen("record", ids, ids[0] if ids else None)
        html = charts.change_list(rows, what=LISTS[kind], noun=view.noun, chosen=record)
        elements.chart(f"records {at} {kind}", html, picks="record")
        if len(rows) < total:
            note(f"The first {len(rows):,} of {counted(total, view.noun)}, largest change first.")
        if unknown:
            note("The record in the link is not in this list.")
    with right:
        row = next((row for row in rows if row.record == record), None)
        if row is not None:
            _record(workspace, view, row, at)


def _rows(changed: ChangeLists, kind: str) -> tuple[tuple[ChangeRow, ...], int]:
    lists = {
        "worse": (changed.worse, changed.n_worse),
        "better": (changed.better, changed.n_better),
        "text": (changed.changed_only, changed.n_changed_only),
    }
    if kind in lists:
        return lists[kind]
    whole = tuple(row for rows, _ in lists.values() for row in rows)
    return whole, sum(n for _, n in lists.values())


def _tabs(lists: ChangeLists, kind: str) -> None:
    counts = {name: _rows(lists, name)[1] for name in LISTS}
    streamlit.segmented_control(
        "List",
        list(LISTS),
        required=True,
        format_func=lambda name: f"{LISTS[name]} ({counts[name]:,})",
        key=state.picker_key("list", kind),
        on_change=state.take_over("list", drop=("record",)),
        label_visibility="collapsed",
    )


def _record(workspace: Workspace, view: Comparison, row: ChangeRow, at: str) -> None:
    """Draw what both runs answered, only to somebody who says who they are and is not still to label the record."""
    head, right = streamlit.columns([2, 1], vertical_alignment="center")
    with head:
        streamlit.header(elements.plain(row.record), anchor=False)
    with right:
        who, _ = identity.annotator()
    record_view = workspace.failures.record(view.cascade, view.after, row.record)
    for name, text in record_view.fields if record_view else ():
        if " " in text:
            elements.field(name, text)
    if not looking.may_see(workspace, view.cascade, view.after, row.record, who=who, noun=view.noun):
        return
    streamlit.checkbox(
        "Mark differences", key=state.flag_key("show", off="plain"), on_change=state.take_over("show", off="plain")
    )
    marked = state.asked("show") != "plain"
    elements.chart("both", charts.answers_of_both(row, view, stage=at, marked=marked))


def settings(past: Past, view: Comparison) -> None:
    """Draw the settings that differ, or all of them."""
    streamlit.header("What is different?", anchor=False)
    streamlit.checkbox(
        "Show differences only",
        key=state.flag_key("settings", off="all"),
        on_change=state.take_over("settings", off="all"),
    )
    only = state.asked("settings") != "all"
    rows = view.config if only else (*view.config, *_equal(past, view))
    elements.chart("settings", charts.settings(rows, view))


def _equal(past: Past, view: Comparison) -> list[ConfigChange]:
    return [setting for setting in past.settings(view.before, view.after) if setting.before == setting.after]
