"""Views beside the scorecard once more: which stage leads, groups of records, two runs, judges, ratings.

As in `naive_figures` nothing of the package may be imported here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, stats

from oracles.naive_cascade import Answers, Case, barred, consensus, effective, labels_of, listed
from oracles.naive_figures import (
    NOTHING,
    Draws,
    Figure,
    draw,
    draw_together,
    error_of_mean,
    error_of_sum,
    root,
    wilson,
)

Floats = NDArray[np.float64]
PAIRED = 0.96
"""The level at which a lead over another stage must exclude 0."""


def known_of(values: Floats, units: Sequence[int]) -> tuple[Floats, list[int]]:
    at = np.flatnonzero(~np.isnan(values)).tolist()
    return values[at], [units[i] for i in at]


def exchanged_p(changes: Floats, units: Sequence[int]) -> float:
    """Two-sided p of a sum of paired differences under exchanges of whole clusters."""
    present, own = known_of(changes, units)
    totals: dict[int, float] = {}
    for unit, value in zip(own, present.tolist(), strict=True):
        totals[unit] = totals.get(unit, 0.0) + value
    moved = sorted(abs(total) for total in totals.values() if abs(total) > 1e-9)
    seen = abs(sum(totals.values()))
    if not moved:
        return 1.0
    if moved[-1] - moved[0] <= 1e-9:
        up = sum(total > 1e-9 for total in totals.values())
        return float(stats.binomtest(up, len(moved), 0.5).pvalue)
    if len(moved) > 500:
        return float(2 * stats.norm.sf(seen / math.sqrt(sum(x * x for x in moved))))
    if len(moved) <= 14:
        sums = [
            sum(sign * x for sign, x in zip(signs, moved, strict=True)) for signs in product((1, -1), repeat=len(moved))
        ]
        return sum(abs(total) >= seen - 1e-9 for total in sums) / len(sums)
    signs = 2.0 * np.random.default_rng(0).integers(0, 2, size=(10_000, len(moved)), dtype=np.int8) - 1
    return (1 + int((abs(signs @ np.array(moved)) >= seen - 1e-9).sum())) / 10_001


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Step down: each is at least as large as the one before."""
    adjusted, worst = {}, 0.0
    for place, name in enumerate(sorted(p, key=lambda name: p[name])):
        worst = max(worst, min(1.0, p[name] * (len(p) - place)))
        adjusted[name] = worst
    return adjusted


# Which stage leads, and by how much without what being picked adds


