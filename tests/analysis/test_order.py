"""What no listing may change: stages in another topological order, records, labels, slices, people."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
from stagegap import charts, report
from stagegap.analysis import evidence as ev
from stagegap.analysis.blame import blame
from stagegap.analysis.changes import Comparison
from stagegap.analysis.compare import compare
from stagegap.analysis.evidence import gather
from stagegap.analysis.faults import faults_view
from stagegap.analysis.need import need_view
from stagegap.analysis.paired_records import Side
from stagegap.analysis.scorecard import scorecard
from stagegap.analysis.slices import slices_view
from stagegap.attribution.swaps import needed_stages, run_cells, swap_cell
from stagegap.model.answer import Label, Output, Status
from stagegap.model.cascade import Cascade, Source
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell

RIGHT, WRONG = planted.RIGHT, planted.WRONG


def world(
    shape: str, right: Mapping[str, np.ndarray], *, skips: Mapping[str, np.ndarray] | None = None
) -> tuple[Cascade, dict[tuple[str, str], dict[str, Output]], tuple[Record, ...]]:
    """A cascade whose stages are right where their own luck and all that they read is right.

    `skips` says on which records the condition of a stage, which hangs on the stages that it reads, is false.
    """
    made = planted.Planted(shape=shape, skill=dict.fromkeys([word[-1] for word in shape.split()], 1.0))
    cascade = made.cascade()
    if skips:
        conditions = {name: made.parents(name) for name in skips}
        cascade = replace(
            cascade,
            stages=tuple(
                replace(
                    stage,
                    when=" && ".join(conditions[stage.name]),
                    when_reads=tuple(Source("stage", parent) for parent in conditions[stage.name]),
                )
                if conditions.get(stage.name)
                else stage
                for stage in cascade.stages
            ),
        )
    n = len(next(iter(right.values())))
    records = tuple(
        Record(id=f"r{i:04d}", fields={"text": f"case {i}"}, cluster=f"c{i // 2}", slices={"side": "ew"[i % 3 % 2]})
        for i in range(n)
    )
    outputs: dict[tuple[str, str], dict[str, Output]] = {}
    cells = {SYSTEM: cascade.names} | {cell: needed_stages(cascade, cell) for cell in run_cells(cascade)}
    for cell, names in cells.items():
        state: dict[str, np.ndarray] = {}
        for name in cascade.names:
            good = np.ones(n, dtype=bool) if name in cell.stages else right[name].copy()
            if name not in cell.stages:
                for parent in cascade.stage(name).parents:
                    good &= state[parent]
            state[name] = good
        for name in names:
            quiet = (skips or {}).get(name, np.zeros(n, dtype=bool)) & ~state[name]
            outputs[str(cell), name] = {
                row.id: Output(
                    record=row.id,
                    stage=name,
                    status=Status.SKIPPED if is_quiet else Status.OK,
                    value=None if is_quiet else RIGHT if ok else WRONG,
                )
                for row, ok, is_quiet in zip(records, state[name].tolist(), quiet.tolist(), strict=True)
            }
    return cascade, outputs, records


def listed_as(cascade: Cascade, order: tuple[str, ...]) -> Cascade:
    return replace(cascade, stages=tuple(cascade.stage(name) for name in order))


def moved(
    outputs: Mapping[tuple[str, str], dict[str, Output]], before: Cascade, after: Cascade
) -> dict[tuple[str, str], dict[str, Output]]:
    """The same outputs under the names that cells have in the other listing."""
    found: dict[tuple[str, str], dict[str, Output]] = {}
    for (cell, stage), rows in outputs.items():
        parsed = Cell.parse(cell)
        names = tuple(name for name in after.names if name in parsed.stages)
        found[str(Cell(parsed.kind, names)), stage] = rows
    return found


def compared(
    cascade: Cascade,
    outputs: Mapping[tuple[str, str], Mapping[str, Output]],
    later: Mapping[tuple[str, str], Mapping[str, Output]],
    records: tuple[Record, ...],
    labels: tuple[Label, ...],
) -> Comparison:
    sides = [
        Side(run=replace(planted.run(), name=name), evidence=gather(cascade, records, of, labels, custom={}))
        for name, of in (("v1", outputs), ("v2", later))
    ]
    return compare(sides[0], sides[1], seed=0, resamples=60)


def views(
    cascade: Cascade,
    outputs: Mapping[tuple[str, str], Mapping[str, Output]],
    records: tuple[Record, ...],
    labels: tuple[Label, ...],
    *,
    wanted: Collection[str] = ("scorecard", "blame", "need", "slices", "faults"),
) -> dict[str, Any]:
    evidence = gather(cascade, records, outputs, labels, custom={}, run="v1")
    others = {"blame": blame, "need": need_view, "slices": slices_view, "faults": faults_view}
    made: dict[str, Any] = {name: view(evidence, resamples=60) for name, view in others.items() if name in wanted}
    if "scorecard" in wanted:
        card = scorecard(cascade, planted.run(), records, outputs, labels, seed=0, resamples=60)
        # Rows stand in the order of the file; what is said does not.
        words = {"report": report.markdown(card).splitlines(), "method": charts.method(card)}
        made |= {"scorecard": card, **{name: tuple(sorted(lines)) for name, lines in words.items()}}
    return made


PLACES = {"position", "fault_matrix", "together", "next", "neighbours", "rows", "staircase_places"}
"""What says where something stands in a listing, or draws records at random for people."""


def plain(view: Any, path: str = "") -> dict[str, Any]:
    """Every figure and word of a view by its name, rows by what they are about."""
    if is_dataclass(view) and not isinstance(view, type):
        found: dict[str, Any] = {}
        for field in fields(view):
            if field.name not in PLACES:
                found |= plain(getattr(view, field.name), f"{path}.{field.name}")
        return found
    if isinstance(view, tuple):
        found = {}
        for i, part in enumerate(view):
            name = getattr(part, "stage", "") or str(i)
            about = [name, *(str(getattr(part, key)) for key in ("group", "last", "record") if hasattr(part, key))]
            found |= plain(part, f"{path}[{'/'.join(about)}]")
        return found
    if isinstance(view, dict):
        found = {}
        for key, part in view.items():
            found |= plain(part, f"{path}.{key}")
        return found
    return {path: view}


def assert_same(one: Any, other: Any) -> None:
    first, second = plain(one), plain(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        if isinstance(value, float):
            assert second[name] == pytest.approx(value, abs=1e-9, nan_ok=True), name
        else:
            assert second[name] == value, name


def grid() -> tuple[np.ndarray, np.ndarray]:
    """200 records: a and b each right on 120, on a full grid."""
    pairs = [(a, b) for a in range(5) for b in range(5)] * 8
    return np.array([a < 3 for a, _ in pairs]), np.array([b < 3 for _, b in pairs])


def of_two_branches() -> tuple[Cascade, dict[tuple[str, str], dict[str, Output]], tuple[Record, ...]]:
    a, b = grid()
    return world("a b abc", {"a": a, "b": b, "c": np.ones(200, dtype=bool)})


@pytest.mark.parametrize("order", [("a", "b", "c"), ("b", "a", "c")], ids="-".join)
def test_two_exchangeable_branches_get_equal_figures_and_none_is_named(order: tuple[str, ...]):
    cascade, outputs, records = of_two_branches()
    records = tuple(replace(record, cluster=None) for record in records)
    other = listed_as(cascade, order)
    labels = planted.labels([row.id for row in records], order)
    made = views(other, moved(outputs, cascade, other), records, labels)
    card = made["scorecard"]
    gains = {row.stage: row.gain.value for row in card.stages}
    assert gains == {"a": pytest.approx(0.32), "b": pytest.approx(0.32), "c": 0.0}
    assert dict(zip((row.stage for row in card.stages), card.printed_gains, strict=True)) == {"a": 32, "b": 32, "c": 0}
    assert (card.verdict.kind, card.verdict.stage) == ("none stands out", None)
    assert card.verdict.advice.startswith("A and b overlap.")
    assert [(step.stage, round(step.gain.value, 9)) for step in card.staircase] == [("a", 0.24), ("b", 0.4), ("c", 0.0)]
    assert not made["need"].is_decided
    assert made["need"].sentence.startswith("A and b can each be first.")
    # Both say how many records would name the worst stage.
    assert all(f"{promise.records:,}" in card.verdict.advice for promise in made["need"].promises[:2])
    ranks = [(row.stage, row.best_rank, row.worst_rank) for row in made["need"].stages]
    assert ranks == [(row.stage, row.best_rank, row.worst_rank) for row in made["blame"].stages]
    assert made["blame"].disagreements == ()
    assert made["blame"].named == ""
    rows = {row.stage: row for row in card.stages}
    assert (rows["a"].gain.low, rows["a"].gain.high) == pytest.approx(
        (rows["b"].gain.low, rows["b"].gain.high), abs=0.02
    )


@st.composite
def shapes(draw: st.DrawFn) -> str:
    """A random cascade of 3 to 5 stages; every stage but the last may have any earlier ones above it."""
    count = draw(st.integers(3, 5))
    words = ["A"]
    for i in range(1, count):
        above = "ABCDE"[:i]
        parents = draw(st.lists(st.sampled_from(above), unique=True, max_size=i))
        if i == count - 1:
            unread = [name for name in above if not any(name in word[:-1] for word in words)]
            parents = sorted({*parents, *unread[: draw(st.integers(1, max(1, len(unread))))]})
        words.append("".join(sorted(parents)) + "ABCDE"[i])
    return " ".join(words)


@st.composite
def listings(draw: st.DrawFn, cascade: Cascade) -> tuple[str, ...]:
    order: list[str] = []
    while len(order) < len(cascade.names):
        ready = [stage.name for stage in cascade.stages if stage.name not in order and {*stage.parents} <= {*order}]
        order.append(draw(st.sampled_from(ready)))
    return tuple(order)


VIEWS = ("scorecard", "blame", "need", "slices", "faults", "comparison")


@dataclass(frozen=True)
class World:
    """A random cascade with its run, a later run, and who labelled what."""

    cascade: Cascade
    outputs: Mapping[tuple[str, str], dict[str, Output]]
    later: Mapping[tuple[str, str], dict[str, Output]]
    records: tuple[Record, ...]
    labels: tuple[Label, ...]

    def listed_otherwise(self, order: tuple[str, ...], rng: np.random.Generator) -> World:
        """The same with stages in another order, and records, their slices and labels in any."""
        cascade = listed_as(self.cascade, order)
        records = tuple(self.records[i] for i in rng.permutation(len(self.records)).tolist())
        return World(
            cascade=cascade,
            outputs=moved(self.outputs, self.cascade, cascade),
            later=moved(self.later, self.cascade, cascade),
            records=tuple(replace(record, slices=dict(reversed(list(record.slices.items())))) for record in records),
            labels=tuple(self.labels[i] for i in rng.permutation(len(self.labels)).tolist()),
        )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Branches, conditions, clusters of many sizes, calls that a service lost, and references that lack where it is
    hard.
    """
    shape = draw(shapes())
    names = sorted(word[-1] for word in shape.split())
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n = draw(st.sampled_from([34, 48]))
    luck = {name: rng.random(n) < draw(st.sampled_from([0.6, 0.8, 0.95, 1.0])) for name in names}
    quiet = draw(st.lists(st.sampled_from(names[1:]), unique=True, max_size=2))
    skips = {name: rng.random(n) < 0.5 for name in quiet}
    cascade, outputs, records = world(shape, luck, skips=skips)
    later = world(shape, {name: values | (rng.random(n) < 0.3) for name, values in luck.items()}, skips=skips)[1]
    sizes = draw(st.sampled_from([1, 2, 7, 40]))
    places = np.sort(rng.integers(0, n, n) // sizes).tolist()
    records = tuple(replace(record, cluster=f"c{place}") for record, place in zip(records, places, strict=True))
    lost = {records[i].id for i in rng.permutation(n)[: draw(st.sampled_from([0, 0, 3]))].tolist()}
    at = draw(st.sampled_from(names))
    for of in (outputs, later):
        for (_, stage), rows in of.items():
            for record in lost if stage == at else ():
                rows[record] = replace(rows[record], status=Status.INFRASTRUCTURE, value=None)
    hard = draw(st.sampled_from(names))
    bare = {row.id for row, good in zip(records, luck[hard].tolist(), strict=True) if rng.random() < 0.1 * (1 - good)}
    ids = [row.id for row in records]
    labels = [label for label in planted.labels(ids, names) if label.stage != hard or label.record not in bare]
    labels += [
        label
        for who in ("bob", "eve")
        for record in ids[: n // 2]
        for label in planted.labels([record], names, annotator=who, value=RIGHT if rng.random() < 0.9 else WRONG)
        if label.stage != hard or label.record not in bare
    ]
    return World(cascade=cascade, outputs=outputs, later=later, records=records, labels=tuple(labels))


def assert_nothing_hangs_on_order(data: st.DataObject, wanted: Collection[str]) -> None:
    here = data.draw(worlds())
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    there = here.listed_otherwise(data.draw(listings(here.cascade)), rng)
    first, second = (views(w.cascade, w.outputs, w.records, w.labels, wanted=wanted) for w in (here, there))
    for name, view in first.items():
        assert_same(view, second[name])
    if "comparison" in wanted:
        one, other = (compared(w.cascade, w.outputs, w.later, w.records, w.labels) for w in (here, there))
        # The headline of a tie and the lists of stages name them in the order of the file.
        assert_same(replace(one, summary=words(one.summary)), replace(other, summary=words(other.summary)))
        assert (one.claims, one.refusal) == (other.claims, other.refusal)


@settings(max_examples=36, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_figure_hangs_on_the_order_in_which_stages_records_labels_or_people_are_listed(data: st.DataObject):
    assert_nothing_hangs_on_order(data, data.draw(st.lists(st.sampled_from(VIEWS), min_size=1, max_size=2)))


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_figure_of_any_view_hangs_on_it_in_hundreds_of_cascades(data: st.DataObject):
    assert_nothing_hangs_on_order(data, VIEWS)


def words(text: str) -> str:
    return " ".join(sorted(text.replace(",", "").replace(".", "").replace(":", "").split()))


def test_a_swap_cell_is_the_same_set_in_every_listing():
    cascade = of_two_branches()[0]
    other = listed_as(cascade, ("b", "a", "c"))
    assert {*swap_cell(cascade, "ab").stages} == {*swap_cell(other, "ab").stages} == {"a", "b"}
    assert {frozenset(cell.stages) for cell in run_cells(cascade)} == {
        frozenset(cell.stages) for cell in run_cells(other)
    }


def test_every_bad_record_of_branches_is_a_first_fault_somewhere():
    cascade, outputs, records = of_two_branches()
    labels = planted.labels([row.id for row in records], cascade.names)
    view = faults_view(gather(cascade, records, outputs, labels, custom={}), resamples=60)
    rows = {row.stage: row for row in view.stages}
    assert (rows["a"].first_faults, rows["b"].first_faults, rows["c"].first_faults) == (80, 80, 0)
    assert (view.bad, view.several, view.unknown, view.unexplained) == (128, 32, 0, 0)
    assert {(edge.last, edge.stage) for edge in view.edges} == {("", "a"), ("", "b"), ("a", "c"), ("b", "c")}
    assert not math.isnan(ev.outcome_scores(gather(cascade, records, outputs, labels, custom={}), SYSTEM)[0])
    assert len(list(itertools.islice(view.records, 3))) == 3
