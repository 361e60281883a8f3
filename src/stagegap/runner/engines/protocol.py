"""What an engine does with chunks of calls, and what a worker does with one."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Literal, Protocol, Self, cast, runtime_checkable

from stagegap import redaction
from stagegap.errors import ConfigurationError, StagegapError, near_names
from stagegap.runner.answers import without_secrets
from stagegap.stages.protocol import AsyncStage, BatchStage, Inputs, Reply, StageCode, warm


@dataclass(frozen=True, slots=True)
class Chunk:
    """Calls of one stage that travel together. Sent again they are another chunk, so a late answer is dropped."""

    id: int
    stage: str
    inputs: tuple[Inputs, ...]
    group: int = 0
    """Calls that the stage is given at once, for one that takes lists; 0 lets the worker choose by time."""
    most: int = 1
    """Calls that the stage may be given at once."""
    patience_s: float = 90.0
    """Silence of a worker, its signs of life included, after which it is taken for dead while it has the chunk."""


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What became of calls of a chunk: some replies, an error that ends the run, or nothing: their worker is gone."""

    id: int
    first: int = 0
    """Place of the first reply among the chunk's calls."""
    replies: tuple[Reply, ...] = ()
    error: Exception | None = None
    is_lost: bool = False
    is_cause: bool = False
    """True for the chunk that a lost worker was working on: its calls may have killed it."""


class Recipe(Protocol):
    """Makes the code of all stages on a worker; it travels there, and holds no secret: those are read there."""

    def __call__(self) -> Mapping[str, StageCode]:
        """The code of every stage. Raises: ConfigurationError."""
        ...


@runtime_checkable
class Portable(Recipe, Protocol):
    """A recipe whose folder can be copied to machines that do not have it."""

    @property
    def root(self) -> str:
        """The folder, absolute."""
        ...

    @property
    def left_out(self) -> tuple[str, ...]:
        """Files in it that no worker reads."""
        ...

    def moved(self, root: str) -> Recipe:
        """The recipe for a copy of the folder."""
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
        """Hand a chunk to a worker that is well; waits for one. Workers answer their chunks one after the other."""
        ...

    def results(self) -> AsyncIterator[ChunkResult]:
        """What came back, for ever: replies of a chunk in their order, in as many parts as it takes."""
        ...

    async def close(self) -> None:
        """End the workers, whatever they do."""
        ...


KINDS = ("processes", "ray")
PORT = 6379
"""Where Ray listens by itself."""
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
        >>> Choice.parse("ray:8@head") == Choice.parse("ray:8@head:6379")
        True
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
            address=_with_port(match["address"]) if match["address"] else "",
        )

    def engine(self) -> Engine:
        """The engine. Raises: ConfigurationError where its extra is missing."""
        if self.kind == "processes":
            from stagegap.runner.engines.processes import Processes

            return Processes(self.workers)
        from stagegap.runner.engines.ray import Ray

        return Ray(self.workers, address=self.address)


def _with_port(address: str) -> str:
    """The address of a cluster, at Ray's own port where none is named."""
    return address if ":" in address else f"{address}:{PORT}"


PIECE_S = 0.2
"""Work between two reports of a worker: what a killed one has done is lost for no longer than that."""


class Worker:
    """Holds models, indices and connections, and answers chunks one after the other."""

    def __init__(self, recipe: Recipe, fingerprints: Mapping[str, str], *, driver: str = "") -> None:
        """`driver` names the versions of the driver, for the sentence when the code differs."""
        self._recipe = recipe
        self._fingerprints = fingerprints
        self._driver = driver
        self._codes: Mapping[str, StageCode] | None = None
        self._seconds: dict[str, float] = {}
        """What a call of each stage took last."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stagegap-worker")
        self._turn = asyncio.Lock()

    async def beat(self) -> bool:
        """A sign of life."""
        return True

    async def answers(self, chunk: Chunk) -> AsyncIterator[ChunkResult]:
        """The replies piece by piece; an error that no other call can get past is a value too."""
        loop = asyncio.get_running_loop()
        async with self._turn:
            try:
                if self._codes is None:
                    self._codes = self._built()
                code = self._codes[chunk.stage]
                if isinstance(code, AsyncStage):
                    raise TypeError(f"stage {chunk.stage!r} only waits, and is asked by the driver")
                await loop.run_in_executor(self._thread, warm, code)
                first = 0
                while first < len(chunk.inputs):
                    piece = chunk.inputs[first : first + self._piece(chunk)]
                    replies = await loop.run_in_executor(self._thread, _batch, code, piece)
                    self._seconds[chunk.stage] = sum(reply.latency_ms or 0.0 for reply in replies) / 1000 / len(piece)
                    yield ChunkResult(chunk.id, first, tuple(without_secrets(replies)))  # the environment here has them
                    first += len(piece)
            except Exception as error:  # noqa: BLE001  # it travels to the driver, which raises it
                # Only plain errors travel: others may hold what can't be sent.
                kind = type(error) if isinstance(error, StagegapError) else RuntimeError
                message = str(error) if isinstance(error, StagegapError) else f"{type(error).__name__}: {error}"
                yield ChunkResult(chunk.id, error=kind(redaction.words(message)))

    def _piece(self, chunk: Chunk) -> int:
        """How many calls are answered before the next report."""
        if chunk.group:
            return chunk.group
        seconds = self._seconds.get(chunk.stage)
        return 1 if seconds is None else max(1, min(chunk.most, int(PIECE_S / max(seconds, 1e-6))))

    def _built(self) -> Mapping[str, StageCode]:
        codes = self._recipe()
        for name, expected in self._fingerprints.items():
            if codes[name].fingerprint != expected:
                raise ConfigurationError(
                    f"A worker's code, files or libraries of the stage {name!r} differ from those here: their answers"
                    f" would not be comparable. Give every machine the same folder and versions (there {versions()};"
                    f" here {self._driver or 'not known'})."
                )
        return codes


def versions() -> str:
    """Python and stagegap of this process, as a sentence names them."""
    return f"Python {platform.python_version()}, stagegap {version('stagegap')}"


def _batch(code: BatchStage, inputs: tuple[Inputs, ...]) -> list[Reply]:
    start = time.perf_counter()
    replies = code.answer_batch(inputs)
    each_ms = round((time.perf_counter() - start) * 1000 / len(inputs), 4)
    return [reply if reply.latency_ms is not None else replace(reply, latency_ms=each_ms) for reply in replies]