def share_first(draws: Draws, weights: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The share of the resamples in which a stage gains most, ties split evenly."""
    columns = {name: draws.columns[name] for name in sorted({"outcome 0"}.union(*weights.values()))}
    means = draw_together(columns, draws.units, seed=0, resamples=draws.resamples)
    gains = {
        name: sum((w * means[c] for c, w in each.items()), 0.0 * means["outcome 0"]) for name, each in weights.items()
    }
    table = np.stack(list(gains.values()), axis=1)
    table = table[~np.isnan(table).any(axis=1)]
    top = table >= table.max(axis=1)[:, None] - 1e-12
    return dict(zip(gains, (top / top.sum(axis=1)[:, None]).mean(axis=0).tolist(), strict=True))


def changes_of(draws: Draws, weights: Mapping[str, Mapping[str, float]]) -> dict[str, Floats]:
    """What each stage's reference adds, record by record."""
    nothing = 0.0 * draws.columns["outcome 0"]
    return {name: sum((w * draws.columns[c] for c, w in each.items()), nothing) for name, each in weights.items()}


def picked_gain(draws: Draws, weights: Mapping[str, Mapping[str, float]], best: str) -> tuple[float, float, float]:
    """Median-unbiased given that it passed 0 at 95% and every rival at 96%, within a simultaneous 99.5% interval."""
    changes = changes_of(draws, weights)
    names, at = list(changes), np.flatnonzero(~np.isnan(changes[best])).tolist()
    units = [draws.units[i] for i in at]
    table = np.stack([changes[name][at] for name in names], axis=1)
    covariance = _covariance(table, units)
    values, place = table.mean(axis=0), names.index(best)
    seen, variance = float(values[place]), float(covariance[place, place])
    error = math.sqrt(variance)
    z, lead_z = float(stats.norm.ppf(0.975)), float(stats.norm.ppf((1 + PAIRED) / 2))
    # value >= z errors, and value - rival >= margin, where rival = rest + slope * value with the rest given.
    low, high = min(seen, z * error), math.inf
    for other in range(len(names)):
        if other == place:
            continue
        slope = float(covariance[other, place]) / variance
        of_lead = float(covariance[other, other]) + variance - 2 * float(covariance[other, place])
        margin = min(lead_z * math.sqrt(max(0.0, of_lead)), seen - float(values[other]))
        end = (float(values[other]) - slope * seen + margin) / (1 - slope) if abs(1 - slope) > 1e-9 else math.nan
        if slope < 1 - 1e-9:
            low = max(low, min(seen, end))
        elif slope > 1 + 1e-9:
            high = min(high, max(seen, end))
    normal = np.random.default_rng(0).standard_normal((10_000, len(names)))
    errors = np.sqrt(np.diag(covariance))
    axes, sizes, _ = linalg.svd(covariance)
    deviations = normal @ axes @ np.diag(np.sqrt(sizes)) @ axes.T
    reach = error * float(np.quantile((abs(deviations[:, errors > 1e-9]) / errors[errors > 1e-9]).max(axis=1), 0.995))

    def below(mean: float) -> float:
        ends = [(x - mean) / error for x in (max(low, mean - reach), min(high, mean + reach), seen)]
        start, end, here = stats.norm.cdf(ends).tolist()
        if end - start <= 1e-12:
            return 1.0 if mean < max(low, mean - reach) else 0.0
        return min(1.0, max(0.0, (here - start) / (end - start)))

    tail = (0.05 - 0.005) / (1 - 0.005) / 2
    middle, lowest, highest = (
        root(lambda mean, share=share: below(mean) - share, seen - reach, seen + reach)
        for share in (0.5, 1 - tail, tail)
    )
    return middle, min(middle, lowest), max(middle, highest, draws.sum_of(dict(weights[best])).low)


def _covariance(table: Floats, units: Sequence[int]) -> Floats:
    """Of the means of columns by sums of clusters, stretched to what is known of the error of each."""
    n, k = table.shape
    places = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    sums = np.zeros((len(places), k))
    for unit, row in zip(units, table - table.mean(axis=0), strict=True):
        sums[places[unit]] += row
    covariance = np.array([[float(a @ b) for b in sums.T] for a in sums.T]) / n**2 * len(places) / (len(places) - 1)
    if len(places) == n:
        return covariance
    known = [error_of_mean(column, list(units)) for column in table.T]
    wanted = [math.sqrt(e.variance) * e.quantile() / float(stats.norm.ppf(0.975)) for e in known]
    shown = np.sqrt(np.diag(covariance))
    stretch = np.array([w / s if s > 1e-12 else 1.0 for w, s in zip(wanted, shown.tolist(), strict=True)])
    return covariance * stretch[:, None] * stretch[None, :]


def alone_changes(case: Case, draws: Draws) -> dict[str, Figure]:
    """What references at one stage alone add, on the records of the gains; without the stages that no cell has."""
    answers = Answers(case, _accepted(case))
    system = draws.columns["outcome 0"]
    figures: dict[str, Figure] = {}
    for stage in case.stages:
        cell = effective(case, {stage.name}, case.outcome)
        if cell and case.outcome not in cell and not case.outputs(cell, case.outcome):
            continue
        column = np.where(np.isnan(system), math.nan, answers.outcome({stage.name}))
        both = Draws({"with": column, "without": system}, draws.units, draws.seed, draws.resamples)
        figures[stage.name] = both.sum_of({"with": 1.0, "without": -1.0})
    return figures


@dataclass(frozen=True)
class Methods:
    """What each method of attribution says of one stage."""

    p: float
    p_adj: float
    first_fault: Figure
    hazard: Figure
    answers_for: Figure


def methods(case: Case, draws: Draws, weights: Mapping[str, Mapping[str, float]]) -> dict[str, Methods]:
    """First faults and hazards of the system's own outputs; tests and parts where gains are known."""
    order = listed(case)
    right = {name: 1 - draws.columns[f"failed {name}"] for name in order}
    bar = 1.0 if case.good is not None else case.stage(case.outcome).bar
    good = np.array([barred(score, bar) for score in draws.columns["outcome 0"].tolist()])
    columns: dict[str, list[float]] = {f"{kind} {name}": [] for kind in ("first", "hazard") for name in order}
    for i in range(len(case.records)):
        firsts, may_be = set[str](), False
        for name in order:
            above = [float(right[other][i]) for other in case.above(name)]
            here, arrives = float(right[name][i]), all(x == 1 for x in above)
            if arrives and here == 0:
                firsts.add(name)
            may_be |= not (arrives and here == 0) and here != 1 and not any(x == 0 for x in above)
            columns[f"hazard {name}"].append(1 - here if arrives else math.nan)
        is_counted = good[i] == 0 and (firsts or not may_be)
        for name in order:
            columns[f"first {name}"].append(float(name in firsts) if is_counted else math.nan)
    table = {name: np.array(column) for name, column in columns.items()}
    p = dict.fromkeys(order, math.nan)
    if weights:
        changes = {name: np.zeros(len(good)) * good for name in order} | changes_of(draws, weights)
        p = {name: exchanged_p(changes[name], draws.units) for name in order}
        answers = Answers(case, _accepted(case))
        lost = np.isnan(draws.columns["outcome 0"])
        steps = [np.where(lost, math.nan, answers.outcome(order[:count])) for count in range(len(order) + 1)]
        for place, name in enumerate(order):
            mended = [[barred(float(step[i]), bar) == 1 for step in steps[1:]] for i in range(len(good))]
            table[f"parts {name}"] = np.array(
                [
                    float(any(own) and own.index(True) == place) if good[i] == 0 else math.nan
                    for i, own in enumerate(mended)
                ]
            )
    drawn = Draws(table, draws.units, draws.seed, draws.resamples)
    adjusted = holm(p) if weights else p
    return {
        name: Methods(
            p[name],
            adjusted[name],
            drawn.mean(f"first {name}"),
            drawn.mean(f"hazard {name}"),
            drawn.mean(f"parts {name}") if weights else NOTHING,
        )
        for name in order
    }


def _accepted(case: Case) -> dict[tuple[str, str], list[dict[str, Any]]]:
    labels, ids = labels_of(case), set(case.records)
    return {at: consensus(list(own.values()), case.stage(at[1]).kind) for at, own in labels.items() if at[0] in ids}


# Groups of records


def members(case: Case, slices: Sequence[Mapping[str, str]]) -> dict[str, dict[str, list[int]]]:
    """By stage, the records of each group that is known before it: slices, and references at earlier closed stages."""
    accepted = _accepted(case)
    found: dict[str, dict[str, list[int]]] = {}
    for stage in listed(case):
        groups_here: dict[str, list[int]] = {}
        for place, record in enumerate(case.records):
            names = dict(slices[place])
            for other in case.above(stage):
                own = accepted.get((record, other), [])
                if case.stage(other).kind in ("label", "boolean") and len(own) == 1:
                    names[other] = str(own[0]["value"])
            for name, value in names.items():
                groups_here.setdefault(f"{name}: {value}", []).append(place)
        found[stage] = {name: at for name, at in groups_here.items() if len(at) < len(case.records)}
    return found


@dataclass(frozen=True)
class Group:
    failures: int
    rate: Figure
    shrunk: float
    excess: float
    p: float
    p_adj: float


def groups(
    failed: Mapping[str, Floats], units: Sequence[int], members: Mapping[str, Mapping[str, Sequence[int]]]
) -> dict[tuple[str, str], Group]:
    """Every group at every stage."""
    raw: dict[tuple[str, str], tuple[Figure, float, float, float]] = {}
    for stage, column in failed.items():
        known = ~np.isnan(column)
        rows: dict[str, tuple[Figure, float, float]] = {}
        for name, places in members[stage].items():
            inside = np.zeros(len(column), dtype=bool)
            inside[list(places)] = True
            here = known & inside
            if not here.any() or int(here.sum()) == int(known.sum()):
                continue
            rate = share(column[here], [units[i] for i in np.flatnonzero(here).tolist()])
            excess = float(column[here].sum()) - float(column[known].mean()) * int(here.sum())
            rows[name] = rate, excess, _excess_p(column, inside, units)
        rates = np.array([float(np.nanmean(column[list(members[stage][name])])) for name in rows])
        sizes = np.array([float((~np.isnan(column[list(members[stage][name])])).sum()) for name in rows])
        for (name, (rate, excess, p)), shrunk in zip(rows.items(), _shrunk(rates, sizes), strict=True):
            raw[name, stage] = rate, shrunk, excess, p
    p = {key: row[3] for key, row in raw.items() if not math.isnan(row[3])}
    adjusted = dict(zip(p, stats.false_discovery_control(list(p.values())).tolist(), strict=True)) if p else {}
    totals = {key: round(float(np.nansum(failed[key[1]][list(members[key[1]][key[0]])]))) for key in raw}
    return {key: Group(totals[key], *row, adjusted.get(key, math.nan)) for key, row in raw.items()}


def share(values: Floats, units: Sequence[int]) -> Figure:
    if len(set(units)) == len(values):
        return wilson(float(values.mean()), len(values), None)
    if len(set(units)) < 2:
        return NOTHING
    return wilson(float(values.mean()), len(values), error_of_mean(values, list(units)))


def _shrunk(rates: Floats, sizes: Floats) -> list[float]:
    if len(rates) < 3:
        return rates.tolist()
    noise = np.maximum(rates * (1 - rates), 0.25 / sizes) / sizes
    between = max(0.0, float(np.var(rates, ddof=1)) - float(noise.mean()))
    return [
        float(rates.mean() + between / (between + own) * (x - rates.mean()))
        for x, own in zip(rates, noise, strict=True)
    ]


def _excess_p(failed: Floats, inside: NDArray[np.bool_], units: Sequence[int]) -> float:
    known = ~np.isnan(failed)
    here, rest = failed[known & inside], failed[known & ~inside]
    if len(here) < 5 or len(rest) < 5:
        return math.nan
    if len(set(units)) == len(units):
        everybody = len(here) + len(rest)
        return float(stats.hypergeom.sf(here.sum() - 1, everybody, here.sum() + rest.sum(), len(here)))
    present, own = known_of(failed, units)
    if len(set(own)) < 2:
        return math.nan
    weights = np.where(inside[known], 1 / len(here), -1 / len(rest))
    error = error_of_sum(present, weights, own)
    return error.tail(float(weights @ present) / math.sqrt(error.variance)) if error.variance > 1e-24 else 1.0


# Two runs


@dataclass(frozen=True)
class Change:
    before: Figure
    after: Figure
    change: Figure
    alone: Figure
    p: float
    p_adj: float
    flips: tuple[int, int, int, int]
    """Right in both, broken, fixed, wrong in both."""
    same: int


def compared(
    before: Case, after: Case, *, seed: int, resamples: int, rated: tuple[Floats, Floats] | None = None
) -> dict[str, Change]:
    """The outcome and every stage, paired record by record; both cases have the same records and references."""
    sides = [Answers(case, _accepted(after)) for case in (before, after)]
    places = {unit: i for i, unit in enumerate(dict.fromkeys(after.units))}
    units = [places[unit] for unit in after.units]

    def figures(a: Floats, b: Floats) -> tuple[Figure, Figure, Figure]:
        missing = np.isnan(a) | np.isnan(b)
        a, b = np.where(missing, math.nan, a), np.where(missing, math.nan, b)
        columns = {"a": a, "b": b, "change": np.round(b - a, 12)}
        drawn = draw(columns, units, seed=seed, resamples=resamples)
        return drawn.mean("a"), drawn.mean("b"), drawn.sum_of({"change": 1.0})

    rows: dict[str, tuple[Floats, Floats, Floats, Floats, float, str]] = {}
    end = after.outcome
    raw = [side.score(end, frozenset(), after.outcome_metric) for side in sides] if rated is None else list(rated)
    bar = after.stage(end).bar if after.good is None else after.good
    scored = [np.array([barred(x, after.good) for x in column.tolist()]) for column in raw]
    rows["outcome"] = scored[0], scored[1], raw[0], raw[1], bar, end
    for stage in after.stages:
        a, b = (side.score(stage.name, frozenset(), stage.metric) for side in sides)
        rows[stage.name] = a, b, a, b, stage.bar, stage.name
    same = {name: _same(before, after, row[5]) for name, row in rows.items()}
    p: dict[str, float] = {}
    found: dict[str, tuple[Figure, Figure, Figure]] = {}
    for name, (a, b, *_) in rows.items():
        found[name] = figures(a, b)
        change = found[name][2]
        if same[name] < len(after.records) and not math.isnan(change.value) and change.n >= 30:
            p[name] = exchanged_p(np.round(b - a, 12), units)
    adjusted = holm(p)
    view: dict[str, Change] = {}
    for name, (_, _, a, b, bar, stage) in rows.items():
        alone = NOTHING
        if name != "outcome":
            swapped = effective(after, after.above(stage), stage)
            alone = figures(*(side.score(stage, swapped, after.stage(stage).metric) for side in sides))[2]
        both = [(barred(x, bar), barred(y, bar)) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
        flips = (both.count((1.0, 1.0)), both.count((1.0, 0.0)), both.count((0.0, 1.0)), both.count((0.0, 0.0)))
        view[name] = Change(*found[name], alone, p.get(name, math.nan), adjusted.get(name, math.nan), flips, same[name])
    return view


def _same(before: Case, after: Case, stage: str) -> int:
    old, new = (case.outputs(frozenset(), stage) for case in (before, after))
    return sum(repr(old.get(record)) == repr(new.get(record)) for record in after.records)


# Judges


@dataclass(frozen=True)
class Judged:
    sensitivity: Figure
    specificity: Figure
    informedness: tuple[float, float, float]
    alone: Figure
    people: Figure
    corrected: tuple[float, float, float]
    rogan_gladen: tuple[float, float, float] | None
    """None with clusters."""


def judged(marks: Floats, labels: Floats, units: Sequence[int]) -> Judged:
    """A judge that says good or not of every output, and people who labelled some, both 0/1."""
    n, is_alone = len(marks), len(set(units)) == len(units)
    seen = np.flatnonzero(~np.isnan(labels)).tolist()
    rest = [i for i in range(n) if i not in set(seen)]
    good, bad = [i for i in seen if labels[i] == 1], [i for i in seen if labels[i] == 0]

    def of(values: Floats, places: list[int]) -> Figure:
        return share(values[places], [units[i] for i in places])

    sensitivity, specificity = of(marks, good), of(1 - marks, bad)
    tpr, tnr = float(marks[good].mean()), float(1 - marks[bad].mean())
    smooth = [((x * m + 1) / (m + 2), m + 2) for x, m in ((tpr, len(good)), (tnr, len(bad)))]
    variance, z = sum(s * (1 - s) / m for s, m in smooth), float(stats.norm.ppf(0.975))
    quantile = z
    if not is_alone:
        influence = np.array(
            [
                (marks[i] - tpr) * len(seen) / len(good)
                if labels[i] == 1
                else -(marks[i] - 1 + tnr) * len(seen) / len(bad)
                for i in seen
            ]
        )
        error = error_of_mean(influence, [units[i] for i in seen])
        variance, quantile = max(variance, error.variance), error.quantile()
    youden, half = tpr + tnr - 1, quantile * math.sqrt(variance)
    return Judged(
        sensitivity=sensitivity,
        specificity=specificity,
        informedness=(youden, youden - half, youden + half),
        alone=of(marks, list(range(n))),
        people=of(labels, seen),
        corrected=_ppi_rate(labels[seen], marks[seen], marks[rest], [units[i] for i in seen + rest]),
        rogan_gladen=_rogan_gladen(marks, smooth, (tpr, tnr), z) if is_alone else None,
    )


def _ppi_rate(y: Floats, f: Floats, more: Floats, units: Sequence[int]) -> tuple[float, float, float]:
    n, m = len(y), len(more)
    weight = float(np.cov(y, f, ddof=1)[0, 1] / ((1 + n / m) * np.var(np.r_[f, more], ddof=1)))
    value = min(1.0, max(0.0, float(np.mean(y - weight * f)) + weight * float(np.mean(more))))
    rest = y - weight * f
    of_labelled = error_of_mean(rest, list(units[:n]))
    of_more = error_of_mean(weight * more, list(units[n:])).variance
    together = 0.0
    for unit in set(units[:n]) & set(units[n:]):
        mine = sum(x - rest.mean() for x, u in zip(rest.tolist(), units[:n], strict=True) if u == unit) / n
        theirs = sum(weight * (x - more.mean()) for x, u in zip(more.tolist(), units[n:], strict=True) if u == unit) / m
        together += 2 * mine * theirs
    variance = of_labelled.variance + max(0.0, of_more + together)
    inside = min(1 - 0.5 / n, max(0.5 / n, value))
    size = inside * (1 - inside) / variance
    z = of_labelled.quantile()
    low, high = sorted(np.roots([size + z * z, -2 * size * inside - z * z, size * inside * inside]).real.tolist())
    return value, min(value, max(0.0, low)), max(value, min(1.0, high))


def _rogan_gladen(
    marks: Floats, smooth: list[tuple[float, int]], raw: tuple[float, float], z: float
) -> tuple[float, float, float]:
    """With the limits of Lang and Reiczigel (2014)."""
    n, passed = len(marks), float(marks.sum())
    value = min(1.0, max(0.0, (passed / n + raw[1] - 1) / (raw[0] + raw[1] - 1)))
    (tpr, of_good), (tnr, of_bad) = smooth
    p = (passed + z * z / 2) / (n + z * z)
    rate = (p + tnr - 1) / (tpr + tnr - 1)
    a, b = tpr * (1 - tpr) / of_good, tnr * (1 - tnr) / of_bad
    half = z * math.sqrt(p * (1 - p) / (n + z * z) + rate * rate * a + (1 - rate) ** 2 * b) / (tpr + tnr - 1)
    middle = rate + 2 * z * z * (rate * a - (1 - rate) * b)
    return value, min(value, max(0.0, middle - half)), max(value, min(1.0, middle + half))
