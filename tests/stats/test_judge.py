from __future__ import annotations

import numpy as np
import pytest

from stagegap.stats.judge import ppi_mean, rogan_gladen, weighted_mean


def test_rogan_gladen_covers_the_true_rate():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(600):
        found = rogan_gladen(
            int(rng.binomial(300, 0.6 * 0.9 + 0.4 * 0.15)),
            300,
            right_positives=int(rng.binomial(60, 0.9)),
            positives=60,
            right_negatives=int(rng.binomial(50, 0.85)),
            negatives=50,
        )
        covered += found.low <= 0.6 <= found.high
    assert 0.93 <= covered / 600 <= 0.98


def test_a_judge_that_tells_nothing_is_refused():
    found = rogan_gladen(50, 100, right_positives=26, positives=50, right_negatives=25, negatives=50)
    assert found.method == "not measured: the judge is not better than chance on the calibration records"


def test_an_uncalibrated_judge_is_refused():
    found = rogan_gladen(50, 100, right_positives=0, positives=0, right_negatives=25, negatives=50)
    assert found.method == "too few: the judge is not calibrated on both good and bad records"


def test_a_rate_beyond_what_the_judge_can_give_is_clipped():
    found = rogan_gladen(100, 100, right_positives=45, positives=50, right_negatives=45, negatives=50)
    assert (found.value, found.high) == (1.0, 1.0)


def judged(n: int, more: int, care: float, rng: np.random.Generator):
    truth = (rng.random(n + more) < 0.7).astype(float)
    found = np.where(rng.random(n + more) < care, truth, 1 - truth)
    return truth[:n], found[:n], found[n:]


@pytest.mark.parametrize(("n", "care"), [(40, 0.9), (150, 0.7)])
def test_a_judge_sharpens_the_mean_and_keeps_its_coverage_below_200_labels(n: int, care: float):
    rng = np.random.default_rng(1)
    found = [ppi_mean(*judged(n, 2000, care, rng)) for _ in range(500)]
    assert np.mean([e.low <= 0.7 <= e.high for e in found]) >= 0.92
    assert np.mean([e.value for e in found]) == pytest.approx(0.7, abs=0.01)
    alone = 2 * 2 * np.sqrt(0.21 / n)
    assert np.mean([e.high - e.low for e in found]) < alone


def test_a_judge_that_tells_nothing_does_no_harm():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 500).astype(float)
    found = ppi_mean(labels, rng.random(500), rng.random(5000))
    assert found.value == pytest.approx(labels.mean(), abs=0.01)
    constant = ppi_mean(labels, np.ones(500), np.ones(100))
    assert constant.value == labels.mean()


def test_without_other_records_it_is_the_plain_mean():
    labels = np.array([0.0, 1, 1, 1])
    found = ppi_mean(labels, labels, np.array([]))
    assert found.value == 0.75


@pytest.mark.parametrize(("n", "reason"), [(0, "too few: 0 labelled records"), (1, "too few: 1 labelled record")])
def test_too_few_labels_are_named(n: int, reason: str):
    assert ppi_mean(np.ones(n), np.ones(n), np.ones(9)).method == reason


def test_labels_and_scores_must_fit():
    with pytest.raises(ValueError, match="3 labels need 3 judged scores, got 2"):
        ppi_mean(np.ones(3), np.ones(2), np.ones(9))
    assert not ppi_mean(np.ones(3), np.ones(3), np.ones(9)).is_measured


def test_records_chosen_with_known_chances_give_an_unbiased_mean():
    rng = np.random.default_rng(3)
    truth = (rng.random(2000) < 0.3).astype(float)
    predicted = np.clip(0.3 + 0.4 * (truth - 0.3) + rng.normal(0, 0.1, 2000), 0, 1)
    chances = np.clip(0.02 + 0.3 * np.abs(predicted - 0.5), 0.02, 1)
    values, covered = [], 0
    for _ in range(400):
        taken = rng.random(2000) < chances
        found = weighted_mean(truth[taken], predicted[taken], chances[taken], predicted[~taken])
        values.append(found.value)
        covered += found.low <= truth.mean() <= found.high
    assert np.mean(values) == pytest.approx(truth.mean(), abs=0.006)
    assert covered / 400 >= 0.93


def test_a_chance_of_zero_is_refused_and_one_label_is_too_few():
    with pytest.raises(ValueError, match="above 0"):
        weighted_mean(np.ones(2), np.ones(2), np.array([0.0, 0.5]), np.ones(3))
    assert not weighted_mean(np.ones(1), np.ones(1), np.ones(1), np.ones(3)).is_measured


def test_whole_clusters_are_what_is_independent_in_a_helped_mean():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        truth = np.repeat(rng.random(60) < 0.6, 5)
        y = np.where(rng.random(300) < 0.8, truth, rng.random(300) < 0.6).astype(float)
        f = np.where(rng.random(300) < 0.85, y, 1 - y)
        units = np.repeat(np.arange(60), 5)
        found = ppi_mean(y[:100], f[:100], f[100:], units=units)
        held += found.low <= 0.6 <= found.high
    assert 0.91 <= held / 400 <= 0.985
    one = ppi_mean(y[:5], f[:5], f[5:], units=units)
    assert one.method == "too few: all 5 labelled records belong to one cluster"
