from __future__ import annotations

import numpy as np
import pytest

from stagegap.attribution.shapley import sampled_shapley, shapley_matrix


def game(k: int, seed: int = 0):
    v = np.random.default_rng(seed).random(2**k)
    return v, lambda s: float(v[sum(1 << i for i in s)])


def test_sampling_comes_near_the_exact_values_and_adds_up():
    v, value = game(6)
    found = sampled_shapley(value, 6, rng=np.random.default_rng(1), at_most=6000, separation=np.inf)
    exact = shapley_matrix(6) @ v
    assert found.values.sum() == pytest.approx(v[-1] - v[0])
    assert (np.abs(found.values - exact) < 4 * found.standard_errors + 1e-9).all()
    assert found.standard_errors.max() < 0.02
    assert found.sets <= 2**6


def test_an_additive_game_is_exact_after_one_round():
    weights = np.array([0.1, 0.5, 0.2])
    found = sampled_shapley(lambda s: float(weights[list(s)].sum()), 3, rng=np.random.default_rng(0), at_most=1)
    assert found.values == pytest.approx(weights)
    assert not found.is_decided


def test_sampling_stops_when_the_first_is_clear():
    weights = np.linspace(0, 1, 12)
    found = sampled_shapley(lambda s: float(weights[list(s)].sum()), 12, rng=np.random.default_rng(0))
    assert found.is_decided
    assert found.orders < 2000


def test_equal_stages_are_sampled_to_the_end():
    found = sampled_shapley(lambda s: float(len(s) ** 2), 4, rng=np.random.default_rng(0), at_most=100)
    assert not found.is_decided
    assert found.orders >= 100


def test_a_single_stage_gets_all():
    found = sampled_shapley(lambda s: 0.3 * len(s), 1, rng=np.random.default_rng(0))
    assert (found.values.tolist(), found.is_decided) == (pytest.approx([0.3]), True)


def test_no_stage_is_refused():
    with pytest.raises(ValueError, match="k = 0"):
        sampled_shapley(lambda s: 0.0, 0, rng=np.random.default_rng(0))
