"""The DuckDB file: who may touch it, and how each unit of work attaches it for a moment and detaches it again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import random
import re
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

# The rows of a query have the types of its columns, which only the caller knows.
from typing import Any, Literal, NamedTuple

import duckdb

from stagegap import redaction
from stagegap.errors import CLOSED_IN_USE, StoreBusy, StoreDamaged, StoreError, StoreVersion
from stagegap.store.segments import LongTexts

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


PAGE = 16_384
"""Bytes of what a lease says."""
MOST_OF_AN_ID = 80
"""Characters of a record's id that it says."""


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
    def leasing(self, run: str) -> Generator[Lease | None]:
        """Become the one process that works on a run; gives None when another one does.

        The kernel ends the lease of a process that was killed. Its file is taken away in the end; who locked a file
        that was taken away meanwhile has locked nothing, and looks again.
        """
        path = self._lease(run)
        while True:
            with _opened(path) as lease:
                try:
                    fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield None
                    return
                if not _is_at(lease, path):
                    continue
                try:
                    yield Lease(lease)
                finally:
                    path.unlink(missing_ok=True)
                return

    def is_leased(self, run: str) -> bool:
        """Whether a process works on a run."""
        with suppress(FileNotFoundError), self._lease(run).open("rb") as lease:
            try:
                fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def last_asked(self, run: str) -> list[Asked]:
        """Stages that were answering when the process of a run died; empty where unknown."""
        with suppress(OSError, ValueError, TypeError):
            lines = self._lease(run).read_bytes().partition(b"\0")[0].splitlines()
            return [Asked(*line) for line in map(json.loads, lines)]
        return []

    def _lease(self, run: str) -> Path:
        return self._folder / f"lock.run.{run}"

    @contextmanager
    def _hold(self, mode: int) -> Generator[None]:
        """Pass the gate, which serves in order of arrival: readers that overlap cannot starve a writer."""
        with _opened(self._store) as store:
            with _opened(self._gate) as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)
                fcntl.flock(store, mode)
            yield


class Asked(NamedTuple):
    """A stage and the records that it was asked for."""

    stage: str
    first: str
    last: str
    could_travel: bool
    """Whether the workers of an engine could answer it."""

    @property
    def records(self) -> str:
        """The records in words: `r1`, or `r1 to r9`."""
        return self.first if self.first == self.last else f"{self.first} to {self.last}"


class Lease:
    """The right to be the only process that works on a run.

    Its file says which records are asked at which stage: the memory that it is mapped to outlives a process that
    crashes, and costs no write to the disk.
    """

    def __init__(self, file: int) -> None:
        self._asked: dict[tuple[str, bool], dict[object, tuple[str, str]]] = {}
        self._page: mmap.mmap | None = None
        # Without room on the disk nothing is said; pages that have none would end the process as soon as they are used.
        with suppress(OSError):
            os.posix_fallocate(file, 0, PAGE)
            self._page = mmap.mmap(file, PAGE)

    @contextmanager
    def asking(self, stage: str, records: Sequence[str], could_travel: bool, /) -> Generator[None]:
        """Say that these records are asked at a stage, as long as the context lasts."""
        at_stage, key = self._asked.setdefault((stage, could_travel), {}), object()
        at_stage[key] = records[0][:MOST_OF_AN_ID], records[-1][:MOST_OF_AN_ID]
        self._write()
        try:
            yield
        finally:
            del at_stage[key]
            self._write()

    def _write(self) -> None:
        if self._page is not None:
            places = [
                Asked(stage, next(iter(calls.values()))[0], next(reversed(calls.values()))[1], could_travel)
                for (stage, could_travel), calls in self._asked.items()
                if calls
            ]
            body = "\n".join(map(json.dumps, places)).encode()[: PAGE - 1] + b"\0"
            self._page[: len(body)] = body


