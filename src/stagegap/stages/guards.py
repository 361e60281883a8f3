"""What foreign code may not do to the program that calls it: end it, take its files, its limits or its modules."""

from __future__ import annotations

import builtins
import ctypes
import inspect
import io
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from errno import EPERM
from functools import wraps
from typing import BinaryIO, ParamSpec, TypeVar, cast

from stagegap.errors import RunStopped
from stagegap.model.run import STORE
from stagegap.stages.exits import ENDING, exits_watched, say_and_leave

P = ParamSpec("P")
T = TypeVar("T")

FOREIGN = "_stagegap_"
"""How the names of modules begin that are files of stages."""
_WATCHED = ("stagegap", "sys", "builtins", "os", "threading", "asyncio")
"""Modules by whose beginnings of names it is seen that code of a stage has taken modules away."""
LOWEST_RECURSION, HIGHEST_RECURSION = 1_000, 100_000
"""Python's own limit of nested calls, and the highest that a stage may set."""
DEEP_BYTES = 512 * 2**20
"""Stack of a thread that calls foreign code: the highest limit with the 3.6 KB that a call through C takes (`eval`)."""
_ENDS = "would end the whole program, which a stage can't"
_ALL_THREADS = "all threads of the program can't be watched by a stage"
_guarded = {os.getpid()}
"""The process that is guarded; a copy of it that foreign code forks is its own."""
_signs: list[tuple[BinaryIO, tuple[int, int, int] | None]] = []
"""A file for each run that nobody needs: where it is closed, others are."""
_ROBBED = (
    "The run stopped, because code of a stage closed the files that the program works with. "
    "What was answered is kept; run it again to go on.\n"
)
_LEFT = (
    "The run stopped, because code of a stage ended the program. What was answered is kept; run it again to go on.\n"
)
_own_files: set[tuple[int, int, int]] = set()
"""Files that are the program's own by number, device and inode: a number that it gave back is somebody else's soon."""


def guard() -> None:
    """Put guards before what foreign code could do to this process; other code passes them."""
    for module, name, call in _GUARDS:
        setattr(module, name, call)


def lift() -> None:
    """Let foreign code do what it likes: this process is there for it alone, and another one follows it."""
    _guarded.clear()


class Belongings:
    """What a program has before it calls foreign code, and has again afterwards."""

    def __init__(self) -> None:
        self._modules = dict(sys.modules)
        self._ours = {name: module for name, module in self._modules.items() if name.startswith(_WATCHED)}
        lists = cast("tuple[list[object], ...]", (sys.path, sys.meta_path, sys.path_hooks))
        self._lists = [(places, tuple(places)) for places in lists]
        self._hooks = sys.excepthook, threading.excepthook
        self._streams = sys.stdout, sys.stderr

    def mend(self) -> None:
        """Put back what the program works with while calls go on."""
        if any(sys.modules.get(name) is not module for name, module in self._ours.items()):
            sys.modules.update(self._modules)
        for places, before in self._lists:
            if len(places) < len(before):
                places.extend(place for place in before if place not in places)
        sys.excepthook, threading.excepthook = self._hooks

    def put_back(self) -> None:
        """Put back everything."""
        self.mend()
        for places, before in self._lists:
            places.extend(place for place in before if place not in places)
        sys.stdout, sys.stderr = self._streams


@contextmanager
def belongings_kept() -> Generator[Belongings]:
    """What the program has before, it has afterwards; files that are open now can't be closed by stages meanwhile."""
    belongings = Belongings()
    with open(os.devnull, "rb") as file:
        sign = file, _file(file.fileno())
        _signs.append(sign)
        files = _open_files() - _own_files
        _own_files.update(files)
        try:
            with exits_watched(_leave):
                yield belongings
        finally:
            end_if_robbed()
            _signs.remove(sign)
            _own_files.difference_update(files)
            belongings.put_back()


def end_if_robbed() -> None:
    """End the program at once where foreign code has closed all files that it could find.

    The numbers of its own are those of other files from then on: whatever it wrote could go there.
    """
    if os.getpid() in _guarded and any(sign.closed or _file(sign.fileno()) != file for sign, file in _signs):
        say_and_leave(_ROBBED, RunStopped.exit_code)


def _leave() -> None:
    """End the program as a stopped run does; a copy of it that foreign code has forked may end as it likes."""
    if os.getpid() in _guarded:
        say_and_leave(_LEFT, RunStopped.exit_code)


def _open_files() -> set[tuple[int, int, int]]:
    numbers: list[int] = []
    with suppress(OSError):
        numbers = [int(name) for name in os.listdir("/proc/self/fd")]
    return {file for number in numbers if (file := _file(number))}


