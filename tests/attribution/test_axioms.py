"""What must hold for every method on every shape of cascade, whatever the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

import planted
from stagegap.attribution.ceiling import ceiling, rises
from stagegap.attribution.faults import account, error_parts, root_causes
from stagegap.attribution.shapley import (
    EXACT_UP_TO,
    banzhaf_matrix,
    interaction_matrix,
    mask_of,
    shapley_matrix,
)
from stagegap.attribution.swaps import lattice, named, weights
from stagegap.stats.resample import resample
from stagegap.stats.spread import Clusters, clusters

Floats = NDArray[np.float64]
CONDITIONAL = "A AB ABC AD BCDE"
"""B and C run for some records only; one that is skipped is right, whatever came before it: `recovery`."""
SHAPES = {
    **{f"chain of {k}": planted.chain(k) for k in range(1, 13)},
    "diamond": planted.DIAMOND,
    "skip": planted.SKIP,
    "conditional": CONDITIONAL,
}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The point estimates of every method, by stage."""

    headroom: float
    bad: int
    left: Mapping[str, int]
    """Bad records that a method books on no stage, less those that it books on branches beside each other again."""
    by_method: Mapping[str, Mapping[str, float]]


def made(shape: str, **skills: float) -> planted.Planted:
    names = [word[-1] for word in shape.split()]
    found = {name: 0.93 - 0.04 * (i % 5) for i, name in enumerate(names)} | skills
    recovery = dict.fromkeys(names[1:3], 0.3) if shape == CONDITIONAL else dict.fromkeys(names[1:], 0.1)
    return planted.Planted(shape=shape, skill=found, recovery=recovery)


def figures(one: planted.Planted, luck: planted.Luck, units: Clusters | None = None) -> Figures:
    names, n = one.names, len(next(iter(luck.values())))
    columns = one.outcomes(luck)
    drawn = resample(
        columns,
        units or Clusters(codes=np.arange(n), count=n),
        rng=np.random.default_rng(0),
        resamples=20,
    )
    cascade = one.cascade()
    ends = list(columns)
    stairs = ceiling(drawn, gains=rises(names, ends), system=ends[0], top=ends[-1])
    accepted = {name: right.astype(np.float64) for name, right in one.right(luck, ()).items()}
    bad = 1 - columns["outcome 0"]
    above = {name: tuple(cascade.ancestors(name)) for name in names}
    faults = account(accepted, above, bad=bad)
    times = np.sum([*faults.first.values()], axis=0)[bad == 1]
    again = int((times - (times > 0)).sum())
    parts = error_parts(names, list(columns.values()))
    children = {name: tuple(cascade.children(name)) for name in names}
    roots = root_causes(accepted, children, above, outcome=names[-1], bad=bad)
    by_method: dict[str, dict[str, float]] = {
        "gain": {step.stage: step.gain.value for step in stairs.steps},
        "fixed": {step.stage: step.fixed / n for step in stairs.steps},
        "broken": {step.stage: step.broken / n for step in stairs.steps},
        "first fault": {row.stage: row.first / n for row in faults.stages},
        "hazard": {row.stage: row.hazard or 0.0 for row in faults.stages},
        "parts": {part.stage: part.count / n for part in parts.parts},
        "root cause": {name: float(roots[name].mean()) for name in names},
    }
    if len(names) <= EXACT_UP_TO:
        by_method["order-free"] = order_free(one, luck)
    return Figures(
        headroom=stairs.headroom.value,
        bad=int(bad.sum()),
        left={"first fault": faults.unexplained + faults.unknown - again, "parts": parts.beyond},
        by_method=by_method,
    )


def order_free(one: planted.Planted, luck: planted.Luck) -> dict[str, float]:
    names = one.names
    sets = lattice(names, {name: one.parents(name) for name in names})
    assert sets is not None
    gains = np.zeros(len(names))
    for mask, weight in weights(sets).items():
        gains += weight * one.right(luck, named(names, mask))[names[-1]].mean()
    return dict(zip(names, gains.tolist(), strict=True))


def drawn(shape: str, n: int = 400, seed: int = 3, **skills: float) -> tuple[planted.Planted, planted.Luck]:
    one = made(shape, **skills)
    return one, one.luck(n, np.random.default_rng(seed))


def same(one: Figures, other: Figures) -> None:
    assert one.headroom == pytest.approx(other.headroom, abs=1e-12)
    for method, found in one.by_method.items():
        assert list(found.values()) == pytest.approx(list(other.by_method[method].values()), abs=1e-12), method


