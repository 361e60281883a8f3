from __future__ import annotations

import math

import numpy as np
import pytest

import simulations as simulated
from stagegap.analysis.gains import SYSTEM_OUTCOME, Gains
from stagegap.analysis.verdict import outlook
from stagegap.stats.resample import resample
from stagegap.stats.sample_size import DRAWS, LEADS, Budget, Pilot, records_to_name
from stagegap.stats.significance import DECIDES, evidence_of_lead
from stagegap.stats.spread import Clusters

EVEN = Clusters(codes=np.repeat(np.arange(30), 5), count=30)


def budget(values: list[float], error: float, *, n: int = 100, seed: int = 0) -> Budget:
    rng = np.random.default_rng(seed)
    drawn = np.array(values) + rng.normal(0, error, (4_000, len(values)))
    return records_to_name(Pilot(gains=np.array(values), drawn=drawn, n=n, units=n), rng=rng, level=0.96)


def test_a_stage_far_ahead_needs_no_more_records():
    found = budget([0.5, 0.05, 0.02], 0.02)
    assert found.records == 100
    assert found.chances[0].share > 0.99


def test_the_promise_is_the_classical_number_for_the_least_lead_with_the_variance_at_its_upper_limit():
    found = budget([0.20, 0.20], 0.05 / math.sqrt(2))
    # (2.054 + 1.645)^2 x 0.05^2 / lead^2 times the pilot; the variance at 80% and the own gain's share add 10 to 50%.
    for promise in found.promises:
        classical = 100 * (2.054 + 1.645) ** 2 * 0.05**2 / promise.lead**2
        assert 1.1 <= promise.records / classical <= 1.5
    assert [promise.lead for promise in found.promises] == list(LEADS)


def test_a_lucky_lead_lowers_no_promise():
    even, lucky = budget([0.20, 0.20], 0.035), budget([0.20, 0.14], 0.035)
    assert lucky.records == pytest.approx(even.records, rel=0.05)
    assert lucky.halfway is not None
    assert even.halfway is not None
    assert lucky.halfway < even.halfway, "but it shortens the way that is likely"


@pytest.mark.parametrize("size", [1, 20])
@pytest.mark.parametrize("period", [(1, 1, 1, 1, 1, 1, 1, 1, 1, 0), (1, 1, 1, 0, 0, 0, -1, 0, 0, 0)])
def test_the_evidence_decides_after_as_many_clusters_as_were_promised(period: tuple[int, ...], size: int):
    """One lead after the other as in a period that repeats, all records of a cluster alike: no draw decides."""
    leads = np.tile(np.array(period, dtype=np.float64), 40)

    def evidence(count: int) -> float:
        gains = np.stack([leads[:count].clip(0), (-leads[:count]).clip(0)], axis=1).repeat(size, axis=0)
        return evidence_of_lead(gains, np.arange(count).repeat(size), 0)

    # From the first count that decides to the last that does not: within a period the lead goes up and down.
    decides = [evidence(count) >= DECIDES for count in range(200)]
    wanted = (decides.index(True) + 200 - decides[::-1].index(False)) / 2
    pilot = np.stack([np.array(period * 100).clip(0), -np.array(period * 100).clip(max=0)], axis=1)
    rng = np.random.default_rng(0)
    drawn = pilot[rng.integers(0, len(pilot), (400, len(pilot)))].mean(axis=1)
    clusters = Pilot(gains=pilot.mean(axis=0), drawn=drawn, n=len(pilot) * size, units=len(pilot), largest=size)
    found = records_to_name(clusters, rng=rng, level=0.96).halfway
    assert found == pytest.approx(wanted * size, rel=0.3, abs=10)


def test_more_rivals_need_more_records():
    many, few = budget([0.2] * 5, 0.035).records, budget([0.2] * 2, 0.035).records
    assert many is not None
    assert few is not None
    assert many > 1.15 * few


def test_a_rival_that_is_far_behind_needs_none():
    assert budget([0.5, 0.5, 0.0, 0.0, 0.0], 0.035).records == pytest.approx(budget([0.5] * 2, 0.035).records, rel=0.05)


def test_more_records_help_where_stages_are_all_but_equal():
    shares = [chance.share for chance in budget([0.15, 0.15], 0.05).chances]
    assert shares[0] < 0.2
    assert shares[-1] > shares[0]


def test_a_pilot_in_which_nothing_moved_is_no_proof():
    nothing = Pilot(gains=np.zeros(2), drawn=np.zeros((DRAWS, 2)), n=30, units=30)
    found = records_to_name(nothing, rng=np.random.default_rng(0), level=0.96)
    assert found.records is not None
    assert found.records > 300


@pytest.mark.parametrize(("n", "drawn"), [(1, np.ones((5, 2))), (30, np.full((5, 2), math.nan))])
def test_too_little_promises_nothing(n: int, drawn: np.ndarray):
    pilot = Pilot(gains=np.array([0.1, 0.2]), drawn=drawn, n=n, units=n)
    found = records_to_name(pilot, rng=np.random.default_rng(0), level=0.96)
    assert found == Budget()
    assert found.records is None


def test_one_stage_alone_must_gain_more_than_nothing():
    assert budget([0.2], 0.05).records is not None


@pytest.mark.parametrize("name", ["2 stages, 11 and 25 points", "3 stages, 14, 17 and 10 points"])
def test_a_promised_budget_names_the_worst_stage(name: str):
    found = simulated.promise(simulated.WORST[name], 100, simulations=60, resamples=200)
    assert found.promised + found.decided == 1, "every open pilot is promised a budget"
    assert found.named >= 0.95
    assert found.wrong == 0


def test_whoever_stops_at_the_evidence_labels_far_fewer_and_names_the_worst_stage():
    found = simulated.watched(simulated.WORST["3 stages, 7, 22 and 12 points"], 5_000, simulations=60)
    assert found.named >= 0.95
    assert found.wrong <= 0.02
    assert found.records < 500


def test_looking_on_and_on_names_one_of_equal_stages_in_at_most_5_percent():
    found = simulated.watched(simulated.equal(2), 3_000, simulations=200)
    assert found.named + found.wrong <= 0.08, "5% of 200 with two standard errors"


def test_uneven_clusters_are_a_smaller_pilot_than_as_many_even_ones():
    rng = np.random.default_rng(3)
    moved = np.array([[1.0, 0.0]] * 60 + [[0.0, 1.0]] * 45 + [[0.0, 0.0]] * 45)[rng.permutation(150)]
    columns = {SYSTEM_OUTCOME: np.zeros(150), "a": moved[:, 0], "b": moved[:, 1]}
    won = Gains(columns=columns, weights={"a": {"a": 1.0}, "b": {"b": 1.0}}, top="a")
    budgets = {}
    for name, codes in (
        ("even", np.repeat(np.arange(30), 5)),
        ("uneven", np.r_[np.zeros(63), np.repeat(np.arange(1, 30), 3)]),
    ):
        groups = Clusters(codes=codes.astype(np.int64), count=30)
        drawn = resample(columns, groups, rng=np.random.default_rng(1), resamples=400)
        # The same spread of resamples, drawn already: what differs is how many clusters it rests on.
        vars(drawn)["means_of"] = resample(columns, EVEN, rng=np.random.default_rng(1), resamples=400).means_of
        budgets[name] = outlook(drawn, won).budget.records
    assert budgets["uneven"] > 1.5 * budgets["even"]
