from __future__ import annotations

import numpy as np

from stagegap.attribution.causes import NO_CAUSE, Transition, hazard_column, root_causes, transitions

NAN = float("nan")


def table(**columns: list[float]) -> dict[str, np.ndarray]:
    return {name: np.array(values, dtype=float) for name, values in columns.items()}


def test_a_hazard_counts_only_records_that_are_still_right():
    #      first fault at A, at B, none, B unknown
    accepted = table(A=[0, 1, 1, 1], B=[0, 0, 1, NAN])
    assert hazard_column(accepted, "A").tolist() == [1, 0, 0, 0]
    assert np.array_equal(hazard_column(accepted, "B"), [NAN, 1, 0, NAN], equal_nan=True)


def test_a_stage_without_references_does_not_stop_a_hazard():
    accepted = table(A=[1, 0], B=[NAN, NAN], C=[0, 0])
    assert np.array_equal(hazard_column(accepted, "C"), [1, NAN], equal_nan=True)


def test_root_cause_is_the_first_fault_that_nothing_recovered_from():
    children = {"A": ["B"], "B": ["C"], "C": []}
    accepted = table(
        A=[0, 0, 1, 1, 0],
        B=[0, 1, 1, 1, 0],
        C=[0, 0, 0, 1, 0],
    )
    bad = np.array([1, 1, 1, 1, 0], dtype=float)
    # All wrong: A. B recovered: C. Only C: C. Every stage acceptable: none. Not bad: none.
    assert root_causes(accepted, children, outcome="C", bad=bad).tolist() == [0, 2, 2, NO_CAUSE, NO_CAUSE]


def test_root_cause_follows_the_branch_that_failed():
    children = {"A": ["C"], "B": ["C"], "C": []}
    accepted = table(A=[1.0], B=[0.0], C=[0.0])
    assert root_causes(accepted, children, outcome="C", bad=np.array([1.0])).tolist() == [1]


def test_a_fault_beside_the_way_is_no_root_cause():
    children = {"A": [], "B": []}
    accepted = table(A=[0.0], B=[0.0])
    assert root_causes(accepted, children, outcome="B", bad=np.array([1.0])).tolist() == [1]


def test_records_go_wrong_on_the_edge_that_they_took():
    accepted = table(A=[1, 1, 1, 0], B=[1, 1, 0, 0], C=[0, 0, 1, 1])
    ran = {name: np.ones(4, dtype=bool) for name in "ABC"} | {"B": np.array([True, False, True, True])}
    # The second record skipped B rightly, so it came to C from A.
    assert transitions(accepted, ran) == (
        Transition(last="", stage="A", attempts=4, faults=1),
        Transition(last="A", stage="B", attempts=2, faults=1),
        Transition(last="A", stage="C", attempts=1, faults=1),
        Transition(last="B", stage="C", attempts=1, faults=1),
    )


def test_a_skip_that_is_not_acceptable_is_a_fault_and_a_missing_score_ends_the_way():
    accepted = table(A=[0, NAN], B=[1, 0], C=[NAN, NAN])
    ran = {"A": np.array([False, True]), "B": np.ones(2, dtype=bool), "C": np.ones(2, dtype=bool)}
    assert transitions(accepted, ran) == (Transition(last="", stage="A", attempts=1, faults=1),)
    assert transitions({}, {}) == ()
