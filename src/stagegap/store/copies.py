"""Outputs that one run takes over from another: which can be had, how the journal names them, and their copies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, TypedDict, cast

from stagegap.model.answer import Output, Status
from stagegap.model.record import Record
from stagegap.model.run import Carried, Carry
from stagegap.store import control, outputs, rows
from stagegap.store.attach import Attachment, Session
from stagegap.store.control import identify
from stagegap.store.events import applied
from stagegap.store.journal import Journal, Op
from stagegap.store.outputs import CACHEABLE
from stagegap.store.records import CHUNK, pack, set_digest

if TYPE_CHECKING:
    from stagegap.store.drain import Drainer


MOST_OUTPUTS = 120
"""Of one record: as many as the bits of a number tell apart."""
_STAGES = """
select s.id as stage, w.repeats, w.first
from (select unnest(?::varchar[]) as name, unnest(?::integer[]) as repeats, unnest(?::integer[]) as first) w
    join stage s on s.name = w.name and s.cascade = ?
"""


class SourceLost(Exception):
    """The outputs that an operation names are not in the file any more."""


class _Body(TypedDict):
    """What the journal holds of outputs that were taken over."""

    run: str
    source: str
    cell: str
    repeats: Mapping[str, int]
    upto: int
    """Only operations up to this one: what the source was given later is not meant."""
    records: Sequence[tuple[int, int]]
    """First and last of each row of ids without a gap. Names would be as safe: both die with the source."""
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Outputs that can be taken over."""

    places: frozenset[int]
    """Places of their records among those asked for."""
    counts: Mapping[tuple[str, Status, bool], int]
    """Outputs by stage, status, and whether a call was answered."""
    op: tuple[str, bytes]
    """The operation (id, body) that copies them: the id names what is taken, so that it is never taken twice."""


def choose(session: Session, run: str, carry: Carry, records: Sequence[str]) -> Offer | None:
    """Look which records have every output, each of which any further run would have again; None when none has.

    A record with a second output at some stage (a run that was mended) is left out: it goes call by call.
    Raises: NotFound.
    """
    source, cascade = identify(session, carry.source)
    _ask(session, cascade, records)
    low, high = session.rows("select coalesce(min(record), 1), coalesce(max(record), 0) from asked")[0]
    total = sum(carry.repeats.values())
    session.run(
        f"""create or replace temp table found as
        select o.record, o.stage, w.first + o.repeat as bit, o.status, o.call_key is not null as is_answer,
            (o.call_key is not null and o.status in {CACHEABLE}) or o.status = 'skipped'
                or (o.status = 'blocked' and coalesce(o.because in {CACHEABLE}, false)) as is_final
        from output o join ({_STAGES}) w on w.stage = o.stage semi join asked on asked.record = o.record
        where o.run = ? and o.cell = (select id from cell where name = ?) and o.repeat < w.repeats
            and o.record between ? and ?""",
        *_wanted(carry.repeats), cascade, source, str(carry.cell), low, high,
    )  # fmt: skip
    session.run(
        "create or replace temp table carriable as select record from found group by record"
        " having count(*) = ? and bool_and(is_final) and bit_or(1::hugeint << bit) = ?::hugeint",
        total, (1 << total) - 1,
    )  # fmt: skip
    ranges = session.rows(
        "select min(record), max(record) from"
        " (select record, record::bigint - row_number() over (order by record) as island from carriable)"
        " group by island order by 1"
    )
    if not ranges:
        return None
    counts = session.rows(
        "select s.name, f.status::varchar, f.is_answer, count(*) from found f semi join carriable using (record)"
        " join stage s on s.id = f.stage group by all"
    )
    body = _Body(
        run=run, source=carry.source, cell=str(carry.cell), repeats=carry.repeats, upto=applied(session),
        records=ranges, n=sum(row[-1] for row in counts),
    )  # fmt: skip
    return Offer(
        places=frozenset(
            place for (place,) in session.rows("select place from asked semi join carriable using (record)")
        ),
        counts={(stage, Status(status), is_answer): n for stage, status, is_answer, n in counts},
        op=(_id(body), rows.write(body)),
    )


