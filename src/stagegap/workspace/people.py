"""People at a stage: how far they agree, where a number comes from, and how their disagreements are settled."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from stagegap.errors import ConfigurationError, NotFound, near_names
from stagegap.metrics import metric
from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade
from stagegap.model.notes import PersonEvent
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM
from stagegap.people.agreement import chance_corrected
from stagegap.people.contributions import doubt_sentence, hunt_sentence, identity_sentence, own_work
from stagegap.people.disagreements import (
    Decision,
    Disagreement,
    adjudication,
    beyond_chance,
    decisions,
    disagreement,
    most_cited,
    reasons,
    settling_form,
    settling_payload,
)
from stagegap.people.histories import LabelHistory, label_history
from stagegap.people.judgements import RatedGap, judged_gap, judging_of, without_queue
from stagegap.people.references import Settled, adjudications, latest
from stagegap.people.roster import (
    Assignment,
    Person,
    Roster,
    Work,
    assignments,
    day,
    is_day,
    retired,
    standing,
)
from stagegap.runner import custom_metrics
from stagegap.stats.spread import clusters
from stagegap.store import Store
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import Question
from stagegap.workspace.labels import Labels
from stagegap.workspace.provenance import first_outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What is to be settled at a stage."""

    queue: Queue
    """Whose payloads are shown."""
    form: Mapping[str, Json]
    open: tuple[str, ...]
    """Records that people disagree on and that nobody has settled: those first whose every answer counts as right."""
    undecided: int
    """How many of them those are."""
    settled: int
    cited: Sequence[tuple[str, int]]
    """Guideline lines that decisions rest on, with how often, the most cited first."""
    reasons: Sequence[tuple[str, int]]
    decisions: Sequence[Decision] = ()
    """Those in force, newest first."""
    known: int = 0
    """Disagreements that wait for somebody else: the one who asks has seen the answers there."""
    shared: int = 0
    """Records that two people or more have answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleNotes:
    """Sentences about the people at a stage, for one reader."""

    beyond: str
    """How much of the agreement chance would not give; empty where that has no meaning."""
    judged: tuple[str, ...]
    """How the system's answers were judged beside those of people."""
    hunts: tuple[str, ...]
    """What hunts tell of all records, by weights."""
    own: str
    """The reader's own work; empty for nobody in particular."""
    doubts: str
    """Answers marked unsure, and records that several people skipped; empty without either."""
    identity: str
    """How far it was checked who people are; empty where nobody answered here."""


