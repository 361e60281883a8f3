"""How a run ends early: on request, and at once when asked twice."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Generator

INTERRUPTED = "It was interrupted."


class Stop:
    """A request to end a run. Made once, the calls in flight are awaited; made twice, they are given up."""

    def __init__(self) -> None:
        self.reason = ""
        """Why, in one sentence; empty while nobody asked."""
        self.is_forced = False
        self._on_request: Callable[[], None] = _nothing
        self._on_force: Callable[[], None] = _nothing

    def watch(self, *, on_request: Callable[[], None], on_force: Callable[[], None]) -> None:
        """Name who is told; a request made before is told at once."""
        self._on_request, self._on_force = on_request, on_force
        if self.reason:
            on_request()

    def request(self, reason: str) -> None:
        """Ask for the end; the first reason counts."""
        if not self.reason:
            self.reason = reason
            self._on_request()

    def interrupt(self) -> None:
        """Take a Ctrl-C: the first asks, the second forces."""
        if not self.reason:
            self.request(INTERRUPTED)
        elif not self.is_forced:
            self.is_forced = True
            self._on_force()


def _nothing() -> None:
    pass


@contextlib.contextmanager
def interrupts(stop: Stop) -> Generator[None]:
    """Hand Ctrl-C and SIGTERM to `stop` while the loop runs, where signals can be had: in the main thread."""
    loop = asyncio.get_running_loop()
    caught: list[signal.Signals] = []
    with contextlib.suppress(RuntimeError, ValueError, NotImplementedError):
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.interrupt)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
