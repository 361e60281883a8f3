"""A function of the user's own: loaded as its file is now, called in a thread that can be left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib.util
import inspect
import math
import os
import queue
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar, cast

from stagegap.errors import ConfigurationError, near_names
from stagegap.stages.code import Code, code_of, forget_changed, mark_loaded, project_first, without_bytecode
from stagegap.stages.guards import DEEP_BYTES, FOREIGN, end_if_robbed, guard


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFunction:
    """A function of the user's own, with the code that it rests on."""

    path: Path
    call: Callable[..., object]
    code: Code


def function_at(where: str, folder: Path, *, start: str) -> UserFunction:
    """The function that `file.py:function` names, loaded afresh when its file or a module that it imports changed.

    `start` begins the sentence of the error. Raises: ConfigurationError when the file or the function can't be had.
    """
    file, _, name = where.rpartition(":")
    path = folder / file
    if not file or not path.is_file():
        raise ConfigurationError(
            f"{start} can't be loaded, because {str(path)!r} is no file. Write `file.py:function`."
        )
    code = code_of(path)
    module = _module(path, code, start)
    if code.missing:  # what the file itself did to the search path shows where they are
        code = code_of(path)
        mark_loaded(code)
        sys.modules[_name(path, code)] = module
    function: object = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        own = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ConfigurationError(f"{start} does not stand in {path}. {near_names(name, own)}")
    return UserFunction(path=path, call=function, code=code)


def _name(path: Path, code: Code) -> str:
    return f"{FOREIGN}{sha256(str(path).encode()).hexdigest()[:8]}_{code.digest[:8]}"


def _module(path: Path, code: Code, start: str) -> ModuleType:
    """The file, run as a module of its own under a private name."""
    name = _name(path, code)
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{start} can't be loaded, because {str(path)!r} is no Python file.")
    module = importlib.util.module_from_spec(without_bytecode(spec))
    forget_changed(code)
    guard()
    # Dataclasses and the like look their module up by name while it runs.
    sys.modules[name] = module
    try:
        with project_first(path, code):
            spec.loader.exec_module(module)
    except BaseException as error:  # a foreign file may raise anything while it is loaded
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        place = f"{path}:{line}" if line else str(path)
        raise ConfigurationError(f"{start} can't be loaded: {place} raised {error_text(error)}.") from error
    mark_loaded(code)
    return module


def error_text(error: BaseException) -> str:
    """Type and text of an exception on one line; an exception of foreign code may have no text that can be had."""
    try:
        text = " ".join(str(error).split())
    except BaseException as odd:  # noqa: BLE001  # `__str__` is foreign code too
        text = f"its text can't be had, {type(odd).__name__} came instead"
    return f"{type(error).__name__}: {text}".strip(": ")


A = TypeVar("A")
T = TypeVar("T")

GRACE_S = 1.0
"""Seconds that a call has to end once it is told that its time is up; then its thread is left behind."""


class TimeIsUp(BaseException):
    """Raised inside a call whose time is up; no `except Exception` of foreign code takes it for its own."""

    place = -1
    """Number of the call that it is meant for."""


class Caller:
    """Calls one after the other in one thread, so that what belongs to a thread (a connection) can be used in all.

    Python code is stopped by an exception raised in its thread. Code that waits in a library is not reached by it:
    its thread goes on unseen, as long as the program lives, and the next calls get a new one. Only code that holds
    the interpreter without a pause, as few libraries do, keeps everybody waiting, unless it is called in an `Aside`.
    """

    def __init__(self) -> None:
        self.has_left = False
        """True once a thread was left behind."""
        self._inbox: queue.SimpleQueue[_Round[object, object] | None] | None = None
        # A thread that waits for work must not outlive who could give it some.
        self._inboxes: list[queue.SimpleQueue[_Round[object, object] | None]] = []
        weakref.finalize(self, _end, self._inboxes)

    def run(self, function: Callable[[A], T], given: Sequence[A], *, timeout_s: float, overdue: T) -> list[T]:
        """Call the function, which never raises, with each that is given; `overdue` stands where it took too long."""
        results: list[T] = []
        while len(results) < len(given):
            round_: _Round[A, T] = _Round(function, given[len(results) :], overdue)
            self._thread().put(round_)  # type: ignore[arg-type]  # the thread never looks at what it hands on
            results += self._followed(round_, timeout_s)
        return results

    def _followed(self, round_: _Round[A, T], timeout_s: float) -> list[T]:
        """Wait for a round, or for the call of it that never ends: then what came before, and what stands for it."""
        told_place, told_at = -1, math.inf
        while not round_.done.wait(min(_left(round_, timeout_s), threading.TIMEOUT_MAX)):
            place, now = round_.place, time.monotonic()
            if now < round_.started + timeout_s or place >= len(round_.given):
                continue
            if place != told_place:
                told_place, told_at = place, now
                round_.tell(place)
            elif place == round_.place and now >= told_at + GRACE_S:
                round_.is_left = self.has_left = True
                self._inbox = None
                return [*round_.results(place), round_.overdue]
        return round_.results(len(round_.given))

    def _thread(self) -> queue.SimpleQueue[_Round[object, object] | None]:
        if self._inbox is None:
            inbox: queue.SimpleQueue[_Round[object, object] | None] = queue.SimpleQueue()
            self._inbox = inbox
            self._inboxes[:] = [inbox]
            start_deep(threading.Thread(target=_work, args=(inbox,), daemon=True, name="stagegap-call"))
        return self._inbox


