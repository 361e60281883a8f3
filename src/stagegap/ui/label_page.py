"""The Label page: what would a person answer from the same inputs? Blind: it reads the queue and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from difflib import ndiff
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import streamlit

from stagegap import charts
from stagegap.errors import StagegapError, StoreBusy
from stagegap.model.answer import Label
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.model.wording import instant
from stagegap.people.card import guideline_hash, values_from_label
from stagegap.people.histories import MOST, OwnLabel
from stagegap.people.judgements import values_of_judgement
from stagegap.people.verdicts import values_of_verdict
from stagegap.tables.content import media_in, parsed
from stagegap.ui import choice as empty
from stagegap.ui import choice as opening
from stagegap.ui import elements, identity, media, share, state
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import GuidelineChange


PREFETCH = 12
"""Records that the card holds ahead, so that going on waits for nobody."""


JUDGING = {
    "badge": "◐ Blind: who gave which answer is hidden",
    "did": "You judged",
}
"""What the card says otherwise where answers are judged."""


@streamlit.fragment
@elements.errors_as_sentences
def draw_card(workspace: Workspace, queue: Queue, who: str, verified: bool, record: str | None = None) -> None:
    """Draw the card on the next records of that person."""
    key = key_of(queue, who)
    if state.is_leaving(key):
        streamlit.rerun()
    data, trouble = _given_or_before(workspace, queue, who, key, record)
    on_outbox = partial(take_in, workspace, queue, who, verified, key)
    elements.card(key, data, on_outbox=on_outbox, on_go=state.take_step(key))
    if trouble:
        elements.note(f"What you answer is saved; new records wait: {trouble}")
    for trouble in state.troubles(key):
        elements.note(f"Not saved yet, and kept on this device: {trouble}")


def _given_or_before(
    workspace: Workspace, queue: Queue, who: str, key: str, record: str | None
) -> tuple[dict[str, Any], str]:
    """What the card gets; what it got before, and why, while another program holds the file.

    Labels are safe in the journal then, and the card must hear of it; it skips the records that it has answered.
    Raises: StoreBusy where it got nothing before.
    """
    acknowledged = state.acknowledged(key)
    try:
        data, trouble = given(workspace, queue, who, acknowledged=acknowledged, record=record), ""
    except StoreBusy as busy:
        before = state.given(key)
        if before is None:
            raise
        data, trouble = {**before, "acknowledged": list(acknowledged)}, str(busy)
    state.keep_given(key, data)
    return data, trouble


def key_of(queue: Queue, who: str) -> str:
    """The key of that person's card."""
    return f"card {queue.id} {who}"


def take_in(workspace: Workspace, queue: Queue, who: str, verified: bool, key: str) -> None:
    """Store what the card holds, before the page is drawn again, and remember what became of it."""
    if not identity.may_label(who):
        return state.settle(key, stored=[], troubles=[identity.CLOSED])
    stored, troubles = store(workspace, queue, state.outbox(key), who=who, verified=verified)
    return state.settle(key, stored=stored, troubles=troubles)


def given(
    workspace: Workspace, queue: Queue, who: str, *, acknowledged: Sequence[str], record: str | None = None
) -> dict[str, Any]:
    """All that the card gets: its form, the next payloads, the last answer for undo, how far the person is.

    `record` is the one that the link asks for: it comes first, with the person's own answer where there is one.
    """
    desk = workspace.labels
    form, sitting = json.loads(queue.form), desk.sitting(queue, who, PREFETCH)
    progress, last = sitting.progress, sitting.last
    show = media.manner(workspace, queue.cascade, is_blind=True).show
    return {
        "context": f"{queue.id}/{who}/{form['hash']}",
        "queue": queue.id,
        "queues": list(desk.queue_ids(queue.cascade)),
        "purpose": queue.purpose,
        "who": who,
        "form": {**form, "question": queue.question},
        "guideline": queue.guideline,
        "version": guideline_hash(queue.guideline),
        "read": bool(sitting.guideline),
        "changed": _changed(desk.guideline_change(queue, sitting.guideline)),
        "warmup": _warmup(queue, form, show) if not progress.done + progress.skipped else [],
        "opened": _opened(workspace, queue, who, record, form, show),
        "items": [drawn_item(json.loads(item.payload), form, show) for item in sitting.items],
        "last": {"item": drawn_item(json.loads(last[0].payload), form, show), "values": _values(queue, *last)}
        if last
        else None,
        "acknowledged": list(acknowledged),
        "words": JUDGING if queue.purpose == "judge" else {},
        "progress": {
            "done": progress.done,
            "skipped": progress.skipped,
            "total": progress.total,
            "median_ms": progress.median_ms,
        },
        "due": _due(workspace, queue, who),
        "onward": _onward(workspace, queue, who) if progress.left <= PREFETCH else None,
    }


