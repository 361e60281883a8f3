"""Who saw the answers to which record: such a record is no longer offered to that person for labelling."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stagegap.model.notes import Seen
from stagegap.store import events
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Op

_SHAPE = '{"cascade":"VARCHAR","id":"VARCHAR","record":"VARCHAR","annotator":"VARCHAR","at":"DOUBLE","run":"VARCHAR"}'


def pack(cascade: str, seen: Seen) -> tuple[str, bytes]:
    """The operation (id, body). Raises: ValueError for an empty id or record, or a time that is no number."""
    if not seen.id or not seen.record:
        raise ValueError("an event of a record that was seen needs an id and the record")
    if not math.isfinite(seen.at):
        raise ValueError(f"{seen.at} is no time that can be stored")
    fields = {
        "cascade": cascade,
        "id": seen.id,
        "record": seen.record,
        "annotator": seen.annotator,
        "at": seen.at,
        "run": seen.run,
    }
    return json_text.plain(seen.id), json_text.write(fields)


def apply(session: Session, ops: Sequence[Op]) -> None:
    """Write operations into the table, inside the caller's transaction."""
    events.arrive(session, ops, shape=_SHAPE, table="seen")
    session.run(
        events.NAMES
        + """
        insert into seen select a.seq, a.id, c.id, r.id, p.id, a."at", a.run from arrived a
            join cascade c on c.name = a.cascade join record r on r.cascade = c.id and r.name = a.record
            join annotator p on p.name = a.annotator
        order by a.seq"""
    )


def records(session: Session, journal: Journal, cascade: str, annotator: str) -> frozenset[str]:
    """The records of a cascade whose answers that person has seen, the undrained ones included."""
    owner, person = json_text.plain(cascade), json_text.plain(annotator)
    rows = session.rows(
        """select distinct r.name from seen e join record r on r.id = e.record
        where e.cascade = (select id from cascade where name = ?)
            and e.annotator = (select id from annotator where name = ?)""",
        owner,
        person,
    )
    late = events.tail(session, journal, "seen", table="seen")
    fresh = {e["record"] for e in late if e["cascade"] == owner and e["annotator"] == person}
    return frozenset(row[0] for row in rows) | fresh


def looks(session: Session, journal: Journal, cascade: str, record: str | None) -> list[Seen]:
    """Every look at the answers to a record, or at those of all records, the undrained ones included."""
    owner = json_text.plain(cascade)
    rows = session.rows(
        """select e.id, r.name, p.name, e.made_at, e.run from seen e join record r on r.id = e.record
        join annotator p on p.id = e.annotator
        where e.cascade = (select id from cascade where name = $1) and ($2::varchar is null or r.name = $2)
        order by e.seq""",
        owner,
        None if record is None else json_text.plain(record),
    )
    late = events.tail(session, journal, "seen", table="seen")
    entries = [
        *rows,
        *((e["id"], e["record"], e["annotator"], e["at"], e["run"]) for e in late if e["cascade"] == owner),
    ]
    looks = [Seen(id=key, record=name, annotator=who, at=at, run=run) for key, name, who, at, run in entries]
    return [look for look in looks if record in (None, look.record)]


def copies(session: Session) -> list[tuple[str, bytes]]:
    """Every event of the file as an operation for a journal that does not have it."""
    rows = session.rows(
        """select c.name, e.id, r.name, p.name, e.made_at, e.run from seen e join cascade c on c.id = e.cascade
        join record r on r.id = e.record join annotator p on p.id = e.annotator order by e.seq"""
    )
    return [
        pack(cascade, Seen(id=key, record=record, annotator=person, at=at, run=run))
        for cascade, key, record, person, at, run in rows
    ]