def start_deep(thread: threading.Thread) -> None:
    """Start a thread in which foreign code may nest as deep as it may ask for; memory is taken only where it does."""
    before = threading.stack_size(DEEP_BYTES)
    try:
        thread.start()
    except RuntimeError:  # a machine that sets a limit to what is mapped
        threading.stack_size(before)
        thread.start()
    finally:
        threading.stack_size(before)


def raise_in(thread_id: int, error: type[BaseException]) -> None:
    """Raise an error in another thread, at its next step in Python."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(error))


def _left(round_: _Round[A, T], timeout_s: float) -> float:
    """Seconds until somebody should look after a round, which may not have begun."""
    now = time.monotonic()
    return max(0.01, min(round_.started, now) + timeout_s - now)


def _end(inboxes: list[queue.SimpleQueue[_Round[object, object] | None]]) -> None:
    for inbox in inboxes:
        inbox.put(None)


def _work(inbox: queue.SimpleQueue[_Round[object, object] | None]) -> None:
    while (round_ := inbox.get()) is not None:
        round_.go()
        if round_.is_left:
            return


class _Round(Generic[A, T]):
    """Several calls of one function. What is told to the thread comes at any moment, so every step can be repeated."""

    def __init__(self, function: Callable[[A], T], given: Sequence[A], overdue: T) -> None:
        self.given = given
        self.overdue = overdue
        self.place = 0
        """Number of the call under way."""
        self.started = math.inf
        """When it began, by the monotonic clock."""
        self.done = threading.Event()
        self.is_left = False
        """True when nobody waits for the thread any more."""
        self._function = function
        self._results: list[T | None] = [None] * len(given)
        self._thread_id = 0
        self._process_id = os.getpid()

    def results(self, count: int) -> list[T]:
        """The results of the first calls."""
        return [self.overdue if result is None else result for result in self._results[:count]]

    def go(self) -> None:
        """Make the calls."""
        self._thread_id = threading.get_ident()
        while True:
            try:
                self._call_rest()
                self.done.set()
                return
            except TimeIsUp as late:
                if late.place == self.place < len(self.given):
                    self.place += 1

    def tell(self, place: int) -> None:
        """Raise `TimeIsUp` in the thread, for the call of that number."""
        raise_in(self._thread_id, type("TimeIsUp", (TimeIsUp,), {"place": place}))

    def _call_rest(self) -> None:
        while self.place < len(self.given) and not self.is_left:
            self.started = time.monotonic()
            result = self._function(self.given[self.place])
            if os.getpid() != self._process_id:
                os._exit(0)  # foreign code has forked: the copy must not go on with the run
            end_if_robbed()
            self._results[self.place] = result
            self.place += 1


class LoopCaller:
    """Awaits foreign coroutines, many at once, in an event loop that a thread of its own runs.

    The run's own loop never waits for foreign code. Where one coroutine blocks the loop (it sleeps, computes or asks a
    library that does not await), it is told to end and its loop is left behind; those that waited beside it are begun
    again in a new loop.
    """

    def __init__(self) -> None:
        self._side: _Side | None = None

    async def run(
        self, function: Callable[[A], Coroutine[object, object, T]], given: A, *, timeout_s: float, overdue: T, lost: T
    ) -> T:
        """What the function, which never raises, gives; `overdue` where it takes too long, `lost` where it is ended."""
        while True:
            side = self._started()
            loop = side.loop
            begun: list[asyncio.Task[T]] = []
            call = asyncio.run_coroutine_threadsafe(_noted(function, given, begun), loop)
            waiting = asyncio.wrap_future(call)
            try:
                done, _ = await asyncio.wait([waiting], timeout=timeout_s)
            except asyncio.CancelledError:
                call.cancel()
                raise
            if done:
                return lost if waiting.cancelled() else waiting.result()
            is_culprit = asyncio.current_task(loop) in begun
            if not side.is_left:
                call.cancel()
                if await _is_awake(loop) and not side.is_left:  # a loop that was left answers, too
                    return overdue
            if self._side is side:
                self._side = None
                side.leave()
            if is_culprit:
                return overdue

    def _started(self) -> _Side:
        if self._side is None:
            self._side = _Side()
        return self._side


ASYNC_CALLER = LoopCaller()
"""Of the whole process, so that what async stages share (a session, a lock) belongs to one loop; begun when needed."""


class _Side:
    """A loop and its thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.is_left = False
        self._thread = threading.Thread(target=self._serve, daemon=True, name="stagegap-loop")
        start_deep(self._thread)

    def leave(self) -> None:
        """Let a loop that is blocked end as soon as what blocks it does."""
        self.is_left = True
        if self._thread.ident is not None:
            raise_in(self._thread.ident, TimeIsUp)
        with contextlib.suppress(RuntimeError):  # it has ended already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def _serve(self) -> None:
        while not self.is_left:
            with contextlib.suppress(TimeIsUp):
                self.loop.run_forever()  # foreign code may stop it, too
        with contextlib.suppress(TimeIsUp, RuntimeError):
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self.loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE_S))
        self.loop.close()


async def _noted(function: Callable[[A], Coroutine[object, object, T]], given: A, begun: list[asyncio.Task[T]]) -> T:
    task = asyncio.current_task()
    assert task is not None, "it runs in a loop"
    begun.append(cast("asyncio.Task[T]", task))
    process_id = os.getpid()
    result = await function(given)
    if os.getpid() != process_id:
        os._exit(0)  # foreign code has forked: the copy must not go on with the run
    end_if_robbed()
    return result


async def _is_awake(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether a loop answers within a moment."""
    answer = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop))
    done, _ = await asyncio.wait([answer], timeout=GRACE_S)
    return bool(done)
