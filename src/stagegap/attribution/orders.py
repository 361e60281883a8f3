"""The orders in which a cascade's stages can get their references: all of them weighed, or a sample of them.

A set of stages that holds, with a stage, all that it depends on is a bit mask: bit i says that stage i is in it. Each
order is a way through such sets from none to all; how many ways lead to and from each set is counted, so that exact
weights and uniform sampling cost what the sets do and not what the orders do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Walk = tuple[int, ...]
"""Stages by position, in the order in which they get their references."""

MOST_SETS = 20_000
"""Sets up to which orders are counted: 14 branches beside each other."""
STRATA = 4
ROUND = 2 * STRATA
"""Orders in a round: one from each part of all orders, half of them mirrored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Every set that holds, with a stage, all that it depends on."""

    k: int
    needs: tuple[int, ...]
    """Per stage, the mask of the stages that it reads."""
    to: Mapping[int, int]
    """Per set, in how many orders it can be built up; from the empty set to the full one, smaller sets first."""
    onward: Mapping[int, int]
    """Per set, in how many orders it can be completed."""

    @property
    def orders(self) -> int:
        """How many orders there are."""
        return self.onward[0]

    def free(self, mask: int) -> Iterator[int]:
        """The stages that can come next, in cascade order."""
        return (i for i in range(self.k) if not mask >> i & 1 and self.needs[i] & ~mask == 0)

    def walk(self, rank: int) -> Walk:
        """The order of that rank, 0 being cascade order where nothing forbids it."""
        walk: list[int] = []
        mask = 0
        while len(walk) < self.k:
            for i in self.free(mask):
                ways = self.onward[mask | 1 << i]
                if rank < ways:
                    walk.append(i)
                    mask |= 1 << i
                    break
                rank -= ways
        return tuple(walk)

    def mirrored(self, walk: Walk) -> Walk:
        """The order that turns every pair round that may be turned round, or the order itself.

        Taken back to front as far as the cascade allows. Where doing so twice does not lead back, the order is its own
        mirror image: so mirror images of orders that are all as likely are all as likely too.
        """
        turned = self._turned(walk)
        return turned if self._turned(turned) == walk else walk

    def _turned(self, walk: Walk) -> Walk:
        place = {i: at for at, i in enumerate(walk)}
        turned: list[int] = []
        mask = 0
        while len(turned) < self.k:
            turned.append(max(self.free(mask), key=place.__getitem__))
            mask |= 1 << turned[-1]
        return tuple(turned)


def lattice(names: Sequence[str], parents: Mapping[str, Sequence[str]], *, at_most: int = MOST_SETS) -> Lattice | None:
    """The sets with their counts of orders; None when there are more than `at_most`."""
    k = len(names)
    needs = tuple(sum(1 << names.index(p) for p in set(parents[name])) for name in names)
    to: dict[int, int] = {}
    layer = {0: 1}
    for _ in range(k + 1):
        to |= layer
        if len(to) > at_most:
            return None
        following: dict[int, int] = {}
        for mask, ways in layer.items():
            for i in range(k):
                if not mask >> i & 1 and needs[i] & ~mask == 0:
                    following[mask | 1 << i] = following.get(mask | 1 << i, 0) + ways
        layer = following
    onward = {(1 << k) - 1: 1}
    for mask in reversed(to):
        if mask not in onward:
            onward[mask] = sum(onward[mask | 1 << i] for i in range(k) if not mask >> i & 1 and needs[i] & ~mask == 0)
    return Lattice(k=k, needs=needs, to=to, onward=onward)


def down_sets(names: Sequence[str], parents: Mapping[str, Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    """The sets that hold, with a stage, all that it depends on: those that gains free of order need."""
    sets = lattice(names, parents)
    if sets is None:
        raise ValueError(f"the stages have more than {MOST_SETS:,} sets of this kind")
    return tuple(named(names, mask) for mask in sorted(sets.to))


def named(names: Sequence[str], mask: int) -> tuple[str, ...]:
    """The stages of a set, in cascade order."""
    return tuple(name for i, name in enumerate(names) if mask >> i & 1)


def weights(sets: Lattice) -> dict[int, Floats]:
    """Per set, its weight in the gain of each stage under precedence (Faigle & Kern 1992).

    The mean over all orders of what a stage adds: e(S) e(S + i onward) / e(all), e counting orders.
    """
    weights = {mask: np.zeros(sets.k) for mask in sets.to}
    for mask, ways in sets.to.items():
        for i in sets.free(mask):
            weight = ways * sets.onward[mask | 1 << i] / sets.orders
            weights[mask | 1 << i][i] += weight
            weights[mask][i] -= weight
    return weights


def sampled(sets: Lattice) -> Iterator[tuple[Walk, ...]]:
    """Rounds of orders without end, each order as likely as any other; always the same ones for the same sets.

    A round takes one order from each of `STRATA` equal parts of all orders (stratified by which stages come first) and
    its mirror image (antithetic; Mitchell et al. 2022). The draw depends on nothing but the shape of the cascade, so
    what a run will call is known before it.
    """
    rng = np.random.default_rng(0)
    while True:
        places = (np.arange(STRATA) + rng.random(STRATA)) / STRATA
        ranks = [min(int(place * sets.orders), sets.orders - 1) for place in places.tolist()]
        yield tuple(order for walk in map(sets.walk, ranks) for order in (walk, sets.mirrored(walk)))


def prefixes(walk: Walk) -> tuple[int, ...]:
    """The sets that an order passes, from none to all."""
    masks = [0]
    for i in walk:
        masks.append(masks[-1] | 1 << i)
    return tuple(masks)


def walked(walks: Sequence[Walk], k: int) -> dict[int, Floats]:
    """Per set, its weight in the mean over these orders of what each stage adds."""
    weights: dict[int, Floats] = {}
    for walk in walks:
        for i, (low, high) in zip(walk, pairwise(prefixes(walk)), strict=True):
            for mask, sign in ((high, 1.0), (low, -1.0)):
                weights.setdefault(mask, np.zeros(k))[i] += sign / len(walks)
    return weights
