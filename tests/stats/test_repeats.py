from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stagegap.stats.spread import right_at_least_once, right_every_time, variance_parts, worst_of


def test_the_two_sources_of_variance_are_told_apart():
    rng = np.random.default_rng(0)
    expected = rng.beta(4, 2, 4000)
    scores = (rng.random((4000, 5)) < expected[:, None]).astype(float)
    found = variance_parts(scores)
    assert found.omega2 == pytest.approx(expected.var(), rel=0.1)
    assert found.sigma2 == pytest.approx((expected * (1 - expected)).mean(), rel=0.05)
    assert found.of_mean(4000, 5) == pytest.approx(scores.mean(axis=1).var(ddof=1) / 4000)


def test_repeats_pay_only_while_the_noise_of_an_answer_is_large():
    rng = np.random.default_rng(1)
    assert variance_parts(rng.random((50, 2))).repeats_pay
    steady = np.repeat(rng.random((50, 1)), 3, axis=1)
    assert variance_parts(steady).sigma2 == pytest.approx(0.0)
    assert not variance_parts(steady).repeats_pay


def test_a_negative_variance_is_none():
    assert variance_parts(np.tile([0.0, 1.0], (10, 1))).omega2 == 0.0


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_too_little_to_split_is_refused(shape: tuple[int, int]):
    with pytest.raises(ValueError, match="at least 2 records and 2 repeats"):
        variance_parts(np.zeros(shape))


@given(
    st.integers(2, 6).flatmap(
        lambda m: st.tuples(arrays(np.float64, (5, m), elements=st.floats(0, 1)), st.integers(1, m))
    )
)
def test_the_worst_of_k_is_the_mean_over_all_sets_of_k(asked: tuple[np.ndarray, int]):
    scores, k = asked
    by_hand = [np.mean([min(chosen) for chosen in combinations(row, k)]) for row in scores.tolist()]
    assert worst_of(scores, k) == pytest.approx(by_hand, abs=1e-12)
    right = (scores > 0.5).astype(np.float64)
    every = [np.mean([all(chosen) for chosen in combinations(row, k)]) for row in right.tolist()]
    once = [np.mean([any(chosen) for chosen in combinations(row, k)]) for row in right.tolist()]
    assert right_every_time(right, k) == pytest.approx(every, abs=1e-12)
    assert right_at_least_once(right, k) == pytest.approx(once, abs=1e-12)


@pytest.mark.parametrize(("m", "k"), [(8, 3), (59, 32), (65, 32), (1_200, 512)])
def test_always_right_is_right_every_time_to_the_last_bit(m: int, k: int):
    # 1.0000000000000002 is no share: it had no Wilson interval, or none at all.
    rows = np.array([np.ones(m), np.zeros(m), np.full(m, 0.3)])
    assert worst_of(rows, k).tolist() == [1.0, 0.0, 0.3]
    assert right_at_least_once(rows[:2], k).tolist() == [1.0, 0.0]


def test_pass_to_the_k_has_no_bias_where_the_power_of_the_share_has():
    rng = np.random.default_rng(0)
    chances = rng.choice([0.5, 0.9], 20_000)
    right = (rng.random((20_000, 4)) < chances[:, None]).astype(np.float64)
    truth = float(np.mean([0.5**3, 0.9**3]))
    assert right_every_time(right, 3).mean() == pytest.approx(truth, abs=0.01)
    assert (right.mean(axis=1) ** 3).mean() > truth + 0.02


def test_more_than_was_asked_for_is_no_figure():
    with pytest.raises(ValueError, match="of 2 answers the worst of 1 to 2 can be told, not of 3"):
        worst_of(np.ones((3, 2)), 3)
