"""A screen with four planted oddities, and what people say of its cards."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

import odd_plants
import odd_runs
import odd_screens
from stagegap.model.notes import OddityEvent
from stagegap.oddities.card import Screen
from stagegap.oddities.screen import Noticing, noticed

EVIL = "<img src=http://tracker.invalid/p onerror='window.hacked=1'>![x](http://tracker.invalid/q)"
PLANTED = ("calibration", "outside", "refused", "weak-agreement")


def planted_screen(*, run: str = "v14") -> Screen:
    """Four planted oddities; the first words of an example try to do harm, and its records are mails."""
    rng = np.random.default_rng(3)
    columns = odd_runs.clean(rng)
    for detector in PLANTED:
        columns = odd_plants.PLANTS[detector](columns, rng)
    screen = odd_screens.screened(columns)
    cards = [
        replace(card, run=run, example=EVIL if card.records else "",
                records=tuple(f"m{i:04d}" for i in range(min(8, len(card.records)))))
        for card in screen.cards if card.detector in PLANTED
    ]  # fmt: skip
    return replace(screen, cascade="support_email", runs=(run,), cards=tuple(cards))


Said = tuple[str, Literal["dismiss", "show", "flag", "unflag"], str]
"""A card, what is done with it, and why."""


def noticing(screen: Screen, *said: Said) -> Noticing:
    """The screen after a person has said things of cards: each a card, an action and a reason, by `ab`."""
    events = [
        OddityEvent(id=f"o{i}", card=card, annotator="ab", action=action, reason=reason, at=1.7e9)
        for i, (card, action, reason) in enumerate(said)
    ]
    return noticed(screen, events)
