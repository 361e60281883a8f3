"""Runs, records, views and scores: the control plane, written under the exclusive lock in chunks, and what a view
rests on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from stagegap import redaction
from stagegap.errors import NotFound, near_names
from stagegap.model.run import KILLED, Cell, Run, RunStatus
from stagegap.model.wording import listed
from stagegap.store import rows as json_text
from stagegap.store.attach import Attachment, Session

CHUNK = 50_000
"""Scores that are handed to DuckDB at once: memory does not grow with the run."""
_FIELDS = (
    "replace(r.key::varchar, '-', ''), r.name, c.name, r.fingerprint, r.resolved, r.status, r.started_at,"
    " r.finished_at, r.records, r.who, r.git_commit, r.seed, r.error"
)


def current(file: Attachment, cascade: str | None) -> list[Run]:
    """The runs, newest first; those whose process is gone have ended early."""
    with file.reading() as session:
        runs = find(session, cascade=cascade)
    left = {run.id for run in runs if run.status is RunStatus.RUNNING and not file.locks.is_leased(run.id)}
    if not left:
        return runs
    # A run notes its end before it lets go of its lease: one that has let go and noted nothing is gone.
    with file.reading() as session:
        runs = find(session, cascade=cascade)
    return [_gone(run, file) if run.id in left and run.status is RunStatus.RUNNING else run for run in runs]


def _gone(run: Run, file: Attachment) -> Run:
    places = file.locks.last_asked(run.id)
    at = [f"{place.stage!r} ({place.records})" for place in places]
    where = f" while it was at {listed(at)}" if at else ""
    local = [repr(place.stage) for place in places if place.could_travel]
    error = f"{KILLED}{where}."
    if local:
        error += f" If code of {listed(local)} ended it: `stagegap run --engine processes:2` loses one record instead."
    return replace(run, status=RunStatus.STOPPED, error=error)


def intern(session: Session, table: str, name: str) -> int:
    """The id of a name in a table of names, a new one where there is none."""
    plain = json_text.plain(name)
    session.run(
        f"insert into {table} select (select coalesce(max(id), 0) + 1 from {table}), ?"
        f" where not exists (from {table} where name = ?)",
        plain,
        plain,
    )
    return session.rows(f"select id from {table} where name = ?", plain)[0][0]


def intern_stage(session: Session, cascade: int, name: str) -> int:
    """The id of a cascade's stage, a new one where there is none."""
    plain = json_text.plain(name)
    session.run(
        "insert into stage select (select coalesce(max(id), 0) + 1 from stage), ?, ?"
        " where not exists (from stage where cascade = ? and name = ?)",
        cascade,
        plain,
        cascade,
        plain,
    )
    return session.rows("select id from stage where cascade = ? and name = ?", cascade, plain)[0][0]


def create(session: Session, run: Run) -> Run:
    """Store the run under its next name; a run that is there already is given back as it is."""
    existing = find(session, key=run.id)
    if existing:
        return existing[0]
    with session.transaction():
        cascade = intern(session, "cascade", run.cascade)
        number, key = session.rows(
            "select count(*) filter (cascade = ?) + 1, coalesce(max(id), 0) + 1 from run", cascade
        )[0]
        session.run(
            "insert into run values (?, ?::uuid, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            key, run.id, cascade, f"v{number}", run.fingerprint, run.resolved, run.status.value, run.started_at,
            run.finished_at, run.records, run.who, run.commit, run.seed, json_text.plain(redaction.words(run.error)),
        )  # fmt: skip
    return find(session, key=run.id)[0]


def put_back(session: Session, run: Run, error: str) -> int:
    """Store a run again that the file does not know any more, as one that ended early; 1 when it was one."""
    if find(session, key=run.id):
        return 0
    created = create(session, replace(run, status=RunStatus.STOPPED, error=error))
    is_free = all(other.name != run.name for other in find(session, cascade=run.cascade) if other.id != run.id)
    if is_free and created.name != run.name:
        session.run("update run set name = ? where id = ?", run.name, identify(session, run.id)[0])
    return 1


def update(session: Session, run: Run) -> None:
    """Store where the run stands. Raises: NotFound."""
    key = identify(session, run.id)[0]
    session.run(
        "update run set status = ?, finished_at = ?, records = ?, error = ? where id = ?",
        run.status.value, run.finished_at, run.records, json_text.plain(redaction.words(run.error)), key,
    )  # fmt: skip


def find(session: Session, *, cascade: str | None = None, key: str | None = None) -> list[Run]:
    """The runs, newest first."""
    rows = session.rows(
        f"select {_FIELDS} from run r join cascade c on c.id = r.cascade"
        " where (?::varchar is null or c.name = ?) and (?::varchar is null or r.key = ?::uuid) order by r.id desc",
        cascade, cascade, key, key,
    )  # fmt: skip
    return [_run(row) for row in rows]


def identify(session: Session, run: str) -> tuple[int, int]:
    """The run's and its cascade's integer ids. Raises: NotFound."""
    rows = session.rows("select id, cascade from run where replace(key::varchar, '-', '') = ?", json_text.plain(run))
    if not rows:
        known = [row[0] for row in session.rows("select replace(key::varchar, '-', '') from run")]
        raise NotFound(f"The store knows no run with the id {run!r}. {near_names(run, known)}".strip())
    return rows[0]


