"""Workers on a Ray cluster: the optional extra `stagegap[ray]`."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

# Ray ships types, but an extra may be missing where they are checked.
from typing import Any, TypeAlias

from stagegap.errors import ConfigurationError, StagegapError, require
from stagegap.model.run import STORE
from stagegap.runner.engines.protocol import Chunk, ChunkResult, Portable, Recipe, Worker, versions
from stagegap.stages.protocol import StageCode

Untyped: TypeAlias = Any
"""An object of Ray."""
LOCAL = ""
"""Address that starts a cluster of this machine, for as long as the run lasts."""
AT_ONCE = 1_000
"""Chunks that one actor works on at most; how many calls are made at once is for the driver to say."""


BEAT_S = 2.0
"""Time between two signs of life that an actor with work is asked for."""
REST_S = (0.2, 5.0)
"""An actor that failed is left alone for this long, doubled up to the second figure, before it is asked again."""
UNMADE = "error raised in its creation task"
"""What Ray says of an actor that will never be: another try would end alike."""
LEFT_OUT = (".git", STORE, ".venv", "node_modules", "__pycache__", "*.duckdb")
"""What no worker needs of a project."""
GIVE_UP_S = 300.0
"""Where no actor is well for this long, the run ends."""


class Ray:
    """So many actors, each with the models of all stages; Ray restarts those that die, wherever there is room.

    A restarting actor fails calls at once, so an actor that failed gets no chunk until it has given a sign of life.
    """

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
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_any_well = asyncio.Event()
        self._refusal = ""
        """Why no worker can be made here, however often it is tried."""

    async def open(self, recipe: Recipe, fingerprints: Mapping[str, str]) -> None:
        """Connect, or start a cluster of this machine, and place the actors. Raises: ConfigurationError."""
        self._results = asyncio.Queue()
        self._is_any_well = asyncio.Event()
        errors = self._ray.exceptions
        try:
            # In this thread: elsewhere Ray can't set its handler of signals, and says so.
            self._connect(recipe)
            # Small ones: what stands in the object store blocks a restart where its owner is gone.
            actor = self._ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=0, max_concurrency=AT_ONCE)(Worker)
            travelling = _Copied(recipe) if self._address and isinstance(recipe, Portable) else recipe
            handles = [actor.remote(travelling, dict(fingerprints), driver=versions()) for _ in range(self.workers)]
        except (OSError, RuntimeError, TimeoutError, ValueError, errors.RayError) as error:
            where = f"the cluster at {self._address}" if self._address else "a cluster of this machine"
            raise ConfigurationError(
                f"Ray can't use {where}: {_in_words(error)}. Is it running, and is its token the same?"
            ) from error
        self._actors = [_Actor(handle) for handle in handles]
        for placed in self._actors:
            self._do(self._care(placed))

    async def submit(self, chunk: Chunk) -> None:
        """Hand a chunk to the actor that is well and has the least to do. Raises: StagegapError when none gets well."""
        try:
            async with asyncio.timeout(GIVE_UP_S):
                while not (well := [actor for actor in self._actors if actor.is_well]):
                    if self._refusal:
                        raise ConfigurationError(self._refusal)
                    self._is_any_well.clear()
                    await self._is_any_well.wait()
        except TimeoutError:
            why = next((actor.error for actor in self._actors if actor.error), "none could be placed")
            raise StagegapError(f"No worker of the Ray cluster answered for {GIVE_UP_S:.0f} s: {why}.") from None
        actor = min(well, key=lambda actor: len(actor.open))
        actor.open[chunk.id] = chunk.patience_s
        self._do(self._awaited(actor, chunk))

    async def results(self) -> AsyncIterator[ChunkResult]:
        """What came back, for ever."""
        while True:
            yield await self._results.get()

    async def close(self) -> None:
        """End the actors, and the cluster where it is ours."""
        for task in self._tasks:
            task.cancel()
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        await asyncio.to_thread(self._ray.shutdown)

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _awaited(self, actor: _Actor, chunk: Chunk) -> None:
        """Take in what an actor answers, part by part."""
        left = len(chunk.inputs)
        try:
            async for part in actor.handle.answers.options(num_returns="streaming").remote(chunk):
                result: ChunkResult = await part
                actor.heard = asyncio.get_running_loop().time()
                left = 0 if result.error is not None else left - len(result.replies)
                if not left:
                    actor.open.pop(chunk.id, None)
                self._results.put_nowait(result)
        except self._ray.exceptions.RayTaskError as error:
            actor.open.pop(chunk.id, None)
            self._results.put_nowait(ChunkResult(chunk.id, error=RuntimeError(str(error))))
        except self._ray.exceptions.RayError as error:
            self._lost(actor, error)  # it died, or the network between is cut

    def _lost(self, actor: _Actor, error: Exception) -> None:
        """Report all that an actor had: it answers one chunk after the other, so the first may have killed it."""
        actor.is_well, actor.error = False, _in_words(error)
        for place, chunk in enumerate(actor.open):
            self._results.put_nowait(ChunkResult(chunk, is_lost=True, is_cause=actor.was_well and place == 0))
        actor.open.clear()
        actor.was_well = False

    async def _care(self, actor: _Actor) -> None:
        """Ask an actor for signs of life; one that has work and gives none for too long is started again."""
        loop, rest_s = asyncio.get_running_loop(), REST_S[0]
        while True:
            try:
                async with asyncio.timeout(BEAT_S if actor.is_well else GIVE_UP_S):
                    await actor.handle.beat.remote()
            except TimeoutError:
                if actor.open and loop.time() - actor.heard > max(actor.open.values()):
                    self._ray.kill(actor.handle, no_restart=False)
                    self._lost(actor, TimeoutError("no sign of life"))
            except self._ray.exceptions.RayError as error:
                self._lost(actor, error)
                if isinstance(error, self._ray.exceptions.RuntimeEnvSetupError) or UNMADE in str(error):
                    self._refusal = f"A worker of the Ray cluster can't be made: {_in_words(error, last=True)}."
                    self._is_any_well.set()
                    return
                rest_s = min(2 * rest_s, REST_S[1])
            else:
                actor.heard, rest_s = loop.time(), REST_S[0]
                actor.is_well = actor.was_well = True
                self._is_any_well.set()
            await asyncio.sleep(BEAT_S if actor.is_well else rest_s)

    def _connect(self, recipe: Recipe) -> None:
        # Workers write what they print into the driver's terminal otherwise, records and all.
        quiet = {"include_dashboard": False, "log_to_driver": False, "configure_logging": False}
        if self._address:
            os.environ.setdefault("RAY_RUNTIME_ENV_IGNORE_GITIGNORE", "1")  # models are often left out of git
            copied = _copied(recipe) if isinstance(recipe, Portable) else None
            self._ray.init(address=self._address, log_to_driver=False, configure_logging=False, runtime_env=copied)
        else:
            self._ray.init(address="local", num_cpus=self.workers, **quiet)


@dataclass(frozen=True, slots=True)
class _Copied:
    """A recipe on a machine that Ray has copied its folder to, which is where a worker starts."""

    recipe: Portable

    def __call__(self) -> Mapping[str, StageCode]:
        return self.recipe.moved(os.getcwd())()


def _copied(recipe: Portable) -> dict[str, object]:
    """What Ray copies to every machine, once for the same content: the project and this program."""
    inside = (os.path.relpath(path, recipe.root) for path in recipe.left_out)
    # As in .gitignore: a leading slash is the folder itself.
    data = [f"/{path}" for path in inside if not path.startswith("..")]
    return {
        "working_dir": recipe.root,
        "py_modules": [str(Path(__file__).parents[2])],
        "excludes": [*LEFT_OUT, *data],
    }


def _in_words(error: Exception, *, last: bool = False) -> str:
    """The first line of what Ray says, or the last, where the cause stands, without colours and without a stop."""
    lines = [line.strip() for line in re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    heading = " ".join(lines[:4]) if lines[0].endswith(":") else lines[0]
    return (lines[-1] if last else heading)[:400].rstrip(".")


@dataclass(eq=False, slots=True)
class _Actor:
    handle: Untyped
    open: dict[int, float] = field(default_factory=dict[int, float])
    """Chunks that it has, in the order in which it answers them, with the patience that each asks for."""
    is_well: bool = False
    """True after a sign of life, until a call fails."""
    was_well: bool = False
    """True while what it lost may be the fault of what it had: not while it is being started again."""
    heard: float = 0.0
    error: str = ""


def _ray() -> Untyped:
    """Import Ray, with a token for a cluster of this machine: it looks for one when it is imported, and never again.

    Raises: ConfigurationError without Ray, or where it was imported without a token before.
    """
    require("ray", "The engine ray", extra="ray")
    if "ray" in sys.modules and os.environ.get("RAY_AUTH_MODE") != "token":
        raise ConfigurationError("Ray was imported before its token could be set: start with RAY_AUTH_MODE=token.")
    os.environ["RAY_AUTH_MODE"] = "token"
    if not _has_token():
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A paragraph on standard output for each worker and machine that is lost, among what a run prints as JSON: whoever
    # reads no further than the pipe is long stops the run.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
    return import_module("ray")


def _has_token() -> bool:
    return bool(os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"))
