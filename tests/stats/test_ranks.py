from __future__ import annotations

import numpy as np
import pytest

from stagegap.stats.ranks import Ranks, rank_sets, shrunken

RECORDS = 1_000


def told(values: np.ndarray, drawn: np.ndarray, error: float) -> Ranks:
    """Rank sets of figures that rest on independent records, each figure with this standard error."""
    noise = np.random.default_rng(1).normal(0, 1, (RECORDS, len(values)))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0) * error * RECORDS**0.5
    return rank_sets(values, drawn, rows=values + noise, codes=np.arange(RECORDS))


def ranked(values: list[float], error: float) -> Ranks:
    figures = np.array(values)
    return told(figures, figures + np.random.default_rng(0).normal(0, error, (4000, len(values))), error)


def test_clear_values_have_one_rank_each():
    found = ranked([0.3, 0.1, 0.2], 0.005)
    assert (found.best, found.worst, found.is_decided) == ((1, 3, 2), (1, 3, 2), True)


def test_values_that_overlap_share_their_ranks():
    found = ranked([0.20, 0.19, 0.02], 0.02)
    assert (found.best, found.worst, found.is_decided) == ((1, 1, 3), (2, 2, 3), False)


def test_equal_figures_without_any_spread_are_not_told_apart():
    found = rank_sets(np.zeros(2), np.zeros((100, 2)), rows=np.zeros((9, 2)), codes=np.arange(9))
    assert (found.best, found.worst) == ((1, 1), (2, 2))


def test_the_sets_hold_all_at_once():
    truth, rng, right = np.array([0.2, 0.2, 0.1, 0.0]), np.random.default_rng(4), 0
    for _ in range(300):
        values = truth + rng.normal(0, 0.03, 4)
        found = told(values, values + rng.normal(0, 0.03, (600, 4)), 0.03)
        right += found.best[0] == found.best[1] == 1 and found.best[2] <= 3 <= found.worst[2] and found.worst[3] == 4
    assert right / 300 >= 0.93


def test_the_worst_of_equal_stages_is_pulled_back():
    rng = np.random.default_rng(5)
    raw, pulled = [], []
    for _ in range(500):
        shares = rng.binomial(60, 0.15, 5) / 60
        errors = np.sqrt(shares * (1 - shares) / 60)
        raw.append(shares.max())
        pulled.append(shrunken(shares, errors)[shares.argmax()])
    assert np.mean(raw) == pytest.approx(0.205, abs=0.01)
    assert np.mean(pulled) < 0.18


def test_clear_differences_are_not_pulled_back_and_two_values_never():
    clear = np.array([0.1, 0.5, 0.9])
    assert shrunken(clear, np.full(3, 0.01)) == pytest.approx(clear, abs=1e-3)
    assert shrunken(np.array([0.1, 0.3]), np.ones(2)).tolist() == [0.1, 0.3]
    assert shrunken(np.full(3, 0.2), np.zeros(3)).tolist() == pytest.approx([0.2] * 3)


def test_few_clusters_widen_the_sets_until_they_hold():
    rng, held = np.random.default_rng(0), 0
    for _ in range(300):
        clusters = rng.normal(0, 1, (12, 3))
        values = clusters.mean(axis=0)
        drawn = rng.multinomial(12, np.full(12, 1 / 12), size=800) @ clusters / 12
        held += rank_sets(values, drawn, rows=clusters, codes=np.arange(12)).best == (1, 1, 1)
    assert held / 300 >= 0.92, "95% less two standard errors; without the widening it is 86%"


def test_resamples_without_a_figure_are_left_out():
    values = np.array([0.3, 0.1])
    drawn = values + np.random.default_rng(0).normal(0, 0.005, (4000, 2))
    drawn[::7, 1] = np.nan
    assert told(values, drawn, 0.005).is_decided


@pytest.mark.parametrize(("drawn", "clusters"), [(np.full((5, 2), np.nan), 30), (np.ones((5, 2)), 1)])
def test_nothing_is_excluded_where_nothing_can_be_drawn(drawn: np.ndarray, clusters: int):
    rows = np.random.default_rng(0).random((30, 2))
    found = rank_sets(np.array([0.3, 0.1]), drawn, rows=rows, codes=np.arange(30) % clusters)
    assert (found.best, found.worst) == ((1, 1), (2, 2))
