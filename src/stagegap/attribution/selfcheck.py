"""Do the methods find faults that we planted ourselves? Outcomes with and without the faults in, recovery out.

Planting replaces a stage's output by a wrong one of the declared type, whatever its input was, and lets the rest of
the cascade run on it. With the outcome of every record with and without its planted fault at hand, any rate of faults
is a matter of choosing records: thousands of planted data sets cost no further call.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stagegap.attribution.faults import account, error_parts
from stagegap.model.estimate import Estimate
from stagegap.stats.intervals import wilson, wilson_of
from stagegap.stats.resample import resample
from stagegap.stats.spread import Clusters, clusters

Floats = NDArray[np.float64]
METHODS = ("gain", "first fault", "parts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A cascade's records with and without a fault planted at one stage."""

    stage: str
    clean: tuple[Floats, ...]
    """0/1 outcomes along the staircase as the system is: references at the first 0, 1, ... k stages."""
    spoilt: tuple[Floats, ...]
    """The same with the planted fault wherever the stage is not replaced by its reference."""
    accepted: Mapping[str, Floats]
    """Per stage in the order of the staircase, as the system is: 1 acceptable, 0 not, NaN without a score."""
    accepted_spoilt: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How one method deals with faults planted at one stage."""

    stage: str
    method: str
    planted: float
    """Share of the records that got a fault on purpose."""
    damage: float
    """What the planted faults take from the outcome on average: the truth that the gain should find."""
    booked: Estimate
    """Share of the records that a planted fault made bad that the method books on this stage."""
    bias: float
    """Mean of the method's figure over planted data sets minus its true value."""
    coverage: Estimate
    """Share of planted data sets whose interval holds the true value."""
    finds_worst: Estimate
    """Share of planted data sets in which the method's largest figure stands at the stage that truly gains most."""


def recover(
    planted: Planted,
    units: Clusters,
    ancestors: Mapping[str, Sequence[str]],
    *,
    rate: float,
    rng: np.random.Generator,
    simulations: int = 200,
    resamples: int = 400,
) -> tuple[Recovery, ...]:
    """Plant faults in data sets drawn from the user's records, and compare each method with the truth.

    The records stand for the population: data sets of the same size are drawn from them, whole clusters with
    replacement, and each record gets its planted fault with chance `rate`. True values are those of the population.
    """
    usable: NDArray[np.bool_] = np.count_nonzero(np.isnan(np.stack([*planted.clean, *planted.spoilt])), axis=0) == 0
    names = list(planted.accepted)
    if usable.sum() < 2 or not 0 < rate <= 1:
        return ()
    truth = _truth(planted, usable, rate, names, ancestors)
    at = names.index(planted.stage)
    worst = int(np.argmax(truth["gain"]))
    booked = _booked(planted, usable, units, names, ancestors)
    recovered: dict[str, list[tuple[float, bool, bool]]] = {method: [] for method in METHODS}
    places: NDArray[np.intp] = np.flatnonzero(usable)
    codes: NDArray[np.int64] = units.codes[places]
    members: list[NDArray[np.intp]] = [places[codes == code] for code in np.unique(codes)]
    for _ in range(simulations):
        picked: list[int] = rng.integers(0, len(members), len(members)).tolist()
        rows: NDArray[np.intp] = np.concatenate([members[i] for i in picked])
        owner = clusters(place for place, i in enumerate(picked) for _ in members[i])
        estimates = _figures(planted, rows, rng.random(len(rows)) < rate, names, ancestors, owner, rng, resamples)
        for method, figures in estimates.items():
            mine = figures[at]
            if mine.is_measured:
                holds = mine.low - 1e-12 <= truth[method][at] <= mine.high + 1e-12
                top = int(np.argmax([figure.value for figure in figures]))
                recovered[method].append((mine.value, holds, top == worst))
    damage = rate * float((planted.clean[0] - planted.spoilt[0])[usable].mean())
    return tuple(
        _recovery(planted.stage, method, rows, truth[method][at], booked[method], rate=rate, damage=damage)
        for method, rows in recovered.items()
    )


def _recovery(
    stage: str,
    method: str,
    rows: Sequence[tuple[float, bool, bool]],
    truth: float,
    booked: Estimate,
    *,
    rate: float,
    damage: float,
) -> Recovery:
    n = len(rows)
    return Recovery(
        stage=stage,
        method=method,
        planted=rate,
        damage=damage,
        booked=booked,
        bias=sum(value for value, _, _ in rows) / n - truth if n else math.nan,
        coverage=wilson(sum(holds for _, holds, _ in rows) / n if n else 0.0, n=n),
        finds_worst=wilson(sum(finds for _, _, finds in rows) / n if n else 0.0, n=n),
    )


