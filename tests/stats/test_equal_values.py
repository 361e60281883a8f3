"""Values that are alike, all or by clusters, up to rounding or not: no figure has an interval of width zero."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.model.estimate import Estimate
from stagegap.stats import judge, significance
from stagegap.stats.agreement import agreement_beyond_chance, alpha_bootstrap, coefficient_interval
from stagegap.stats.correlation import correlations
from stagegap.stats.intervals import hajek, mean_of, mean_of_clusters
from stagegap.stats.paired import shift_interval
from stagegap.stats.ranks import rank_sets
from stagegap.stats.resample import own_draws, resample
from stagegap.stats.spread import Clusters, clusters

Floats = np.ndarray
PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5)), min_size=2, max_size=40)
SCORES = [np.array([0.0, 1.0, 0.3, 0.1 + 0.2]), np.array([0.3, 0.1 + 0.2, 0.3, 0.3]), np.array([0.0, 1e-17, 0.0, 0.0])]


def _alpha(a: Floats, b: Floats, units: Clusters) -> Estimate:
    rng = np.random.default_rng(0)
    return alpha_bootstrap(np.vstack([a, b]), units.codes, scale="interval", rng=rng, resamples=100)


def _gwet(a: Floats, b: Floats, units: Clusters) -> Estimate:
    return coefficient_interval(agreement_beyond_chance(np.vstack([a, b]).round(), chance="gwet"), units.codes)


FIGURES: dict[str, Callable[[Floats, Floats, Clusters], Estimate]] = {
    "mean": lambda a, b, units: significance.mean(a - b, units),
    "mean of records": lambda a, b, units: mean_of(a - b, units),
    "mean of clusters": lambda a, b, units: mean_of_clusters(a + 1, units),
    "sampled mean": lambda a, b, units: hajek(a, np.where(b > 0, 0.5, 1.0), units),
    "slope": lambda a, b, units: significance.trend(a, b, units)[0],
    "shift": lambda a, b, units: shift_interval(a - b, units, level=0.95),
    "Pearson": lambda a, b, units: correlations(a, b, units).pearson,
    "Kendall": lambda a, b, units: correlations(a, b, units).kendall,
    "alpha": _alpha,
    "Gwet": _gwet,
    "judged": lambda a, b, units: judge.ppi_mean(a, b, b, units=np.tile(units.codes, 2)),
    "judged rate": lambda a, b, units: judge.ppi_rate(a, b, b, units=np.tile(units.codes, 2)),
    "anchoring": lambda a, b, units: judge.anchoring(a, b, b, units=np.tile(units.codes, 2)),
    "leaning": lambda a, b, units: judge.leaning(a, b, np.arange(len(a)) % 2 == 0, units.codes),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
@given(pairs=PAIRS, scores=st.sampled_from(SCORES), is_clustered=st.booleans())
def test_an_interval_has_a_width_and_holds_its_value(
    figure: Callable[[Floats, Floats, Clusters], Estimate],
    pairs: list[tuple[int, int, int]],
    scores: Floats,
    is_clustered: bool,
) -> None:
    a, b = (scores[[pair[i] for pair in pairs]] for i in (0, 1))
    units = clusters(pair[2] for pair in pairs) if is_clustered else clusters(range(len(pairs)))
    estimate = figure(a, b, units)
    if estimate.is_measured:
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.high - estimate.low > 1e-9


def test_figures_that_differ_by_the_same_at_every_record_are_ranked_from_enough_records_on() -> None:
    def decided(n: int, lead: float) -> bool:
        rows = np.tile([0.5 + lead, 0.5], (n, 1))
        drawn = np.tile(rows[0], (200, 1))
        return rank_sets(rows.mean(axis=0), drawn, rows=rows, codes=np.arange(n)).is_decided

    assert [decided(n, 0.1) for n in (3, 60)] == [False, True]
    assert not decided(60, 1e-16)


def test_columns_of_nothing_are_resampled_as_nothing():
    """Rounded to as many places as nothing has, zeros were no numbers."""
    nothing, codes = np.zeros(40), np.repeat(np.arange(8), 5)
    assert own_draws(nothing, codes, resamples=20).tolist() == [0.0] * 20
    drawn = resample({"a": nothing, "b": nothing}, clusters(codes.tolist()), rng=np.random.default_rng(0), resamples=20)
    assert drawn.means["a"].tolist() == [0.0] * 20