def _due(workspace: Workspace, queue: Queue, who: str) -> str:
    assignment = workspace.people.assigned(queue.cascade, who).get(queue.id)
    return _day(assignment.due) if assignment else ""


def _day(due: str) -> str:
    """A last day as it is said: `5 Dec`; empty where there is none."""
    if not due:
        return ""
    day = date.fromisoformat(due)
    return f"{day.day} {day:%b}"


def _onward(workspace: Workspace, queue: Queue, who: str) -> dict[str, Any] | None:
    onward = workspace.labels.onward(queue.cascade, queue.stage, who, queue=queue.id)
    return {**asdict(onward), "due": _day(onward.due)} if onward else None


def _warmup(queue: Queue, form: Mapping[str, Any], show: charts.Show) -> list[dict[str, Any]]:
    return [{**example, "item": drawn_item(example["item"], form, show)} for example in json.loads(queue.warmup)]


def _opened(
    workspace: Workspace, queue: Queue, who: str, record: str | None, form: Mapping[str, Any], show: charts.Show
) -> dict[str, Any] | None:
    item = workspace.labels.queue_item(queue, record, who) if record else None
    if item is None:
        return None
    own = workspace.labels.label_of(queue, who, item.record)
    return {
        "item": drawn_item(json.loads(item.payload), form, show),
        "values": _values(queue, item, own) if own else None,
    }


ROOM = 9_000
"""Characters of an input that stand open on the card: who answers reads all of it, as long as that is a page or two."""
_SIDE = re.compile(r"[AB]:  ")


def drawn_item(payload: dict[str, Any], form: Mapping[str, Any], show: charts.Show) -> dict[str, Any]:
    """A payload as the card draws it: what has structure comes as elements, to be made one by one.

    A form of the user's own, and one for places, gets the values as well; otherwise they are sent once. Of a picture, a
    recording or a document nobody who labels gets the path, only the address at which `show` serves it.
    """
    keeps = bool(form.get("module")) or any(field["kind"] == "places" for field in form["fields"])
    manner = charts.Manner(room=ROOM, show=show)
    inputs = [_drawn_input(entry, manner, keeps=keeps) for entry in payload["inputs"]]
    options = {
        name: [_drawn_option(option, manner) for option in entries] for name, entries in payload["options"].items()
    }
    drawn = {**payload, "inputs": inputs, "options": options}
    if "output" in payload:
        drawn["output"] = _drawn_input(payload["output"], manner, keeps=keeps)
    if "texts" in payload:
        drawn["texts"] = {name: charts.drawn_value(text, manner) for name, text in payload["texts"].items()}
    return drawn


def _drawn_input(entry: dict[str, Any], manner: charts.Manner, *, keeps: bool) -> dict[str, Any]:
    if entry["kind"] not in ("text", "documents"):
        return entry
    drawn = {**entry, "drawn": charts.drawn_value(entry["value"], manner)}
    file = media_in(parsed(entry["value"]))
    if file is not None:
        drawn["value"] = {"width": file.width, "height": file.height, "pages": file.pages, "seconds": file.seconds}
        drawn["media"] = file.kind.value
    elif not keeps:
        del drawn["value"]
    return drawn


def _drawn_option(option: dict[str, Any], manner: charts.Manner) -> dict[str, Any]:
    """An answer to be judged, or the text of a document, with its structure; its side stays a word before it."""
    text = str(option.get("text", ""))
    side = _SIDE.match(text)
    if side:
        whole = replace(manner, room=len(text))
        return {**option, "text": side[0][0], "drawn": charts.drawn_value(text[side.end() :], whole)}
    return {**option, "drawn": charts.drawn_value(text, manner)} if option.get("title") is not None else option


def _values(queue: Queue, item: QueueItem, label: Label) -> dict[str, Json]:
    """The values that the form shows again."""
    if label.task == "verdict":
        return values_of_verdict(label)
    return values_of_judgement(label, queue, item) if queue.purpose == "judge" else values_from_label(label)


def _changed(change: GuidelineChange | None) -> dict[str, Any] | None:
    if change is None:
        return None
    day = instant(change.since)
    lines = ndiff(change.before.splitlines(), change.now.splitlines())
    return {"day": f"{day.day} {day:%b}", "lines": [[line[0], line[2:]] for line in lines if line[0] in "+-"]}


