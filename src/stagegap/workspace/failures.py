"""Reading failures: the list, one record in full, the codes that a person put on them, and what they have seen."""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stagegap.analysis.failures import Confusion, confusion
from stagegap.analysis.record_view import RecordView, Shown, record_view
from stagegap.analysis.views import Scorecard
from stagegap.errors import ConfigurationError, InputError
from stagegap.model.answer import Label, Output, Reference, Status
from stagegap.model.cascade import Cascade, CascadeFile, Kind
from stagegap.model.media import FieldKind, Media, picture_in
from stagegap.model.notes import Failure, FailurePage, Seen, Wanted
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM, Run
from stagegap.model.units import Levels, record_of
from stagegap.people.codebook import CodeTally, OwnCodes, code_event, code_tally, codebook
from stagegap.people.histories import told_since
from stagegap.people.references import settle, with_units
from stagegap.people.roster import OpenRecords, assignments, retired, standing
from stagegap.stages.attachments import in_words
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.provenance import Flow, outputs_of_records

if TYPE_CHECKING:  # What makes runs is imported where a record is opened.
    from stagegap.stages.corpus import Corpus
    from stagegap.stages.templates import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTally:
    """A person's codes at a stage, counted, and which record carries which."""

    tally: CodeTally
    own: OwnCodes


MOST_TEXT = 2_000
"""Characters of a document that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What a run's records are shown with: its cascade, prompts as they were, and documents as they are."""

    cascade: Cascade
    prompts: Mapping[str, Prompt]
    """Of the stages that ask a model; those that were not kept are left out."""
    corpora: Mapping[str, Corpus]
    documents: Mapping[str, Mapping[str, Shown]]

    def prompts_of(self, record: Record, outputs: Mapping[str, Output]) -> dict[str, str]:
        """What each stage that was called was sent for a record, or why that can't be said."""
        from stagegap.runner import seen_inputs
        from stagegap.stages.templates import PromptError

        texts: dict[str, str] = {}
        levels = Levels.of(self.cascade)
        for name, prompt in self.prompts.items():
            if levels.depth(name):
                continue  # each of its units was sent a prompt of its own
            stage, output = self.cascade.stage(name), outputs.get(name)
            is_called = output is not None and output.status not in (Status.SKIPPED, Status.BLOCKED)
            if is_called and all(parent in outputs for parent in stage.parents):
                try:
                    texts[name] = prompt.fill(in_words(seen_inputs(self.cascade, stage, record, outputs, self.corpora)))
                except (PromptError, KeyError) as error:
                    texts[name] = f"It can't be made again: {error}"
        return texts


def showing(base: Foundation, run: Run) -> Showing:
    """What the records of a run are shown with. Raises: SpecError."""
    from stagegap.runner import read_corpora

    file = base.files.of_run(run)
    try:
        corpora = read_corpora(file)
    except InputError:  # a corpus that is gone or spoilt since: ids stand for its documents
        corpora = {}
    return Showing(
        cascade=file.cascade,
        prompts=_prompts(base, run, file),
        corpora=corpora,
        documents={
            name: {
                document.id: Shown(id=document.id, title=document.title, text=document.text[:MOST_TEXT])
                for document in corpus.documents.values()
            }
            for name, corpus in corpora.items()
        },
    )


def _prompts(base: Foundation, run: Run, file: CascadeFile) -> dict[str, Prompt]:
    from stagegap.stages.templates import Prompt
    from stagegap.workspace import provenance

    made_from = provenance.read(base.store, run.id)
    if made_from is None:
        return {}
    digests = {source.path: source.digest for source in made_from.sources if source.role == "prompt"}
    texts = base.store.origins.texts(list(digests.values()))
    prompts: dict[str, Prompt] = {}
    for stage in file.cascade.stages:
        path = stage.parameters.get("prompt")
        digest = digests.get(os.path.relpath(str(path), file.folder)) if path is not None else None
        if digest in texts:
            with suppress(ConfigurationError):  # a template of an earlier time that is none today
                prompts[stage.name] = Prompt(stage, path=Path(str(path)), text=texts[digest])
    return prompts


