"""The main figures of a run once more, from its outputs, the rows of the reference file and the formulas: no swap set,
score, consensus, order or account of the package is used.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracles.naive_figures import Draws, Figure, draw

Floats = NDArray[np.float64]
Metric = Callable[[Any, dict[str, Any]], float]
"""A value and one accepted answer, a row with `value` and perhaps `facts`."""


@dataclass(frozen=True)
class Stage:
    name: str
    parents: tuple[str, ...]
    kind: str
    metric: Metric
    bar: float


@dataclass(frozen=True)
class Case:
    """All that the figures rest on."""

    stages: tuple[Stage, ...]
    """In an order of the edges."""
    outcome: str
    outcome_metric: Metric
    good: float | None
    records: tuple[str, ...]
    units: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    """Of the reference file: record, stage, annotator, value, facts."""
    outputs: Callable[[frozenset[str], str], dict[str, tuple[str, str, Any]]]
    """(swapped stages, stage) -> record -> status, what blocks it, value."""
    unknown: Callable[[frozenset[str], str, str], bool] = field(default=lambda _swapped, _stage, _record: False)
    """Whether nobody can know the output of a record at a stage in a cell."""
    rated: dict[str, float] | None = None
    """The outcome of each record where people rated it, before its bar: then no swap has one."""

    def stage(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)

    def above(self, name: str) -> set[str]:
        parents = self.stage(name).parents
        return set(parents).union(*(self.above(parent) for parent in parents)) if parents else set()


def labels_of(case: Case) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """Each person's answer at a record and stage, persons by name."""
    labels: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in case.rows:
        labels.setdefault((row["record"], row["stage"]), {})[row.get("annotator", "")] = row
    return {place: dict(sorted(people.items())) for place, people in labels.items()}


