"""Swaps whose effects hang together: outcomes of sets of swapped stages -> contributions, interactions, harm.

Version swaps and person swaps give the same table (sets x records) and are read by the same code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stagegap.attribution.entanglement import Harm, PairTable, harm, pair_table
from stagegap.attribution.faults import acceptable
from stagegap.attribution.shapley import banzhaf_matrix, interaction_matrix, shapley_matrix
from stagegap.model.record import Record
from stagegap.stats.clusters import clusters

Floats = NDArray[np.float64]

TOTAL = "total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalitions:
    """Outcomes of sets of swapped stages, and what is linear in them."""

    players: tuple[str, ...]
    masks: tuple[int, ...]
    """The sets as bit masks (bit i: `players[i]` is swapped), ascending; the first is empty, the last holds all."""
    orders: tuple[tuple[int, ...], ...]
    """Sampled orders of the players; empty when every set is there."""
    table: Floats
    """Sets x records; NaN where there is no outcome."""

    @property
    def complete(self) -> Floats:
        """The same with NaN at every record that lacks an outcome in some set."""
        return np.where(np.isnan(self.table).any(axis=0), np.nan, self.table)

    def outcome(self, mask: int) -> Floats | None:
        """The outcome of each record in a set; None where that set was not run."""
        return self.table[self.masks.index(mask)] if mask in self.masks else None

    def columns(self) -> dict[str, Floats]:
        """What each record adds to every figure that rests on all sets: `total`, `share X`, `banzhaf X`."""
        columns = {TOTAL: self._applied(np.array([1.0, -1.0]), [len(self.table) - 1, 0])}
        shares, powers = contribution_matrix(len(self.players), self.masks, self.orders), self.banzhaf()
        for i, name in enumerate(self.players):
            columns[f"share {name}"] = self._applied(shares[i], range(len(self.table)))
            if powers is not None:
                columns[f"banzhaf {name}"] = self._applied(powers[i], range(len(self.table)))
            for kind, (low, high) in self.steps(i).items():
                columns[f"{kind} {name}"] = self._applied(np.array([1.0, -1.0]), [high, low])
        for earlier, later, row in self.interactions():
            is_new = np.array([bool(mask >> earlier & 1) for mask in self.masks])
            for kind, weights in (("both", row), ("new", row * is_new), ("old", -row * ~is_new)):
                columns[f"{kind} {earlier} {later}"] = self._applied(weights, range(len(self.table)))
        return columns

    def banzhaf(self) -> Floats | None:
        """The matrix of the Banzhaf value; None where not every set was run."""
        return None if self.orders or not self.players else banzhaf_matrix(len(self.players))

    def steps(self, player: int) -> dict[str, tuple[int, int]]:
        """The rows before and after swapping a player alone and last, where the method has run both."""
        bit, whole = 1 << player, (1 << len(self.players)) - 1
        masks = {"alone": (0, bit), "last": (whole & ~bit, whole)}
        rows = {mask: row for row, mask in enumerate(self.masks)}
        return {kind: (rows[a], rows[b]) for kind, (a, b) in masks.items() if a in rows and b in rows}

    def interactions(self) -> list[tuple[int, int, Floats]]:
        """Each pair of players with its row of the interaction index; none where orders were sampled."""
        k = len(self.players)
        if k < 2 or self.orders:
            return []
        interaction = interaction_matrix(k)
        return [(i, j, interaction.matrix[row]) for row, (i, j) in enumerate(interaction.pairs)]

    def harm(self, player: int, records: Sequence[Record], *, bar: float) -> Harm | None:
        """List the records that swapping one stage alone makes bad; None where that was not run."""
        fixed = self.outcome(1 << player)
        if fixed is None:
            return None
        units = clusters(record.unit for record in records)
        ids = [record.id for record in records]
        return harm(ids, acceptable(self.table[0], bar), acceptable(fixed, bar), units)

    def four(self, i: int, j: int) -> tuple[Floats, Floats, Floats, Floats] | None:
        """The outcomes with neither, the first, the second and both swaps; None where one was not run."""
        first, second, both = self.outcome(1 << i), self.outcome(1 << j), self.outcome(1 << i | 1 << j)
        if first is None or second is None or both is None:
            return None
        return self.table[0], first, second, both

    def pair(self, i: int, j: int, *, bar: float) -> PairTable | None:
        """Count what two swaps do to the same records, each alone and together; None where one was not run."""
        cells = self.four(i, j)
        if cells is None:
            return None
        neither, first, second, both = cells
        return pair_table(
            acceptable(neither, bar), acceptable(first, bar), acceptable(second, bar), acceptable(both, bar)
        )

    def _applied(self, weights: Floats, rows: Sequence[int]) -> Floats:
        """A weighted sum of outcomes; rounded so that thirds of 0/1 outcomes that add up to 1 are 1."""
        return np.round(weights @ self.table[list(rows)], 12)


def contribution_matrix(k: int, masks: Sequence[int], orders: Sequence[Sequence[int]]) -> Floats:
    """The matrix of the Shapley value of k swaps, or of its mean over the sampled orders, by set.

    Each row's weights add up to 0, all rows' to all - none.
    """
    if not orders:
        return shapley_matrix(k) if k else np.zeros((0, 1))
    column = {mask: place for place, mask in enumerate(masks)}
    matrix = np.zeros((k, len(column)))
    for walk in orders:
        for player, (low, high) in zip(walk, pairwise(prefixes(walk)), strict=True):
            matrix[player, column[high]] += 1 / len(orders)
            matrix[player, column[low]] -= 1 / len(orders)
    return matrix


def set_masks(k: int, orders: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The sets to run: those that the orders pass, or all of them where none were drawn."""
    return tuple(sorted({mask for walk in orders for mask in prefixes(walk)}) if orders else range(1 << k))


def named(players: Sequence[str], mask: int) -> tuple[str, ...]:
    """The players of a set."""
    return tuple(name for i, name in enumerate(players) if mask >> i & 1)


def prefixes(walk: Sequence[int]) -> list[int]:
    """The sets that an order passes, from none to all."""
    masks = [0]
    for player in walk:
        masks.append(masks[-1] | 1 << player)
    return masks


def sampled_orders(k: int, pairs: int, rng: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    """Draw so many orders with their reverses (antithetic)."""
    walks = [tuple(int(i) for i in rng.permutation(k)) for _ in range(pairs)]
    return tuple(order for walk in walks for order in (walk, walk[::-1]))
