"""A process beside the run in which a stage's foreign code is called: code that never lets go can be ended there."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Self, TypeVar, cast

from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Stage
from stagegap.stages.kinds import Surroundings
from stagegap.stages.pace import Providers

T = TypeVar("T")
HOLD_S = 2.0
"""Seconds beyond its time after which the kernel ends a process whose call holds the interpreter."""
LOOK_S = 0.2
"""Pause between two looks at whether a process that says nothing is still there."""
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from stagegap.stages.attendant import serve_aside; serve_aside(int(sys.argv[1]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a process needs to make the stage's code."""

    stage: Stage
    around: Surroundings

    @classmethod
    def of(cls, stage: Stage, around: Surroundings) -> Self:
        """The place without what travels to no process: of the environment, only what the stage rests on does."""
        named = {name.removeprefix("env:") for name in stage.rests_on}
        environment = {name: value for name, value in around.environment.items() if name in named}
        return cls(stage=stage, around=replace(around, providers=Providers(), recorded={}, environment=environment))


@dataclass(frozen=True, slots=True)
class Message:
    """What became of a call in the process."""

    result: object = None
    error: ConfigurationError | None = None
    """Why the stage can't be had ready there."""
    is_last: bool = False
    """True when code of an earlier call still goes on in the process, which therefore ends."""


class _Ended(Exception):
    """The process is gone without an answer."""


class Aside:
    """The process of one stage; it is started for the first call, and again after one that ended it.

    A call that holds the interpreter without a pause (a loop in C, a pattern that explodes, a power of powers) can't
    be ended in a thread; the kernel ends the process, and the calls after it go to another one.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        weakref.finalize(self, _kill, self._processes)

    def start(self) -> None:
        """Have the stage ready: its process runs and has warmed up. Raises: ConfigurationError where it can't."""
        if self._pipe is not None:
            return
        ours, theirs = Pipe()
        words = [sys.executable, "-c", _START, str(theirs.fileno()), json.dumps(sys.path)]
        self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
        self._processes[:] = [self._process]
        theirs.close()
        self._pipe = ours
        try:
            ours.send(self._place)
            message = self._message()
        except (_Ended, OSError) as ended:
            raise ConfigurationError(f"Stage {self._place.stage.name!r} can't be had ready: {self._end()}.") from ended
        if message.error is not None:
            self._end()
            raise message.error

    def run(self, step: str, given: Sequence[object], *, overdue: T, lost: Callable[[str], T]) -> list[T]:
        """Call for each that is given; `overdue` stands where it took too long, `lost` where the process ended.

        Raises: ConfigurationError when the stage can't be had ready again.
        """
        return [self._call(step, argument, overdue, lost) for argument in given]

    def _call(self, step: str, argument: object, overdue: T, lost: Callable[[str], T]) -> T:
        self.start()
        assert self._pipe is not None, "it has started"
        try:
            self._pipe.send((step, argument))
            message = self._message()
        except (_Ended, OSError):
            ended = self._end()
            return overdue if ended == _ended(-signal.SIGALRM) else lost(ended)
        if message.is_last:
            self._end()
        return cast("T", message.result)

    def _message(self) -> Message:
        """What the process says next. A copy that foreign code has forked may hold the pipe's other end open."""
        assert self._pipe is not None, "it has started"
        assert self._process is not None, "it has started"
        while not self._pipe.poll(LOOK_S):
            if self._process.poll() is not None and not self._pipe.poll(0):
                raise _Ended
        try:
            return cast("Message", self._pipe.recv())
        except EOFError:
            raise _Ended from None

    def _end(self) -> str:
        """End the process, whatever it does, and say how it ended."""
        assert self._pipe is not None, "it has started"
        assert self._process is not None, "it has started"
        self._pipe.close()
        self._pipe = None
        # One that is about to end by itself says by its code why.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LOOK_S)
        _kill(self._processes)
        self._processes.clear()
        return _ended(self._process.returncode)


def _kill(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()


def _ended(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with code {code}"
