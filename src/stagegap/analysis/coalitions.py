"""Swaps whose effects hang together: which mixtures must be run, their contributions, and two of them in
sentences.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stagegap.attribution.faults import acceptable
from stagegap.attribution.shapley import (
    EXACT_UP_TO,
    Harm,
    PairTable,
    banzhaf_matrix,
    harm,
    interaction_matrix,
    pair_table,
    shapley_matrix,
    summary,
)
from stagegap.attribution.swaps import named, prefixes
from stagegap.model.cascade import Cascade
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Cell
from stagegap.model.wording import counted
from stagegap.stats.distributions import t_quantile
from stagegap.stats.spread import clusters
from stagegap.tables import figures
from stagegap.tables.figures import Unit

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

    def tolerance(self) -> float | None:
        """How far a Shapley value may lie from that of all orders, in shares of the outcome.

        Student's 95% half-width of the largest standard error over the players: each sampled order with its reverse is
        one estimate. None where all orders are there, and for one such pair, which says nothing of its error.
        """
        pairs = list(zip(self.orders[::2], self.orders[1::2], strict=True))
        complete = ~np.isnan(self.table).any(axis=0)
        if len(pairs) < 2 or not complete.any():
            return None
        outcomes = self.table[:, complete].mean(axis=1)
        rounds = np.stack([contribution_matrix(len(self.players), self.masks, pair) @ outcomes for pair in pairs])
        return t_quantile(0.975, len(pairs) - 1) * float(summary(rounds).errors.max())

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


def sampled_orders(k: int, pairs: int, rng: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    """Draw so many orders with their reverses (antithetic)."""
    walks = [tuple(int(i) for i in rng.permutation(k)) for _ in range(pairs)]
    return tuple(order for walk in walks for order in (walk, walk[::-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapCall:
    """A stage that must be called on each record, in every cell that needs it once (the cache does the rest)."""

    stage: str
    new: tuple[str, ...]
    """Which of the stages that decide its output are at their new version, itself included."""
    old: tuple[str, ...]
    """Which are at their old version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapPlan:
    """The mixtures of two versions. A cell `version:retrieve` is the old cascade with the new `retrieve`."""

    players: tuple[str, ...]
    """Stages that changed and reach the outcome, in cascade order."""
    unchanged: tuple[str, ...]
    without_effect: tuple[str, ...]
    """Stages that changed but do not reach the outcome."""
    start: Cell
    """The old cascade: nothing to run, it is the earlier run."""
    end: Cell
    """The new one as far as the outcome is concerned: nothing to run, it is the later run."""
    cells: tuple[Cell, ...]
    """The distinct mixtures between the two."""
    calls: tuple[SwapCall, ...]
    """Stage calls that neither run holds, each to be paid once a record."""
    coalitions: tuple[tuple[int, Cell], ...]
    """Every bit mask of players that the method reads (bit i: `players[i]` is new), and the cell that answers it."""
    orders: tuple[tuple[int, ...], ...] = ()
    """Sampled orders of the players; empty when every coalition is run."""
    problem: str = ""
    """Why the versions can't be mixed, as a sentence; then there are no cells."""


