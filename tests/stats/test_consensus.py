from __future__ import annotations

import numpy as np
import pytest

from stagegap.stats.raters import dawid_skene


def simulated(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three careful raters and two who nearly guess, three categories."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, size=n, p=[0.5, 0.3, 0.2])
    counts = np.zeros((5, n, 3))
    for rater, care in enumerate([0.9, 0.85, 0.8, 0.4, 0.4]):
        given = np.where(rng.random(n) < care, truth, rng.integers(0, 3, n))
        counts[rater, np.arange(n), given] = 1
    return truth, counts


def test_careful_raters_are_found_and_outvote_careless_ones():
    truth, counts = simulated()
    fit = dawid_skene(counts)
    assert fit.converged
    assert fit.shares == pytest.approx([0.5, 0.3, 0.2], abs=0.06)
    care = np.array([np.trace(table) / 3 for table in fit.confusion])
    assert care[:3].min() > care[3:].max()
    by_model = (fit.chances.argmax(axis=1) == truth).mean()
    by_vote = (counts.sum(axis=0).argmax(axis=1) == truth).mean()
    assert by_model > by_vote
    assert fit.chances.sum(axis=1) == pytest.approx(np.ones(400))


def test_more_rounds_never_make_the_fit_worse():
    _, counts = simulated(60)
    found = [dawid_skene(counts, smoothing=0, most_rounds=rounds).log_likelihood for rounds in range(1, 8)]
    assert found == sorted(found)
    assert not dawid_skene(counts, most_rounds=2).converged


def test_unanimous_raters_are_believed():
    counts = np.zeros((2, 4, 2))
    counts[:, [0, 1], 0] = 1
    counts[:, [2, 3], 1] = 1
    fit = dawid_skene(counts, smoothing=0)
    assert fit.chances.round(6).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


def test_a_category_that_nobody_chose_has_no_table():
    counts = np.zeros((2, 3, 2))
    counts[:, :, 0] = 1
    assert np.isnan(dawid_skene(counts, smoothing=0).confusion[:, 1]).all()


@pytest.mark.parametrize("counts", [np.zeros((1, 1, 2)), np.zeros((1, 0, 2))])
def test_an_item_without_a_rating_is_refused(counts: np.ndarray):
    with pytest.raises(ValueError, match="every item needs a rating"):
        dawid_skene(counts)
