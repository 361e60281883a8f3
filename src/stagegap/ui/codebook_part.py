"""Below the records that are read: what went wrong so far, notes that wait for a code, and the codebook of the team."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, get_args

import streamlit

from stagegap import charts
from stagegap.analysis.codes import codes_sheet
from stagegap.errors import StagegapError
from stagegap.model.notes import Severity
from stagegap.model.wording import counted
from stagegap.people.codebook import LONGEST, LONGEST_TEXT, codebook_sheet
from stagegap.ui import elements, identity, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.model.notes import Reading
    from stagegap.people.codebook import Code, Codebook

MOST = 200
"""Notes without a code that are listed."""


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace, cascade: str, run: str, who: str, verified: bool) -> None:
    """Draw the table of what went wrong, the notes without a code, and the codebook with all that can be done to it."""
    streamlit.divider()
    act = partial(_act, who)
    view = workspace.runs.attribution(cascade, run).codes()
    sheet = codes_sheet(view)
    with streamlit.container(horizontal=True, vertical_alignment="center"):
        streamlit.header(elements.plain(sheet.headline), anchor=False, width="content")
        streamlit.button("Count again")
    if outcome := state.outcome():
        note(outcome)
    elements.sheet("codes", sheet)
    _notes(workspace, cascade, run, who, verified, act)
    _book(workspace, cascade, who, verified, act)


def _act(who: str, call: Callable[[], object], sentence: str) -> None:
    """Do it, and keep the sentence for the next time the page is drawn; an error is such a sentence, too."""
    try:
        if not identity.may_label(who):
            return state.put_outcome(identity.CLOSED)
        call()
        return state.put_outcome(sentence)
    except StagegapError as error:
        return state.put_outcome(str(error))


def _notes(workspace: Workspace, cascade: str, run: str, who: str, verified: bool, act: Callable[..., None]) -> None:
    """Notes become codes: what belongs together is picked and gets one name."""
    waiting = workspace.readings.uncoded(cascade, run, who)[:MOST]
    if not waiting:
        return
    with streamlit.expander(f"Your notes without a code ({len(waiting):,})"):
        names = {
            reading.record: f"{reading.stage}: {reading.note or 'no note'} ({reading.record})" for reading in waiting
        }
        picked = streamlit.multiselect(
            "Notes that say the same", list(names), format_func=lambda record: names[record], key="notes picked"
        )
        tag = streamlit.text_input("Code", key="notes code", max_chars=LONGEST, placeholder="Code", width=320)
        chosen: Sequence[Reading] = [reading for reading in waiting if reading.record in picked]
        give = partial(workspace.readings.give, cascade, run, chosen, tag, who, verified=verified)
        args = (give, f"{tag} stands on {counted(len(chosen), 'record')}.")
        streamlit.button("Give them this code", on_click=act, args=args, disabled=not (chosen and tag.strip()))


def _book(workspace: Workspace, cascade: str, who: str, verified: bool, act: Callable[..., None]) -> None:
    book = workspace.readings.book(cascade)
    with streamlit.expander(f"Codebook ({len(book.codes):,})"):
        sheet = codebook_sheet(book)
        elements.chart("codebook", charts.tables_html(sheet))
        if book.codes:
            name = streamlit.selectbox("Code to change", book.names, key="code to change", width=320)
            code = next(code for code in book.codes if code.name == name)
            define = partial(workspace.readings.define, cascade, who, code.name, verified=verified)
            _meaning(code, define, act)
            _moves(workspace, cascade, who, verified, book, code, act)
        if streamlit.checkbox("What was done to the book", key="history of the book"):
            for sentence in sheet.sentences:
                note(sentence)


def _meaning(code: Code, define: Callable[..., object], act: Callable[..., None]) -> None:
    """What the code means; the keys hold its version, so that what somebody else saved takes the place of it."""
    key = f"{code.name} {code.version}"
    definition = streamlit.text_input("Right where", code.definition, key=f"definition {key}", max_chars=LONGEST_TEXT)
    with streamlit.container(horizontal=True, vertical_alignment="bottom"):
        example = streamlit.text_input("Example", code.example, key=f"example {key}", max_chars=LONGEST_TEXT, width=320)
        severities = list(get_args(Severity))
        severity = streamlit.selectbox(
            "Severity",
            severities,
            severities.index(code.severity),
            key=f"severity {key}",
            format_func=lambda word: word or "not said",
            width=140,
        )
        cost = streamlit.text_input("Mending costs", code.cost, key=f"cost {key}", max_chars=LONGEST_TEXT, width=200)
        meaning = {"definition": definition, "example": example, "severity": severity, "cost": cost}
        save = partial(define, meaning)
        streamlit.button("Save its meaning", on_click=act, args=(save, f"{code.name} is defined."))


def _moves(
    workspace: Workspace,
    cascade: str,
    who: str,
    verified: bool,
    book: Codebook,
    code: Code,
    act: Callable[..., None],
) -> None:
    """Another name, which merges where the name is there; some records apart; out of the book."""
    key = f"{code.name} {code.version}"
    records = sorted({mark.record for mark in book.marks if mark.code == code.name})
    with streamlit.container(horizontal=True, vertical_alignment="bottom"):
        into = streamlit.text_input("Other name", key=f"into {key}", max_chars=LONGEST, width=240).strip()
        picked = streamlit.multiselect("These records only", records, key=f"records {key}", width=320)
        if picked:
            outcome, name = f"{counted(len(picked), 'record')} went to {into}.", "Split off"
        else:
            outcome, name = f"{code.name} became {into}.", "Merge" if into in book.names else "Rename"
        move = partial(workspace.readings.move, cascade, who, code.name, into, records=picked, verified=verified)
        streamlit.button(name, on_click=act, args=(move, outcome), disabled=not into or into == code.name)
        retire = partial(workspace.readings.change, cascade, who, verified=verified, action="retire", tag=code.name)
        streamlit.button("Retire", on_click=act, args=(retire, f"{code.name} is out of the book."))
