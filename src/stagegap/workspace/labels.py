"""People at work: the stages they can be asked about, their queues, and what they answered."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stagegap.analysis.need import NeedView, NextLabels, next_labels
from stagegap.analysis.person_swaps import not_swapped
from stagegap.errors import ConfigurationError, NotFound
from stagegap.exchange.tables import Frame
from stagegap.model.answer import SWAP_QUEUE, Answer, Label, Task
from stagegap.model.cascade import CascadeFile, OutputType, Stage
from stagegap.model.notes import Seen
from stagegap.model.queue import GuidelineVersion, Progress, Queue, QueueItem, Sitting
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM, Cell
from stagegap.people.card import form, guideline_hash, in_authors_order, label_from_event, output_of
from stagegap.people.histories import OwnLabel, own_labels
from stagegap.people.judgements import Judging, judged_answer, pairs
from stagegap.people.references import latest
from stagegap.people.roster import assignments
from stagegap.people.verdicts import as_given, parts, shows_output, verdict_answer
from stagegap.runner import (
    Asking,
    Hunt,
    after_queue,
    asking_about,
    hunting_queue,
    judging_queue,
    next_queue,
    overlap_queue,
    random_queue,
    read_materials,
    verdict_queue,
)
from stagegap.stages.acceptance import Rejected, accept
from stagegap.stages.places import misplaced
from stagegap.tables.content import media_in, parsed
from stagegap.workspace import exchange
from stagegap.workspace.exchange import Foreign, ImportReport
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.kept_views import Kept, need_of, swaps_of
from stagegap.workspace.provenance import first_outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelStage:
    """A stage that people can be asked about."""

    stage: str
    question: str
    kind: str
    queue_id: str | None
    """Its random queue, once somebody has opened it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """Where somebody goes on who has answered all at a stage."""

    stage: str
    question: str
    left: int | None
    """Records that wait there for that person; None while nobody has opened its queue."""
    queue: str = ""
    """Id of the queue that they were asked to answer; empty for the random one of the stage."""
    due: str = ""
    """The last day for it, as `2026-12-05`; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidelineChange:
    """The guideline is not the one that a person worked by before."""

    since: float
    """Seconds since 1970, UTC."""
    before: str
    now: str


class Labels:
    """Where people are asked and answer; what was handed out is kept in memory. Labels also come and go as files."""

    def __init__(self, base: Foundation) -> None:
        self._base = base
        self._store = base.store
        self._load = base.files.load_named
        self._clock = base.clock
        self._handed_out: dict[str, dict[str, QueueItem]] = {}
        self._newest: dict[tuple[str, str, str], float] = {}
        """When a person said something at a stage of a cascade last, as far as this process knows."""
        self._guidelines: set[tuple[str, str, str]] = set()
        self._readers: dict[tuple[str, str], tuple[str, ...]] = {}

    def label_stages(self, cascade: str) -> list[LabelStage]:
        """The stages that the label card has a form for. Raises: NotFound."""
        queues = {queue.stage: queue.id for queue in self._store.queues(cascade) if queue.purpose == "random"}
        return [
            LabelStage(
                stage=stage.name,
                question=stage.ask or f"What is right at {stage.name}?",
                kind=stage.output.kind,
                queue_id=queues.get(stage.name),
            )
            for stage in self._load(cascade).cascade.stages
            if _has_form(stage)
        ]

    def onward(self, cascade: str, stage: str, annotator: str, *, queue: str = "") -> Onward | None:
        """Where a record waits for somebody who is done with a queue: what they were asked to answer, the soonest due
        first, then the next stage after this one and round. None where nothing waits.

        Raises: NotFound.
        """
        return self._asked_for(cascade, annotator, but=queue) or self._next_stage(cascade, stage, annotator)

    def _asked_for(self, cascade: str, annotator: str, *, but: str) -> Onward | None:
        mine = assignments(self._store.people(cascade)).get(annotator, {})
        questions = {row.stage: row.question for row in self.label_stages(cascade)} if mine else {}
        for assignment in sorted(mine.values(), key=lambda assignment: (not assignment.due, assignment.due)):
            asked = self.queue_of(cascade, assignment.queue)
            if asked is None or asked.id == but or asked.stage not in questions:
                continue
            left = self.progress_of(asked, annotator).left
            if left > 0:
                question = questions[asked.stage]
                return Onward(stage=asked.stage, question=question, left=left, queue=asked.id, due=assignment.due)
        return None

    def _next_stage(self, cascade: str, stage: str, annotator: str) -> Onward | None:
        stages, is_run = self.label_stages(cascade), self._store.run(cascade) is not None
        names = [row.stage for row in stages]
        place = names.index(stage) + 1 if stage in names else 0
        for row in [*stages[place:], *stages[:place]]:
            if row.stage == stage:
                continue
            if row.queue_id is None:
                if is_run or not self._load(cascade).cascade.stage(row.stage).parents:
                    return Onward(stage=row.stage, question=row.question, left=None)
                continue
            readers = self._load(cascade).cascade.readers(row.stage)
            left = self._store.sitting(row.queue_id, annotator, 0, readers).progress.left
            if left > 0:
                return Onward(stage=row.stage, question=row.question, left=left)
        return None

    def queue_ids(self, cascade: str) -> list[str]:
        """The ids of all queues of a cascade, oldest first."""
        return self._store.queue_ids(cascade)

    def queue(self, cascade: str, stage: str, name: str = "random") -> Queue:
        """A queue of a stage with the guideline as it stands: by its id, or the newest of that purpose.

        The random queue, the overlap, swap and verdicts of the newest run and what its ranking needs next are drawn on
        first use, a hunt is not. Raises: NotFound for an unknown one, and without a run when the stage reads earlier
        stages.
        """
        file = self._load(cascade)
        self._readers[cascade, stage] = file.cascade.readers(stage)
        queue = self._stored(cascade, stage, name)
        if queue is None and name == "overlap":
            queue = self.overlap(cascade, stage)
        elif name == "next":
            queue = self._next(file, stage, queue)
        elif name == "swap":
            queue = self._swap(file, stage, queue)
        elif queue is None and name == "verdict":
            queue = self._verdict(file, stage)
        elif queue is None and name == "random":
            queue = self._keep(*random_queue(self._asking(file, stage), id=_id(), created_at=self._clock()))
        elif queue is None:
            raise NotFound(f"Stage {stage!r} has no queue {name!r}. `stagegap label {stage} --hunt ...` makes a hunt.")
        current = file.cascade.stage(stage).guideline
        self._keep_guideline(cascade, stage, current)
        return replace(queue, guideline=current, form=in_authors_order(queue.form, file.cascade.stage(stage)))

    def next_labels(self, cascade: str, annotator: str) -> NextLabels | None:
        """Say what decides the ranking of the newest run that is done, at that person's pace; None without a run."""
        need = self._need(cascade)
        if need is None:
            return None
        newer = max(0, self._store.label_count(cascade) - need.labels)
        return next_labels(need.view, self._store.labels(cascade, annotator=annotator), newer=newer)

    def own_labels(self, cascade: str, stage: str, annotator: str) -> list[OwnLabel]:
        """What that person said at a stage, newest first, with what it replaced."""
        labels = self._store.labels(cascade, stage=stage, annotator=annotator, task=None)
        return own_labels(label for label in labels if label.task != "judge")

    def queue_of(self, cascade: str, key: str) -> Queue | None:
        """The queue of that id; None when there is none."""
        return next((queue for queue in self._store.queues(cascade) if queue.id == key), None)

    def overlap(self, cascade: str, stage: str, size: int | None = None) -> Queue:
        """Draw the records that everybody labels: a fifth of the random sample, or so many. Raises: as `queue`."""
        sample = self.queue(cascade, stage)
        items = self._store.queue_items(sample.id, "", limit=2**31)
        return self._keep(*overlap_queue(sample, items, size=size, id=_id(), created_at=self._clock()))

    def hunt(self, cascade: str, stage: str, hunt: Hunt) -> Queue:
        """Draw a hunting queue, whose labels enter no rate. Raises: as `queue`, ConfigurationError."""
        asking = self._asking(self._load(cascade), stage)
        return self._keep(*hunting_queue(asking, hunt, id=_id(), created_at=self._clock()))

    def judge(self, cascade: str, stage: str, judging: Judging) -> Queue:
        """The queue in which people judge the answers of the newest run that is done beside those of people.

        It is drawn once for each run and way of judging. Raises: NotFound without a run, or without two answers.
        """
        file, run = self._load(cascade), self._store.run(cascade)
        queues = reversed(self._store.queues(cascade, stage))
        drawn = (queue for queue in queues if queue.purpose == "judge" and queue.drawn == str(judging))
        queue = next((queue for queue in drawn if run is not None and queue.run == run.id), None)
        if queue is None:
            asking = self._asking(file, stage)
            answers = {r: output.value for r, output in asking.outputs[stage].items() if output.status.has_value}
            fair = [label for label in self._store.labels(cascade, stage=stage) if not label.targeted]
            proposed = judging_queue(asking, pairs(fair, answers, stage), judging, id=_id(), created_at=self._clock())
            if not proposed[1]:
                raise NotFound(
                    f"There is nothing to judge at {stage!r}: no record has an answer of the system and a labeller's."
                )
            queue = self._keep(*proposed)
        return replace(queue, guideline=file.cascade.stage(stage).guideline)

    def sitting(self, queue: Queue, annotator: str, limit: int) -> Sitting:
        """Where that person is, with the next records: what the stage saw and nothing else."""
        place = (queue.cascade, queue.stage)
        if place not in self._readers:
            self._readers[place] = self._load(queue.cascade).cascade.readers(queue.stage)
        sitting = self._store.sitting(queue.id, annotator, limit, self._readers[place])
        self._handed_out.setdefault(queue.id, {}).update({item.record: item for item in sitting.items})
        if (*place, annotator) not in self._newest:
            made = self._store.labels(queue.cascade, stage=queue.stage, annotator=annotator)
            self._newest[*place, annotator] = max((label.at for label in made), default=0.0)
        last = (as_given(queue, sitting.last[0], annotator), sitting.last[1]) if sitting.last else None
        items = [as_given(queue, item, annotator) for item in sitting.items]
        self._note_seen(queue, [*items, *([last[0]] if last else [])], annotator)
        return replace(sitting, items=items, last=last)

    def _note_seen(self, queue: Queue, items: Sequence[QueueItem], annotator: str) -> None:
        """Note that a person sees outputs, before these leave the server: no queue offers the records blind again."""
        open_to = [item.record for item in items if queue.purpose == "verdict" and shows_output(item)]
        seen = self._store.failing.seen(queue.cascade, annotator) if open_to else frozenset[str]()
        at = self._clock()
        looks = [
            Seen(id=_id(), record=record, annotator=annotator, at=at, run=queue.run)
            for record in dict.fromkeys(open_to)
            if record not in seen
        ]
        if looks:
            self._store.failing.append_seen(queue.cascade, *looks)

    def queue_items(self, queue: Queue, annotator: str, limit: int) -> Sequence[QueueItem]:
        """The next records for that person."""
        return self.sitting(queue, annotator, limit).items

    def queue_item(self, queue: Queue, record: str, annotator: str) -> QueueItem | None:
        """One record of a queue as that person gets it; None when it is not in it."""
        item = next(iter(self._store.queue_items_of(queue.id, [record])), None)
        if item is None:
            return None
        given = as_given(queue, item, annotator)
        self._note_seen(queue, [given], annotator)
        return given

    def progress_of(self, queue: Queue, annotator: str) -> Progress:
        """Say how far that person is in the queue."""
        return self.sitting(queue, annotator, 0).progress

    def label_of(self, queue: Queue, annotator: str, record: str) -> Label | None:
        """That person's label of a record in force, made in this queue or elsewhere."""
        labels = self._store.labels(queue.cascade, stage=queue.stage, annotator=annotator, record=record, task=None)
        own = [
            label
            for label in labels
            if label.action != "adjudicate"
            and (label.queue == queue.id if label.task != "produce" else queue.purpose != "judge")
        ]
        return own[-1] if own and own[-1].action == "label" else None

    def guideline_change(self, queue: Queue, had: str) -> GuidelineChange | None:
        """Say how the guideline changed since the version that a person worked by last; None when it did not."""
        if had in ("", guideline_hash(queue.guideline)):
            return None
        now = guideline_hash(queue.guideline)
        versions = {version.hash: version for version in self._store.guidelines(queue.cascade, queue.stage)}
        if now not in versions:
            return None
        before = versions[had].text if had in versions else ""
        return GuidelineChange(since=versions[now].since, before=before, now=queue.guideline)

    def save_labels(
        self, queue: Queue, events: Sequence[Mapping[str, Json]], annotator: str, verified: bool = False
    ) -> None:
        """Store what the label card sent; when this returns it survives a crash. Sent twice, it is stored once.

        It waits for the journal only, not for the DuckDB file, unless the record was handed out by another process.
        Raises: ConfigurationError for an event that the queue's form can't have made.
        """
        named = [str(event.get("record")) for event in events]
        items = self._handed_out.setdefault(queue.id, {})
        missing = [record for record in named if record not in items]
        if missing:
            items.update({item.record: item for item in self._store.queue_items_of(queue.id, missing)})
        unknown = [record for record in missing if record not in items]
        if unknown:
            raise ConfigurationError(f"The queue of stage {queue.stage!r} has no record {unknown[0]!r}.")
        given = {record: as_given(queue, items[record], annotator) for record in named}
        tasks: dict[str, Task] = {record: _task(queue, item) for record, item in given.items()}
        place = (queue.cascade, queue.stage, annotator)
        # A correction is the later one whatever the clock does: settling goes by the time.
        at = self._newest[place] = max(self._clock(), self._newest.get(place, 0.0))
        labels = [
            label_from_event(
                event,
                queue,
                given[record],
                annotator=annotator,
                at=at,
                verified=verified,
                task=tasks[record],
                read=_READERS.get(tasks[record]),
            )
            for event, record in zip(events, named, strict=True)
        ]
        output = output_of(json.loads(queue.form))
        for label in labels:
            answer = parts(label)[2] if label.task == "verdict" and label.answer is not None else label.answer
            if output is not None and answer is not None and label.task != "judge":
                _check(label, answer, output, items[label.record])
        self._store.append_labels(queue.cascade, labels)

    def import_file(self, path: Path, cascade: Path | None, foreign: Foreign | None = None) -> ImportReport:
        """Take the labels of a file in, of ours or another program's; what is there already is not taken twice."""
        return exchange.import_labels(self._store, self._base.load(cascade), path, foreign or exchange.Foreign())

    def import_files(self, paths: Sequence[Path], cascade: Path | None, foreign: Foreign) -> ImportReport:
        """Take the labels of several files in, one after another."""
        return exchange.joined([self.import_file(path, cascade, foreign) for path in paths])

    def import_frame(self, labels: Frame, cascade: Path | None = None) -> ImportReport:
        """Take the labels of a pandas frame in: the columns that `frame` gives, the four of a file at least."""
        return exchange.import_frame(self._store, self._base.load(cascade), labels)

    def export(self, cascade: str, path: Path, *, references: bool = False, raw: bool = False) -> int:
        """Write labels, or the references settled from them, as JSONL, CSV or Parquet. Give the number of rows."""
        return exchange.export_labels(self._store, self._load(cascade).cascade, path, references=references, raw=raw)

    def frame(self, cascade: str) -> Frame:
        """Labels of a cascade as a pandas frame. Raises: ConfigurationError without pandas."""
        return exchange.labels_frame(self._store, cascade)

    def _stored(self, cascade: str, stage: str, name: str) -> Queue | None:
        queues = [queue for queue in self._store.queues(cascade, stage) if queue.purpose != "read"]
        if name in ("swap", "next", "verdict"):
            run = self._store.run(cascade)
            queues = [queue for queue in queues if run is not None and queue.run == run.id]
        return next((queue for queue in reversed(queues) if name in (queue.id, queue.purpose)), None)

    def _need(self, cascade: str) -> Kept[NeedView] | None:
        """What the newest run that is done needs, as it was computed last."""
        run = self._store.run(cascade)
        return self._base.views.kept(need_of(run)) if run else None

    def _next(self, file: CascadeFile, stage: str, queue: Queue | None) -> Queue:
        """Go on with the queue that was drawn while one of its records waits; then draw what is needed after it."""
        cascade = file.cascade.name
        if queue is not None:
            items = self._store.queue_items(queue.id, "", limit=2**31)
            answered = latest(label for label in self._store.labels(cascade, stage=stage) if not label.targeted)
            if any((item.record, stage) not in answered for item in items):
                return queue
        kept = self._need(cascade)
        need = kept.view if kept else None
        records = (
            [unlabelled.record for unlabelled in need.next[: need.proposed] if stage in unlabelled.stages]
            if need
            else []
        )
        missing = next((row.missing for row in need.stages if row.stage == stage), 0) if need else 0
        if records:
            asking = self._asking(file, stage)
            drawn = next_queue(asking, records, of=missing, id=_id(), created_at=self._clock())
            return self._keep(*drawn) if drawn[1] else queue or self._nothing(stage)
        return queue or self._nothing(stage)

    def _swap(self, file: CascadeFile, stage: str, queue: Queue | None) -> Queue:
        """Go on with the queue that was drawn while one of its inputs waits; then what people before it would send."""
        if reason := not_swapped(file.cascade, stage):
            raise ConfigurationError(f"Nobody can be put in: {reason}. `stagegap label {stage}` asks about them.")
        key = f"{SWAP_QUEUE}{_id()}"
        if queue is None:
            asking = self._asking(file, stage)
            return self._keep(*random_queue(asking, id=key, created_at=self._clock(), purpose="swap"))
        labels = self._store.labels(file.cascade.name, stage=stage)
        answered = {label.record for label in labels if label.queue == queue.id and label.action == "label"}
        items = self._store.queue_items(queue.id, "", limit=2**31)
        run = next((run for run in self._store.runs(file.cascade.name) if run.id == queue.run), None)
        # Old by each answer, and right all the same: it says what was asked for and not what came of it.
        view = self._base.views.kept(swaps_of(run)) if run else None
        if view is None or any(item.record not in answered for item in items):
            return queue
        waiting = [inputs for inputs in view.view.unanswered if inputs.stage == stage and inputs.after]
        if not waiting:
            return queue
        most = max(waiting, key=lambda unanswered: len(unanswered.records))
        asking = self._asking(file, stage, Cell("person", most.after))
        drawn = after_queue(asking, most.records, after=most.after, id=key, created_at=self._clock())
        return self._keep(*drawn) if drawn[1] else queue

    def _verdict(self, file: CascadeFile, stage: str) -> Queue:
        """Draw what people are asked of the newest run's outputs. Raises: NotFound without any."""
        asking = self._asking(file, stage)
        proposed = verdict_queue(asking, id=_id(), created_at=self._clock()) if asking.run else None
        if proposed is None or not proposed[1]:
            raise NotFound(f"Nothing waits for a verdict: no run that is done has an output at {stage!r}.")
        return self._keep(*proposed)

    def _nothing(self, stage: str) -> Queue:
        raise NotFound(f"The ranking of the stages needs no further label at {stage!r}.")

    def _asking(self, file: CascadeFile, stage: str, cell: Cell = SYSTEM) -> Asking:
        """Gather what the newest run that is done has put before a stage, in one of its cells. Raises: NotFound."""
        cascade = file.cascade
        run = self._store.run(cascade.name)
        if run is None and cascade.stage(stage).parents:
            raise NotFound(f"Stage {stage!r} reads earlier stages, and no run is done yet. Run `stagegap run` first.")
        outputs = {name: first_outputs(self._store, run, cell, name) if run else {} for name in cascade.names}
        return asking_about(file, read_materials(file), stage, outputs, run=run.id if run else "")

    def _keep(self, queue: Queue, items: Sequence[QueueItem]) -> Queue:
        self._store.create_queue(queue, items)
        return queue

    def _keep_guideline(self, cascade: str, stage: str, text: str) -> None:
        version = guideline_hash(text)
        if version and (cascade, stage, version) not in self._guidelines:
            guideline = GuidelineVersion(hash=version, text=text, since=self._clock())
            if version not in {known.hash for known in self._store.guidelines(cascade, stage)}:
                self._store.put_guideline(cascade, stage, guideline)
            self._guidelines.add((cascade, stage, version))


