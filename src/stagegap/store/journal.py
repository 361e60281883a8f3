"""The journal: every write is acknowledged here, in one durable SQLite transaction, before DuckDB hears of it.

Rollback journal, not WAL: SQLite before 3.51.3 can corrupt a WAL that several processes write. Each operation carries
a CRC-32 because SQLite has no checksums of its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Rows have the types of their columns, which the query names.
from typing import Any, Literal

from stagegap import redaction
from stagegap.errors import CLOSED_IN_USE, StoreDamaged, StoreError

Kind = Literal["batch", "carry", "label", "tag", "seen", "oddity", "person", "reading"]
"""`batch` holds outputs, `carry` names outputs of an earlier run; both leave once applied. People's stay for ever."""
MOVED = "moved"
"""Note of the last operation that was moved into the file, for who cannot read it there."""
PEOPLE: tuple[Kind, ...] = ("label", "tag", "seen", "oddity", "person", "reading")
"""What people did: of it a second copy is written before it is acknowledged."""
FLIPPED = "its checksum does not fit: a bit has flipped since it was written"
MOST_IDS = 500
"""Ids that are looked for at once."""
TRIES = 5
"""So often the drainer tries an operation that DuckDB refuses, then it is set aside."""

SCHEMA = """
create table if not exists identity (k text primary key, v text not null);
create table if not exists op (
    seq integer primary key autoincrement, op_id text not null unique, kind text not null, ts real not null,
    app_version text not null, attempts integer not null default 0, aside integer not null default 0,
    last_error text not null default '', body blob not null, crc32 integer not null);
create index if not exists op_kind on op (kind, seq);
"""


@dataclass(frozen=True, slots=True)
class Op:
    """One write on its way into DuckDB."""

    seq: int
    id: str
    kind: Kind
    ts: float
    body: bytes
    crc32: int

    @property
    def is_whole(self) -> bool:
        """False when a bit has flipped since it was acknowledged."""
        return self.crc32 == checksum(self.id, self.kind, self.ts, self.body)


def checksum(op_id: str, kind: str, ts: float, body: bytes) -> int:
    """The CRC-32 over everything of an operation that must not change."""
    return zlib.crc32(body, zlib.crc32(f"{op_id}|{kind}|{ts!r}|".encode()))


Copy = Callable[[Kind, Sequence[tuple[str, bytes]]], None]
"""Makes second copies of operations durable."""


