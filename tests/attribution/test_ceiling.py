from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
from stagegap.attribution.ceiling import Ceiling, ceiling, complete_cases, increments, rises, share_first
from stagegap.stats.resample import resample
from stagegap.stats.spread import clusters


def staircase(columns: dict[str, np.ndarray], stages: str, *, units: list[str] | None = None) -> Ceiling:
    n = len(next(iter(columns.values())))
    drawn = resample(
        columns, clusters(units or [str(i) for i in range(n)]), rng=np.random.default_rng(0), resamples=400
    )
    names = list(columns)
    return ceiling(drawn, gains=rises(stages, names), system=names[0], top=names[-1])


@pytest.mark.parametrize(
    "shape", [*planted.CHAIN.values(), planted.DIAMOND, planted.SKIP], ids=lambda shape: shape.replace(" ", "_")
)
def test_the_planted_truth_is_recovered(shape: str):
    names = [word[-1] for word in shape.split()]
    made = planted.Planted(
        shape=shape, skill={n: 0.95 - 0.08 * i for i, n in enumerate(names)}, recovery=dict.fromkeys(names[1:], 0.2)
    )
    found = staircase(made.outcomes(made.luck(20_000, np.random.default_rng(11))), "".join(names))
    truth = made.prefix()
    for step, before, after in zip(found.steps, truth, truth[1:], strict=False):
        assert step.gain.value == pytest.approx(after - before, abs=0.015)
    assert found.system.value == pytest.approx(truth[0], abs=0.015)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(2, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_the_steps_add_up_to_the_headroom_exactly(k: int, n: int, seed: int, graded: bool):
    rng = np.random.default_rng(seed)
    columns = {f"{i}": rng.random(n) if graded else rng.integers(0, 2, n).astype(float) for i in range(k + 1)}
    found = staircase(columns, "ABCDEF"[:k])
    assert sum(step.gain.value for step in found.steps) == pytest.approx(found.headroom.value, abs=1e-12)
    assert sum(step.fixed - step.broken for step in found.steps) == (
        pytest.approx(n * found.headroom.value) if not graded else sum(s.fixed - s.broken for s in found.steps)
    )


def test_a_step_of_zero_can_hide_many_fixed_and_many_broken():
    before, after = np.repeat([0.0, 1.0, 1.0], 30), np.repeat([1.0, 0.0, 1.0], 30)
    step = staircase({"0": before, "1": after}, "A").steps[0]
    assert (step.gain.value, step.fixed, step.broken, step.p) == (0.0, 30, 30, 1.0)


def test_a_negative_gain_is_kept():
    step = staircase({"0": np.array([1.0] * 40 + [0.0] * 20), "1": np.array([0.0] * 60)}, "A").steps[0]
    assert step.gain.value == pytest.approx(-2 / 3)
    assert step.share == 1.0


def test_a_stage_that_can_not_change_the_outcome_gains_exactly_0():
    drawn = resample(
        {"0": np.array([0.0, 1.0] * 20), "2": np.ones(40)},
        clusters(range(40)),
        rng=np.random.default_rng(0),
        resamples=50,
    )
    found = ceiling(drawn, gains=rises("AB", ["0", "0", "2"]), system="0", top="2")
    assert (found.steps[0].gain.low, found.steps[0].gain.high) == (0.0, 0.0)
    assert found.steps[0].gain.method == "exact: this stage can't change the outcome"
    assert (found.steps[0].p_first, found.steps[1].p_first) == (0.0, 1.0)


def test_no_headroom_has_no_shares():
    assert math.isnan(staircase({"0": np.ones(30), "1": np.ones(30)}, "A").steps[0].share)


def test_one_record_is_too_few_for_any_figure():
    found = staircase({"0": np.zeros(1), "1": np.ones(1)}, "A")
    assert found.steps[0].gain.method == "too few: 1 record"
    assert math.isnan(found.steps[0].p_first)


def test_the_number_of_columns_must_fit():
    with pytest.raises(ValueError, match="2 stages need 3 outcome columns, got 2"):
        staircase({"0": np.zeros(3), "1": np.ones(3)}, "AB")


def test_complete_cases_have_every_outcome():
    a, b = complete_cases([np.array([1.0, math.nan, 0.0]), np.array([1.0, 1.0, math.nan])])
    assert np.isnan(a).tolist() == np.isnan(b).tolist() == [False, True, True]


def test_without_headroom_increments_have_no_share():
    assert [math.isnan(share) for share in increments([50, 60, 50])[1]] == [True, True]


def test_resamples_without_the_records_of_a_column_decide_nothing():
    assert share_first(np.array([[math.nan, 1.0], [2.0, 1.0]])) == (1.0, 0.0)
    assert all(math.isnan(share) for share in share_first(np.full((3, 2), math.nan)))


def test_renaming_the_stages_changes_no_number():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.8, "B": 0.8, "C": 0.9})
    columns = made.outcomes(made.luck(200, np.random.default_rng(1)))
    assert [s.gain for s in staircase(columns, "ABC").steps] == [s.gain for s in staircase(columns, "XYZ").steps]


def test_copies_of_a_record_in_its_cluster_do_not_lower_p():
    before = np.array([0.0] * 6 + [1.0] * 30)
    after = np.ones(36)
    alone = staircase({"0": before, "1": after}, "A").steps[0].p
    units = [f"c{i}" for i in range(36) for _ in range(4)]
    copied = staircase({"0": np.repeat(before, 4), "1": np.repeat(after, 4)}, "A", units=units).steps[0].p
    assert alone == pytest.approx(2 / 64)
    assert copied == pytest.approx(alone)


def test_p_of_a_graded_outcome_is_about_its_mean_and_not_about_signs():
    # Many records lose a little, few win much: the mean rises clearly.
    change = np.array([-0.01] * 30 + [0.9] * 20)
    step = staircase({"0": np.full(50, 0.05), "1": 0.05 + change}, "A").steps[0]
    assert step.fixed < step.broken
    assert step.gain.low > 0
    assert step.p < 0.001
