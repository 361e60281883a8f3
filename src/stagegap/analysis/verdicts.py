"""What verdicts on outputs say of all of them, and how far seeing an output draws people towards it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import counted, plural, why_missing
from stagegap.stats.intervals import mean_of
from stagegap.stats.judge import Mix, anchoring, cheapest_mix, ppi_rate
from stagegap.stats.spread import Clusters
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Rests, Sheet, Table

Floats = NDArray[np.float64]
FEWEST_BLIND = 20
"""Blind answers without which verdicts are not corrected, so that no rate rests on them; as many with a verdict beside
them are needed to say how far verdicts save time."""
HALF_WIDTH = 0.05
"""To how much the time is planned."""
SUREST = 0.95
"""Correlation of verdicts with blind answers that is believed at most: a few pairs that all agree show no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictColumns:
    """What was said of the outputs of a run at a stage, a number for each record with a verdict or a blind answer."""

    stage: str
    by: Literal["verdicts", "readings"]
    """Verdicts on the stage's outputs, or whether whole records ended well."""
    units: Clusters
    marks: Floats
    """By people who saw the output: 1 where it is good, 0 where it is not; the mean of several, NaN without one."""
    labels: Floats
    """1 where the output is good by blind answers, 0 where it is not; NaN without one."""
    accepted: int
    corrected: int
    rejected: int
    seconds: float | None = None
    """Median active time of a verdict."""
    seconds_blind: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """The outputs of one stage."""

    stage: str
    by: Literal["verdicts", "readings"]
    accepted: int
    corrected: int
    rejected: int
    judged: int
    """Records that somebody said this of."""
    blind: int
    """Records with a blind answer."""
    paired: int
    """Records with both, by different people."""
    share: Estimate
    """Of the outputs that are good, by verdicts with their anchoring taken off by the blind answers (PPI++)."""
    anchoring: Estimate
    """By how much more often people who see an output call it good."""
    by_blind: Estimate
    """By blind answers alone."""
    uncorrected: Estimate
    """By verdicts alone."""
    mix: Mix | None = None
    """How to come to 5 points to either side in the least time; None where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictsView:
    """All that people said of the outputs of one run while they saw them."""

    cascade: str
    run: str
    noun: str
    rows: tuple[VerdictRow, ...]


def verdict_row(columns: VerdictColumns) -> VerdictRow:
    """One stage, its verdicts corrected by what people answered who did not see the outputs."""
    has_label, has_mark = ~np.isnan(columns.labels), ~np.isnan(columns.marks)
    alone = has_mark & ~has_label
    order = np.concatenate([np.flatnonzero(has_label), np.flatnonzero(alone)])
    labels, marks, others = columns.labels[has_label], columns.marks[has_label], columns.marks[alone]
    units = None if columns.units.are_records else columns.units.codes[order]
    n, paired = len(labels), has_label & has_mark
    by_blind = mean_of(columns.labels, columns.units)
    if n < FEWEST_BLIND:
        share = unmeasured(f"too few: {counted(n, 'blind answer')}, and {FEWEST_BLIND} are needed", n=n)
        drawn = share
    else:
        share, drawn = ppi_rate(labels, marks, others, units=units), anchoring(labels, marks, others, units=units)
        if not share.is_measured:
            share = by_blind
    return VerdictRow(
        stage=columns.stage,
        by=columns.by,
        accepted=columns.accepted,
        corrected=columns.corrected,
        rejected=columns.rejected,
        judged=int(has_mark.sum()),
        blind=n,
        paired=int(paired.sum()),
        share=share,
        anchoring=drawn,
        by_blind=by_blind,
        uncorrected=mean_of(columns.marks, columns.units),
        mix=_mix(columns, columns.labels[paired], columns.marks[paired]),
    )


def _mix(columns: VerdictColumns, labels: Floats, marks: Floats) -> Mix | None:
    if columns.seconds is None or columns.seconds_blind is None or len(labels) < FEWEST_BLIND:
        return None
    if not columns.seconds or not columns.seconds_blind or labels.std() == 0 or marks.std() == 0:
        return None
    return cheapest_mix(
        variance=float(labels.var(ddof=1)),
        correlation=min(SUREST, float(np.corrcoef(labels, marks)[0, 1])),
        half_width=HALF_WIDTH,
        seconds_blind=columns.seconds_blind,
        seconds_verdict=columns.seconds,
    )


_COLUMNS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage"),
    Column(name="Said by", unit=Unit.TEXT, key="by"),
    Column(name="Seen", unit=Unit.COUNT),
    Column(name="Blind", unit=Unit.COUNT),
    Column(name="Both", unit=Unit.COUNT, spare=2),
    Column(name="Good, anchoring taken off (PPI++)", unit=Unit.SHARE, key="{by}: share"),
    Column(name="Anchoring", unit=Unit.POINTS, key="{by}: anchoring"),
    Column(name="By blind answers alone", unit=Unit.SHARE, key="{by}: blind", spare=1),
    Column(name="By verdicts alone, uncorrected", unit=Unit.SHARE, key="{by}: uncorrected", spare=3),
)


def verdicts_view_sheet(view: VerdictsView) -> Sheet:
    """What people said of the outputs that they saw, and what that is worth."""
    parts = tuple(verdict_parts(view.rows, view.noun)) or (
        "Nobody has given a verdict on an output of the run: `stagegap label STAGE --verdict --as NAME` asks for them.",
    )
    return Sheet(headline=f"Verdicts on {view.run} of {view.cascade}", parts=parts)


def verdict_parts(rows: Sequence[VerdictRow], noun: str) -> Iterator[str | Table]:
    """The same as parts of a sheet; nothing without a verdict."""
    for row in rows:
        yield _sentence(row, noun)
    if not rows:
        return
    yield Table(
        title="Outputs that are good, by people who saw them",
        columns=_COLUMNS,
        rows=tuple(
            (
                row.stage, _SAID[row.by], row.judged, row.blind, row.paired, row.share, row.anchoring, row.by_blind,
                row.uncorrected,
            )
            for row in rows
        ),
    )  # fmt: skip
    yield from why_missing(
        (f"{row.stage} by {_SAID[row.by]}, anchoring", row.anchoring) for row in rows if row.share.is_measured
    )
    for row in rows:
        if row.mix is not None:
            yield _time(row, row.mix)
    yield (
        f"{Rests.VERDICTS} Every other figure of references rests on blind answers alone. The correction holds where "
        "records come by chance to those who see outputs and to those who do not."
    )


_SAID = {"verdicts": "verdicts", "readings": "whole records read"}


def _sentence(row: VerdictRow, noun: str) -> str:
    """What verdicts say of a stage, with what it rests on and its correction."""
    given = row.accepted + row.corrected + row.rejected
    if row.by == "readings":
        seen = f"{row.judged:,} {plural(noun, row.judged)} read ({row.accepted:,} passed, {row.rejected:,} failed"
        what = f"of the {plural(noun, 2)} end well at {row.stage}"
    else:
        seen = (
            f"{counted(given, 'verdict')} on {counted(row.judged, 'output')} ({row.accepted:,} accepted, "
            f"{row.corrected:,} corrected, {row.rejected:,} rejected"
        )
        what = f"of the outputs of {row.stage} are good"
    rests = f"It rests on {counted(row.blind, 'blind answer')} and {seen}; {row.paired:,} have both)"
    if not row.share.is_measured:
        alone = figures.figure(row.uncorrected, Unit.SHARE)
        return (
            f"How many {what} is not known yet: {row.share.method}. Uncorrected, verdicts alone say {alone}, and "
            f"nobody knows how far seeing the output drew them. {rests}."
        )
    drawn = ""
    if row.anchoring.is_measured:
        points = figures.figure(row.anchoring, Unit.POINTS)
        drawn = f" Verdicts lie {points} points above blind answers: that anchoring is taken off."
    return f"{figures.figure(row.share, Unit.SHARE)} {what}. {rests}.{drawn}"


def _time(row: VerdictRow, mix: Mix) -> str:
    alone = f"blind answers alone take about {mix.alone:,.0f} minutes"
    to = f"To know {row.stage} to 5 points"
    if not mix.verdicts:
        return f"{to}, {alone} ({mix.blind:,} of them), and verdicts would not make it faster."
    return (
        f"{to}, about {counted(mix.verdicts, 'verdict')} with {counted(mix.blind, 'blind answer')} among them take "
        f"{mix.minutes:,.0f} minutes; {alone}."
    )
