"""What was expected of a change beside what came of it, and how well this team predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from stagegap.analysis.changes import Comparison, StageChange
from stagegap.analysis.views import StageRow
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.run import Expectation
from stagegap.model.wording import plural
from stagegap.stats.intervals import mean_t, wilson
from stagegap.stats.significance import e_value
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Entry, Figure, Sheet, Table

SIGNIFICANCE = 0.05
Came = Literal["as expected", "more than expected", "less than expected", "not measured"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """May one look at this difference again and again while records come in?"""

    e_value: float
    """Evidence against "no difference" from the records that moved; NaN where it can't be had."""
    threshold: float
    """Evidence from which on the difference stands, however often one looked: places watched / 0.05."""
    is_safe: bool
    """False where the e-value would not keep its promise; then only the result at the planned end counts."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One expectation beside what came."""

    expectation: Expectation
    run: str
    """Name of the run that it was held against; empty while there is none."""
    came: Estimate
    verdict: Came
    """By whether the prediction lies inside the interval of what came."""
    is_inside: bool | None
    """None when nothing was measured."""
    error: float
    """What came minus what was predicted; NaN when nothing was measured."""
    in_range: bool | None
    """The value that came lies in the stated range; None without a range or a value."""
    peek: Peek
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How well the predictions were, over all rows that were measured."""

    n: int
    bias: Estimate
    """Mean of what came minus what was predicted: below 0, the team hopes for too much."""
    size: Estimate
    """Mean size of that error."""
    inside: Estimate
    """Share of predictions inside the interval of what came."""
    coverage: Estimate
    """Share of stated ranges that hold the value that came; what came is itself uncertain, so 95% is out of reach
    for ranges that leave no room for it."""
    sign: Estimate
    """Share of predicted rises and falls that went the predicted way."""
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything that was expected of a cascade's changes, newest first, and how well that was predicted."""

    cascade: str
    rows: tuple[LedgerRow, ...]
    calibration: Calibration


def ledger(cascade: str, rows: Sequence[LedgerRow]) -> Ledger:
    """Sum up rows, which are in the order in which they were written down."""
    return Ledger(cascade=cascade, rows=tuple(reversed(rows)), calibration=calibration(rows))


def ledger_row(expectation: Expectation, comparison: Comparison, *, watched: int = 1) -> LedgerRow:
    """Hold an expectation against the comparison of its baseline with the run that followed.

    `watched` is the number of places that somebody looks at while the run goes on: the e-value must be so much larger.
    """
    row = place_of(comparison, expectation.place)
    if row is None:
        nothing = unmeasured(f"not measured: {comparison.after} has no {expectation.place}")
        return _row(expectation, comparison.after, nothing, _unsafe("There is nothing to look at."))
    return _row(expectation, comparison.after, row.claim.change, peek(row, watched=watched))


def waiting_row(expectation: Expectation) -> LedgerRow:
    """The row of an expectation that no run has answered yet."""
    return _row(expectation, "", unmeasured("not measured: no run yet"), _unsafe("There is no run to look at yet."))


def place_of(comparison: Comparison, place: str) -> StageChange | None:
    """The row of a stage or of the outcome; None when the comparison has none."""
    return next((row for row in (comparison.outcome, *comparison.stages) if row.stage == place), None)


def _row(expectation: Expectation, run: str, came: Estimate, peeked: Peek) -> LedgerRow:
    inside = came.low <= expectation.predicted <= came.high if came.is_measured else None
    verdict = _came(expectation, came)
    return LedgerRow(
        expectation=expectation,
        run=run,
        came=came,
        verdict=verdict,
        is_inside=inside,
        error=came.value - expectation.predicted,
        in_range=_in_range(expectation, came),
        peek=peeked,
        sentence=_sentence_of(expectation, came, verdict),
    )


def _in_range(expectation: Expectation, came: Estimate) -> bool | None:
    if expectation.low is None or expectation.high is None or not came.is_measured:
        return None
    return expectation.low <= came.value <= expectation.high


