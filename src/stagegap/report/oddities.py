"""What looks strange, in a file to send around: as Markdown, and without the words of records that must not go out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from stagegap import charts
from stagegap.model.noticing import OddityEvent
from stagegap.report.page import literal

if TYPE_CHECKING:  # the screen's own modules bring numpy along, which a first page does without
    from stagegap.analysis.oddities.card import Oddity
    from stagegap.analysis.oddities.noticed import Noticing


PERSONAL = frozenset({"hasty", "wavering"})
"""Detectors whose cards are about one person, named in `subject` and at the start of the sentence."""


def odd_examples(found: Noticing) -> set[str]:
    """Give the records whose first words stand on cards."""
    return {row.card.records[0] for row in (*found.open, *found.dismissed) if row.card.example}


def without_words(found: Noticing, records: Collection[str] | None = None) -> Noticing:
    """Take the first words of these records out, by default of all; no figure changes."""

    def silent(card: Oddity) -> Oddity:
        hides = bool(card.example) and (records is None or card.records[0] in records)
        return replace(card, example="") if hides else card

    return _with_cards(found, silent)


def nameless(found: Noticing) -> Noticing:
    """Take out who is meant and who said what: a report names no person."""

    def unnamed(card: Oddity) -> Oddity:
        if card.detector not in PERSONAL:
            return card
        sentence = card.sentence.replace(card.subject, "One person", 1)
        return replace(card, key=f"{card.detector}/{card.stage}/", subject="", sentence=sentence)

    def unsigned(event: OddityEvent | None, card: str) -> OddityEvent | None:
        return replace(event, annotator="", card=card) if event else None

    made = _with_cards(found, unnamed)
    return replace(
        made,
        open=tuple(replace(row, flagged=unsigned(row.flagged, row.card.key)) for row in made.open),
        dismissed=tuple(
            replace(row, dismissed=unsigned(row.dismissed, row.card.key), flagged=unsigned(row.flagged, row.card.key))
            for row in made.dismissed
        ),
    )


def _with_cards(found: Noticing, change: Callable[[Oddity], Oddity]) -> Noticing:
    return replace(
        found,
        screen=replace(found.screen, cards=tuple(map(change, found.screen.cards))),
        open=tuple(replace(row, card=change(row.card)) for row in found.open),
        dismissed=tuple(replace(row, card=change(row.card)) for row in found.dismissed),
    )


def odd_markdown(found: Noticing) -> str:
    """Give the open cards as a Markdown section; it holds no text of a record."""
    lines = [f"### {literal(found.headline)}"]
    cards = [row.card for row in found.open]
    if cards:
        lines.append("\n".join(map(_line, cards)))
    lines += [
        f"Not odd: {literal(row.card.title)}. “{literal(row.dismissed.reason)}”"
        for row in found.dismissed
        if row.dismissed is not None
    ]
    lines += [f"Learning curve: {literal(one.sentence)}" for one in found.screen.curves]
    lines += [
        f"Without {literal(one.what)} ({literal(charts.judged(one))}): {literal(charts.change(one))}"
        for one in found.screen.tried
    ]
    return "\n\n".join([*lines, literal(found.screen.basis)]) + "\n"


def _line(card: Oddity) -> str:
    place = literal(", ".join(part for part in (card.stage, charts.certainty(card)) if part))
    return f"- **{literal(card.title)}** ({place}): {literal(card.sentence)} {literal(card.why)}"
