"""Which mixtures of two versions must be run to tell which stage made the difference, and what of them is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from stagegap.analysis.coalitions import named, sampled_orders, set_masks
from stagegap.attribution.shapley import EXACT_UP_TO
from stagegap.model.cascade import Cascade
from stagegap.model.run import SYSTEM, Cell


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
    versions = [(after if name in cell.stages else before).stage(name) for name in _order(before, after)]
    needed = {after.outcome.stage}
    for stage in reversed(versions):
        if stage.name in needed:
            needed.update(stage.parents)
    return replace(after, stages=tuple(stage for stage in versions if stage.name in needed))


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