class Failures:
    """What the Failures page asks for; a run is named as on screen, `v3`."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._store = base.store
        self._shows: dict[str, Showing] = {}

    def page(self, cascade: str, run: str, wanted: Wanted, *, after: int = 0) -> FailurePage:
        """At most 200 failures of a stage, those after a place, most typical first."""
        return self._store.failing.page(self._base.run(cascade, run).id, wanted, after=after)

    def place(self, cascade: str, run: str, wanted: Wanted, record: str) -> int | None:
        """The place of a record in a list, None when it is not in it."""
        return self._store.failing.place(self._base.run(cascade, run).id, wanted, record)

    def record(self, cascade: str, run: str, record: str) -> RecordView | None:
        """One record stage by stage; None when the run does not have it."""
        return self._viewed(self._base.run(cascade, run), [record], is_judged=True).get(record)

    def as_they_flowed(self, run: Run, records: Sequence[str]) -> dict[str, RecordView]:
        """Those of the records that a run has, without what anybody holds to be right: whoever reads judges alone."""
        return self._viewed(run, records, is_judged=False)

    def _viewed(self, run: Run, names: Sequence[str], *, is_judged: bool) -> dict[str, RecordView]:
        show = self.shows(run)
        records = self._store.records(run.cascade, ids=names)
        flows = outputs_of_records(self._store, run, show.cascade, records) if records else {}
        return {own.id: self._view(run, own, flows[own.id], is_judged=is_judged) for own in records if flows[own.id][0]}

    def _view(self, run: Run, own: Record, flow: Flow, *, is_judged: bool) -> RecordView:
        (outputs, units), show, failing = flow, self.shows(run), self._store.failing
        references: Mapping[tuple[str, str], Reference] = self._references(show.cascade, own) if is_judged else {}
        return record_view(
            own,
            show.cascade,
            outputs=outputs,
            units=units,
            references={stage: reference for (name, stage), reference in references.items() if name == own.id},
            faults={failure.stage: failure for failure in failing.of_record(run.id, own.id)} if is_judged else {},
            scores=failing.scores_of(run.id, own.id) if is_judged else {},
            prompts=show.prompts_of(own, outputs),
            documents=show.documents,
            run=run.name,
        )

    def shows(self, run: Run) -> Showing:
        """What the records of a run are shown with, read once. Raises: SpecError."""
        if run.id not in self._shows:
            self._shows[run.id] = showing(self._base, run)
        return self._shows[run.id]

    def _references(self, cascade: Cascade, record: Record) -> Mapping[tuple[str, str], Reference]:
        """The references of a record, with what those of its units are together."""
        levels = Levels.of(cascade)
        labels = list(self._store.labels(cascade.name, record=record.id))
        for stage in cascade.names:
            of_units = self._store.labels(cascade.name, stage=stage) if levels.depth(stage) else ()
            labels += [label for label in of_units if record_of(levels, stage, label.record) == record.id]
        settled = {(reference.record, reference.stage): reference for reference in settle(labels, cascade)}
        return with_units(settled, cascade, [record])

    def pictures(self, cascade: str, records: Collection[str]) -> dict[str, Media]:
        """The first picture or document of each record that holds one; without such fields no record is read."""
        shape = self._shape(cascade)
        if shape is None or not {FieldKind.IMAGE, FieldKind.PDF} & set(shape.fields.values()):
            return {}
        files = {record.id: picture_in(record.fields) for record in self._store.records(cascade, ids=[*records])}
        return {record: file for record, file in files.items() if file is not None}

    def confusion(self, cascade: str, run: str, stage: str) -> Confusion | None:
        """What a label stage took for what in a run; None for a stage of another type."""
        stored = self._base.run(cascade, run)
        file = self._base.files.of_run(stored).cascade
        if file.stage(stage).output.kind is not Kind.LABEL or Levels.of(file).depth(stage):
            return None
        outputs = {o.record: o for o in self._store.outputs(stored.id, SYSTEM, stage) if o.repeat == 0}
        return confusion(file.stage(stage), outputs, self._store.settled(file).fair)

    def waiting(self, cascade: str, record: str, viewer: str) -> tuple[str, ...]:
        """The stages at which a person is still to label a record, in queues that the person works in."""
        return self.still_to_label(cascade, [record], viewer).get(record, ())

    def still_to_label(self, cascade: str, records: Sequence[str], viewer: str) -> Mapping[str, tuple[str, ...]]:
        """The same of several records; those that do not wait are left out."""
        labels = self._store.labels(cascade, annotator=viewer)
        mine = assignments(self._store.people(cascade)).get(viewer, {})
        stages = {queue.id: queue.stage for queue in self._store.queues(cascade)} if mine else {}
        asked = {queue: stages[queue] for queue in mine if queue in stages}
        if not labels and not asked:
            return {}
        return self._open(cascade, viewer, labels, records, self._shape(cascade), asked=asked)

    def open_records(self, cascade: str, records: Collection[str]) -> OpenRecords:
        """Those of the records that people who are still active have yet to answer, by person.

        What is sent around can't know who reads it, so these have no place in it. They count in queues that a person
        works in or was asked to answer.
        """
        labels: dict[str, list[Label]] = {}
        for label in self._store.labels(cascade):
            labels.setdefault(label.annotator, []).append(label)
        events = self._store.people(cascade)
        stopped, asked = retired(events), assignments(events)
        stages = {queue.id: queue.stage for queue in self._store.queues(cascade)}
        wanted, shape, now = sorted(records), self._shape(cascade), self._base.clock()
        people: dict[str, frozenset[str]] = {}
        for person in {**labels, **asked}:
            own = labels.get(person, [])
            mine = {queue: stages[queue] for queue in asked.get(person, {}) if queue in stages}
            has_to_do = any(self._store.sitting(queue, person, 0).progress.left for queue in mine)
            if standing(own, is_retired=person in stopped, has_to_do=has_to_do, now=now) == "active":
                people[person] = frozenset(self._open(cascade, person, own, wanted, shape, asked=mine))
        return OpenRecords(people={person: own for person, own in people.items() if own})

    def reveal(self, cascade: str, run: str, visible: OpenRecords) -> None:
        """Note that people are no longer blind to records that are sent around: their queues leave these out."""
        key, at = self._base.run(cascade, run).id, self._base.clock()
        looks = [
            Seen(id=uuid.uuid4().hex, record=record, annotator=person, at=at, run=key)
            for person, records in sorted(visible.people.items())
            for record in sorted(records)
        ]
        self._store.failing.append_seen(cascade, *looks)

    def _shape(self, cascade: str) -> Cascade | None:
        """The cascade as it was run last: which stage shows which answers; None before a run."""
        run = self._store.run(cascade)
        return self._base.files.of_run(run).cascade if run else None

    def _open(
        self,
        cascade: str,
        viewer: str,
        labels: Sequence[Label],
        records: Sequence[str],
        shape: Cascade | None,
        *,
        asked: Mapping[str, str],
    ) -> dict[str, tuple[str, ...]]:
        """The records that a person is still to label, each with its stages; `labels` are that person's.

        `asked` are the queues that they were asked to answer, with their stages. A record whose answer a later stage
        showed them does not wait: it is not offered.
        """
        queues = dict(asked)
        done: set[tuple[str, str]] = set()
        for label in labels:
            if label.action == "adjudicate":
                continue
            if label.queue:
                queues[label.queue] = label.stage
            (done.add if label.action == "label" else done.discard)((label.record, label.stage))
        if not queues:
            return {}
        seen = self._store.failing.seen(cascade, viewer)
        wanted = frozenset(records)
        disclosures = told_since((label for label in labels if label.record in wanted), (), shape) if shape else {}
        waiting: dict[str, dict[str, None]] = {}
        for queue, stage in queues.items():
            for item in self._store.queue_items_of(queue, records):
                is_known = item.record in seen or (item.record, stage, viewer) in disclosures
                if (item.record, stage) not in done and not is_known:
                    waiting.setdefault(item.record, {})[stage] = None
        return {record: tuple(stages) for record, stages in waiting.items()}

    def look(self, cascade: str, run: str, record: str, viewer: str) -> None:
        """Note that a person sees the answers to a record: no queue offers it to that person from here on.

        `run` is empty where only people's answers are seen, and no run is done.
        """
        if record not in self._store.failing.seen(cascade, viewer):
            self._note(cascade, self._base.run(cascade, run).id if run else "", [record], viewer)

    def look_at(self, run: Run, records: Sequence[str], viewer: str) -> None:
        """The same of several records of a run, none of which the person has seen."""
        self._note(run.cascade, run.id, records, viewer)

    def _note(self, cascade: str, run: str, records: Sequence[str], viewer: str) -> None:
        at = self._base.clock()
        looks = [Seen(id=uuid.uuid4().hex, record=record, annotator=viewer, at=at, run=run) for record in records]
        self._store.failing.append_seen(cascade, *looks)

    def tally(self, scorecard: Scorecard, stage: str, viewer: str) -> OwnTally:
        """Count the codes that a person put on the failures of a stage."""
        detail = next(detail for detail in scorecard.details if detail.stage == stage)
        own = codebook(self._store.failing.codes(scorecard.cascade)).own(viewer, stage)
        read = self._tagged(scorecard, stage, tuple(own.by_record))
        tally = code_tally(own, read, stage=stage, noun=scorecard.noun, failures=detail.failures, rate=detail.average)
        return OwnTally(tally=tally, own=own)

    def save_codes(
        self,
        cascade: str,
        run: str,
        stage: str,
        events: Sequence[Mapping[str, Json]],
        *,
        viewer: str,
        verified: bool,
    ) -> None:
        """Store what the page sent; when this returns it survives a crash, and an event sent twice is one.

        Raises: ConfigurationError for an event that the page can't have made.
        """
        key, at = self._base.run(cascade, run).id, self._base.clock()
        code_events = [
            code_event(event, stage=stage, annotator=viewer, at=at, run=key, verified=verified) for event in events
        ]
        self._store.failing.append_codes(cascade, code_events)

    def _tagged(self, scorecard: Scorecard, stage: str, records: tuple[str, ...]) -> list[Failure]:
        failures: list[Failure] = []
        after: int | None = 0
        while records and after is not None:
            page = self.page(scorecard.cascade, scorecard.run, Wanted(stage=stage, among=records), after=after)
            failures += page.rows
            after = page.next
        return failures
