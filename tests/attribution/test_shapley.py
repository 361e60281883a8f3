from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planted
from stagegap.attribution.ceiling import increments
from stagegap.attribution.shapley import (
    banzhaf_interaction_matrix,
    banzhaf_matrix,
    interaction_matrix,
    mask_of,
    precedence_matrix,
    shapley_matrix,
)
from stagegap.attribution.swaps import down_sets

VALUES = st.integers(1, 6).flatmap(
    lambda k: st.lists(st.floats(-1, 1), min_size=2**k, max_size=2**k).map(lambda v: (k, np.array(v)))
)


def shape_of(text: str) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    names = [word[-1] for word in text.split()]
    return names, {word[-1]: tuple(word[:-1]) for word in text.split()}


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


@given(st.lists(st.floats(0, 1), min_size=2, max_size=7))
def test_on_a_chain_precedence_gives_the_ceiling(prefix: list[float]):
    k = len(prefix) - 1
    names, parents = shape_of(planted.CHAIN[k])
    # A reference hides everything before it: v(S) is the prefix score of the last stage in S.
    v = np.array([prefix[mask.bit_length()] for mask in range(2**k)])
    assert precedence_matrix(names, parents) @ v == pytest.approx(increments(prefix)[0], abs=1e-9)


def test_parallel_branches_share_by_all_their_orders():
    names, parents = shape_of(planted.DIAMOND)
    made = planted.Planted(shape=planted.DIAMOND, skill={"A": 0.9, "B": 0.7, "C": 0.7, "D": 0.95})
    v = np.array([made.expected([n for i, n in enumerate(names) if mask >> i & 1]) for mask in range(16)])
    found = precedence_matrix(names, parents) @ v
    assert found[1] == pytest.approx(found[2])
    assert found.sum() == pytest.approx(v[-1] - v[0])


@pytest.mark.parametrize("shape", [*planted.CHAIN.values(), planted.DIAMOND, planted.SKIP, "A B AC ABD CDE"])
def test_precedence_is_the_mean_over_the_orders_that_the_cascade_allows(shape: str):
    names, parents = shape_of(shape)
    k = len(names)
    v = np.random.default_rng(1).random(2**k)
    total, allowed = np.zeros(k), 0
    for order in permutations(range(k)):
        if all(order.index(names.index(p)) < order.index(names.index(n)) for n in names for p in parents[n]):
            allowed, mask = allowed + 1, 0
            for i in order:
                total[i] += v[mask | 1 << i] - v[mask]
                mask |= 1 << i
    matrix = precedence_matrix(names, parents)
    assert matrix @ v == pytest.approx(total / allowed)
    used = {mask for mask in range(2**k) if matrix[:, mask].any()}
    assert used == {mask_of(names, swapped) for swapped in down_sets(names, parents)}


def test_a_chain_needs_only_its_prefixes():
    assert down_sets(*shape_of(planted.CHAIN[3])) == ((), ("A",), ("A", "B"), ("A", "B", "C"))


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
