"""The Agree page: do people agree, what is right where they don't, and where a reference comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard
from stagegap.errors import NotFound, StagegapError
from stagegap.model.record import Json
from stagegap.model.wording import counted, plural
from stagegap.people.card import guideline_hash
from stagegap.tables import figures
from stagegap.tables.table import Rests
from stagegap.ui import background, choice, elements, identity, label_page, media, share, state
from stagegap.ui.elements import note
from stagegap.ui.share import Offer
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Settling


@streamlit.fragment
@elements.errors_as_sentences
def draw_card(
    workspace: Workspace, cascade: str, stage: str, who: str, verified: bool, record: str | None = None
) -> None:
    """Draw the card on the disagreements of a stage that wait."""
    settling = workspace.people.settling(cascade, stage, who)
    key = f"agree {settling.queue.id} {who}"
    data = given(workspace, settling, who, acknowledged=state.acknowledged(key), record=record)
    elements.card(key, data, on_outbox=partial(take_in, workspace, settling, who, verified, key))
    for trouble in state.troubles(key):
        elements.note(f"Not saved yet, and kept on this device: {trouble}")


def take_in(workspace: Workspace, settling: Settling, who: str, verified: bool, key: str) -> None:
    """Store the decisions that the card holds, before the page is drawn again."""
    if not identity.may_label(who):
        return state.settle(key, stored=[], troubles=[identity.CLOSED])
    stored, troubles = store(workspace, settling, state.outbox(key), who=who, verified=verified)
    return state.settle(key, stored=stored, troubles=troubles)


def given(
    workspace: Workspace, settling: Settling, who: str, *, acknowledged: Sequence[str], record: str | None = None
) -> dict[str, Any]:
    """All that the card gets; the record that the link asks for comes first."""
    queue = settling.queue
    wanted = sorted(settling.open, key=lambda name: name != record)[: label_page.PREFETCH]
    own = f"settle {queue.id}"
    show = media.manner(workspace, queue.cascade, is_blind=True).show
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
        "items": [
            label_page.drawn_item(payload, settling.form, show)
            for payload in workspace.people.payloads(settling, wanted)
        ],
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


def draw_history(workspace: Workspace, settling: Settling, *, who: str | None, run: str, noun: str) -> None:
    """List the decisions, and draw the history of the record that the URL names to somebody who may see it."""
    cascade, stage = settling.queue.cascade, settling.queue.stage
    streamlit.header("Who said what?", anchor=False)
    record = state.asked("trace")
    if settling.decisions:
        elements.chart("decisions", charts.decisions(settling.decisions, noun=noun, chosen=record), picks="trace")
    streamlit.text_input(
        f"{noun.capitalize()} to trace",
        key=state.picker_key("trace", record),
        on_change=state.take_over("trace"),
        placeholder=f"Id of a {noun}",
        width=260,
    )
    if record is None:
        return
    if record in settling.open:
        elements.note(
            f"{record} waits to be settled. Its history is shown afterwards, so that whoever settles it sees no names."
        )
        return
    try:
        history = workspace.people.history(cascade, stage, record)
    except NotFound as error:
        elements.note(str(error))
        return
    if identity.may_see(workspace, cascade, run, record, who=who, noun=noun):
        elements.chart("history", charts.label_histories([history]))


@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw agreement per stage, and the disagreements of the stage that the URL names to settle."""
    opened = choice.opened(workspace)
    if opened is None:
        return None
    cascade, scorecard = opened.cascade, opened.scorecard
    stages = [stage.stage for stage in workspace.labels.label_stages(cascade)]
    stage, unknown = state.chosen("stage", stages, next(iter(stages), None))
    if stage is None:
        return choice.nothing_to_label()
    head, right = streamlit.columns(choice.widths(opened), vertical_alignment="top")
    with right:
        if scorecard is not None:
            choice.draw_toolbar(
                opened, partial(_offer, workspace, scorecard, stage), run=scorecard.run, drop=("record",)
            )
        who, verified = identity.annotator()
    with head:
        streamlit.title(elements.plain(_headline(scorecard, stage)), anchor=False)
    if unknown:
        note("The stage in the link is not one that can be labelled here.")
    choice.say_if_elsewhere(opened)
    workspace.labels.queue(cascade, stage)  # says in a sentence why a stage can't be asked about yet
    notes = workspace.people.notes(cascade, stage, who or "")
    problem = background.people_failure(cascade, stage, who or "")
    if not workspace.people.is_current(cascade, stage, who or ""):
        background.compare_people(workspace, cascade, stage, who or "")
    if scorecard is None:
        note("Agreement is computed with the numbers of a run. Run `stagegap run` first.")
        elements.switch("Stage", "stage", stages, stage)
    else:
        beyond = {stage: notes.beyond} if notes else {}
        elements.chart("agreement", charts.agreement(scorecard, chosen=stage, beyond=beyond), picks="stage")
        note(Rests.ANSWERS)
        choice.newer_labels(workspace, scorecard)
    if notes is None and problem:
        return note(problem)
    if notes is None:
        return choice.comparing(workspace, cascade, stage, who or "")
    for sentence in (notes.beyond, notes.doubts, notes.identity, *notes.judged, *notes.hunts, notes.own):
        if sentence:
            note(sentence)
    settling = workspace.people.settling(cascade, stage, who or "")
    _what_was_learned(settling)
    run, noun = (scorecard.run, scorecard.noun) if scorecard else ("", "record")
    if settling.open or settling.known or settling.settled:
        _draw_waiting(workspace, settling, who, verified=verified, noun=noun)
    else:
        streamlit.header(elements.plain(f"Nothing to settle at {stage}"), anchor=False)
        note(_why_nothing(settling, noun))
    return draw_history(workspace, settling, who=who, run=run, noun=noun)


