from __future__ import annotations

import numpy as np
import pytest

import planted
from stagegap.analysis.gains import along, ceiling_of
from stagegap.analysis.verdict import contest
from stagegap.stats.resample import resample
from stagegap.stats.sample_size import errors_to_separate_shares
from stagegap.stats.spread import clusters


def decided(made: planted.Planted, n: int, seed: int) -> str | None:
    columns = made.outcomes(made.luck(n, np.random.default_rng(seed)))
    drawn = resample(columns, clusters(range(n)), rng=np.random.default_rng(seed), resamples=400)
    won = along(made.cascade(), list(columns.values()))
    match = contest(drawn, ceiling_of(drawn, won), won)
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


def test_at_the_planned_number_of_records_the_worst_stage_is_named():
    made = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.75, "C": 0.9})
    gains = sorted(np.diff(made.prefix()), reverse=True)
    n = errors_to_separate_shares(gains[0], gains[1], alpha=0.04, power=0.95)
    named = [decided(made, n, seed) for seed in range(100)]
    assert named.count("B") >= 90, "95% of 100, less two standard errors"
    assert set(named) <= {"B", None}


def test_an_open_verdict_says_which_stages_may_be_first_and_what_would_decide():
    from stagegap.analysis.scorecard import scorecard
    from views_of_runs import material

    close = planted.Planted(shape=planted.CHAIN[2], skill={"A": 0.875, "B": 0.857})
    cascade, rows, outputs, labels = material(close, 120)
    verdict = scorecard(cascade, planted.run(), rows, outputs, labels, seed=0, resamples=400).verdict
    assert verdict.kind == "none stands out"
    assert "overlap. Not excluded as first: A (first in " in verdict.advice
    assert "records in all name the worst stage in 95% of cases if it leads by 5 points or more, " in verdict.advice


def test_a_stage_without_references_is_named_in_the_verdict():
    from stagegap.analysis.scorecard import scorecard
    from views_of_runs import CHAIN, material

    cascade, rows, outputs, labels = material(CHAIN, 60)
    few = [label for label in labels if label.stage != "B"]
    verdict = scorecard(cascade, planted.run(), rows, outputs, few, seed=0, resamples=100).verdict
    assert verdict.kind == "not measured"
    assert verdict.summary == "What is right at B is not known yet: no label and no reference says so."
    assert verdict.advice == "Label records at B, or import references, then run again."