def swap_plan(
    before: Cascade,
    after: Cascade,
    fingerprints_before: Mapping[str, str],
    fingerprints_after: Mapping[str, str],
    *,
    pairs_of_orders: int | None = None,
    rng: np.random.Generator | None = None,
) -> SwapPlan:
    """Plan the version swaps of two cascades; a fingerprint is a stage's code, parameters, prompt and model.

    A stage with the same fingerprint, the same inputs and the same condition is no player. Unlike a reference, a new
    version works on what it actually receives, so it hides nothing before it: a mixture equals another only where
    the wiring lets a changed stage lose its way to the outcome. Exact up to 10 players; `pairs_of_orders` samples
    that many orders and their reverses instead (antithetic), and needs an `rng`.

    Raises: ValueError for more than 10 players without `pairs_of_orders`.
    """
    problem = _problem(before, after)
    if problem:
        return _nothing(before, problem)
    order = _order(before, after)
    changed = [
        name
        for name in order
        if fingerprints_before[name] != fingerprints_after[name]
        or before.stage(name).inputs != after.stage(name).inputs
        or before.stage(name).when != after.stage(name).when
    ]
    reaching = _all_ancestors(before, after, after.outcome.stage)
    players = tuple(name for name in changed if name in reaching)
    mixture = _Mixture(before, after, frozenset(players), order)
    orders = _orders(len(players), pairs_of_orders, rng)
    masks = set_masks(len(players), orders)
    coalitions = tuple((mask, mixture.cell(named(players, mask))) for mask in masks)
    start, end = SYSTEM, mixture.cell(players)
    cells = tuple(cell for cell in dict.fromkeys(cell for _, cell in coalitions) if cell not in (start, end))
    return SwapPlan(
        players=players,
        unchanged=tuple(name for name in order if name not in changed),
        without_effect=tuple(name for name in changed if name not in players),
        start=start,
        end=end,
        cells=cells,
        calls=tuple(dict.fromkeys(call for cell in cells for call in mixture.calls(cell))),
        coalitions=coalitions,
        orders=orders,
    )


def mixture(before: Cascade, after: Cascade, cell: Cell) -> Cascade:
    """The old cascade with the new versions of a cell's stages, as far as the outcome depends on them."""
    return needed_part(with_versions(before, after, cell.stages))


def with_versions(before: Cascade, after: Cascade, stages: Collection[str]) -> Cascade:
    """The old cascade with the new versions of some stages, whole."""
    versions = [(after if name in stages else before).stage(name) for name in _order(before, after)]
    return replace(after, stages=tuple(versions))


def needed_part(cascade: Cascade) -> Cascade:
    """The stages of a cascade that its outcome depends on."""
    stages = tuple(stage for stage in cascade.stages if stage.name in cascade.leading)
    return replace(cascade, stages=stages, outcomes=())


@dataclass(frozen=True, slots=True)
class _Mixture:
    """A cascade in which each changed stage stands in one of two versions."""

    before: Cascade
    after: Cascade
    players: frozenset[str]
    order: tuple[str, ...]

    def cell(self, swapped: Collection[str]) -> Cell:
        """The cell of a coalition: only the new stages that the outcome depends on in this very mixture."""
        deciding = self._deciding(frozenset(swapped))[self.after.outcome.stage]
        stages = tuple(name for name in self.order if name in swapped and name in deciding)
        return Cell("version", stages) if stages else SYSTEM

    def calls(self, cell: Cell) -> list[SwapCall]:
        """The calls up to the outcome that neither version of the whole cascade has made."""
        swapped = frozenset(cell.stages)
        deciding = self._deciding(swapped)
        calls: list[SwapCall] = []
        for name in self.order:
            new, old = deciding[name] & swapped, deciding[name] - swapped
            if new and old and name in self._upstream(swapped):
                calls.append(SwapCall(stage=name, new=self._ordered(new), old=self._ordered(old)))
        return calls

    def _ordered(self, names: frozenset[str]) -> tuple[str, ...]:
        return tuple(name for name in self.order if name in names)

    def _parents(self, name: str, swapped: frozenset[str]) -> tuple[str, ...]:
        return (self.after if name in swapped else self.before).stage(name).parents

    def _deciding(self, swapped: frozenset[str]) -> dict[str, frozenset[str]]:
        """For each stage, the players whose version can show in its output."""
        deciding: dict[str, frozenset[str]] = {}
        for name in self.order:
            inherited = frozenset[str]().union(*(deciding[parent] for parent in self._parents(name, swapped)))
            deciding[name] = inherited | ({name} & self.players)
        return deciding

    def _upstream(self, swapped: frozenset[str]) -> frozenset[str]:
        needed = {self.after.outcome.stage}
        for name in reversed(self.order):
            if name in needed:
                needed.update(self._parents(name, swapped))
        return frozenset(needed)


