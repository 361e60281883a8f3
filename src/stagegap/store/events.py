"""What people did, as events that are only ever added: each kind a table, readable before it is moved into the file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, Protocol, TypeVar, cast

from stagegap.model.notes import CodeEvent, OddityEvent, PersonEvent, Reading, Seen
from stagegap.store import rows as json_text
from stagegap.store.attach import Session
from stagegap.store.journal import Journal, Kind, Op

NAMES = """
    insert into cascade select (select coalesce(max(id), 0) from cascade) + row_number() over (order by seq), name
    from (select cascade as name, min(seq) as seq from arrived group by 1)
    where name not in (select name from cascade);
    insert into annotator
    select (select coalesce(max(id), 0) from annotator) + row_number() over (order by seq), name
    from (select annotator as name, min(seq) as seq from arrived group by 1)
    where name not in (select name from annotator);
    create or replace temp table met as select * from record where name in (select record from arrived);
    create or replace temp table fresh as
    select (select coalesce(max(id), 0) from record) + row_number() over (order by seq) as id, n.id as cascade, name
    from (select c.id, a.record as name, min(a.seq) as seq from arrived a join cascade c on c.name = a.cascade
          where a.record <> '' group by all) n
    where not exists (from met r where r.cascade = n.id and r.name = n.name);
    insert into record from fresh;
    insert into met from fresh;
"""
"""Gives ids to the cascades, people and records that `arrived` names for the first time; `met` has the records that it
names, so that millions of others are looked through once.
"""
STAGES = """
    insert into stage select (select coalesce(max(id), 0) from stage) + row_number() over (order by seq), id, name
    from (select c.id, a.stage as name, min(a.seq) as seq from arrived a join cascade c on c.name = a.cascade
          where a.stage <> '' group by all) n
    where not exists (from stage s where s.cascade = n.id and s.name = n.name);
