"""Which calls were ever answered, what they took and cost; and which a run is making, so that no other does."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path

# The rows of a query have the types of its columns, which it names.
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stagegap.model.run import SYSTEM, PastCall, StageSpending
from stagegap.store import rows as json_text
from stagegap.store.attach import Attachment, Session
from stagegap.store.drain import Drainer
from stagegap.store.events import applied
from stagegap.store.journal import Journal
from stagegap.store.outputs import CACHEABLE, NEWER, RecordBits, doubled

NEWEST = 1_000
"""Calls that are looked at: enough for a mean within a few per cent, and young."""


def past_calls(session: Session, runs: Sequence[str], stage: str) -> list[PastCall]:
    """The newest calls of a stage that were made in these runs and answered, newest first."""
    rows = session.rows(
        f"""select o.latency_ms, o.tokens_in, o.tokens_out from output o
        where o.run in (select id from run where replace(key::varchar, '-', '') in
                (select unnest(from_json_strict(?::varchar, '["VARCHAR"]'))))
            and o.stage in (select id from stage where name = ?)
            and not o.cached and o.latency_ms is not null and o.status in {CACHEABLE}
        order by o.seq desc limit {NEWEST}""",
        json_text.write(list(runs)).decode(),
        json_text.plain(stage),
    )
    return [PastCall(latency_ms=ms, tokens_in=read, tokens_out=written) for ms, read, written in rows]


def spent(session: Session, cascade: str) -> dict[str, float]:
    """US dollars by run, of all calls that were made for it; answers from the cache cost nothing."""
    rows = session.rows(
        """select replace(r.key::varchar, '-', ''), sum(o.cost) from output o
            join run r on r.id = o.run join cascade c on c.id = r.cascade
        where c.name = ? and not o.cached and o.cost is not null group by all""",
        json_text.plain(cascade),
    )
    return dict(rows)


def by_stage(session: Session, runs: Sequence[str]) -> dict[tuple[str, str], StageSpending]:
    """What the system's answers cost and took when they were made, by run and stage, cached answers included.

    An answer that came from the cache carries what it took then, so that a stage's price is the same in every run.
    """
    where = """run in (select id from run where key in (select unnest(?::uuid[])))
        and cell in (select id from cell where name = ?)"""
    chosen = list(runs), str(SYSTEM)
    newest = "qualify row_number() over (partition by run, stage, record, repeat order by seq desc) = 1"

    def spent(of_each: str) -> list[Any]:
        return session.rows(
            f"""select replace(r.key::varchar, '-', ''), s.name, o.* exclude (run, stage)
            from (select run, stage, avg(cost), count(cost), median(latency_ms), count(latency_ms),
                    max(repeat) > 0 or count(*) > bit_count({RecordBits.of(session).aggregate})
                from (select run, stage, record, repeat, cost, latency_ms from output where {where} {of_each})
                group by run, stage) o
                join run r on r.id = o.run join stage s on s.id = o.stage""",
            *chosen,
        )

    rows = spent("")
    if any(row[-1] for row in rows) and doubled(session, where, *chosen):
        rows = spent(newest)
    return {
        (run, stage): StageSpending(cost=cost, priced=priced, latency_ms=latency, timed=timed)
        for run, stage, cost, priced, latency, timed, _ in rows
    }


_Heads = NDArray[np.uint64]
_Numbers = NDArray[np.int64]


class Calls:
    """Where in the file the newest answer to each call stands.

    Rows of `output` are never moved or deleted, so a place stays right for as long as the file is the same. Operations
    up to `_seen` are accounted for: their answers are in `_filed` (with their place) or in `_late` (written by this
    process and perhaps not drained, with their operation). When the journal was given anything else, it came from
    another process and is read before the answer.
    """

    def __init__(self, journal: Journal, file: Attachment, drainer: Drainer) -> None:
        self._journal = journal
        self._file = file
        self._drainer = drainer
        self._mutex = threading.Lock()
        self._under_way = 0
        self._forget("")

    def _forget(self, rebuilt: str) -> None:
        self._filed, self._late = _Index(), _Index()
        self._own: set[int] = set()
        self._upto = self._seen = 0
        self._rebuilt = rebuilt

    @contextmanager
    def writing(self, op_id: str, keys: Sequence[str]) -> Generator[None]:
        """Take note of an operation that this process gives to the journal inside."""
        with self._mutex:
            self._under_way += 1
        seq: int | None = None
        try:
            yield
            seq = self._journal.seq_of(op_id)
        finally:
            with self._mutex:
                self._under_way -= 1
                if seq is not None:
                    self._note(seq, _heads(keys))

    def _note(self, seq: int, heads: _Heads) -> None:
        if seq > self._upto:
            if seq > self._seen:
                self._own.add(seq)
            self._late.add(heads, np.full(len(heads), seq, dtype=np.int64))

    def places(self, keys: Sequence[str]) -> dict[str, int]:
        """The row of the answer to each call that has one; the second half of its key is left to be compared."""
        wanted = _heads(keys)
        with self._mutex:
            rebuilt = self._journal.note("rebuilt")
            if rebuilt != self._rebuilt:
                self._forget(rebuilt)
            if not self._is_up_to_date() or (self._late.find(wanted) >= 0).any():
                self._read_newer()
            numbers = self._filed.find(wanted)
        return {key: place for key, place in zip(keys, numbers.tolist(), strict=True) if place >= 0}

    def _is_up_to_date(self) -> bool:
        """Say whether all that the journal was given since is people's and this process's own."""
        last = self._journal.given()
        others = last - self._seen - len(self._own) - self._journal.count_without_answers(self._seen, last)
        if not others:
            self._own.clear()
            self._seen = last
        return others <= self._under_way

    def _read_newer(self) -> None:
        self._drainer.drain_all()
        with self._file.reading() as session:
            reached = applied(session)
            self._filed.add(*_newest(session, self._upto))
        self._upto = reached
        self._seen = max(self._seen, reached)
        self._late.keep_above(reached)
        self._own = {seq for seq in self._own if seq > reached}


class _Index:
    """A number for each key's first half: 16 bytes a call, in ordered parts of which the later ones count."""

    def __init__(self) -> None:
        self._parts: list[tuple[_Heads, _Numbers]] = []

    def add(self, heads: _Heads, numbers: _Numbers) -> None:
        """Take in further ones; a part is merged with the one before unless that is far larger."""
        parts = self._parts
        parts.append(_ordered(heads, numbers))
        while len(parts) > 1 and len(parts[-2][0]) <= 2 * len(parts[-1][0]):
            heads, numbers = (np.concatenate(pair) for pair in zip(*parts[-2:], strict=True))
            parts[-2:] = [_ordered(heads.astype(np.uint64), numbers.astype(np.int64))]

    def find(self, wanted: _Heads) -> _Numbers:
        """The number of each wanted one, -1 where there is none."""
        places = np.full(len(wanted), -1, dtype=np.int64)
        for heads, numbers in self._parts:
            if len(heads):
                at = np.minimum(np.searchsorted(heads, wanted), len(heads) - 1)
                np.copyto(places, numbers[at], where=heads[at] == wanted)
        return places

    def keep_above(self, number: int) -> None:
        """Forget those with this number or a lower one."""
        parts = [(numbers > number, heads, numbers) for heads, numbers in self._parts]
        self._parts = [(heads[mask], numbers[mask]) for mask, heads, numbers in parts if mask.any()]


def _ordered(heads: _Heads, numbers: _Numbers) -> tuple[_Heads, _Numbers]:
    """Put the keys in order; of equal ones the last counts."""
    order = np.argsort(heads, kind="stable")
    heads = heads[order]
    is_last = np.ones(len(heads), dtype=np.bool_)
    is_last[:-1] = heads[1:] != heads[:-1]
    return heads[is_last], numbers[order][is_last]


def _heads(keys: Sequence[str]) -> _Heads:
    return np.frombuffer(bytes.fromhex("".join(keys)), dtype=">u8")[::2].astype(np.uint64)


def _newest(session: Session, upto: int) -> tuple[_Heads, _Numbers]:
    """The answers in operations after `upto`, oldest first."""
    columns = session.columns(NEWER, upto)
    order = np.argsort(columns["seq"], kind="stable")
    return columns["head"][order], columns["place"][order]


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
