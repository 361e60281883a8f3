"""Taking outputs over from an earlier run: the journal names them instead of repeating them."""

from __future__ import annotations

from collections.abc import Sequence

from stagegap.model.answer import Output
from stagegap.model.record import Record
from stagegap.model.run import Carried, Carry
from stagegap.store import copies, outputs, runs
from stagegap.store.attach import Attachment
from stagegap.store.drain import Drainer
from stagegap.store.journal import Journal
from stagegap.store.records import CHUNK, pack, set_digest


class Carrying:
    """The part of a store that takes outputs over; the same errors as `Store`."""

    def __init__(self, journal: Journal, file: Attachment, drainer: Drainer) -> None:
        self._journal = journal
        self._file = file
        self._drainer = drainer

    def sources(self, cascade: str, name: str, *, limit: int) -> list[tuple[str, str]]:
        """The facts of that name of the newest runs that have any output: id of the run, JSON text."""
        self._drainer.drain_all()
        with self._file.reading() as session:
            return runs.facts_of_runs_with_outputs(session, cascade, name, limit)

    def carry(self, run: str, carry: Carry, records: Sequence[str], /) -> Carried:
        """Take over what can be had of these records; durable when this returns. Raises: NotFound."""
        everything = frozenset(range(len(records)))
        if sum(carry.repeats.values()) > copies.MOST_OUTPUTS:
            return Carried(left=everything)
        self._drainer.drain_all()
        with self._file.reading() as session:
            offer = copies.choose(session, run, carry, records)
        if offer is None:
            return Carried(left=everything)
        self._journal.append("carry", [offer.op])
        self._drainer.wake(len(offer.op[1]))
        return Carried(left=everything - offer.places, counts=offer.counts)

    def look(self, carry: Carry, records: Sequence[str], /) -> Carried:
        """What `carry` would take over; nothing is. Raises: NotFound."""
        everything = frozenset(range(len(records)))
        if sum(carry.repeats.values()) > copies.MOST_OUTPUTS:
            return Carried(left=everything)
        with self._file.reading() as session:
            offer = copies.choose(session, carry.source, carry, records)
        return (
            Carried(left=everything) if offer is None else Carried(left=everything - offer.places, counts=offer.counts)
        )

    def known_set(self, members: Sequence[Record], /) -> str:
        """The digest of these records where a run was made of the very same ones, else empty."""
        starts = range(0, len(members), CHUNK)
        digest = set_digest([pack(members[start : start + CHUNK]) for start in starts])
        with self._file.reading() as session:
            return digest if session.rows("select 1 from record_set where digest = ?::uuid limit 1", digest) else ""

    def carried(self, carry: Carry, stage: str, records: Sequence[str], /) -> Sequence[Output]:
        """What the earlier run answered at a stage for records that were taken over from it."""
        with self._file.reading() as session:
            return outputs.of_records(session, carry.source, carry.cell, stage, records)