def _has_form(stage: Stage) -> bool:
    """Say whether the card can ask for the stage's output."""
    try:
        return stage.form is not None or bool(form(stage))
    except ConfigurationError:
        return False


_READERS: Mapping[Task, Callable[[Queue, QueueItem, Json], Answer]] = {
    "judge": judged_answer,
    "verdict": verdict_answer,
}
"""How the values of a form are read, where they are no plain answer to the stage's question."""


def _task(queue: Queue, item: QueueItem) -> Task:
    """What is asked of an item as it was given to a person."""
    if queue.purpose == "verdict":
        return "verdict" if shows_output(item) else "produce"
    return "judge" if queue.purpose == "judge" else "produce"


def _check(label: Label, answer: Answer, output: OutputType, item: QueueItem) -> None:
    """Hold a whole answer to the type. Raises: ConfigurationError."""
    payload = json.loads(item.payload)
    options = payload["options"].get("value", ())
    accepted = accept(output, answer.value, {str(option["value"]) for option in options})
    if answer.value is not None and isinstance(accepted, Rejected):
        raise ConfigurationError(
            f"The answer to {label.record!r} does not fit stage {label.stage!r}: {accepted.reason}"
        )
    files = {entry["label"]: media_in(parsed(entry["value"])) for entry in payload["inputs"]}
    inputs = {entry["label"]: entry["value"] for entry in payload["inputs"]}
    inputs |= {name: file.as_value() for name, file in files.items() if file is not None}
    if problem := misplaced(output, answer.value, inputs):
        raise ConfigurationError(f"The answer to {label.record!r} does not fit stage {label.stage!r}: {problem}")


def _id() -> str:
    return uuid.uuid4().hex