def _mixed(planted: Planted, rows: NDArray[np.intp], hit: NDArray[np.bool_]) -> tuple[list[Floats], dict[str, Floats]]:
    """Outcomes and acceptability of a data set in which some records got their fault."""
    steps = [np.where(hit, bad[rows], good[rows]) for good, bad in zip(planted.clean, planted.spoilt, strict=True)]
    accepted = {
        name: np.where(hit, planted.accepted_spoilt[name][rows], column[rows])
        for name, column in planted.accepted.items()
    }
    return steps, accepted


def _columns(
    steps: Sequence[Floats],
    accepted: Mapping[str, Floats],
    names: Sequence[str],
    ancestors: Mapping[str, Sequence[str]],
) -> dict[str, Floats]:
    """Outcomes, and per stage whether a bad record is booked on it by first fault and by parts."""
    bad = 1 - steps[0]
    first = account(accepted, ancestors, bad=bad).first
    cause = error_parts(names, steps).cause
    columns = {f"outcome {i}": step for i, step in enumerate(steps)}
    for position, name in enumerate(names):
        columns[f"first fault {name}"] = np.where(bad == 1, first[name].astype(np.float64), math.nan)
        columns[f"parts {name}"] = np.where(bad == 1, (cause == position).astype(np.float64), math.nan)
    return columns


def _figures(
    planted: Planted,
    rows: NDArray[np.intp],
    hit: NDArray[np.bool_],
    names: Sequence[str],
    ancestors: Mapping[str, Sequence[str]],
    owner: Clusters,
    rng: np.random.Generator,
    resamples: int,
) -> dict[str, list[Estimate]]:
    steps, accepted = _mixed(planted, rows, hit)
    drawn = resample(_columns(steps, accepted, names, ancestors), owner, rng=rng, resamples=resamples)
    return {
        "gain": [drawn.difference(f"outcome {i + 1}", f"outcome {i}") for i in range(len(names))],
        "first fault": [drawn.mean(f"first fault {name}") for name in names],
        "parts": [drawn.mean(f"parts {name}") for name in names],
    }


def _truth(
    planted: Planted,
    usable: NDArray[np.bool_],
    rate: float,
    names: Sequence[str],
    ancestors: Mapping[str, Sequence[str]],
) -> dict[str, list[float]]:
    """The figures of the population: every record with its fault by `rate`, without it by the rest."""
    rows = np.flatnonzero(usable)
    sides = [_columns(*_mixed(planted, rows, np.full(len(rows), hit)), names, ancestors) for hit in (False, True)]

    def mean(name: str) -> float:
        parts = [(weight, side[name]) for weight, side in zip((1 - rate, rate), sides, strict=True)]
        total = sum(weight * float(np.nansum(column)) for weight, column in parts)
        count = sum(weight * int((~np.isnan(column)).sum()) for weight, column in parts)
        return total / count if count else math.nan

    return {
        "gain": [mean(f"outcome {i + 1}") - mean(f"outcome {i}") for i in range(len(names))],
        "first fault": [mean(f"first fault {name}") for name in names],
        "parts": [mean(f"parts {name}") for name in names],
    }


def _booked(
    planted: Planted,
    usable: NDArray[np.bool_],
    units: Clusters,
    names: Sequence[str],
    ancestors: Mapping[str, Sequence[str]],
) -> dict[str, Estimate]:
    """Of the records that only the planted fault made bad, the share that each method books on its stage.

    For the gain: the share of the damage by which the stage's own gain grows.
    """
    rows = np.flatnonzero(usable & (planted.clean[0] == 1) & (planted.spoilt[0] == 0))
    n = len(rows)
    at = names.index(planted.stage)
    columns = _columns(*_mixed(planted, rows, np.ones(n, dtype=np.bool_)), names, ancestors)
    shares = {
        "gain": (planted.spoilt[at + 1] - planted.spoilt[at])[rows] - (planted.clean[at + 1] - planted.clean[at])[rows],
        "first fault": columns[f"first fault {planted.stage}"],
        "parts": columns[f"parts {planted.stage}"],
    }
    here = replace(units, codes=units.codes[rows])
    return {method: wilson_of(column, here) for method, column in shares.items()}
