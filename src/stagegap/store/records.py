"""Records, compared by content, and what runs were made from: provenance, texts, tags, expectations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from stagegap.model.record import Record
from stagegap.model.run import Expectation, RunTag
from stagegap.store import rows as json_text
from stagegap.store.attach import Attachment, Session
from stagegap.store.care import RecordsImport
from stagegap.store.control import identify, intern

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
    return [record_of_row(row) for row in rows]


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
    return [record_of_row(row) for row in rows]


def _digest(record: Record, slices: str) -> str:
    content = json_text.write(
        [record.cluster, record.split, record.difficulty, slices, json_text.canonical(record.fields).decode()]
    )
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def record_of_row(row: Sequence[Any]) -> Record:
    """The record of a row of name, cluster, split, difficulty, slices and fields."""
    name, cluster, split, difficulty, slices, fields = row
    return Record(
        id=name,
        fields=cast("dict[str, Any]", json_text.read(fields)),
        cluster=cluster,
        split=split,
        difficulty=difficulty,
        slices=cast("dict[str, str]", json_text.read(slices)),
    )


MEMBERS_CHUNK = 50_000
"""Records of a set that are written at once: memory does not grow with the set."""
_NAMED = f"""
select unnest(range(len(p.name))) as place, unnest(p.name) as name, unnest(p.digest) as digest
from (select from_json_strict(?::varchar, '{NAMED}') as p)
"""
"""Records by their place, from a JSON object of names and digests."""
_EXPECTED = ("id", "place", "predicted", "low", "high", "reason", "who", "at", "baseline")


class Origins:
    """The part of a store that says where runs come from; the same errors as `Store`."""

    def __init__(self, file: Attachment) -> None:
        self._file = file

    def put(self, run: str, body: str, texts: Mapping[str, str]) -> None:
        """Keep the provenance of a run as JSON text, and texts by their digest. Raises: NotFound."""
        with self._file.writing() as session:
            key = identify(session, run)[0]
            with session.transaction():
                session.run("delete from provenance where run = ?", key)
                session.run("insert into provenance values (?, ?)", key, json_text.plain(body))
                for digest, content in texts.items():
                    session.run(
                        "insert into source_text select ?, ? where not exists (from source_text where digest = ?)",
                        digest, json_text.plain(content), digest,
                    )  # fmt: skip

    def body(self, run: str) -> str | None:
        """The provenance of a run as JSON text; None for a run that was made before there was any."""
        with self._file.reading() as session:
            rows = session.rows("select body from provenance where run = (select id from run where key = ?::uuid)", run)
        return rows[0][0] if rows else None

    def texts(self, digests: Sequence[str]) -> dict[str, str]:
        """The texts that are kept of these digests."""
        with self._file.reading() as session:
            return dict(
                session.rows(
                    "select digest, body from source_text where digest in"
                    " (select unnest(from_json_strict(?::varchar, '[\"VARCHAR\"]')))",
                    json_text.write(list(digests)).decode(),
                )
            )

    def keep_records(self, cascade: str, digest: str, members: Sequence[Record]) -> None:
        """Remember these records under the digest of their contents; a set is kept once.

        They were taken in before; another process may have taken in other versions since, so content decides.
        """
        with self._file.reading() as session:
            if session.rows("select 1 from record_set where digest = ?::uuid limit 1", digest):
                return
        with self._file.writing() as session, session.transaction():
            if session.rows("select 1 from record_set where digest = ?::uuid limit 1", digest):
                return
            for start in range(0, len(members), MEMBERS_CHUNK):
                session.run(
                    f"""insert into record_set
                    select ?::uuid, n.place + ?, r.id, max(v.version) from ({_NAMED}) n
                    join record r on r.name = n.name and r.cascade = (select id from cascade where name = ?)
                    join record_version v on v.record = r.id and v.digest = n.digest
                    group by all order by 2""",
                    digest, start, pack(members[start : start + MEMBERS_CHUNK]).named(), json_text.plain(cascade),
                )  # fmt: skip

    def changed(self, then: str, now: str) -> list[str]:
        """The ids of the records of one set that another set does not have, or has with another content."""
        if then == now:
            return []
        with self._file.reading() as session:
            rows = session.rows(
                """select r.name from record_set n join record r on r.id = n.record
                where n.digest = ?::uuid and not exists (
                    from record_set t where t.digest = ?::uuid and t.record = n.record and t.version = n.version)""",
                now, then,
            )  # fmt: skip
        return [row[0] for row in rows]

    def records(self, digest: str) -> list[Record]:
        """The records of a set as they were, in their order."""
        with self._file.reading() as session:
            return find_set(session, digest)

    def tag(self, event: RunTag) -> None:
        """Put a tag on a run, or take it off. Raises: NotFound."""
        with self._file.writing() as session:
            key = identify(session, event.run)[0]
            session.run(
                "insert into run_tag values (?, ?, ?, ?, ?)",
                key, json_text.plain(event.tag), json_text.plain(event.who), event.at, event.is_on,
            )  # fmt: skip

    def tags(self, cascade: str) -> dict[str, tuple[str, ...]]:
        """The tags of a cascade's runs by the run's id, in the order in which they were put on."""
        with self._file.reading() as session:
            rows = session.rows(
                """select replace(r.key::varchar, '-', ''), t.tag, t.is_on
                from run_tag t join run r on r.id = t.run join cascade c on c.id = r.cascade
                where c.name = ? order by t.rowid""",
                json_text.plain(cascade),
            )
        by_run: dict[str, dict[str, None]] = {}
        for run, tag, is_on in rows:
            tags = by_run.setdefault(run, {})
            tags.pop(tag, None)
            if is_on:
                tags[tag] = None
        return {run: tuple(tags) for run, tags in by_run.items() if tags}

    def expect(self, cascade: str, expected: Sequence[Expectation]) -> None:
        """Keep what somebody expects; the same id again is no second expectation."""
        with self._file.writing() as session, session.transaction():
            owner = intern(session, "cascade", cascade)
            for hope in expected:
                session.run(
                    "insert into expectation select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
                    " where not exists (from expectation where id = ?)",
                    hope.id, owner, json_text.plain(hope.place), hope.predicted, hope.low, hope.high,
                    json_text.plain(hope.reason),
                    json_text.plain(hope.who), hope.at, hope.baseline, hope.id,
                )  # fmt: skip

    def expectations(self, cascade: str) -> list[Expectation]:
        """Everything that was ever expected of a cascade's changes, in order."""
        with self._file.reading() as session:
            rows = session.rows(
                """select e.id, e.place, e.predicted, e.low, e.high, e.reason, e.who, e.made_at, e.baseline
                from expectation e join cascade c on c.id = e.cascade where c.name = ? order by e.rowid""",
                json_text.plain(cascade),
            )
        # The columns have the types of the fields that they were written from.
        return [Expectation(**dict(zip(_EXPECTED, row, strict=True))) for row in rows]
