"""A fast subset of `make slow`: intervals hold the truth about as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

import covering
import uneven
from stagegap.model.estimate import Estimate
from stagegap.stats.resample import resample
from stagegap.stats.spread import clusters

SIMULATIONS = 400
TRUTH = {"share": 0.8, "gain": 0.15, "graded": 1 / 1.4}


def figure(kind: str, units: int, per_unit: int, rng: np.random.Generator) -> Estimate:
    codes = np.repeat(np.arange(units), per_unit)
    own, together = rng.random(len(codes)), rng.random(units)[codes]
    u = own if per_unit == 1 else np.where(rng.random(len(codes)) < 1 / 3, together, own)
    if kind == "graded":
        columns = {"a": u**0.4}
    elif kind == "share":
        columns = {"a": (u < 0.8).astype(float)}
    else:
        before = (u >= 0.5) | (u < 0.05)
        columns = {"a": ((u >= 0.3) & (u >= 0.05)).astype(float), "b": before.astype(float)}
    # The draws of a graded figure hang on its values alone: few of them would err in the same direction each time.
    drawn = resample(columns, clusters(codes.tolist()), rng=rng, resamples=2_000)
    return drawn.difference("a", "b") if kind == "gain" else drawn.mean("a")


@pytest.mark.parametrize("kind", ["share", "gain", "graded"])
@pytest.mark.parametrize(("units", "per_unit"), [(60, 1), (20, 5)])
def test_intervals_cover_the_truth(kind: str, units: int, per_unit: int):
    rng = np.random.default_rng(12)
    found = [figure(kind, units, per_unit, rng) for _ in range(SIMULATIONS)]
    covered = np.mean([estimate.low <= TRUTH[kind] <= estimate.high for estimate in found])
    assert 0.92 <= covered <= 0.985, "0.95 with about three standard errors"
    assert np.mean([estimate.value for estimate in found]) == pytest.approx(TRUTH[kind], abs=0.01)


COUNTED = [one for one in covering.settings() if one.n in (50, 200) and one.rates]


@pytest.mark.parametrize("setting", COUNTED, ids=lambda one: one.figure.replace(" ", "_"))
def test_score_intervals_cover_between_93_5_and_96_5_percent_of_all_samples_there_can_be(setting: covering.Setting):
    found = covering.exact(setting)
    assert found is not None
    assert found >= 0.935
    assert found <= 0.965 or setting.is_rare


@pytest.mark.parametrize(("figure", "clusters"), [("share 0.5", 30), ("graded score", 30), ("share 0.97", 100)])
def test_intervals_hold_with_a_heavy_tail_of_cluster_sizes(figure: str, clusters: int):
    found = uneven.held(figure, uneven.heavy, clusters, simulations=200, resamples=2_000)
    # Three standard errors; fewer than 15 effective clusters: more. A share of 0.97 is held 93 times in 100.
    assert (0.875 if figure == "share 0.97" else 0.91) <= found.covered <= 1.0
    assert 0.91 <= found.of_clusters <= 0.99


def test_one_cluster_with_half_of_the_records_is_said_each_time():
    found = uneven.held("share 0.5", uneven.half, 30, simulations=60, resamples=50)
    assert found.warned == 1
    assert found.of_clusters >= 0.86
