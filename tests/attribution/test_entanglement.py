from __future__ import annotations

import math

import numpy as np

from stagegap.attribution.entanglement import harm, pair_table

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


def test_records_that_a_fix_harms_are_listed_with_their_rate():
    found = harm([f"r{i}" for i in range(8)], COLUMNS[0], COLUMNS[1])
    assert (found.records, found.rate.value, found.rate.n) == (("r0",), 1 / 7, 7)
    assert not harm([], np.array([]), np.array([])).rate.is_measured
