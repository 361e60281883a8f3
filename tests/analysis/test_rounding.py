from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stagegap.analysis.rounding import percent, staircase, whole_points


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8), st.floats(0, 1))
def test_printed_steps_lead_from_the_printed_system_to_the_printed_ceiling(gains: list[float], system: float):
    ceiling = system + sum(gains)
    today, points, top = staircase(system, gains, ceiling)
    assert today + sum(points) == top
    assert (today, top) == (percent(system), percent(ceiling))
    assert all(abs(p - 100 * g) < 2 for p, g in zip(points, gains, strict=True))


@pytest.mark.parametrize(
    ("parts", "total", "points"),
    [
        ([0.334, 0.333, 0.333], 100, (34, 33, 33)),
        ([0.005, 0.005], 1, (1, 0)),
        ([-0.024, 0.104], 8, (-2, 10)),
        ([0.10, 0.20], 29, (10, 19)),
        ([], 0, ()),
    ],
)
def test_largest_remainder(parts: list[float], total: int, points: tuple[int, ...]):
    assert whole_points(parts, total) == points


def test_halves_are_rounded_away_from_zero():
    assert [percent(x) for x in (0.125, 0.135, -0.125, 0.995)] == [13, 14, -13, 100]
