"""What reading failures needs of the store: the list, faults, scores, tags, what was seen, what was said of cards."""

from __future__ import annotations

from collections.abc import Sequence

from stagegap.model.failure import Failure, FailurePage, Wanted
from stagegap.model.noticing import OddityEvent
from stagegap.model.reading import Seen, TagEvent
from stagegap.store import failures, noticing, seen, tags
from stagegap.store.attach import Attachment
from stagegap.store.drain import Drainer
from stagegap.store.journal import Journal


class Failing:
    """The part of a store that the Failures page reads and writes; the same errors as `Store`."""

    def __init__(self, journal: Journal, file: Attachment, drainer: Drainer) -> None:
        self._journal = journal
        self._file = file
        self._drainer = drainer

    def put(self, run: str, failed: Sequence[Failure]) -> None:
        """Keep a run's failures in the place of older ones; per stage in the order given. Raises: NotFound."""
        with self._file.writing() as session:
            failures.put(session, run, failed)

    def page(self, run: str, wanted: Wanted, *, after: int = 0) -> FailurePage:
        """At most 200 failures whose place comes after `after`, with the number of all that are wanted."""
        with self._file.reading() as session:
            return failures.page(session, run, wanted, after=after)

    def place(self, run: str, wanted: Wanted, record: str) -> int | None:
        """The place of a record among the wanted ones, None when it is none of them."""
        with self._file.reading() as session:
            return failures.place(session, run, wanted, record)

    def of_record(self, run: str, record: str) -> list[Failure]:
        """The stages at which a record is not acceptable."""
        with self._file.reading() as session:
            return failures.of_record(session, run, record)

    def scores_of(self, run: str, record: str) -> dict[str, float]:
        """The kept scores of a record in the system cell, by stage."""
        with self._file.reading() as session:
            return failures.scores_of(session, run, record)

    def append_tags(self, cascade: str, events: Sequence[TagEvent]) -> None:
        """Make events of tags durable, all or none; the same id again is no second one."""
        if events:
            self._journal.append("tag", [tags.pack(cascade, event) for event in events])
            self._drainer.wake()

    def tags(self, cascade: str, *, stage: str, annotator: str) -> list[TagEvent]:
        """Every event of a person's tags at a stage, in order."""
        with self._file.reading() as session:
            return tags.find(session, self._journal, cascade, stage=stage, annotator=annotator)

    def append_seen(self, cascade: str, event: Seen) -> None:
        """Make durable that a person saw the answers to a record."""
        self._journal.append("seen", [seen.pack(cascade, event)])
        self._drainer.wake()

    def seen(self, cascade: str, annotator: str) -> frozenset[str]:
        """The records of a cascade whose answers that person has seen."""
        with self._file.reading() as session:
            return seen.records(session, self._journal, cascade, annotator)

    def looks(self, cascade: str, record: str | None = None) -> list[Seen]:
        """Every look of somebody at the answers to a record, or to any record of a cascade."""
        with self._file.reading() as session:
            return seen.looks(session, self._journal, cascade, record)

    def append_oddity(self, cascade: str, event: OddityEvent) -> None:
        """Make durable what a person said of a card. Raises: ValueError for a dismissal without a reason."""
        self._journal.append("oddity", [noticing.pack(cascade, event)])
        self._drainer.wake()

    def oddities(self, cascade: str) -> list[OddityEvent]:
        """Everything that people said of cards of a cascade, in order."""
        with self._file.reading() as session:
            return noticing.find(session, self._journal, cascade)
