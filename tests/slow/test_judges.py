"""Planted judges: the corrected rate and the difference of two runs are covered, and a coin is refused."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.test_judges import earlier_of, measured, planted

pytestmark = pytest.mark.slow
SAMPLES = 1_500


@pytest.mark.parametrize("care", [0.6, 0.7, 0.8, 0.9, 0.99])
@pytest.mark.parametrize("longer", [0.0, 0.3])
def test_corrected_rate_is_covered(care: float, longer: float) -> None:
    covered: list[bool] = []
    for seed in range(SAMPLES):
        columns = planted(n=1500, labelled=150, sensitivity=care, specificity=care, longer=longer, seed=seed)
        row = measured(columns)
        if row.is_measured:
            covered.append(row.corrected.low <= 0.7 <= row.corrected.high)
    assert len(covered) > SAMPLES / 4
    assert 0.93 <= np.mean(covered) <= 0.97


def test_difference_is_covered() -> None:
    covered: list[bool] = []
    for seed in range(SAMPLES):
        now, then, true = earlier_of(planted(n=800, labelled=150), better=0.4, seed=seed)
        difference = measured(now, then).difference
        if difference.is_measured:
            covered.append(difference.low <= true <= difference.high)
    assert len(covered) > SAMPLES / 2
    assert 0.93 <= np.mean(covered) <= 0.97


def test_coin_is_refused() -> None:
    rows = [measured(planted(n=300, labelled=150, sensitivity=0.7, specificity=0.3, seed=s)) for s in range(SAMPLES)]
    assert np.mean([not row.is_measured for row in rows]) >= 0.95
