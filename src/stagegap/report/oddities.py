"""What looks strange, in a file to send around: as Markdown, and without the words of records that must not go out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from stagegap import charts
from stagegap.model.notes import OddityEvent
from stagegap.tables.markdown import literal

if TYPE_CHECKING:  # the screen's own modules bring numpy along, which a first page does without
    from stagegap.oddities.card import Oddity
    from stagegap.oddities.screen import Noticing


PERSONAL = frozenset({"hasty", "wavering"})
"""Detectors whose cards are about one person, named in `subject` and at the start of the sentence."""


def odd_examples(noticing: Noticing) -> set[str]:
    """The records whose first words stand on cards."""
    return {row.card.records[0] for row in (*noticing.open, *noticing.dismissed) if row.card.example}


def without_words(noticing: Noticing, records: Collection[str] | None = None) -> Noticing:
    """Take the first words of these records out, by default of all; no figure changes."""

    def silent(card: Oddity) -> Oddity:
        hides = bool(card.example) and (records is None or card.records[0] in records)
        return replace(card, example="") if hides else card

    return _with_cards(noticing, silent)


def nameless(noticing: Noticing) -> Noticing:
    """Take out who is meant and who said what: a report names no person."""

    def unnamed(card: Oddity) -> Oddity:
        if card.detector not in PERSONAL:
            return card
        sentence = card.sentence.replace(card.subject, "One person", 1)
        return replace(card, key=f"{card.detector}/{card.stage}/", subject="", sentence=sentence)

    def unsigned(event: OddityEvent | None, card: str) -> OddityEvent | None:
        return replace(event, annotator="", card=card) if event else None

    without_names = _with_cards(noticing, unnamed)
    return replace(
        without_names,
        open=tuple(replace(row, flagged=unsigned(row.flagged, row.card.key)) for row in without_names.open),
        dismissed=tuple(
            replace(row, dismissed=unsigned(row.dismissed, row.card.key), flagged=unsigned(row.flagged, row.card.key))
            for row in without_names.dismissed
        ),
    )


def _with_cards(noticing: Noticing, change: Callable[[Oddity], Oddity]) -> Noticing:
    return replace(
        noticing,
        screen=replace(noticing.screen, cards=tuple(map(change, noticing.screen.cards))),
        open=tuple(replace(row, card=change(row.card)) for row in noticing.open),
        dismissed=tuple(replace(row, card=change(row.card)) for row in noticing.dismissed),
    )


def odd_markdown(noticing: Noticing) -> str:
    """The open cards as a Markdown section; it holds no text of a record."""
    lines = [f"### {literal(noticing.headline)}"]
    cards = [row.card for row in noticing.open]
    if cards:
        lines.append("\n".join(map(_line, cards)))
    lines += [
        f"Not odd: {literal(row.card.title)}. “{literal(row.dismissed.reason)}”"
        for row in noticing.dismissed
        if row.dismissed is not None
    ]
    lines += [f"Learning curve: {literal(curve.sentence)}" for curve in noticing.screen.curves]
    lines += [
        f"Without {literal(trial.what)} ({literal(charts.judged(trial))}): {literal(charts.change(trial))}"
        for trial in noticing.screen.tried
    ]
    return "\n\n".join([*lines, literal(noticing.screen.basis)]) + "\n"


def _line(card: Oddity) -> str:
    place = literal(", ".join(part for part in (card.stage, charts.certainty(card)) if part))
    return f"- **{literal(card.title)}** ({place}): {literal(card.sentence)} {literal(card.why)}"
