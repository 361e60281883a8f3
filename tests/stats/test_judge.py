from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stagegap.stats.judge import (
    anchoring,
    cheapest_mix,
    informedness,
    labels_that_would_do,
    leaning,
    ppi_difference,
    ppi_mean,
    ppi_rate,
    rogan_gladen,
)

Floats = NDArray[np.float64]


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


def test_whole_clusters_are_what_is_independent_in_a_helped_mean():
    rng = np.random.default_rng(0)
    held = 0
    units = np.repeat(np.arange(60), 5)
    for _ in range(400):
        truth = np.repeat(rng.random(60) < 0.6, 5)
        y = np.where(rng.random(300) < 0.8, truth, rng.random(300) < 0.6).astype(float)
        f = np.where(rng.random(300) < 0.85, y, 1 - y)
        found = ppi_mean(y[:100], f[:100], f[100:], units=units)
        held += found.low <= 0.6 <= found.high
    assert 0.91 <= held / 400 <= 0.985
    one = ppi_mean(np.ones(5), np.ones(5), np.zeros(295), units=units)
    assert one.method == "too few: all 5 labelled records belong to one cluster"


def naive_ppi(labels: list[float], judged: list[float], others: list[float]) -> tuple[float, float]:
    """Value and standard error of PPI++ for a mean, as its authors write it: loops, no shared code."""
    n, more = len(labels), len(others)
    every = judged + others
    middle_y, middle_f, middle = sum(labels) / n, sum(judged) / n, sum(every) / len(every)
    covariance = sum((y - middle_y) * (f - middle_f) for y, f in zip(labels, judged, strict=True)) / (n - 1)
    variance = sum((f - middle) ** 2 for f in every) / (len(every) - 1)
    weight = covariance / ((1 + n / more) * variance)
    rest = [y - weight * f for y, f in zip(labels, judged, strict=True)]
    centre = sum(rest) / n
    of_rest = sum((r - centre) ** 2 for r in rest) / (n - 1) / n
    mean_others = sum(others) / more
    of_others = weight**2 * sum((f - mean_others) ** 2 for f in others) / (more - 1) / more
    return centre + weight * mean_others, (of_rest + of_others) ** 0.5


def test_value_and_error_are_those_of_the_formula_written_out():
    rng = np.random.default_rng(11)
    labels, found, others = judged(60, 400, 0.8, rng)
    value, error = naive_ppi(labels.tolist(), found.tolist(), others.tolist())
    estimate = ppi_mean(labels, found, others)
    assert estimate.value == pytest.approx(value, abs=1e-12)
    half = 2.000995  # Student's 97.5% quantile with 59 degrees of freedom
    assert (estimate.high - estimate.low) / 2 == pytest.approx(half * error, rel=1e-5)
    rate = ppi_rate(labels, found, others)
    assert rate.value == pytest.approx(value, abs=1e-12)
    effective = value * (1 - value) / error**2
    for limit in (rate.low, rate.high):
        assert abs(limit - value) == pytest.approx(half * (limit * (1 - limit) / effective) ** 0.5, rel=1e-5)


def test_rate_stays_within_0_and_1_and_has_a_width_at_its_end():
    labels = np.array([1.0] * 40 + [0.0])
    rate = ppi_rate(labels, labels, np.ones(900))
    assert 0.97 < rate.value <= 1
    assert rate.low < rate.value <= rate.high <= 1
    assert ppi_rate(np.ones(2), np.ones(2), np.ones(9)).method == "too few: 2 labelled records"


@pytest.mark.parametrize(("n", "good", "care"), [(60, 0.6, 0.6), (120, 0.85, 0.9), (120, 0.7, 0.99)])
def test_rate_keeps_its_coverage_whatever_the_judge_is_worth(n: int, good: float, care: float):
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(400):
        truth = (rng.random(n + 1500) < good).astype(float)
        found = np.where(rng.random(n + 1500) < care, truth, 1 - truth)
        rate = ppi_rate(truth[:n], found[:n], found[n:])
        covered.append(rate.low <= good <= rate.high)
    assert 0.92 <= np.mean(covered) <= 0.98


