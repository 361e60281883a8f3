"""People at work: the stages they can be asked about, their queues, and what they answered."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stagegap.analysis.worklist import label_from_event
from stagegap.errors import ConfigurationError, NotFound
from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade, Kind
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.run import SYSTEM
from stagegap.model.sources import CascadeFile
from stagegap.model.values import Json
from stagegap.runner.asking import random_queue
from stagegap.runner.prepare import read_materials
from stagegap.store import Store
from stagegap.workspace.running import first_outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelStage:
    """A stage that people can be asked about."""

    stage: str
    question: str
    kind: str
    queue_id: str | None
    """Its random queue, once somebody has opened it."""


class Desk:
    """Hands out records and takes labels in, with what it handed out kept in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._handed_out: dict[str, dict[str, QueueItem]] = {}

    def stages(self, cascade: Cascade) -> list[LabelStage]:
        """Give the stages that the label card has a form for."""
        queues = {queue.stage: queue.id for queue in self._store.queues(cascade.name) if queue.purpose == "random"}
        return [
            LabelStage(
                stage=stage.name,
                question=stage.ask or f"What is right at {stage.name}?",
                kind=stage.output.kind,
                queue_id=queues.get(stage.name),
            )
            for stage in cascade.stages
            if stage.output.kind is not Kind.OBJECT
        ]

    def random_queue(self, cascade: str, stage: str) -> Queue | None:
        """Give the random queue of a stage if it was drawn."""
        return next((q for q in self._store.queues(cascade, stage) if q.purpose == "random"), None)

    def draw_queue(self, file: CascadeFile, stage: str, *, now: float) -> Queue:
        """Draw and store the random queue of a stage, from what the newest run that is done has put before it.

        Raises: NotFound without a run when the stage reads earlier stages.
        """
        run = self._store.run(file.cascade.name)
        needed = dict.fromkeys((*file.cascade.stage(stage).parents, stage))
        if run is None and len(needed) > 1:
            raise NotFound(f"Stage {stage!r} reads earlier stages, and no run is done yet. Run `stagegap run` first.")
        outputs = {name: first_outputs(self._store, run, SYSTEM, name) if run else {} for name in needed}
        queue, items = random_queue(file, read_materials(file), stage, outputs, id=uuid.uuid4().hex, created_at=now)
        self._store.create_queue(queue, items)
        return queue

    def next_items(self, queue: Queue, annotator: str, limit: int) -> list[QueueItem]:
        """Give the next records for that person."""
        found = self._store.queue_items(queue.id, annotator, limit)
        self._handed_out.setdefault(queue.id, {}).update({item.record: item for item in found})
        return found

    def take_in(
        self, queue: Queue, events: Sequence[Mapping[str, Json]], *, annotator: str, at: float, verified: bool
    ) -> list[Label]:
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
        labels = [
            label_from_event(event, queue, items[record], annotator=annotator, at=at, verified=verified)
            for event, record in zip(events, named, strict=True)
        ]
        self._store.append_labels(queue.cascade, labels)
        return labels