@pytest.mark.parametrize("name", SHAPES)
def test_gains_add_up_to_the_headroom_and_every_bad_record_is_booked(name: str):
    one, luck = drawn(SHAPES[name])
    found = figures(one, luck)
    for method in ("gain", "order-free"):
        if method in found.by_method:
            assert sum(found.by_method[method].values()) == pytest.approx(found.headroom, abs=1e-12)
    for method, left in found.left.items():
        assert round(sum(found.by_method[method].values()) * 400) + left == found.bad
    net = {stage: found.by_method["fixed"][stage] - found.by_method["broken"][stage] for stage in one.names}
    assert net == pytest.approx(found.by_method["gain"], abs=1e-12)


@pytest.mark.parametrize("name", SHAPES)
def test_a_stage_that_is_never_wrong_gets_nothing_from_any_method(name: str):
    stage = SHAPES[name].split()[len(SHAPES[name].split()) // 2][-1]
    one, luck = drawn(SHAPES[name], **cast("dict[str, Any]", {stage: 1.0}))
    found = figures(replace(one, recovery={**one.recovery, stage: 1.0}), luck)
    for method in ("gain", "first fault", "hazard", "parts", "root cause", "order-free"):
        if method in found.by_method:
            assert found.by_method[method][stage] == pytest.approx(0, abs=1e-12), method


@pytest.mark.parametrize("k", range(1, EXACT_UP_TO + 1))
def test_on_a_chain_the_order_free_gain_is_the_ceiling(k: int):
    found = figures(*drawn(planted.chain(k)))
    assert found.by_method["order-free"] == pytest.approx(found.by_method["gain"], abs=1e-12)


def test_two_stages_that_change_places_change_their_figures():
    one, luck = drawn(planted.DIAMOND, B=0.8, C=0.8)
    turned = luck | {"B": luck["C"], "C": luck["B"]}
    found, other = order_free(one, luck), order_free(one, turned)
    assert (found["B"], found["C"]) == pytest.approx((other["C"], other["B"]), abs=1e-12)
    assert (found["A"], found["D"]) == pytest.approx((other["A"], other["D"]), abs=1e-12)
    faults, mirrored = figures(one, luck).by_method["hazard"], figures(one, turned).by_method["hazard"]
    assert faults["A"] == mirrored["A"]


@pytest.mark.parametrize("name", SHAPES)
def test_other_names_for_the_stages_change_no_number(name: str):
    one, luck = drawn(SHAPES[name])
    other = str.maketrans("ABCDEFGHIJKL", "ZYXWVUTSRQPO")
    renamed = planted.Planted(
        shape=one.shape.translate(other),
        skill={stage.translate(other): chance for stage, chance in one.skill.items()},
        recovery={stage.translate(other): chance for stage, chance in one.recovery.items()},
    )
    same(figures(one, luck), figures(renamed, {stage.translate(other): draws for stage, draws in luck.items()}))


@pytest.mark.parametrize("name", SHAPES)
def test_another_order_of_the_records_changes_no_number(name: str):
    one, luck = drawn(SHAPES[name])
    order = np.random.default_rng(9).permutation(400)
    same(figures(one, luck), figures(one, {stage: draws[order] for stage, draws in luck.items()}))


@pytest.mark.parametrize("name", SHAPES)
def test_copies_of_whole_clusters_change_no_point_estimate(name: str):
    one, luck = drawn(SHAPES[name])
    units = clusters(range(100)).codes.repeat(4)
    twice = {stage: np.concatenate([draws, draws]) for stage, draws in luck.items()}
    as_copies = Clusters(codes=np.concatenate([units, units + 100]), count=200)
    inside = Clusters(codes=np.concatenate([units, units]), count=100)
    plain = figures(one, luck, Clusters(codes=units, count=100))
    same(plain, figures(one, twice, as_copies))
    same(plain, figures(one, twice, inside))


@pytest.mark.parametrize("k", [2, 5, 9])
def test_values_of_version_swaps_follow_their_stages(k: int):
    """Shapley, Banzhaf and interactions: another order of the stages permutes them and changes nothing else."""
    rng = np.random.default_rng(k)
    v, order = rng.random(1 << k), rng.permutation(k)
    names = [str(i) for i in range(k)]
    moved = np.array(
        [v[mask_of(names, [names[order[i]] for i in range(k) if mask >> i & 1])] for mask in range(1 << k)]
    )
    for matrix in (shapley_matrix(k), banzhaf_matrix(k)):
        assert (matrix @ moved) == pytest.approx((matrix @ v)[order], abs=1e-12)
    pairs = interaction_matrix(k)
    before = dict(zip(map(frozenset, pairs.pairs), (pairs.matrix @ v).tolist(), strict=True))
    after = dict(zip(pairs.pairs, (pairs.matrix @ moved).tolist(), strict=True))
    for (i, j), found in after.items():
        assert found == pytest.approx(before[frozenset((int(order[i]), int(order[j])))], abs=1e-12)
