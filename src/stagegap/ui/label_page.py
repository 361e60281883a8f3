"""The Label page: what would a person answer from the same inputs? Blind: it reads the queue and nothing else."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit

from stagegap import charts
from stagegap.analysis.own_labels import MOST, OwnLabel
from stagegap.model.queue import Queue
from stagegap.ui import background, elements, empty, identity, label_card, opening, share, state
from stagegap.workspace import Workspace

KINDS = {
    "overlap": "Everybody labels these records, each in their own order: this is how agreement is measured.",
    "hunting": "These records were hunted for. Their labels are examples: they enter a rate only where the chance of "
    "each is known, and then weighted by it.",
    "judge": "Two answers to each record, in random order: one is the system's, one a person's.",
    "next": "These records decide which stage is worst. Everybody who helps gets them in another order.",
    "swap": "This is what the stage received in the newest run.",
}


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
    head, right = streamlit.columns([4, 1], vertical_alignment="center")
    with head, streamlit.container(horizontal=True, vertical_alignment="center", gap="medium"):
        elements.switch("Stage", "stage", list(stages), stage)
        elements.question(stages[stage].question)
    with right:
        share.link_button("Whoever labels stays blind, so this page gives away its link and nothing else.")
        who, verified = identity.annotator()
    if unknown:
        elements.note("The stage in the link is not one that people can label here.")
    if who is None:
        return elements.note(f"{identity.invitation()}. Every label carries who made it.")
    with streamlit.empty():
        if stages[stage].queue_id is None:
            elements.note("A fair sample of records is drawn for this stage. That happens once and takes a moment.")
        queue = _queue(workspace, cascade, stage)
        streamlit.container()
    _planner(workspace, cascade, stage, queue, who)
    record = state.asked("record")
    if queue.purpose in KINDS:
        elements.note(KINDS[queue.purpose] if queue.purpose != "judge" else f"{queue.question} {KINDS['judge']}")
    if record and workspace.labels.queue_item(queue, record) is None:
        elements.note(f"Record {record} in the link is not in this queue.")
    label_card.draw(workspace, queue, who, verified, record)
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


def _planner(workspace: Workspace, cascade: str, stage: str, queue: Queue, who: str) -> None:
    """Say what decides which stage is worst, and offer to begin with exactly those records."""
    planned = workspace.labels.next_labels(cascade, who)
    if planned is None:
        return
    if planned.newer:
        background.refresh(workspace, cascade, planned.run)
    with streamlit.container(horizontal=True, vertical_alignment="center", gap="small"):
        elements.note(planned.sentence)
        at = stage if stage in planned.wanted else next(iter(planned.wanted), None)
        if at is not None and (queue.purpose != "next" or at != stage):
            streamlit.button(
                f"Label these at {at}",
                on_click=state.choose_several,
                kwargs={"queue": "next", "stage": at, "record": None},
            )


def _queue(workspace: Workspace, cascade: str, stage: str) -> Queue:
    """The queue that the link names; that of another stage stays behind when the stage is switched."""
    name = state.asked("queue") or "random"
    known = workspace.labels.queue_of(cascade, name)
    return workspace.labels.queue(cascade, stage, "random" if known and known.stage != stage else name)