def _draw_waiting(workspace: Workspace, settling: Settling, who: str | None, *, verified: bool, noun: str) -> None:
    cascade, stage = settling.queue.cascade, settling.queue.stage
    waiting = counted(len(settling.open), "disagreement")
    streamlit.header(elements.plain(f"{waiting} to settle at {stage}"), anchor=False)
    if settling.undecided:
        these = counted(settling.undecided, noun)
        note(f"{these} of these come first: figures count each answer to them as right.")
    if settling.known:
        note(f"{settling.known:,} more wait for somebody who has not seen the answers there, as you have.")
    if who is None:
        return note(f"{identity.invitation()}. Every decision carries who made it.")
    record = state.asked("record")
    if record and record not in settling.open:
        note(f"Labellers do not disagree on record {record} at {stage}, or it is settled.")
    return draw_card(workspace, cascade, stage, who, verified, record)


def _why_nothing(settling: Settling, noun: str) -> str:
    if settling.shared:
        return f"Whoever answered the same {noun} gave the same answer: {counted(settling.shared, noun)} so far."
    return (
        f"No {noun} here was answered by two labellers. Where a second one answers some of the same {plural(noun, 2)} "
        "(page Label, under initials of their own) and gives another answer, it is settled here."
    )


def _offer(workspace: Workspace, scorecard: Scorecard, stage: str) -> Offer:
    """What is said of people at all, and nothing of the reader."""
    prepared = workspace.people.notes(scorecard.cascade, stage, "")
    notes = (prepared.beyond, *prepared.judged, *prepared.hunts) if prepared else ()
    return share.of_agreement(scorecard, headline=_headline(scorecard, stage), stage=stage, notes=notes)


def _headline(scorecard: Scorecard | None, stage: str) -> str:
    row = next((row for row in scorecard.stages if row.stage == stage), None) if scorecard else None
    if scorecard is None or row is None or not row.agreement.is_measured:
        return f"Agreement at {stage} is not measured yet"
    alike = row.agreement
    share = f"{figures.share(alike.value)} at {stage} ({figures.interval(alike)}, n\u00a0=\u00a0{alike.n:,})"
    return f"Two {scorecard.labellers.nouns} agree on {share}"


def _what_was_learned(settling: Settling) -> None:
    if settling.cited:
        lines = "; ".join(f"“{line}” ({count})" for line, count in settling.cited)
        note(f"Guideline lines cited most, the ones to write better: {lines}")
    if settling.reasons:
        note("Why they differed: " + ", ".join(f"{reason} {count}" for reason, count in settling.reasons))
