from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.stats.significance import (
    confidence_sequence,
    e_value,
    evidence_of_lead,
    likeliest_start,
    mean_evidence,
    restarted_evidence,
    running_mean,
)


def test_no_discordant_record_is_no_evidence():
    assert e_value(0, 0) == pytest.approx(1.0)


def test_evidence_does_not_depend_on_the_direction():
    assert e_value(30, 5) == pytest.approx(e_value(5, 30))
    assert e_value(30, 5) > 20


def test_overwhelming_evidence_stays_finite():
    assert math.isfinite(e_value(100_000, 0))


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="negative"):
        e_value(1, -1)


def test_looking_after_every_record_raises_at_most_5_percent_false_alarms():
    rng = np.random.default_rng(1)
    sides = rng.random((400, 300)) < 0.5
    alarms = 0
    for row in sides:
        fixed = np.cumsum(row)
        alarms += any(e_value(int(b), i + 1 - int(b)) >= 20 for i, b in enumerate(fixed))
    assert alarms / 400 <= 0.05


def test_the_price_of_peeking_is_the_published_width():
    # Waudby-Smith & Ramdas: at n = 400 and a mean of 0.7 about 0.16 wide, where a fixed-n interval has 0.09.
    widths = []
    for seed in range(5):
        found = confidence_sequence((np.random.default_rng(seed).random(400) < 0.7).astype(float))
        widths.append(found.high - found.low)
    assert np.mean(widths) == pytest.approx(0.159, abs=0.015)


def test_the_sequence_holds_at_every_look_at_once():
    rng = np.random.default_rng(2)
    missed = 0
    for _ in range(60):
        values = rng.beta(2, 2, 120)
        looks = [confidence_sequence(values[:n], grid=200) for n in range(10, 121, 10)]
        missed += any(not look.low <= 0.5 <= look.high for look in looks)
    assert missed <= 6


def test_odd_input():
    assert confidence_sequence(np.array([0.5])).method == "too few: 1 value"
    assert not confidence_sequence(np.array([])).is_measured
    with pytest.raises(ValueError, match="between 0 and 1"):
        confidence_sequence(np.array([0.5, 2.0]))
    steady = confidence_sequence(np.ones(500))
    assert (steady.value, steady.high) == (1.0, 1.0)
    assert confidence_sequence(np.tile([0.0, 1.0], 300_0), grid=3).value == 0.5


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 20))
def test_evidence_of_a_mean_is_the_e_value_for_records_that_moved_by_one(fixed: int, broken: int, still: int):
    values = np.repeat([1.0, -1.0, 0.0], [fixed, broken, still])
    assert mean_evidence(values, np.arange(len(values)), bound=1) == pytest.approx(e_value(fixed, broken), rel=0.05)


def test_copies_of_a_record_in_its_cluster_are_no_further_evidence():
    values = np.repeat([1.0, -1.0], [20, 4])
    once = mean_evidence(values, np.arange(24), bound=1)
    assert mean_evidence(np.repeat(values, 5), np.repeat(np.arange(24), 5), bound=1) == pytest.approx(once)
    assert mean_evidence(np.repeat(values, 5), np.arange(120), bound=1) > 100 * once


def test_looking_often_at_graded_clusters_raises_at_most_5_percent_false_alarms():
    # Skewed on purpose: many small losses against few large wins, with a mean of 0; their signs alone would mislead.
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(60), 3)
    alarms = 0
    for _ in range(300):
        values = np.repeat(np.where(rng.random(60) < 0.2, 0.8, -0.2), 3)
        looks = (mean_evidence(values[: 3 * i], codes[: 3 * i], bound=1) for i in range(10, 61, 5))
        alarms += any(found >= 20 for found in looks)
    assert alarms / 300 <= 0.05


def test_a_lead_needs_evidence_against_every_other_stage():
    gains = np.zeros((100, 3))
    gains[:40, 0], gains[40:75, 1] = 1, 1
    codes = np.arange(100)
    assert evidence_of_lead(gains, codes, 0) < 2, "the second is too near"
    assert evidence_of_lead(gains[:, [0, 2]], codes, 0) > 20
    assert evidence_of_lead(gains[:, :1], codes, 0) > 20
    missing = np.vstack([gains, np.full((5, 3), math.nan)])
    assert evidence_of_lead(missing, np.arange(105), 0) == pytest.approx(evidence_of_lead(gains, codes, 0))


def test_evidence_that_starts_anew_begins_at_1_and_stays_there_without_payoffs() -> None:
    path = restarted_evidence(np.zeros(0), np.zeros(0, dtype=np.int64), count=5)
    assert path.tolist() == pytest.approx([1.0] * 5)


def test_evidence_that_starts_anew_is_a_fair_game() -> None:
    """Over all outcomes of 2 batches of 2 fair payoffs its mean is 1, whatever the batch."""
    outcomes = np.array(np.meshgrid(*[[-1.0, 1.0]] * 4)).reshape(4, -1).T
    batches = np.array([0, 0, 1, 1])
    mean = np.mean([restarted_evidence(payoffs, batches, count=2) for payoffs in outcomes], axis=0)
    assert mean.tolist() == pytest.approx([1.0, 1.0])


def test_a_late_fall_is_found_though_long_good_times_came_before() -> None:
    payoffs = np.r_[np.full(400, -0.5), np.full(40, 0.5)]
    batches = np.arange(440) // 20
    path = restarted_evidence(payoffs, batches, count=22)
    assert path[19] < 1.1
    assert path[21] > 1_000
    assert likeliest_start(payoffs, batches, count=22) == 20


@given(st.lists(st.floats(-1, 3), min_size=1, max_size=200))
def test_evidence_stays_finite_and_positive(payoffs: list[float]) -> None:
    path = restarted_evidence(np.array(payoffs), np.arange(len(payoffs)) // 7, count=1 + (len(payoffs) - 1) // 7)
    assert np.isfinite(path).all()
    assert (path > 0).all()


def test_running_mean_holds_a_mean_that_drifts_at_every_look_at_once() -> None:
    missed = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        chances = np.linspace(0.95, 0.4, 200)
        values = (rng.random(200) < chances).astype(float)
        truth = np.cumsum(chances) / np.arange(1, 201)
        looks = [(running_mean(values[:n]), truth[n - 1]) for n in range(5, 201, 13)]
        missed += any(not look.low <= mean <= look.high for look, mean in looks)
    assert missed <= 20, "5% and two and a half standard errors"


def test_running_mean_stays_on_its_scale_and_says_where_there_is_none() -> None:
    nothing = running_mean(np.zeros(0))
    assert nothing.method == "not measured: nothing was drawn and answered yet"
    change = running_mean(np.array([-1.0, 1.0, 0.0]), low=-1.0)
    assert (change.low, change.value, change.high) == (-1.0, 0.0, 1.0)
