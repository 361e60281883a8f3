"""What an engine does: it takes chunks of calls and gives their replies, in any order, at least once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from stagegap.stages.protocol import Inputs, Reply, StageCode


@dataclass(frozen=True, slots=True)
class Chunk:
    """Calls of one stage that travel together. Dispatched again it keeps its id, so a second result is known as one."""

    id: int
    stage: str
    inputs: tuple[Inputs, ...]


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What became of a chunk: its replies, an error that ends the run, or nothing because its worker is gone."""

    id: int
    replies: tuple[Reply, ...] = ()
    error: Exception | None = None
    is_lost: bool = False


class Recipe(Protocol):
    """Makes the code of all stages on a worker; it travels there, and holds no secret: those are read there."""

    def __call__(self) -> Mapping[str, StageCode]:
        """The code of every stage. Raises: ConfigurationError."""
        ...


class Engine(Protocol):
    """Workers somewhere. Only the driver journals what they answer: exactly once is the journal's work, not theirs."""

    @property
    def workers(self) -> int:
        """How many there are when all is well."""
        ...

    async def open(self, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
        """Start the workers. `fingerprints` are those of the driver's stages, which theirs must equal."""
        ...

    async def submit(self, chunk: Chunk) -> None:
        """Hand a chunk to a worker; waits when that worker's way is blocked."""
        ...

    def results(self) -> AsyncIterator[ChunkResult]:
        """What came back, for ever."""
        ...

    async def close(self) -> None:
        """End the workers, whatever they do."""
        ...
