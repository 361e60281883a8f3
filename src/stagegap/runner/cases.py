"""Records on their way through one cell."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from stagegap.model.answer import Answer, Output
from stagegap.model.record import Record
from stagegap.runner.inputs import given_output
from stagegap.runner.scope import Scope


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


class Cases:
    """Makes the cases of a cell, a few at a time, so that memory does not grow with the records."""

    def __init__(
        self,
        scope: Scope,
        *,
        records: Sequence[Record],
        given: Mapping[str, Mapping[str, Answer]],
        repeats: int,
    ) -> None:
        running = {stage.name for stage in scope.runs}
        self._waits = {stage.name: sum(parent in running for parent in stage.parents) for stage in scope.runs}
        self.roots = tuple(name for name, count in self._waits.items() if not count)
        self._given = {name: given.get(name, {}) for name in scope.reads}
        self.taken_in = records
        if self._given:
            self.taken_in = [record for record in records if all(record.id in one for one in self._given.values())]
        self.left_out = len(records) - len(self.taken_in)
        self._order = self._in_order(repeats)

    def _in_order(self, repeats: int) -> Iterator[Case]:
        for repeat in range(repeats):
            for record in self.taken_in:
                given = {name: given_output(record.id, name, found[record.id]) for name, found in self._given.items()}
                yield Case(record, repeat, given, self._waits.copy(), len(self._waits))

    def take(self, limit: int) -> list[Case]:
        """Give the next cases, at most `limit`; none when all were given."""
        return list(islice(self._order, limit))


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
