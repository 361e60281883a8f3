"""What people said of cards, laid over a screen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import odd_plants
import odd_runs
import odd_screens
from stagegap.model.notes import OddityEvent
from stagegap.oddities.card import Screen
from stagegap.oddities.screen import noticed


def screen() -> Screen:
    rng = np.random.default_rng(3)
    run = odd_plants.PLANTS["outside"](odd_runs.clean(rng), rng)
    return odd_screens.screened(odd_plants.PLANTS["refused"](run, rng))


SCREEN = screen()
SAID = OddityEvent(id="1", card="refused/draft/", annotator="ab", action="dismiss", reason="a test", at=1.0)


def keys(rows: tuple) -> list[str]:
    return [row.card.key for row in rows]


def test_dismissed_card_stands_apart_and_the_heading_counts_the_others() -> None:
    found = noticed(SCREEN, [SAID])
    assert (keys(found.open), keys(found.dismissed)) == (["outside/route/"], ["refused/draft/"])
    assert found.headline == "1 thing looks strange"
    assert found.dismissed[0].dismissed == SAID


def test_last_event_of_a_card_decides() -> None:
    shown = replace(SAID, id="2", action="show", at=2.0)
    assert not noticed(SCREEN, [shown, SAID]).dismissed
    assert noticed(SCREEN, [SAID, replace(shown, at=0.5)]).dismissed


def test_flag_and_dismissal_are_apart() -> None:
    flag = replace(SAID, id="2", action="flag", card="outside/route/")
    found = noticed(SCREEN, [SAID, flag])
    assert found.open[0].flagged == flag
    assert not noticed(SCREEN, [flag, replace(flag, id="3", action="unflag", at=3.0)]).open[0].flagged


def test_dismissed_card_is_back_when_it_lies_wholly_above_what_it_was() -> None:
    card = next(card for card in SCREEN.cards if card.detector == "refused")
    assert noticed(SCREEN, [replace(SAID, bound=card.statistic.low + 0.001)]).dismissed
    row = next(r for r in noticed(SCREEN, [replace(SAID, bound=card.statistic.low / 2)]).open if r.card == card)
    assert row.is_back