def store(
    workspace: Workspace, queue: Queue, events: Sequence[Mapping[str, Json]], *, who: str, verified: bool
) -> tuple[list[str], list[str]]:
    """Store events one by one, so that one that can't be stored holds up no other; give ids stored, and reasons.

    An event may belong to another queue of the cascade: the person went on to another stage before it was sent.
    """
    stored: list[str] = []
    troubles: list[str] = []
    for event in events:
        name = str(event.get("queue"))
        try:
            own = queue if name == queue.id else workspace.labels.queue_of(queue.cascade, name) or queue
            workspace.labels.save_labels(own, [event], who, verified)
            stored.append(str(event["id"]))
        except StagegapError as error:
            troubles.append(str(error))
    return stored, list(dict.fromkeys(troubles))


KINDS = {
    "overlap": "Several labellers answer these records, each in their own order.",
    "hunting": "These records were searched for. Answer them as you would any other.",
    "judge": "Two answers to each record, in random order: one is the system's, one a labeller's.",
    "verdict": "Say whether what the system answered is right. A random tenth comes without its answer: these are "
    "answered blind, and measure what seeing the answer does.",
    "next": "These records help most at the moment.",
    "swap": "",
}
"""What somebody who answers is told of the records before them."""


@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw the card for the stage, the person, the queue and the record that the URL names."""
    choice = opening.chosen(workspace)
    if choice is None:
        return None
    _, cascade = choice
    stages = {stage.stage: stage for stage in workspace.labels.label_stages(cascade)}
    stage, unknown = state.chosen("stage", list(stages), next(iter(stages), None))
    if stage is None:
        return empty.nothing_to_label()
    who, verified = identity.known()
    head, right = streamlit.columns([3.6, 1.2], vertical_alignment="center")
    with head, streamlit.container(horizontal=True, vertical_alignment="center", gap="medium"):
        elements.switch("Stage", "stage", list(stages), stage)
        of_answers = {
            "judge": f"How good are these answers at {stage}?",
            "verdict": f"Is what the system answered at {stage} right?",
        }
        elements.question(of_answers.get(_purpose(workspace, cascade), stages[stage].question))
    with right, streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        if who is not None:
            identity.annotator()
        share.link_button("Whoever labels stays blind, so this page gives away its link and nothing else.")
    if unknown:
        elements.note("The stage in the link is not one that can be labelled here.")
    if who is None:
        return identity.ask("Every answer carries who gave it. The system's answers stay hidden from you.")
    with streamlit.empty():
        if stages[stage].queue_id is None:
            elements.note("A fair sample of records is drawn for this stage. That happens once and takes a moment.")
        queue = _queue(workspace, cascade, stage)
        streamlit.container()
    record = state.asked("record")
    if kind := KINDS.get(queue.purpose):
        elements.note(f"The question: {queue.question} {kind}" if queue.purpose in ("judge", "verdict") else kind)
    if record and workspace.labels.queue_item(queue, record, who) is None:
        elements.note(f"Record {record} in the link is not in this queue.")
    draw_card(workspace, queue, who, verified, record)
    return _own(workspace, cascade, stage, who)


def _own(workspace: Workspace, cascade: str, stage: str, who: str) -> None:
    """List the person's own labels; opening one and saving it again adds a correction."""

    def link(row: OwnLabel) -> str | None:
        parts = {"cascade": cascade, "stage": stage, "who": who, "queue": row.queue, "record": row.record}
        return f"label?{urlencode(parts)}" if row.queue else None

    with streamlit.expander("My labels"):
        rows = workspace.labels.own_labels(cascade, stage, who)
        elements.chart("own labels", charts.own_labels(rows, noun="record", link=link))
        elements.note(
            f"The newest {MOST}, as they were when the page was opened. A click opens one again: what you save then is "
            "added, and what you said before stays in its history."
        )


def _purpose(workspace: Workspace, cascade: str) -> str:
    """What the queue of the link is for, named by that or by its id."""
    name = state.asked("queue") or "random"
    known = workspace.labels.queue_of(cascade, name)
    return known.purpose if known is not None else name


def _queue(workspace: Workspace, cascade: str, stage: str) -> Queue:
    """The queue that the link names; that of another stage stays behind when the stage is switched."""
    name = state.asked("queue") or "random"
    known = workspace.labels.queue_of(cascade, name)
    return workspace.labels.queue(cascade, stage, "random" if known and known.stage != stage else name)