@contextmanager
def _opened(path: Path) -> Generator[int]:
    """Raises: StoreError."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path} can't be opened: {error.strerror}.") from error
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


STORAGE_VERSION = "v1.5.0"
"""Format that DuckDB 1.5 and 2.x both open."""


MEMORY, SPARING = "512MB", "160MB"
"""What DuckDB may keep, and what beside columns of numbers that take memory themselves."""


class Session:
    """One unit of work on the attached file."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, texts: LongTexts) -> None:
        self._cursor = cursor
        self._is_in_transaction = False
        self._secrets = redaction.secrets()
        self.texts = texts
        """Long texts, which stand beside the file."""

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Run the statement and give all its rows.

        Never row by row: DuckDB refuses the next write while a result is unfinished.
        """
        return self._cursor.execute(sql, self._without_secrets(values)).fetchall()

    def columns(self, sql: str, *values: object) -> dict[str, Any]:
        """Run the statement and give the columns of its result as numpy arrays."""
        return self._cursor.execute(sql, self._without_secrets(values)).fetchnumpy()

    def run(self, sql: str, *values: object) -> None:
        """Run the statement (or several) for what it does."""
        self.rows(sql, *values)

    @contextmanager
    def sparing(self) -> Generator[None]:
        """Leave memory to what is read; what DuckDB can't hold goes to the disk."""
        with contextlib.suppress(duckdb.OutOfMemoryException):  # another reader of this process needs more just now
            self._cursor.execute(f"set global memory_limit = '{SPARING}'")
        try:
            yield
        finally:
            self.run(f"set global memory_limit = '{MEMORY}'")

    def _without_secrets(self, values: Sequence[object]) -> list[object] | None:
        """What goes into the file or is looked for in it, without the values of the environment's secrets."""
        return [self._secrets.known(value) if isinstance(value, str) else value for value in values] or None

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Commit what is done inside, all or nothing; one inside another is a part of it."""
        if self._is_in_transaction:
            yield
            return
        self.run("begin")
        self._is_in_transaction = True
        try:
            yield
        except BaseException:
            self.run("rollback")
            raise
        else:
            self.run("commit")
        finally:
            self._is_in_transaction = False


class Attachment:
    """Attaches the file under the locks: shared and read-only, or alone and writing."""

    def __init__(self, path: Path, locks: Locks, *, patience_s: float, admit: Callable[[Session, Path], None]) -> None:
        self.path = path
        self.texts = LongTexts(path.parent)
        self.locks = locks
        self._admit = admit
        self.patience_s = patience_s
        """How long a foreign program that holds the file is waited for."""
        self._instance = _instance(path.parent)
        self._mutex = threading.Lock()
        self._readers = 0
        self._of_thread = threading.local()

    def close(self) -> None:
        self._instance.close()
        self.texts.close()

    @contextmanager
    def reading(self) -> Generator[Session]:
        """Read together with other readers. Raises: StoreBusy, StoreDamaged, StoreVersion."""
        if (own := self._own_session) is not None:
            yield own
            return
        with self.locks.shared():
            with self._mutex:
                if self._readers == 0:
                    self._attach(self.path, "read_only", self.patience_s)
                self._readers += 1
            try:
                with self._session() as session:
                    self._admit(session, self.path)
                    yield session
            finally:
                with self._mutex:
                    self._readers -= 1
                    if self._readers == 0:
                        self._detach()

    @contextmanager
    def writing(self, *, patience_s: float | None = None) -> Generator[Session]:
        """Write alone. Raises: StoreBusy, StoreDamaged, StoreVersion."""
        if (own := self._own_session) is not None:
            yield own
            return
        patience = self.patience_s if patience_s is None else patience_s
        with self.locks.exclusive(), self._attached(self.path, "read_write", patience) as session:
            self._admit(session, self.path)
            yield session

    @contextmanager
    def together(self) -> Generator[None]:
        """Write what this thread puts into the file inside all or nothing. It is short: nobody reads meanwhile."""
        with self.writing() as session, session.transaction():
            self._of_thread.session = session
            try:
                yield
            finally:
                self._of_thread.session = None

    @property
    def _own_session(self) -> Session | None:
        return getattr(self._of_thread, "session", None)

    @contextmanager
    def creating(self, path: Path) -> Generator[Session]:
        """Write a file that is not the store (yet); the caller holds the exclusive lock."""
        with self._attached(path, f"storage_version '{STORAGE_VERSION}'", self.patience_s) as session:
            yield session

    @contextmanager
    def opened(self, path: Path, mode: Literal["read_only", "read_write"]) -> Generator[Session]:
        """Work on a file as it is, of whatever schema; the caller holds the lock."""
        with self._attached(path, mode, self.patience_s) as session:
            yield session

    @contextmanager
    def _attached(self, path: Path, option: str, patience_s: float) -> Generator[Session]:
        with self._mutex:
            self._attach(path, option, patience_s)
            try:
                with self._session() as session:
                    yield session
            finally:
                self._detach()

    @contextmanager
    def _session(self) -> Generator[Session]:
        cursor = self._instance.cursor()
        try:
            cursor.execute("use store")
            yield Session(cursor, self.texts)
        except duckdb.ProgrammingError:
            raise  # a bug of ours keeps its traceback
        except duckdb.Error as error:
            raise explained(error, self.path) from error
        finally:
            cursor.close()

    def _attach(self, path: Path, option: str, patience_s: float) -> None:
        if option in ("read_only", "read_write") and not path.exists():
            # DuckDB would make an empty one, which would pass for the file of another program from then on.
            raise StoreDamaged(f"{path} does not exist any more; `stagegap tools doctor` says what can be had back.")
        deadline = time.monotonic() + patience_s
        pause = 0.005
        while True:
            try:
                self._instance.execute(f"attach {quoted(path)} as store ({option})")
                return
            except duckdb.Error as error:
                problem = explained(error, path)
                if not isinstance(problem, StoreBusy) or time.monotonic() >= deadline:
                    raise problem from error
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 1.7, 0.5)

    def _detach(self) -> None:
        """Detach, which folds the write-ahead log into the file.

        A full disk may stop the folding: what was committed is durable in the log, and the next attach takes it up.
        An instance that DuckDB declared broken is replaced.
        """
        try:
            self._instance.execute("detach store")
        except duckdb.FatalException:
            self._instance.close()
            self._instance = _instance(self.path.parent)
        except duckdb.Error as error:
            if "CHECKPOINT during DETACH failed" not in str(error):
                raise explained(error, self.path) from error


def quoted(path: Path) -> str:
    """The path as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