def put_fact(session: Session, run: str, name: str, body: str) -> None:
    """Replace a fact of a run: what it was told, what it rests on, what was tried with it."""
    key = identify(session, run)[0]
    with session.transaction():
        session.run("delete from run_view where run = ? and name = ?", key, name)
        session.run("insert into run_view values (?, ?, 0, ?)", key, name, json_text.plain(body))


def fact(session: Session, run: str, name: str) -> str | None:
    """A fact's JSON text; None where it was never written."""
    rows = session.rows(
        "select body from run_view where name = ? and run = (select id from run where key = ?::uuid)", name, run
    )
    return rows[0][0] if rows else None


def facts_of_runs_with_outputs(session: Session, cascade: str, name: str, limit: int) -> list[tuple[str, str]]:
    """The facts of that name of a cascade's newest runs that have any output: id of the run, JSON text."""
    return session.rows(
        "select replace(r.key::varchar, '-', ''), v.body from run_view v join run r on r.id = v.run"
        " join cascade c on c.id = r.cascade where v.name = ? and c.name = ?"
        " and r.id in (select run from batch_applied) order by r.id desc limit ?",
        name, json_text.plain(cascade), limit,
    )  # fmt: skip


def put_scores(session: Session, run: str, cell: Cell, scores: Mapping[tuple[str, str], Mapping[str, float]]) -> None:
    """Store scores by stage and metric, in the place of older ones of the same records; NaN takes the older one away.

    Raises: NotFound for an unknown run or record, ValueError for an infinity.
    """
    if any(math.isinf(score) for by_record in scores.values() for score in by_record.values()):
        raise ValueError("an infinite score cannot be stored")
    key, cascade = identify(session, run)
    with session.transaction():
        of_cell = (key, intern(session, "cell", str(cell)))
        places = [(intern_stage(session, cascade, s), intern(session, "metric", m)) for s, m in scores]
        rows = [
            (*place, name, value)
            for place, by_record in zip(places, scores.values(), strict=True)
            for name, value in by_record.items()
        ]
        look_up(session, cascade, {name for by_record in scores.values() for name in by_record})
        missing = sum(
            _put_scores(session, of_cell, rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)
        )
        if missing:
            raise NotFound(f"{missing} of {len(rows)} scores are for records that the store does not know.")


def _put_scores(session: Session, of_cell: tuple[int, int], rows: Sequence[tuple[int, int, str, float]]) -> int:
    """Store some scores (stage, metric, record, value); give the number of those that are for unknown records.

    Records are found in the table `named`.
    """
    stages, metrics, names, values = zip(*rows, strict=True)
    session.run(
        """create or replace temp table scored as select s.stage, s.metric, r.id as record, s.value from
        (select unnest(?::usmallint[]) as stage, unnest(?::usmallint[]) as metric,
            unnest(from_json_strict(?::varchar, '["VARCHAR"]')) as name,
            unnest(from_json_strict(?::varchar, '["DOUBLE"]')) as value) s
        join named r on r.name = s.name""",
        list(stages), list(metrics), json_text.write(list(names)).decode(), json_text.write(list(values)).decode(),
    )  # fmt: skip
    session.run(
        """delete from score o using scored s
        where o.run = ? and o.cell = ? and o.stage = s.stage and o.metric = s.metric and o.record = s.record""",
        *of_cell,
    )
    session.run(
        """insert into score (run, cell, stage, metric, record, value)
        select ?, ?, stage, metric, record, value from scored where value is not null order by stage, metric, record""",
        *of_cell,
    )
    return len(rows) - session.rows("select count(*) from scored")[0][0]


def look_up(session: Session, cascade: int, ids: Iterable[str]) -> None:
    """Fill the table `named` with these records (id, name): first from those with labels, then from all if need be."""
    session.run(
        """create or replace temp table asked as
        select distinct unnest(from_json_strict(?::varchar, '["VARCHAR"]')) as name""",
        json_text.write(list(ids)).decode(),
    )
    chosen = f"select id, name from record semi join asked using (name) where cascade = {cascade}"
    session.run(f"create or replace temp table named as {chosen} and id in (select record from label)")
    if session.rows("select exists (from asked anti join named using (name))")[0][0]:
        session.run(f"insert into named {chosen} and id not in (select id from named)")


def scores(session: Session, run: str, cell: Cell, *, stage: str, metric: str) -> dict[str, float]:
    """The stored scores by record, in the order in which records were taken in."""
    rows = session.rows(
        """select r.name, s.value from score s join record r on r.id = s.record
        where s.run = (select id from run where key = ?::uuid) and s.cell = (select id from cell where name = ?)
            and s.stage in (select id from stage where name = ?) and s.metric = (select id from metric where name = ?)
        order by s.record""",
        run, str(cell), json_text.plain(stage), json_text.plain(metric),
    )  # fmt: skip
    return dict(rows)


def _run(row: Sequence[Any]) -> Run:
    key, name, cascade, fingerprint, resolved, status, started, finished, records, who, commit, seed, error = row
    return Run(
        id=key,
        name=name,
        cascade=cascade,
        fingerprint=fingerprint,
        resolved=resolved,
        status=RunStatus(status),
        started_at=started,
        finished_at=finished,
        records=records,
        who=who,
        commit=commit,
        seed=seed,
        error=error,
    )
