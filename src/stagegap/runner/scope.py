"""Which stages a cell runs, and which answers it puts in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stagegap.attribution.swaps import needed_stages
from stagegap.model.cascade import Cascade, Stage
from stagegap.model.run import Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of a cascade that one cell touches."""

    runs: tuple[Stage, ...]
    """Stages to call, in cascade order."""
    reads: tuple[str, ...]
    """Swapped stages whose answers the called ones, or the outcome, rest on."""


def scope_of(cascade: Cascade, cell: Cell, *, wants: Sequence[str] = ()) -> Scope:
    """The stages of a cell; `wants` are stages whose outputs are wanted beside those that every run needs.

    The system runs every stage, because each is scored. With swaps, only what the wanted outputs depend on runs, cut
    at the swapped stages: what reaches them only through a swapped stage is hidden by it. Wanted are the stages that
    the views of a run need there, or the outcome in a cell that no view knows.
    """
    if not cell.stages:
        return Scope(runs=cascade.stages, reads=())
    needed: set[str] = set()
    open_names = [*_wanted(cascade, cell), *(name for name in wants if name not in cell.stages)]
    while open_names:
        name = open_names.pop()
        if name not in needed:
            needed.add(name)
            if name not in cell.stages:
                open_names.extend(cascade.stage(name).parents)
    return Scope(
        runs=tuple(stage for stage in cascade.stages if stage.name in needed and stage.name not in cell.stages),
        reads=tuple(name for name in cell.stages if name in needed),
    )


def _wanted(cascade: Cascade, cell: Cell) -> tuple[str, ...]:
    needed = needed_stages(cascade, cell) if cell.kind == "reference" else ()
    return needed or (cascade.outcome.stage,)


def repeats_of(cascade: Cascade) -> Mapping[str, int]:
    """How many outputs each stage has for a record: its own repeats, or those of a stage that it rests on."""
    repeats: dict[str, int] = {}
    for stage in cascade.stages:
        repeats[stage.name] = max([stage.repeats, *(repeats[parent] for parent in stage.parents)])
    return repeats