_DAMAGED = ("Corrupt WAL", "WAL file", "Could not read enough bytes", "Serialization Error")


def explained(error: duckdb.Error, path: Path) -> StoreError:
    """Turn DuckDB's error into ours: a sentence with the file and what to do."""
    text = str(error)
    if "Could not set lock" in text:
        holder = re.search(r"held in (.+?) \(PID (\d+)\)", text)
        who = f"{holder[1]} (process {holder[2]})" if holder else "another program"
        return StoreBusy(f"{path} is held by {who}; close it there, or wait until it is done.")
    if "version number" in text and "can only read" in text:
        return StoreVersion(f"{path} has a newer file format than the installed DuckDB reads: {text.splitlines()[0]}")
    if any(words in text for words in _DAMAGED) or "checksum" in text.lower():
        return StoreDamaged(f"{path} is damaged ({_first(text)}); `stagegap tools doctor --rebuild` makes a new one.")
    if "not a valid DuckDB database file" in text or "too small" in text.lower():
        return StoreDamaged(
            f"{path} is no DuckDB file; `stagegap tools doctor --rebuild` makes a new one and keeps this one beside it."
        )
    if "Connection already closed" in text:
        return StoreError(f"{path} {CLOSED_IN_USE}")
    if "does not exist" in text and "read-only" in text:
        return StoreError(f"{path} does not exist.")
    return StoreError(f"{path}: {_first(text)}")


def _first(text: str) -> str:
    return text.splitlines()[0][:300]


def _instance(folder: Path) -> duckdb.DuckDBPyConnection:
    """Open the in-memory instance that files are attached to; it fetches nothing from the network."""
    instance = duckdb.connect(
        config={
            "threads": 2,
            "memory_limit": MEMORY,
            "temp_directory": str(folder / "tmp"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    # In `python -c` DuckDB would draw a bar on standard output. A notebook without ipywidgets has none to turn off.
    with suppress(duckdb.InvalidInputException):
        instance.execute("set enable_progress_bar_print = false")
    return instance
