"""A fast part of `benchmarks/what_changed.py`: the planted truth comes back, and silence where there is none."""

from __future__ import annotations

import numpy as np

import planted
from stagegap.analysis.compare import compare
from version_setups import BASE, SKILL
from versions import Told, Versions, evidence, side, told

PAIRS = 40


def pairs(new: dict[str, float], n: int, *, noisy: bool, per_cluster: int = 1) -> list[Told]:
    versions = Versions(base=BASE, new=new)
    return [told(versions, n, seed=seed, noisy=noisy, per_cluster=per_cluster, resamples=200) for seed in range(PAIRS)]


def test_a_rewrite_of_every_stage_without_effect_is_tied():
    found = pairs(SKILL, 100, noisy=True)
    assert sum(not one.is_tied for one in found) <= 6, "5% of 40 with three standard errors"


def test_the_one_stage_with_an_effect_is_named_among_three_suspects():
    found = pairs({**SKILL, "B": 0.65}, 300, noisy=False)
    assert sum(one.named == {"B": "regressed"} for one in found) >= 36


def test_clusters_are_no_independent_records():
    found = pairs(SKILL, 200, noisy=True, per_cluster=4)
    assert sum(not one.is_tied for one in found) <= 6, "5% of 40 with three standard errors"


def test_two_runs_of_the_same_noisy_cascade_are_tied():
    records = planted.records(120)
    named = 0
    for seed in range(PAIRS):
        rng = np.random.default_rng(seed)
        two = [side(name, evidence(BASE, BASE.luck(120, rng), records)) for name in ("v1", "v2")]
        view = compare(*two, seed=seed, resamples=200)
        named += any(row.claim.verdict != "tied" for row in (view.outcome, *view.stages))
    assert named <= 6, "5% of 40 with three standard errors"