class Journal:
    """The SQLite file of a store; safe for many threads and processes."""

    def __init__(self, path: Path, *, app_version: str, clock: Callable[[], float], copy: Copy | None = None) -> None:
        self.path = path
        self._copy = copy
        self._version = app_version
        self._clock = clock
        self._mutex = threading.RLock()
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            with self._telling():
                for pragma in ("auto_vacuum=incremental", "journal_mode=persist", "synchronous=full"):
                    self._db.execute(f"pragma {pragma}")
                self._db.executescript(SCHEMA)
                self._db.execute("insert or ignore into identity values ('journal', ?)", [uuid.uuid4().hex])
                self.id: str = self._db.execute("select v from identity where k = 'journal'").fetchall()[0][0]
        except BaseException:
            self._db.close()
            raise
        self._inode = path.stat().st_ino

    def close(self) -> None:
        with self._mutex:
            self._db.close()

    def append(self, kind: Kind, ops: Sequence[tuple[str, bytes]], *, is_copied: bool = False) -> None:
        """Make (id, body) operations durable, all or none; an id that is already there is no second one.

        Values of the environment's secrets are blotted out of the bodies, which are JSON. What people did is copied
        first, unless the caller has done so.
        """
        if self._copy is not None and kind in PEOPLE and not is_copied:
            self._copy(kind, ops)
        ts = self._clock()
        secrets = redaction.secrets()
        ops = [(op_id, secrets.known_bytes(body)) for op_id, body in ops]
        rows = [(i, kind, ts, self._version, body, checksum(i, kind, ts, body)) for i, body in ops]
        with self._writing() as db:
            db.executemany(
                "insert or ignore into op (op_id, kind, ts, app_version, body, crc32) values (?, ?, ?, ?, ?, ?)", rows
            )

    def last(self) -> int:
        """The sequence number of the newest operation that is still here; 0 when there is none."""
        return self._rows("select coalesce(max(seq), 0) from op")[0][0]

    def given(self) -> int:
        """The highest sequence number that was ever given, the one of an operation that is gone included."""
        rows = self._rows("select seq from sqlite_sequence where name = 'op'")
        return rows[0][0] if rows else 0

    def count_without_answers(self, after: int, upto: int) -> int:
        """Count the operations with these sequence numbers that hold no answer to a call of their own."""
        return self._rows("select count(*) from op where kind <> 'batch' and seq > ? and seq <= ?", [after, upto])[0][0]

    def seq_of(self, op_id: str) -> int | None:
        """The sequence number of an operation; None when it is not here (any more)."""
        rows = self._rows("select seq from op where op_id = ?", [op_id])
        return rows[0][0] if rows else None

    def note(self, key: str) -> str:
        """What was noted under `key`; empty when nothing was."""
        rows = self._rows("select v from identity where k = ?", [key])
        return rows[0][0] if rows else ""

    def put_note(self, key: str, value: str) -> None:
        """Note something about the journal as a whole."""
        with self._writing() as db:
            db.execute("insert or replace into identity values (?, ?)", [key, value])

    def start_after(self, seq: int) -> None:
        """Number further operations from above `seq`: what DuckDB counts as applied must never be given again."""
        with self._writing() as db:
            if not db.execute("select 1 from sqlite_sequence where name = 'op'").fetchall():
                db.execute("insert into sqlite_sequence values ('op', ?)", [seq])
            db.execute("update sqlite_sequence set seq = max(seq, ?) where name = 'op'", [seq])

    def after(self, seq: int, *, size: int, count: int) -> list[Op]:
        """The next operations that are not set aside: at least one, up to about `size` bytes of bodies."""
        heads = self._rows(
            "select seq, length(body) from op where seq > ? and aside = 0 order by seq limit ?", [seq, count]
        )
        total, upto = 0, seq
        for head, length in heads:
            if total and total + length > size:
                break
            total, upto = total + length, head
        return self._ops("seq > ? and seq <= ? and aside = 0", [seq, upto])

    def labels(self, applied: int) -> list[Op]:
        """The labels that DuckDB does not hold: those after the watermark, and those set aside."""
        return self.pending("label", applied)

    def pending(self, kind: Kind, applied: int) -> list[Op]:
        """The operations of a kind that DuckDB does not hold: those after the watermark, and those set aside."""
        return self._ops("kind = ? and (seq > ? or aside = 1)", [kind, applied])

    def aside(self) -> list[tuple[Op, str]]:
        """The operations that were set aside, with the reason."""
        errors: dict[int, str] = dict(self._rows("select seq, last_error from op where aside = 1"))
        return [(op, errors[op.seq]) for op in self._ops("aside = 1", [])]

    def all_ops(self) -> Generator[Op]:
        """Go through every operation in order, a few megabytes at a time."""
        seq = 0
        while ops := self._ops("seq > ?", [seq], count=64):
            yield from ops
            seq = ops[-1].seq

    def waiting(self, applied: int) -> tuple[int, float | None]:
        """Count the operations that DuckDB does not hold, and say when the oldest was written."""
        return self._rows("select count(*), min(ts) from op where seq > ? or aside = 1", [applied])[0]

    def holds_answers(self) -> bool:
        """Whether outputs wait to be moved; what people did may."""
        applied = int(self.note(MOVED) or 0)
        sql = "select count(*) from op where seq > ? and aside = 0 and kind in ('batch', 'carry')"
        return bool(self._rows(sql, [applied])[0][0])

    def unmoved(self) -> tuple[int, float | None]:
        """Count the operations that a drainer has still to move, and say when the oldest was written."""
        applied = int(self.note(MOVED) or 0)
        return self._rows("select count(*), min(ts) from op where seq > ? and aside = 0", [applied])[0]

    def label_ids(self) -> frozenset[str]:
        """The id of every label that is here."""
        return frozenset(row[0] for row in self._rows("select op_id from op where kind = 'label'"))

    def bodies(self, kind: Kind, ids: Sequence[str]) -> dict[str, bytes]:
        """The bodies of those of these operations that are here."""
        bodies: dict[str, bytes] = {}
        for start in range(0, len(ids), MOST_IDS):
            some = ids[start : start + MOST_IDS]
            marks = ", ".join("?" * len(some))
            ops = self._ops(f"kind = ? and op_id in ({marks})", [kind, *some])
            bodies |= {op.id: op.body for op in ops if op.is_whole}
        return bodies

    def ids(self) -> frozenset[str]:
        """The id of every operation that is here."""
        return frozenset(row[0] for row in self._rows("select op_id from op"))

    def put_right(self, op: Op, kind: Kind, op_id: str, body: bytes) -> None:
        """Write what a damaged operation was, in its place."""
        ts = op.ts if isinstance(op.ts, float) else self._clock()  # a flipped bit may have made anything of it
        with self._writing() as db:
            db.execute(
                "update op set op_id = ?, kind = ?, ts = ?, body = ?, crc32 = ?, aside = 0, attempts = 0,"
                " last_error = '' where seq = ?",
                [op_id, kind, ts, body, checksum(op_id, kind, ts, body), op.seq],
            )

    def drop(self, seqs: Sequence[int]) -> None:
        """Take damaged operations away, which came back as others or can't be had back."""
        with self._writing() as db:
            db.executemany("delete from op where seq = ?", [(seq,) for seq in seqs])

    def machine_seqs(self) -> list[int]:
        """The sequence numbers of the operations of runs that are still here."""
        return [row[0] for row in self._rows("select seq from op where kind in ('batch', 'carry') order by seq")]

    def failed(self, seq: int, reason: str) -> bool:
        """Note a failed try; True when the operation is set aside from now on."""
        with self._writing() as db:
            db.execute("update op set attempts = attempts + 1, last_error = ? where seq = ?", [reason[:500], seq])
            db.execute("update op set aside = 1 where seq = ? and attempts >= ?", [seq, TRIES])
        return bool(self._rows("select aside from op where seq = ?", [seq])[0][0])

    def set_aside(self, seqs: Sequence[int], reason: str) -> None:
        """Take operations out of the way at once: no further try can help them."""
        with self._writing() as db:
            db.executemany("update op set aside = 1, last_error = ? where seq = ?", [(reason[:500], s) for s in seqs])

    def retry(self) -> None:
        """What was set aside its tries back: the file is new, or the program is."""
        with self._writing() as db:
            db.execute("update op set aside = 0, attempts = 0 where aside = 1")

    def discard(self, applied: int) -> None:
        """Drop machine batches that DuckDB holds; labels stay for ever."""
        with self._writing() as db:
            db.execute("delete from op where kind in ('batch', 'carry') and aside = 0 and seq <= ?", [applied])
            db.execute("insert or replace into identity values (?, ?)", [MOVED, str(applied)])
        with self._telling():
            self._db.execute("pragma incremental_vacuum(2000)").fetchall()

    def is_intact(self) -> bool:
        """Run SQLite's own check of the file's structure."""
        return self._rows("pragma integrity_check") == [("ok",)]

    def _ops(self, condition: str, values: Sequence[object], *, count: int = -1) -> list[Op]:
        """Read operations; a flipped bit may have turned a body into something that is not even bytes."""
        rows = self._rows(
            f"select seq, op_id, kind, ts, body, crc32 from op where {condition} order by seq limit {count}", values
        )
        return [
            Op(seq, key, kind, ts, body if isinstance(body, bytes) else b"", crc32)
            for seq, key, kind, ts, body, crc32 in rows
        ]

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with self._telling():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._telling():
            self._refuse_replaced()
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("commit")
            except BaseException:
                self._db.rollback()
                raise

    def _refuse_replaced(self) -> None:
        try:
            inode = self.path.stat().st_ino
        except FileNotFoundError:
            inode = -1
        if inode != self._inode:
            raise StoreDamaged(f"The journal {self.path} was deleted or replaced while in use; restart the program.")

    @contextmanager
    def _telling(self) -> Generator[None]:
        """Turn SQLite's errors into ours, which name the file."""
        with self._mutex:
            try:
                yield
            except sqlite3.OperationalError as error:
                raise StoreError(f"The journal {self.path} cannot take this in: {error}.") from error
            except sqlite3.DatabaseError as error:
                if "closed database" in str(error):
                    raise StoreError(f"The journal {self.path} {CLOSED_IN_USE}") from error
                raise StoreDamaged(
                    f"The journal {self.path} is damaged or no journal ({error}); `stagegap tools doctor --rebuild`"
                    " makes a new one of what can be read of it and of the second copies."
                ) from error