def test_informedness_is_sensitivity_plus_specificity_less_one():
    labels = np.repeat([1.0, 0.0], [20, 10])
    found = np.concatenate([np.repeat([1.0, 0.0], [18, 2]), np.repeat([1.0, 0.0], [1, 9])])
    estimate = informedness(labels, found)
    assert estimate.value == pytest.approx(0.9 + 0.9 - 1)
    assert 0 < estimate.low < estimate.value < estimate.high
    assert informedness(labels[1:19], found[1:19]).method == (
        "too few: 18 good and 0 bad labelled records, and 10 of each are needed"
    )


def test_useless_judge_is_refused_in_19_of_20_samples():
    rng = np.random.default_rng(6)
    refused = [
        not informedness((rng.random(120) < 0.7).astype(float), (rng.random(120) < 0.8).astype(float)).low > 0
        for _ in range(300)
    ]
    assert np.mean(refused) >= 0.95


def test_judge_of_few_clusters_is_surer_than_it_may_be_where_records_were_independent():
    rng = np.random.default_rng(8)
    labels = np.repeat((rng.random(24) < 0.5).astype(float), 10)
    found = np.repeat(np.where(rng.random(24) < 0.7, labels[::10], 1 - labels[::10]), 10)
    clustered = informedness(labels, found, np.repeat(np.arange(24), 10))
    assert clustered.low < informedness(labels, found).low
    assert clustered.clusters == 24
    assert informedness(labels, found, np.zeros(240, dtype=np.int64)).method == (
        "too few: all 240 labelled records belong to one cluster"
    )


def test_labels_that_would_do_grow_as_the_judge_comes_near_a_coin():
    labels = np.repeat([1.0, 0.0], [20, 20])
    weak = np.concatenate([np.repeat([1.0, 0.0], [12, 8]), np.repeat([1.0, 0.0], [10, 10])])
    better = np.concatenate([np.repeat([1.0, 0.0], [13, 7]), np.repeat([1.0, 0.0], [8, 12])])
    wanted = [labels_that_would_do(labels, found) for found in (weak, better)]
    assert wanted[0] is not None
    assert wanted[1] is not None
    assert wanted[0] > wanted[1] > 40
    alike = labels_that_would_do(np.repeat(labels, 5), np.repeat(weak, 5), np.repeat(np.arange(40), 5))
    assert alike is not None
    assert alike > 2 * wanted[0], "five equal records of a cluster tell about as much as one"
    assert labels_that_would_do(labels, weak, np.zeros(40, dtype=np.int64)) == wanted[0]
    assert labels_that_would_do(labels, 1 - better) is None
    assert labels_that_would_do(np.ones(30), np.ones(30)) is None


