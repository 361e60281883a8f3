"""What a run is made of, what it needs from the store, and what earlier runs answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from stagegap.model.answer import Answer, Output, Status
from stagegap.model.cascade import Cascade
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM, Carried, Carry, Cell, RunStatus
from stagegap.runner.budget import Budget
from stagegap.runner.cases import Cases, identity, repeats_of, scope_of
from stagegap.stages.corpus import Corpus
from stagegap.stages.protocol import StageCode


class Sink(Protocol):
    """Where outputs go."""

    def append_outputs(self, run: str, cell: Cell, outputs: Sequence[Output], /) -> None:
        """Keep the outputs; when this returns they survive a crash. Raises: StoreError."""
        ...


class Cache(Protocol):
    """What earlier calls answered."""

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """The stored answer to each key that is known; its record, stage and repeat need not be said."""
        ...


class Claims(Protocol):
    """The calls that this run makes, among those of other runs at the same time."""

    is_alone: bool
    """True until another run comes."""

    def claim(self, keys: Collection[str], /) -> Collection[str]:
        """Take calls, and give those that another run is making."""
        ...

    def release(self, keys: Iterable[str], /) -> None:
        """Let go of calls."""
        ...

    def notice(self) -> None:
        """See whether another run has come."""
        ...


@runtime_checkable
class CommonCache(Protocol):
    """A cache that other processes fill at the same time: whoever looks calls up in it says which ones it makes."""

    def claiming(self) -> AbstractContextManager[Claims]:
        """Say which calls are made, so that nobody else makes them at the same time."""
        ...


class Carrier(Protocol):
    """Takes outputs of earlier runs over."""

    def carry(self, run: str, carry: Carry, records: Sequence[str], /) -> Carried:
        """Take over what can be had of these records; when this returns it survives a crash. Raises: StoreError."""
        ...

    def look(self, carry: Carry, records: Sequence[str], /) -> Carried:
        """What `carry` would take over; nothing is. Raises: StoreError."""
        ...

    def carried(self, carry: Carry, stage: str, records: Sequence[str], /) -> Sequence[Output]:
        """What was taken over of a stage and these records."""
        ...


Announce: TypeAlias = Callable[[str, Sequence[str], bool], AbstractContextManager[None]]
"""Takes a stage, records that it is asked for as long as the context lasts, and whether an engine could ask it."""


def _nobody_told(_stage: str, _records: Sequence[str], _could_travel: bool, /) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellWork:
    """One cell to run: who answers at the swapped stages, and what they answered."""

    cell: Cell = SYSTEM
    given: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict[str, Mapping[str, Answer]])
    """Answers by swapped stage and record; a value of None counts as skipped. Records without one stay out."""
    wants: tuple[str, ...] = ()
    """Stages whose outputs are wanted beside those that the views of every run need in this cell."""
    carries: tuple[Carry, ...] = ()
    """Earlier runs whose outputs may be taken over, asked one after the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that one run executes."""

    run: str
    """Id of the run."""
    cascade: Cascade
    codes: Mapping[str, StageCode]
    """What answers, by stage."""
    corpora: Mapping[str, Corpus]
    records: Sequence[Record]
    references: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict[str, Mapping[str, Answer]])
    """What people hold to be right, by stage and record: judges that may see it are shown it."""
    cells: Sequence[CellWork] = (CellWork(),)
    fresh: frozenset[str] = frozenset()
    """Stages of which nothing that earlier runs answered is used."""
    budget: Budget | None = None
    carrier: Carrier | None = None
    """Takes over what the cells name; without it every output is looked up or made."""
    announce: Announce = _nobody_told
    """Told which records a stage is asked for, in case that ends the process."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of one stage in one cell while a run goes on."""

    total: int
    """Outputs to come, repeats included."""
    done: int = 0
    cached: int = 0
    by_status: dict[Status, int] = field(default_factory=dict[Status, int])
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    """US dollars paid in this run, as far as known."""
    latency_ms: float = 0.0
    """Sum over the outputs that were not cached."""

    @property
    def calls(self) -> int:
        """Outputs that a call was made for."""
        answered = self.done - self.by_status.get(Status.SKIPPED, 0) - self.by_status.get(Status.BLOCKED, 0)
        return answered - self.cached

    @property
    def errors(self) -> int:
        """Outputs without a value, skipped ones aside."""
        fine = sum(self.by_status.get(status, 0) for status in (Status.OK, Status.REPAIRED, Status.SKIPPED))
        return self.done - fine

    def add(self, outputs: Sequence[Output]) -> None:
        """Count the outputs."""
        fine = 0
        for output in outputs:
            status = output.status
            # Nearly all are ok: a comparison by identity costs a tenth of looking an enum up in a mapping.
            if status is Status.OK:
                fine += 1
            else:
                self.by_status[status] = self.by_status.get(status, 0) + 1
            if output.cached:
                self.cached += 1
            else:
                self.tokens_in += output.tokens_in or 0
                self.tokens_out += output.tokens_out or 0
                self.cost += output.cost or 0.0
                self.latency_ms += output.latency_ms or 0.0
        if fine:
            self.by_status[Status.OK] = self.by_status.get(Status.OK, 0) + fine
        self.done += len(outputs)

    def carry(self, status: Status, n: int, *, is_answer: bool) -> None:
        """Count outputs that were taken over from an earlier run."""
        self.by_status[status] = self.by_status.get(status, 0) + n
        self.done += n
        if is_answer:
            self.cached += n


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSummary:
    """What became of one cell."""

    cell: Cell
    tallies: Mapping[str, Tally]
    """By stage, in cascade order."""
    left_out: int
    """Records without an answer at a swapped stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What became of a run."""

    status: RunStatus
    """`done`, or `stopped` when it was interrupted or a stage can't go on."""
    cells: tuple[CellSummary, ...]
    seconds: float
    error: str = ""
    """Why it stopped, in one sentence; empty when it is done."""
    references: str = ""
    """What had changed in the reference files, in a sentence; empty where nothing had."""

    @property
    def tallies(self) -> tuple[Tally, ...]:
        """The tallies of all stages in all cells."""
        return tuple(tally for cell in self.cells for tally in cell.tallies.values())

    @property
    def calls(self) -> int:
        """Calls made, not served from the cache."""
        return sum(tally.calls for tally in self.tallies)

    @property
    def cost(self) -> float:
        """US dollars paid, as far as known."""
        return sum(tally.cost for tally in self.tallies)