def salvaged(path: Path) -> list[tuple[Kind, str, bytes]]:
    """What can be read of a damaged journal, row by row: kind, id, body of every operation whose checksum fits."""
    db = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True, isolation_level=None)
    rows: dict[int, tuple[Kind, str, bytes]] = {}
    try:
        for order, beyond in (("asc", ">"), ("desc", "<")):
            at = 0 if order == "asc" else 2**62
            while (seq := _next(db, at, order, beyond)) is not None and seq not in rows:
                at = seq
                rows |= _whole(db, seq)
        for seq in range(min(rows, default=1), max(rows, default=0)):
            if seq not in rows:
                rows |= _whole(db, seq)
    finally:
        db.close()
    return [rows[seq] for seq in sorted(rows)]


def _next(db: sqlite3.Connection, at: int, order: str, beyond: str) -> int | None:
    """The sequence number that follows; None at the end, and where the way there is damaged."""
    try:
        rows = db.execute(f"select seq from op where seq {beyond} ? order by seq {order} limit 1", [at]).fetchall()
    except sqlite3.DatabaseError:
        return None
    return rows[0][0] if rows else None


def _whole(db: sqlite3.Connection, seq: int) -> dict[int, tuple[Kind, str, bytes]]:
    """The operation with that number, where it can be read and its checksum fits."""
    try:
        rows = db.execute("select op_id, kind, ts, body, crc32 from op where seq = ?", [seq]).fetchall()
    except sqlite3.DatabaseError:
        return {}
    for op_id, kind, ts, body, crc32 in rows:
        if isinstance(body, bytes) and checksum(op_id, kind, ts, body) == crc32:
            return {seq: (kind, op_id, body)}
    return {}
