"""Learning curves: the power law, and what is said about more data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import odd_runs
from stagegap.oddities.card import Finding
from stagegap.oddities.curve import DETECTORS, ahead_of, fitted, more_data, taught
from stagegap.stats.intervals import wilson
from stagegap.stats.spread import Clusters

UNITS = Clusters(codes=np.arange(300), count=300)


@pytest.mark.parametrize(("level", "drop", "rate"), [(0.1, 1.0, 0.5), (0.0, 0.8, 0.3), (0.3, 5.0, 1.2)])
def test_power_law_without_noise_is_recovered(level: float, drop: float, rate: float) -> None:
    sizes = [10, 30, 100, 300, 1000, 3000]
    law = fitted(sizes, np.array([level + drop * n**-rate for n in sizes]))
    assert law.level == pytest.approx(level, abs=0.02)
    assert law.at(200) == pytest.approx(level + drop * 200**-rate, abs=0.01)


def test_flat_and_rising_errors_have_no_drop() -> None:
    assert fitted([10, 100, 1000], np.array([0.2, 0.2, 0.2])).at(5000) == pytest.approx(0.2)
    assert fitted([10, 100, 1000], np.array([0.1, 0.2, 0.3])).drop == 0.0
    assert fitted([10, 100, 1000], np.array([0.2, 0.2, 0.2])).size_for(0.1) == float("inf")


def test_more_data_closes_the_gap_does_not_or_is_not_known() -> None:
    rng = np.random.default_rng(1)
    wide = (16, 64, 256, 1024, 4096, 16384)
    for level, human, words in (
        (0.4, 0.1, "More data would not close this gap."),
        (0.02, 0.2, "More data would close this gap, at about "),
        (0.1, 0.1, "Whether more data would close this gap can't be told yet."),
    ):
        curve = replace(odd_runs.curve(rng, 300, level=level, sizes=wide), human=wilson(human, n=400))
        ahead = ahead_of(curve, UNITS, rng=rng)
        assert more_data(curve, ahead.law, ahead.level).startswith(words)
        assert ahead.size == 65_536
        assert ahead.level.value <= ahead.error.value == pytest.approx(ahead.law.at(65_536))
        assert ahead.error.low <= ahead.error.value <= ahead.error.high
    assert more_data(replace(curve, human=None), ahead.law, ahead.level) == "How far labellers are is not measured."


def test_interval_of_the_level_holds_the_truth() -> None:
    rng = np.random.default_rng(2)
    wide = (16, 64, 256, 1024, 4096, 16384)
    held = 0
    for _ in range(20):
        level = ahead_of(odd_runs.curve(rng, 300, level=0.2, sizes=wide), UNITS, rng=rng).level
        held += level.low <= 0.2 <= level.high
    assert held >= 17


def test_too_few_sizes_or_seeds_say_nothing() -> None:
    rng = np.random.default_rng(3)
    run = odd_runs.clean(rng)
    whole = odd_runs.curve(rng, run.n)
    for curve in (
        replace(whole, sizes=whole.sizes[:3], dev=whole.dev[:, :3], train=whole.train[:, :3]),
        replace(whole, dev=whole.dev[:2], train=whole.train[:2]),
        replace(whole, dev=np.full_like(whole.dev, np.nan)),
    ):
        found: list[Finding | None] = []
        for detector in DETECTORS:
            found += detector.look(replace(run, curves=(curve,)))
        assert found == []
        (said,) = taught(replace(run, curves=(curve,)))
        assert said.sentence.startswith("Too few to say whether more data would close the gap of route: ")


def test_examples_of_a_prompt_have_no_error_of_their_own() -> None:
    run = odd_runs.clean(np.random.default_rng(3))
    curve = replace(run.curves[0], unit="examples", train=np.full_like(run.curves[0].train, np.nan))
    run = replace(run, curves=(curve,))
    assert list(next(one for one in DETECTORS if one.name == "train-worse").look(run)) == []
    (said,) = taught(run)
    assert [mark.other for mark in said.plot.marks] == [None] * len(curve.sizes)


def test_curve_is_drawn_with_people_and_the_fitted_law() -> None:
    rng = np.random.default_rng(4)
    run = odd_runs.clean(rng)
    finding = next(iter(DETECTORS[2].look(run)))
    assert finding is not None
    assert finding.plot is not None
    assert [mark.name for mark in finding.plot.marks] == ["16", "32", "64", "128", "256"]
    assert finding.plot.level_name == "labellers"
    assert finding.plot.marks[0].expected > finding.plot.marks[-1].expected
