from __future__ import annotations

from dataclasses import replace

import numpy as np

import planted
from stagegap.analysis.runs import so_far
from stagegap.tables.table import Rests
from versions import evidence

MADE = planted.Planted(shape=planted.CHAIN[3], skill={"A": 0.95, "B": 0.75, "C": 0.9})


def first(n: int, *, per_cluster: int = 1, seed: int = 0):
    records = planted.records(n, per_cluster=per_cluster)
    return evidence(MADE, MADE.luck(n, np.random.default_rng(seed)), records)


def test_first_records_have_an_interval_that_holds_however_often_one_looks() -> None:
    found = so_far(first(120), of=300)
    assert (found.is_safe, found.finished, found.of, found.estimate.n) == (True, 120, 300, 120)
    assert found.estimate.method == "betting confidence sequence"
    assert "of the first 120 of 300 records, no fair sample unless their order is random." in found.sentence
    assert found.sentence.endswith(f"The interval holds however often you look. {Rests.REFERENCES}")


def test_all_records_are_no_sample() -> None:
    assert "n 60, of all 60 records." in so_far(first(60), of=60).sentence


def test_clustered_records_have_an_interval_for_one_look_only() -> None:
    found = so_far(first(120, per_cluster=4), of=300)
    assert not found.is_safe
    assert found.estimate.clusters == 30
    assert "come in clusters: the interval is for one look, so stop nothing because of it." in found.sentence


def test_nothing_scored_is_no_number() -> None:
    found = so_far(replace(first(5), references={}), of=9)
    assert found.sentence.endswith("so far: not measured: no finished record has a score yet.")
    assert not found.estimate.is_measured


def test_looking_after_several_times_misses_the_truth_in_at_most_5_percent() -> None:
    whole = [first(200, seed=seed) for seed in range(40)]
    truth = MADE.expected(())
    missed = 0
    for one in whole:
        looks = [so_far(replace(one, records=one.records[:n]), of=200).estimate for n in range(20, 201, 60)]
        missed += any(not look.low <= truth <= look.high for look in looks)
    assert missed <= 4, "5% of 40 with one standard error"