def test_judge_that_favours_longer_answers_is_seen_and_one_that_errs_at_random_is_not():
    rng = np.random.default_rng(9)
    longer = rng.random(2000) < 0.5
    labels = (rng.random(2000) < np.where(longer, 0.8, 0.5)).astype(float)
    fair = np.where(rng.random(2000) < 0.8, labels, 1 - labels)
    biased = np.where(longer & (rng.random(2000) < 0.3), 1.0, fair)
    codes = np.arange(2000)
    assert not leaning(fair, labels, longer, codes).excludes_zero
    lean = leaning(biased, labels, longer, codes)
    assert lean.low > 0.03
    assert abs(float((fair - labels)[longer].mean() - (fair - labels)[~longer].mean())) > 0.05, "the raw error misleads"
    assert leaning(fair[:5], labels[:5], longer[:5], codes[:5]).method.startswith("too few: 5 labelled records")
    assert leaning(labels, labels, longer, codes).method == (
        "too few: the judge never differs from the labels, so nothing can lean"
    )
    assert leaning(fair, labels, longer, codes // 2).clusters == 1000


def naive_folds(labels: list[float], judged: list[float], others: list[float]) -> tuple[float, float]:
    """Value and standard error of the difference, record by record with the weight of the other nine folds."""
    n, more = len(labels), len(others)
    weights = []
    for place in range(n):
        kept = [i for i in range(n) if i % 10 != place % 10]
        ys, fs = [labels[i] for i in kept], [judged[i] for i in kept]
        every = fs + others
        my, mf, m = sum(ys) / len(ys), sum(fs) / len(fs), sum(every) / len(every)
        covariance = sum((y - my) * (f - mf) for y, f in zip(ys, fs, strict=True)) / (len(ys) - 1)
        variance = sum((f - m) ** 2 for f in every) / (len(every) - 1)
        weights.append(covariance / ((1 + len(ys) / more) * variance))
    rest = [y - w * f for y, f, w in zip(labels, judged, weights, strict=True)]
    weight, centre, mean = sum(weights) / n, sum(rest) / n, sum(others) / more
    spread = sum((r - centre) ** 2 for r in rest) / (n - 1) / n
    spread += weight**2 * sum((f - mean) ** 2 for f in others) / (more - 1) / more
    return centre + weight * mean, (spread + 1 / (n * (n + 2))) ** 0.5


def test_difference_is_that_of_the_formula_written_out():
    rng = np.random.default_rng(12)
    before, after = judged(60, 400, 0.8, rng), judged(60, 400, 0.8, rng)
    labels, found, others = (b - a for a, b in zip(before, after, strict=True))
    value, error = naive_folds(labels.tolist(), found.tolist(), others.tolist())
    estimate = ppi_difference(labels, found, others)
    assert estimate.value == pytest.approx(value, abs=1e-12)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(2.000995 * error, rel=1e-5)
    clustered = ppi_difference(labels, found, others, units=np.arange(460) // 4)
    assert clustered.clusters == 15
    assert ppi_difference(labels[:2], found[:2], others).method == "too few: 2 labelled records"
    alone = ppi_difference(labels, found, np.zeros(0))
    assert alone.value == pytest.approx(labels.mean())


def half_marked(n: int, more: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Labels, marks that 40% of the labelled records lack, marks of the others."""
    labels, found, others = judged(n, more, 0.85, rng)
    return labels, np.where(rng.random(n) < 0.6, found, np.nan), others


def test_labelled_records_without_a_mark_weigh_in_the_labels_alone():
    labels, found, others = half_marked(80, 300, np.random.default_rng(3))
    known = ~np.isnan(found)
    n, m, more = len(labels), int(known.sum()), len(others)
    marks = np.concatenate([found[known], others])
    weight = np.cov(labels[known], found[known])[0, 1] / ((n / m + n / more) * marks.var(ddof=1))
    value = labels.mean() - weight * found[known].mean() + weight * others.mean()
    estimate = ppi_mean(labels, found, others)
    assert estimate.value == pytest.approx(value, abs=1e-12)
    assert estimate.n == n
    # Var(mean y) - 2 w Cov(y, f) / n + w^2 Var f (1 / m + 1 / N), each from the sample it is seen in
    error = ((estimate.high - estimate.low) / 2) / 1.990450
    covariance = np.cov(labels[known], found[known])[0, 1]
    spread = found[known].var(ddof=1)
    wanted = labels.var(ddof=1) / n - 2 * weight * covariance / n + weight**2 * (spread / m + others.var(ddof=1) / more)
    assert error**2 == pytest.approx(wanted, rel=0.03)


def test_few_records_with_both_give_no_weight_to_the_marks():
    labels, found, others = judged(60, 300, 0.9, np.random.default_rng(4))
    found[9:] = np.nan
    assert ppi_mean(labels, found, others).value == pytest.approx(labels.mean())
    assert "weight 0.00" in ppi_mean(labels, np.full(60, np.nan), others).method


def test_anchoring_is_what_the_correction_takes_off_and_pairs_where_all_have_both():
    rng = np.random.default_rng(6)
    labels, found, others = half_marked(80, 300, rng)
    marks = np.concatenate([found[~np.isnan(found)], others])
    drawn = anchoring(labels, found, others)
    assert drawn.value == pytest.approx(marks.mean() - ppi_mean(labels, found, others).value, abs=1e-12)
    paired = rng.random(80).round()
    alone = anchoring(labels, paired, np.zeros(0))
    difference = paired - labels
    assert alone.value == pytest.approx(difference.mean(), abs=1e-12)
    # Student's 97.5% quantile with 79 degrees of freedom; the variance has one record more on which both differ
    half = 1.990450 * (difference.var(ddof=1) / 80 + 1 / (80 * 82)) ** 0.5
    assert alone.high - alone.value == pytest.approx(half, rel=1e-5)


def test_anchoring_says_what_it_lacks():
    assert anchoring(np.ones(2), np.ones(2), np.ones(9)).method == "too few: 2 labelled records"
    labels = np.array([1.0, 0.0, 1.0, 1.0])
    assert anchoring(labels, np.full(4, np.nan), np.ones(2)).method == "too few: 2 verdicts"


@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_swapping_good_and_bad_turns_the_anchoring_around(seed: int, care: float):
    rng = np.random.default_rng(seed)
    labels, found, others = judged(40, 100, care, rng)
    found[rng.random(40) < 0.3] = np.nan
    if np.ptp(labels) == 0:
        return
    forth, back = anchoring(labels, found, others), anchoring(1 - labels, 1 - found, 1 - others)
    assert back.value == pytest.approx(-forth.value, abs=1e-9)
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low), abs=1e-9)
    assert forth.low <= forth.value <= forth.high


def planted_anchoring(
    rng: np.random.Generator, *, total: int, good: float, drawn: float, of_one: bool
) -> tuple[Floats, Floats, Floats, float]:
    """What one or two people say of outputs of which `good` are; who sees a bad one accepts it with chance `drawn`.

    Each answers a random tenth blind. With blind answers, marks of these, marks of the others: the true anchoring.
    """
    truth = (rng.random(total) < good).astype(np.float64)
    seen = np.where(truth == 1, rng.random(total) < 0.97, rng.random(total) < drawn).astype(np.float64)
    first, second = rng.random(total) < 0.1, rng.random(total) < 0.1
    blind = first if of_one else first | second
    has_mark = ~first if of_one else ~(first & second)
    beside = np.where(has_mark, seen, np.nan)[blind]
    return truth[blind], beside, seen[has_mark & ~blind], (1 - good) * drawn - good * 0.03


@pytest.mark.parametrize(("of_one", "total", "drawn"), [(True, 400, 0.5), (False, 300, 0.2), (False, 400, 0.5)])
def test_planted_anchoring_is_measured_and_taken_off(of_one: bool, total: int, drawn: float):
    rng = np.random.default_rng(17)
    covered: list[tuple[bool, bool]] = []
    for _ in range(250):
        *said, true = planted_anchoring(rng, total=total, good=0.7, drawn=drawn, of_one=of_one)
        rate, effect = ppi_rate(*said), anchoring(*said)
        covered.append((rate.low <= 0.7 <= rate.high, effect.low <= true <= effect.high))
    rates, effects = np.mean(covered, axis=0)
    assert 0.91 <= rates <= 0.99
    assert 0.91 <= effects <= 0.99


def test_cheapest_mix_is_that_of_double_sampling():
    mix = cheapest_mix(variance=0.25, correlation=0.8, half_width=0.05, seconds_blind=60, seconds_verdict=10)
    # Cochran (1977), 12.8: V = S^2 (1 - r^2) / n + S^2 r^2 / N, n and N as the roots of variance over cost
    wanted = (0.05 / 1.959964) ** 2
    assert 0.25 * 0.36 / mix.blind + 0.25 * 0.64 / mix.verdicts <= wanted
    root = (0.25 * 0.36 * 60) ** 0.5 + (0.25 * 0.64 * 10) ** 0.5
    assert mix.minutes == pytest.approx(root**2 / wanted / 60, rel=0.01)
    assert mix.alone == pytest.approx(385, abs=1)
    assert mix.minutes < mix.alone


@given(st.floats(0.02, 0.25), st.floats(-0.99, 0.99), st.floats(1, 300), st.floats(1, 300))
def test_mix_never_takes_longer_than_blind_answers_alone(
    variance: float, correlation: float, blind: float, verdict: float
):
    mix = cheapest_mix(
        variance=variance, correlation=correlation, half_width=0.05, seconds_blind=blind, seconds_verdict=verdict
    )
    assert mix.minutes <= mix.alone
    assert mix.verdicts == 0 or mix.verdicts > mix.blind > 0
