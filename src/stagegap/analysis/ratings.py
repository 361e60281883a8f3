"""Ratings of whole answers beside a run: how good the system is by them, where low ones come from, and whether the
metrics see what raters see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.errors import ConfigurationError, near_names
from stagegap.model.answer import Rating
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.model.wording import counted, metric_title
from stagegap.people.judgements import RatedGap, rated_gap, rating_means, rating_table
from stagegap.stats.agreement import alpha_bootstrap
from stagegap.stats.correlation import Correlations, correlations
from stagegap.stats.resample import RESAMPLES, resample
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

Floats = NDArray[np.float64]
ALPHA_RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedSystem:
    """One system by one criterion."""

    criterion: str
    system: str
    mean: Estimate
    """Mean rating over the records, that of an answer being the mean of its raters."""
    raters: float
    """Mean number of ratings of an answer."""
    noise: Estimate
    """Standard deviation of one rater's number about the mean of the answer, over answers with two ratings or more."""
    agreement: Estimate
    """Krippendorff's alpha (interval scale)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedPlace:
    """The records of the run that first went wrong at one place."""

    criterion: str
    place: str
    """A stage; or that no stage went wrong, that several did, or that it is not known."""
    mean: Estimate
    """Mean rating of these records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedMetric:
    """Whether a score goes with the ratings of the same answers."""

    criterion: str
    score: str
    """`draft.chrf`, or the outcome."""
    correlations: Correlations


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingsView:
    """Ratings beside a run."""

    cascade: str
    run: str
    noun: str
    system: str
    """The name in the file under which the run's answers are rated."""
    n: int
    """Ratings of answers to records of the run."""
    elsewhere: int
    """Ratings of records that the run does not score."""
    systems: tuple[RatedSystem, ...]
    gaps: tuple[RatedGap, ...]
    """Of the run against a person, by criterion; empty where nobody is named."""
    places: tuple[RatedPlace, ...]
    metrics: tuple[RatedMetric, ...]


NO_FAULT, SEVERAL, UNKNOWN = "no stage went wrong", "several stages", "not known"


def ratings_view(
    evidence: ev.Evidence,
    ratings: Sequence[Rating],
    *,
    system: str = "",
    person: str = "",
    scale: tuple[float, float] | None = None,
    resamples: int = RESAMPLES,
) -> RatingsView:
    """Put the ratings of a file beside a run.

    `system` is the run's name in the file, needed where the file rates several; `person` names who gave the answers
    that the system is held against, and `scale` the lowest and highest rating that can be given (those that occur
    unless given). Raises: ConfigurationError for a name that the file does not hold.
    """
    names = sorted({rating.system for rating in ratings})
    own = system or (names[0] if len(names) == 1 else evidence.cascade.name)
    for name in filter(None, (own, person)):
        if name not in names:
            hint = near_names(name, names) if system or person else f"Name one of {', '.join(names)}."
            raise ConfigurationError(f"The file has no ratings of {name!r}. {hint}")
    ids = {record.id for record in evidence.records}
    known = [rating for rating in ratings if rating.record in ids]
    criteria = list(dict.fromkeys(rating.criterion for rating in known))
    values = [rating.value for rating in known] or [math.nan]
    return RatingsView(
        cascade=evidence.cascade.name,
        run=evidence.run,
        noun=evidence.cascade.noun,
        system=own,
        n=len(known),
        elsewhere=len(ratings) - len(known),
        systems=tuple(
            _system(evidence, criterion, name, _chosen(known, criterion, name), resamples=resamples)
            for criterion in criteria
            for name in names
            if _chosen(known, criterion, name)
        ),
        gaps=tuple(
            rated_gap(
                known,
                evidence.records,
                system=own,
                person=person,
                criterion=criterion,
                scale=scale or (min(values), max(values)),
                noun=evidence.cascade.noun,
                seed=evidence.seed,
                resamples=resamples,
            )
            for criterion in criteria
            if person
        ),
        places=tuple(
            place
            for criterion in criteria
            for place in _places(evidence, criterion, _chosen(known, criterion, own), resamples=resamples)
        ),
        metrics=tuple(
            row for criterion in criteria for row in _metrics(evidence, criterion, _chosen(known, criterion, own))
        ),
    )


def _chosen(ratings: Sequence[Rating], criterion: str, system: str) -> list[Rating]:
    return [rating for rating in ratings if rating.criterion == criterion and rating.system == system]


def _system(
    evidence: ev.Evidence, criterion: str, system: str, ratings: Sequence[Rating], *, resamples: int
) -> RatedSystem:
    table = rating_table(ratings, evidence.records)
    given = (~np.isnan(table)).sum(axis=0)
    several = given >= 2
    within = np.full(len(evidence.records), math.nan)
    within[several] = np.nanvar(table[:, several], axis=0, ddof=1) if several.any() else math.nan
    drawn = resample(
        {"mean": rating_means(table), "within": within},
        evidence.units,
        rng=np.random.default_rng(evidence.seed),
        resamples=resamples,
    )
    return RatedSystem(
        criterion=criterion,
        system=system,
        mean=drawn.mean("mean"),
        raters=float(given[given > 0].mean()) if given.any() else math.nan,
        noise=_root(drawn.mean("within")) if several.any() else unmeasured("not measured: no answer has two ratings"),
        agreement=alpha_bootstrap(
            table[:, several],
            evidence.units.codes[several],
            scale="interval",
            rng=np.random.default_rng(0),
            resamples=ALPHA_RESAMPLES,
        ),
    )


