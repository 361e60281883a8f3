"""The Failures page: why does a stage fail, and what do its failures have in common?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit

from stagegap import charts, report
from stagegap.analysis.views import Scorecard, StageDetail
from stagegap.model.failure import FailurePage
from stagegap.ui import (
    elements,
    empty,
    failures_filters,
    failures_record,
    failures_tags,
    identity,
    offers,
    opening,
    state,
    toolbar,
)
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import OwnTally


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw list, record and tags of the stage that the URL names; or the sentence that says what to do first."""
    scored = opening.scored(workspace)
    if scored is None:
        return None
    opened, scorecard = scored
    stages = [row.stage for row in scorecard.stages]
    stage, no_stage = state.chosen("stage", stages, report.explained(scorecard))
    detail = next((detail for detail in scorecard.details if detail.stage == stage), None)
    if detail is None:
        return note(f"No record was scored at {stage}.")
    head, right = streamlit.columns(toolbar.widths(opened), vertical_alignment="top")
    with right:
        offer = partial(offers.of_failures, workspace, scorecard, detail.stage)
        toolbar.draw(opened, offer, run=scorecard.run, drop=("record", "after", "group", "tag"))
        who, verified = identity.annotator()
    own_tally = workspace.failures.tally(scorecard, detail.stage, who or "")
    with head:
        streamlit.title(elements.plain(own_tally.tally.headline), anchor=False)
    opening.say_if_elsewhere(opened)
    if no_stage:
        note(f"The stage in the link is not in run {scorecard.run}.")
    failures_filters.stage_switch(stages, detail.stage)
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
    wanted, tag, problems = failures_filters.draw(stage=detail.stage, groups=groups, tags=own_tally.own.tags)
    if tag is not None:
        wanted = replace(wanted, among=own_tally.own.records(tag))
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
    failures_filters.describe(problems)
    if not page.total and detail.failures and wanted.is_open:
        empty.no_list(workspace, scorecard.cascade, run, detail.stage)
    record = asked if asked in ids else (ids[0] if ids else None)
    left, middle, rail = streamlit.columns([3.6, 4.6, 2.2], gap="medium")
    with left:
        _list(page, detail.stage, scorecard.noun, record, own_tally)
    with middle:
        if record is not None:
            failures_record.draw(workspace, scorecard, record, ids, who)
    with rail:
        failures_tags.draw(workspace, scorecard, own_tally, record, who, verified)


def _list(page: FailurePage, stage: str, noun: str, record: str | None, own_tally: OwnTally) -> None:
    html = charts.failure_list(page, stage=stage, noun=noun, chosen=None, tags=own_tally.own.by_record)
    elements.failure_list(stage, html, record=record, before=page.before, next_after=page.next)
    note(charts.list_sentence(page, noun=noun))
    with streamlit.container(horizontal=True):
        if page.before:
            streamlit.button("First page", on_click=state.choose_several, kwargs={"after": None, "record": None})
        if page.next is not None:
            streamlit.button(
                "Next page", on_click=state.choose_several, kwargs={"after": str(page.next), "record": None}
            )
