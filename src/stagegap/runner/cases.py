"""Records on their way through one cell: which stages it runs, and which answers stand in their place."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from stagegap.attribution.swaps import needed_stages
from stagegap.model.answer import Answer, Output
from stagegap.model.cascade import Cascade, Stage
from stagegap.model.record import Record
from stagegap.model.run import Carry, Cell
from stagegap.runner.inputs import given_output


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of a cascade that one cell touches."""

    runs: tuple[Stage, ...]
    """Stages to call, in cascade order."""
    reads: tuple[str, ...]
    """Swapped stages whose answers the called ones, or the outcome, rest on."""
    swapped: frozenset[str] = frozenset()
    """The swapped stages and all that depend on one."""


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
        swapped=frozenset(
            name for name in cascade.names if name in cell.stages or cascade.ancestors(name) & {*cell.stages}
        ),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The stages that a case still goes through."""

    roots: tuple[str, ...]
    """Where it begins."""
    waits: Mapping[str, int]
    """How many outputs each stage waits for."""
    left: int
    """Stages on the way."""
    carry: Carry | None = None
    """What was taken over from an earlier run: those of its outputs that others read are fetched, not made."""
    swapped: frozenset[str] = frozenset()
    """Stages that the swap of the cell may have changed."""


NEVER = 1 << 30
"""Outputs that a stage waits for which the case does not go through."""


@dataclass(slots=True)
class Case:
    """One record in one repeat, with the outputs that it has so far."""

    record: Record
    repeat: int
    outputs: dict[str, Output]
    waits: dict[str, int]
    """How many outputs each stage still waits for."""
    left: int
    """Stages without an output."""
    route: Route


class Cases:
    """Makes the cases of a cell, a few at a time, so that memory does not grow with the records."""

    def __init__(
        self,
        scope: Scope,
        *,
        records: Sequence[Record],
        given: Mapping[str, Mapping[str, Answer]],
        repeats: int,
        carries: Sequence[Carry] = (),
    ) -> None:
        self.carries = carries
        self._routes = (_route(scope), *(_shorter(scope, carry) for carry in carries))
        self._given = {name: given.get(name, {}) for name in scope.reads}
        self.taken_in = records
        if self._given:
            self.taken_in = [
                record for record in records if all(record.id in answers for answers in self._given.values())
            ]
        self.left_out = len(records) - len(self.taken_in)
        self.carried_by = bytearray(len(self.taken_in))
        """For each record the number of the carry that took its outputs over, counted from 1; 0 for none."""
        self._order = self._in_order(repeats)

    def _in_order(self, repeats: int) -> Iterator[Case]:
        for repeat in range(repeats):
            for record, number in zip(self.taken_in, self.carried_by, strict=True):
                route = self._routes[number]
                if route.left:
                    given = {
                        name: given_output(record.id, name, answers[record.id]) for name, answers in self._given.items()
                    }
                    yield Case(record, repeat, given, dict(route.waits), route.left, route)

    def untaken(self, carry: Carry, size: int) -> Iterator[Mapping[int, str]]:
        """Place and id of the records that nobody has taken over yet and that have not changed, in parts."""
        for start in range(0, len(self.taken_in), size):
            part = enumerate(self.taken_in[start : start + size], start)
            chunk = {n: record.id for n, record in part if not self.carried_by[n] and record.id not in carry.without}
            if chunk:
                yield chunk

    def take(self, limit: int) -> list[Case]:
        """The next cases, at most `limit`; none when all were given."""
        return list(islice(self._order, limit))

    def beginnings(self, cases: Sequence[Case]) -> Iterator[tuple[str, Sequence[Case]]]:
        """Each stage at which some of these cases begin, with those cases."""
        for route in self._routes:
            cases_here = cases if len(self._routes) == 1 else [case for case in cases if case.route is route]
            for root in route.roots if cases_here else ():
                yield root, cases_here


def _route(scope: Scope) -> Route:
    running = {stage.name for stage in scope.runs}
    waits = {stage.name: sum(parent in running for parent in stage.parents) for stage in scope.runs}
    return Route(roots=_roots(waits), waits=waits, left=len(waits), swapped=scope.swapped)


def _shorter(scope: Scope, carry: Carry) -> Route:
    """The way of a case whose outputs at some stages are there: through the others, and what they read."""
    others = [stage for stage in scope.runs if stage.name not in carry.repeats]
    read = {parent for stage in others for parent in stage.parents if parent in carry.repeats}
    on_the_way = {stage.name for stage in others} | read
    waits = {stage.name: NEVER for stage in scope.runs} | dict.fromkeys(read, 0)
    waits |= {stage.name: sum(parent in on_the_way for parent in stage.parents) for stage in others}
    return Route(roots=_roots(waits), waits=waits, left=len(on_the_way), carry=carry, swapped=scope.swapped)


def _roots(waits: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(name for name, count in waits.items() if not count)


class Ready:
    """Cases that wait for one stage."""

    def __init__(self) -> None:
        self._cases: deque[Case] = deque()
        self._changed = asyncio.Event()
        self.is_closed = False
        """True when no more is to be taken: all is done, or the run ends early."""

    def put(self, cases: Iterable[Case]) -> None:
        """Add cases; once closed they are dropped, for nobody would take them."""
        if not self.is_closed:
            self._cases.extend(cases)
            self._changed.set()

    def close(self) -> None:
        """Say that no more is to be taken."""
        self.is_closed = True
        self._cases.clear()
        self._changed.set()

    async def take(self, limit: int) -> list[Case]:
        """Wait for a case and give all that are there, at most `limit`; none once closed."""
        while not self._cases and not self.is_closed:
            self._changed.clear()
            await self._changed.wait()
        return [self._cases.popleft() for _ in range(min(limit, len(self._cases)))]
