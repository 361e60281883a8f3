"""The screen: every detector over the columns of one run or several, cards of what is strange, and what people
said of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stagegap.model.notes import OddityEvent
from stagegap.model.wording import counted, listed
from stagegap.oddities import between, curve, expected, format, leaks, people, pictures, steps, too_good
from stagegap.oddities.card import LEVEL, Checked, Detector, Finding, Oddity, Screen
from stagegap.oddities.columns import RunColumns
from stagegap.stats.significance import benjamini_hochberg
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Figure, Rests, Row, Sheet, Table

DETECTORS: tuple[Detector, ...] = (
    *people.DETECTORS,
    *between.DETECTORS,
    *expected.EASIER_DETECTORS,
    *expected.EXPECTED_DETECTORS,
    *expected.LOSS_DETECTORS,
    *too_good.HURTS_DETECTORS,
    *curve.DETECTORS,
    *steps.DETECTORS,
    *too_good.TOO_GOOD_DETECTORS,
    *leaks.DETECTORS,
    *format.DETECTORS,
    *pictures.DETECTORS,
)
CERTAIN = 6.0
"""How surprising a rule's finding counts, beside -log10(q) of a test."""
MOST_SURPRISING = 12.0

Naming = Callable[[str, Sequence[int]], tuple[tuple[str, ...], str]]
"""Gives the ids of a run's records at these positions, and the first words of the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What one detector found in one run."""

    run: RunColumns
    detector: Detector
    finding: Finding


def look(run: RunColumns, detectors: Sequence[Detector] = DETECTORS) -> list[Looked]:
    """Let every detector look at a run."""
    looked: list[Looked] = []
    for detector in detectors:
        for finding in detector.look(run):
            if finding is not None:
                looked.append(Looked(run=run, detector=detector, finding=finding))
            run.release()
    return looked


def screen(
    looked: Sequence[Looked],
    *,
    cascade: str,
    noun: str,
    records: int,
    naming: Naming,
    detectors: Sequence[Detector] = DETECTORS,
    labels_seq: int = 0,
) -> Screen:
    """Adjust all tests together, and make a card of what a rule found and of each test whose q is below 0.05."""
    tests = [i for i, look in enumerate(looked) if look.finding.p is not None and not math.isnan(look.finding.p)]
    q = np.full(len(looked), math.nan)
    q[tests] = benjamini_hochberg(np.array([looked[i].finding.p for i in tests], dtype=np.float64))
    cards = [
        (look.detector, _card(look, adjusted, naming))
        for look, adjusted in zip(looked, q.tolist(), strict=True)
        if look.finding.is_found or adjusted < LEVEL
    ]
    cards.sort(key=lambda pair: (not pair[0].comes_first, -_surprise(pair[1]), pair[1].key))
    columns = {look.run.run: look.run for look in looked}
    runs = tuple(columns)
    checks = tuple(_checked(detector, looked, [card for _, card in cards]) for detector in detectors)
    return Screen(
        cascade=cascade,
        runs=runs,
        noun=noun,
        headline=headline(len(cards), checks),
        basis=_basis(checks, len(tests), runs),
        cards=tuple(card for _, card in cards),
        checks=checks,
        tests=len(tests),
        records=records,
        labels_seq=labels_seq,
        curves=tuple(taught for run in columns.values() for taught in curve.taught(run)),
        tried=tuple(trial for run in columns.values() for trial in too_good.tried(run)),
    )


def headline(cards: int, checks: Sequence[Checked]) -> str:
    """The first line: `4 things look strange`, or how many checks found nothing."""
    if not cards:
        had = sum(check.looked > 0 for check in checks)
        return f"Nothing strange found by {counted(had, 'check')}" if had else "No check had anything to look at"
    return f"{counted(cards, 'thing')} {'looks' if cards == 1 else 'look'} strange"


def _card(look: Looked, q: float, naming: Naming) -> Oddity:
    finding, detector = look.finding, look.detector
    records, example = naming(look.run.run, finding.positions)
    return Oddity(
        key="/".join([detector.name, finding.stage, finding.subject]),
        run=look.run.run,
        detector=detector.name,
        family=detector.family.value,
        title=detector.title,
        stage=finding.stage,
        subject=finding.subject,
        kind="found" if finding.p is None else "test",
        statistic=finding.statistic,
        scale=finding.scale,
        n=finding.statistic.n,
        p=math.nan if finding.p is None else finding.p,
        q=q,
        rule=detector.rule,
        sentence=finding.sentence,
        why=detector.why,
        count=finding.count,
        records=records,
        example=example,
        plot=finding.plot,
    )


def _surprise(card: Oddity) -> float:
    if card.kind == "found":
        return CERTAIN
    return min(-math.log10(max(card.q, 1e-300)), MOST_SURPRISING)


def _checked(detector: Detector, looked: Sequence[Looked], cards: Sequence[Oddity]) -> Checked:
    own = [look.finding for look in looked if look.detector.name == detector.name]
    enough = [finding for finding in own if finding.p is None or not math.isnan(finding.p)]
    return Checked(
        detector=detector.name,
        family=detector.family.value,
        title=detector.title,
        rule=detector.rule,
        looked=len(enough),
        n=max((finding.statistic.n for finding in enough), default=0),
        shown=sum(card.detector == detector.name for card in cards),
    )


def _basis(checks: Sequence[Checked], tests: int, runs: Sequence[str]) -> str:
    could = sum(check.looked > 0 for check in checks)
    of = f" of {len(checks)}" if could < len(checks) else ""
    where = f"run {runs[0]}" if len(runs) == 1 else f"runs {listed(runs)}" if runs else "no run"
    basis = f"{could}{of} checks had something to look at in {where}."
    if tests:
        basis += (
            f" {counted(tests, 'test')} share one limit: of what they show, at most 5% is expected to be chance (q)."
        )
    return f"{basis} A screen says where to look, it is no verdict. {Rests.OUTPUTS}"


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


_COLUMNS = (
    Column(name="Card", unit=Unit.TEXT, key="card", is_carried=True),
    Column(name="Subject", unit=Unit.TEXT, key="subject", is_carried=True, is_hidden=True),
    Column(name="Open", unit=Unit.FLAG, key="is_open", is_carried=True),
    Column(name="Flagged", unit=Unit.FLAG, key="is_flagged", is_carried=True, is_hidden=True),
    Column(name="Records", unit=Unit.COUNT, key="count", is_carried=True),
    Column(name="What", unit=Unit.TEXT, key="sentence", is_carried=True, is_cut=True),
    Column(name="Why", unit=Unit.TEXT, key="why", is_carried=True, is_hidden=True),
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Detector", unit=Unit.TEXT, key="detector", is_hidden=True),
    Column(name="Figure", unit=Unit.NUMBER, key="{detector}"),
)


def oddities_sheet(view: Noticing) -> Sheet:
    """One row a card, the open ones first; q stands as `p_adj`. No row names a record or holds a text of one."""
    rows = tuple(_cells(row) for row in (*view.open, *view.dismissed))
    return Sheet(headline=view.headline, parts=(Table(columns=_COLUMNS, rows=rows), view.screen.basis))


def card_rows(view: Noticing) -> list[Row]:
    """The cards as rows of a frame."""
    return oddities_sheet(view).rows()


def _cells(row: Noticed) -> tuple[Entry, ...]:
    card = row.card
    figure = Figure(estimate=card.statistic, p=card.p, p_adj=card.q, unit=Unit(card.scale))
    state = (row.dismissed is None, row.flagged is not None)
    return card.title, card.subject, *state, card.count, card.sentence, card.why, card.stage, card.detector, figure
