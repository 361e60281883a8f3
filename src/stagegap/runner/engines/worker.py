"""What a worker does with a chunk, the same for every engine: the stages' code is built once and kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from stagegap.errors import ConfigurationError, StagegapError
from stagegap.runner.engines.protocol import Chunk, ChunkResult, Recipe
from stagegap.stages.protocol import AsyncStage, BatchStage, Inputs, Reply, StageCode, warm


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
            return ChunkResult(chunk.id, error=kind(message))
        return ChunkResult(chunk.id, replies=tuple(replies))

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
