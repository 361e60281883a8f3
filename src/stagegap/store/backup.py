"""A store as one file, put back elsewhere; and second copies of what can't be made again."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

# Rows of JSON that another version wrote.
from typing import Any, BinaryIO, cast

from stagegap.errors import ConfigurationError, NotFound, StoreDamaged, StoreError
from stagegap.model.run import Run, RunStatus
from stagegap.store import rows
from stagegap.store.attach import Locks, Session
from stagegap.store.control import put_back
from stagegap.store.fits import FOLDER as FITS
from stagegap.store.fits import MADE
from stagegap.store.journal import PEOPLE, Journal, Kind
from stagegap.store.segments import MARK, Frame, Gap, Segments

LIST = "stagegap-backup.json"
"""Member with the format, and what every other member must be; the last one, so a cut archive has none."""
FORMAT = 1
FILE = "store.duckdb"
JOURNAL = "journal.sqlite"
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """What was written to an archive, or read from it."""

    path: Path
    files: int
    size: int
    """Bytes of all files in it."""


def back_up(folder: Path, archive: Path) -> Archive:
    """Write the store in `folder` to `archive`, which appears when it is whole.

    Nobody else in this process may have the store open: closing a file that was read would end DuckDB's lock on it.
    Raises: NotFound without a store, ConfigurationError where the archive would lie in it, StoreError where it can't be
    written.
    """
    if not (folder / FILE).is_file() or not (folder / JOURNAL).is_file():
        raise NotFound(f"There is no store in {folder}.")
    if archive.resolve().is_relative_to(folder.resolve()):
        raise ConfigurationError(f"{archive} lies inside the store {folder}: name a file elsewhere.")
    part = archive.with_name(f"{archive.name}.part-{os.getpid()}")
    try:
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                members = _members(folder, tar)
                listed = _list_of(members)
                _add(tar, LIST, io.BytesIO(listed), len(listed))
            out.flush()
            os.fsync(out.fileno())
        part.replace(archive)
    except OSError as error:
        raise StoreError(f"{archive} can't be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    return Archive(path=archive, files=len(members), size=sum(size for size, _ in members.values()))


def restore(archive: Path, folder: Path) -> Archive:
    """Put the store of an archive into `folder`, all or nothing.

    Raises: NotFound, StoreDamaged for an archive that is not whole, StoreError where a store is there already.
    """
    if not archive.is_file():
        raise NotFound(f"{archive} is no file.")
    if folder.exists() and any(folder.iterdir()):
        raise StoreError(f"There is a store in {folder} already: move it away first, nothing is put over it.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=folder.parent) as name:
        place = Path(name)
        members = _unpacked(archive, place)
        if folder.exists():
            folder.rmdir()
        place.chmod(0o700)
        place.rename(folder)
        place.mkdir()  # for the context to take away
    return Archive(path=archive, files=len(members), size=sum(size for size, _ in members.values()))


_Members = dict[str, tuple[int, str]]
"""Name -> bytes and SHA-256."""


def _members(folder: Path, tar: tarfile.TarFile) -> _Members:
    members: _Members = {}
    locks = Locks(folder)
    with tempfile.TemporaryDirectory(prefix="stagegap-") as name:
        journal = Path(name) / JOURNAL
        # Without a drainer no answer leaves the journal, and without a writer the file stays as it is; readers go on.
        with locks.draining(wait=True), locks.shared():
            for file in (folder / FILE, folder / f"{FILE}.wal"):
                if file.is_file():
                    members[file.name] = _copy(tar, file.name, file)
            with closing(sqlite3.connect(folder / JOURNAL)) as source, closing(sqlite3.connect(journal)) as target:
                source.backup(target)
        members[JOURNAL] = _copy(tar, JOURNAL, journal)
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder).as_posix()
        if file.is_file() and not file.is_symlink() and inside not in members and not _is_of_the_moment(inside):
            members[inside] = _copy(tar, inside, file)
    return members


def _is_of_the_moment(inside: str) -> bool:
    """True of what only processes that are at work need, of SQLite's own beside the journal, and of what stages made
    when they were trained: reading that may run code, so it is never read from an archive, and made anew.
    """
    return inside.startswith(("lock.", "running/", JOURNAL)) or (
        inside.startswith(FITS) and not inside.endswith(".log")
    )


def _copy(tar: tarfile.TarFile, name: str, file: Path) -> tuple[int, str]:
    """Add as much of a file as there is when it is opened: those that grow are only added to."""
    with file.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        read = _Hashed(source)
        _add(tar, name, cast("BinaryIO", read), size)  # tarfile only reads
    return size, read.digest.hexdigest()


class _Hashed:
    """A file that is read, with the SHA-256 of what was."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        part = self._source.read(size)
        self.digest.update(part)
        return part


def _add(tar: tarfile.TarFile, name: str, source: BinaryIO, size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, source)


def _list_of(members: Mapping[str, tuple[int, str]]) -> bytes:
    files = {name: {"bytes": size, "sha256": digest} for name, (size, digest) in members.items()}
    return json.dumps({"format": FORMAT, "version": version("stagegap"), "files": files}, indent=1).encode()


