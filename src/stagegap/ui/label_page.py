"""The Label page: what would a person answer from the same inputs? Blind: it reads the queue and nothing else."""

from __future__ import annotations

import json

import streamlit

from stagegap.analysis.worklist import values_from_label
from stagegap.model.queue import Queue, QueueItem
from stagegap.ui import elements, empty, identity, state
from stagegap.ui.protocol import Workspace

PREFETCH = 12
"""Records that the card holds ahead, so that going on waits for nobody."""


def draw(workspace: Workspace) -> None:
    """Draw the card for the stage and the person that the URL names."""
    cascades = workspace.cascades()
    cascade, _ = state.chosen("cascade", cascades, cascades[0] if cascades else None)
    if cascade is None:
        return empty.no_cascade()
    stages = {stage.stage: stage for stage in workspace.label_stages(cascade)}
    stage, unknown = state.chosen("stage", list(stages), next(iter(stages), None))
    if stage is None:
        return empty.nothing_to_label()
    head, right = streamlit.columns([4, 1], vertical_alignment="center")
    with head, streamlit.container(horizontal=True, vertical_alignment="center", gap="medium"):
        streamlit.segmented_control(
            "Stage",
            list(stages),
            required=True,
            key=state.picker_key("stage", stage),
            on_change=state.take_over("stage"),
            label_visibility="collapsed",
        )
        elements.question(stages[stage].question)
    with right:
        who, verified = identity.annotator()
    if unknown:
        elements.note("The stage in the link is not one that people can label here.")
    if who is None:
        return elements.note("Write your initials above. Every label carries who made it.")
    return _card(workspace, workspace.queue(cascade, stage), who, verified)


@streamlit.fragment
def _card(workspace: Workspace, queue: Queue, who: str, verified: bool) -> None:
    key = f"card {queue.id} {who}"

    def store() -> None:
        events = state.outbox(key)
        if events:
            workspace.save_labels(queue, events, who, verified)
            state.acknowledge(key, [str(event["id"]) for event in events])

    form, progress = json.loads(queue.form), workspace.progress_of(queue, who)
    data = {
        "context": f"{queue.id}/{who}/{form['hash']}",
        "form": form,
        "guideline": queue.guideline,
        "items": [_seen(item) for item in workspace.queue_items(queue, who, PREFETCH)],
        "last": _last(workspace, queue, who),
        "acknowledged": state.acknowledged(key),
        "progress": {"done": progress.done, "total": progress.total, "median_ms": progress.median_ms},
    }
    elements.card(key, data, on_outbox=store)


def _seen(item: QueueItem) -> dict[str, object]:
    """All of an item that goes to the browser: its payload."""
    return json.loads(item.payload)


def _last(workspace: Workspace, queue: Queue, who: str) -> dict[str, object] | None:
    last = workspace.last_label(queue, who)
    return {"item": _seen(last[0]), "values": values_from_label(last[1])} if last else None
