"""Which swaps are distinct, the stages that must run for them, and the orders in which stages get their
references.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stagegap.model.cascade import Cascade
from stagegap.model.run import SYSTEM, Cell

SwapKind = Literal["reference", "person", "version"]

LATTICE_UP_TO = 32
"""Swap sets up to which a run makes gains free of the order of parallel branches: four branches beside each other.
Each further branch doubles the sets, and every set costs calls of what comes after it. Beyond it orders are sampled."""


def effective_set(cascade: Cascade, stages: Collection[str], *, target: str | None = None) -> tuple[str, ...]:
    """The swapped stages that the target can tell apart from no swap, in cascade order.

    A swapped stage is dropped when every path from it to the target (the outcome's stage unless given) passes
    another swapped stage, and when there is no path at all.
    """
    end = cascade.outcome.stage if target is None else target
    if end in stages:
        return (end,)
    open_stages = _reaching(cascade, stages, end)
    seen = {parent for name in open_stages for parent in cascade.stage(name).parents}
    return tuple(name for name in cascade.names if name in stages and name in seen)


def _reaching(cascade: Cascade, stages: Collection[str], end: str) -> frozenset[str]:
    """The end and the unswapped stages from which it is reached through unswapped stages only."""
    reaching = {end}
    for name in reversed(cascade.names):
        if name in reaching:
            reaching.update(parent for parent in cascade.stage(name).parents if parent not in stages)
    return frozenset(reaching)


def swap_cell(
    cascade: Cascade, stages: Collection[str], *, kind: SwapKind = "reference", target: str | None = None
) -> Cell:
    """The cell of a swap set, reduced to its effective set; the system's own where nothing is left."""
    effective = effective_set(cascade, stages, target=target)
    return Cell(kind, effective) if effective else SYSTEM


def staircase_order(cascade: Cascade) -> tuple[str, ...]:
    """Stages in the one order along which the staircase climbs: by the edges, and by name where these leave a choice.

    The order in which a file lists parallel branches has no part in it. On a chain it is the cascade's own order.
    """
    parents = {stage.name: stage.parents for stage in cascade.stages}
    order: list[str] = []
    while len(order) < len(parents):
        order.append(min(name for name, needed in parents.items() if name not in order and {*needed} <= {*order}))
    return tuple(order)


def is_chain(cascade: Cascade) -> bool:
    """True when the edges leave one order only, so that gains along it and gains free of order are the same."""
    order = staircase_order(cascade)
    return all(before in cascade.ancestors(after) for before, after in pairwise(order))


def prefix_cells(cascade: Cascade) -> tuple[Cell, ...]:
    """The cells of the staircase in its order: the system, then references at the first 1, 2, ... k stages.

    Equal neighbours are the rule where a stage does not reach the outcome.
    """
    names = staircase_order(cascade)
    return tuple(swap_cell(cascade, names[:count]) for count in range(len(names) + 1))


def ceiling_cells(cascade: Cascade) -> tuple[Cell, ...]:
    """The distinct swap cells of the ceiling, without the system's own.

    None where people's ratings are the outcome: they are of the answers that the system gave.
    """
    if cascade.outcome.criterion is not None:
        return ()
    return tuple(cell for cell in dict.fromkeys(prefix_cells(cascade)) if cell != SYSTEM)


def closed_cell(cascade: Cascade, stage: str) -> Cell:
    """The cell with references at a stage and at all that it depends on."""
    return swap_cell(cascade, {stage, *cascade.ancestors(stage)})


def alone_cell(cascade: Cascade, stage: str) -> Cell:
    """The cell in which a stage works on references at all its ancestors; the system's for a first stage."""
    return swap_cell(cascade, cascade.ancestors(stage), target=stage)


def alone_cells(cascade: Cascade) -> tuple[Cell, ...]:
    """The distinct swap cells in which some stage works on references, without the system's own."""
    cells = dict.fromkeys(alone_cell(cascade, name) for name in cascade.names)
    return tuple(cell for cell in cells if cell != SYSTEM)


def scorecard_cells(cascade: Cascade) -> tuple[Cell, ...]:
    """Every distinct swap cell that a scorecard needs: ceiling and alone."""
    return tuple(dict.fromkeys((*ceiling_cells(cascade), *alone_cells(cascade))))


def stages_between(cascade: Cascade, cell: Cell, *, target: str) -> tuple[str, ...]:
    """The stages that must run in a cell so that the target has an output there, in cascade order.

    These read a swapped stage, directly or through each other. Every other input is the system's own output,
    because nothing upstream of it was swapped. Empty when the target itself is swapped or is not touched.
    """
    if target in cell.stages:
        return ()
    open_stages = _reaching(cascade, cell.stages, target)
    changed: set[str] = set(cell.stages)
    needed: list[str] = []
    for name in cascade.names:
        if name in open_stages and changed.intersection(cascade.stage(name).parents):
            changed.add(name)
            needed.append(name)
    return tuple(needed)


def run_cells(cascade: Cascade, *, rounds: int = 0) -> tuple[Cell, ...]:
    """Every distinct swap cell that a run makes: staircase, alone, and what parallel branches need beyond these.

    Where branches need too many sets, `rounds` of sampled orders take their place. Each outcome has its own.
    """
    return tuple(
        dict.fromkeys(
            cell
            for judged in cascade.by_outcome
            for cell in (*scorecard_cells(judged), *lattice_cells(judged, rounds=rounds))
        )
    )


def needed_stages(cascade: Cascade, cell: Cell) -> tuple[str, ...]:
    """The stages that the views of a run want outputs of in a cell, in cascade order.

    For a cell of the ceiling or the lattice of an outcome those up to it; for an alone cell the stages that work on
    exactly those references. Empty for a cell that `run_cells` does not hold.
    """
    wanted: set[str] = set()
    for judged in cascade.by_outcome:
        if cell in ceiling_cells(judged) or cell in lattice_cells(judged):
            wanted.update(stages_between(judged, cell, target=judged.outcome.stage))
    wanted.update(name for name in cascade.names if cell != SYSTEM and alone_cell(cascade, name) == cell)
    return tuple(name for name in cascade.names if name in wanted)


def lattice_cells(cascade: Cascade, *, rounds: int = 0) -> tuple[Cell, ...]:
    """The distinct reference cells that gains free of the order of parallel branches need, without the system's.

    The swap sets that hold, with a stage, all that it depends on. On a chain they are those of the ceiling. What must
    run in them is `stages_between(cascade, cell, target=outcome)`. Where there are more than `LATTICE_UP_TO`, those
    that `rounds` of sampled orders pass. None where people's ratings are the outcome.
    """
    if cascade.outcome.criterion is not None:
        return ()
    swapped = lattice_sets(cascade)
    sets = whole_lattice(cascade) if rounds and not swapped else None
    if sets is not None:
        walks = [walk for pair in islice(sampled(sets), rounds) for walk in pair]
        masks = sorted({mask for walk in walks for mask in prefixes(walk)})
        swapped = tuple(named(staircase_order(cascade), mask) for mask in masks)
    cells = dict.fromkeys(swap_cell(cascade, stages) for stages in swapped)
    return tuple(cell for cell in cells if cell != SYSTEM)


def whole_lattice(cascade: Cascade) -> Lattice | None:
    """The sets of stages that any allowed order passes, bits by `staircase_order`; None when they are too many."""
    return lattice(staircase_order(cascade), {stage.name: stage.parents for stage in cascade.stages})


def lattice_sets(cascade: Cascade) -> tuple[tuple[str, ...], ...]:
    """The swap sets behind the exact `lattice_cells`; empty when there are too many to run."""
    order = staircase_order(cascade)
    sets = lattice(order, {stage.name: stage.parents for stage in cascade.stages}, at_most=LATTICE_UP_TO)
    return () if sets is None else tuple(named(order, mask) for mask in sorted(sets.to))


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


def prefixes(walk: Sequence[int]) -> tuple[int, ...]:
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
