"""The card of the Agree page: two answers of people side by side, names and the system's answer hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit

from stagegap.analysis.worklist import guideline_hash
from stagegap.errors import StagegapError
from stagegap.model.values import Json
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Settling
from stagegap.ui import elements, label_card, state


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace, cascade: str, stage: str, who: str, verified: bool, record: str | None = None) -> None:
    """Draw the card on the disagreements of a stage that wait."""
    settling = workspace.people.settling(cascade, stage, who)
    key = f"agree {settling.queue.id} {who}"
    data = given(workspace, settling, who, acknowledged=state.acknowledged(key), record=record)
    elements.card(key, data, on_outbox=partial(take_in, workspace, settling, who, verified, key))
    for trouble in state.troubles(key):
        elements.note(f"Not saved yet, and kept on this device: {trouble}")


def take_in(workspace: Workspace, settling: Settling, who: str, verified: bool, key: str) -> None:
    """Store the decisions that the card holds, before the page is drawn again."""
    stored, troubles = store(workspace, settling, state.outbox(key), who=who, verified=verified)
    state.settle(key, stored=stored, troubles=troubles)


def given(
    workspace: Workspace, settling: Settling, who: str, *, acknowledged: Sequence[str], record: str | None = None
) -> dict[str, Any]:
    """All that the card gets; the record that the link asks for comes first."""
    queue = settling.queue
    wanted = sorted(settling.open, key=lambda name: name != record)[: label_card.PREFETCH]
    own = f"settle {queue.id}"
    return {
        "context": f"{own}/{who}/{settling.form['hash']}",
        "queue": own,
        "queues": [f"settle {key}" for key in workspace.labels.queue_ids(queue.cascade)],
        "purpose": "settle",
        "who": who,
        "form": {**settling.form, "question": queue.question},
        "guideline": queue.guideline,
        "version": guideline_hash(queue.guideline),
        "read": True,
        "changed": None,
        "warmup": [],
        "opened": None,
        "items": list(workspace.people.payloads(settling, wanted)),
        "last": None,
        "acknowledged": list(acknowledged),
        "progress": {"done": settling.settled, "total": settling.settled + len(settling.open), "median_ms": None},
        "words": {
            "badge": "◐ Blind: names and the system's answer are hidden",
            "done": "settled",
            "end": "Nothing left to settle",
            "did": "Settled are",
        },
    }


def store(
    workspace: Workspace, settling: Settling, events: Sequence[Mapping[str, Json]], *, who: str, verified: bool
) -> tuple[list[str], list[str]]:
    """Store decisions one by one, so that one that can't be stored holds up no other; give ids stored, and reasons."""
    stored: list[str] = []
    troubles: list[str] = []
    for event in events:
        key = str(event.get("queue")).removeprefix("settle ")
        try:
            own = settling.queue if key == settling.queue.id else workspace.labels.queue_of(settling.queue.cascade, key)
            workspace.people.settle(own or settling.queue, [event], who, verified)
            stored.append(str(event["id"]))
        except StagegapError as error:
            troubles.append(str(error))
    return stored, list(dict.fromkeys(troubles))
