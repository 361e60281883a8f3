"""Values of games as the package sums them over all sets, and as polynomials of the game's structure say them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracles.games import Gate, power_of_gates, power_of_votes, values_of_kinds
from stagegap.attribution.shapley import banzhaf_matrix, shapley_matrix


def by_all_sets(k: int, value: Callable[[list[int]], float]) -> tuple[np.ndarray, np.ndarray]:
    worth = np.array([float(value([mask >> i & 1 for i in range(k)])) for mask in range(1 << k)])
    return shapley_matrix(k) @ worth, banzhaf_matrix(k) @ worth


@given(st.lists(st.integers(0, 6), min_size=1, max_size=7).filter(sum), st.data())
def test_power_of_votes_is_that_of_all_sets(weights: list[int], data: st.DataObject):
    quota = data.draw(st.integers(1, sum(weights)))
    power = power_of_votes(weights, quota)
    shapley, banzhaf = by_all_sets(
        len(weights), lambda held: sum(w for w, one in zip(weights, held, strict=True) if one) >= quota
    )
    assert power.shapley == pytest.approx(shapley, abs=1e-12)
    assert power.banzhaf == pytest.approx(banzhaf, abs=1e-12)


def test_the_security_council_of_the_united_nations():
    # 5 permanent members and 10 others; the permanent ones have 7 votes each, 39 are needed.
    votes = power_of_votes([7] * 5 + [1] * 10, 39)
    kinds = values_of_kinds([5, 10], lambda held: float(held[0] == 5 and held[1] >= 4))
    gates = power_of_gates(Gate(6, (*range(5), Gate(4, tuple(range(5, 15))))))
    for power in (votes.shapley, gates.shapley):
        assert power[0] == pytest.approx(0.1962704, abs=5e-8)
        assert power[-1] == pytest.approx(0.0018648, abs=5e-8)
        assert sum(power) == pytest.approx(1)
    assert kinds.shapley == pytest.approx((votes.shapley[0], votes.shapley[-1]), abs=1e-12)
    assert kinds.banzhaf == pytest.approx((votes.banzhaf[0], votes.banzhaf[-1]), abs=1e-12)


def test_textbook_voting_game():
    power = power_of_votes([3, 2, 1], 4)
    assert power.shapley == pytest.approx((2 / 3, 1 / 6, 1 / 6))
    assert power.banzhaf == pytest.approx((0.75, 0.25, 0.25))


def gates(depth: int) -> st.SearchStrategy[list]:
    """Nested lists: a leaf is None, a gate a list."""
    if depth == 0:
        return st.just([None, None])
    return st.lists(st.one_of(st.none(), gates(depth - 1)), min_size=1, max_size=3)


def numbered(shape: list, needs: st.DataObject, next_player: list[int]) -> Gate:
    parts: list[Gate | int] = []
    for part in shape:
        if part is None:
            parts.append(next_player[0])
            next_player[0] += 1
        else:
            parts.append(numbered(part, needs, next_player))
    return Gate(needs.draw(st.integers(1, len(parts))), tuple(parts))


def is_true(part: Gate | int, held: list[int]) -> bool:
    if isinstance(part, int):
        return bool(held[part])
    return sum(is_true(one, held) for one in part.parts) >= part.needs


@given(gates(1), st.data())
def test_power_of_gates_is_that_of_all_sets(shape: list, data: st.DataObject):
    players = [0]
    tree = numbered(shape, data, players)
    shapley, banzhaf = by_all_sets(players[0], lambda held: is_true(tree, held))
    power = power_of_gates(tree)
    assert power.shapley == pytest.approx(shapley, abs=1e-12)
    assert power.banzhaf == pytest.approx(banzhaf, abs=1e-12)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.integers(0, 2**31))
def test_values_of_kinds_are_those_of_all_sets(sizes: list[int], seed: int):
    rng = np.random.default_rng(seed)
    worth = rng.random([size + 1 for size in sizes])
    kind = np.repeat(np.arange(len(sizes)), sizes)

    def value(held: list[int]) -> float:
        return float(worth[tuple(int(np.array(held)[kind == place].sum()) for place in range(len(sizes)))])

    shapley, banzhaf = by_all_sets(len(kind), value)
    power = values_of_kinds(sizes, lambda held: float(worth[held]))
    first = [int(np.flatnonzero(kind == place)[0]) for place in range(len(sizes))]
    assert power.shapley == pytest.approx(shapley[first], abs=1e-12)
    assert power.banzhaf == pytest.approx(banzhaf[first], abs=1e-12)


def test_sixty_players_are_exact():
    tree = Gate(2, (Gate(30, tuple(range(30))), Gate(1, tuple(range(30, 60)))))
    power = power_of_gates(tree)
    assert sum(power.shapley) == pytest.approx(1, abs=1e-12)
    assert len(set(power.shapley[:30])) == len(set(power.shapley[30:])) == 1
    votes = power_of_votes([1] * 60, 31)
    assert votes.shapley == pytest.approx([1 / 60] * 60, abs=1e-15)


@pytest.mark.parametrize(
    ("weights", "quota"), [([1, -1], 1), ([1, 2], 0), ([1, 2], 4)], ids=["below 0", "no quota", "out of reach"]
)
def test_votes_that_decide_nothing_are_refused(weights: list[int], quota: int):
    with pytest.raises(ValueError, match="quota of 1 to their sum"):
        power_of_votes(weights, quota)


def test_trees_and_kinds_that_are_none_are_refused():
    with pytest.raises(ValueError, match="stands once"):
        power_of_gates(Gate(1, (0, 0)))
    with pytest.raises(ValueError, match="needs 1 to all"):
        power_of_gates(Gate(3, (0, 1)))
    with pytest.raises(ValueError, match="every kind has a player"):
        values_of_kinds([2, 0], lambda _: 0.0)
