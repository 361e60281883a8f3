from __future__ import annotations

import pytest

from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.run import SYSTEM, Cell
from stagegap.runner.cases import repeats_of, scope_of


def stage(name: str, *parents: str, repeats: int = 1, when: tuple[str, ...] = ()) -> Stage:
    return Stage(
        name=name,
        uses="python",
        inputs={parent: Source("stage", parent) for parent in parents},
        output=OutputType(kind=Kind.TEXT),
        metrics=("exact",),
        when="x" if when else None,
        when_reads=tuple(Source("stage", parent) for parent in when),
        repeats=repeats,
    )


# route -> find -> draft, route -> draft (by its condition), and tone, which nothing reads
CASCADE = Cascade(
    name="c",
    stages=(stage("route"), stage("find", "route"), stage("tone", "find"), stage("draft", "find", when=("route",))),
    outcome=Outcome(stage="draft", metric="exact"),
)


@pytest.mark.parametrize(
    ("cell", "runs", "reads"),
    [
        (SYSTEM, ["route", "find", "tone", "draft"], ()),
        (Cell("reference", ("route",)), ["find", "draft"], ("route",)),
        (Cell("reference", ("find",)), ["tone"], ("find",)),
        (Cell("version", ("find",)), ["route", "draft"], ("find",)),
        (Cell("reference", ("route", "find")), ["draft"], ("route", "find")),
        (Cell("reference", ("tone",)), ["route", "find", "draft"], ()),
        (Cell("reference", ("draft",)), [], ("draft",)),
    ],
)
def test_a_cell_runs_what_the_outcome_rests_on_cut_at_the_swapped_stages(
    cell: Cell, runs: list[str], reads: tuple[str, ...]
) -> None:
    scope = scope_of(CASCADE, cell)
    assert [one.name for one in scope.runs] == runs
    assert scope.reads == reads


def test_repeats_are_handed_on_to_what_rests_on_them() -> None:
    stages = (stage("a", repeats=3), stage("b", repeats=2), stage("c", "a", "b"), stage("d"))
    cascade = Cascade(name="c", stages=stages, outcome=Outcome(stage="c", metric="exact"))
    assert repeats_of(cascade) == {"a": 3, "b": 2, "c": 3, "d": 1}
