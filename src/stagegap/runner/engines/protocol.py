"""What an engine does with chunks of calls, and what a worker does with one."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self, cast

from stagegap import redaction
from stagegap.errors import ConfigurationError, StagegapError, near_names
from stagegap.runner.answers import without_secrets
from stagegap.stages.protocol import AsyncStage, BatchStage, Inputs, Reply, StageCode, warm


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


KINDS = ("processes", "ray")
_CHOICE = re.compile(r"(?P<kind>[a-z]+)(?::(?P<workers>\d+))?(?:@(?P<address>\S+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An engine that is not started yet."""

    kind: Literal["processes", "ray"]
    workers: int
    address: str = ""
    """Of a running Ray cluster; empty starts one on this machine."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the name, workers and address of an engine. Raises: ConfigurationError.

        >>> Choice.parse("ray:8@head:6379")
        Choice(kind='ray', workers=8, address='head:6379')
        """
        match = _CHOICE.fullmatch(text.strip())
        if match is None or match["kind"] not in KINDS or match["workers"] == "0":
            near = f" {near_names(match['kind'], KINDS)}" if match and match["kind"] not in KINDS else ""
            raise ConfigurationError(f"{text!r} is no engine. Write processes:4, ray:4 or ray:4@HOST:PORT.{near}")
        if match["address"] and match["kind"] != "ray":
            raise ConfigurationError(f"{text!r}: only ray has an address; processes are of this machine.")
        return cls(
            kind=cast("Literal['processes', 'ray']", match["kind"]),
            workers=int(match["workers"] or os.cpu_count() or 1),
            address=match["address"] or "",
        )

    def engine(self) -> Engine:
        """The engine. Raises: ConfigurationError where its extra is missing."""
        if self.kind == "processes":
            from stagegap.runner.engines.processes import Processes

            return Processes(self.workers)
        from stagegap.runner.engines.ray import Ray

        return Ray(self.workers, address=self.address)


class Worker:
    """Holds models, indices and connections, and answers chunks; several at once where stages only wait."""

    def __init__(self, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
        self._recipe = recipe
        self._fingerprints = fingerprints
        self._codes: Mapping[str, StageCode] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stagegap-worker")

    async def answer(self, chunk: Chunk) -> ChunkResult:
        """The replies; an error that no other call can get past is a value too."""
        try:
            if self._codes is None:
                self._codes = self._built()
            code = self._codes[chunk.stage]
            await asyncio.get_running_loop().run_in_executor(self._thread, warm, code)
            if isinstance(code, AsyncStage):
                replies = await asyncio.gather(*(_asked(code, call) for call in chunk.inputs))
            else:
                work = asyncio.get_running_loop().run_in_executor(self._thread, _batch, code, chunk.inputs)
                replies = await work
        except Exception as error:  # noqa: BLE001  # it travels to the driver, which raises it
            # Only plain errors travel: others may hold what can't be sent.
            kind = type(error) if isinstance(error, StagegapError) else RuntimeError
            message = str(error) if isinstance(error, StagegapError) else f"{type(error).__name__}: {error}"
            return ChunkResult(chunk.id, error=kind(redaction.words(message)))
        return ChunkResult(chunk.id, replies=tuple(without_secrets(replies)))  # whose environment has the secrets

    def _built(self) -> Mapping[str, StageCode]:
        codes = self._recipe()
        for name, expected in self._fingerprints.items():
            if codes[name].fingerprint != expected:
                raise ConfigurationError(
                    f"A worker's code, files or libraries of the stage {name!r} differ from those here: their answers"
                    " would not be comparable. Give every machine the same folder and versions."
                )
        return codes


async def _asked(code: AsyncStage, inputs: Inputs) -> Reply:
    start = time.perf_counter()
    reply = await code.answer(inputs)
    if reply.latency_ms is not None:
        return reply
    return replace(reply, latency_ms=round((time.perf_counter() - start) * 1000, 4))


def _batch(code: BatchStage, inputs: tuple[Inputs, ...]) -> list[Reply]:
    start = time.perf_counter()
    replies = code.answer_batch(inputs)
    each_ms = round((time.perf_counter() - start) * 1000 / len(inputs), 4)
    return [reply if reply.latency_ms is not None else replace(reply, latency_ms=each_ms) for reply in replies]