def _root(variance: Estimate) -> Estimate:
    """The standard deviation of a variance, limits and all."""
    if not variance.is_measured:
        return variance
    value, low, high = (math.sqrt(max(0.0, x)) for x in (variance.value, variance.low, variance.high))
    return Estimate(
        value=value, low=low, high=high, n=variance.n, method=f"root of a variance: {variance.method}",
        level=variance.level, clusters=variance.clusters,
    )  # fmt: skip


def _places(
    evidence: ev.Evidence, criterion: str, ratings: Sequence[Rating], *, resamples: int
) -> tuple[RatedPlace, ...]:
    """Mean ratings by where the first fault lies, over records whose answer is rated."""
    means = rating_means(rating_table(ratings, evidence.records))
    faults = evidence.faults
    times = np.sum([*faults.first.values()], axis=0)
    inside: dict[str, NDArray[np.bool_]] = {name: here & (times == 1) for name, here in faults.first.items()}
    inside |= {SEVERAL: times > 1, UNKNOWN: faults.is_unknown, NO_FAULT: (times == 0) & ~faults.is_unknown}
    columns = {
        name: np.where(here, means, math.nan) for name, here in inside.items() if (here & ~np.isnan(means)).any()
    }
    drawn = resample(columns, evidence.units, rng=np.random.default_rng(evidence.seed), resamples=resamples)
    return tuple(RatedPlace(criterion=criterion, place=name, mean=drawn.mean(name)) for name in columns)


def _metrics(evidence: ev.Evidence, criterion: str, ratings: Sequence[Rating]) -> tuple[RatedMetric, ...]:
    means = rating_means(rating_table(ratings, evidence.records))
    scores: dict[str, Floats] = {
        f"{stage.name}.{metric_title(stage.metrics[0])}": ev.stage_scores(evidence, stage.name, ev.SYSTEM)
        for stage in evidence.cascade.stages
    }
    scores["outcome"] = ev.outcome_scores(evidence, ev.SYSTEM)
    return tuple(
        RatedMetric(criterion=criterion, score=name, correlations=correlations(column, means, evidence.units))
        for name, column in scores.items()
    )


_SYSTEMS = (
    Column(name="Criterion", unit=Unit.TEXT, key="criterion"),
    Column(name="System", unit=Unit.TEXT, key="system"),
    Column(name="Mean rating", unit=Unit.NUMBER, key="{criterion} of {system}"),
    Column(name="Raters", unit=Unit.THRESHOLD, spare=2),
    Column(name="Noise of one rater", unit=Unit.NUMBER, key="{criterion} of {system}: noise"),
    Column(name="Alpha", unit=Unit.NUMBER, key="{criterion} of {system}: alpha", spare=1),
)
_GAPS = (
    Column(name="Criterion", unit=Unit.TEXT, key="criterion"),
    Column(name="Labeller", unit=Unit.NUMBER, key="{criterion}: person"),
    Column(name="System", unit=Unit.NUMBER, key="{criterion}: system"),
    Column(name="Labeller minus system", unit=Unit.NUMBER, key="{criterion}: gap"),
)
_PLACES = (
    Column(name="Criterion", unit=Unit.TEXT, key="criterion"),
    Column(name="First fault", unit=Unit.TEXT, key="place"),
    Column(name="Rated", unit=Unit.COUNT),
    Column(name="Mean rating", unit=Unit.NUMBER, key="{criterion} after {place}"),
)
_METRICS = (
    Column(name="Criterion", unit=Unit.TEXT, key="criterion"),
    Column(name="Score", unit=Unit.TEXT, key="score"),
    Column(name="Pearson", unit=Unit.NUMBER, key="{criterion} with {score}: Pearson"),
    Column(name="Spearman", unit=Unit.NUMBER, key="{criterion} with {score}: Spearman"),
    Column(name="Kendall", unit=Unit.NUMBER, key="{criterion} with {score}: Kendall"),
)


def ratings_sheet(view: RatingsView) -> Sheet:
    """Systems by criterion, then this run: against a person, by first fault, and beside its scores."""
    of_run = view.cascade if view.system == view.cascade else f"{view.cascade} (rated as {view.system})"
    return Sheet(
        headline=f"Ratings beside {view.run} of {of_run}",
        parts=(
            f"{counted(view.n, 'rating')} of answers to its {view.noun}s"
            + (f"; {view.elsewhere:,} of others are left out." if view.elsewhere else "."),
            Table(
                columns=_SYSTEMS,
                rows=tuple(
                    (row.criterion, row.system, row.mean, row.raters, row.noise, row.agreement) for row in view.systems
                ),
            ),
            *(gap.sentence for gap in view.gaps),
            Table(
                title="Against the labeller",
                columns=_GAPS,
                rows=tuple((gap.criterion, gap.person, gap.system, gap.gap) for gap in view.gaps),
            ),
            Table(
                title="By where the first fault lies",
                columns=_PLACES,
                rows=tuple((row.criterion, row.place, row.mean.n, row.mean) for row in view.places),
            ),
            Table(
                title="Is the score any good? Correlation with the ratings",
                columns=_METRICS,
                rows=tuple(_correlated(row) for row in view.metrics),
            ),
            *_reasons(view.metrics),
        ),
    )


def _correlated(row: RatedMetric) -> tuple[str, str, Estimate, Estimate, Estimate]:
    with_it = row.correlations
    return row.criterion, row.score, with_it.pearson, with_it.spearman, with_it.kendall


def _reasons(rows: Sequence[RatedMetric]) -> tuple[str, ...]:
    why: Mapping[str, str] = {
        f"{row.score} ({row.criterion})": row.correlations.pearson.method
        for row in rows
        if not row.correlations.pearson.is_measured
    }
    return tuple(f"{name}: {reason}." for name, reason in why.items())
