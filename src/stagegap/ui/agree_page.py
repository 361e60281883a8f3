"""The Agree page: do people agree, and what is right where they don't?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard
from stagegap.analysis.wording import counted
from stagegap.tables import figures
from stagegap.ui import (
    agree_card,
    agree_history,
    background,
    elements,
    empty,
    identity,
    offers,
    opening,
    state,
    toolbar,
)
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.workspace import Settling
from stagegap.ui.share import Offer


@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw agreement per stage, and the disagreements of the stage that the URL names to settle."""
    opened = opening.opened(workspace)
    if opened is None:
        return None
    cascade, scorecard = opened.cascade, opened.scorecard
    stages = [stage.stage for stage in workspace.labels.label_stages(cascade)]
    stage, unknown = state.chosen("stage", stages, next(iter(stages), None))
    if stage is None:
        return empty.nothing_to_label()
    head, right = streamlit.columns(toolbar.widths(opened), vertical_alignment="top")
    with right:
        if scorecard is not None:
            toolbar.draw(opened, partial(_offer, workspace, scorecard, stage), run=scorecard.run, drop=("record",))
        who, verified = identity.annotator()
    with head:
        streamlit.title(elements.plain(_headline(scorecard, stage)), anchor=False)
    if unknown:
        note("The stage in the link is not one that people can label here.")
    opening.say_if_elsewhere(opened)
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
        empty.newer_labels(workspace, scorecard)
    if notes is None and problem:
        return note(problem)
    if notes is None:
        return empty.comparing(workspace, cascade, stage, who or "")
    for sentence in (notes.beyond, notes.doubts, notes.identity, *notes.judged, *notes.hunts, notes.own):
        if sentence:
            note(sentence)
    settling = workspace.people.settling(cascade, stage, who or "")
    _what_was_learned(settling)
    waiting = counted(len(settling.open), "disagreement")
    streamlit.header(elements.plain(f"{waiting} to settle at {stage}"), anchor=False)
    if settling.known:
        note(f"{settling.known:,} more wait for somebody who has not seen the answers there, as you have.")
    if who is None:
        note(f"{identity.invitation()}. Every decision carries who made it.")
    else:
        record = state.asked("record")
        if record and record not in settling.open:
            note(f"People do not disagree on record {record} at {stage}, or it is settled.")
        agree_card.draw(workspace, cascade, stage, who, verified, record)
    run, noun = (scorecard.run, scorecard.noun) if scorecard else ("", "record")
    return agree_history.draw(workspace, settling, who=who, run=run, noun=noun)


def _offer(workspace: Workspace, scorecard: Scorecard, stage: str) -> Offer:
    """What is said of people at all, and nothing of the reader."""
    prepared = workspace.people.notes(scorecard.cascade, stage, "")
    notes = (prepared.beyond, *prepared.judged, *prepared.hunts) if prepared else ()
    return offers.of_agreement(scorecard, headline=_headline(scorecard, stage), stage=stage, notes=notes)


def _headline(scorecard: Scorecard | None, stage: str) -> str:
    row = next((row for row in scorecard.stages if row.stage == stage), None) if scorecard else None
    if row is None or not row.agreement.is_measured:
        return f"Agreement at {stage} is not measured yet"
    alike = row.agreement
    return f"Two people agree on {figures.share(alike.value)} at {stage} ({figures.interval(alike)}, n = {alike.n:,})"


def _what_was_learned(settling: Settling) -> None:
    if settling.cited:
        lines = "; ".join(f"“{line}” ({count})" for line, count in settling.cited)
        note(f"Guideline lines cited most, the ones to write better: {lines}")
    if settling.reasons:
        note("Why they differed: " + ", ".join(f"{reason} {count}" for reason, count in settling.reasons))
