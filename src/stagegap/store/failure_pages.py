"""The list of failures of a run, read in pages by key, with all that reading them needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from stagegap.model.notes import CodeEvent, Failure, FailurePage, OddityEvent, Reading, Seen, Wanted
from stagegap.store import events
from stagegap.store import rows as json_text
from stagegap.store.attach import Attachment, Session
from stagegap.store.control import identify, intern_stage, look_up
from stagegap.store.drain import Drainer
from stagegap.store.events import Event
from stagegap.store.journal import Journal

if TYPE_CHECKING:
    from stagegap.store.excerpt import Wanted as Population

PAGE = 200
"""Rows of a list that go to the browser at once."""
CHUNK = 10_000
"""Failures that are handed to DuckDB at once: memory does not grow with the list."""
_FIELDS = tuple(field.name for field in fields(Failure))
_SHAPE = """{"place":["UINTEGER"],"stage":["VARCHAR"],"record":["VARCHAR"],"title":["VARCHAR"],"score":["DOUBLE"],
"first_fault":["BOOLEAN"],"inherits":["BOOLEAN"],"disagreed":["BOOLEAN"],"groups":[["VARCHAR"]],"win":["DOUBLE"],
"unit":["VARCHAR"]}"""


def put(session: Session, run: str, failures: Sequence[Failure]) -> None:
    """Keep a run's failures in the place of older ones; per stage in the order given. Raises: NotFound."""
    key, cascade = identify(session, run)
    before: dict[str, int] = {}
    with session.transaction():
        session.run("delete from failure where run = ?", key)
        for stage in dict.fromkeys(failure.stage for failure in failures):
            intern_stage(session, cascade, stage)
        look_up(session, cascade, {failure.record for failure in failures})
        for start in range(0, len(failures), CHUNK):
            _insert(session, key, cascade, failures[start : start + CHUNK], before)


def _insert(session: Session, key: int, cascade: int, failures: Sequence[Failure], before: dict[str, int]) -> None:
    """Store some failures; `before` counts those of each stage that are stored already, and goes on counting."""
    columns = {name: [getattr(failure, name) for failure in failures] for name in _FIELDS}
    places: list[int] = []
    for stage in columns["stage"]:
        before[stage] = before.get(stage, 0) + 1
        places.append(before[stage])
    spread = ", ".join(f"unnest(p.{name}) as {name}" for name in ("place", *_FIELDS))
    session.run(
        f"""insert into failure
        select $1, s.id, f.place, r.id, f.title, f.score, f.first_fault, f.inherits, f.disagreed, f.groups,
            f.win, f.unit
        from (select {spread} from (select from_json_strict($3::varchar, '{_SHAPE}') as p)) f
            join stage s on s.name = f.stage and s.cascade = $2
            join named r on r.name = f.record
        order by s.id, f.place""",
        key,
        cascade,
        json_text.write({"place": places, **columns}).decode(),
    )


def page(session: Session, run: str, wanted: Wanted, *, after: int) -> FailurePage:
    """At most 200 failures whose place comes after `after`, with the number of all that are wanted."""
    chosen, values = _chosen(wanted)
    total, before = session.rows(
        f"select count(*), count(*) filter (f.place <= ?) {chosen}", after, json_text.plain(run), *values
    )[0]
    rows = session.rows(
        f"select f.place, {_ROW} {chosen} and f.place > ? order by f.place limit {PAGE + 1}",
        json_text.plain(run),
        *values,
        after,
    )
    first = rows[:PAGE]
    return FailurePage(
        total=total,
        before=before,
        rows=tuple(_failure(row[1:]) for row in first),
        next=first[-1][0] if len(rows) > PAGE else None,
    )


def place(session: Session, run: str, wanted: Wanted, record: str) -> int | None:
    """The place of a record among the wanted ones, None when it is none of them."""
    chosen, values = _chosen(wanted)
    rows = session.rows(
        f"select f.place {chosen} and r.name = ?", json_text.plain(run), *values, json_text.plain(record)
    )
    return rows[0][0] if rows else None


def of_record(session: Session, run: str, record: str) -> list[Failure]:
    """The stages at which a record is not acceptable."""
    rows = session.rows(
        f"select {_ROW} {_FROM} and r.name = ? order by f.place", json_text.plain(run), json_text.plain(record)
    )
    return [_failure(row) for row in rows]


def scores_of(session: Session, run: str, record: str) -> dict[str, float]:
    """The kept scores of a record in the system cell, by stage."""
    return dict(
        session.rows(
            """select s.name, v.value from score v join stage s on s.id = v.stage join run u on u.id = v.run
            join cell c on c.id = v.cell join record r on r.id = v.record
            where u.key = ?::uuid and c.name = 'system' and r.name = ? order by s.id""",
            json_text.plain(run),
            json_text.plain(record),
        )
    )


_ROW = "s.name, r.name, f.title, f.score, f.first_fault, f.inherits, f.disagreed, f.groups, f.win, f.unit"
_FROM = """from failure f join run u on u.id = f.run join stage s on s.id = f.stage join record r on r.id = f.record
    where u.key = ?::uuid"""
_TEXT = """ and f.record in (
    select v.record from record_version v where v.record in (select record from failure where run = u.id)
    qualify row_number() over (partition by v.record order by v.version desc) = 1
        and len(list_filter(json_extract(v.fields, '$.*'), lambda x: contains(lower(x::varchar), lower(?)))) > 0)"""