def _unpacked(archive: Path, place: Path) -> _Members:
    """Write every file of the archive below `place`, each held against the list. Raises: StoreDamaged."""
    listed: dict[str, Any] | None = None
    written: _Members = {}
    try:
        with tarfile.open(archive, mode="r:") as tar:
            for member in tar:
                source = tar.extractfile(member)
                if source is None or not _is_inside(member.name) or member.name.endswith(MADE):
                    raise _damaged(archive, f"{member.name!r} is no file of a store")
                with source:
                    if member.name == LIST:
                        listed = json.loads(source.read())
                    else:
                        written[member.name] = _written(cast("BinaryIO", source), place / member.name)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise _damaged(archive, str(error)) from error
    if listed is None:
        raise _damaged(archive, "its list of files is missing, so it was cut off or is no backup of stagegap")
    if listed.get("format") != FORMAT:
        raise StoreDamaged(f"{archive} was written by a newer stagegap ({listed.get('version')}): install that one.")
    wanted = {name: (entry["bytes"], entry["sha256"]) for name, entry in listed["files"].items()}
    if bad := sorted(name for name in wanted.keys() | written.keys() if wanted.get(name) != written.get(name)):
        raise _damaged(archive, f"{', '.join(bad[:3])} is not as it was written")
    return written


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in Path(name).parts and "\\" not in name


def _written(source: BinaryIO, target: Path) -> tuple[int, str]:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    read = _Hashed(source)
    with open(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        shutil.copyfileobj(read, out, BLOCK)
        out.flush()
        os.fsync(out.fileno())
        return out.tell(), read.digest.hexdigest()


def _damaged(archive: Path, why: str) -> StoreDamaged:
    return StoreDamaged(f"{archive} can't be restored: {why}. Take another backup; nothing was changed.")


PUT_BACK = "It was put back from second copies: answers that cost nothing are missing until it is run again."
CHUNK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBack:
    """What second copies gave back."""

    people: int = 0
    """Labels and other things that people did."""
    paid: int = 0
    """Answers that were paid for."""
    runs: int = 0


class SecondCopies:
    """The second copies of a store."""

    def __init__(self, folder: Path) -> None:
        self._segments = Segments(folder / "copies")

    def close(self) -> None:
        self._segments.close()

    def keep(
        self,
        kind: Kind,
        ops: Sequence[tuple[str, bytes]],
        *,
        run: Run | None = None,
        texts: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Make copies of operations durable, with the run and the long texts that they name. Raises: StoreError."""
        frames = [(f"{kind} {op_id}", body) for op_id, body in ops]
        if run is not None:
            frames.insert(0, (f"run {run.id}", rows.write(asdict(run))))
        self._segments.append([*texts, *frames])

    def ops(self) -> Generator[tuple[Kind, str, bytes]]:
        """Every operation that has a copy here: kind, id, body."""
        for frame in self._segments.frames():
            if isinstance(frame, Frame) and not frame.name.startswith((MARK, "run ")):
                kind, _, op_id = frame.name.partition(" ")
                yield cast("Kind", kind), op_id, frame.body  # `keep` wrote it

    def runs(self) -> list[Run]:
        """The runs whose answers have copies, oldest first."""
        runs = {
            frame.name: cast("dict[str, Any]", rows.read(frame.body))
            for frame in self._segments.frames()
            if isinstance(frame, Frame) and frame.name.startswith("run ")
        }
        for fields in runs.values():
            fields["status"] = RunStatus(fields["status"])
        return sorted((Run(**fields) for fields in runs.values()), key=lambda run: run.started_at)

    def retire_damaged(self) -> None:
        """Put files with damaged frames aside; what they held is written again by who has it."""
        for file in {gap.file for gap in self.gaps()}:
            self._segments.retire(file)

    def gaps(self) -> list[Gap]:
        """Where copies are damaged; what a killed process had not finished writing is none."""
        return [gap for gap in self._segments.frames() if isinstance(gap, Gap) and not gap.is_tail]

    def count(self) -> PutBack:
        """What could be had back from here."""
        people: set[str] = set()
        paid: dict[str, int] = {}
        for kind, op_id, body in self.ops():
            if kind == "batch":
                paid[op_id] = _outputs(body)
            else:
                people.add(op_id)
        return PutBack(people=len(people), paid=sum(paid.values()), runs=len(self.runs()))


def put_back_all(session: Session, journal: Journal, copies: SecondCopies) -> PutBack:
    """Give the journal what neither it nor the file holds, and the file the runs that it lacks."""
    runs = sum(put_back(session, run, PUT_BACK) for run in copies.runs())
    applied = {row[0] for row in session.rows("select replace(op_id::varchar, '-', '') from batch_applied")}
    known = {*applied, *journal.ids()}
    people = paid = 0
    waiting: dict[Kind, list[tuple[str, bytes]]] = {}
    for kind, op_id, body in copies.ops():
        if op_id in known:
            continue
        known.add(op_id)
        if kind in PEOPLE:
            people += 1
        else:
            paid += _outputs(body)
        ops = waiting.setdefault(kind, [])
        ops.append((op_id, body))
        if len(ops) >= CHUNK:
            journal.append(kind, waiting.pop(kind), is_copied=True)
    for kind, ops in waiting.items():
        journal.append(kind, ops, is_copied=True)
    return PutBack(people=people, paid=paid, runs=runs)


def _outputs(body: bytes) -> int:
    return cast("dict[str, Any]", rows.read(body))["n"]
