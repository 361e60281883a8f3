"""Views with what they rest on: one row for each question asked of a run or of a cascade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stagegap.errors import NotFound
from stagegap.store import labels
from stagegap.store import rows as json_text
from stagegap.store.attach import Attachment, Session
from stagegap.store.drain import Drainer
from stagegap.store.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What views of a cascade rest on, as short texts and counts that change with whatever is added."""

    runs: Mapping[str, str]
    """By id of the run: its batches of outputs, those of mixtures with another run and of people aside."""
    records: int
    """Versions of its records."""
    labels: int
    judgements: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredView:
    """A view as the store holds it."""

    body: str
    """JSON text."""
    rests_on: str
    labels: int
    """Labels that there were when it was made."""


class Views:
    """The part of a store that keeps views; the same errors as `Store`."""

    def __init__(self, journal: Journal, file: Attachment, drainer: Drainer) -> None:
        self._journal = journal
        self._file = file
        self._drainer = drainer

    def marks(self, cascade: str) -> Marks:
        """What all views of a cascade rest on as it stands."""
        self._drainer.drain_all()
        with self._file.reading() as session:
            return Marks(
                runs=_runs(session, cascade),
                records=_versions(session, cascade),
                labels=labels.count(session, self._journal, cascade),
                judgements=labels.count(session, self._journal, cascade, of_outputs=True),
            )

    def put(self, cascade: str, run: str | None, name: str, view: StoredView) -> None:
        """Keep a view in the place of an older one. Raises: NotFound for an unknown cascade or run."""
        with self._file.writing() as session:
            places = session.rows(
                "select c.id, r.id from cascade c left join run r on r.cascade = c.id and r.key = ?::uuid"
                " where c.name = ?",
                run,
                json_text.plain(cascade),
            )
            if not places or (run is not None and places[0][1] is None):
                raise NotFound(f"The store knows no run {run!r} of a cascade {cascade!r}.")
            place = (*places[0], json_text.plain(name))
            with session.transaction():
                session.run(
                    "delete from kept_view where cascade = ? and run is not distinct from ?::usmallint and name = ?",
                    *place,
                )
                session.run(
                    "insert into kept_view values (?, ?, ?, ?, ?, ?)",
                    *place, view.rests_on, view.labels, json_text.plain(view.body),
                )  # fmt: skip

    def find(self, cascade: str, run: str | None, name: str) -> StoredView | None:
        """The view of that name; None where none is kept."""
        with self._file.reading() as session:
            rows = session.rows(
                "select body, rests_on, labels from kept_view where name = ?"
                " and cascade = (select id from cascade where name = ?)"
                " and (run = (select id from run where key = ?::uuid) or (run is null and ?::uuid is null))",
                json_text.plain(name), json_text.plain(cascade), run, run,
            )  # fmt: skip
        return _stored(*rows[0]) if rows else None

    def of_runs(self, cascade: str, name: str) -> dict[str, StoredView]:
        """The views of that name of all runs of a cascade, by id of the run."""
        with self._file.reading() as session:
            rows = session.rows(
                "select replace(r.key::varchar, '-', ''), v.body, v.rests_on, v.labels"
                " from kept_view v join run r on r.id = v.run"
                " where v.name = ? and v.cascade = (select id from cascade where name = ?)",
                json_text.plain(name), json_text.plain(cascade),
            )  # fmt: skip
        return {run: _stored(*rest) for run, *rest in rows}


def _stored(body: str, rests_on: str, counted: int) -> StoredView:
    return StoredView(body=body, rests_on=rests_on, labels=counted)


def _versions(session: Session, cascade: str) -> int:
    """How many versions of records a cascade has; counted without a look at each where no other has any."""
    own = "(select id from cascade where name = ?)"
    whole, alone = session.rows(
        f"""select (select count(*) from record_version), coalesce(min(cascade) = {own} and max(cascade) = {own}, false)
        from record""",
        *[json_text.plain(cascade)] * 2,
    )[0]
    if alone:
        return whole
    query = f"select count(*) from record_version v semi join (from record where cascade = {own}) r on r.id = v.record"
    return session.rows(query, json_text.plain(cascade))[0][0]


def _runs(session: Session, cascade: str) -> dict[str, str]:
    """The mark of each run: it only grows, and a rebuilt file has other ones."""
    rows = session.rows(
        """select replace(r.key::varchar, '-', ''), count(b.seq), coalesce(max(b.seq), 0)
        from run r left join (
            select a.run, a.seq from batch_applied a left join cell c on c.id = a.cell
            where not coalesce(starts_with(c.name, 'person:') or starts_with(c.name, 'version@'), false)
        ) b on b.run = r.id
        where r.cascade = (select id from cascade where name = ?) group by r.key""",
        json_text.plain(cascade),
    )
    return {run: f"{batches}.{newest}" for run, batches, newest in rows}
