"""Events of people that stay in the journal for ever: moved into a table, and readable before that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Kind, Op

Event = TypeVar("Event")

NAMES = """
    insert into cascade select (select coalesce(max(id), 0) from cascade) + row_number() over (order by seq), name
    from (select cascade as name, min(seq) as seq from arrived group by 1)
    where name not in (select name from cascade);
    insert into annotator
    select (select coalesce(max(id), 0) from annotator) + row_number() over (order by seq), name
    from (select annotator as name, min(seq) as seq from arrived group by 1)
    where name not in (select name from annotator);
    insert into record select (select coalesce(max(id), 0) from record) + row_number() over (order by seq), id, name
    from (select c.id, a.record as name, min(a.seq) as seq from arrived a join cascade c on c.name = a.cascade
          where a.record <> '' group by all) n
    where not exists (from record r where r.cascade = n.id and r.name = n.name);
"""
"""Gives ids to the cascades, people and records that `arrived` names for the first time."""


def applied(session: Session) -> int:
    """The watermark: operations of the journal up to this one are in the file."""
    rows = session.rows("select max(v::ubigint) from meta where k = 'applied'")
    return rows[0][0] or 0


def arrive(session: Session, ops: Sequence[Op], *, shape: str, table: str) -> None:
    """Spread the bodies of operations into the temporary table `arrived`, without those that `table` holds."""
    session.run(
        f"""create or replace temp table arrived as
        select o.* from (select seq, unnest(p) from (select unnest(?::ubigint[]) as seq,
            unnest(from_json_strict(?::varchar, '[{shape}]')) as p)) o
        where o.id not in (select id from {table})""",
        [op.seq for op in ops],
        (b"[" + b",".join(op.body for op in ops) + b"]").decode(),
    )


def tail(session: Session, journal: Journal, kind: Kind, *, table: str) -> list[dict[str, Any]]:
    """The bodies of the operations that the journal holds and the table does not, in order."""
    ops = [op for op in journal.pending(kind, applied(session)) if op.is_whole]
    if not ops:
        return []
    ids = [op.id for op in ops]
    rows = session.rows(f"select id from {table} where id in (select unnest(?::varchar[]))", ids)
    applied_ids = {row[0] for row in rows}
    return [cast("dict[str, Any]", json_text.read(op.body)) for op in ops if op.id not in applied_ids]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTable(Generic[Event]):
    """A table of events: how they are read back, from the file and from the journal alike."""

    kind: Kind
    name: str
    fields: Sequence[str]
    """Fields of an event, in the order of the columns of `row`."""
    row: str
    """Columns and tables of a select; `c` is the cascade, `p` the person."""
    event: Callable[..., Event]
    pack: Callable[[str, Event], tuple[str, bytes]]
    since_then: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields that events of earlier versions do not have, and what stands for them."""

    def find(self, session: Session, journal: Journal, wanted: Mapping[str, tuple[str, str]]) -> list[Event]:
        """The events in order, the undrained ones included; `wanted` is field -> (column, value)."""
        values = {name: json_text.plain(value) for name, (_, value) in wanted.items()}
        where = " and ".join(f"{column} = ?" for column, _ in wanted.values())
        rows = session.rows(f"select {self.row} where {where} order by e.seq", *values.values())
        late = [{**self.since_then, **e} for e in tail(session, journal, self.kind, table=self.name)]
        fresh = [e for e in late if all(e[name] == value for name, value in values.items())]
        return [self._made(row) for row in (*rows, *([e[name] for name in self.fields] for e in fresh))]

    def copies(self, session: Session) -> list[tuple[str, bytes]]:
        """Every event of the file as an operation for a journal that does not have it."""
        rows = session.rows(f"select c.name, {self.row} order by e.seq")
        return [self.pack(row[0], self._made(row[1:])) for row in rows]

    def _made(self, row: Sequence[object]) -> Event:
        # The columns have the types of the fields that they were packed from.
        return self.event(**dict(zip(self.fields, row, strict=True)))
