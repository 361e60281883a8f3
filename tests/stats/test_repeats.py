from __future__ import annotations

import numpy as np
import pytest

from stagegap.stats.sample_size import variance_parts


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
