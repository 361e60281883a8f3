from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import NormalIndPower

from stagegap.stats.paired import mcnemar
from stagegap.stats.sample_size import (
    detectable_difference,
    errors_to_separate_shares,
    pairs_for_mcnemar,
    records_for_mean_difference,
)


def test_repeats_take_off_only_the_noise_of_a_single_answer():
    many = records_for_mean_difference(0.05, variance=0.1, noise_a=0.2, noise_b=0.2, repeats_a=1000, repeats_b=1000)
    assert many == pytest.approx(records_for_mean_difference(0.05, variance=0.1), abs=2)
    assert records_for_mean_difference(0.05, variance=0.1, noise_a=0.2) > many


def test_what_is_detectable_is_the_inverse_of_what_is_needed():
    assert detectable_difference(969, variance=1 / 9) == pytest.approx(0.03, abs=1e-5)


def test_the_planned_number_of_pairs_has_the_planned_power():
    # McNemar's exact test is a little weaker than the formula's chi-squared.
    n = pairs_for_mcnemar(0.20, 0.05, power=0.8)
    rng = np.random.default_rng(0)
    moved = rng.multinomial(n, [0.20, 0.05, 0.75], size=1500)
    power = np.mean([mcnemar(int(b), int(c)).p_chi2 < 0.05 for b, c, _ in moved])
    assert power == pytest.approx(0.8, abs=0.04)


def test_the_planned_number_of_errors_separates_two_shares():
    n = errors_to_separate_shares(0.4, 0.25)
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(n, [0.4, 0.25, 0.35], size=2000) / n
    difference = drawn[:, 0] - drawn[:, 1]
    error = np.sqrt((drawn[:, 0] + drawn[:, 1] - difference**2) / n)
    assert np.mean(difference / error > 1.96) == pytest.approx(0.8, abs=0.04)


@settings(max_examples=20)
@given(st.floats(0.02, 0.3), st.floats(0.05, 0.5), st.sampled_from([0.8, 0.9, 0.95]))
def test_records_for_a_mean_difference_agree_with_statsmodels(delta: float, variance: float, power: float):
    # ratio=0 is the test of one sample; beyond a power of 80% the far tail that the formula leaves out is nothing.
    oracle = NormalIndPower().solve_power(delta / variance**0.5, alpha=0.05, power=power, ratio=0)
    assert records_for_mean_difference(delta, variance=variance, power=power) == pytest.approx(
        oracle,
        abs=1 + 1e-5 * oracle,  # rounded up, and the oracle's solver stops at a tolerance
    )
    assert detectable_difference(round(oracle), variance=variance, power=power) == pytest.approx(
        delta, rel=0.2 / oracle**0.5 + 1e-3
    )


def test_no_difference_needs_no_number():
    with pytest.raises(ValueError, match="no number of records shows a difference of 0"):
        records_for_mean_difference(0, variance=1)
    with pytest.raises(ValueError, match="no number of records"):
        errors_to_separate_shares(0.3, 0.3)
    with pytest.raises(ValueError, match="no number of records"):
        pairs_for_mcnemar(0.1, 0.1)
