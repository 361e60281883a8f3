"""How far people rate a system's answers below a person's: paired, with agreement first and bounds for the unrated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis.wording import counted
from stagegap.model.estimate import Bounds, Estimate
from stagegap.model.rating import Rating
from stagegap.model.record import Record
from stagegap.stats.agreement import alpha_bootstrap
from stagegap.stats.clusters import Clusters, clusters
from stagegap.stats.resample import RESAMPLES, Resamples, resample
from stagegap.tables import figures
from stagegap.tables.figures import Unit

Floats = NDArray[np.float64]

AGREEMENT_RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedGap:
    """A system's answers against a person's by one criterion, on the scale of the ratings."""

    system_name: str
    criterion: str
    raters: float
    """Mean number of ratings of an answer."""
    agreement: Estimate
    """Krippendorff's alpha (interval scale) of the ratings of the person's and the system's answers."""
    person: Estimate
    """Mean over all records whose human answer is rated; an answer's rating is the mean of its raters."""
    system: Estimate
    """Mean over the records that have ratings of both."""
    gap: Estimate
    """person minus system on those records, paired."""
    bounds: Bounds
    """The gap over all records of `person`: `worst` counts each unrated answer of the system as the best rating that
    occurs, `best` as the worst one (the words are those of the gap: worst is the smallest)."""
    sentence: str


def rated_gap(
    ratings: Sequence[Rating],
    records: Sequence[Record],
    *,
    system: str,
    person: str,
    criterion: str,
    scale: tuple[float, float],
    noun: str = "record",
    seed: int,
    resamples: int = RESAMPLES,
) -> RatedGap:
    """Compare the ratings of a system's answers with those of a person's.

    `scale` holds the lowest and the highest rating that could be given. An answer that was not rated because the
    system gave none is not filled in: the gap is computed where both are rated, and bounded over all records.
    """
    chosen = [rating for rating in ratings if rating.criterion == criterion and rating.system in (system, person)]
    groups = clusters(record.unit for record in records)
    given = {name: _matrix([r for r in chosen if r.system == name], records) for name in (person, system)}
    human, machine = _means(given[person]), _means(given[system])
    unknown = np.isnan(machine) & ~np.isnan(human)
    both = np.isnan(human) | np.isnan(machine)
    columns = {
        "person": human,
        "person, both": np.where(both, math.nan, human),
        "system, both": np.where(both, math.nan, machine),
        "lowest": _filled(human, machine, unknown, scale[0]),
        "highest": _filled(human, machine, unknown, scale[1]),
    }
    rng = np.random.default_rng(seed)
    drawn = resample(columns, groups, rng=rng, resamples=resamples)
    gap = drawn.difference("person, both", "system, both")
    bounds = Bounds(
        worst=drawn.difference("person", "highest"),
        best=drawn.difference("person", "lowest"),
        unknown=int(unknown.sum()),
    )
    return RatedGap(
        system_name=system,
        criterion=criterion,
        raters=len(chosen) / max(1, len({(rating.system, rating.record) for rating in chosen})),
        agreement=_agreement(given[person], given[system], groups, rng=rng),
        person=drawn.mean("person"),
        system=drawn.mean("system, both"),
        gap=gap,
        bounds=bounds,
        sentence=_sentence(drawn, gap, bounds, noun=noun),
    )


def _filled(human: Floats, machine: Floats, unknown: NDArray[np.bool_], value: float) -> Floats:
    """The system's ratings on the records of the person's, with the same number for each unknown one."""
    return np.where(np.isnan(human), math.nan, np.where(unknown, value, machine))


def _matrix(ratings: Sequence[Rating], records: Sequence[Record]) -> Floats:
    """Raters x records, NaN where a rater did not rate."""
    places = {record.id: place for place, record in enumerate(records)}
    raters = {name: row for row, name in enumerate(sorted({rating.rater for rating in ratings}))}
    table = np.full((len(raters), len(records)), math.nan)
    for rating in ratings:
        if rating.record in places:
            table[raters[rating.rater], places[rating.record]] = rating.value
    return table


def _means(table: Floats) -> Floats:
    known = ~np.isnan(table)
    with np.errstate(invalid="ignore"):
        return np.where(known, table, 0.0).sum(axis=0) / known.sum(axis=0)


def _agreement(a: Floats, b: Floats, groups: Clusters, *, rng: np.random.Generator) -> Estimate:
    """Alpha over the answers of both, those of one record being resampled together."""
    rows = max(len(a), len(b))
    padded = [np.vstack([table, np.full((rows - len(table), table.shape[1]), math.nan)]) for table in (a, b)]
    ratings = np.hstack(padded)
    rated = ~np.isnan(ratings).all(axis=0)
    codes = np.concatenate([groups.codes, groups.codes])
    return alpha_bootstrap(ratings[:, rated], codes[rated], scale="interval", rng=rng, resamples=AGREEMENT_RESAMPLES)


def _sentence(drawn: Resamples, gap: Estimate, bounds: Bounds, *, noun: str) -> str:
    if not gap.is_measured:
        return f"The gap is {gap.method}."
    lean = {True: "people are rated higher", False: "people are rated lower"}[gap.value > 0]
    start = (
        f"Person minus system is {figures.number(gap.value)} ({figures.interval(gap, Unit.NUMBER)}) on the "
        f"{counted(gap.n, noun)} with ratings of both: {lean if gap.excludes_zero else 'no difference can be told'}."
    )
    if not bounds.unknown:
        return start
    return (
        f"{start} On {counted(bounds.unknown, noun)} the system gave no answer to rate: over all "
        f"{int((~np.isnan(drawn.columns['person'])).sum()):,} the gap lies between "
        f"{figures.number(bounds.worst.value)} (each of them rated best) and {figures.number(bounds.best.value)} "
        f"(each rated worst), with 95% intervals from "
        f"{figures.between(bounds.worst.low, bounds.best.high, Unit.NUMBER)}."
    )
