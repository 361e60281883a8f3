"""The label card on the page: what it is given from a queue, and what becomes of what it sends."""

from __future__ import annotations

import json
from functools import partial

import streamlit

from stagegap.analysis.worklist import values_from_label
from stagegap.errors import StagegapError
from stagegap.model.queue import Queue, QueueItem
from stagegap.ui import elements, state
from stagegap.ui.protocol import Workspace

PREFETCH = 12
"""Records that the card holds ahead, so that going on waits for nobody."""


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace, queue: Queue, who: str, verified: bool) -> None:
    """Draw the card on the next records of that person."""
    key = f"card {queue.id} {who}"
    form, progress = json.loads(queue.form), workspace.progress_of(queue, who)
    data = {
        "context": f"{queue.id}/{who}/{form['hash']}",
        "form": {**form, "question": queue.question},
        "guideline": queue.guideline,
        "items": [_seen(item) for item in workspace.queue_items(queue, who, PREFETCH)],
        "last": _last(workspace, queue, who),
        "acknowledged": state.acknowledged(key),
        "progress": {"done": progress.done, "total": progress.total, "median_ms": progress.median_ms},
    }
    elements.card(key, data, on_outbox=partial(_save, workspace, queue, who, verified, key))
    for trouble in state.troubles(key):
        elements.note(f"Not saved yet, and kept on this device: {trouble}")


def _save(workspace: Workspace, queue: Queue, who: str, verified: bool, key: str) -> None:
    """Store what the card sent; what can't be stored keeps nothing else from being stored."""
    stored: list[str] = []
    troubles: list[str] = []
    for event in state.outbox(key):
        try:
            workspace.save_labels(queue, [event], who, verified)
            stored.append(str(event["id"]))
        except StagegapError as error:
            troubles.append(str(error))
    state.settle(key, stored=stored, troubles=list(dict.fromkeys(troubles)))


def _seen(item: QueueItem) -> dict[str, object]:
    """All of an item that goes to the browser: its payload."""
    return json.loads(item.payload)


def _last(workspace: Workspace, queue: Queue, who: str) -> dict[str, object] | None:
    last = workspace.last_label(queue, who)
    return {"item": _seen(last[0]), "values": values_from_label(last[1])} if last else None
