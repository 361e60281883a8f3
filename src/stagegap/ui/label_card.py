"""The label card on the page: what it is given from a queue, and what becomes of what it sends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit

from stagegap.analysis.worklist import values_from_label
from stagegap.errors import StagegapError
from stagegap.model.queue import Queue
from stagegap.model.values import Json
from stagegap.ui import elements, state
from stagegap.ui.protocol import Workspace

PREFETCH = 12
"""Records that the card holds ahead, so that going on waits for nobody."""


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace, queue: Queue, who: str, verified: bool) -> None:
    """Draw the card on the next records of that person."""
    key = key_of(queue, who)
    data = given(workspace, queue, who, acknowledged=state.acknowledged(key))
    elements.card(key, data, on_outbox=partial(take_in, workspace, queue, who, verified, key))
    for trouble in state.troubles(key):
        elements.note(f"Not saved yet, and kept on this device: {trouble}")


def key_of(queue: Queue, who: str) -> str:
    """Give the key of that person's card."""
    return f"card {queue.id} {who}"


def take_in(workspace: Workspace, queue: Queue, who: str, verified: bool, key: str) -> None:
    """Store what the card holds, before the page is drawn again, and remember what became of it."""
    stored, troubles = store(workspace, queue, state.outbox(key), who=who, verified=verified)
    state.settle(key, stored=stored, troubles=troubles)


def given(workspace: Workspace, queue: Queue, who: str, *, acknowledged: Sequence[str]) -> dict[str, Any]:
    """Give all that the card gets: its form, the next payloads, the last answer for undo, how far the person is."""
    form, progress = json.loads(queue.form), workspace.progress_of(queue, who)
    last = workspace.last_label(queue, who)
    return {
        "context": f"{queue.id}/{who}/{form['hash']}",
        "queue": queue.id,
        "queues": [stage.queue_id for stage in workspace.label_stages(queue.cascade) if stage.queue_id],
        "who": who,
        "form": {**form, "question": queue.question},
        "guideline": queue.guideline,
        "items": [json.loads(item.payload) for item in workspace.queue_items(queue, who, PREFETCH)],
        "last": {"item": json.loads(last[0].payload), "values": values_from_label(last[1])} if last else None,
        "acknowledged": list(acknowledged),
        "progress": {"done": progress.done, "total": progress.total, "median_ms": progress.median_ms},
    }


def store(
    workspace: Workspace, queue: Queue, events: Sequence[Mapping[str, Json]], *, who: str, verified: bool
) -> tuple[list[str], list[str]]:
    """Store events one by one, so that one that can't be stored holds up no other; give ids stored, and reasons.

    An event may belong to another queue of the cascade: the person went on to another stage before it was sent.
    """
    stored: list[str] = []
    troubles: list[str] = []
    stages = {stage.queue_id: stage.stage for stage in workspace.label_stages(queue.cascade)}
    for event in events:
        stage = stages.get(str(event.get("queue")), queue.stage)
        try:
            own = queue if stage == queue.stage else workspace.queue(queue.cascade, stage)
            workspace.save_labels(own, [event], who, verified)
            stored.append(str(event["id"]))
        except StagegapError as error:
            troubles.append(str(error))
    return stored, list(dict.fromkeys(troubles))
