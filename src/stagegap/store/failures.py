"""The list of failures of a run: derived, replaced as a whole, read in pages by key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from stagegap.model.failure import Failure, FailurePage, Wanted
from stagegap.store import text
from stagegap.store.attach import Session
from stagegap.store.runs import identify, intern_stage

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
            join record r on r.name = f.record and r.cascade = $2
        order by s.id, f.place""",
        key,
        cascade,
        text.write({"place": places, **columns}).decode(),
    )


def page(session: Session, run: str, wanted: Wanted, *, after: int) -> FailurePage:
    """At most 200 failures whose place comes after `after`, with the number of all that are wanted."""
    chosen, values = _chosen(wanted)
    total, before = session.rows(
        f"select count(*), count(*) filter (f.place <= ?) {chosen}", after, text.plain(run), *values
    )[0]
    rows = session.rows(
        f"select f.place, {_ROW} {chosen} and f.place > ? order by f.place limit {PAGE + 1}",
        text.plain(run),
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
    rows = session.rows(f"select f.place {chosen} and r.name = ?", text.plain(run), *values, text.plain(record))
    return rows[0][0] if rows else None


def of_record(session: Session, run: str, record: str) -> list[Failure]:
    """The stages at which a record is not acceptable."""
    rows = session.rows(f"select {_ROW} {_FROM} and r.name = ? order by f.place", text.plain(run), text.plain(record))
    return [_failure(row) for row in rows]


def scores_of(session: Session, run: str, record: str) -> dict[str, float]:
    """The kept scores of a record in the system cell, by stage."""
    return dict(
        session.rows(
            """select s.name, v.value from score v join stage s on s.id = v.stage join run u on u.id = v.run
            join cell c on c.id = v.cell join record r on r.id = v.record
            where u.key = ?::uuid and c.name = 'system' and r.name = ? order by s.id""",
            text.plain(run),
            text.plain(record),
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
    sql, values = f"{_FROM} and s.name = ?", [text.plain(wanted.stage)]
    more: list[object] = [*values]
    if wanted.only_first_faults:
        sql += " and f.first_fault"
    if wanted.only_disagreements:
        sql += " and f.disagreed"
    if wanted.group is not None:
        sql += " and list_contains(f.groups, ?)"
        more.append(text.plain(wanted.group))
    if wanted.among is not None:
        sql += " and r.name in (select unnest(?::varchar[]))"
        more.append([text.plain(name) for name in wanted.among])
    if wanted.text is not None:
        sql += _TEXT
        more.append(text.write(wanted.text).decode()[1:-1])
    return sql, more


def _failure(row: Sequence[object]) -> Failure:
    named = dict(zip(_FIELDS, row, strict=True))
    # The columns have the types of the fields that they were put from.
    return Failure(**{**named, "groups": tuple(named["groups"])})  # pyright: ignore