class People:
    """Computes what is said of people and keeps it; the first time takes as long as it takes.

    Disagreements are put before whoever settles them, names and the system's answer hidden.
    """

    def __init__(self, base: Foundation, labels: Labels) -> None:
        self._store = base.store
        self._load = base.files.load_named
        self._clock = base.clock
        self._labels = labels
        self._views = base.views
        self._compared: dict[tuple[object, ...], Disagreement | None] = {}
        """By metric, its function and ids of the labels: labels never change, so that nothing is compared twice."""

    def notes(self, cascade: str, stage: str, who: str) -> PeopleNotes | None:
        """The notes as they were computed last; None before that."""
        prepared = self._views.kept(self._question(cascade, stage, who))
        return prepared.view if prepared else None

    def is_current(self, cascade: str, stage: str, who: str) -> bool:
        """True where nothing that the notes rest on has changed since they were computed."""
        prepared = self._views.kept(self._question(cascade, stage, who))
        return prepared is not None and not prepared.is_old

    def _question(self, cascade: str, stage: str, who: str) -> Question[PeopleNotes]:
        name = f"labellers at {stage} for {who}"
        run = self._store.run(cascade)
        return Question(kind=PeopleNotes, name=name, cascade=cascade, run=run, reads_judgements=True)

    def prepare(self, cascade: str, stage: str, who: str) -> None:
        """Compute the notes, and compare what people answered, so that the page finds both. Raises: NotFound."""
        question = self._question(cascade, stage, who)
        now = self._views.now(cascade, question.runs)
        self.settling(cascade, stage)
        labels = self._store.labels(cascade, stage=stage)
        notes = PeopleNotes(
            beyond=self._beyond(cascade, stage, [label for label in labels if not label.targeted]),
            judged=(
                *(f"Judged blind by {gap.criterion}: {gap.sentence}" for gap in self.judged(cascade, stage)),
                *(
                    f"Judged by {gap.criterion}, in a file, so that nobody here knows how blind: {gap.sentence}"
                    for gap in self.judged_elsewhere(cascade, stage)
                ),
            ),
            hunts=self._hunts(cascade, stage, labels),
            own=self._own(cascade, stage, who, labels) if who else "",
            doubts=doubt_sentence(labels, noun=self._load(cascade).cascade.noun),
            identity=identity_sentence(labels),
        )
        self._views.keep(question, notes, now=now)

    def judged(self, cascade: str, stage: str) -> tuple[RatedGap, ...]:
        """How the answers of the newest run that is done were judged beside those of people, by criterion."""
        run = self._store.run(cascade)
        judgements = self._store.labels(cascade, stage=stage, task="judge")
        if not judgements or run is None:
            return ()
        queues = [q for q in self._store.queues(cascade, stage) if q.purpose == "judge" and q.run == run.id]
        records, noun = self._records(cascade, judgements), self._load(cascade).cascade.noun
        gaps = [
            judged_gap(
                [label for label in judgements if label.queue == queue.id],
                records,
                judging_of(queue),
                noun=noun,
                seed=run.seed,
            )
            for queue in queues
        ]
        return tuple(gap for gap in gaps if gap is not None)

    def judged_elsewhere(self, cascade: str, stage: str) -> tuple[RatedGap, ...]:
        """The same of judgements that came in a file and from no queue of ours."""
        run = self._store.run(cascade)
        judgements = self._store.labels(cascade, stage=stage, task="judge")
        if not judgements or run is None:
            return ()
        records, noun = self._records(cascade, judgements), self._load(cascade).cascade.noun
        others = [other for other in self._store.runs(cascade) if other.id != run.id]
        foreign = without_queue(judgements, self._store.queue_ids(cascade), others)
        gaps = [judged_gap(labels, records, judging, noun=noun, seed=run.seed) for judging, labels in foreign.items()]
        return tuple(gap for gap in gaps if gap is not None)

    def settling(self, cascade: str, stage: str, who: str = "") -> Settling:
        """The disagreements of a stage that wait, first those whose every answer counts. Raises: NotFound.

        Those whose answers `who` has seen on another page are left to somebody else: settling is blind.
        """
        queue = self._labels.queue(cascade, stage)
        labels = self._store.labels(cascade, stage=stage)
        done = [label for (_, at), label in adjudications(labels).items() if at == stage]
        waiting = self._disagreements(cascade, stage, labels)
        settled = Settled(labels, self._load(cascade).cascade).fair.values()
        undecided = {reference.record for reference in settled if reference.settled == "undecided"}
        known = self._store.failing.seen(cascade, who).intersection(waiting) if who else frozenset[str]()
        return Settling(
            queue=queue,
            form=settling_form(json.loads(queue.form), queue.guideline),
            open=tuple(sorted(waiting.keys() - known, key=lambda record: (record not in undecided, record))),
            undecided=len(undecided.intersection(waiting) - known),
            settled=len(done),
            cited=most_cited(done),
            reasons=reasons(done),
            decisions=decisions(done),
            known=len(known),
            shared=sum(len(people) > 1 for people in latest(labels).values()),
        )

    def history(self, cascade: str, stage: str, record: str) -> LabelHistory:
        """Who said what at a stage of a record, when, having seen what. Raises: NotFound."""
        return history(self._store, self._load(cascade).cascade, stage, record)

    def roster(self, cascade: str) -> Roster:
        """Who works on a cascade, what is left of whom until when, and who has stopped. Raises: NotFound."""
        labels: dict[str, list[Label]] = {}
        for label in self._store.labels(cascade, task=None):
            labels.setdefault(label.annotator, []).append(label)
        events = self._store.people(cascade)
        asked, stopped, now = assignments(events), retired(events), self._clock()
        queues = {queue.id: queue for queue in self._store.queues(cascade)}
        people: list[Person] = []
        for name in sorted({*labels, *asked, *stopped}):
            own, mine = labels.get(name, []), asked.get(name, {})
            used = dict.fromkeys([*mine, *(label.queue for label in own)])
            work = tuple(self._work(queues[key], name, mine.get(key)) for key in used if key in queues)
            has_to_do = any(part.is_assigned and part.progress.left for part in work)
            people.append(
                Person(
                    name=name,
                    standing=standing(own, is_retired=name in stopped, has_to_do=has_to_do, now=now),
                    labels=sum(label.action in ("label", "adjudicate") for label in own),
                    last=max((label.at for label in own), default=0.0),
                    work=work,
                )
            )
        noun = self._load(cascade).cascade.noun
        return Roster(cascade=cascade, noun=noun, today=day(now), people=tuple(people))

    def retire(self, cascade: str, name: str, *, by: str = "", verified: bool = False) -> None:
        """Note that somebody has stopped: their labels stay, nothing waits for them. Raises: NotFound."""
        self._refuse_strangers(cascade, name)
        self._note(cascade, name, "retire", by=by, verified=verified)

    def bring_back(self, cascade: str, name: str, *, by: str = "", verified: bool = False) -> None:
        """Note that somebody who had stopped goes on. Raises: NotFound."""
        self._refuse_strangers(cascade, name)
        self._note(cascade, name, "return", by=by, verified=verified)

    def assign(
        self, cascade: str, name: str, stage: str, queue: str, *, due: str = "", by: str = "", verified: bool = False
    ) -> Work:
        """Ask somebody to answer a queue, by its id or purpose, until a day as `2026-12-05`.

        Raises: NotFound, ConfigurationError for no name, or a day that is none or over.
        """
        name = name.strip()
        if not name:
            raise ConfigurationError("Say who is asked: an assignment needs a name.")
        today = day(self._clock())
        if due and not is_day(due):
            raise ConfigurationError(f"A last day is written as {today}; found {due!r}.")
        if due and due < today:
            raise ConfigurationError(f"The last day {due} is over: today is {today}.")
        asked = self._queue(cascade, stage, queue)
        self._note(cascade, name, "assign", queue=asked.id, due=due, by=by, verified=verified)
        return self._work(asked, name, Assignment(queue=asked.id, due=due, by=by))

    def excuse(self, cascade: str, name: str, stage: str, queue: str, *, by: str = "", verified: bool = False) -> Work:
        """Take back that somebody was asked to answer a queue. Raises: NotFound where they were not."""
        asked = self._queue(cascade, stage, queue)
        mine = self.assigned(cascade, name)
        if asked.id not in mine:
            raise NotFound(f"{name!r} was not asked to answer the {asked.purpose} queue of {stage!r}.")
        self._note(cascade, name, "excuse", queue=asked.id, by=by, verified=verified)
        return self._work(asked, name, None)

    def assigned(self, cascade: str, name: str) -> Mapping[str, Assignment]:
        """What somebody was asked to answer, by the id of the queue."""
        return assignments(self._store.people(cascade)).get(name, {})

    def _queue(self, cascade: str, stage: str, queue: str) -> Queue:
        stages = [known.stage for known in self._labels.label_stages(cascade)]
        if stage not in stages:
            raise NotFound(f"Nobody can be asked about a stage {stage!r}. {near_names(stage, stages)}".strip())
        return self._labels.queue(cascade, stage, queue)

    def _work(self, queue: Queue, name: str, assignment: Assignment | None) -> Work:
        return Work(
            queue=queue.id,
            stage=queue.stage,
            purpose=queue.purpose,
            progress=self._labels.progress_of(queue, name),
            due=assignment.due if assignment else "",
            is_assigned=assignment is not None,
        )

    def _refuse_strangers(self, cascade: str, name: str) -> None:
        known = {label.annotator for label in self._store.labels(cascade, task=None)}
        known |= {event.annotator for event in self._store.people(cascade)}
        if name not in known:
            raise NotFound(
                f"Nobody called {name!r} has answered anything of {cascade!r}. {near_names(name, known)}".strip()
            )

    def _note(
        self,
        cascade: str,
        name: str,
        action: Literal["retire", "return", "assign", "excuse"],
        *,
        queue: str = "",
        due: str = "",
        by: str = "",
        verified: bool = False,
    ) -> None:
        event = PersonEvent(
            id=uuid.uuid4().hex,
            annotator=name,
            action=action,
            queue=queue,
            due=due,
            by=by.strip(),
            at=self._clock(),
            verified=verified,
        )
        self._store.append_people(cascade, event)

    def payloads(self, settling: Settling, records: Sequence[str]) -> list[dict[str, Json]]:
        """What is shown of these records; one that no queue of the stage holds is left out."""
        queue = settling.queue
        disagreements = self._disagreements(
            queue.cascade, queue.stage, self._store.labels(queue.cascade, stage=queue.stage)
        )
        items = self._items(queue, records)
        return [
            settling_payload(disagreements[name], items[name], form=settling.form)
            for name in records
            if name in items and name in disagreements
        ]

    def settle(
        self, queue: Queue, events: Sequence[Mapping[str, Json]], annotator: str, verified: bool = False
    ) -> None:
        """Store decisions as labels of their own; sent twice, it is stored once. Raises: ConfigurationError."""
        answers = [event for event in events if event.get("action") == "label"]
        items = self._items(queue, [str(event.get("record")) for event in answers])
        stored = self._store.labels(queue.cascade, stage=queue.stage)
        in_force, decided = latest(stored), adjudications(stored)
        labels: list[Label] = []
        for event in answers:
            record = str(event.get("record"))
            if record not in items:
                raise ConfigurationError(f"The queue of stage {queue.stage!r} has no record {record!r}.")
            people = list(in_force.get((record, queue.stage), {}).values())
            before = decided.get((record, queue.stage))
            # A later decision counts whatever the clock does: they are ordered by time.
            at = max(self._clock(), before.at if before else 0.0)
            labels.append(
                adjudication(event, people, queue, items[record], annotator=annotator, at=at, verified=verified)
            )
        self._store.append_labels(queue.cascade, labels)

    def _records(self, cascade: str, labels: Iterable[Label]) -> list[Record]:
        """The records of labels, and no others: there may be a million."""
        return self._store.records(cascade, ids=sorted({label.record for label in labels}))

    def _beyond(self, cascade: str, stage: str, labels: Sequence[Label]) -> str:
        answers: dict[str, dict[str, Label]] = {}
        for (record, _), people in latest(labels).items():
            for person, label in people.items():
                answers.setdefault(person, {})[record] = label
        records = [
            record for record in self._records(cascade, labels) if any(record.id in own for own in answers.values())
        ]
        output = self._load(cascade).cascade.stage(stage).output
        codes = clusters(record.unit for record in records).codes
        coefficients = chance_corrected(answers, [record.id for record in records], output, codes)
        return beyond_chance(coefficients[0]) if coefficients else ""

    def _own(self, cascade: str, stage: str, who: str, labels: Sequence[Label]) -> str:
        file = self._load(cascade)
        name = file.cascade.stage(stage).metrics[0]
        by = metric(name, custom=custom_metrics(file).get(name))
        units = {record.id: record.unit for record in self._records(cascade, labels)}
        return own_work(labels, who, by, units, stage=stage, noun=file.cascade.noun, seed=0).sentence

    def _hunts(self, cascade: str, stage: str, labels: Sequence[Label]) -> tuple[str, ...]:
        run = self._store.run(cascade)
        used = {label.queue for label in labels if label.targeted}
        queues = [queue for queue in self._store.queues(cascade, stage) if queue.id in used]
        if run is None or not queues:
            return ()
        file = self._load(cascade)
        declared = file.cascade.stage(stage)
        by = metric(declared.metrics[0], custom=custom_metrics(file).get(declared.metrics[0]))
        outputs = first_outputs(self._store, run, SYSTEM, stage)
        units = {record.id: record.unit for record in self._records(cascade, labels)}
        return tuple(
            hunt_sentence(queue, labels, outputs, by, declared.output.kind, units, noun=file.cascade.noun)
            for queue in queues
        )

    def _items(self, queue: Queue, records: Sequence[str]) -> dict[str, QueueItem]:
        """The items of records, of the random queue where it has them, otherwise of another of the stage."""
        items: dict[str, QueueItem] = {}
        for source in (queue, *self._store.queues(queue.cascade, queue.stage)):
            missing = [record for record in records if record not in items]
            if missing:
                items.update({item.record: item for item in self._store.queue_items_of(source.id, missing)})
        return items

    def _disagreements(self, cascade: str, stage: str, labels: Sequence[Label]) -> dict[str, Disagreement]:
        file = self._load(cascade)
        name = file.cascade.stage(stage).metrics[0]
        custom = custom_metrics(file).get(name)
        by = metric(name, custom=custom)
        done = adjudications(labels)
        disagreements: dict[str, Disagreement] = {}
        for place, people in latest(labels).items():
            key = (name, custom, *(label.id for label in people.values()))
            if key not in self._compared:
                self._compared[key] = disagreement(list(people.values()), by)
            differ = self._compared[key]
            if differ is not None and place not in done:
                disagreements[differ.record] = differ
        return disagreements