def consensus(answers: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """What several people's answers to one input accept: the first is the one that a swap puts in."""
    spoken = [row for row in answers if row["value"] is not None]
    silent = [row for row in answers if row["value"] is None]
    accepted: list[dict[str, Any]] = []
    if spoken and 2 * len(silent) <= len(answers):
        if kind == "text":
            accepted += _once(spoken)
        else:
            votes = Counter(_whole(row) for row in spoken)
            first = [row for at, row in enumerate(spoken) if _whole(row) not in map(_whole, spoken[:at])]
            tied = [row for row in first if votes[_whole(row)] == max(votes.values())]
            accepted += (_item_by_item(first, spoken) or tied) if len(tied) > 1 and kind == "ranking" else tied
    if silent and 2 * len(silent) >= len(answers):
        accepted.append(silent[0])
    return accepted


def _whole(row: dict[str, Any]) -> str:
    value = row["value"]
    return repr(sorted(value)) if isinstance(value, list) else repr(value)


def _item_by_item(first: list[dict[str, Any]], spoken: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answer that holds just what more than half chose; none where an item has exactly half."""
    votes = Counter(item for row in spoken for item in set(row["value"]))
    if any(2 * count == len(spoken) for count in votes.values()):
        return []
    most = {item for item, count in votes.items() if 2 * count > len(spoken)}
    return [row for row in first if set(row["value"]) == most]


def _once(answers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({repr((row["value"], row.get("facts", []))): row for row in reversed(list(answers))}.values())[::-1]


def points(output: tuple[str, str, Any] | None, accepted: list[dict[str, Any]], metric: Metric) -> float:
    """The score of an output against what is accepted; NaN where there is nothing to score."""
    if output is None or not accepted:
        return math.nan
    status, because, value = output
    if "infrastructure" in (status, because):
        return math.nan
    has_value = status in ("ok", "repaired")
    if status == "skipped" or (status == "blocked" and because == "skipped") or (has_value and value is None):
        return float(any(row["value"] is None for row in accepted))
    if not has_value:
        return 0.0
    scores = [metric(value, row) for row in accepted if row["value"] is not None]
    known = [score for score in scores if not math.isnan(score)]
    return max(known) if known else (0.0 if not scores else math.nan)


def barred(score: float, bar: float | None) -> float:
    return score if bar is None or math.isnan(score) else float(score >= bar - 1e-9)


def effective(case: Case, swapped: Iterable[str], target: str) -> frozenset[str]:
    """The swapped stages that the target sees without another in between."""
    chosen = set(swapped)
    if target in chosen:
        return frozenset((target,))
    seen: set[str] = set()
    for parent in case.stage(target).parents:
        seen |= {parent} if parent in chosen else effective(case, chosen, parent)
    return frozenset(seen)


@dataclass(frozen=True)
class Answers:
    """What people and system say at each stage, as columns over the records."""

    case: Case
    accepted: dict[tuple[str, str], list[dict[str, Any]]]

    def score(self, name: str, swapped: frozenset[str], metric: Metric, bar: float | None = None) -> Floats:
        outputs = self.case.outputs(swapped, name) if name not in swapped else {}

        def of(record: str) -> float:
            accepted = self.accepted.get((record, name), [])
            if name in swapped:
                if not accepted:
                    return math.nan
                value = accepted[0]["value"]
                return points(("skipped" if value is None else "ok", "", value), accepted, metric)
            if self.case.unknown(swapped, name, record):
                return math.nan
            return points(outputs.get(record), accepted, metric)

        return np.array([barred(of(record), bar) for record in self.case.records])

    def outcome(self, swapped: Iterable[str]) -> Floats:
        cell = effective(self.case, swapped, self.case.outcome)
        return self.score(self.case.outcome, cell, self.case.outcome_metric, self.case.good)


@dataclass(frozen=True)
class Faults:
    """Counts of one stage."""

    first: int
    masked: int
    reached: int
    unknown: int


@dataclass(frozen=True)
class Figures:
    draws: Draws
    weights: dict[str, dict[str, float]]
    """The columns of outcomes that make the gain of each stage, in the order of `draws`."""
    people: dict[str, Figure]
    """`agreement X`, `person X`, `system X` and `gap X` of each stage X, and `outcome person`."""
    gains: dict[str, Figure]
    ceiling: Figure | None
    faults: dict[str, Faults]
    bad: int
    unexplained: int
    not_known: int


def figures(case: Case, *, seed: int, resamples: int) -> Figures:
    """Stage scores, gaps, agreement, the gain of each stage's references, and the first faults."""
    labels = labels_of(case)
    known = {place for place in labels if place[0] in set(case.records)}
    accepted = {place: consensus(list(labels[place].values()), case.stage(place[1]).kind) for place in known}
    answers = Answers(case, accepted)
    order = listed(case)
    columns: dict[str, Floats] = {}
    right: dict[str, Floats] = {}
    for name in order:
        stage = case.stage(name)
        in_place = answers.score(name, frozenset(), stage.metric)
        right[name] = np.array([barred(score, stage.bar) for score in in_place.tolist()])
        alone = effective(case, case.above(name), name)
        columns |= {
            f"in place {name}": in_place,
            f"alone {name}": answers.score(name, alone, stage.metric),
            f"failed {name}": 1 - right[name],
        }
    weights: dict[str, dict[str, float]] = {}
    if case.rated is None:
        own = answers.outcome(())
        weights = _gains(case, answers, order, columns, own)
    else:
        own = np.array([barred(case.rated.get(record, math.nan), case.good) for record in case.records])
        columns["outcome 0"] = own
    places = {unit: i for i, unit in enumerate(dict.fromkeys(case.units))}
    drawn = draw(columns, [places[unit] for unit in case.units], seed=seed, resamples=resamples)
    bar = 1.0 if case.good is not None else case.stage(case.outcome).bar
    good = np.array([barred(score, bar) for score in own.tolist()])
    return Figures(
        draws=drawn,
        weights={name: each for name, each in weights.items() if each},
        people=_people(case, labels, order, drawn.units, seed=seed, resamples=resamples),
        gains={name: drawn.sum_of(each) for name, each in weights.items() if each},
        ceiling=drawn.mean(f"outcome {len(order)}") if f"outcome {len(order)}" in columns else None,
        **_faults(case, right, good),
    )


def listed(case: Case) -> list[str]:
    order: list[str] = []
    while len(order) < len(case.stages):
        free = [s.name for s in case.stages if s.name not in order and set(s.parents) <= set(order)]
        order.append(min(free))
    return order


def _gains(
    case: Case, answers: Answers, order: list[str], columns: dict[str, Floats], own: Floats
) -> dict[str, dict[str, float]]:
    """Add the columns of outcomes; the mean over all orders that the edges allow of what each reference adds."""
    orders = list(_orders(case, ()))
    sets = {frozenset(way[:count]) for way in orders for count in range(len(order) + 1)}
    if any(
        case.unknown(effective(case, chosen, case.outcome), case.outcome, r) for chosen in sets for r in case.records
    ):
        columns["outcome 0"] = own
        return {}
    by_set = {chosen: answers.outcome(chosen) for chosen in sets}
    lost = np.any([np.isnan(column) for column in by_set.values()], axis=0)
    by_set = {chosen: np.where(lost, math.nan, column) for chosen, column in by_set.items()}
    if len(orders) == 1:
        for count in range(len(order) + 1):
            columns[f"outcome {count}"] = by_set[frozenset(order[:count])]
        return {name: {f"outcome {at + 1}": 1.0, f"outcome {at}": -1.0} for at, name in enumerate(order)}
    columns["outcome 0"] = by_set[frozenset()]
    for name in order:
        added = [
            by_set[frozenset(way[: way.index(name) + 1])] - by_set[frozenset(way[: way.index(name)])] for way in orders
        ]
        columns[f"gain {name}"] = np.round(np.mean(added, axis=0), 12)
    columns[f"outcome {len(order)}"] = by_set[frozenset(order)]
    return {name: {f"gain {name}": 1.0} for name in order}


def _orders(case: Case, way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """All orders that begin so and that the edges allow."""
    if len(way) == len(case.stages):
        yield way
    for stage in case.stages:
        if stage.name not in way and set(stage.parents) <= set(way):
            yield from _orders(case, (*way, stage.name))


def _people(
    case: Case, labels: dict[Any, dict[str, Any]], order: list[str], units: Any, *, seed: int, resamples: int
) -> dict[str, Figure]:
    """People against each other, and the system against the same, with each person left out once."""

    def pairs(name: str, metric: Metric, bar: float | None, gone: str = "") -> Floats:
        rows: list[tuple[float, float]] = []
        for record in case.records:
            people = {who: row for who, row in labels.get((record, name), {}).items() if who != gone}
            rows.append(_left_out(case, people, record, name, metric, bar))
        return np.array(rows)

    places: list[tuple[str, Metric, float | None, str]] = [
        (name, case.stage(name).metric, None, name) for name in order
    ]
    places.append((case.outcome, case.outcome_metric, case.good, ""))
    columns: dict[str, Floats] = {}
    without: dict[str, list[Floats]] = {}
    for name, metric, bar, key in places:
        both = pairs(name, metric, bar)
        if key:
            columns[f"agreement {name}"] = np.array(
                [_agreement(labels.get((r, name), {}), metric) for r in case.records]
            )
            columns |= {f"person {name}": both[:, 0], f"system {name}": both[:, 1]}
        else:
            columns["outcome person"] = both[:, 0]
        everybody = sorted({who for r in case.records for who in labels.get((r, name), {})})
        fewer = [pairs(name, metric, bar, gone=who) for who in everybody]
        means = [each[~np.isnan(each[:, 0])].mean(axis=0) for each in fewer if not np.isnan(each[:, 0]).all()]
        without[key] = means
    drawn = draw(columns, units, seed=seed, resamples=resamples)
    figures: dict[str, Figure] = {}
    for name in order:
        mine = [mean[0] for mean in without[name]]
        other = [mean[1] for mean in without[name]]
        one, two = f"person {name}", f"system {name}"
        figures[f"agreement {name}"] = drawn.mean(f"agreement {name}")
        figures[one] = drawn.over_people({one: 1.0}, mine, lowest=0.0)
        figures[two] = drawn.over_people({two: 1.0}, other, lowest=0.0)
        gaps = [a - b for a, b in zip(mine, other, strict=True)]
        figures[f"gap {name}"] = drawn.over_people({one: 1.0, two: -1.0}, gaps, lowest=-1.0)
    figures["outcome person"] = drawn.over_people({"outcome person": 1.0}, [m[0] for m in without[""]], lowest=0.0)
    return figures


def _left_out(
    case: Case, people: dict[str, Any], record: str, name: str, metric: Metric, bar: float | None = None
) -> tuple[float, float]:
    """Each person against the consensus of the others, and the system against the same: means over the persons."""
    output = case.outputs(frozenset(), name).get(record)
    persons: list[float] = []
    systems: list[float] = []
    for who, answer in people.items():
        others = [row for other, row in people.items() if other != who]
        if not others:
            return math.nan, math.nan
        target, value = consensus(others, case.stage(name).kind), answer["value"]
        own = barred(points(("skipped" if value is None else "ok", "", value), target, metric), bar)
        if not math.isnan(own):
            persons.append(own)
            systems.append(barred(points(output, target, metric), bar))
    if not persons:
        return math.nan, math.nan
    pair = sum(persons) / len(persons), sum(systems) / len(systems)
    return (math.nan, math.nan) if math.isnan(pair[1]) else pair


def _agreement(people: dict[str, Any], metric: Metric) -> float:
    scores = [
        points(("skipped" if a["value"] is None else "ok", "", a["value"]), [b], metric)
        for a, b in permutations(people.values(), 2)
    ]
    known = [score for score in scores if not math.isnan(score)]
    return sum(known) / len(known) if known else math.nan


def _faults(case: Case, right: dict[str, Floats], good: Floats) -> dict[str, Any]:
    """Record by record: where it first went wrong, whether that is known, and whether it ended well."""
    scored = [name for name in right if not np.isnan(right[name]).all()]
    counts = {name: Counter[str]() for name in right}
    total = Counter[str]()
    for i in range(len(case.records)):
        state = {name: float(right[name][i]) for name in scored}
        firsts, may_be = [], []
        for name in scored:
            above = [state[parent] for parent in case.above(name) if parent in state]
            arrives = all(x == 1 for x in above)
            counts[name]["reached"] += arrives and not math.isnan(state[name])
            if arrives and state[name] == 0:
                firsts.append(name)
            elif state[name] != 1 and not any(x == 0 for x in above):
                may_be.append(name)
        for name in firsts:
            counts[name]["first"] += good[i] == 0
            counts[name]["masked"] += good[i] == 1
        for name in may_be:
            counts[name]["unknown"] += good[i] == 0
        total["bad"] += good[i] == 0
        total["unexplained"] += good[i] == 0 and not firsts and not may_be
        total["not known"] += good[i] == 0 and not firsts and bool(may_be)
    each = {
        name: Faults(first=c["first"], masked=c["masked"], reached=c["reached"], unknown=c["unknown"])
        for name, c in counts.items()
    }
    return {"faults": each, "bad": total["bad"], "unexplained": total["unexplained"], "not_known": total["not known"]}


def equal(value: Any, row: dict[str, Any]) -> float:
    wanted = row["value"]
    if isinstance(value, str) and isinstance(wanted, str):
        return float(value.strip() == wanted.strip())
    return float(type(value) is type(wanted) and value == wanted)


def recall_at(k: int) -> Metric:
    def recall(value: Any, row: dict[str, Any]) -> float:
        wanted = set(row["value"])
        return len(wanted & set(ids(value)[:k])) / len(wanted) if wanted else 1.0

    return recall


def reciprocal_rank(value: Any, row: dict[str, Any]) -> float:
    wanted = set(row["value"])
    if not wanted:
        return float(not value)
    return max([1 / place for place, item in enumerate(ids(value), start=1) if item in wanted], default=0.0)


def ids(value: Any) -> list[str]:
    return [item["id"] if isinstance(item, dict) else item for item in value]


def facts_stated(value: Any, row: dict[str, Any]) -> float:
    facts = row.get("facts") or []
    if not facts:
        return math.nan
    text = _padded(value)
    return sum(any(_padded(wording) in text for wording in wordings) for wordings in facts) / len(facts)


WORDS = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:[^\W_])*|[$€£]")


def _padded(text: Any) -> str:
    """Words without case, a number with its points and commas as one word: what facts of the shipped mails need."""
    plain = unicodedata.normalize("NFKC", text if isinstance(text, str) else "").casefold()
    return f" {' '.join(word.replace(',', '.') for word in WORDS.findall(plain))} "
