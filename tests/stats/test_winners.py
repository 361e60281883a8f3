from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

import planted
from simulations import looked_at
from stagegap.analysis.gains import ceiling_of
from stagegap.model.estimate import Estimate
from stagegap.stats.ranks import covariance_of_means, picked


@dataclass(frozen=True)
class Named:
    """What was shown and what was true, of the simulated runs in which a stage was named."""

    shown: np.ndarray
    corrected: np.ndarray
    shown_holds: float
    corrected_holds: float


def named(made: planted.Planted, n: int, simulations: int, *, seed: int = 0) -> Named:
    rng = np.random.default_rng(seed)
    truth = np.diff(made.prefix())
    rows: list[tuple[float, float, bool, bool]] = []
    for _ in range(simulations):
        match, drawn, won = looked_at(made, made.luck(n, rng), rng, resamples=400)
        stairs = ceiling_of(drawn, won)
        if match.is_decided:
            shown, corrected, true = stairs.steps[match.best].gain, match.picked, truth[match.best]
            assert corrected is not None
            holds = [one.low <= true <= one.high for one in (shown, corrected)]
            rows.append((shown.value - true, corrected.value - true, *holds))
    table = np.array(rows, dtype=np.float64)
    return Named(table[:, 0], table[:, 1], float(table[:, 2].mean()), float(table[:, 3].mean()))


@pytest.mark.slow
def test_the_gain_of_a_named_stage_is_too_large_as_shown_and_right_as_corrected():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.9, "B": 0.75, "C": 0.85})
    found = named(made, 60, 1_800)  # of 900 some 80 are named: a standard error of 0.01
    assert len(found.shown) > 120
    assert found.shown.mean() > 0.05
    assert abs(found.corrected.mean()) < 0.02
    assert found.shown_holds < 0.8
    assert found.corrected_holds >= 0.88, "95%, less three standard errors"


def test_a_stage_that_is_far_ahead_keeps_its_gain():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.95})
    found = named(made, 400, 40)
    assert found.corrected == pytest.approx(found.shown, abs=0.004)


def figure(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.2, high=value + 0.2, n=100, method="Tango score")


def normal(values: list[float], errors: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(values), np.diag(errors) ** 2


def test_one_stage_alone_is_picked_for_being_above_nothing():
    values, covariance = normal([0.2], [0.09])
    found = picked(figure(0.2), values, covariance, best=0, level=0.95, lead_level=0.96)
    assert found.value < 0.13, "barely significant: much of it is luck"
    assert found.low < 0.02
    assert "median-unbiased given that it was picked" in found.method


def test_a_rival_that_moves_more_than_the_picked_one_bounds_it_from_above():
    covariance = np.array([[0.0016, 0.0032], [0.0032, 0.0065]])
    found = picked(figure(0.3), np.array([0.3, 0.1]), covariance, best=0, level=0.95, lead_level=0.96)
    assert found.low <= found.value <= found.high


def test_a_figure_without_spread_stays_as_it_is():
    shown = figure(0.2)
    assert picked(shown, np.array([0.2]), np.zeros((1, 1)), best=0, level=0.95, lead_level=0.96) is shown


def test_the_correction_hangs_on_no_rounding_of_the_covariance():
    """Axes of equal length have any direction: what rounding makes of them is no figure."""
    values, even = np.array([0.30, 0.12, 0.12, 0.0]), np.diag([0.01, 0.01, 0.01, 0.0])
    tilted = even + 1e-18 * np.array([[0, 1, -1, 0], [1, 0, 1, 0], [-1, 1, 0, 0], [0, 0, 0, 0]])
    found = [picked(figure(0.3), values, c, best=0, level=0.95, lead_level=0.96) for c in (even, tilted)]
    for name in ("value", "low", "high"):
        assert getattr(found[0], name) == pytest.approx(getattr(found[1], name), abs=1e-9), name


def test_few_clusters_make_the_correction_more_cautious():
    rows = np.random.default_rng(0).normal([0.4, 0.1], [0.9, 0.6], (15, 2)).repeat(10, axis=0)
    rows += np.random.default_rng(1).normal(0, 0.9, rows.shape)
    rows += np.array([0.9, 0.1]) - rows.mean(axis=0)
    values, shown = rows.mean(axis=0), figure(float(rows[:, 0].mean()))

    def corrected(codes: np.ndarray) -> Estimate:
        covariance = covariance_of_means(rows, codes)
        return picked(shown, values, covariance, best=0, level=0.95, lead_level=0.96)

    alone, few = corrected(np.arange(150)), corrected(np.arange(150) // 10)
    assert few.low < alone.low < alone.high < few.high


def test_a_lead_that_only_the_score_interval_accepts_is_no_contradiction():
    values, covariance = normal([0.2, 0.1], [0.08, 0.08])
    found = picked(figure(0.2), values, covariance, best=0, level=0.95, lead_level=0.96)
    assert all(math.isfinite(x) for x in (found.low, found.value, found.high))
    assert found.value < 0.2


@pytest.mark.parametrize("past", [0.0, 1e-6, 1e-3])
def test_just_past_the_bar_the_corrected_gain_is_no_point_without_width(past: float):
    lead = 2.0537489 * math.sqrt(2) * 0.05 + past  # of the 96% by which a lead is told from 0
    values, covariance = normal([0.35, 0.35 - lead], [0.05, 0.05])
    shown = replace(figure(0.35), low=0.25, high=0.45)
    found = picked(shown, values, covariance, best=0, level=0.95, lead_level=0.96)
    assert found.high >= shown.low > found.low + 0.02


def test_the_covariance_of_means_takes_clusters_whole():
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    alone = covariance_of_means(rows, np.arange(4))
    assert alone[0, 0] == pytest.approx(rows[:, 0].var(ddof=1) / 4)
    assert alone[0, 1] == pytest.approx(np.cov(rows.T)[0, 1] / 4)
    pairs = covariance_of_means(rows, np.array([0, 0, 1, 1]))
    assert pairs[0, 0] > 2 * alone[0, 0], "two clusters of copies say next to nothing"
