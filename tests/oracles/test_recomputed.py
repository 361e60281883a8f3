"""Figures that no data set reaches, worked out twice: asked k times, marks of people, claims, few large clusters.

The second computation enumerates what the first has a formula for: sets of k answers, matchings of claims, and what
the scores that nobody gave might have been. Limits are those of `naive_figures`, with Student's t of scipy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy import stats

import planted
from oracles.naive_figures import Figure, draw, draw_together, error_of_mean, percentile
from oracles.sameness import assert_same
from stagegap import matched_claims
from stagegap.analysis.evidence import Evidence, gather, stage_scores
from stagegap.analysis.marks import marks_view
from stagegap.analysis.repeats import END, passes
from stagegap.model.answer import Answer, Label, Mark, Output, Status
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM
from stagegap.stats.resample import resample
from stagegap.stats.spread import clusters, spread
from views_of_runs import CHAIN, DIAMOND

RESAMPLES = 400
SIZES = {
    "one holds half": [40, 11, 9, 6, 5, 3, 2, 2, 1, 1],
    "heavy tail": [26, 15, 9, 7, 5, 4, 3, 3, *[2] * 5, *[1] * 18],
    "two": [30, 20],
    "three even": [20, 20, 20],
}


def units_of(sizes: Sequence[int]) -> list[int]:
    return [unit for unit, size in enumerate(sizes) for _ in range(size)]


def records_of(units: Sequence[int]) -> tuple[Record, ...]:
    return tuple(
        replace(record, cluster=f"c{unit}") for record, unit in zip(planted.records(len(units)), units, strict=True)
    )


def hanging_together(units: Sequence[int], rng: np.random.Generator, chance: float) -> np.ndarray:
    """0/1 values of which half are those of their cluster."""
    shared, own = rng.random(max(units) + 1)[list(units)], rng.random(len(units))
    return (np.where(rng.random(len(units)) < 0.5, shared, own) < chance).astype(np.float64)


@pytest.mark.parametrize("chance", [0.06, 0.5, 0.96])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_limits_of_few_large_clusters(sizes: list[int], chance: float):
    units, rng = units_of(sizes), np.random.default_rng(int(100 * chance))
    before, after = (hanging_together(units, rng, chance) for _ in range(2))
    columns = {"share": before, "after": after, "graded": (before + 2 * after + rng.random(len(units))) / 4}
    ours = resample(columns, clusters(units), rng=np.random.default_rng(0), resamples=RESAMPLES)
    other = draw(columns, units, seed=0, resamples=RESAMPLES)
    for name in columns:
        assert_same(ours.mean(name), other.mean(name), name)
    for weights in ({"after": 1.0, "share": -1.0}, {"graded": 1.0, "share": -0.5, "after": -0.5}):
        assert_same(ours.contrast(weights), other.sum_of(weights), str(weights))
    for values in columns.values():
        within, error = spread(values, np.array(units)), error_of_mean(values, units)
        assert within.variance == pytest.approx(error.variance, rel=1e-9)
        assert within.quantile(0.95) == pytest.approx(error.quantile(), rel=1e-9)
        wanted = max(error.quantile(), float(stats.t.ppf(0.975, len(units) - 1)))  # no more freedom than records
        assert float(stats.t.ppf(0.975, within.freedom)) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("copied", [0.0, 0.25, 1.0])
def test_limits_of_clusters_that_are_copies(copied: float):
    units = units_of([12, 8, 4, 4, 2])
    values = np.array([0.0, 1.0, copied, 0.5, 1.0])[units]
    ours = resample({"copied": values}, clusters(units), rng=np.random.default_rng(0), resamples=RESAMPLES)
    assert_same(ours.mean("copied"), draw({"copied": values}, units, seed=0, resamples=RESAMPLES).mean("copied"), "")


@pytest.mark.parametrize("sizes", [SIZES["one holds half"], [1] * 40], ids=["clusters", "records"])
def test_figures_of_a_stage_that_is_asked_k_times(sizes: list[int]):
    units, m, rng = units_of(sizes), 5, np.random.default_rng(7)
    rows = records_of(units)
    # A call that failed is no answer and takes its record out; one that came back as something else is a wrong answer.
    ends: list[list[Status]] = [
        [Status(str(rng.choice(["ok", "unparsable", "infrastructure"], p=[0.9, 0.08, 0.02]))) for _ in range(m)]
        for _ in rows
    ]
    right = [(rng.random(m) < chance).tolist() for chance in rng.choice([0.4, 0.95], len(rows)).tolist()]
    outputs = [
        Output(
            record=record.id,
            stage="C",
            status=end,
            value=(planted.RIGHT if is_right else planted.WRONG) if end is Status.OK else None,
            repeat=repeat,
        )
        for record, own, answers in zip(rows, ends, right, strict=True)
        for repeat, (end, is_right) in enumerate(zip(own, answers, strict=True))
    ]
    ids = [record.id for record in rows]
    first = CHAIN.outputs(CHAIN.luck(len(rows), rng), ids)
    found = gather(CHAIN.cascade(), rows, first, planted.labels(ids, CHAIN.names), custom={})
    ours = passes(found, {"C": outputs}, resamples=RESAMPLES)
    assert [(row.stage, row.k) for row in ours] == [(name, k) for name in ("C", END) for k in range(1, m + 1)]
    whole = [i for i, own in enumerate(ends) if Status.INFRASTRUCTURE not in own]
    assert 0 < len(whole) < len(rows)
    answers = [[a and end is Status.OK for a, end in zip(right[i], ends[i], strict=True)] for i in whole]
    for row in ours:
        sets = [list(combinations(own, row.k)) for own in answers]
        columns = {
            "every": np.array([sum(map(all, own)) / len(own) for own in sets]),
            "once": np.array([sum(map(any, own)) / len(own) for own in sets]),
        }
        other = draw(columns, [units[i] for i in whole], seed=0, resamples=RESAMPLES)
        assert_same(row.every, other.mean("every"), f"pass^{row.k}")
        assert_same(row.worst, other.mean("every"), f"worst of {row.k}")
        assert_same(row.once, other.mean("once"), f"pass@{row.k}")


def pairs_of(sure: np.ndarray) -> int:
    """The most pairs of at least 0.5, each claim once: every matching tried."""
    small, large = sorted(sure.shape)
    table = sure if sure.shape[0] == small else sure.T
    return max(sum(table[i, j] >= 0.5 for i, j in enumerate(order)) for order in permutations(range(large), small))


def overlap(claim: str, other: str) -> float:
    mine, theirs = set(claim), set(other)
    return len(mine & theirs) / len(mine | theirs)


def test_scores_of_claims_that_a_metric_of_the_user_matches():
    units, rng = units_of(SIZES["heavy tail"]), np.random.default_rng(3)
    rows = records_of(units)

    def some() -> list[str]:
        return ["".join(rng.choice(list("abcde"), 3)) for _ in range(int(rng.integers(0, 5)))]

    given, wanted = [some() for _ in rows], [some() for _ in rows]
    names = ("precision", "recall", "f1")
    stage = Stage(
        name="claims",
        uses="python",
        inputs={"text": Source("record", "text")},
        output=OutputType(kind=Kind.LABELS),
        metrics=tuple(f"python:own.py:{name}" for name in names),
    )
    custom = {
        f"python:own.py:{name}": lambda value, reference, name=name: getattr(
            matched_claims(value, reference, overlap), name
        )
        for name in names
    }
    outputs = {
        record.id: Output(record=record.id, stage="claims", status=Status.OK, value=[*own])
        for record, own in zip(rows, given, strict=True)
    }
    labels = [
        Label(id=record.id, record=record.id, stage="claims", annotator="ann", answer=Answer(value=[*own]))
        for record, own in zip(rows, wanted, strict=True)
    ]
    for name in names:
        metric = f"python:own.py:{name}"
        one = replace(stage, metrics=(metric,))
        cascade = Cascade(name="claims", stages=(one,), outcome=Outcome(stage="claims", metric=metric))
        found = gather(cascade, rows, {(str(SYSTEM), "claims"): outputs}, labels, custom=custom)
        column = stage_scores(found, "claims", SYSTEM)
        ours = resample({name: column}, found.units, rng=np.random.default_rng(0), resamples=RESAMPLES).mean(name)
        by_hand = []
        for own, other in zip(given, wanted, strict=True):
            pairs = pairs_of(np.array([[overlap(a, b) for b in other] for a in own]).reshape(len(own), len(other)))
            precision, recall = (pairs / len(listed) if listed else 1.0 for listed in (own, other))
            f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
            by_hand.append({"precision": precision, "recall": recall, "f1": f1}[name])
        assert column == pytest.approx(by_hand, abs=1e-12)
        assert_same(ours, draw({name: np.array(by_hand)}, units, seed=0, resamples=RESAMPLES).mean(name), name)


PARENTS = {name: DIAMOND.parents(name) for name in DIAMOND.names}
END_STAGE = DIAMOND.names[-1]


def above(name: str) -> set[str]:
    return {*PARENTS[name]}.union(*(above(parent) for parent in PARENTS[name]))


def roots_if(right: dict[str, bool]) -> set[str]:
    """Wrong stages from which an unbroken chain of wrong stages leads to the end, and that no other such precedes."""
    failing: set[str] = set()
    for name in reversed(DIAMOND.names):
        read_by = {child for child, parents in PARENTS.items() if name in parents}
        if not right[name] and (name == END_STAGE or read_by & failing):
            failing.add(name)
    return {name for name in failing if not above(name) & failing}


def completions(scores: dict[str, bool | None]) -> list[dict[str, bool]]:
    options = [(own,) if own is not None else (True, False) for own in scores.values()]
    return [dict(zip(scores, chosen, strict=True)) for chosen in product(*options)]


def by_half(listed: Sequence[Sequence[str]]) -> set[str]:
    return {name for name in DIAMOND.names if 2 * sum(name in own for own in listed) >= len(listed)}


def test_shares_of_marked_causes():
    units, rng = units_of(SIZES["heavy tail"]), np.random.default_rng(5)
    rows = records_of(units)
    ids = [record.id for record in rows]
    made = replace(DIAMOND, recovery={"B": 0.3, "C": 0.2, "D": 0.3}, skill=dict.fromkeys(DIAMOND.names, 0.7))
    luck = made.luck(len(rows), rng)
    state = made.right(luck, ())
    # The end is always scored; of the other stages some have no reference.
    labels = [x for x in planted.labels(ids, made.names) if x.stage == END_STAGE or rng.random() < 0.8]
    has_label = {(x.record, x.stage) for x in labels}
    marks = [
        Mark(
            record=record,
            annotator=who,
            faults=tuple(name for name in made.names if rng.random() < 0.4),
            roots=tuple(name for name in made.names if rng.random() < 0.3),
        )
        for who, share in (("ann", 0.8), ("bob", 0.6), ("cid", 0.3))
        for record in ids
        if rng.random() < share
    ]
    found: Evidence = gather(made.cascade(), rows, made.outputs(luck, ids), labels, custom={}, run="v1")
    ours = marks_view(found, marks, resamples=RESAMPLES)

    nan = math.nan
    columns: dict[str, list[float]] = {
        name: [] for name in ("root is first", "same root", "first is root", "both", "marked", "scored", "between")
    }
    columns |= {f"fault {name}": [] for name in made.names}
    keys = ("faults", "roots", "not_acceptable", "first", "root")
    counts = {name: dict[str, int].fromkeys(keys, 0) for name in made.names}

    def shared(a: set[str], b: set[str]) -> float:
        return float(bool(a & b)) if a and b else nan

    for i, record in enumerate(ids):
        own = [mark for mark in marks if mark.record == record]
        if not own:
            for column in columns.values():
                column.append(nan)
            continue
        scores = {name: bool(state[name][i]) if (record, name) in has_label else None for name in made.names}
        faults, roots = by_half([mark.faults for mark in own]), by_half([mark.roots for mark in own])
        wrong = {name for name, is_right in scores.items() if is_right is False}
        first = {name for name in wrong if all(scores[other] is True for other in above(name))}
        root = set.intersection(*(roots_if(right) for right in completions(scores)))
        columns["root is first"].append(shared(roots, {name for name in faults if not above(name) & faults}))
        columns["same root"].append(shared(root, roots))
        columns["first is root"].append(shared(first, roots))
        columns["both"].append(len(wrong & faults))
        columns["marked"].append(len(faults))
        columns["scored"].append(len(wrong))
        named = [{*mark.roots} for mark in own if mark.roots]
        pairs = [bool(a & b) for a, b in combinations(named, 2)]
        columns["between"].append(sum(pairs) / len(pairs) if pairs else nan)
        for name in made.names:
            columns[f"fault {name}"].append(float(name in faults))
            for key, listed in zip(keys, (faults, roots, wrong, first, root), strict=True):
                counts[name][key] += name in listed
    table = {name: np.array(column, dtype=np.float64) for name, column in columns.items()}
    other = draw(table, units, seed=found.seed, resamples=RESAMPLES)
    for row in ours.stages:
        assert {key: getattr(row, key) for key in counts[row.stage]} == counts[row.stage], row.stage
        assert_same(row.fault_rate, other.mean(f"fault {row.stage}"), f"faults at {row.stage}")
    assert_same(ours.root_is_first, other.mean("root is first"), "marked root is a first marked fault")
    assert_same(ours.same_root, other.mean("same root"), "root by scores is a marked root")
    assert_same(ours.first_is_root, other.mean("first is root"), "first fault by scores is a marked root")
    assert_same(ours.between, other.mean("between"), "two people")
    means = draw_together(table, units, seed=found.seed, resamples=RESAMPLES)
    for estimate, below in ((ours.precision, "scored"), (ours.recall, "marked")):
        assert_same(estimate, ratio(table["both"], table[below], means["both"] / means[below], units), below)


def ratio(top: np.ndarray, bottom: np.ndarray, drawn: np.ndarray, units: Sequence[int]) -> Figure:
    """A sum over a sum, with what each record adds to its error to first order."""
    counted = [i for i in range(len(top)) if not math.isnan(bottom[i]) and top[i] + bottom[i] > 0]
    value = sum(top[counted]) / sum(bottom[counted])
    pull = (top[counted] - value * bottom[counted]) * len(counted) / sum(bottom[counted])
    error = error_of_mean(pull, [units[i] for i in counted])
    return percentile(float(value), drawn, len(counted), error, (0.0, 1.0))
