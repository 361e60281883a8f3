"""Workers on a Ray cluster: the optional extra `stagegap[ray]`."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec

# Ray ships types, but an extra may be missing where they are checked.
from typing import Any, TypeAlias

from stagegap.errors import ConfigurationError
from stagegap.runner.engines.protocol import Chunk, ChunkResult, Recipe, Worker

Untyped: TypeAlias = Any
"""An object of Ray."""
LOCAL = ""
"""Address that starts a cluster of this machine, for as long as the run lasts."""
AT_ONCE = 1_000
"""Chunks that one actor works on at most; how many calls are made at once is for the driver to say."""


class Ray:
    """So many actors, each with the models of all stages; Ray restarts those that die, wherever there is room."""

    def __init__(self, workers: int, *, address: str = LOCAL) -> None:
        """`address` is that of a running cluster. Raises: ConfigurationError without Ray, or without a token."""
        if address and not (os.environ.get("RAY_AUTH_MODE") == "token" and _has_token()):
            raise ConfigurationError(
                "A Ray cluster runs whatever code reaches it, so it needs a token: set RAY_AUTH_MODE=token and"
                " RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) there and here."
            )
        self._ray = _ray()
        self.workers = workers
        self._address = address
        self._actors: list[_Actor] = []
        self._results: asyncio.Queue[ChunkResult] = asyncio.Queue()
        self._waiting: set[asyncio.Task[None]] = set()

    async def open(self, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
        """Connect, or start a cluster of this machine, and place the actors."""
        self._results = asyncio.Queue()
        # In this thread: elsewhere Ray can't set its handler of signals, and says so.
        self._connect()
        # Small ones: what stands in the object store blocks a restart where its owner is gone.
        actor = self._ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=0, max_concurrency=AT_ONCE)(Worker)
        self._actors = [_Actor(actor.remote(recipe, dict(fingerprints))) for _ in range(self.workers)]

    async def submit(self, chunk: Chunk) -> None:
        """Hand a chunk to the actor that has the least to do."""
        actor = min(self._actors, key=lambda actor: len(actor.open))
        actor.open.add(chunk.id)
        waiting = asyncio.create_task(self._awaited(actor, chunk))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def results(self) -> AsyncIterator[ChunkResult]:
        """What came back, for ever."""
        while True:
            yield await self._results.get()

    async def close(self) -> None:
        """End the actors, and the cluster where it is ours."""
        for task in self._waiting:
            task.cancel()
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        await asyncio.to_thread(self._ray.shutdown)

    async def _awaited(self, actor: _Actor, chunk: Chunk) -> None:
        try:
            result: ChunkResult = await actor.handle.answer.remote(chunk)
        except self._ray.exceptions.RayTaskError as error:
            result = ChunkResult(chunk.id, error=RuntimeError(str(error)))
        except self._ray.exceptions.RayError:
            # It died, or the network between is cut.
            result = ChunkResult(chunk.id, is_lost=True)
        finally:
            actor.open.discard(chunk.id)
        self._results.put_nowait(result)

    def _connect(self) -> None:
        # Workers write what they print into the driver's terminal otherwise, records and all.
        quiet = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
        if self._address:
            self._ray.init(address=self._address, log_to_driver=False, configure_logging=False)
        else:
            self._ray.init(address="local", num_cpus=self.workers, **quiet)


@dataclass(eq=False, slots=True)
class _Actor:
    handle: Untyped
    open: set[int] = field(default_factory=set[int])
    """Chunks that it has."""


def _ray() -> Untyped:
    """Import Ray, with a token for a cluster of this machine: it looks for one when it is imported, and never again.

    Raises: ConfigurationError without Ray, or where it was imported without a token before.
    """
    if find_spec("ray") is None:
        raise ConfigurationError("The engine ray is an extra: pip install 'stagegap[ray]'.")
    if "ray" in sys.modules and os.environ.get("RAY_AUTH_MODE") != "token":
        raise ConfigurationError("Ray was imported before its token could be set: start with RAY_AUTH_MODE=token.")
    os.environ["RAY_AUTH_MODE"] = "token"
    if not _has_token():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    return import_module("ray")


def _has_token() -> bool:
    return bool(os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"))
