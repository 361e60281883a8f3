"""What earlier runs answered: taken over where nothing has changed, or left aside for a fresh run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stagegap.model.answer import Output
from stagegap.model.cascade import Cascade
from stagegap.model.run import Cell
from stagegap.runner.cases import Cases, repeats_of, scope_of
from stagegap.runner.inputs import identity
from stagegap.runner.work import Cache, Carrier, Sink, Tally
from stagegap.stages.corpus import Corpus
from stagegap.stages.protocol import StageCode

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
            size = max(1, OUTPUTS // sum(carry.repeats.values()))
            for part in self._cases.untaken(carry, size):
                names = list(part.values())
                carried = await loop.run_in_executor(threads, self._carrier.carry, self._run, carry, names)
                for place, record in enumerate(part):
                    if place not in carried.left:
                        self._cases.carried_by[record] = number
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


class Nothing:
    """A cache that knows nothing."""

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """Nothing."""
        del keys
        return {}
