from __future__ import annotations

from collections import Counter
from itertools import islice, permutations

import numpy as np
import pytest

import planted
from stagegap.attribution.swaps import ROUND, Lattice, lattice, prefixes, sampled, walked, weights

Shape = tuple[tuple[str, ...], dict[str, tuple[str, ...]]]
BRANCHES = "A AB AC AD BCDE"


def shape_of(text: str) -> Shape:
    words = text.split()
    return tuple(word[-1] for word in words), {word[-1]: tuple(word[:-1]) for word in words}


def made(text: str) -> Lattice:
    found = lattice(*shape_of(text))
    assert found is not None
    return found


def allowed(text: str) -> set[tuple[int, ...]]:
    names, parents = shape_of(text)
    return {
        order
        for order in permutations(range(len(names)))
        if all(order.index(names.index(p)) < order.index(i) for i, name in enumerate(names) for p in parents[name])
    }


@pytest.mark.parametrize("text", ["A", "A AB BC", planted.DIAMOND, planted.SKIP, BRANCHES, "A B C", "A B AC BD CDE"])
def test_every_allowed_order_has_one_rank(text: str):
    sets = made(text)
    assert sets.orders == len(allowed(text))
    assert {sets.walk(rank) for rank in range(sets.orders)} == allowed(text)
    assert sets.walk(0) == tuple(range(sets.k)), "cascade order comes first"


@pytest.mark.parametrize("text", ["A AB BC", planted.DIAMOND, BRANCHES, "A B AC BD CDE"])
def test_weights_are_the_mean_over_all_orders(text: str):
    sets = made(text)
    exact, counted = weights(sets), walked(sorted(allowed(text)), sets.k)
    assert set(exact) >= set(counted)
    for mask, weight in exact.items():
        assert weight == pytest.approx(counted.get(mask, np.zeros(sets.k)), abs=1e-12)
    assert np.sum(list(exact.values()), axis=0) == pytest.approx(np.zeros(sets.k), abs=1e-12)


def test_a_long_chain_has_as_many_sets_as_stages_and_one_more():
    text = "A " + " ".join(a + b for a, b in zip("ABCDEFGHIJKLMNOPQRS", "BCDEFGHIJKLMNOPQRST", strict=True))
    assert (len(made(text).to), made(text).orders) == (21, 1)
    assert sorted(made("A AB BC").to) == [0b000, 0b001, 0b011, 0b111]


def test_too_many_sets_are_not_counted():
    names = tuple("ABCDEFGHIJKLMNOP")
    assert lattice(names, dict.fromkeys(names, ())) is None


def test_sampled_orders_are_allowed_mirrored_and_always_the_same():
    sets = made("A AB AC AD AE AF BCDEFG")
    rounds = list(islice(sampled(sets), 3))
    assert rounds == list(islice(sampled(sets), 5))[:3]
    for walks in rounds:
        assert len(walks) == ROUND
        assert set(walks) <= allowed("A AB AC AD AE AF BCDEFG")
        for one, mirrored in zip(walks[::2], walks[1::2], strict=True):
            assert one[1:6] == mirrored[1:6][::-1]
    assert {walk[1] for walks in rounds for walk in walks} == {1, 2, 3, 4, 5}, "every branch comes first sometimes"


def test_every_order_is_as_likely_as_any_other():
    sets = made(BRANCHES)
    counts = Counter(walk for walks in islice(sampled(sets), 300) for walk in walks)
    assert len(counts) == sets.orders == 6
    assert max(counts.values()) < 1.15 * min(counts.values())


def test_sampled_gains_come_near_the_exact_ones_and_add_up():
    text = "A AB AC AD AE AF BCDEFG"
    sets = made(text)
    rng = np.random.default_rng(2)
    value = {mask: float(rng.random()) for mask in sets.to}
    exact = np.sum([value[mask] * weight for mask, weight in weights(sets).items()], axis=0)
    rounds = list(islice(sampled(sets), 60))
    by_round = np.array([np.sum([value[m] * w for m, w in walked(walks, sets.k).items()], axis=0) for walks in rounds])
    assert by_round.sum(axis=1) == pytest.approx(np.full(60, value[max(value)] - value[0]))
    errors = by_round.std(axis=0, ddof=1) / 60**0.5
    assert (np.abs(by_round.mean(axis=0) - exact) <= 4 * errors + 1e-9).all()


def test_mirrored_orders_in_parts_are_steadier_than_plain_ones():
    sets = made("A AB AC AD AE AF BCDEFG")
    rng = np.random.default_rng(3)
    # The branches win only together: what a branch adds depends on how late it comes.
    value = {mask: (mask >> 1 & 31).bit_count() ** 2 + float(rng.normal(0, 0.1)) for mask in sets.to}

    def spread(rounds: list[tuple[tuple[int, ...], ...]]) -> float:
        found = np.array([np.sum([value[m] * w for m, w in walked(walks, sets.k).items()], axis=0) for walks in rounds])
        return float(found.std(axis=0, ddof=1)[1:6].mean())

    plain = [tuple(sets.walk(int(rng.integers(sets.orders))) for _ in range(ROUND)) for _ in range(200)]
    assert spread(list(islice(sampled(sets), 200))) < 0.2 * spread(plain)


@pytest.mark.parametrize("text", ["A AB BC", planted.DIAMOND, BRANCHES, "A B AC BD CDE", "A AB C CD", "A B BC AD CDE"])
def test_mirror_images_are_as_likely_as_the_orders(text: str):
    sets = made(text)
    walks = [sets.walk(rank) for rank in range(sets.orders)]
    assert sorted(map(sets.mirrored, walks)) == sorted(walks)


def test_an_order_passes_one_set_more_than_it_has_stages():
    assert prefixes((2, 0, 1)) == (0, 4, 5, 7)
