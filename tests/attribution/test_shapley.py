from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stagegap.attribution.shapley import (
    banzhaf_interaction_matrix,
    banzhaf_matrix,
    interaction_matrix,
    shapley_matrix,
)

VALUES = st.integers(1, 6).flatmap(
    lambda k: st.lists(st.floats(-1, 1), min_size=2**k, max_size=2**k).map(lambda v: (k, np.array(v)))
)


@given(VALUES)
def test_gains_add_up_exactly_to_the_headroom(game: tuple[int, np.ndarray]):
    k, v = game
    assert (shapley_matrix(k) @ v).sum() == pytest.approx(v[-1] - v[0], abs=1e-9)


@settings(max_examples=30)
@given(VALUES)
def test_the_value_is_the_mean_over_all_orders(game: tuple[int, np.ndarray]):
    k, v = game
    total = np.zeros(k)
    orders = list(permutations(range(k)))
    for order in orders:
        mask = 0
        for i in order:
            total[i] += v[mask | 1 << i] - v[mask]
            mask |= 1 << i
    assert shapley_matrix(k) @ v == pytest.approx(total / len(orders), abs=1e-9)


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_a_stage_that_changes_nothing_gets_nothing(k: int, seed: int):
    rest = np.random.default_rng(seed).random(2 ** (k - 1))
    v = np.array([rest[mask >> 1] for mask in range(2**k)])
    for matrix in (shapley_matrix(k), banzhaf_matrix(k)):
        assert (matrix @ v)[0] == pytest.approx(0, abs=1e-12)
    pairs = interaction_matrix(k)
    assert [x for x, pair in zip(pairs.matrix @ v, pairs.pairs, strict=True) if 0 in pair] == pytest.approx(
        [0] * (k - 1), abs=1e-12
    )


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_stages_that_do_the_same_get_the_same(k: int, seed: int):
    by_size = np.random.default_rng(seed).random(k + 1)
    v = np.array([by_size[mask.bit_count()] for mask in range(2**k)])
    for matrix in (shapley_matrix(k), banzhaf_matrix(k)):
        assert np.ptp(matrix @ v) == pytest.approx(0, abs=1e-9)


def test_interaction_of_two_stages_is_the_second_difference():
    v = np.array([0.1, 0.3, 0.4, 0.9])
    assert interaction_matrix(2).matrix @ v == pytest.approx([0.3])
    assert banzhaf_interaction_matrix(2).matrix @ v == pytest.approx([0.3])
    assert interaction_matrix(1).pairs == banzhaf_interaction_matrix(1).pairs == ()


def test_one_matrix_serves_all_resamples():
    draws = np.random.default_rng(0).random((5, 8))
    assert (draws @ shapley_matrix(3).T)[2] == pytest.approx(shapley_matrix(3) @ draws[2])


@pytest.mark.parametrize("k", [0, 11])
def test_too_many_stages_are_refused(k: int):
    with pytest.raises(ValueError, match="1 to 10 stages"):
        shapley_matrix(k)