def _file(number: int) -> tuple[int, int, int] | None:
    with suppress(OSError):
        status = os.fstat(number)
        return number, status.st_dev, status.st_ino
    return None


def _is_foreign() -> bool:
    """Whether code of a stage asks, itself or through a library."""
    if os.getpid() not in _guarded:
        return False
    frame = inspect.currentframe()
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith(FOREIGN):
            return True
        frame = frame.f_back
    return False


def _refusing(call: Callable[P, T], wrong: Callable[..., str]) -> Callable[P, T]:
    """The function, which refuses foreign code with the sentence that `wrong` has for its arguments."""

    @wraps(call)
    def guarded(*args: P.args, **named: P.kwargs) -> T:
        sentence = wrong(*args, **named)
        if sentence and _is_foreign():
            raise PermissionError(EPERM, sentence)
        return call(*args, **named)

    return guarded


def _always(sentence: str) -> Callable[..., str]:
    return lambda *_, **__: sentence


def _closed(fd: int, /) -> str:
    is_own = fd in {0, 1, 2} or _file(fd) in _own_files or _is_of_store(fd)
    return f"file {fd} is the program's own and can't be closed by a stage" if is_own else ""


def _is_of_store(fd: int) -> bool:
    """Whether it is a file of the store, which the program opens and closes while stages are called."""
    try:
        return STORE in os.readlink(f"/proc/self/fd/{fd}").split("/")
    except OSError:
        return False


def _opened_by_number(file: object, *_args: object, closefd: bool = True, **_named: object) -> str:
    """What is wrong with a file object of the program's own file: it closes it, in the end by itself."""
    return _closed(file) if type(file) is int and closefd else ""


def _all_closed(low: int, high: int, /) -> str:
    return f"files {low} to {high} may be the program's own and can't be closed by a stage"


def _deadly(pid: int, number: int, /) -> str:
    """What is wrong with a signal that nobody awaits, for this process or its group."""
    is_own = pid in (0, -1, os.getpid(), -os.getpgrp())
    return f"signal {number} {_ENDS}" if is_own and number and signal.getsignal(number) is signal.SIG_DFL else ""


def _deadly_here(number: int, /) -> str:
    return _deadly(0, number)


def _deadly_group(group: int, number: int, /) -> str:
    return _deadly(-group, number)


def _lowered(which: int, limits: tuple[int, int], /) -> str:
    """What is wrong with a limit below the one that holds: the program needs it, too."""
    soft, now = limits[0], resource.getrlimit(which)[0]
    is_lower = soft != resource.RLIM_INFINITY and (now == resource.RLIM_INFINITY or soft < now)
    return "a limit of the whole program can't be lowered by a stage" if is_lower else ""


def _looked_up(_library: object, name: object, /) -> str:
    """What is wrong with a function in C."""
    return f"{name} {_ENDS}" if name in ENDING else ""


_set_recursion_limit = sys.setrecursionlimit


def _limit_recursion(limit: int, /) -> None:
    """`sys.setrecursionlimit` within bounds: the limit is that of the whole program, which a lower one would end."""
    _set_recursion_limit(min(max(limit, LOWEST_RECURSION), HIGHEST_RECURSION))


_open = _refusing(open, _opened_by_number)
_ENDING = ((os, "_exit"), (os, "abort"), (os, "execv"), (os, "execve"), (signal, "alarm"), (signal, "setitimer"))
_WATCHING = ((threading, "settrace"), (threading, "setprofile"))
_GUARDS: tuple[tuple[object, str, Callable[..., object]], ...] = (
    *((module, name, _refusing(getattr(module, name), _always(f"{name} {_ENDS}"))) for module, name in _ENDING),
    *((module, name, _refusing(getattr(module, name), _always(_ALL_THREADS))) for module, name in _WATCHING),
    (signal, "raise_signal", _refusing(signal.raise_signal, _deadly_here)),
    (os, "kill", _refusing(os.kill, _deadly)),
    (os, "killpg", _refusing(os.killpg, _deadly_group)),
    (os, "close", _refusing(os.close, _closed)),
    (socket, "close", _refusing(socket.close, _closed)),
    (builtins, "open", _open),
    (io, "open", _open),
    (os, "closerange", _refusing(os.closerange, _all_closed)),
    (ctypes.CDLL, "__getitem__", _refusing(ctypes.CDLL.__getitem__, _looked_up)),
    (resource, "setrlimit", _refusing(resource.setrlimit, _lowered)),
    (sys, "setrecursionlimit", _limit_recursion),
)
