"""The People page: who answers, what is left of whom until when, and who has stopped."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import streamlit

from stagegap.errors import StagegapError
from stagegap.people.roster import roster_sheet
from stagegap.ui import choice, elements, identity, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.people.roster import Roster

QUEUES = ("random", "overlap", "next", "swap")
"""Those that everybody may be asked to answer; a hunt is named on the command line."""


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw the people of the cascade that the URL names, and what can be said of one of them."""
    chosen = choice.chosen(workspace)
    if chosen is None:
        return
    cascades, cascade = chosen
    head, right = streamlit.columns([5, 2], vertical_alignment="top")
    with right:
        choice.cascade_picker(cascades, cascade)
        who, verified = identity.annotator()
    roster = workspace.people.roster(cascade)
    sheet = roster_sheet(roster)
    with head:
        streamlit.title(elements.plain(sheet.headline), anchor=False)
    elements.sheet("people", sheet)
    if outcome := state.outcome():
        note(outcome)
    if who is None:
        note(f"{identity.invitation()} to say who has stopped, or to ask somebody for answers.")
        return
    by = partial(_act, by=who, verified=verified)
    _draw_standing(workspace, roster, by)
    _draw_asking(workspace, cascade, by)


def _act(call: Callable[..., object], sentence: str, **teller: str | bool) -> None:
    """Do it, and keep the sentence for the next time the page is drawn; an error is such a sentence, too."""
    try:
        call(**teller)
        state.put_outcome(sentence)
    except StagegapError as error:
        state.put_outcome(str(error))


def _draw_standing(workspace: Workspace, roster: Roster, act: Callable[..., None]) -> None:
    names = [person.name for person in roster.people]
    if not names:
        return
    streamlit.header("Has somebody stopped?", anchor=False)
    with streamlit.container(horizontal=True, vertical_alignment="bottom"):
        name = streamlit.selectbox("Who", names, key="standing who", width=260)
        stopped = next(person.standing for person in roster.people if person.name == name) == "retired"
        if stopped:
            change = partial(workspace.people.bring_back, roster.cascade, name)
            args = (change, f"{name} goes on: reports leave out again what they have yet to answer.")
            streamlit.button("Goes on", on_click=act, args=args)
        else:
            change = partial(workspace.people.retire, roster.cascade, name)
            args = (change, f"{name} has stopped. Their labels stay, and reports leave out nothing for them.")
            streamlit.button("Has stopped", on_click=act, args=args)


def _draw_asking(workspace: Workspace, cascade: str, act: Callable[..., None]) -> None:
    stages = [stage.stage for stage in workspace.labels.label_stages(cascade)]
    if not stages:
        return
    streamlit.header("Ask somebody for answers", anchor=False)
    with streamlit.container(horizontal=True, vertical_alignment="bottom"):
        name = streamlit.text_input("Name", key="asked who", width=200, max_chars=40)
        stage = streamlit.selectbox("Stage", stages, key="asked stage", width=200)
        queue = streamlit.selectbox("Queue", QUEUES, key="asked queue", width=160)
        day = streamlit.date_input("Last day", None, key="asked day", width=160)
        due = day.isoformat() if isinstance(day, datetime.date) else ""
        until = f" until {due}" if due else ""
        call = partial(workspace.people.assign, cascade, name, stage, queue, due=due)
        args = (call, f"{name} is asked to answer the {queue} queue of {stage}{until}.")
        streamlit.button("Ask", on_click=act, args=args, disabled=not name.strip())
