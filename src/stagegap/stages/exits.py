"""A library that ends the program while a run goes on: it leaves with a sentence and the code of a stopped run."""

from __future__ import annotations

import atexit
import ctypes
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

ENDING = frozenset({"exit", "_exit", "_Exit", "quick_exit", "abort", "Py_Exit", "Py_Finalize", "Py_FinalizeEx"})
"""Functions in C that end the program that calls them."""
_CALLED = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@contextmanager
def exits_watched(leave: Callable[[], None]) -> Generator[None]:
    """Call `leave` where C's `exit` is called meanwhile, by whatever thread; nothing of it stays afterwards."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):  # other libraries can't take such a function back
        yield
        return
    watched = [leave]

    def at_exit(_: int | None = None) -> None:
        for call in watched:
            call()

    def take_back() -> None:
        watched.clear()
        library.__cxa_finalize(key)  # calls what is to be called at the exit now, and forgets it

    key, called = ctypes.create_string_buffer(1), _CALLED(at_exit)
    library.__cxa_atexit(called, None, key)
    # Where Python itself ends first, nothing of Python may be called any more when C ends.
    atexit.register(take_back)
    try:
        yield
    finally:
        atexit.unregister(take_back)
        take_back()


def say_and_leave(sentence: str, code: int) -> None:
    """End the program without asking anybody."""
    with suppress(OSError):
        os.write(2, sentence.encode())
    _exit(code)


_exit = os._exit
