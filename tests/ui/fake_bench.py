"""Two people who disagree on three mails, settled through the real form and the real decision."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from stagegap.errors import NotFound
from stagegap.metrics import metric
from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.queue import Queue
from stagegap.model.record import Json
from stagegap.people import disagreements
from stagegap.people.histories import LabelHistory, label_history
from ui.fake_reading import CASCADE

if TYPE_CHECKING:
    from ui.fake_workspace import FakeWorkspace

ANSWERS: dict[str, tuple[Answer, Answer]] = {
    "route": (Answer(value="billing"), Answer(value="refund")),
    "retrieve": (Answer(value=["KB-044"]), Answer(value=[])),
    "draft": (
        Answer(value="You have 30 days.", facts=(Fact(("30 days",)),)),
        Answer(value="Please send us the order number.", facts=(Fact(("order number",)),)),
    ),
}
PEOPLE = ("first-person", "second-person")
RECORDS = ("m0000", "m0001", "m0002")


@dataclass(frozen=True)
class FakeSettling:
    queue: Queue
    form: Mapping[str, Json]
    open: tuple[str, ...]
    settled: int
    cited: Sequence[tuple[str, int]]
    reasons: Sequence[tuple[str, int]]
    decisions: Sequence[disagreements.Decision] = ()
    known: int = 0
    undecided: int = 0
    shared: int = 0


@dataclass(frozen=True)
class FakeBench:
    workspace: FakeWorkspace

    @property
    def may_go_on(self) -> Event:
        return self.workspace.noted.may_go_on

    def assigned(self, cascade: str, name: str) -> dict[str, object]:
        return {}

    def notes(self, cascade: str, stage: str, who: str) -> FakeNotes | None:
        return self.workspace.noted.notes(cascade, stage, who)

    def is_current(self, cascade: str, stage: str, who: str) -> bool:
        return self.workspace.noted.is_current(cascade, stage, who)

    def prepare(self, cascade: str, stage: str, who: str) -> None:
        self.workspace.noted.prepare(cascade, stage, who)

    def settling(self, cascade: str, stage: str, who: str = "") -> FakeSettling:
        queue = self.workspace.queue(cascade, stage)
        done = self.decisions(queue)
        return FakeSettling(
            queue=queue,
            form=disagreements.settling_form(json.loads(queue.form), queue.guideline),
            open=tuple(r for r in RECORDS if stage in ANSWERS and r not in {label.record for label in done}),
            settled=len(done),
            cited=disagreements.most_cited(done),
            reasons=disagreements.reasons(done),
            decisions=disagreements.decisions(done),
            known=1 if who == "curious" else 0,
        )

    def history(self, cascade: str, stage: str, record: str) -> LabelHistory:
        if not record.startswith("m"):
            raise NotFound(f"Cascade {cascade!r} has no record {record!r}.")
        done = [one for one in self.decisions(self.workspace.queue(cascade, stage)) if one.record == record]
        made = [*self._labels(stage, record), *done]
        return label_history(record, stage, CASCADE, labels=made, looks=[], payloads={}, runs={}, guidelines=[])

    def payloads(self, found: FakeSettling, records: Sequence[str]) -> list[dict[str, Json]]:
        by = metric("exact")
        shown: list[dict[str, Json]] = []
        for record in records:
            item = self.workspace.queue_item(found.queue, record, "")
            differ = disagreements.disagreement(self._labels(found.queue.stage, record), by)
            assert item is not None
            assert differ is not None
            shown.append(disagreements.settling_payload(differ, item, form=found.form))
        return shown

    def settle(self, queue: Queue, events: Sequence[Mapping[str, Json]], annotator: str, verified: bool) -> None:
        kept = [event for event in events if event["action"] == "label"]
        for event in kept:
            self._decision(queue, annotator, event)
        self.workspace.keep(f"settle {queue.id}", annotator, kept)

    def decisions(self, queue: Queue) -> list[Label]:
        rows = self.workspace.events(f"settle {queue.id}")
        last = {event["record"]: self._decision(queue, who, event) for who, event in rows}
        return list(last.values())

    def _decision(self, queue: Queue, who: str, event: Mapping[str, Json]) -> Label:
        item = self.workspace.queue_item(queue, str(event["record"]), "")
        assert item is not None
        people = self._labels(queue.stage, item.record)
        return disagreements.adjudication(event, people, queue, item, annotator=who, at=0.0, verified=False)

    def _labels(self, stage: str, record: str) -> list[Label]:
        return [
            Label(id=f"{who}{record}", record=record, stage=stage, annotator=who, answer=answer)
            for who, answer in zip(PEOPLE, ANSWERS[stage], strict=True)
        ]


@dataclass(frozen=True)
class FakeNotes:
    beyond: str = ""
    judged: tuple[str, ...] = ("Judged blind by quality: no difference can be told.",)
    hunts: tuple[str, ...] = ()
    own: str = ""
    doubts: str = "1 of 3 answers marked unsure."
    identity: str = "3 of 3 answers given here carry initials that nobody checked: not verified."


@dataclass
class FakePeople:
    """Notes that are there once they were prepared."""

    prepared: set[tuple[str, str, str]] = field(default_factory=set)
    may_go_on: Event = field(default_factory=Event)
    """Set from the start, so that nothing waits unless a test clears it."""

    def __post_init__(self) -> None:
        self.may_go_on.set()

    def notes(self, cascade: str, stage: str, who: str) -> FakeNotes | None:
        if (cascade, stage, who) not in self.prepared:
            return None
        beyond = "Krippendorff's alpha (nominal) 0.91 (0.84 to 0.96)." if stage == "route" else ""
        return FakeNotes(beyond=beyond, own=f"You: 3 labels at {stage}." if who else "")

    def is_current(self, cascade: str, stage: str, who: str) -> bool:
        return (cascade, stage, who) in self.prepared

    def prepare(self, cascade: str, stage: str, who: str) -> None:
        self.may_go_on.wait()
        self.prepared.add((cascade, stage, who))
