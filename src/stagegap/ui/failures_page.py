"""The Failures page: why does a stage fail, and what do its failures have in common?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit

from stagegap import charts, report
from stagegap.analysis.views import Scorecard, StageDetail
from stagegap.errors import StagegapError
from stagegap.model.notes import FailurePage, Wanted
from stagegap.model.record import Json
from stagegap.people.codebook import LONGEST
from stagegap.tables.table import Rests
from stagegap.ui import choice, elements, identity, media, share, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import OwnTally


_PLACE = ("record", "after")
"""What a new filter takes out of the URL: the place in the list that it was for."""
ALL = ""


def draw_filters(*, stage: str, groups: Sequence[str], tags: Sequence[str]) -> tuple[Wanted, str | None, list[str]]:
    """Draw the filters; give what is wanted, the tag, and a sentence for each value that is not known."""
    problems: list[str] = []
    group = _known("group", groups, f"The group in the link is none that {stage} is compared by.", problems)
    tag = _known("tag", tags, "The tag in the link is none of yours at this stage.", problems)
    with streamlit.container(horizontal=True, vertical_alignment="center", gap="small"):
        streamlit.text_input(
            "Search",
            key=state.picker_key("text", state.asked("text")),
            on_change=state.take_over("text", drop=_PLACE),
            placeholder="Search the texts",
            label_visibility="collapsed",
            width=220,
        )
        _select("Group", "group", groups, group, "All groups")
        _select("Code", "tag", tags, tag, "All codes")
        for label, name in (("First faults only", "first"), ("Labellers disagree", "people")):
            key = state.flag_key(name)
            streamlit.checkbox(label, key=key, on_change=state.take_over(name, drop=_PLACE))
    wanted = Wanted(
        stage=stage,
        only_first_faults=state.asked("first") == "1",
        only_disagreements=state.asked("people") == "1",
        group=group,
        text=state.asked("text"),
    )
    return wanted, tag, problems


def stage_switch(stages: Sequence[str], stage: str) -> None:
    """Draw the switch between stages; filters of another stage go."""
    streamlit.segmented_control(
        "Stage",
        stages,
        required=True,
        key=state.picker_key("stage", stage),
        on_change=state.take_over("stage", drop=(*_PLACE, "group", "tag", "cell")),
        label_visibility="collapsed",
    )


def _known(name: str, allowed: Sequence[str], problem: str, problems: list[str]) -> str | None:
    value, unknown = state.chosen(name, allowed, None)
    if unknown:
        problems.append(problem)
    return value


def _select(label: str, name: str, options: Sequence[str], value: str | None, everything: str) -> None:
    streamlit.selectbox(
        label,
        [ALL, *options],
        key=state.picker_key(name, value or ALL),
        format_func=lambda option: option or everything,
        on_change=state.take_over(name, drop=_PLACE),
        label_visibility="collapsed",
        width=190,
    )


def describe(problems: Sequence[str]) -> None:
    """Write what the link asked for in vain."""
    for problem in problems:
        elements.note(problem)


def draw_record(workspace: Workspace, scorecard: Scorecard, record: str, ids: Sequence[str], who: str | None) -> None:
    """Draw the record, and its answers to somebody who may see them."""
    view = workspace.failures.record(scorecard.cascade, scorecard.run, record)
    if view is None:
        return note(f"Record {record} is not in run {scorecard.run}.")
    _head(record, ids)
    manner = media.manner(workspace, scorecard.cascade, seek=state.asked("text") or "")
    elements.chart("fields", charts.record_fields(view, manner))
    if not identity.may_see(workspace, scorecard.cascade, scorecard.run, record, who=who, noun=scorecard.noun):
        return None
    marked = state.asked("show") != "plain"
    streamlit.checkbox(
        "Mark differences", key=state.flag_key("show", off="plain"), on_change=state.take_over("show", off="plain")
    )
    elements.chart("record", charts.record_blocks(view, manner, marked=marked))
    streamlit.checkbox("Who said what, and when", key=state.flag_key("history"), on_change=state.take_over("history"))
    if state.asked("history") == "1":
        histories = [workspace.people.history(scorecard.cascade, block.stage, record) for block in view.blocks]
        elements.chart("history", charts.label_histories(histories))
    return None


def _head(record: str, ids: Sequence[str]) -> None:
    place = ids.index(record)
    with streamlit.container(horizontal=True, vertical_alignment="center"):
        streamlit.header(elements.plain(record), anchor=False, width="content")
        for name, to in (("Previous", place - 1), ("Next", place + 1)):
            exists = 0 <= to < len(ids)
            streamlit.button(
                name,
                key=f"failure {name}",
                disabled=not exists,
                on_click=state.choose,
                args=("record", ids[to] if exists else None),
            )


def draw_tags(
    workspace: Workspace,
    scorecard: Scorecard,
    own_tally: OwnTally,
    record: str | None,
    who: str | None,
    verified: bool,
) -> None:
    """Draw the tags with their numbers; who has not said who they are is asked first."""
    elements.subheading("Your reasons")
    if who is None:
        return note(f"{identity.invitation()} to note why each fails.")
    stage = own_tally.tally.stage
    key = f"tags {scorecard.cascade} {scorecard.run} {stage} {who}"
    here = own_tally.own.by_record.get(record or "", ())
    rows = [
        {"tag": row.tag, "share": charts.code_share(row), "win": charts.code_win(row), "on": row.tag in here}
        for row in own_tally.tally.rows
    ]
    data = {
        "context": f"tags/{scorecard.cascade}/{scorecard.run}/{stage}",
        "who": who,
        "record": record,
        "rows": rows,
        "acknowledged": state.acknowledged(key),
        "longest": LONGEST,
    }
    elements.tags(key, data, on_outbox=partial(_take_in, workspace, scorecard, stage, who, verified, key))
    for sentence in (charts.win_sentence(own_tally.tally), own_tally.tally.basis, *state.troubles(key)):
        if sentence:
            note(sentence)
    return None


def _take_in(workspace: Workspace, scorecard: Scorecard, stage: str, who: str, verified: bool, key: str) -> None:
    if not identity.may_label(who):
        return state.settle(key, stored=[], troubles=[identity.CLOSED])
    stored, troubles = store(workspace, scorecard, stage, state.outbox(key), who=who, verified=verified)
    return state.settle(key, stored=stored, troubles=troubles)


def store(
    workspace: Workspace,
    scorecard: Scorecard,
    stage: str,
    events: Sequence[Mapping[str, Json]],
    *,
    who: str,
    verified: bool,
) -> tuple[list[str], list[str]]:
    """Store events one by one, so that one that can't be stored holds up no other; give ids stored, and reasons."""
    stored: list[str] = []
    troubles: list[str] = []
    for event in events:
        try:
            workspace.failures.save_codes(
                scorecard.cascade, scorecard.run, stage, [event], viewer=who, verified=verified
            )
            stored.append(str(event["id"]))
        except StagegapError as error:
            troubles.append(f"Not saved: {error}")
    return stored, list(dict.fromkeys(troubles))


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw list, record and tags of the stage that the URL names; or the sentence that says what to do first."""
    scored = choice.scored(workspace)
    if scored is None:
        return None
    opened, scorecard = scored
    stages = [row.stage for row in scorecard.stages]
    stage, no_stage = state.chosen("stage", stages, report.explained(scorecard))
    detail = next((detail for detail in scorecard.details if detail.stage == stage), None)
    if detail is None:
        return note(f"No record was scored at {stage}.")
    head, right = streamlit.columns(choice.widths(opened), vertical_alignment="top")
    with right:
        offer = partial(share.of_failures, workspace, scorecard, detail.stage)
        choice.draw_toolbar(opened, offer, run=scorecard.run, drop=("record", "after", "group", "tag", "cell"))
        who, verified = identity.annotator()
    own_tally = workspace.failures.tally(scorecard, detail.stage, who or "")
    with head:
        streamlit.title(elements.plain(own_tally.tally.headline), anchor=False)
    choice.say_if_elsewhere(opened)
    if no_stage:
        note(f"The stage in the link is not in run {scorecard.run}.")
    stage_switch(stages, detail.stage)
    return _lists(workspace, scorecard, detail, own_tally, who, verified)


def _lists(
    workspace: Workspace,
    scorecard: Scorecard,
    detail: StageDetail,
    own_tally: OwnTally,
    who: str | None,
    verified: bool,
) -> None:
    groups = [row.group for row in detail.groups]
    wanted, tag, problems = draw_filters(stage=detail.stage, groups=groups, tags=own_tally.own.tags)
    if tag is not None:
        wanted = replace(wanted, among=own_tally.own.records(tag))
    wanted = _of_cell(workspace, scorecard, wanted)
    run, asked = scorecard.run, state.asked("record")
    after = int(text) if (text := state.asked("after") or "").isdecimal() else 0
    page = workspace.failures.page(scorecard.cascade, run, wanted, after=after)
    ids = [row.record for row in page.rows]
    if asked is not None and asked not in ids:
        place = workspace.failures.place(scorecard.cascade, run, wanted, asked)
        if place is None:
            problems.append(f"Record {asked} is not among these failures of {detail.stage} in run {run}.")
        else:
            page = workspace.failures.page(scorecard.cascade, run, wanted, after=place - 1)
            ids = [row.record for row in page.rows]
    describe(problems)
    if not page.total and detail.failures and wanted.is_open:
        choice.no_list(workspace, scorecard.cascade, run, detail.stage)
    record = asked if asked in ids else (ids[0] if ids else None)
    left, middle, rail = streamlit.columns([3.6, 4.6, 2.2], gap="medium")
    with left:
        pictures = media.small(workspace, scorecard.cascade, ids)
        rests = Rests.of_outcome(scorecard.outcome_name)
        _list(page, detail.stage, scorecard.noun, record, own_tally, pictures=pictures, rests=rests)
    with middle:
        if record is not None:
            draw_record(workspace, scorecard, record, ids, who)
    with rail:
        draw_tags(workspace, scorecard, own_tally, record, who, verified)


def _of_cell(workspace: Workspace, scorecard: Scorecard, wanted: Wanted) -> Wanted:
    """Draw what a label stage takes for what; the failures of the chosen cell are wanted."""
    confusion = workspace.failures.confusion(scorecard.cascade, scorecard.run, wanted.stage)
    if confusion is None or not confusion.records:
        return wanted
    cells = {charts.ARROW.join(pair): records for pair, records in confusion.records.items() if pair[0] != pair[1]}
    cell, _ = state.chosen("cell", list(cells), None)
    with streamlit.expander("What is taken for what", expanded=cell is not None):
        elements.chart("confusion", charts.confusion_table(confusion, chosen=cell), picks="cell")
        streamlit.button("All cells", disabled=cell is None, on_click=state.choose, args=("cell", None))
    if cell is None:
        return wanted
    among = cells[cell] if wanted.among is None else tuple(sorted({*cells[cell]} & {*wanted.among}))
    return replace(wanted, among=among)


def _list(
    page: FailurePage,
    stage: str,
    noun: str,
    record: str | None,
    own_tally: OwnTally,
    *,
    pictures: charts.Pictures,
    rests: Rests,
) -> None:
    tags = own_tally.own.by_record
    html = charts.failure_list(page, stage=stage, noun=noun, chosen=None, tags=tags, pictures=pictures)
    elements.failure_list(stage, html, record=record, before=page.before, next_after=page.next)
    note(charts.list_sentence(page, noun=noun))
    note(rests)
    with streamlit.container(horizontal=True):
        if page.before:
            streamlit.button("First page", on_click=state.choose_several, kwargs={"after": None, "record": None})
        if page.next is not None:
            streamlit.button(
                "Next page", on_click=state.choose_several, kwargs={"after": str(page.next), "record": None}
            )
