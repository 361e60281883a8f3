"""Who may touch the DuckDB file: a fair shared/exclusive lock between threads and processes.

`flock` belongs to an open file description, so each acquisition opens its own: it excludes threads of one process
and other processes alike, and the kernel drops it when the holder is killed. POSIX `fcntl` locks are of no use here:
they vanish as soon as the process closes any descriptor of the file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class Locks:
    """The three lock files of a store's folder, and one for each run that is under way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._gate = folder / "lock.gate"
        self._store = folder / "lock.store"
        self._drain = folder / "lock.drain"

    @contextmanager
    def shared(self) -> Generator[None]:
        """Hold the store together with other readers."""
        with self._hold(fcntl.LOCK_SH):
            yield

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """Hold the store alone."""
        with self._hold(fcntl.LOCK_EX):
            yield

    @contextmanager
    def draining(self, *, wait: bool) -> Generator[bool]:
        """Become the one drainer; gives False when another one is at work and `wait` is false."""
        with _opened(self._drain) as drain:
            try:
                fcntl.flock(drain, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def leasing(self, run: str) -> Generator[bool]:
        """Become the one process that works on a run; gives False when another one does.

        The kernel ends the lease of a process that was killed. Its file is taken away in the end; who locked a file
        that was taken away meanwhile has locked nothing, and looks again.
        """
        path = self._folder / f"lock.run.{run}"
        while True:
            with _opened(path) as lease:
                try:
                    fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                    return
                if not _is_at(lease, path):
                    continue
                try:
                    yield True
                finally:
                    path.unlink(missing_ok=True)
                return

    @contextmanager
    def _hold(self, mode: int) -> Generator[None]:
        """Pass the gate, which serves in order of arrival: readers that overlap cannot starve a writer."""
        with _opened(self._store) as store:
            with _opened(self._gate) as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)
                fcntl.flock(store, mode)
            yield


@contextmanager
def _opened(path: Path) -> Generator[int]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    """Say whether a path still names the file that was opened by it."""
    try:
        return os.fstat(descriptor).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
