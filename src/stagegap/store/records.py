"""Records: compared by content, a changed one becomes a further version."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

from stagegap.model.record import Record
from stagegap.store import text
from stagegap.store.attach import Session
from stagegap.store.facts import RecordsImport
from stagegap.store.runs import intern

CHUNK = 5_000
"""Records written under one hold of the exclusive lock."""
_SHAPE = (
    '{"name":["VARCHAR"],"cluster":["VARCHAR"],"split":["VARCHAR"],"difficulty":["VARCHAR"],"slices":["VARCHAR"],'
    '"fields":["VARCHAR"],"digest":["UUID"]}'
)


def pack(records: Sequence[Record]) -> str:
    """Give the columns of a chunk as JSON text. Raises: ValueError for NaN, an infinity, or an id that stands twice."""
    names = [record.id for record in records]
    if len(set(names)) != len(names):
        double = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"the record {double!r} stands twice")
    slices = [text.canonical(record.slices).decode() for record in records]
    fields = [_fields(record) for record in records]
    columns = {
        "name": names,
        "cluster": [record.cluster for record in records],
        "split": [record.split for record in records],
        "difficulty": [record.difficulty for record in records],
        "slices": slices,
        "fields": fields,
        "digest": [_digest(record, of_slices) for record, of_slices in zip(records, slices, strict=True)],
    }
    return text.write(columns).decode()


def put(session: Session, cascade: str, chunk: str) -> RecordsImport:
    """Store a chunk that `pack` made."""
    with session.transaction():
        owner = intern(session, "cascade", cascade)
        columns = ["name", "cluster", "split", "difficulty", "slices", "fields", "digest"]
        session.run(
            f"""create or replace temp table arrived_record as
            with latest as (
                select r.id, r.name, v.version, v.position, v.digest
                from record r left join record_version v on v.record = r.id
                where r.cascade = ?
                qualify row_number() over (partition by r.id order by v.version desc nulls last) = 1)
            select a.*, l.id, l.version, l.position, l.digest as old
            from (select unnest(range(len(p.name))) as place, {", ".join(f"unnest(p.{c}) as {c}" for c in columns)}
                  from (select from_json_strict(?::varchar, '{_SHAPE}') as p)) a
                left join latest l on l.name = a.name""",
            owner,
            chunk,
        )
        added, changed, unchanged = session.rows(
            "select count(*) filter (old is null), count(*) filter (old <> digest), count(*) filter (old = digest)"
            " from arrived_record"
        )[0]
        session.run(
            """
            insert into record
            select (select coalesce(max(id), 0) from record) + row_number() over (order by place), $1, name
            from arrived_record where id is null
        """,
            owner,
        )
        session.run(
            """
            insert into record_version
            select r.id, coalesce(a.version, 0) + 1,
                coalesce(a.position, (select coalesce(max(v.position), 0) from record_version v
                    join record o on o.id = v.record where o.cascade = r.cascade)
                    + row_number() over (partition by a.position is null order by a.place)),
                a.cluster, a.split, a.difficulty, a.slices, a.fields, a.digest
            from arrived_record a join record r on r.name = a.name and r.cascade = $1
            where a.old is null or a.old <> a.digest order by r.id
        """,
            owner,
        )
    return RecordsImport(added=added, changed=changed, unchanged=unchanged)


def find(session: Session, cascade: str, ids: Sequence[str] | None) -> list[Record]:
    """Give the records as they are, in the order in which they were taken in."""
    chosen = "" if ids is None else " and r.name in (select unnest(from_json_strict(?::varchar, '[\"VARCHAR\"]')))"
    rows = session.rows(
        f"""select r.name, v.cluster, v.split, v.difficulty, v.slices, v.fields
        from record_version v join record r on r.id = v.record
        where r.cascade = (select id from cascade where name = ?) {chosen}
        qualify row_number() over (partition by r.id order by v.version desc) = 1
        order by v.position""",
        text.plain(cascade),
        *([] if ids is None else [text.write(list(ids)).decode()]),
    )
    return [_record(row) for row in rows]


def _fields(record: Record) -> str:
    text.refuse_odd_numbers(record.fields)
    return text.write(dict(record.fields)).decode()


def _digest(record: Record, slices: str) -> str:
    content = text.write(
        [record.cluster, record.split, record.difficulty, slices, text.canonical(record.fields).decode()]
    )
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _record(row: Sequence[Any]) -> Record:
    name, cluster, split, difficulty, slices, fields = row
    return Record(
        id=name,
        fields=cast("dict[str, Any]", text.read(fields)),
        cluster=cluster,
        split=split,
        difficulty=difficulty,
        slices=cast("dict[str, str]", text.read(slices)),
    )