def _came(expectation: Expectation, came: Estimate) -> Came:
    if not came.is_measured:
        return "not measured"
    if came.low > expectation.predicted:
        return "more than expected"
    return "less than expected" if came.high < expectation.predicted else "as expected"


def _sentence_of(expectation: Expectation, came: Estimate, verdict: Came) -> str:
    start = f"{expectation.place}: expected {figures.points(expectation.predicted)}"
    if verdict == "not measured":
        return f"{start}, {came.method}"
    return f"{start}, came {figures.points(came.value)} ({figures.interval(came)}): {verdict}"


def peek(row: StageChange, *, watched: int = 1) -> Peek:
    """Say whether looking early is safe, and what the records that moved say so far.

    The e-value bets on each record that moved; that holds at every look when the records are independent and come in
    an order that has nothing to do with their scores. Of clustered records half a cluster may be in: not safe.
    """
    change = row.claim.change
    if change.clusters is not None:
        return _unsafe("Records come in clusters: wait for the planned end, an early look can't be trusted.")
    if not change.is_measured:
        return _unsafe("There is nothing to look at.")
    threshold = watched / SIGNIFICANCE
    evidence = e_value(row.flips.fixed, row.flips.broken)
    moved = f"{row.flips.fixed} fixed, {row.flips.broken} broken, evidence {evidence:,.1f} of {threshold:,.0f}"
    stands = "the difference stands" if evidence >= threshold else "not yet beyond doubt"
    return Peek(
        e_value=evidence,
        threshold=threshold,
        is_safe=True,
        sentence=f"Safe to look at any time: {moved}, {stands}.",
    )


def _unsafe(why: str) -> Peek:
    return Peek(e_value=math.nan, threshold=math.nan, is_safe=False, sentence=why)


def calibration(rows: Sequence[LedgerRow]) -> Calibration:
    """Sum up the rows that were measured; predictions of one run share its records, so the intervals are a guide."""
    measured = [row for row in rows if row.came.is_measured]
    errors = np.array([row.error for row in measured])
    bold = [row for row in measured if row.expectation.predicted != 0]
    bias = mean_t(errors)
    size = mean_t(np.abs(errors), scale=(0.0, math.inf))
    inside = _share([row.is_inside is True for row in measured])
    return Calibration(
        n=len(measured),
        bias=bias,
        size=size,
        inside=inside,
        coverage=_share([row.in_range is True for row in measured if row.in_range is not None]),
        sign=_share([row.came.value * row.expectation.predicted > 0 for row in bold]),
        sentence=_summed(len(measured), bias, inside),
    )


def _share(hits: Sequence[bool]) -> Estimate:
    return wilson(sum(hits) / len(hits), n=len(hits)) if hits else unmeasured("not measured: no such prediction")


def _summed(n: int, bias: Estimate, inside: Estimate) -> str:
    if not n:
        return "No prediction has been held against a run yet."
    coverage = f"{figures.share(inside.value)} of {n} {plural('prediction', n)} lay inside the interval of what came"
    if not bias.is_measured:
        return f"{coverage}."
    lean = "on average too hopeful" if bias.high < 0 else "on average too cautious" if bias.low > 0 else "no clear lean"
    return f"{coverage}; mean error {figures.points(bias.value)} ({figures.interval(bias)}), {lean}."