def payloads(store: Store, labels: Sequence[Label]) -> dict[str, str]:
    """What people saw, by the hash that their labels carry."""
    queues: dict[str, dict[str, str]] = {}
    for label in labels:
        if label.seen and label.queue:
            queues.setdefault(label.queue, {})[label.record] = label.seen
    return {
        seen[item.record]: item.payload
        for queue, seen in queues.items()
        for item in store.queue_items_of(queue, list(seen))
    }


def history(store: Store, cascade: Cascade, stage: str, record: str) -> LabelHistory:
    """Who said what at a stage of a record. Raises: NotFound for an unknown stage, or a record nobody knows."""
    if stage not in cascade.names:
        raise NotFound(f"Cascade {cascade.name!r} has no stage {stage!r}. {near_names(stage, cascade.names)}".strip())
    labels = [
        label
        for label in store.labels(cascade.name, record=record, task=None)
        if label.task == "produce" or label.stage == stage
    ]
    if not labels and not store.records(cascade.name, ids=[record]):
        known = {label.record for label in store.labels(cascade.name, stage=stage)}
        raise NotFound(f"Cascade {cascade.name!r} has no record {record!r}. {near_names(record, known)}".strip())
    return label_history(
        record,
        stage,
        cascade,
        labels=labels,
        looks=store.failing.looks(cascade.name, record),
        payloads=payloads(store, [label for label in labels if label.stage == stage]),
        runs={run.id: run.name for run in store.runs(cascade.name)},
        guidelines=store.guidelines(cascade.name, stage),
    )