def _problem(before: Cascade, after: Cascade) -> str:
    gone = [name for name in before.names if name not in after.names]
    come = [name for name in after.names if name not in before.names]
    if gone or come:
        return f"The versions have different stages ({', '.join([*gone, *come])}), so they can't be mixed."
    if before.outcome != after.outcome:
        return "The versions are judged by different outcomes, so their difference can't be shared out."
    for name in after.names:
        if before.stage(name).output != after.stage(name).output and _is_other_type(before, after, name):
            return f"The output type of {name} is another one, so other stages can't work with either version of it."
    if not _order(before, after):
        return "The versions wire their stages in opposite directions, so a mixture of them could run in a circle."
    return ""


def _is_other_type(before: Cascade, after: Cascade, name: str) -> bool:
    a, b = before.stage(name).output, after.stage(name).output
    return (a.kind, a.values, a.of, a.low, a.high, a.schema) != (b.kind, b.values, b.of, b.low, b.high, b.schema)


def _union_parents(before: Cascade, after: Cascade, name: str) -> frozenset[str]:
    return frozenset((*before.stage(name).parents, *after.stage(name).parents))


def _all_ancestors(before: Cascade, after: Cascade, name: str) -> frozenset[str]:
    """The stage and all that it depends on in some mixture."""
    ancestors = {name}
    for parent in _union_parents(before, after, name):
        ancestors |= _all_ancestors(before, after, parent)
    return frozenset(ancestors)


def _order(before: Cascade, after: Cascade) -> tuple[str, ...]:
    """An order of the stages that every mixture keeps; empty when there is none."""
    placed: list[str] = []
    left = list(after.names)
    while left:
        ready = next((name for name in left if _union_parents(before, after, name) <= set(placed)), None)
        if ready is None:
            return ()
        placed.append(ready)
        left.remove(ready)
    return tuple(placed)


def _orders(k: int, pairs: int | None, rng: np.random.Generator | None) -> tuple[tuple[int, ...], ...]:
    if pairs is None:
        if k > EXACT_UP_TO:
            raise ValueError(f"{k} stages changed: that is more than {EXACT_UP_TO}, so orders must be sampled")
        return ()
    if rng is None or pairs < 1:
        raise ValueError("sampled orders need a random generator and at least one pair")
    return sampled_orders(k, pairs, rng)


def _nothing(before: Cascade, problem: str) -> SwapPlan:
    return SwapPlan(
        players=(),
        unchanged=before.names,
        without_effect=(),
        start=SYSTEM,
        end=SYSTEM,
        cells=(),
        calls=(),
        coalitions=(),
        problem=problem,
    )


_HARMED = 5
"""Records of a harm list that a screen names; the view has up to 200."""


def pair_sentences(earlier: str, later: str, table: PairTable, *, noun: str) -> tuple[str, ...]:
    """The four cells of two swaps, and what becomes of the records that are wrong without them; nothing where neither
    changes a record.
    """
    if not table.n:
        return (f"{earlier} and {later}: no {noun} has an outcome with each alone and with both.",)
    if table.is_idle:
        return ()
    return (
        f"{earlier} and {later}, {counted(table.n, noun)}: good with neither {table.right:,}, with {earlier} "
        f"{table.right_first:,}, with {later} {table.right_second:,}, with both {table.right_both:,}",
        f"  of {table.n - table.right:,} bad: only {earlier} mends {table.only_first:,}, only {later} "
        f"{table.only_second:,}, either {table.either:,}, only both {table.together:,}, both undo {table.undone:,}, "
        f"neither {table.neither:,}",
    )


def harm_sentence(stage: str, harm: Harm, *, noun: str, who: str) -> str:
    """Which good records a swap makes bad; empty where there is none."""
    if not harm.count:
        return ""
    records = ", ".join(harm.records[:_HARMED])
    more = f" and {harm.count - _HARMED:,} more" if harm.count > _HARMED else ""
    rate = figures.figure(harm.rate, Unit.SHARE)
    return f"{who} {stage} harms {counted(harm.count, noun)} ({rate} of {harm.rate.n:,}): {records}{more}."