"""
"""And to the stages."""


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


class _Event(Protocol):
    """What every event has, whatever it says."""

    @property
    def id(self) -> str: ...


Event = TypeVar("Event", bound=_Event)

_TYPES = {"float": "DOUBLE", "float | None": "DOUBLE", "int | None": "UINTEGER", "bool": "BOOLEAN"}
"""Types of fields in DuckDB; all others are texts."""
_COLUMNS = {"at": "made_at", "by": "made_by", "into": "other"}
"""Columns that are not called like their field."""
_NAMED = {
    "annotator": ("p", "p.name = a.annotator"),
    "record": ("r", "r.cascade = c.id and r.name = a.record"),
    "stage": ("s", "s.cascade = c.id and s.name = a.stage"),
}
"""Tables of names: what each is called in a statement, and how it meets what arrives."""
MET = {"record": "met"}
"""The table in which names that arrive are looked up, where that is not the whole one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTable(Generic[Event]):
    """A table of events that are only ever added: packed, moved into the file, and read from file and journal alike."""

    kind: Kind
    name: str
    event: type[Event]
    needs: Sequence[str]
    """Fields that may not be empty."""
    refusal: str
    """What an event needs, as a sentence."""
    named: Sequence[str] = ("annotator",)
    """Fields that stand in the table as ids."""
    since_then: Mapping[str, str] = field(default_factory=dict[str, str])
    """Fields that events of earlier versions do not have, and what stands for them."""

    def pack(self, cascade: str, event: Event) -> tuple[str, bytes]:
        """The operation (id, body). Raises: ValueError for an empty field that is needed, or a number without end."""
        values = {name: getattr(event, name) for name in self._types}
        if not all(values[name] for name in self.needs):
            raise ValueError(self.refusal)
        odd = [value for value in values.values() if isinstance(value, float) and not math.isfinite(value)]
        if odd:
            raise ValueError(f"{odd[0]} is no number that can be stored")
        return json_text.plain(event.id), json_text.write({"cascade": cascade, "record": "", **values})

    def apply(self, session: Session, ops: Sequence[Op]) -> None:
        """Write operations into the table, inside the caller's transaction."""
        shape = {"cascade": "VARCHAR", "record": "VARCHAR", **self._types}
        arrive(session, list(map(self._whole, ops)), shape=json.dumps(shape), table=self.name)
        columns = ", ".join(_COLUMNS.get(name, name) for name in self._types)
        values = ", ".join(f"{_NAMED[name][0]}.id" if name in self.named else f'a."{name}"' for name in self._types)
        tables = ((MET.get(name, name), *_NAMED[name]) for name in self.named)
        joins = " ".join(f"left join {table} {alias} on {condition}" for table, alias, condition in tables)
        session.run(
            f"""{NAMES} {STAGES if "stage" in self.named else ""}
            insert into {self.name} (seq, cascade, {columns}) select a.seq, c.id, {values}
            from arrived a join cascade c on c.name = a.cascade {joins} order by a.seq"""
        )

    def find(self, session: Session, journal: Journal, **wanted: str) -> list[Event]:
        """The events whose fields have those values, in order, the undrained ones included."""
        where, values = self._where(wanted)
        rows = session.rows(f"select {self._columns} {self._tables} {where} order by e.seq", *values.values())
        fresh = ([e[name] for name in self._types] for e in self._late(session, journal, values))
        return [self._event(row) for row in (*rows, *fresh)]

    def distinct(self, session: Session, journal: Journal, name: str, **wanted: str) -> frozenset[str]:
        """What stands in one field of those events."""
        where, values = self._where(wanted)
        rows = session.rows(f"select distinct {self._column(name)} {self._tables} {where}", *values.values())
        return frozenset(row[0] for row in rows) | {e[name] for e in self._late(session, journal, values)}

    def copies(self, session: Session) -> list[tuple[str, bytes]]:
        """Every event of the file as an operation for a journal that does not have it."""
        rows = session.rows(f"select c.name, {self._columns} {self._tables} order by e.seq")
        return [self.pack(row[0], self._event(row[1:])) for row in rows]

    @property
    def _types(self) -> dict[str, str]:
        # An event is a dataclass, whose annotations are texts here.
        return {f.name: _TYPES.get(cast("str", f.type), "VARCHAR") for f in fields(cast("Any", self.event))}

    def _column(self, name: str) -> str:
        if name == "cascade":
            return "c.name"
        return f"coalesce({_NAMED[name][0]}.name, '')" if name in self.named else f"e.{_COLUMNS.get(name, name)}"

    @property
    def _columns(self) -> str:
        return ", ".join(map(self._column, self._types))

    @property
    def _tables(self) -> str:
        names = ((name, _NAMED[name][0]) for name in self.named)
        joins = " ".join(f"left join {name} {alias} on {alias}.id = e.{name}" for name, alias in names)
        return f"from {self.name} e join cascade c on c.id = e.cascade {joins}"

    def _where(self, wanted: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        values = {name: json_text.plain(value) for name, value in wanted.items()}
        return "where " + " and ".join(f"{self._column(name)} = ?" for name in values), values

    def _late(self, session: Session, journal: Journal, wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """The events that the journal holds and the table does not, in order."""
        for body in tail(session, journal, self.kind, table=self.name):
            event = {**self.since_then, **body}
            if all(event[name] == value for name, value in wanted.items()):
                yield event

    def _whole(self, op: Op) -> Op:
        """The operation with every field of today; one that an earlier version wrote may lack some."""
        if not self.since_then:
            return op
        # JSON of the journal: `pack` wrote it
        body = cast("dict[str, Any]", json_text.read(op.body))
        return (
            op
            if body.keys() >= self.since_then.keys()
            else replace(op, body=json_text.write({**self.since_then, **body}))
        )

    def _event(self, row: Sequence[object]) -> Event:
        # The columns have the types of the fields that they were packed from.
        return self.event(**dict(zip(self._types, row, strict=True)))


CODES = EventTable(
    kind="tag",
    name="tag_event",
    event=CodeEvent,
    needs=("id", "tag"),
    refusal="an event of a code needs an id and the code",
    named=("annotator", "record", "stage"),
    since_then=dict.fromkeys(("definition", "example", "severity", "cost"), ""),
)
"""The codebook, and codes that people put on records; of the first version on, a code was a name without a meaning."""
SEEN = EventTable(
    kind="seen",
    name="seen",
    event=Seen,
    needs=("id", "record"),
    refusal="an event of a record that was seen needs an id and the record",
    named=("annotator", "record"),
)
"""Who saw the answers to which record: such a record is no longer offered to that person for labelling."""
CARDS = EventTable(
    kind="oddity",
    name="oddity_event",
    event=OddityEvent,
    needs=("id", "card"),
    refusal="an event of a card needs an id and the card",
)
"""What people said of cards of the screen."""
PEOPLE = EventTable(
    kind="person",
    name="person_event",
    event=PersonEvent,
    needs=("id", "annotator"),
    refusal="an event of a person needs an id and the person",
)
"""Who has stopped or come back, and who was asked to answer which queue until when."""
READINGS = EventTable(
    kind="reading",
    name="reading",
    event=Reading,
    needs=("id", "record", "run"),
    refusal="a reading needs an id, the record and the run",
    named=("annotator", "record"),
)
"""What people say of whole records."""
TABLES = (CODES, SEEN, CARDS, PEOPLE, READINGS)
