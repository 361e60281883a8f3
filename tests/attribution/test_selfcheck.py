from __future__ import annotations

import numpy as np
import pytest

import planted
from stagegap.attribution.selfcheck import Planted, Recovery, recover
from stagegap.stats.spread import Clusters, clusters

MADE = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.9, "B": 0.85, "C": 0.9})


def planted_at(stage: str, n: int = 300) -> Planted:
    """In a chain without recovery a fault spoils everything after it, unless a later reference hides it."""
    luck = MADE.luck(n, np.random.default_rng(1))
    names = list(MADE.names)
    at = names.index(stage)
    clean = tuple(MADE.outcomes(luck).values())
    accepted = {name: column.astype(float) for name, column in MADE.right(luck, ()).items()}
    zeros = np.zeros(n)
    return Planted(
        stage=stage,
        clean=clean,
        spoilt=tuple(zeros if step <= at else column for step, column in enumerate(clean)),
        accepted=accepted,
        accepted_spoilt={name: zeros if names.index(name) >= at else accepted[name] for name in names},
    )


def found(stage: str, *, units: Clusters | None = None, rate: float = 0.2, n: int = 300) -> dict[str, Recovery]:
    ancestors = {"A": (), "B": ("A",), "C": ("A", "B")}
    rows = recover(
        planted_at(stage, n),
        units or clusters(range(n)),
        ancestors,
        rate=rate,
        rng=np.random.default_rng(2),
        simulations=120,
        resamples=200,
    )
    return {row.method: row for row in rows}


@pytest.mark.parametrize("stage", ["A", "B", "C"])
def test_every_method_books_planted_faults_of_a_chain_where_they_were_planted(stage: str):
    rows = found(stage)
    assert list(rows) == ["gain", "first fault", "parts"]
    for row in rows.values():
        assert row.booked.value == 1
        assert abs(row.bias) < 0.02
        assert row.coverage.value >= 0.88, "95% less three standard errors of 120"
    assert rows["gain"].damage == pytest.approx(0.2 * MADE.prefix()[0], abs=0.02)


def test_clusters_are_drawn_whole():
    rows = found("B", units=Clusters(codes=np.arange(300) // 5, count=60))
    assert rows["gain"].coverage.value >= 0.88
    booked, alone = rows["gain"].booked, found("B")["gain"].booked
    assert (booked.clusters, alone.clusters) == (59, None), "one cluster has no record that the fault made bad"
    assert booked.low < alone.low, "records of a cluster count as fewer"


def test_first_fault_misses_the_worst_stage_where_faults_stand_early_but_the_gain_finds_it():
    rows = found("C", rate=0.5)
    assert rows["gain"].finds_worst.value > 0.9


def test_nothing_to_plant_gives_nothing():
    assert found("A", n=1) == {}
