"""Where a store may lie, and who may touch the DuckDB file: a fair shared/exclusive lock between threads and
processes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from stagegap.errors import StoreError

NETWORK = ("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs")
FUSE = ("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.ceph")
MOUNTS = Path("/proc/self/mounts")


def refuse_network(folder: Path, mounts: str) -> None:
    """Name a network file system that a folder lies on, by the table of mounts. Raises: StoreError."""
    kind = file_system(folder, mounts)
    if kind in NETWORK or kind in FUSE:
        raise StoreError(
            f"{folder} lies on a network file system ({kind}), whose locks don't hold between machines: writes could"
            " be lost. Make it a link to a folder on a local disk."
        )


def file_system(folder: Path, mounts: str) -> str:
    """The kind of file system that a folder lies on; "" where the table doesn't say.

    >>> file_system(Path("/home/me/p"), "srv:/home /home nfs4 rw 0 0\\n/dev/sda / ext4 rw 0 0")
    'nfs4'
    """
    system, depth = "", -1
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) > 2:
            # The table writes blanks in octal.
            place = Path(parts[1].replace("\\040", " ").replace("\\011", "\t"))
            # A later mount at the same place hides the earlier one.
            if folder.is_relative_to(place) and len(place.parts) >= depth:
                system, depth = parts[2], len(place.parts)
    return system


def mounts() -> str:
    """The table of mounts; empty where the system has none."""
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


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
