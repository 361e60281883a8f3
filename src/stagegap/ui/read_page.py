"""The Read page: what went wrong, and where first? Whole records of a fair sample, and the codebook of why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit

from stagegap import charts
from stagegap.errors import StagegapError
from stagegap.model.record import Json
from stagegap.model.run import RunStatus
from stagegap.model.wording import plural
from stagegap.people.codebook import LONGEST
from stagegap.ui import choice, codebook_part, elements, identity, media, share, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import ReadItem

AHEAD = 4
"""Records that the page holds ahead, so that going on waits for nobody; few, as it is noted that they were seen."""


@streamlit.fragment
@elements.errors_as_sentences
def draw_reader(workspace: Workspace, cascade: str, run: str, who: str, verified: bool) -> None:
    """Draw the record at hand and what is asked of it."""
    key = f"read {cascade} {run} {who}"
    data = given(workspace, cascade, run, who=who, acknowledged=state.acknowledged(key), record=state.asked("record"))
    on_outbox = partial(_take_in, workspace, cascade, run, who, verified, key)
    elements.reader(key, data, on_outbox=on_outbox, on_show=partial(_show, workspace, cascade, run, who, key))
    for trouble in state.troubles(key):
        note(f"Not saved yet, and kept on this device: {trouble}")


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
        "corrects": {stage: {"values": list(values) if values else None} for stage, values in sitting.corrects.items()},
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
    """Store events one by one, so that one that can't be stored holds up no other; give ids stored, and reasons."""
    stored: list[str] = []
    troubles: list[str] = []
    for event in events:
        try:
            workspace.readings.save(cascade, run, [event], who, verified=verified)
            stored.append(str(event["id"]))
        except StagegapError as error:
            troubles.append(str(error))
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
        return note("`stagegap run` makes a run, `stagegap tools import-traces` takes one in: no label is needed.")
    who, verified = identity.known()
    head, right = streamlit.columns(choice.widths(opened), vertical_alignment="top")
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
    return codebook_part.draw(workspace, opened.cascade, run, who, verified)
