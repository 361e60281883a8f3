"""The Compare page: is the new run better, at which stages, on which records, and what was changed?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit
from streamlit.delta_generator import DeltaGenerator

from stagegap import charts
from stagegap.analysis.changes import OUTCOME, ChangeLists, ChangeRow, Comparison, ConfigChange
from stagegap.errors import StagegapError
from stagegap.model.wording import counted
from stagegap.tables import figures
from stagegap.tables.table import Rests
from stagegap.ui import background, elements, identity, media, share, state
from stagegap.ui import choice as empty
from stagegap.ui import choice as opening
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Past


def draw_changed(past: Past, view: Comparison) -> None:
    """Draw the contributions where they are worked out; else offer to, as long as that costs nothing."""
    streamlit.header("Which stage made the difference?", anchor=False)
    changed = past.changed(view.before, view.after)
    if changed is not None and not changed.is_old:
        streamlit.markdown(elements.plain(f"{changed.view.headline}."))
        elements.chart("contributions", charts.contributions(changed.view))
        return note(charts.contributions_note(changed.view))
    key = ("changed", view.cascade, view.before, view.after)
    if background.is_working(key):
        note("Mixing the versions. This part fills itself.")
        return empty.wait(lambda: not background.is_working(key))
    failed = background.failure(key)
    if failed:
        streamlit.markdown(elements.plain(failed))
    if changed is not None:
        note("This was worked out before labels, records or the code of a metric changed.")
    note(
        "Each stage's new version is tried with the old versions of the others and the other way round; "
        "answers that are known are not asked for again."
    )
    work = partial(past.work_out, view.before, view.after, use_shared=view.is_accepted)
    streamlit.button("Work it out", on_click=background.start, args=(key, work))
    note(f"In the terminal: `stagegap show changed {view.before} {view.after}`. With `--plan` it says the price first.")
    return None


def draw_ledger(workspace: Workspace, past: Past, cascade: str, baseline: str | None) -> None:
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
    kept = workspace.runs.kept_scorecard(cascade, baseline)
    if kept is None:
        return
    card = kept.view
    with streamlit.expander(f"Expect something of the change after {card.run}"):
        stages = [row.stage for row in card.stages]
        for row in card.stages:
            if row.gain.is_measured:
                note(
                    f"A perfect {row.stage} would bring the outcome {figures.points(row.gain.value)} points "
                    f"({figures.span(row.gain)})."
                )
        note(Rests.of_outcome(card.outcome_name))
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


LISTS = {"worse": "got worse", "better": "got better", "text": "changed text only", "all": "all that changed"}


def draw_lists(workspace: Workspace, view: Comparison) -> None:
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
        pictures = media.small(workspace, view.cascade, ids)
        html = charts.change_list(rows, what=LISTS[kind], noun=view.noun, chosen=record, pictures=pictures)
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
    if record_view is not None:
        elements.chart("fields", charts.record_fields(record_view, media.manner(workspace, view.cascade)))
    if not identity.may_see(workspace, view.cascade, view.after, row.record, who=who, noun=view.noun):
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


FEWEST = 2


def draw_runs(past: Past) -> None:
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
        empty.draw_run_strip(workspace, cascade, current=None)
        return draw_ledger(workspace, past, cascade, None)
    names = {run.name: elements.dated(run) for run in workspace.runs.of(cascade) if run.status.value == "done"}
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
        heading = head.empty()
        heading.title(elements.plain(f"Comparing {before} with {after}"), anchor=False)
        view = past.comparison(before, after)
        with heading.container():
            view = _headed(past, view)
        if view.headline:
            with row:
                share.button(partial(share.of_comparison, workspace, view), before=before, run=after)
        if no_before or no_after:
            note("The link names a run that is not here.")
        empty.draw_run_strip(workspace, cascade, current=after)
        if view.headline:
            _figures(workspace, past, view)
    draw_runs(past)
    return draw_ledger(workspace, past, cascade, after)


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
    note(Rests.of_outcome(view.outcome_name))
    return view


def _figures(workspace: Workspace, past: Past, view: Comparison) -> None:
    left, right = streamlit.columns([1.25, 1], gap="large")
    with left:
        streamlit.header("What became of each stage?", anchor=False)
        elements.chart("changes", charts.changes(view))
        note(
            f"Paired on {counted(view.n, view.noun)}, intervals 95%. A direction is claimed where it holds for all "
            f"{view.claims} figures at once (Holm); an interval is that of one figure alone."
        )
    with right:
        draw_changed(past, view)
    trained = past.training(view.before, view.after)
    if not trained.is_empty:
        streamlit.header("What did the stages learn?", anchor=False)
        elements.learning(trained)
    draw_lists(workspace, view)
    settings(past, view)
