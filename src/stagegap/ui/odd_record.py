"""The records of a card, and one of them in full; its answers stay hidden from whoever is still to label it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard
from stagegap.analysis.wording import counted, plural
from stagegap.ui import elements, failures_record, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

if TYPE_CHECKING:
    from stagegap.analysis.oddities.card import Oddity


def draw(workspace: Workspace, scorecard: Scorecard, card: Oddity, who: str | None) -> None:
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
        failures_record.draw(workspace, scorecard, record, card.records, who)
    return None