def _chosen(wanted: Wanted) -> tuple[str, list[object]]:
    """`from ... where ...` with the values after the run's key."""
    sql, values = f"{_FROM} and s.name = ?", [json_text.plain(wanted.stage)]
    more: list[object] = [*values]
    if wanted.only_first_faults:
        sql += " and f.first_fault"
    if wanted.only_disagreements:
        sql += " and f.disagreed"
    if wanted.group is not None:
        sql += " and list_contains(f.groups, ?)"
        more.append(json_text.plain(wanted.group))
    if wanted.among is not None:
        sql += " and r.name in (select unnest(?::varchar[]))"
        more.append([json_text.plain(name) for name in wanted.among])
    if wanted.text is not None:
        sql += _TEXT
        more.append(json_text.write(wanted.text).decode()[1:-1])
    return sql, more


def _failure(row: Sequence[object]) -> Failure:
    named = dict(zip(_FIELDS, row, strict=True))
    # The columns have the types of the fields that they were put from.
    return Failure(**{**named, "groups": tuple(named["groups"])})  # pyright: ignore


class Failing:
    """The part of a store that the Failures page reads and writes; the same errors as `Store`."""

    def __init__(self, journal: Journal, file: Attachment, drainer: Drainer) -> None:
        self._journal = journal
        self._file = file
        self._drainer = drainer

    def put(self, run: str, failed: Sequence[Failure]) -> None:
        """Keep a run's failures in the place of older ones; per stage in the order given. Raises: NotFound."""
        with self._file.writing() as session:
            put(session, run, failed)

    def page(self, run: str, wanted: Wanted, *, after: int = 0) -> FailurePage:
        """At most 200 failures whose place comes after `after`, with the number of all that are wanted."""
        with self._file.reading() as session:
            return page(session, run, wanted, after=after)

    def place(self, run: str, wanted: Wanted, record: str) -> int | None:
        """The place of a record among the wanted ones, None when it is none of them."""
        with self._file.reading() as session:
            return place(session, run, wanted, record)

    def of_record(self, run: str, record: str) -> list[Failure]:
        """The stages at which a record is not acceptable."""
        with self._file.reading() as session:
            return of_record(session, run, record)

    def scores_of(self, run: str, record: str) -> dict[str, float]:
        """The kept scores of a record in the system cell, by stage."""
        with self._file.reading() as session:
            return scores_of(session, run, record)

    def append_codes(self, cascade: str, codes: Sequence[CodeEvent]) -> None:
        """Make events of codes durable, all or none; the same id again is no second one."""
        self._append(events.CODES, cascade, codes)

    def codes(self, cascade: str) -> list[CodeEvent]:
        """Every event of the codebook and of the codes on records, in order."""
        with self._file.reading() as session:
            return events.CODES.find(session, self._journal, cascade=cascade)

    def append_readings(self, cascade: str, readings: Sequence[Reading]) -> None:
        """Make readings durable, all or none; the same id again is no second one."""
        self._append(events.READINGS, cascade, readings)

    def readings(self, cascade: str, run: str | None = None) -> list[Reading]:
        """Every event of what people read of a run, or of all runs, in order."""
        with self._file.reading() as session:
            of_run = {} if run is None else {"run": run}
            return events.READINGS.find(session, self._journal, cascade=cascade, **of_run)

    def sampled(self, wanted: Population, chosen: Callable[[int], Sequence[int]]) -> list[str]:
        """The records that `chosen` picks of those that a run scores, by their place in the order of their names."""
        from stagegap.store import excerpt

        self._drainer.drain_all()
        with self._file.reading() as session:
            return excerpt.sampled(session, wanted, chosen)

    def append_seen(self, cascade: str, *looks: Seen) -> None:
        """Make durable that people saw the answers to records, all or none."""
        self._append(events.SEEN, cascade, looks)

    def seen(self, cascade: str, annotator: str) -> frozenset[str]:
        """The records of a cascade whose answers that person has seen."""
        with self._file.reading() as session:
            return events.SEEN.distinct(session, self._journal, "record", cascade=cascade, annotator=annotator)

    def looks(self, cascade: str, record: str | None = None) -> list[Seen]:
        """Every look of somebody at the answers to a record, or to any record of a cascade."""
        with self._file.reading() as session:
            of_record = {} if record is None else {"record": record}
            return events.SEEN.find(session, self._journal, cascade=cascade, **of_record)

    def append_oddity(self, cascade: str, event: OddityEvent) -> None:
        """Make durable what a person said of a card. Raises: ValueError for a dismissal without a reason."""
        if event.action == "dismiss" and not event.reason.strip():
            raise ValueError("a card is dismissed with a reason")
        self._append(events.CARDS, cascade, [event])

    def oddities(self, cascade: str) -> list[OddityEvent]:
        """Everything that people said of cards of a cascade, in order."""
        with self._file.reading() as session:
            return events.CARDS.find(session, self._journal, cascade=cascade)

    def _append(self, table: events.EventTable[Event], cascade: str, fresh: Sequence[Event]) -> None:
        if fresh:
            self._journal.append(table.kind, [table.pack(cascade, event) for event in fresh])
            self._drainer.wake()