def apply(session: Session, op: Op) -> None:
    """Copy the outputs that an operation names, inside the caller's transaction.

    Raises: SourceLost where the file lacks some of them.
    """
    if session.rows("select 1 from batch_applied where op_id = ?::uuid", op.id):
        return
    body = cast("_Body", rows.read(op.body))
    ids = dict(
        session.rows(
            "select replace(key::varchar, '-', ''), [id, cascade] from run where key in (select unnest(?::uuid[]))",
            [body["run"], body["source"]],
        )
    )
    if len(ids) < 2:
        raise SourceLost("it takes over outputs of a run that the file does not know any more")
    (run, cascade), (source, _) = ids[body["run"]], ids[body["source"]]
    low, high = body["records"][0][0], body["records"][-1][1]
    session.run(
        "create or replace temp table carried as select unnest(range(low, high + 1))::uinteger as record"
        " from (select unnest(?::uinteger[]) as low, unnest(?::uinteger[]) as high)",
        *(list(ends) for ends in zip(*body["records"], strict=True)),
    )
    copied = session.rows(
        f"""insert into output
        select ?, o.cell, o.stage, o.record, o.repeat, ?, o.status, o.form, o.short, o.number, o.body, o.confidence,
            o.because, o.error, o.raw, o.extra, o.latency_ms, o.tokens_in, o.tokens_out, o.cost, o.call_key,
            o.call_key is not null
        from output o join ({_STAGES}) w on w.stage = o.stage semi join carried on carried.record = o.record
        where o.run = ? and o.cell = (select id from cell where name = ?) and o.repeat < w.repeats and o.seq <= ?
            and o.record between ? and ?""",
        run, op.seq, *_wanted(body["repeats"]), cascade, source, body["cell"], body["upto"], low, high,
    )[0][0]  # fmt: skip
    if copied != body["n"]:
        raise SourceLost(f"it takes over {body['n']:,} outputs of another run, of which the file has {copied:,}")
    session.run(
        "insert into batch_applied (op_id, seq, run, n, cell)"
        " values (?::uuid, ?, ?, ?, (select id from cell where name = ?))",
        op.id, op.seq, run, copied, body["cell"],
    )  # fmt: skip


def _id(body: _Body) -> str:
    """An id that is the same whenever the same is taken over."""
    named = rows.write([body["run"], body["source"], body["cell"], body["repeats"], body["records"]])
    return hashlib.blake2b(named, digest_size=16).hexdigest()


def _ask(session: Session, cascade: int, records: Sequence[str]) -> None:
    session.run(
        "create or replace temp table asked as select a.place, r.id as record from"
        " (select unnest(range(len(p))) as place, unnest(p) as name"
        "  from (select from_json_strict(?::varchar, '[\"VARCHAR\"]') as p)) a"
        " join record r on r.cascade = ? and r.name = a.name",
        rows.write(list(records)).decode(),
        cascade,
    )


def _wanted(repeats: Mapping[str, int]) -> tuple[list[str], list[int], list[int]]:
    """Names, outputs a record, and the place of the first of them among the bits of a record."""
    numbers = list(repeats.values())
    return [rows.plain(name) for name in repeats], numbers, [0, *accumulate(numbers[:-1])]


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
            return control.facts_of_runs_with_outputs(session, cascade, name, limit)

    def carry(self, run: str, carry: Carry, records: Sequence[str], /) -> Carried:
        """Take over what can be had of these records; durable when this returns. Raises: NotFound."""
        everything = frozenset(range(len(records)))
        if sum(carry.repeats.values()) > MOST_OUTPUTS:
            return Carried(left=everything)
        self._drainer.drain_all()
        with self._file.reading() as session:
            offer = choose(session, run, carry, records)
        if offer is None:
            return Carried(left=everything)
        self._journal.append("carry", [offer.op])
        self._drainer.wake(len(offer.op[1]))
        return Carried(left=everything - offer.places, counts=offer.counts)

    def look(self, carry: Carry, records: Sequence[str], /) -> Carried:
        """What `carry` would take over; nothing is. Raises: NotFound."""
        everything = frozenset(range(len(records)))
        if sum(carry.repeats.values()) > MOST_OUTPUTS:
            return Carried(left=everything)
        with self._file.reading() as session:
            offer = choose(session, carry.source, carry, records)
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