OUTPUTS = 150_000
"""Outputs that are taken over at once: the store copies so many in about the time that it may hold its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What the outputs of a run rest on."""

    stages: Mapping[str, str]
    """What each stage makes of what it reads: `inputs.identity`."""
    records: str
    """Digest of the records, in their order."""
    labels: int
    """Labels that there were: the first so many of the cascade."""
    labels_digest: str
    fresh: tuple[str, ...] = ()
    """Stages that were called again: what older runs answered there may be another answer."""


def identities(cascade: Cascade, codes: Mapping[str, StageCode], corpora: Mapping[str, Corpus]) -> dict[str, str]:
    """What each stage makes of what it reads."""
    return {stage.name: identity(cascade, stage, codes[stage.name], corpora) for stage in cascade.stages}


def unchanged(
    cascade: Cascade,
    cell: Cell,
    *,
    wants: Sequence[str],
    then: Mapping[str, str],
    now: Mapping[str, str],
    fresh: frozenset[str] = frozenset(),
) -> dict[str, int]:
    """The stages of a cell that answer as then and read only such stages or what is put in, with their repeats.

    Nothing where only some are the same and stages differ in how often they answer: a later stage would then read
    combinations of repeats that were never stored.
    """
    scope, repeats = scope_of(cascade, cell, wants=wants), repeats_of(cascade)
    same: dict[str, int] = {}
    for stage in scope.runs:
        is_same = then.get(stage.name) == now[stage.name] and stage.name not in fresh
        if is_same and all(parent in same or parent in cell.stages for parent in stage.parents):
            same[stage.name] = repeats[stage.name]
    is_whole = len(same) == len(scope.runs)
    return same if is_whole or len({repeats[stage.name] for stage in scope.runs}) == 1 else {}


def at_once(carry: Carry) -> int:
    """Records that are offered to a carry together."""
    return max(1, OUTPUTS // sum(carry.repeats.values()))


class Carrying:
    """Offers the records of a cell to its carries, one after the other."""

    def __init__(self, run: str, carrier: Carrier, cases: Cases, tallies: Mapping[str, Tally]) -> None:
        self._run = run
        self._carrier = carrier
        self._cases = cases
        self._tallies = tallies

    async def chunks(self, threads: ThreadPoolExecutor) -> AsyncIterator[None]:
        """Take over what can be had, and stop for a moment after each part. Raises: StoreError."""
        loop = asyncio.get_running_loop()
        for number, carry in enumerate(self._cases.carries, 1):
            for part in self._cases.untaken(carry, at_once(carry)):
                names = list(part.values())
                carried = await loop.run_in_executor(threads, self._carrier.carry, self._run, carry, names)
                self._cases.note(part, carried, number)
                for (stage, status, is_answer), n in carried.counts.items():
                    self._tallies[stage].carry(status, n, is_answer=is_answer)
                yield


class Fresh:
    """Notes what a run itself has written of some stages, and hides what is older."""

    def __init__(self, stages: frozenset[str], *, sink: Sink, cache: Cache) -> None:
        self._stages = stages
        self._sink = sink
        self._cache = cache
        self._own: set[str] = set()

    def append_outputs(self, run: str, cell: Cell, outputs: Sequence[Output], /) -> None:
        """Keep the outputs, and their keys. Raises: StoreError."""
        self._sink.append_outputs(run, cell, outputs)
        self._own.update(output.key for output in outputs if output.key and output.stage in self._stages)

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """The stored output of each key that this run has answered."""
        own = [key for key in keys if key in self._own]
        return self._cache.cached(own) if own else {}

    def cache_of(self, stage: str) -> Cache:
        """What a stage's calls are looked up in."""
        return self if stage in self._stages else self._cache


class Releasing:
    """Lets go of calls once their answers are stored, where other runs find them."""

    def __init__(self, sink: Sink, claims: Claims) -> None:
        self._sink = sink
        self._claims = claims

    def append_outputs(self, run: str, cell: Cell, outputs: Sequence[Output], /) -> None:
        """Keep the outputs. Raises: StoreError."""
        self._sink.append_outputs(run, cell, outputs)
        self._claims.release([output.key for output in outputs if output.key and not output.cached])


class Nothing:
    """A cache that knows nothing."""

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """Nothing."""
        del keys
        return {}
