"""How much is still unseen: textbook value, properties, and a bound that holds as often as it says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stagegap.stats.sample_size import unseen_share, upper_bound
from stagegap.stats.spread import Clusters, clusters

Floats = NDArray[np.float64]


def alone(n: int) -> Clusters:
    return clusters(range(n))


def test_share_is_that_of_records_with_a_kind_seen_once() -> None:
    """Good (1953): N1 / n, here 2 of 10 words."""
    estimate = unseen_share([{letter} for letter in "abacabadab"], alone(10))
    assert (estimate.value, estimate.n) == (0.2, 10)  # c and d
    assert estimate.low == 0.0
    assert estimate.high > estimate.value


def test_record_with_two_new_kinds_counts_once_and_a_batch_is_no_repetition() -> None:
    kinds = [{"a", "b"}, {"c"}, {"c"}, {"c"}, set[str]()]
    assert unseen_share(kinds, alone(5)).value == 0.2
    together = unseen_share([*kinds, {"d"}, {"d"}], clusters([0, 1, 2, 3, 4, 5, 5]))
    assert together.value == pytest.approx(3 / 7)
    assert together.clusters == 6


def test_bound_is_the_exact_one_of_the_later_half() -> None:
    """The rule of three: nothing new in 50 records leaves less than 5.82% unseen (Clopper and Pearson)."""
    estimate = unseen_share([{"a"}] * 100, alone(100))
    assert (estimate.value, estimate.high) == (0.0, pytest.approx(1 - 0.05 ** (1 / 50)))
    assert unseen_share([{place} for place in range(10)], alone(10)).high == 1.0
    assert upper_bound(np.array([1.0, 0.0, 0.0, 0.0]), np.arange(4)) == pytest.approx(0.7514, abs=1e-4)


def test_too_few_records_say_so() -> None:
    assert unseen_share([{"a"}] * 3, alone(3)).method == "too few: 3 records of 3 independent units"
    assert unseen_share([], alone(0)).method == "too few: 0 records of 0 independent units"
    assert not unseen_share([{"a"}] * 9, clusters([0, 0, 0, 1, 1, 1, 2, 2, 2])).is_measured


@given(st.lists(st.sets(st.integers(0, 6), max_size=3), min_size=4, max_size=40))
def test_share_lies_between_nothing_and_all_and_below_its_bound(kinds: list[set[int]]) -> None:
    estimate = unseen_share(kinds, alone(len(kinds)))
    assert 0.0 == estimate.low <= estimate.value <= estimate.high <= 1.0
    again = unseen_share([*kinds, *kinds], alone(2 * len(kinds)))
    assert again.value == 0.0, "what stands twice is no news"


def zipf(count: int) -> Floats:
    weights = 1 / np.arange(1, count + 1)
    return weights / weights.sum()


def truth(known: set[int], chances: Floats) -> float:
    return float(chances[[kind not in known for kind in range(len(chances))]].sum())


def coverage(chances: Floats, n: int, *, size: int, trials: int, rng: np.random.Generator) -> tuple[float, float]:
    """How often the bound holds, and the mean error of the value; half of a cluster share a kind."""
    holds, errors = 0, 0.0
    for _ in range(trials):
        own = rng.choice(len(chances), size=n, p=chances)
        batch = rng.choice(len(chances), size=n // size, p=chances)
        codes = np.arange(n) // size
        drawn = np.where((rng.random(n) < 0.5) & (size > 1), batch[np.minimum(codes, len(batch) - 1)], own)
        estimate = unseen_share([{kind} for kind in drawn.tolist()], clusters(codes.tolist()))
        true = truth(set(drawn.tolist()), chances)
        holds += true <= estimate.high
        errors += (estimate.value - true) / trials
    return holds / trials, errors


WORLDS: dict[str, Callable[[], Floats]] = {
    "ten, alike": lambda: np.full(10, 0.1),
    "forty, Zipf": lambda: zipf(40),
    "many rare ones": lambda: np.r_[0.5, np.full(100, 0.005)],
}


@pytest.mark.parametrize("world", WORLDS)
def test_bound_holds_and_the_value_is_right_on_average(world: str) -> None:
    share, error = coverage(WORLDS[world](), 40, size=1, trials=120, rng=np.random.default_rng(7))
    assert share >= 0.93
    assert -0.025 < error < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("n", [20, 60, 200])
@pytest.mark.parametrize("size", [1, 4])
def test_bound_holds_in_95_of_100_worlds(world: str, n: int, size: int) -> None:
    """What errs errs to the safe side: leaving a unit out says what was unseen with one unit less."""
    share, error = coverage(WORLDS[world](), n, size=size, trials=1_000, rng=np.random.default_rng(n + size))
    assert share >= 0.95
    assert -0.003 < error < (0.03 if size == 1 else 0.1)
