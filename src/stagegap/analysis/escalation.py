"""What it buys and costs to ask a stronger stage where a cheap one is unsure: the curve over the share escalated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.evidence import Evidence
from stagegap.errors import ConfigurationError, near_names
from stagegap.metrics import score
from stagegap.model.answer import Output, Status
from stagegap.model.cascade import Cascade
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import counted
from stagegap.stats.intervals import mean_t, one_cluster
from stagegap.stats.resample import Resamples, resample
from stagegap.stats.spread import Clusters, clusters, spread
from stagegap.tables import figures
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

Floats = NDArray[np.float64]
STEPS = 10
"""Points of the curve besides 0: each asks the stronger stage about a tenth more."""
NO_ANSWER = (Status.INFRASTRUCTURE, Status.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationPoint:
    """One threshold: records are escalated where the confidence is below it."""

    share: float
    """Of the records that are escalated, in [0, 1]."""
    threshold: float | None
    """None escalates nothing."""
    score: Estimate
    cost: Estimate
    """US dollars a record, both stages together."""
    gain: Estimate
    """Points of score above the point before, in [-1, 1]."""
    extra: Estimate
    """US dollars a record above the point before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationView:
    """The curve of one run."""

    cascade: str
    run: str
    cheap: str
    strong: str
    metric: str
    """By which both are scored."""
    n: int
    """Records with a reference, a confidence, and no failure of infrastructure at either stage."""
    now: float
    """Share of them that the stronger stage was asked about."""
    points: tuple[EscalationPoint, ...]
    note: str
    """Why the curve ends before all are escalated; empty where it does not."""

    @property
    def next(self) -> EscalationPoint | None:
        """What about a tenth more than now buys and costs; None where it is not measured."""
        beyond = (point for point in self.points if point.share > self.now + 0.5 / STEPS and point.gain.is_measured)
        return next(beyond, None)


def escalation_pairs(cascade: Cascade) -> tuple[tuple[str, str], ...]:
    """The stages that are asked depending on how sure another one is, as (that other one, stage)."""
    return tuple(
        (source.name, stage.name)
        for stage in cascade.stages
        for source in stage.when_reads
        if source.part == "confidence"
    )


def escalation(evidence: Evidence, cheap: str = "", strong: str = "") -> EscalationView:
    """The curve; without names, that of the one pair of stages in which the cascade escalates.

    Both are scored by the cheap stage's headline metric; where the stronger one has no reference of its own, it
    answered the same question. Thresholds are quantiles of the confidences in this run.
    Raises: ConfigurationError for stages that are none, or where there is no such pair.
    """
    cheap, strong = _chosen(evidence.cascade, cheap, strong)
    rows = _rows(evidence, cheap, strong)
    known = _Known(
        sure=np.array([row.sure for row in rows]),
        first=np.array([row.first for row in rows]),
        second=np.array([row.second for row in rows]),
        paid=np.array([row.paid for row in rows]),
        extra=np.array([row.extra for row in rows]),
        units=clusters(row.unit for row in rows),
    )
    now = float((~np.isnan(known.second)).mean()) if rows else 0.0
    asked = [threshold for threshold in _thresholds(known.sure) if _is_known(known, threshold)]
    note = ""
    if rows and len(asked) < len(_thresholds(known.sure)):
        note = (
            f"{strong} was asked about {now:.0%} of the {evidence.cascade.noun}s, so nothing is known beyond: a run in"
            f" which it has no `when` measures the whole curve."
        )
    return EscalationView(
        cascade=evidence.cascade.name,
        run=evidence.run,
        cheap=cheap,
        strong=strong,
        metric=evidence.metrics[cheap].name,
        n=len(rows),
        now=now,
        points=_points(known, asked, seed=evidence.seed),
        note=note if rows else f"No {evidence.cascade.noun} has a reference at {cheap} and a confidence there.",
    )


def _chosen(cascade: Cascade, cheap: str, strong: str) -> tuple[str, str]:
    for name in (cheap, strong):
        if name and name not in cascade.names:
            raise ConfigurationError(f"The cascade has no stage {name!r}. {near_names(name, cascade.names)}")
    pairs = [pair for pair in escalation_pairs(cascade) if cheap in ("", pair[0]) and strong in ("", pair[1])]
    if cheap and strong:
        return cheap, strong
    if len(pairs) != 1:
        candidates = "several pairs of stages" if pairs else "no stage whose `when` reads the confidence of another"
        raise ConfigurationError(f"The cascade has {candidates}; name the cheap stage and the stronger one.")
    return pairs[0]


@dataclass(frozen=True, slots=True)
class _Row:
    sure: float
    first: float
    second: float
    """NaN where the stronger stage was not asked."""
    paid: float
    extra: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    sure: Floats
    first: Floats
    second: Floats
    paid: Floats
    extra: Floats
    units: Clusters


