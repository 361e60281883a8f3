from __future__ import annotations

import numpy as np
import pytest

import planted
from stagegap.analysis.verdict import contest, more_records
from stagegap.attribution.ceiling import ceiling
from stagegap.model.estimate import Estimate, unmeasured
from stagegap.stats.clusters import clusters
from stagegap.stats.planning import errors_to_separate_shares
from stagegap.stats.resample import resample


def decided(made: planted.Planted, n: int, seed: int) -> str | None:
    columns = made.outcomes(made.luck(n, np.random.default_rng(seed)))
    drawn = resample(columns, clusters(range(n)), rng=np.random.default_rng(seed), resamples=400)
    match = contest(drawn, ceiling(drawn, stages=made.names, columns=list(columns)), list(columns))
    return made.names[match.best] if match.is_decided else None


@pytest.mark.parametrize("k", [2, 3])
def test_equal_stages_are_named_in_at_most_one_of_twenty_cases(k: int):
    # Gains are equal when each stage loses the same points: skills chosen so that the steps of the staircase are equal.
    steps = 0.12
    skills = [(1 - steps * (k - i)) / (1 - steps * (k - i - 1)) for i in range(k)]
    made = planted.Planted(shape=planted.CHAIN[k], skill=dict(zip("ABC"[:k], skills, strict=True)))
    assert np.diff(made.prefix()) == pytest.approx([steps] * k)
    wrong = sum(decided(made, 150, seed) is not None for seed in range(200))
    assert wrong <= 17, "5% of 200 with three standard errors"


def test_a_clear_worst_stage_is_named():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.7, "C": 0.9})
    named = [decided(made, 300, seed) for seed in range(40)]
    assert named.count("B") >= 38
    assert set(named) <= {"B", None}


def test_how_many_more_records_would_do():
    lead = Estimate(value=0.05, low=-0.03, high=0.13, n=200, method="m")
    # The half-width 0.08 must shrink to 0.05 / (1 + 0.8416 / 1.96) for 80% power: n = 200 x (1.6 x 1.4294)^2 = 1046.
    assert more_records(lead, power=0.8) == 850
    assert more_records(lead) == 1540


@pytest.mark.parametrize(
    "lead",
    [
        Estimate(value=0.001, low=-0.1, high=0.1, n=100, method="m"),
        Estimate(value=0.0, low=-0.1, high=0.1, n=100, method="m"),
        Estimate(value=0.1, low=0.1, high=0.1, n=100, method="m"),
        unmeasured("too few"),
    ],
)
def test_no_number_of_records_is_promised_where_none_is_sensible(lead: Estimate):
    assert more_records(lead) is None


def test_a_lead_that_is_nearly_there_asks_for_ten_more_at_least():
    assert more_records(Estimate(value=0.2, low=0.01, high=0.39, n=100, method="m")) == 210
    assert more_records(Estimate(value=0.3, low=0.2, high=0.4, n=100, method="m")) == 10


def test_at_the_planned_number_of_records_the_worst_stage_is_named():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.75, "C": 0.9})
    gains = sorted(np.diff(made.prefix()), reverse=True)
    n = errors_to_separate_shares(gains[0], gains[1], alpha=0.04, power=0.95)
    named = [decided(made, n, seed) for seed in range(100)]
    assert named.count("B") >= 90, "95% of 100, less two standard errors"
    assert set(named) <= {"B", None}
