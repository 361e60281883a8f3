from __future__ import annotations

import math

import numpy as np
import pytest

import planted
from stagegap.attribution.faults import acceptable, account

NAN = math.nan


def test_a_score_reaches_its_bar_in_spite_of_binary_rounding():
    assert acceptable(np.array([0.1 + 0.7, 0.79, NAN]), 0.8).tolist() == pytest.approx([1, 0, NAN], nan_ok=True)


# Each row: route, retrieve, draft, outcome bad, and why it is here.
CASES = [
    (1, 1, 1, 0, "all right"),
    (0, 0, 0, 1, "introduced at route, inherited twice"),
    (1, 0, 0, 1, "introduced at retrieve, inherited at draft"),
    (1, 1, 0, 1, "introduced at draft"),
    (0, 1, 1, 0, "recovered: route's fault is masked"),
    (1, 1, 1, 1, "bad although every stage is acceptable"),
    (1, NAN, 0, 1, "what retrieve did is unknown, so is the first fault"),
]


def found():
    table = np.array([row[:3] for row in CASES])
    names = ("route", "retrieve", "draft")
    return account(
        {name: table[:, i] for i, name in enumerate(names)},
        {"route": (), "retrieve": ("route",), "draft": ("route", "retrieve")},
        bad=np.array([row[3] for row in CASES], dtype=float),
    )


def test_first_faults():
    assert {name: np.flatnonzero(here).tolist() for name, here in found().first.items()} == {
        "route": [1, 4],
        "retrieve": [2],
        "draft": [3],
    }
    assert np.flatnonzero(found().is_unknown).tolist() == [6]


def test_every_bad_record_is_a_first_fault_or_unexplained_or_of_unknown_first_fault():
    counted = found()
    assert sum(row.first for row in counted.stages) + counted.unexplained + counted.unknown == 5


def test_what_cannot_be_known_is_counted_at_each_stage_that_may_be_first():
    assert [row.unknown for row in found().stages] == [0, 1, 1]


def test_branches_go_wrong_beside_each_other_and_both_are_first():
    accepted = {"a": np.array([0.0, 0, 1]), "b": np.array([0.0, 1, 0]), "c": np.array([0.0, 0, 0])}
    for names in ("abc", "bac"):
        counted = account({name: accepted[name] for name in names}, {"a": (), "b": (), "c": ("a", "b")}, bad=np.ones(3))
        assert {row.stage: row.first for row in counted.stages} == {"a": 2, "b": 2, "c": 0}
        assert counted.several == 1


def test_what_is_not_explained_is_said():
    assert (found().unexplained, found().unknown) == (1, 1)


COUNTED = ("not_acceptable", "introduced", "inherited", "recovered", "first", "masked", "reached")


@pytest.mark.parametrize(
    ("position", "counts"), [(0, (2, 2, 0, 0, 1, 1, 7)), (1, (2, 1, 1, 1, 1, 0, 4)), (2, (4, 1, 2, 1, 1, 0, 3))]
)
def test_counts_per_stage(position: int, counts: tuple[int, ...]):
    stage = found().stages[position]
    assert tuple(getattr(stage, name) for name in COUNTED) == counts


def test_the_hazard_is_among_the_records_still_right():
    assert found().stages[2].hazard == pytest.approx(1 / 3)


def test_faults_together_have_each_alone_on_the_diagonal():
    assert found().together == ((2, 1, 1), (1, 2, 2), (1, 2, 4))


def test_a_stage_without_any_reference_does_not_make_every_record_unknown():
    blind = account(
        {"A": np.array([NAN, NAN]), "B": np.array([0.0, 1.0])}, {"A": (), "B": ("A",)}, bad=np.array([1.0, 0.0])
    )
    assert blind.first["B"].tolist() == [True, False]
    assert not blind.is_unknown.any()


def test_no_record_has_no_faults_and_no_hazard():
    empty = account({"A": np.array([])}, {"A": ()}, bad=np.array([]))
    assert (empty.stages[0].first, empty.stages[0].hazard, empty.together) == (0, None, ((0,),))
    assert account({}, {}, bad=np.array([])).stages == ()


def test_planted_first_faults_are_counted_right():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.9, "B": 0.8, "C": 0.7})
    state = made.right(made.luck(30_000, np.random.default_rng(2)), ())
    counted = account(
        {name: right.astype(float) for name, right in state.items()},
        {"A": (), "B": ("A",), "C": ("A", "B")},
        bad=1.0 - state["C"].astype(float),
    )
    for stage, skill in zip(counted.stages, (0.9, 0.8, 0.7), strict=True):
        assert stage.hazard == pytest.approx(1 - skill, abs=0.01)
