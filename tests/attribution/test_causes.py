from __future__ import annotations

import numpy as np

from stagegap.attribution.faults import Transition, hazard_column, root_causes, transitions

NAN = float("nan")


def table(**columns: list[float]) -> dict[str, np.ndarray]:
    return {name: np.array(values, dtype=float) for name, values in columns.items()}


CHAIN = {"A": (), "B": ("A",), "C": ("A", "B")}


def roots(accepted, children, ancestors, *, outcome, bad) -> dict[str, list[int]]:
    found = root_causes(accepted, children, ancestors, outcome=outcome, bad=bad)
    return {name: np.flatnonzero(here == 1).tolist() for name, here in found.items()}


def test_a_hazard_counts_only_records_that_are_still_right():
    #      first fault at A, at B, none, B unknown
    accepted = table(A=[0, 1, 1, 1], B=[0, 0, 1, NAN])
    assert hazard_column(accepted, "A", ()).tolist() == [1, 0, 0, 0]
    assert np.array_equal(hazard_column(accepted, "B", ("A",)), [NAN, 1, 0, NAN], equal_nan=True)


def test_a_stage_without_references_does_not_stop_a_hazard():
    accepted = table(A=[1, 0], B=[NAN, NAN], C=[0, 0])
    assert np.array_equal(hazard_column(accepted, "C", ("A", "B")), [1, NAN], equal_nan=True)


def test_root_cause_is_the_first_fault_that_nothing_recovered_from():
    children = {"A": ["B"], "B": ["C"], "C": []}
    accepted = table(
        A=[0, 0, 1, 1, 0],
        B=[0, 1, 1, 1, 0],
        C=[0, 0, 0, 1, 0],
    )
    bad = np.array([1, 1, 1, 1, 0], dtype=float)
    # All wrong: A. B recovered: C. Only C: C. Every stage acceptable: none. Not bad: none.
    assert roots(accepted, children, CHAIN, outcome="C", bad=bad) == {"A": [0], "B": [], "C": [1, 2]}


def test_root_cause_is_not_known_where_a_stage_without_a_score_decides_it():
    children = {"A": ["B"], "B": ["C"], "C": []}
    # B unknown below a wrong A: A or C. B recovered: C. B unknown: B or C. A unknown, but B recovered from it: C.
    accepted = table(A=[0, 0, 1, NAN], B=[NAN, 1, NAN, 1], C=[0, 0, 0, 0])
    found = root_causes(accepted, children, CHAIN, outcome="C", bad=np.ones(4))
    assert np.array_equal(found["A"], [NAN, 0, 0, 0], equal_nan=True)
    assert np.array_equal(found["B"], [NAN, 0, NAN, 0], equal_nan=True)
    assert np.array_equal(found["C"], [NAN, 1, NAN, 1], equal_nan=True)


def test_root_cause_follows_the_branch_that_failed():
    children = {"A": ["C"], "B": ["C"], "C": []}
    accepted = table(A=[1.0], B=[0.0], C=[0.0])
    above = {"A": (), "B": (), "C": ("A", "B")}
    assert roots(accepted, children, above, outcome="C", bad=np.array([1.0])) == {"A": [], "B": [0], "C": []}
    both = table(A=[0.0], B=[0.0], C=[0.0])
    assert roots(both, children, above, outcome="C", bad=np.array([1.0])) == {"A": [0], "B": [0], "C": []}


def test_a_fault_beside_the_way_is_no_root_cause():
    children = {"A": [], "B": []}
    accepted = table(A=[0.0], B=[0.0])
    nothing = {"A": (), "B": ()}
    assert roots(accepted, children, nothing, outcome="B", bad=np.array([1.0])) == {"A": [], "B": [0]}


def test_records_go_wrong_on_the_edge_that_they_took():
    accepted = table(A=[1, 1, 1, 0], B=[1, 1, 0, 0], C=[0, 0, 1, 1])
    ran = {name: np.ones(4, dtype=bool) for name in "ABC"} | {"B": np.array([True, False, True, True])}
    # The second record skipped B rightly, so it came to C from A, which C reads as well.
    parents = {"A": (), "B": ("A",), "C": ("A", "B")}
    assert transitions(accepted, ran, parents, CHAIN) == (
        Transition(last="", stage="A", attempts=4, faults=1),
        Transition(last="A", stage="B", attempts=2, faults=1),
        Transition(last="A", stage="C", attempts=2, faults=2),
        Transition(last="B", stage="C", attempts=1, faults=1),
    )


def test_a_stage_that_reads_only_the_record_has_no_edge_from_the_stage_before_it_in_the_file():
    accepted = table(route=[1, 1, 0], retrieve=[0, 1, 0], draft=[0, 0, 0])
    ran = {name: np.ones(3, dtype=bool) for name in accepted}
    parents = {"route": (), "retrieve": (), "draft": ("route", "retrieve")}
    found = transitions(accepted, ran, parents, parents)
    assert {(one.last, one.stage): (one.attempts, one.faults) for one in found} == {
        ("", "route"): (3, 1),
        ("", "retrieve"): (3, 2),
        ("route", "draft"): (1, 1),
        ("retrieve", "draft"): (1, 1),
    }


def test_a_skip_that_is_not_acceptable_is_a_fault_and_a_missing_score_ends_the_way():
    accepted = table(A=[0, NAN], B=[1, 0], C=[NAN, NAN])
    ran = {"A": np.array([False, True]), "B": np.ones(2, dtype=bool), "C": np.ones(2, dtype=bool)}
    parents = {"A": (), "B": ("A",), "C": ("B",)}
    assert transitions(accepted, ran, parents, CHAIN) == (Transition(last="", stage="A", attempts=1, faults=1),)
    assert transitions({}, {}, {}, {}) == ()
