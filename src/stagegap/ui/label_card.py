"""The label card on the page: what it is given from a queue, and what becomes of what it sends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from difflib import ndiff
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit

from stagegap.analysis.judging import values_of_judgement
from stagegap.analysis.worklist import guideline_hash, values_from_label
from stagegap.errors import StagegapError
from stagegap.model.answer import Label
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.values import Json
from stagegap.ui import elements, state
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
def draw(workspace: Workspace, queue: Queue, who: str, verified: bool, record: str | None = None) -> None:
    """Draw the card on the next records of that person."""
    key = key_of(queue, who)
    data = given(workspace, queue, who, acknowledged=state.acknowledged(key), record=record)
    elements.card(key, data, on_outbox=partial(take_in, workspace, queue, who, verified, key))
    for trouble in state.troubles(key):
        elements.note(f"Not saved yet, and kept on this device: {trouble}")


def key_of(queue: Queue, who: str) -> str:
    """The key of that person's card."""
    return f"card {queue.id} {who}"


def take_in(workspace: Workspace, queue: Queue, who: str, verified: bool, key: str) -> None:
    """Store what the card holds, before the page is drawn again, and remember what became of it."""
    stored, troubles = store(workspace, queue, state.outbox(key), who=who, verified=verified)
    state.settle(key, stored=stored, troubles=troubles)


def given(
    workspace: Workspace, queue: Queue, who: str, *, acknowledged: Sequence[str], record: str | None = None
) -> dict[str, Any]:
    """All that the card gets: its form, the next payloads, the last answer for undo, how far the person is.

    `record` is the one that the link asks for: it comes first, with the person's own answer where there is one.
    """
    desk = workspace.labels
    form, sitting = json.loads(queue.form), desk.sitting(queue, who, PREFETCH)
    progress, last = sitting.progress, sitting.last
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
        "warmup": json.loads(queue.warmup) if not progress.done + progress.skipped else [],
        "opened": _opened(workspace, queue, who, record),
        "items": [json.loads(item.payload) for item in sitting.items],
        "last": {"item": json.loads(last[0].payload), "values": _values(queue, *last)} if last else None,
        "acknowledged": list(acknowledged),
        "words": JUDGING if queue.purpose == "judge" else {},
        "progress": {"done": progress.done, "total": progress.total, "median_ms": progress.median_ms},
    }


def _opened(workspace: Workspace, queue: Queue, who: str, record: str | None) -> dict[str, Any] | None:
    item = workspace.labels.queue_item(queue, record) if record else None
    if item is None:
        return None
    own = workspace.labels.label_of(queue, who, item.record)
    return {"item": json.loads(item.payload), "values": _values(queue, item, own) if own else None}


def _values(queue: Queue, item: QueueItem, label: Label) -> dict[str, Json]:
    """The values that the form shows again."""
    return values_of_judgement(label, queue, item) if queue.purpose == "judge" else values_from_label(label)


def _changed(change: GuidelineChange | None) -> dict[str, Any] | None:
    if change is None:
        return None
    day = datetime.fromtimestamp(change.since, UTC)
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
