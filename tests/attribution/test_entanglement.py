from __future__ import annotations

import math

import numpy as np

from stagegap.analysis.coalitions import pair_sentences
from stagegap.attribution.shapley import harm, pair_table
from stagegap.stats.spread import clusters

# system, first fix, second fix, both
ROWS = [
    (1, 0, 1, 1),
    (0, 1, 0, 1),
    (0, 0, 1, 1),
    (0, 1, 1, 1),
    (0, 0, 0, 1),
    (0, 0, 0, 0),
    (0, 1, 0, 0),
    (0, math.nan, 1, 1),
]
COLUMNS = np.array(ROWS, dtype=float).T


def test_two_fixes_on_the_same_records():
    found = pair_table(*COLUMNS)
    assert (found.n, found.only_first, found.only_second, found.either) == (7, 1, 1, 1)
    assert (found.together, found.neither, found.undone) == (1, 1, 1)
    assert (found.right, found.right_first, found.right_second, found.right_both) == (1, 3, 3, 5)


def test_two_fixes_that_leave_every_record_as_it_is_have_nothing_to_say():
    same = np.array([1.0, 0.0, 1.0])
    table = pair_table(same, same, same, same)
    assert table.is_idle
    assert not pair_table(*COLUMNS).is_idle
    assert pair_sentences("a", "b", table, noun="mail") == ()
    assert pair_sentences("a", "b", pair_table(*np.zeros((4, 0))), noun="mail") == (
        "a and b: no mail has an outcome with each alone and with both.",
    )


def test_records_that_a_fix_harms_are_listed_with_their_rate():
    ids = [f"r{i}" for i in range(8)]
    found = harm(ids, COLUMNS[0], COLUMNS[1], clusters(ids))
    assert (found.records, found.count, found.rate.value, found.rate.n) == (("r0",), 1, 1 / 7, 7)
    assert not harm([], np.array([]), np.array([]), clusters([])).rate.is_measured


def test_the_rate_of_harm_takes_clusters_whole():
    ids = [f"r{i}" for i in range(40)]
    system, fixed = np.ones(40), np.repeat([0.0, 1, 1, 1, 1, 1, 1, 1], 5)
    alone, together = (
        harm(ids, system, fixed, clusters(ids)),
        harm(ids, system, fixed, clusters(i // 5 for i in range(40))),
    )
    assert alone.rate.value == together.rate.value == 5 / 40
    assert together.rate.high - together.rate.low > 2 * (alone.rate.high - alone.rate.low)
    assert not harm(ids, system, fixed, clusters("c" for _ in ids)).rate.is_measured


def test_a_long_list_of_harm_is_cut_and_counted():
    ids = [f"r{i}" for i in range(300)]
    found = harm(ids, np.ones(300), np.zeros(300), clusters(ids))
    assert (len(found.records), found.count) == (200, 300)
