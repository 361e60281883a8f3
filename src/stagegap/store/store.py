"""The front of the store: what the workspace and the runner call."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast
from weakref import WeakValueDictionary

from stagegap.errors import NotFound, StoreBusy, StoreDamaged, StoreError
from stagegap.model.answer import Label, Output, Task
from stagegap.model.notes import PersonEvent
from stagegap.model.queue import GuidelineVersion, Queue, QueueItem, Sitting
from stagegap.model.record import Record
from stagegap.model.run import Cell, PairPopulation, PastCall, Run, RunStatus, StageSpending
from stagegap.store import attach, calls, care, control, events, labels, outputs, queues, records, rows
from stagegap.store.attach import Attachment, Locks, Session
from stagegap.store.backup import SecondCopies
from stagegap.store.calls import Calls, Claims, past_calls
from stagegap.store.care import Finding, Rebuilt, RecordsImport, Waiting
from stagegap.store.copies import Carrying
from stagegap.store.drain import Drainer
from stagegap.store.failure_pages import Failing
from stagegap.store.fits import FOLDER, Fits
from stagegap.store.journal import Journal, salvaged
from stagegap.store.migrate import Schema
from stagegap.store.records import Origins
from stagegap.store.views import Views

if TYPE_CHECKING:
    from stagegap.model.cascade import Cascade
    from stagegap.people.references import Settled
    from stagegap.store.columns import RunReader
    from stagegap.store.excerpt import Excerpt, Wanted

PATIENCE_S = 5.0
ROWS = "rows of the reference files of "
"""Begins the note of the journal that names them, by cascade."""
MOST_HELD = 100_000
"""Labels whose references are held in memory while nobody reads them."""


class Store:
    """One folder with a DuckDB file that nobody keeps open, and the journal that acknowledges every write.

    Safe for many threads and processes. Every method may raise StoreBusy (a foreign program holds the file),
    StoreDamaged or StoreVersion; `append_outputs` and `append_labels` need the journal only.
    """

    def __init__(
        self, journal: Journal, file: Attachment, drainer: Drainer, schema: Schema, copies: SecondCopies
    ) -> None:
        self._journal = journal
        self._file = file
        self._drainer = drainer
        self._schema = schema
        self._calls = Calls(journal, file, drainer)
        self.together = file.together
        self.failing = Failing(journal, file, drainer)
        self.origins = Origins(file)
        self.carrying = Carrying(journal, file, drainer)
        self.views = Views(journal, file, drainer)
        self.fits = Fits(file.path.parent / FOLDER)
        self._runs: set[str] = set()
        self._copies = copies
        self._copied_runs: set[str] = set()
        self._paid: dict[str, frozenset[str]] = {}
        self._settled: WeakValueDictionary[str, Settled] = WeakValueDictionary()
        self._last_settled: Settled | None = None

    @classmethod
    def open(cls, folder: Path, *, create: bool = True, drain: bool = True, patience_s: float = PATIENCE_S) -> Self:
        """Open the store in `folder`, migrating an older one (a copy is kept beside it).

        With `drain` a background thread moves the journal into the file. Raises: NotFound without `create`.
        """
        store = cls._found(folder.absolute(), create=create, patience_s=patience_s)
        try:
            store._prepare()
        except BaseException:
            store.close()
            raise
        if drain:
            store._drainer.start()
        return store

    @classmethod
    def open_as_found(cls, folder: Path) -> Self:
        """Open a store that may be damaged, to `check` or `rebuild` it: nothing is migrated and nothing drained."""
        return cls._found(folder.absolute(), create=False, patience_s=PATIENCE_S)

    @classmethod
    def _found(cls, folder: Path, *, create: bool, patience_s: float) -> Self:
        path = folder / "store.duckdb"
        try:
            if not create and not path.exists() and not (folder / "journal.sqlite").exists():
                raise NotFound(f"There is no store in {folder}.")
            attach.refuse_network(folder.resolve(), attach.mounts())
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as error:
            raise StoreError(f"{folder} cannot hold a store: {error.strerror}.") from error
        from importlib.metadata import version as installed

        version = installed("stagegap")
        copies = SecondCopies(folder)
        try:
            journal = Journal(folder / "journal.sqlite", app_version=version, clock=time.time, copy=copies.keep)
        except OSError as error:
            raise StoreError(f"{error.filename} can't be written: {error.strerror}.") from error
        schema = Schema(app_version=version)
        file = Attachment(path, Locks(folder), patience_s=patience_s, admit=schema.admit)
        return cls(journal, file, Drainer(journal, file), schema, copies)

    @property
    def folder(self) -> Path:
        """The folder of the file and its journal."""
        return self._file.path.parent

    def close(self) -> None:
        """Join the drain thread and let go of everything; what is not drained yet waits safely in the journal."""
        self._drainer.close()
        self._file.close()
        self._journal.close()
        self._copies.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put_records(self, cascade: str, records_: Sequence[Record]) -> RecordsImport:
        """Take records in; what is there already is compared by content."""
        done = RecordsImport(added=0, changed=0, unchanged=0)
        chunks = [
            records.pack(records_[start : start + records.CHUNK]) for start in range(0, len(records_), records.CHUNK)
        ]
        for chunk in chunks:
            with self._file.writing() as session:
                imported = records.put(session, cascade, chunk)
            done = RecordsImport(
                added=done.added + imported.added,
                changed=done.changed + imported.changed,
                unchanged=done.unchanged + imported.unchanged,
            )
        return replace(done, digest=records.set_digest(chunks))

    def records(self, cascade: str, *, ids: Sequence[str] | None = None) -> list[Record]:
        """The records as they are, in the order in which they were taken in."""
        with self._file.reading() as session:
            return records.find(session, cascade, ids)

    def create_run(self, run: Run) -> Run:
        """Store the run and give it back with its name: v1, v2, ... per cascade."""
        with self._file.writing() as session:
            return control.create(session, run)

    def update_run(self, run: Run) -> None:
        """Store status, end, number of records and error of a run. Raises: NotFound."""
        with self._file.writing() as session:
            control.update(session, run)

    @contextmanager
    def leasing(self, run: Run) -> Generator[attach.Lease]:
        """Work on a run as the only process. Raises: StoreBusy when another one does."""
        with self._file.locks.leasing(run.id) as lease:
            if lease is None:
                raise StoreBusy(
                    f"Run {run.name} is under way in another process; wait until it has ended, or stop it there."
                )
            yield lease

    @contextmanager
    def claiming(self) -> Generator[Claims]:
        """Say which calls a run makes, so that no other makes them at the same time."""
        claims = Claims(self.folder / "lock.calls")
        try:
            yield claims
        finally:
            claims.close()

    def end_killed(self, cascade: str, *, now: float) -> list[Run]:
        """Note the end of runs whose process is gone without having noted it; give them as they are from now on."""
        ended: list[Run] = []
        for run in self.runs(cascade):
            if run.is_gone:
                with self._file.locks.leasing(run.id) as lease:
                    if lease is not None:  # else somebody goes on with it
                        ended.append(replace(run, finished_at=now))
        for run in ended:
            self.update_run(run)
        return ended

    def runs(self, cascade: str | None = None) -> list[Run]:
        """The runs, newest first; those whose process is gone have ended early."""
        return control.current(self._file, cascade)

    def run(self, cascade: str, name: str | None = None) -> Run | None:
        """The run of that name, without a name the newest that is done; None when there is none."""
        runs = self.runs(cascade)
        return next((r for r in runs if (r.status is RunStatus.DONE if name is None else r.name == name)), None)

    def name_paid(self, run: str, stages: Collection[str]) -> None:
        """Say which stages of a run ask paid services, whether or not their answers name a price."""
        self._paid[run] = frozenset(stages)

    def append_outputs(self, run: str, cell: Cell, outputs_: Sequence[Output]) -> None:
        """Make outputs durable; the same answers to the same run and cell again are no second ones.

        Of answers that were paid for a second copy is written first.
        Raises: NotFound for an unknown run, ValueError for what cannot be stored (NaN, an infinity).
        """
        paid = self._paid.get(run, ())
        bought = [o for o in outputs_ if o.key and not o.cached and (o.is_priced or o.stage in paid)]
        if bought:
            copied = {id(output) for output in bought}
            self._append(run, cell, bought, is_paid=True)
            outputs_ = [output for output in outputs_ if id(output) not in copied]
        self._append(run, cell, outputs_)

    def _append(self, run: str, cell: Cell, outputs_: Sequence[Output], *, is_paid: bool = False) -> None:
        if run not in self._runs:
            with self._file.reading() as session:
                control.identify(session, run)
            self._runs.add(run)
        for group in rows.groups(outputs_):
            apart: list[tuple[str, bytes]] = []
            op_id, body = rows.pack(run, cell, group, partial(self._file.texts.put, kept=apart))
            if is_paid:
                first = None if run in self._copied_runs else self._known(run)
                self._copies.keep("batch", [(op_id, body)], run=first, texts=apart)
                self._copied_runs.add(run)
            with self._calls.writing(op_id, [o.key for o in group if o.key and o.status in outputs.CACHEABLE]):
                self._journal.append("batch", [(op_id, body)])
            self._drainer.wake(len(body))

    def _known(self, run: str) -> Run:
        with self._file.reading() as session:
            return control.find(session, key=run)[0]

    def reference_rows(self, cascade: str) -> frozenset[str]:
        """Ids of the labels that came from the reference files of a cascade."""
        return frozenset(cast("list[str]", rows.read(self._journal.note(f"{ROWS}{cascade}") or "[]")))

    def put_reference_rows(self, cascade: str, ids: Collection[str]) -> None:
        """Note which labels came from the reference files of a cascade."""
        self._journal.put_note(f"{ROWS}{cascade}", rows.write(sorted(ids)).decode())

    def append_labels(self, cascade: str, labels_: Sequence[Label]) -> None:
        """Make labels durable, all or none; the same id again is no second label.

        Raises: ConfigurationError for an id under which this cascade has another answer.
        """
        if labels_:
            labels.refuse_taken(self._journal, cascade, labels_)
            self._journal.append("label", [labels.pack(cascade, label) for label in labels_])
            self._drainer.wake()

    def outputs(self, run: str, cell: Cell, stage: str | None, *, records: Sequence[str] | None = None) -> list[Output]:
        """The newest output of each record and repeat at a stage, or at all of them, in the order of the records."""
        with self._drained() if self._journal.holds_answers() else self._file.reading() as session:
            return outputs.find(session, run, cell, stage, records)

    def excerpt(self, wanted: Wanted, ids: Sequence[str]) -> Excerpt:
        """The records of these ids that a run scores, with their outputs, and counts of all. Raises: NotFound."""
        from stagegap.store import excerpt

        def names(places: Sequence[int]) -> Sequence[str]:
            with self._file.reading() as session:
                return excerpt.names(session, wanted, places)

        with self._drained() as session:
            return excerpt.excerpt(session, wanted, ids, names)

    def pair(self, before: Wanted, after: Wanted) -> PairPopulation:
        """How the outputs of two runs compare, over all records. Raises: NotFound."""
        from stagegap.store import excerpt

        with self._drained() as session:
            return excerpt.pair(session, before, after)

    def past_calls(self, runs: Sequence[str], stage: str) -> list[PastCall]:
        """The newest calls of a stage in these runs that were made and answered, at most 1,000."""
        with self._drained() as session:
            return past_calls(session, runs, stage)

    def spent(self, cascade: str) -> dict[str, float]:
        """US dollars by run, of all calls that were made for it."""
        with self._drained() as session:
            return calls.spent(session, cascade)

    def spent_by_stage(self, runs: Sequence[str]) -> dict[tuple[str, str], StageSpending]:
        """What the system's answers cost and took when they were made, by id of the run and stage."""
        with self._drained() as session:
            return calls.by_stage(session, runs)

    def cells(self, run: str) -> list[Cell]:
        """The cells that a run has outputs in."""
        with self._drained() as session:
            return outputs.cells(session, run)

    def cached(self, keys: Sequence[str]) -> dict[str, Output]:
        """The newest answer to each of these calls, over all runs and cells; failures to answer are no answer.

        Of whose record and stage they are is not said.
        """
        places = self._calls.places(keys) if keys else {}
        if not places:
            return {}
        with self._file.reading() as session:
            return outputs.at(session, places)

    def labels(
        self,
        cascade: str,
        *,
        stage: str | None = None,
        annotator: str | None = None,
        record: str | None = None,
        task: Task | None = "produce",
    ) -> list[Label]:
        """Every label of a task ever made, in order: by default answers to a stage's question, with None all."""
        with self._file.reading() as session:
            return labels.find(
                session, self._journal, cascade, stage=stage, annotator=annotator, record=record, task=task
            )

    def settled(self, cascade: Cascade) -> Settled:
        """What all labels of a cascade settle: read by figures and by SQL alike, and redone when labels have come."""
        from stagegap.people.references import Settled

        known = self._settled.get(cascade.name)
        if known is None or len(known.labels) != self.label_count(cascade.name):
            known = Settled(self.labels(cascade.name), cascade)
        elif not known.is_of(cascade):
            known = Settled(known.labels, cascade)
        self._settled[cascade.name] = known
        self._last_settled = known if len(known.labels) <= MOST_HELD else None
        return known

    def append_people(self, cascade: str, event: PersonEvent) -> None:
        """Make durable who has stopped, come back, or was asked to answer a queue."""
        self._journal.append("person", [events.PEOPLE.pack(cascade, event)])
        self._drainer.wake()

    def people(self, cascade: str) -> list[PersonEvent]:
        """Every such event of a cascade, in order."""
        with self._file.reading() as session:
            return events.PEOPLE.find(session, self._journal, cascade=cascade)

    def label_count(self, cascade: str) -> int:
        """Count every answer to a stage's question ever given."""
        with self._file.reading() as session:
            return labels.count(session, self._journal, cascade)

    def put_fact(self, run: str, name: str, body: str) -> None:
        """Keep a fact of a run as JSON text, in the place of an older one. Raises: NotFound."""
        with self._file.writing() as session:
            control.put_fact(session, run, name, body)

    def fact(self, run: str, name: str) -> str | None:
        """A fact of a run as JSON text; None where it was never written."""
        with self._file.reading() as session:
            return control.fact(session, run, name)

    def put_scores(self, run: str, cell: Cell, scores: Mapping[tuple[str, str], Mapping[str, float]]) -> None:
        """Keep scores by stage and metric; a record with NaN is absent. Raises: NotFound, ValueError."""
        with self._file.writing() as session:
            control.put_scores(session, run, cell, scores)

    def scores(self, run: str, cell: Cell, stage: str, metric: str) -> dict[str, float]:
        """The kept scores by record."""
        with self._file.reading() as session:
            return control.scores(session, run, cell, stage=stage, metric=metric)

    @contextmanager
    def screening(self, run: str, *, with_contents: bool = True) -> Generator[RunReader]:
        """Read the columns of a run while the block lasts; writers wait. Raises: NotFound."""
        from stagegap.store.columns import RunReader, Shelf

        shelf = Shelf(self._file.path.parent)
        with self._drained() as session, session.sparing():
            yield RunReader(session, run, shelf=shelf, with_contents=with_contents)

    def create_queue(self, queue: Queue, items: Sequence[QueueItem]) -> None:
        """Store a sample for people to label. Raises: StoreError when its id is taken."""
        with self._file.writing() as session:
            queues.create(session, queue, items)

    def queues(self, cascade: str, stage: str | None = None) -> list[Queue]:
        """The queues of a cascade, oldest first."""
        with self._file.reading() as session:
            return queues.find(session, cascade, stage)

    def queue_ids(self, cascade: str) -> list[str]:
        """The ids of the queues of a cascade, oldest first."""
        with self._file.reading() as session:
            return queues.names(session, cascade)

    def sitting(self, queue: str, annotator: str, limit: int, readers: Sequence[str] = ()) -> Sitting:
        """Where that person is in the queue, with the next items, skipped ones last. Raises: NotFound.

        `readers` are the stages that read this one: who was asked there about a record has seen this one's answer.
        """
        with self._file.reading() as session:
            return queues.sitting(session, self._journal, queue, annotator, limit, readers)

    def queue_items(self, queue: str, annotator: str, limit: int) -> Sequence[QueueItem]:
        """The next items for that person, skipped ones last. Raises: NotFound."""
        return self.sitting(queue, annotator, limit).items

    def queue_items_of(self, queue: str, records_: Sequence[str]) -> list[QueueItem]:
        """The items of these records; a record that is not in the queue is left out."""
        with self._file.reading() as session:
            return queues.items_of(session, queue, records_)

    def put_guideline(self, cascade: str, stage: str, version: GuidelineVersion) -> None:
        """Keep the text of a guideline's version; a version is kept once."""
        with self._file.writing() as session:
            labels.put_guideline(session, cascade, stage, version)

    def guidelines(self, cascade: str, stage: str) -> list[GuidelineVersion]:
        """Every version of a stage's guideline, oldest first."""
        with self._file.reading() as session:
            return labels.guideline_versions(session, cascade, stage)

    def check(self) -> list[Finding]:
        """Look at everything that can be wrong with the store, and say also what is right."""
        return care.check(self._file, self._journal, self._copies, self._drainer.drain_all)

    def rebuild(self) -> Rebuilt:
        """Make a new file from the old one (kept beside), the journal and the second copies. Raises: StoreNewer."""
        rebuilt = care.rebuild(self._file, self._journal, self._schema, self._copies)
        self._drainer.drain_all()
        return rebuilt

    @classmethod
    def mend_journal(cls, folder: Path) -> Path | None:
        """Put a new journal in the place of one that is damaged in its structure, and give where that is kept.

        The new one gets what can be read of it row by row, what people did from the file, and the second copies.
        """
        path = folder / "journal.sqlite"
        kept = care.set_journal_aside(path) if path.exists() else None
        if kept is not None:
            with cls.open(folder, drain=False) as store:
                for kind, op_id, body in salvaged(kept):
                    store._journal.append(kind, [(op_id, body)])
                store._drainer.drain_all()
        return kept

    def waiting(self) -> Waiting:
        """Say what is acknowledged and not yet in the file."""
        with self._file.reading() as session:
            done = events.applied(session)
        ops, since = self._journal.waiting(done)
        return Waiting(ops=ops, since=since)

    def export(self, folder: Path) -> list[Path]:
        """Write every table as Parquet."""
        folder.mkdir(parents=True, exist_ok=True)
        with self._drained() as session:
            return care.export(session, folder)

    @contextmanager
    def _drained(self) -> Generator[Session]:
        """The file with everything in it that is acknowledged, to be read."""
        self._drainer.drain_all()
        with self._file.reading() as session:
            yield session

    def _prepare(self) -> None:
        """Create or migrate the file, and see that file and journal belong together.

        A file that a foreign program holds is looked at when it is first needed: labels can be written meanwhile.
        """
        if not self._file.path.exists():
            with self._file.locks.exclusive():
                if not self._file.path.exists():
                    if self._journal.note("paired"):
                        raise StoreDamaged(care.gone(self._file.path, self._journal, self._copies))
                    self._schema.create(self._file, journal=self._journal.id)
        try:
            self._schema.bring_up(self._file)
            care.pair(self._file, self._journal, self._copies)
            if not self._journal.note("sealed"):
                care.seal(self._file, self._journal, self._copies)
                self._journal.put_note("sealed", "yes")
        except StoreBusy:
            if not self._journal.note("paired"):
                raise
