"""The Read page: what went wrong, and where first? Whole records of a fair sample, and the codebook of why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import streamlit

from stagegap import charts, registry
from stagegap.errors import ConfigurationError, StagegapError
from stagegap.model.notes import Severity
from stagegap.model.record import Json
from stagegap.model.run import RunStatus
from stagegap.model.wording import counted, plural
from stagegap.people.codebook import LONGEST, LONGEST_TEXT, codebook_sheet
from stagegap.ui import choice, elements, identity, media, share, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.model.notes import Reading
    from stagegap.people.codebook import Code, Codebook
    from stagegap.workspace import ReadItem


AHEAD = 4
"""Records that the page holds ahead, so that going on waits for nobody; few, as it is noted that they were seen."""
WAITS = "Not saved yet, and kept on this device:"


@streamlit.fragment
@elements.errors_as_sentences
def draw_reader(workspace: Workspace, cascade: str, run: str, who: str, verified: bool) -> None:
    """Draw the record at hand and what is asked of it."""
    key = f"read {cascade} {run} {who}"
    data = given(workspace, cascade, run, who=who, acknowledged=state.acknowledged(key), record=state.asked("record"))
    on_outbox = partial(_take_in, workspace, cascade, run, who, verified, key)
    elements.reader(key, data, on_outbox=on_outbox, on_show=partial(_show, workspace, cascade, run, who, key))
    for trouble in state.troubles(key):
        note(trouble)


def given(
    workspace: Workspace,
    cascade: str,
    run: str,
    *,
    who: str,
    acknowledged: Sequence[str],
    record: str | None = None,
) -> dict[str, Any]:
    """All that the reader gets: the next records, the codes, what was said last for undo, how far the person is."""
    manner = media.manner(workspace, cascade)
    sitting = workspace.readings.sitting(cascade, run, who, ahead=AHEAD, record=record)
    return {
        "context": f"read/{cascade}/{run}",
        "who": who,
        "run": run,
        "noun": sitting.noun,
        "nouns": plural(sitting.noun, 2),
        "stages": list(sitting.stages),
        "items": [_item(item, manner) for item in sitting.items],
        "last": _item(sitting.last, manner) if sitting.last is not None and sitting.last.view is not None else None,
        "codes": [
            {"name": code.name, "definition": code.definition, "severity": code.severity} for code in sitting.book.codes
        ],
        "acknowledged": list(acknowledged),
        "progress": {"done": sitting.done, "passed": sitting.passed, "total": sitting.total},
        "longest": LONGEST,
        "corrects": {
            stage: {"values": list(box.values) or None, "many": box.is_many, "lines": box.lines}
            for stage, box in sitting.corrects.items()
        },
    }


def _item(item: ReadItem, manner: charts.Manner) -> dict[str, Any]:
    own = item.own
    return {
        "record": item.record,
        "html": charts.record_flow(item.view, manner) if item.view is not None else None,
        "waits": list(item.waits),
        "own": None if own is None else {"verdict": own.verdict, "stage": own.stage, "note": own.note},
        "codes": list(item.codes),
        "is_offered": item.is_offered,
    }


def _take_in(workspace: Workspace, cascade: str, run: str, who: str, verified: bool, key: str) -> None:
    """Store what the page holds, before it is drawn again, and remember what became of it."""
    if not identity.may_label(who):
        return state.settle(key, stored=[], troubles=[identity.CLOSED])
    stored, troubles = store(workspace, cascade, run, state.outbox(key), who=who, verified=verified)
    return state.settle(key, stored=stored, troubles=troubles)


def store(
    workspace: Workspace, cascade: str, run: str, events: Sequence[Mapping[str, Json]], *, who: str, verified: bool
) -> tuple[list[str], list[str]]:
    """Store events one by one, so that one that can't be stored holds up no other; give ids done with, and reasons.

    A correction that is no answer of its stage is none on a later try either: it is said, and done with.
    """
    stored: list[str] = []
    troubles: list[str] = []
    for event in events:
        try:
            workspace.readings.save(cascade, run, [event], who, verified=verified)
            stored.append(str(event["id"]))
        except ConfigurationError as error:
            is_hopeless = event.get("what") == "verdict"
            stored += [str(event["id"])] if is_hopeless else []
            troubles.append(f"Not kept of {event.get('record')}: {error}" if is_hopeless else f"{WAITS} {error}")
        except StagegapError as error:
            troubles.append(f"{WAITS} {error}")
    return stored, list(dict.fromkeys(troubles))


def _show(workspace: Workspace, cascade: str, run: str, who: str, key: str) -> None:
    record = state.record_to_show(key)
    if record is not None and identity.may_label(who):
        workspace.readings.show(cascade, run, record, who)


@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw the reader for the run and the person that the URL names; or the sentence that says what to do first."""
    opened = choice.opened(workspace)
    if opened is None:
        return None
    runs = {run.name: elements.dated(run) for run in opened.runs if run.status is not RunStatus.RUNNING}
    run, is_unknown = state.chosen("run", list(runs), next(iter(runs), None))
    if run is None:
        streamlit.title("Nothing to read yet", anchor=False)
        return note("`stagegap run` makes a run, `stagegap import FILE` takes recorded traces in: no label is needed.")
    who, verified = identity.known()
    head, right = streamlit.columns([1.4, 1], vertical_alignment="top")
    with head:
        elements.question("Did it end well, and if not, which stage went wrong first?")
    with right, streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        choice.cascade_picker(opened.cascades, opened.cascade, drop=("record",))
        elements.picker("Run", "run", runs, run, drop=("record",))
        if who is not None:
            identity.annotator()
        share.link_button("Whoever reads says what they see, so this page gives away its link and nothing else.")
    if is_unknown:
        note(f"Run {state.asked('run')} in the link is not here. This is the newest.")
    if who is None:
        return identity.ask("Every reading carries who made it. Who saw an answer is not asked to label it blind.")
    draw_reader(workspace, opened.cascade, run, who, verified)
    return draw_codebook(workspace, opened.cascade, run, who, verified)


MOST = 200
"""Notes without a code that are listed."""


@streamlit.fragment
@elements.errors_as_sentences
def draw_codebook(workspace: Workspace, cascade: str, run: str, who: str, verified: bool) -> None:
    """Draw the table of what went wrong, the notes without a code, and the codebook with all that can be done to it."""
    streamlit.divider()
    act = partial(_act, who)
    view = workspace.runs.attribution(cascade, run).codes()
    sheet = registry.view("codes").sheet(view)
    with streamlit.container(horizontal=True, vertical_alignment="center"):
        streamlit.header(elements.plain(sheet.headline), anchor="what-went-wrong", width="content")
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
