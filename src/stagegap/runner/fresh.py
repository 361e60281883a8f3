"""Calling again what is known: nothing of earlier runs is used, and nothing of this run is called twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stagegap.model.answer import Output
from stagegap.model.run import Cell
from stagegap.runner.work import Cache, Sink


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
