"""Disagreements of people, and how they are settled: only ever by adding."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stagegap.analysis.label_history import LabelHistory
from stagegap.analysis.references import adjudications, latest
from stagegap.analysis.settling import (
    Decision,
    Disagreement,
    adjudication,
    decisions,
    disagreement,
    most_cited,
    reasons,
    settling_form,
    settling_payload,
)
from stagegap.errors import ConfigurationError
from stagegap.metrics import metric
from stagegap.model.answer import Label
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.sources import CascadeFile
from stagegap.model.values import Json
from stagegap.runner.prepare import custom_metrics
from stagegap.store import Store
from stagegap.workspace.labelling import Desk
from stagegap.workspace.tracing import history


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What is to be settled at a stage."""

    queue: Queue
    """Whose payloads are shown."""
    form: Mapping[str, Json]
    open: tuple[str, ...]
    """Records that people disagree on and that nobody has settled."""
    settled: int
    cited: Sequence[tuple[str, int]]
    """Guideline lines that decisions rest on, with how often, the most cited first."""
    reasons: Sequence[tuple[str, int]]
    decisions: Sequence[Decision] = ()
    """Those in force, newest first."""
    known: int = 0
    """Disagreements that wait for somebody else: the one who asks has seen the answers there."""


class Bench:
    """Puts disagreements before whoever settles them, names and the system's answer hidden."""

    def __init__(
        self, store: Store, desk: Desk, *, load: Callable[[str], CascadeFile], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._desk = desk
        self._load = load
        self._clock = clock
        self._compared: dict[tuple[str, ...], Disagreement | None] = {}
        """By metric and ids of the labels: labels never change, so that nothing is compared twice."""

    def settling(self, cascade: str, stage: str, who: str = "") -> Settling:
        """Give the disagreements of a stage that wait, in the order of the records' ids. Raises: NotFound.

        Those whose answers `who` has seen on another page are left to somebody else: settling is blind.
        """
        queue = self._desk.queue(cascade, stage)
        labels = self._store.labels(cascade, stage=stage)
        done = [label for (_, at), label in adjudications(labels).items() if at == stage]
        waiting = self._disagreements(cascade, stage, labels)
        known = self._store.failing.seen(cascade, who).intersection(waiting) if who else frozenset[str]()
        return Settling(
            queue=queue,
            form=settling_form(json.loads(queue.form), queue.guideline),
            open=tuple(sorted(waiting.keys() - known)),
            settled=len(done),
            cited=most_cited(done),
            reasons=reasons(done),
            decisions=decisions(done),
            known=len(known),
        )

    def history(self, cascade: str, stage: str, record: str) -> LabelHistory:
        """Give who said what at a stage of a record, when, having seen what. Raises: NotFound."""
        return history(self._store, self._load(cascade).cascade, stage, record)

    def payloads(self, settling: Settling, records: Sequence[str]) -> list[dict[str, Json]]:
        """Give what is shown of these records; one that no queue of the stage holds is left out."""
        queue = settling.queue
        found = self._disagreements(queue.cascade, queue.stage, self._store.labels(queue.cascade, stage=queue.stage))
        items = self._items(queue, records)
        return [settling_payload(found[name], items[name]) for name in records if name in items and name in found]

    def settle(
        self, queue: Queue, events: Sequence[Mapping[str, Json]], annotator: str, verified: bool = False
    ) -> None:
        """Store decisions as labels of their own; sent twice, it is stored once. Raises: ConfigurationError."""
        kept = [event for event in events if event.get("action") == "label"]
        items = self._items(queue, [str(event.get("record")) for event in kept])
        in_force = latest(self._store.labels(queue.cascade, stage=queue.stage))
        made: list[Label] = []
        for event in kept:
            record = str(event.get("record"))
            if record not in items:
                raise ConfigurationError(f"The queue of stage {queue.stage!r} has no record {record!r}.")
            people = list(in_force.get((record, queue.stage), {}).values())
            at = self._clock()
            made.append(
                adjudication(event, people, queue, items[record], annotator=annotator, at=at, verified=verified)
            )
        self._store.append_labels(queue.cascade, made)

    def _items(self, queue: Queue, records: Sequence[str]) -> dict[str, QueueItem]:
        """Give the items of records, of the random queue where it has them, otherwise of another of the stage."""
        found: dict[str, QueueItem] = {}
        for one in (queue, *self._store.queues(queue.cascade, queue.stage)):
            missing = [record for record in records if record not in found]
            if missing:
                found.update({item.record: item for item in self._store.queue_items_of(one.id, missing)})
        return found

    def _disagreements(self, cascade: str, stage: str, labels: Sequence[Label]) -> dict[str, Disagreement]:
        file = self._load(cascade)
        name = file.cascade.stage(stage).metrics[0]
        by = metric(name, custom=custom_metrics(file).get(name))
        done = adjudications(labels)
        found: dict[str, Disagreement] = {}
        for place, people in latest(labels).items():
            key = (name, *(label.id for label in people.values()))
            if key not in self._compared:
                self._compared[key] = disagreement(list(people.values()), by)
            differ = self._compared[key]
            if differ is not None and place not in done:
                found[differ.record] = differ
        return found
