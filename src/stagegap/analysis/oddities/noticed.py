"""Cards beside what people said of them: which are open, which are not odd and why, which are flagged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stagegap.analysis.oddities.card import Oddity, Screen
from stagegap.analysis.oddities.screen import headline
from stagegap.model.noticing import OddityEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """One card with what was said of it last."""

    card: Oddity
    dismissed: OddityEvent | None = None
    """The dismissal in force."""
    flagged: OddityEvent | None = None
    """The flag in force."""
    is_back: bool = False
    """It was dismissed, and lies wholly above what it was then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticing:
    """A screen as people left it."""

    screen: Screen
    headline: str
    """Counts the open cards only."""
    open: tuple[Noticed, ...]
    """Flagged ones first, else most surprising first."""
    dismissed: tuple[Noticed, ...]


def noticed(screen: Screen, events: Sequence[OddityEvent]) -> Noticing:
    """Lay what people said over a screen; the last event of a card decides, dismissals and flags apart."""
    ordered = sorted(events, key=lambda event: event.at)
    verdicts = {event.card: event for event in ordered if event.action in ("dismiss", "show")}
    flags = {event.card: event for event in ordered if event.action in ("flag", "unflag")}
    rows = [_noticed(card, verdicts.get(card.key), flags.get(card.key)) for card in screen.cards]
    left = sorted((row for row in rows if row.dismissed is None), key=lambda row: row.flagged is None)
    return Noticing(
        screen=screen,
        headline=headline(len(left), screen.checks),
        open=tuple(left),
        dismissed=tuple(row for row in rows if row.dismissed is not None),
    )


def _noticed(card: Oddity, verdict: OddityEvent | None, flag: OddityEvent | None) -> Noticed:
    flagged = flag if flag is not None and flag.action == "flag" else None
    if verdict is None or verdict.action == "show":
        return Noticed(card=card, flagged=flagged)
    back = verdict.bound is not None and card.statistic.is_measured and card.statistic.low > verdict.bound
    return Noticed(card=card, dismissed=None if back else verdict, flagged=flagged, is_back=back)
