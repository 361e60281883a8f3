"""The Oddities page: what looks strange in a run, one card each; a screen, never a verdict."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard
from stagegap.model.wording import counted, plural
from stagegap.ui import background, choice, elements, failures_page, identity, media, share, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.oddities.card import Oddity
    from stagegap.oddities.screen import Noticed, Noticing


def draw_record(workspace: Workspace, scorecard: Scorecard, card: Oddity, who: str | None) -> None:
    """Draw the list beside the record that the URL names, by default the first."""
    if not card.records:
        return note(f"This is about the whole run, so it names no {scorecard.noun}.")
    record, unknown = state.chosen("record", card.records, card.records[0])
    assert record is not None, "the first record is the default"
    left, right = streamlit.columns([2, 5], gap="medium")
    with left:
        n = len(card.records)
        more = f"The plainest {n} of {counted(card.count, scorecard.noun)}." if card.count > n else ""
        note(more or f"{counted(n, scorecard.noun)}.")
        elements.chart("odd records", charts.oddity_records(card, chosen=record), picks="record")
    with right:
        if unknown:
            note(f"The {scorecard.noun} in the link is none of these {plural(scorecard.noun, 2)}.")
        failures_page.draw_record(workspace, scorecard, record, card.records, who)
    return None


LEARN = "whether more data would close the gap (`stagegap show odd --learn`)"
WITHOUT = "whether a stage is better without an input, a paragraph or a document (`stagegap show odd --without`)"
LONGEST = 300
"""Characters of a reason."""


@streamlit.fragment
@elements.errors_as_sentences
def draw(workspace: Workspace) -> None:
    """Draw the cards of the run that the URL names, or one card with its records."""
    scored = choice.scored(workspace)
    if scored is None:
        return None
    opened, scorecard = scored
    noticing = workspace.oddities.noticed(scorecard.cascade, scorecard.run)
    head, right = streamlit.columns(choice.widths(opened), vertical_alignment="top")
    with right:
        offer = partial(share.of_oddities if noticing else share.of_run, workspace, scorecard, noticing)
        choice.draw_toolbar(opened, offer, run=scorecard.run, drop=("check", "record"))
        who, verified = identity.annotator()
    with head:
        streamlit.title(elements.plain(noticing.headline if noticing else "Looking for what is strange"), anchor=False)
    choice.say_if_elsewhere(opened)
    if noticing is None or workspace.oddities.is_stale(noticing.screen):
        background.screen(workspace, scorecard.cascade, scorecard.run)
        choice.no_screen(workspace, scorecard, is_older=noticing is not None)
    if noticing is None:
        return None
    key = state.asked("check")
    row = next((row for row in (*noticing.open, *noticing.dismissed) if key in (row.card.key, row.card.detector)), None)
    if row is not None:
        return _one(workspace, scorecard, noticing, row, who, verified)
    if key is not None:
        note("The card in the link is not on this screen.")
    return _all(workspace, noticing, who, verified)


def _all(workspace: Workspace, noticing: Noticing, who: str | None, verified: bool) -> None:
    note(noticing.screen.basis)
    if who is None and noticing.open:
        note(f"{identity.invitation()} to say that a card is not odd, or to flag it.")
    records = {record for row in noticing.open for record in row.card.records[: charts.PICTURED]}
    pictures = media.small(workspace, noticing.screen.cascade, records)
    for row in noticing.open:
        with streamlit.container(border=True, gap="xsmall"):
            _card(row)
            if html := charts.card_pictures(row.card, pictures):
                elements.chart(f"pictures {row.card.key}", html)
            _actions(workspace, noticing, row, who, verified, opens=True)
    if noticing.dismissed:
        with streamlit.expander(f"{counted(len(noticing.dismissed), 'card')} said to be not odd"):
            for row in noticing.dismissed:
                _dismissed(workspace, noticing, row, who, verified)
    _trials(noticing)
    elements.learning(workspace.past(noticing.screen.cascade).training(*noticing.screen.runs))
    with streamlit.expander(f"{counted(len(noticing.screen.checks), 'check')} and their rules"):
        elements.chart("checks", charts.checks(noticing.screen.checks))


def _trials(noticing: Noticing) -> None:
    screen = noticing.screen
    if screen.curves or screen.tried:
        streamlit.header("What was tried", anchor=False)
        elements.chart("trials", charts.trials(screen))
    lacking = [*([] if screen.curves else [LEARN]), *([] if screen.tried else [WITHOUT])]
    if lacking:
        note(f"Not tried in this run: {'; '.join(lacking)}.")


def _one(
    workspace: Workspace, scorecard: Scorecard, noticing: Noticing, row: Noticed, who: str | None, verified: bool
) -> None:
    streamlit.button("All cards", icon=":material/arrow_back:", on_click=_leave)
    _card(row)
    note(f"Shown when {row.card.rule}.")
    if row.card.plot is not None:
        elements.chart("plot", charts.oddity_plot(row.card.plot))
    _actions(workspace, noticing, row, who, verified, opens=False)
    draw_record(workspace, scorecard, row.card, who)


def _card(row: Noticed) -> None:
    card = row.card
    elements.subheading(card.title)
    place = " · ".join(part for part in (card.stage, card.subject, charts.certainty(card), f"n = {card.n:,}") if part)
    note(place)
    streamlit.markdown(elements.plain(card.sentence))
    note(card.why)
    if row.is_back:
        note("Said to be not odd before; it is now wholly above what it was then.")
    if row.flagged is not None:
        note(f"⚑ Flagged by {row.flagged.annotator}.")
    if card.example:
        elements.field(f"Such as {card.records[0]}", card.example)


def _actions(
    workspace: Workspace, noticing: Noticing, row: Noticed, who: str | None, verified: bool, *, opens: bool
) -> None:
    key = row.card.key
    say = partial(workspace.oddities.say, noticing.screen, key, who=who or "", verified=verified)
    with streamlit.container(horizontal=True):
        if opens:
            streamlit.button(
                "Open", key=f"open {key}", on_click=state.choose_several, kwargs={"check": key, "record": None}
            )
        with streamlit.popover("Not odd", disabled=who is None or row.dismissed is not None):
            reason = streamlit.text_input("Why is this not odd?", key=f"why {key}", max_chars=LONGEST)
            streamlit.button(
                "Keep it away",
                key=f"dismiss {key}",
                disabled=not reason.strip(),
                on_click=say,
                args=("dismiss",),
                kwargs={"reason": reason},
            )
        flagged = row.flagged is not None
        streamlit.button(
            "Take the flag off" if flagged else "Flag",
            key=f"flag {key}",
            disabled=who is None,
            on_click=say,
            args=("unflag" if flagged else "flag",),
        )


def _dismissed(workspace: Workspace, noticing: Noticing, row: Noticed, who: str | None, verified: bool) -> None:
    event = row.dismissed
    assert event is not None, "only dismissed cards stand here"
    streamlit.markdown(elements.plain(row.card.sentence))
    note(f"“{event.reason}” ({event.annotator}, {elements.day(event.at)})")
    streamlit.button(
        "Show it again",
        key=f"show {row.card.key}",
        disabled=who is None,
        on_click=workspace.oddities.say,
        args=(noticing.screen, row.card.key, "show"),
        kwargs={"who": who or "", "verified": verified},
    )


def _leave() -> None:
    state.choose_several(check=None, record=None)
