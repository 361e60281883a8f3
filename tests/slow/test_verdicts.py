"""Planted anchoring: the corrected share is covered, whoever gives verdicts and however records hang together."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stagegap.analysis.verdicts import VerdictColumns, VerdictRow, verdict_row
from stagegap.stats.spread import clusters

pytestmark = pytest.mark.slow
SAMPLES = 1_500


def planted(rng: np.random.Generator, *, total: int, good: float, drawn: float, people: int, size: int) -> VerdictRow:
    """People who each answer a random tenth blind; who sees a wrong output accepts it with chance `drawn`."""
    units = np.arange(total) // size
    chances = rng.beta(3 * good, 3 * (1 - good), size=units.max() + 1)[units] if size > 1 else np.full(total, good)
    truth = (rng.random(total) < chances).astype(np.float64)
    blind = rng.random((people, total)) < 0.1
    said = np.where(truth == 1, rng.random((people, total)) < 0.97, rng.random((people, total)) < drawn)
    marks = np.where(blind, np.nan, said)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.nansum(marks, axis=0) / (~blind).sum(axis=0)
    return verdict_row(
        VerdictColumns(
            stage="s", by="verdicts", units=clusters(units.tolist()), marks=mean,
            labels=np.where(blind.any(axis=0), truth, np.nan), accepted=0, corrected=0, rejected=0,
        )
    )  # fmt: skip


@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(("good", "drawn"), [(0.6, 0.2), (0.6, 0.5), (0.8, 0.2), (0.8, 0.5)])
def test_share_without_anchoring_is_covered(people: int, size: int, good: float, drawn: float) -> None:
    rng = np.random.default_rng(20)
    covered: list[bool] = []
    for _ in range(SAMPLES):
        share = planted(rng, total=600 // people, good=good, drawn=drawn, people=people, size=size).share
        covered.append(share.low <= good <= share.high)
    assert 0.93 <= np.mean(covered) <= 0.97
