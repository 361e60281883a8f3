"""From a number back to people: the labels of one record with what each person had before them."""

from __future__ import annotations

from collections.abc import Sequence

from stagegap.errors import NotFound, near_names
from stagegap.model.answer import Label
from stagegap.model.cascade import Cascade
from stagegap.people.histories import LabelHistory, label_history
from stagegap.store import Store


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
        *store.labels(cascade.name, record=record),
        *(label for label in store.judgements(cascade.name, stage=stage) if label.record == record),
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
