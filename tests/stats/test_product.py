"""The product of two independent estimates."""

from __future__ import annotations

import numpy as np
import pytest

from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.intervals import product, wilson


def test_certain_factor_scales_the_interval_of_the_other() -> None:
    half = Estimate(value=0.5, low=0.5, high=0.5, n=9, method="exact")
    share = wilson(0.3, n=50)
    found = product(share, half)
    assert (found.low, found.value, found.high) == pytest.approx((share.low / 2, 0.15, share.high / 2))
    assert found.n == 50


def test_limits_stay_within_0_and_1() -> None:
    found = product(wilson(0.0, n=10), wilson(1.0, n=10))
    assert found.low == 0
    assert found.value == 0
    assert 0 < found.high < 1
    assert product(wilson(1.0, n=3), wilson(1.0, n=3)).high == 1


def test_unmeasured_factor_leaves_no_number() -> None:
    assert product(unmeasured("no a"), wilson(0.5, n=9)).method == "no a"
    assert product(wilson(0.5, n=9), unmeasured("no b")).method == "no b"


def test_interval_covers_the_product_in_95_of_100_samples() -> None:
    """Both shares estimated from samples of 60: the interval must hold the true product about 95% of the time."""
    rng = np.random.default_rng(7)
    a, b, trials = 0.4, 0.6, 2_000
    drawn = zip(rng.binomial(60, a, trials), rng.binomial(60, b, trials), strict=True)
    found = [product(wilson(x / 60, n=60), wilson(y / 60, n=60)) for x, y in drawn]
    covered = sum(one.low <= a * b <= one.high for one in found) / trials
    assert 0.93 <= covered <= 0.98


def test_factor_below_0_turns_the_limits_of_the_other_round() -> None:
    loss = Estimate(value=-0.5, low=-0.5, high=-0.5, n=9, method="exact")
    share = wilson(0.3, n=50)
    found = product(loss, share)
    assert (found.low, found.value, found.high) == pytest.approx((-share.high / 2, -0.15, -share.low / 2))
