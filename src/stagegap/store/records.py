"""Records: compared by content, a changed one becomes a further version."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from stagegap.model.record import Record
from stagegap.store import json_text
from stagegap.store.attach import Session
from stagegap.store.facts import RecordsImport
from stagegap.store.runs import intern

CHUNK = 5_000
"""Records written under one hold of the exclusive lock."""
NAMED = '{"name":["VARCHAR"],"digest":["UUID"]}'
_CONTENT = (
    '{"place":["UINTEGER"],"cluster":["VARCHAR"],"split":["VARCHAR"],"difficulty":["VARCHAR"],"slices":["VARCHAR"],'
    '"fields":["VARCHAR"]}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """The columns of a chunk of records: most imports bring what is there already, and need names and digests only."""

    names: Sequence[str]
    digests: Sequence[str]
    slices: Sequence[str]
    """As canonical JSON text."""
    records: Sequence[Record]

    def named(self) -> str:
        """What says which records are new or changed, as JSON text."""
        return json_text.write({"name": self.names, "digest": self.digests}).decode()

    def chosen(self, places: Sequence[int]) -> str:
        """The content of these records as JSON text."""
        records = [self.records[place] for place in places]
        columns = {
            "place": places,
            "cluster": [record.cluster for record in records],
            "split": [record.split for record in records],
            "difficulty": [record.difficulty for record in records],
            "slices": [self.slices[place] for place in places],
            "fields": [json_text.write(dict(record.fields)).decode() for record in records],
        }
        return json_text.write(columns).decode()


def pack(records: Sequence[Record]) -> Packed:
    """The columns of a chunk. Raises: ValueError for NaN, an infinity, or an id that stands twice."""
    names = [record.id for record in records]
    if len(set(names)) != len(names):
        double = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"the record {double!r} stands twice")
    slices = [json_text.canonical(record.slices).decode() for record in records]
    digests = [_digest(record, of_slices) for record, of_slices in zip(records, slices, strict=True)]
    return Packed(names=names, digests=digests, slices=slices, records=records)


def put(session: Session, cascade: str, chunk: Packed) -> RecordsImport:
    """Store a chunk that `pack` made."""
    with session.transaction():
        owner = intern(session, "cascade", cascade)
        session.run(
            f"""create or replace temp table arrived_record as
            with arrived as materialized (
                select unnest(range(len(p.name))) as place, unnest(p.name) as name, unnest(p.digest) as digest
                from (select from_json_strict($2::varchar, '{NAMED}') as p)),
            known as (select id, name from record where cascade = $1 and name in (select name from arrived)),
            latest as (
                select k.id, k.name, v.version, v.position, v.digest
                from known k left join record_version v on v.record = k.id
                qualify row_number() over (partition by k.id order by v.version desc nulls last) = 1)
            select a.*, l.id, l.version, l.position, l.digest as old
            from arrived a left join latest l on l.name = a.name""",
            owner,
            chunk.named(),
        )
        added, changed, unchanged = session.rows(
            "select count(*) filter (old is null), count(*) filter (old <> digest), count(*) filter (old = digest)"
            " from arrived_record"
        )[0]
        if added or changed:
            _write(session, owner, chunk)
    return RecordsImport(added=added, changed=changed, unchanged=unchanged)


def _write(session: Session, owner: int, chunk: Packed) -> None:
    """Write the records that are new or changed."""
    places = session.rows("select place from arrived_record where old is null or old <> digest order by place")
    columns = ("place", "cluster", "split", "difficulty", "slices", "fields")
    session.run(
        f"create or replace temp table arrived_content as select {', '.join(f'unnest(p.{c}) as {c}' for c in columns)}"
        f" from (select from_json_strict(?::varchar, '{_CONTENT}') as p)",
        chunk.chosen([row[0] for row in places]),
    )
    session.run(
        "insert into record select (select coalesce(max(id), 0) from record) + row_number() over (order by place), $1,"
        " name from arrived_record where id is null",
        owner,
    )
    session.run(
        """
        insert into record_version
        select r.id, coalesce(a.version, 0) + 1,
            coalesce(a.position, (select coalesce(max(v.position), 0) from record_version v
                join record o on o.id = v.record where o.cascade = r.cascade)
                + row_number() over (partition by a.position is null order by a.place)),
            c.cluster, c.split, c.difficulty, c.slices, c.fields, a.digest
        from arrived_content c join arrived_record a using (place) join record r on r.name = a.name and r.cascade = $1
        order by r.id
    """,
        owner,
    )


def find(session: Session, cascade: str, ids: Sequence[str] | None) -> list[Record]:
    """The records as they are, in the order in which they were taken in."""
    chosen = "" if ids is None else " and r.name in (select unnest(from_json_strict(?::varchar, '[\"VARCHAR\"]')))"
    rows = session.rows(
        f"""select r.name, v.cluster, v.split, v.difficulty, v.slices, v.fields
        from record_version v join record r on r.id = v.record
        where r.cascade = (select id from cascade where name = ?) {chosen}
        qualify row_number() over (partition by r.id order by v.version desc) = 1
        order by v.position""",
        json_text.plain(cascade),
        *([] if ids is None else [json_text.write(list(ids)).decode()]),
    )
    return [_record(row) for row in rows]


def set_digest(chunks: Sequence[Packed]) -> str:
    """One hash for all records of these chunks, in their order: of their ids and contents."""
    hasher = hashlib.blake2b(digest_size=16)
    for chunk in chunks:
        hasher.update(json_text.write([chunk.names, chunk.digests]))
    return hasher.hexdigest()


def find_set(session: Session, digest: str) -> list[Record]:
    """The records of a set that was kept, as they were, in their order."""
    rows = session.rows(
        """select r.name, v.cluster, v.split, v.difficulty, v.slices, v.fields
        from record_set s join record r on r.id = s.record
            join record_version v on v.record = s.record and v.version = s.version
        where s.digest = ?::uuid order by s.place""",
        digest,
    )
    return [_record(row) for row in rows]


def _digest(record: Record, slices: str) -> str:
    content = json_text.write(
        [record.cluster, record.split, record.difficulty, slices, json_text.canonical(record.fields).decode()]
    )
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _record(row: Sequence[Any]) -> Record:
    name, cluster, split, difficulty, slices, fields = row
    return Record(
        id=name,
        fields=cast("dict[str, Any]", json_text.read(fields)),
        cluster=cluster,
        split=split,
        difficulty=difficulty,
        slices=cast("dict[str, str]", json_text.read(slices)),
    )
