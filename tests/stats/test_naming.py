from __future__ import annotations

import math

import numpy as np
import pytest

import simulations as simulated
from stagegap.stats.naming import DRAWS, Budget, records_to_name


def budget(values: list[float], error: float, *, n: int = 100, seed: int = 0) -> Budget:
    rng = np.random.default_rng(seed)
    drawn = np.array(values) + rng.normal(0, error, (4_000, len(values)))
    return records_to_name(np.array(values), drawn, n=n, rng=rng, level=0.96)


def test_a_stage_far_ahead_needs_no_more_records():
    found = budget([0.5, 0.05, 0.02], 0.02)
    assert found.records == 100
    assert found.chances[0].share > 0.99


def test_the_budget_is_larger_than_that_of_a_formula_that_believes_the_lead():
    found = budget([0.20, 0.10], 0.05 / math.sqrt(2))
    # Lead 0.10, standard error 0.05: (2.054 + 1.645)^2 x 0.05^2 / 0.10^2 = 3.42 times the pilot, were the lead true.
    assert found.records is not None
    assert 342 < found.records < 4_000


def test_equal_stages_are_promised_nothing():
    found = budget([0.15, 0.15], 0.05)
    assert found.records is None
    assert found.chances[-1].share < 0.95
    shares = [chance.share for chance in found.chances]
    assert shares[-1] > shares[0], "more records still help"


def test_a_pilot_in_which_nothing_moved_is_no_proof():
    values = np.zeros(2)
    found = records_to_name(values, np.zeros((DRAWS, 2)), n=30, rng=np.random.default_rng(0), level=0.96)
    assert found.records is None


@pytest.mark.parametrize(("n", "drawn"), [(1, np.ones((5, 2))), (30, np.full((5, 2), math.nan))])
def test_too_little_promises_nothing(n: int, drawn: np.ndarray):
    found = records_to_name(np.array([0.1, 0.2]), drawn, n=n, rng=np.random.default_rng(0), level=0.96)
    assert found == Budget(records=None, chances=())


def test_one_stage_alone_must_gain_more_than_nothing():
    found = budget([0.2], 0.05)
    assert found.records is not None


def test_a_promised_budget_names_the_worst_stage():
    found = simulated.promise(simulated.WORST["2 stages, 11 and 25 points"], 100, simulations=60, resamples=200)
    assert found.named >= 0.9
    assert found.wrong == 0
