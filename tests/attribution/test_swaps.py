from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import planted
from stagegap.attribution.swaps import (
    alone_cell,
    alone_cells,
    ceiling_cells,
    effective_set,
    lattice_cells,
    needed_stages,
    prefix_cells,
    run_cells,
    scorecard_cells,
    stages_between,
    swap_cell,
)
from stagegap.model.cascade import Cascade
from stagegap.model.run import SYSTEM, Cell


def cascade(shape: str) -> Cascade:
    names = [word[-1] for word in shape.split()]
    return planted.Planted(shape=shape, skill=dict.fromkeys(names, 0.9)).cascade()


def texts(cells: tuple[Cell, ...]) -> list[str]:
    return [str(cell).removeprefix("reference:") for cell in cells]


@pytest.mark.parametrize(
    ("shape", "cells"),
    [
        ("A", ["A"]),
        ("A AB BC", ["A", "B", "C"]),
        ("A AB ABC", ["A", "A+B", "C"]),
        ("A AB AC BCD", ["A", "A+B", "B+C", "D"]),
        ("A B BC", ["B", "C"]),
    ],
)
def test_ceiling_cells_are_the_distinct_effective_prefixes(shape: str, cells: list[str]):
    assert texts(ceiling_cells(cascade(shape))) == cells


def test_a_stage_that_does_not_reach_the_outcome_has_the_cell_of_the_one_before():
    assert prefix_cells(cascade("A B BC"))[:2] == (SYSTEM, SYSTEM)


@pytest.mark.parametrize(
    ("shape", "cells"),
    [("A", []), ("A AB BC", ["A", "B"]), ("A AB ABC", ["A", "A+B"]), ("A AB AC BCD", ["A", "B+C"])],
)
def test_a_stage_alone_works_on_references_at_its_parents(shape: str, cells: list[str]):
    assert texts(alone_cells(cascade(shape))) == cells


def test_a_first_stage_is_always_alone():
    assert alone_cell(cascade("A AB"), "A") == SYSTEM


@pytest.mark.parametrize(
    ("shape", "needed"),
    [
        ("A AB BC CD", {"A": "BCD", "B": "CD", "C": "D", "D": ""}),
        ("A AB AC BCD", {"A": "BCD", "A+B": "CD", "B+C": "D", "D": ""}),
        ("A AB ABC", {"A": "BC", "A+B": "C", "C": ""}),
        ("A AB BC ACD", {"A": "BCD", "A+B": "CD", "A+C": "D", "D": "", "B": "C"}),
    ],
)
def test_only_the_stages_that_see_a_swap_must_run(shape: str, needed: dict[str, str]):
    made = cascade(shape)
    found = {str(c).removeprefix("reference:"): "".join(needed_stages(made, c)) for c in scorecard_cells(made)}
    assert found == needed


def test_the_system_needs_no_swap_runs():
    assert needed_stages(cascade("A AB"), SYSTEM) == ()


def test_a_chain_of_k_costs_k_times_k_minus_1_over_2_calls_a_record():
    for k in range(1, 7):
        made = cascade(planted.CHAIN[k])
        assert sum(len(needed_stages(made, cell)) for cell in scorecard_cells(made)) == k * (k - 1) // 2


@pytest.mark.parametrize(
    ("shape", "more"),
    [
        ("A AB BC CD", []),
        ("A AB AC BCD", ["A+C"]),
        ("A AB AC AD BCDE", ["A+C", "A+D", "A+B+D", "A+C+D"]),
        ("A AB AC AD AE AF BCDEFG", []),
    ],
)
def test_parallel_branches_need_swap_cells_beyond_the_scorecard(shape: str, more: list[str]):
    made = cascade(shape)
    assert texts(tuple(c for c in run_cells(made) if c not in scorecard_cells(made))) == more
    for cell in lattice_cells(made):
        between = stages_between(made, cell, target=made.outcome.stage)
        assert needed_stages(made, cell) == between, "what an order-free gain needs is what runs"


def test_an_untouched_target_needs_nothing():
    assert stages_between(cascade("A AB AC BCD"), Cell("reference", ("B",)), target="C") == ()


def test_a_swap_of_another_kind_keeps_its_kind():
    assert str(swap_cell(cascade("A AB BC"), ("A", "B"), kind="person")) == "person:B"


@given(
    st.sampled_from([*planted.CHAIN.values(), planted.DIAMOND, planted.SKIP, "A B ABC CD BDE"]),
    st.sets(st.sampled_from("ABCDEF")),
)
def test_the_effective_set_ends_where_the_whole_set_ends(shape: str, swapped: set[str]):
    names = [word[-1] for word in shape.split()]
    made = planted.Planted(shape=shape, skill={n: 0.7 + i / 50 for i, n in enumerate(names)})
    asked = swapped & set(names)
    effective = effective_set(made.cascade(), asked)
    assert set(effective) <= asked
    assert made.expected(effective) == pytest.approx(made.expected(tuple(asked)))
    for name in effective:
        fewer = [other for other in effective if other != name]
        assert made.expected(fewer) < made.expected(effective), "a smaller set would not do"
