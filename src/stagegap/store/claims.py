"""Which calls a run is making, so that no other run of the same store makes them at the same time."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
from collections.abc import Collection, Iterable
from pathlib import Path

_FLOCK = "hhqqi4x"
"""`struct flock`: kind, whence, start, length, and a process that is always 0 here."""
_DIGITS = 15
"""Of a key, which stand for a byte of the lock file: 60 bits, and two calls in 2**60 would wait for one another."""


class Claims:
    """The calls of one run, as locks on bytes of a file: the kernel ends those of a process that was killed.

    A run that is alone holds every byte with one lock, and pays nothing for a call. A run that comes makes the file
    longer; whoever was alone sees that and keeps only the calls under way. The locks belong to the open file, so that
    two runs of one process are two.
    """

    def __init__(self, path: Path) -> None:
        self._mutex = threading.Lock()
        self._keys: set[str] = set()
        self._file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(self._file, b".")
        self._size = os.fstat(self._file).st_size
        self.is_alone = self._lock(fcntl.F_WRLCK, 1, 0)
        """True until another run comes: what was looked up before a call still stands then."""

    def close(self) -> None:
        """Let go of everything."""
        os.close(self._file)

    def claim(self, keys: Collection[str]) -> set[str]:
        """Take calls, and give those that another run has: they are to be waited for."""
        self.notice()
        with self._mutex:
            if self.is_alone:
                self._keys.update(keys)
                return set()
            others = {key for key in keys if key not in self._keys and not self._lock(fcntl.F_WRLCK, _byte(key), 1)}
            self._keys.update(key for key in keys if key not in others)
            return others

    def release(self, keys: Iterable[str]) -> None:
        """Let go of calls whose answers are stored, or which have none."""
        with self._mutex:
            own = self._keys.intersection(keys)
            self._keys -= own
            if not self.is_alone:
                for key in own:
                    self._lock(fcntl.F_UNLCK, _byte(key), 1)

    def notice(self) -> None:
        """See whether another run has come, and leave it all calls but those under way."""
        with self._mutex:
            if self.is_alone and os.fstat(self._file).st_size != self._size:
                self.is_alone = False
                start = 1
                for byte in sorted(map(_byte, self._keys)):
                    if byte > start:
                        self._lock(fcntl.F_UNLCK, start, byte - start)
                    start = byte + 1
                self._lock(fcntl.F_UNLCK, start, 0)

    def _lock(self, kind: int, start: int, length: int) -> bool:
        """Set or end a lock; False when another run has one there."""
        try:
            fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0))
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True


def _byte(key: str) -> int:
    return int(key[:_DIGITS], 16) + 1