def _rows(evidence: Evidence, cheap: str, strong: str) -> list[_Row]:
    firsts, seconds = evidence.system(cheap), evidence.system(strong)
    by = evidence.metrics[cheap]
    rows: list[_Row] = []
    for record in evidence.records:
        reference = evidence.references.get((record.id, cheap))
        first, second = firsts.get(record.id), seconds.get(record.id)
        if reference is None or first is None or first.confidence is None or second is None:
            continue
        if first.status in NO_ANSWER or second.status in NO_ANSWER:
            continue
        was_asked = second.status is not Status.SKIPPED
        own = evidence.references.get((record.id, strong)) or reference
        rows.append(
            _Row(
                sure=first.confidence,
                first=score(first, reference, by),
                second=score(second, own, by) if was_asked else math.nan,
                paid=_cost(first),
                extra=_cost(second) if was_asked else math.nan,
                unit=record.unit,
            )
        )
    return rows


def _cost(output: Output) -> float:
    return math.nan if output.cost is None else output.cost


def _thresholds(sure: Floats) -> list[float | None]:
    """The thresholds that escalate about 0, 10, ... 100% of the records, each once."""
    if not len(sure):
        return []
    ordered = np.sort(sure)
    places = [round(len(ordered) * step / STEPS) for step in range(1, STEPS)]
    inner = [float(ordered[place]) for place in places if place]
    return [
        None,
        *dict.fromkeys(threshold for threshold in inner if threshold > ordered[0]),
        math.nextafter(float(ordered[-1]), math.inf),
    ]


def _escalated(known: _Known, threshold: float | None) -> NDArray[np.bool_]:
    return known.sure < (-math.inf if threshold is None else threshold)


def _is_known(known: _Known, threshold: float | None) -> bool:
    return not np.isnan(known.second[_escalated(known, threshold)]).any()


def _points(known: _Known, thresholds: list[float | None], *, seed: int) -> tuple[EscalationPoint, ...]:
    columns: dict[str, Floats] = {}
    costs: list[Floats] = []
    for place, threshold in enumerate(thresholds):
        chosen = _escalated(known, threshold)
        columns[str(place)] = np.where(chosen, known.second, known.first)
        costs.append(known.paid + np.where(chosen, known.extra, 0.0))
    if not columns:
        return ()
    drawn = resample(columns, known.units, rng=np.random.default_rng(seed))
    steps = [(drawn.difference(str(b), str(a)), _money(costs[b] - costs[a], known.units))
             for a, b in pairwise(range(len(thresholds)))]  # fmt: skip
    nothing = unmeasured("nothing before it")
    return tuple(
        _point(known, threshold, drawn, place, _money(costs[place], known.units), step)
        for place, (threshold, step) in enumerate(zip(thresholds, [(nothing, nothing), *steps], strict=True))
    )


def _point(
    known: _Known,
    threshold: float | None,
    drawn: Resamples,
    place: int,
    cost: Estimate,
    step: tuple[Estimate, Estimate],
) -> EscalationPoint:
    return EscalationPoint(
        share=float(_escalated(known, threshold).mean()),
        threshold=threshold,
        score=drawn.mean(str(place)),
        cost=cost,
        gain=step[0],
        extra=step[1],
    )


def _money(values: Floats, units: Clusters) -> Estimate:
    """US dollars a record, or that a price is unknown."""
    if np.isnan(values).any():
        return unmeasured("not measured: the cost of a call is unknown", n=len(values))
    if not units.are_records and units.count < 2:
        return one_cluster(len(values))
    within = None if units.are_records else spread(values, units.codes)
    return mean_t(values, within=within, scale=(0.0 if values.min() >= 0 else -math.inf, math.inf))


_COLUMNS = (
    Column(name="Stage", unit=Unit.TEXT, key="stage", is_hidden=True),
    Column(name="Escalated", unit=Unit.SHARE, key="share", is_carried=True),
    Column(name="Confidence below", unit=Unit.THRESHOLD, key="threshold", is_carried=True),
    Column(name="Score", unit=Unit.SHARE, key="score"),
    Column(name="Gain", unit=Unit.POINTS, key="gain"),
    Column(name="Cost a record", unit=Unit.MONEY, key="dollars a record"),
    Column(name="Extra", unit=Unit.MONEY, key="extra dollars a record"),
)


def escalation_sheet(view: EscalationView) -> Sheet:
    """The curve of asking the stronger stage about more records, and what comes next on it."""
    return Sheet(
        headline=f"{view.cheap}, and {view.strong} where it is unsure: {view.metric} over "
        f"{counted(view.n, 'record')} of {view.run}",
        parts=(
            Table(
                columns=_COLUMNS,
                rows=tuple(
                    (view.cheap, point.share, point.threshold, point.score, point.gain, point.cost, point.extra)
                    for point in view.points
                ),
            ),
            view.note,
            *_next(view),
        ),
    )


def _next(view: EscalationView) -> tuple[str, ...]:
    if view.next is None:
        return ()
    more = figures.share(view.next.share - view.now)
    gain, extra = figures.figure(view.next.gain, Unit.POINTS), figures.figure(view.next.extra.times(1000), Unit.MONEY)
    return (
        f"Now {figures.share(view.now)} are escalated. {more} more: {gain} points a record; {extra} a 1,000 records.",
    )
