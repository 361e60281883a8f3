from __future__ import annotations

import numpy as np
import pytest

from stagegap.stats.resample import POOLS, collapse, draws


def test_equal_rows_are_counted_whatever_their_order():
    rows = np.array([[1.0, 0.5], [0.0, 0.5], [1.0, 0.5]])
    rng = np.random.default_rng(0)
    found, turned = collapse(list(rows.T), rng=rng), collapse(list(rows[::-1].T), rng=rng)
    assert found.rows.tolist() == turned.rows.tolist() == [[0.0, 0.5], [1.0, 0.5]]
    assert found.counts.tolist() == [1, 2]


def test_many_columns_of_few_values_are_told_apart():
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 50, size=(300, 12)).astype(float)
    found = collapse(list(np.concatenate([rows, rows]).T), rng=rng)
    assert found.counts.tolist() == [2] * 300
    assert found.total == 600


@pytest.mark.parametrize("n", [2 * POOLS + 1, 5 * POOLS])
def test_rows_that_are_nearly_all_distinct_are_pooled_without_losing_any(n: int):
    rows = np.random.default_rng(2).random((n, 1))
    found = collapse(list(rows.T), rng=np.random.default_rng(3))
    assert len(found.counts) == POOLS
    assert found.rows.sum() == pytest.approx(rows.sum())


@pytest.mark.parametrize("counts", [[1, 1, 1, 1], [50, 1, 30, 4000]])
def test_a_resample_holds_as_many_rows_as_the_data_and_has_their_mean(counts: list[int]):
    rows = np.array([[0.0], [1.0], [2.0], [3.0]])
    patterns = collapse(list(np.repeat(rows, counts, axis=0).T), rng=np.random.default_rng(0))
    drawn = np.concatenate(list(draws(patterns, resamples=4000, rng=np.random.default_rng(1))))
    assert (drawn.sum(axis=1) == sum(counts)).all()
    assert drawn.mean(axis=0) == pytest.approx(counts, rel=0.1)
    share = np.array(counts) / sum(counts)
    assert drawn.var(axis=0) == pytest.approx(sum(counts) * share * (1 - share), rel=0.1)
