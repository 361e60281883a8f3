from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from stagegap.stats.resample import Resamples, ratio, resample
from stagegap.stats.spread import clusters


def drawn(above: Sequence[float], below: Sequence[float], units: list[str] | None = None) -> Resamples:
    columns = {"above": np.array(above, dtype=float), "below": np.array(below, dtype=float)}
    named = units or [str(i) for i in range(len(above))]
    return resample(columns, clusters(named), rng=np.random.default_rng(3), resamples=2000)


def test_f1_is_the_ratio_of_hits_to_half_of_what_was_wanted_and_found():
    # 30 hits, 10 false alarms, 20 misses, 40 rightly left alone: F1 = 60 / 90.
    found = ratio(drawn([1] * 30 + [0] * 70, [1] * 30 + [0.5] * 30 + [0] * 40), "above", "below")
    assert found.value == pytest.approx(60 / 90)
    assert (found.n, found.clusters) == (60, None)
    assert found.low < 0.6
    assert found.high > 0.72
    assert found.method == "bootstrap of a ratio, expanded percentile, 2000 resamples"


def test_interval_agrees_with_the_delta_method():
    rng = np.random.default_rng(8)
    below = rng.random(1500) + 0.5
    above = below * rng.random(1500)
    found = ratio(drawn(above.tolist(), below.tolist()), "above", "below")
    error = (above - found.value * below).std(ddof=1) / below.mean() / math.sqrt(1500)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_whole_clusters_are_resampled_and_counted():
    units = [f"c{i // 10}" for i in range(200)]
    shared = [float(i // 10 % 2) for i in range(200)]
    found = ratio(drawn(shared, [1.0] * 200, units), "above", "below")
    alone = ratio(drawn(shared, [1.0] * 200), "above", "below")
    assert found.clusters == 20
    assert found.method.startswith("cluster bootstrap of a ratio")
    assert found.high - found.low > 2 * (alone.high - alone.low)


@pytest.mark.parametrize(
    ("above", "below", "units", "method"),
    [
        ([0.0, 0.0], [0.0, 0.0], None, "not measured: nothing counts in the denominator"),
        ([math.nan], [math.nan], None, "not measured: nothing counts in the denominator"),
        ([1.0, 0.0], [1.0, 0.0], None, "too few: 1 record"),
        ([1.0, 0.0], [1.0, 1.0], ["a", "a"], "too few: all 2 records belong to one cluster"),
        ([0.5] * 9, [1.0] * 9, None, "too few: every resample gives the same ratio, so its spread is unknown"),
    ],
)
def test_a_ratio_without_a_spread_is_no_number(
    above: Sequence[float], below: Sequence[float], units: list[str] | None, method: str
):
    found = ratio(drawn(above, below, units), "above", "below")
    assert not found.is_measured
    assert found.method == method


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.7009, 1.0), (0.0, 0.0, 0.2991)])
def test_all_or_nothing_is_a_ratio_with_the_width_of_a_share(value: float, low: float, high: float):
    found = ratio(drawn([value] * 9, [1.0] * 9, None), "above", "below")
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=1e-4)
    assert (found.n, found.method) == (9, "Wilson")
    together = ratio(drawn([value] * 9, [1.0] * 9, ["a", "b", "c"] * 3), "above", "below")
    assert together.high - together.low > high - low
    assert together.clusters == 3


def test_columns_of_different_records_have_no_ratio():
    with pytest.raises(ValueError, match="'above' and 'below' hold different records"):
        ratio(drawn([1.0, math.nan], [1.0, 1.0]), "above", "below")
