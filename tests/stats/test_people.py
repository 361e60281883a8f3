from __future__ import annotations

import numpy as np
import pytest

from stagegap.model.estimate import Estimate
from stagegap.stats.raters import over_people, two_way
from stagegap.stats.resample import resample
from stagegap.stats.spread import Spread, clusters, spread

SCORE = Estimate(value=0.9, low=0.85, high=0.95, n=100, method="Wilson")


def error_of(error: float, *, n: int = 100) -> Spread:
    """The spread of a mean of independent records with this standard error."""
    values = np.linspace(-1, 1, n)
    return spread(values / values.std(ddof=1) * error * n**0.5, np.arange(n))


def test_people_who_differ_widen_the_interval():
    alike = two_way(SCORE, within=error_of(0.025), without=np.array([0.9, 0.9, 0.9]), lowest=0)
    differ = two_way(SCORE, within=error_of(0.025), without=np.array([0.85, 0.9, 0.95]), lowest=0)
    assert (alike.low, alike.high) == pytest.approx((0.85, 0.95), abs=0.001)
    assert differ.low < 0.75
    assert differ.high == 1.0, "a score ends at 1"
    assert "labellers by jackknife, only 3 of them" in differ.method


def test_jackknife_of_means_gives_the_standard_error_of_a_mean():
    scores = np.array([0.5, 0.6, 0.7, 0.9])
    without = (scores.sum() - scores) / 3
    records = Estimate(value=float(scores.mean()), low=0.675, high=0.675, n=9, method="m")
    found = two_way(records, within=error_of(0.0, n=1000), without=without, lowest=0)
    error = scores.std(ddof=1) / 2
    assert (found.high - found.value) / error == pytest.approx(3.182, abs=0.001), "Student's t with 3 degrees"


def test_two_people_leave_the_interval_to_the_records_and_say_so():
    found = two_way(SCORE, within=error_of(0.025), without=np.array([0.9, 0.8]), lowest=0)
    assert (found.low, found.high) == (SCORE.low, SCORE.high)
    assert found.method == "Wilson; over records only: fewer than 3 labellers can't be jackknifed"


def test_ten_people_are_no_longer_few_and_nothing_stays_nothing():
    pairs = spread(np.random.default_rng(0).random(28), np.arange(28) // 2)
    found = two_way(SCORE, within=pairs, without=np.linspace(0.89, 0.91, 10), lowest=-1)
    assert "10 of them, Student t; only 14 clusters" in found.method
    empty = resample({"a": np.full(3, np.nan)}, clusters("abc"), rng=np.random.default_rng(0), resamples=10)
    assert over_people(empty, {"a": 1.0}, without=[], lowest=0).method == "not measured: no record has this score"


def test_two_way_intervals_hold_the_truth_when_people_and_records_are_both_drawn():
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        care, ease = rng.normal(0.8, 0.05, 6), rng.normal(0, 0.1, 80)
        scores = care[:, None] + ease[None, :] + rng.normal(0, 0.1, (6, 80))
        per_record = scores.mean(axis=0)
        within = spread(per_record, np.arange(80))
        value, half = float(per_record.mean()), 1.99 * within.error
        plain = Estimate(value=value, low=value - half, high=value + half, n=80, method="t")
        without = np.array([np.delete(scores, person, axis=0).mean() for person in range(6)])
        found = two_way(plain, within=within, without=without, lowest=0)
        held += found.low <= 0.8 <= found.high
    assert 0.92 <= held / 300 <= 0.995
