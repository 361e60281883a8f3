"""What runs were made from: their provenance, the texts they read, the records as they were, tags, expectations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stagegap.model.provenance import RunTag
from stagegap.model.record import Record
from stagegap.model.run import Expectation
from stagegap.store import json_text, records
from stagegap.store.attach import Attachment
from stagegap.store.runs import identify, intern

CHUNK = 50_000
"""Records of a set that are written at once: memory does not grow with the set."""
_NAMED = f"""
select unnest(range(len(p.name))) as place, unnest(p.name) as name, unnest(p.digest) as digest
from (select from_json_strict(?::varchar, '{records.NAMED}') as p)
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
            for start in range(0, len(members), CHUNK):
                session.run(
                    f"""insert into record_set
                    select ?::uuid, n.place + ?, r.id, max(v.version) from ({_NAMED}) n
                    join record r on r.name = n.name and r.cascade = (select id from cascade where name = ?)
                    join record_version v on v.record = r.id and v.digest = n.digest
                    group by all order by 2""",
                    digest, start, records.pack(members[start : start + CHUNK]).named(), json_text.plain(cascade),
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
            return records.find_set(session, digest)

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
