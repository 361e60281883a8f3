"""What the method page promises, in thousands of simulations: `make slow`, not part of the gate."""

from __future__ import annotations

import pytest

import simulations as simulated

pytestmark = pytest.mark.slow

SIMULATIONS = 2_000
RESAMPLES = 1_000
ERROR = 0.005
"""Standard error of a share of 95% in 2,000 simulations."""
RARE = ("share 0.95", "+0.05 -0.01")
"""Rare events: intervals that err on the wide side."""


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rows = list(simulated.coverage(SIMULATIONS, RESAMPLES))
    low = {row.figure: row.covered for row in rows if row.covered < 0.935 - ERROR}
    wide = {row.figure: row.covered for row in rows if row.covered > 0.965 + ERROR}
    assert not low
    assert not {figure for figure in wide if not any(rare in figure for rare in RARE)}


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("n", [50, 200, 1000])
def test_equal_stages_are_named_in_at_most_5_percent(k: int, n: int) -> None:
    assert simulated.named_although_equal(k, n, simulations=SIMULATIONS, resamples=RESAMPLES) <= 0.05


@pytest.mark.parametrize("name", list(simulated.WORST))
@pytest.mark.parametrize("pilot", [50, 100, 200])
def test_the_promised_budget_names_the_worst_stage(name: str, pilot: int) -> None:
    found = simulated.promise(simulated.WORST[name], pilot, simulations=SIMULATIONS, resamples=RESAMPLES)
    assert found.decided + found.promised == 1
    assert found.wrong <= 0.01
    assert found.named >= 0.95