def proposed_outcome(row: StageRow, improvement: float) -> Estimate:
    """A first guess of what improving a stage buys at the end, to prefill an expectation.

    The gain of the swap with references is what a perfect stage would bring (earlier stages being right); an
    improvement that closes a part of the stage's distance to a perfect score gets that part of the gain. A guess: it
    takes every mended record to be worth the same, and says so in `method`. Raises: ValueError for an improvement
    that is beyond a perfect score.
    """
    room = 1 - row.alone.value if row.alone.is_measured else 1 - row.in_place.value
    if not row.gain.is_measured or math.isnan(room):
        return unmeasured("not measured: the run holds no swap of this stage")
    if improvement > room + 1e-9:
        raise ValueError(f"{row.stage} is {room:.2f} below a perfect score, so it can't improve by {improvement:.2f}")
    part = improvement / room if room > 0 else 0.0
    ends = sorted((part * row.gain.low, part * row.gain.high))
    return Estimate(
        value=part * row.gain.value,
        low=ends[0],
        high=ends[1],
        n=row.gain.n,
        method=f"guess: {figures.share(part)} of the gain with references",
        level=row.gain.level,
        clusters=row.gain.clusters,
    )


_COLUMNS = (
    Column(name="Change", unit=Unit.TEXT),
    Column(name="After", unit=Unit.TEXT, key="baseline", is_carried=True, is_hidden=True),
    Column(name="Run", unit=Unit.TEXT, key="run", is_carried=True, is_hidden=True),
    Column(name="Place", unit=Unit.TEXT, key="place", is_carried=True),
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Expected", unit=Unit.POINTS, key="expected", is_carried=True),
    Column(name="At least", unit=Unit.POINTS, key="expected_low", is_carried=True, is_hidden=True),
    Column(name="At most", unit=Unit.POINTS, key="expected_high", is_carried=True, is_hidden=True),
    Column(name="Came", unit=Unit.POINTS, key="change"),
    Column(name="Verdict", unit=Unit.TEXT),
    Column(name="Because", unit=Unit.TEXT, key="because", is_carried=True, is_cut=True),
    Column(name="Who", unit=Unit.TEXT, key="who", is_carried=True, is_hidden=True),
    Column(name="Safe to look", unit=Unit.FLAG, key="is_safe_to_peek", is_carried=True, is_hidden=True),
)


def ledger_sheet(view: Ledger) -> Sheet:
    """What was expected beside what came, newest first."""
    if not view.rows:
        return Sheet(headline="Nothing was expected yet. Write it down before the next change.")
    return Sheet(
        headline=view.calibration.sentence,
        parts=(
            Table(columns=_COLUMNS, rows=tuple(_cells(row) for row in view.rows)),
            *(
                f"{row.expectation.baseline} → {row.run}, {row.expectation.place}. {row.peek.sentence}"
                for row in view.rows
                if row.run
            ),
        ),
    )


def _cells(row: LedgerRow) -> tuple[Entry, ...]:
    hope = row.expectation
    came = Figure(estimate=row.came, verdict=row.verdict)
    change = f"{hope.baseline} → {row.run or '?'}"
    limits = (hope.predicted, hope.low, hope.high)
    why = (hope.reason, hope.who, row.peek.is_safe)
    return change, hope.baseline, row.run, hope.place, hope.place, *limits, came, row.verdict, *why


_EXPECTED = (
    Column(name="After", unit=Unit.TEXT, key="baseline"),
    Column(name="Place", unit=Unit.TEXT, key="place"),
    Column(name="Expected", unit=Unit.POINTS, key="predicted"),
    Column(name="At least", unit=Unit.POINTS, key="low"),
    Column(name="At most", unit=Unit.POINTS, key="high"),
    Column(name="Because", unit=Unit.TEXT, key="reason"),
    Column(name="Who", unit=Unit.TEXT, key="who"),
)


def expected_sheet(view: Sequence[Expectation]) -> Sheet:
    """What was written down before a change."""
    places = ", ".join(f"{hope.place} {figures.points(hope.predicted)} points" for hope in view)
    return Sheet(
        headline=f"Expected of the change after {view[0].baseline}: {places}",
        parts=(
            Table(
                columns=_EXPECTED,
                rows=tuple(
                    (hope.baseline, hope.place, hope.predicted, hope.low, hope.high, hope.reason, hope.who)
                    for hope in view
                ),
            ),
        ),
    )
