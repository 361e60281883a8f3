"""Moves the journal into DuckDB, in slices short enough that nobody waits; one drainer at a time, in any process."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import duckdb

from stagegap.errors import StoreError
from stagegap.store import copies, events, labels, outputs
from stagegap.store.attach import Attachment, Session
from stagegap.store.journal import FLIPPED, Journal, Op

SLICE_S = 0.15
"""So long a slice holds the file at most (one operation always fits)."""
GROUP_BYTES = 8_000_000
GROUP_OPS = 512
GATHER_S = 0.5
"""So long nothing must have been written before the background thread moves what is there: a run goes first."""
LONGEST_S = 5.0
"""While writes keep coming, it moves what is there after this time all the same."""
MOST_BYTES = 64_000_000
"""So much may wait while writes keep coming."""
GIVE_WAY_S = 0.02
IDLE_S = 5.0
FAREWELL_S = 1.0
SHORT_PATIENCE_S = 0.5
"""How long the background thread waits for a foreign holder before it gives the lock back to readers."""


class Drainer:
    """Moves operations in the order of their sequence; the watermark is committed together with their rows."""

    def __init__(self, journal: Journal, file: Attachment) -> None:
        self._journal = journal
        self._file = file
        self._known = 0
        self._rebuilt = ""
        self._waiting = 0
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Drain in the background, from now until `close`."""
        self._wake.set()
        self._thread = threading.Thread(target=self._loop, name="stagegap-drain", daemon=True)
        self._thread.start()

    def wake(self, size: int = 0) -> None:
        """Say that there is something to move, of so many bytes."""
        self._waiting += size
        self._wake.set()

    def close(self) -> None:
        """End the thread and move what is left, within about `FAREWELL_S`; the rest waits in the journal."""
        if self._thread is None:
            return
        self._stop.set()
        self._wake.set()
        self._thread.join()
        deadline = time.monotonic() + FAREWELL_S
        with suppress(StoreError):
            while self.drain_slice(wait=False, patience_s=0) and time.monotonic() < deadline:
                pass

    def drain_all(self) -> None:
        """Move everything that was acknowledged before this call. Raises: StoreBusy, StoreDamaged."""
        goal = self._journal.last()
        while self._reached() < goal and self.drain_slice(wait=True):
            pass

    def drain_slice(self, *, wait: bool, patience_s: float | None = None) -> bool:
        """Move one slice; True when more is left. Without `wait` it leaves at once when another drainer works."""
        with self._file.locks.draining(wait=wait) as mine:
            if not mine or self._journal.last() <= self._reached():
                return False
            with self._file.writing(patience_s=patience_s) as session:
                applied, more = self._move(session)
            self._known = applied
            self._journal.discard(applied)
            return more

    def _reached(self) -> int:
        """The watermark as last seen; a rebuilt file begins again at 0."""
        rebuilt = self._journal.note("rebuilt")
        if rebuilt != self._rebuilt:
            self._known, self._rebuilt = 0, rebuilt
        return self._known

    def _move(self, session: Session) -> tuple[int, bool]:
        deadline = time.monotonic() + SLICE_S
        applied = events.applied(session)
        while True:
            ops = self._journal.after(applied, size=GROUP_BYTES, count=GROUP_OPS)
            if not ops:
                return max(applied, self._skip_aside(session, applied)), False
            reached = self._apply(session, ops)
            if reached is None:
                return applied, True
            applied = reached
            if time.monotonic() >= deadline:
                return applied, True

    def _skip_aside(self, session: Session, applied: int) -> int:
        """Move the watermark over operations that were set aside at the end of the journal."""
        last = self._journal.last()
        if last > applied and not self._journal.after(applied, size=1, count=1):
            _set_applied(session, last)
            return last
        return applied

    def _apply(self, session: Session, ops: Sequence[Op]) -> int | None:
        """Apply a group at once, or where it is refused, one by one up to the bad operation.

        Gives the last sequence number that is done with; None when nothing was.
        """
        whole = [op for op in ops if op.is_whole]
        if len(whole) < len(ops):
            self._journal.set_aside([op.seq for op in ops if not op.is_whole], FLIPPED)
            if not whole:
                return ops[-1].seq
        try:
            self._commit(session, whole, upto=ops[-1].seq)
            return ops[-1].seq
        except duckdb.OutOfMemoryException as error:
            if len(whole) > 1:
                return self._halved(session, whole)
            return whole[0].seq if self._journal.failed(whole[0].seq, str(error)) else None
        except (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError, copies.SourceLost) as error:
            if len(whole) > 1:
                return self._one_by_one(session, whole)
            (op,) = whole
            if isinstance(error, copies.SourceLost):
                self._journal.set_aside([op.seq], str(error))
                return op.seq
            return op.seq if self._journal.failed(op.seq, str(error)) else None

    def _halved(self, session: Session, ops: Sequence[Op]) -> int | None:
        """Apply each half of a group that memory does not hold."""
        half = len(ops) // 2
        reached = self._apply(session, ops[:half])
        if reached is None or reached < ops[half - 1].seq:
            return reached
        return self._apply(session, ops[half:]) or reached

    def _one_by_one(self, session: Session, ops: Sequence[Op]) -> int | None:
        reached: int | None = None
        for op in ops:
            now = self._apply(session, [op])
            if now is None:
                break
            reached = now
        return reached

    def _commit(self, session: Session, ops: Sequence[Op], *, upto: int) -> None:
        with session.transaction():
            batches = [op for op in ops if op.kind == "batch"]
            if batches:
                outputs.apply(session, batches)
            for op in ops:
                if op.kind == "carry":
                    copies.apply(session, op)
            for kind, apply in _PEOPLE:
                of_kind = [op for op in ops if op.kind == kind]
                if of_kind:
                    apply(session, of_kind)
            _set_applied(session, upto)

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(IDLE_S)
            self._gather()
            self._waiting = 0
            try:
                while self.drain_slice(wait=False, patience_s=SHORT_PATIENCE_S):
                    self._stop.wait(GIVE_WAY_S)
            except StoreError:
                # Nothing is lost: what waits is in the journal, and who reads what it holds hears why.
                self._stop.wait(GATHER_S)
                self._wake.set()

    def _gather(self) -> None:
        """Wait for a pause in the writing, within limits."""
        deadline = time.monotonic() + LONGEST_S
        while self._wake.is_set() and self._waiting < MOST_BYTES and time.monotonic() < deadline:
            self._wake.clear()
            self._stop.wait(GATHER_S * random.uniform(0.7, 1.3))
        self._wake.clear()


_PEOPLE = (("label", labels.apply), *((table.kind, table.apply) for table in events.TABLES))


def _set_applied(session: Session, seq: int) -> None:
    session.run("update meta set v = ? where k = 'applied'", str(seq))
