"""A workspace in memory and one JSONL file: invented mails, invented numbers, real saving by the real worklist."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from odd_noticing import planted_screen
from stagegap.analysis.codes import CodesView
from stagegap.analysis.need import NextLabels
from stagegap.analysis.views import Scorecard
from stagegap.model.answer import Label
from stagegap.model.cascade import Document, Kind, OutputType, Source, Stage
from stagegap.model.estimate import unmeasured
from stagegap.model.queue import Progress, Queue, QueueItem, Sitting
from stagegap.model.record import Json
from stagegap.model.run import LiveRun, Run, RunStatus
from stagegap.people import card
from stagegap.people.histories import OwnLabel, own_labels
from stagegap.workspace.kept_views import Kept
from stagegap.workspace.labels import Onward
from ui.fake_bench import FakeBench, FakePeople
from ui.fake_oddities import FakeOddities
from ui.fake_reading import FakeReading

TEAMS = ("billing", "refund", "delivery", "account", "technical", "other")
ARTICLES = [
    ("KB-014", "Duplicate charges: how we check and refund them"),
    ("KB-017", "Price changes and how to keep your old plan"),
    ("KB-022", "Refund when the card is closed or lost"),
    ("KB-024", "Returns after 30 days"),
    ("KB-031", "Parcel shows as delivered but is missing"),
    ("KB-032", "Change the address of an order on its way"),
    ("KB-041", "Log-in loop after an update"),
    ("KB-043", "Merge two accounts"),
    ("KB-044", "Delete an account"),
    ("KB-052", "Export stops or closes the app"),
    ("KB-061", "Countries we ship to"),
]
DOCUMENTS = {key: Document(id=key, title=title, text=f"{title}. Steps, then time limits.") for key, title in ARTICLES}
SECRET = "the-systems-own-answer"
"""What the system answered at the stage that is labelled: must reach no browser."""
MALICIOUS = "<img src=http://tracker.invalid/p onerror='window.hacked=1'><script>window.hacked=1</script>![x](http://tracker.invalid/q)"


def _inputs(*names: str) -> dict[str, Source]:
    stages = {"team": Source("stage", "route"), "articles": Source("stage", "retrieve")}
    return {name: stages.get(name, Source("record", name)) for name in names}


GUIDELINE = "Read the whole mail.\nTwo topics: choose the one that is more urgent."
MARKED = "# How angry\n- **0**: *calm*\n- 10: 2 * 5 <img src=x onerror='window.hacked=1'>"
"""A guideline with marks, and with what must stay text."""


def _stage(name: str, inputs: dict[str, Source], output: OutputType, metric: str, ask: str) -> Stage:
    helps = {"billing": "charges, invoices, prices", "refund": "money back, returns"}
    return Stage(
        name=name, uses="python", inputs=inputs, output=output, metrics=(metric,), ask=ask, choices_help=helps,
        guideline=MARKED if name == "anger" else GUIDELINE,
    )  # fmt: skip


TICKET: dict[str, Json] = {
    "type": "object",
    "required": ["kind", "customer"],
    "properties": {
        "kind": {"enum": ["question", "complaint"], "description": "what they want"},
        "customer": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string", "minLength": 2}, "age": {"type": "integer", "minimum": 0}},
        },
        "address": {
            "type": "object",
            "required": ["city"],
            "properties": {"city": {"type": "string"}, "zip": {"type": "string", "pattern": r"\A[0-9]{5}\Z"}},
        },
        "topics": {"type": "array", "items": {"enum": ["parcel", "money"]}, "maxItems": 1},
        "orders": {"type": "array", "items": {"type": "string"}},
        "insured": {"type": "boolean"},
    },
}
OWN_FORM = """
export default function ({ element, item, value, set }) {
  const slider = document.createElement("input")
  Object.assign(slider, { type: "range", min: "1", max: "9", value: value?.bad ?? "1" })
  slider.setAttribute("aria-label", `How bad is ${item.id}`)
  const take = bad => { slider.value = bad; set({ bad: Number(bad) }) }
  slider.oninput = () => take(slider.value)
  element.append(slider)
  return { digit: take, problem: found => (found ? "" : "Move the slider, or skip.") }
}
"""
"""A form of the user's own: a slider, which the digits move too."""
WRITTEN_FORM = """
export default function ({ element, item, value, set }) {
  const box = document.createElement("textarea")
  box.value = value?.text ?? ""
  box.setAttribute("aria-label", `Remarks on ${item.id}`)
  box.oninput = () => set({ text: box.value })
  element.append(box)
  return { problem: remark => (remark?.text ? "" : "Write, or skip.") }
}
"""
"""One with a box."""
OWN_FORMS = {"triage": OWN_FORM, "remarks": WRITTEN_FORM}
STAGES = {
    stage.name: stage
    for stage in (
        _stage(
            "route",
            _inputs("subject", "body"),
            OutputType(kind=Kind.LABEL, values=TEAMS),
            "accuracy",
            "Which team must answer this mail?",
        ),
        _stage(
            "retrieve",
            _inputs("subject", "body", "team"),
            OutputType(kind=Kind.RANKING, of="articles", k=3),
            "recall@3",
            "Which articles are needed to answer this mail?",
        ),
        _stage(
            "draft",
            _inputs("subject", "body", "articles"),
            OutputType(kind=Kind.TEXT),
            "fact_recall",
            "Write the reply that you would send.",
        ),
        _stage("urgent", _inputs("body"), OutputType(kind=Kind.BOOLEAN), "accuracy", "Must this be answered today?"),
        _stage(
            "topics", _inputs("body"), OutputType(kind=Kind.LABELS, values=TEAMS), "set_f1", "Which topics are in it?"
        ),
        _stage(
            "anger", _inputs("body"), OutputType(kind=Kind.NUMBER, low=0, high=10), "tolerance", "How angry, 0 to 10?"
        ),
        _stage(
            "ticket", _inputs("body"), OutputType(kind=Kind.OBJECT, schema=json.dumps(TICKET)), "exact", "Fill it in."
        ),
        _stage("triage", _inputs("body"), OutputType(kind=Kind.OBJECT, schema="{}"), "exact", "How bad, how soon?"),
        _stage(
            "country",
            _inputs("body"),
            OutputType(kind=Kind.LABEL, values=tuple(f"country {i}" for i in range(1, 31))),
            "accuracy",
            "Which country is it about?",
        ),
        _stage("remarks", _inputs("body"), OutputType(kind=Kind.OBJECT, schema="{}"), "exact", "What strikes you?"),
        _stage("tone", _inputs("body"), OutputType(kind=Kind.LABELS, values=TEAMS), "set_f1", "Who should read it?"),
    )
}


def _item(stage: Stage, i: int) -> QueueItem:
    record = f"m{i:04d}"
    inputs: dict[str, Json] = {
        "subject": MALICIOUS if i == 3 else f"Please delete my account ({i})",
        "body": "Since yesterday the login page says my session expired, every time. I tried two browsers and a phone. "
        f"My account mail is the old one from before we merged (customer {50000 + i}). {MALICIOUS if i == 3 else ''}",
        "team": "account",
        "articles": [DOCUMENTS["KB-041"].as_input(), DOCUMENTS["KB-043"].as_input()],
        stage.name: SECRET,
    }
    pool: Sequence[str] = ()
    if stage.output.kind is Kind.RANKING:
        pool = card.candidate_pool(
            record, system=["KB-044", "KB-043"], other=["KB-041", "KB-052"], corpus=list(DOCUMENTS), size=8
        )
    body = card.payload(stage, record, inputs, DOCUMENTS, pool)
    return QueueItem(position=i, record=record, payload=json.dumps(body), probability=0.12)


@dataclass(frozen=True)
class Asked:
    stage: str
    question: str
    kind: str
    queue_id: str | None


@dataclass(frozen=True)
class Change:
    since: float
    before: str
    now: str


def _example(i: int, value: list[str], explanation: str) -> dict[str, Json]:
    payload: Json = json.loads(_item(STAGES["tone"], i).payload)
    return {"item": payload, "values": {"value": value, "facts": ""}, "explanation": explanation}


WARMUP = [
    _example(120, ["account"], "It names the login and nothing that was paid."),
    _example(121, ["account", "technical"], "Two browsers failed, so it may be ours."),
]
SIZE = 120


@dataclass(frozen=True)
class FakeAttribution:
    """A run that nobody has read."""

    cascade: str
    run: str

    def codes(self) -> CodesView:
        return CodesView(
            cascade=self.cascade,
            run=self.run,
            noun="mail",
            version=0,
            readers=(),
            n=0,
            looked_up=0,
            failing=unmeasured("nobody read one"),
            uncoded=0,
            rows=(),
            runs=(),
            unseen=(),
            agreement=(),
        )


class FakePast:
    """No run goes on in this process."""

    def live(self) -> list[LiveRun]:
        return []


@dataclass
class FakeWorkspace:
    folder: Path
    shown: Scorecard | None
    stale: int = 0
    running: bool = False
    undrawn: bool = False
    asked: NextLabels | None = None
    """What decides the ranking of the stages."""
    waits: tuple[str, ...] = ()
    """Records that are still to be labelled by everybody."""
    names: list[str] = field(default_factory=lambda: ["support_email"])
    refreshed: list[tuple[str, str]] = field(default_factory=list)
    screened: bool = True
    """A screen of the run is kept."""
    odd: FakeOddities | None = None

    noted: FakePeople = field(default_factory=FakePeople)

    def close(self) -> None:
        """There is nothing to let go of."""

    def cascades(self) -> list[str]:
        return self.names

    @property
    def runs(self) -> FakeWorkspace:
        return self

    def of(self, cascade: str) -> list[Run]:
        listed = [("v15", RunStatus.RUNNING)] if self.running else []
        if self.shown is not None:
            listed += [(self.shown.run, RunStatus.DONE), ("v13", RunStatus.DONE)]
        return [
            Run(
                id=name,
                name=name,
                cascade=cascade,
                fingerprint="f",
                resolved="{}",
                status=status,
                started_at=1763460000.0,
            )
            for name, status in listed
        ]

    def attribution(self, cascade: str, run: str) -> FakeAttribution:
        return FakeAttribution(cascade, run)

    def kept_scorecard(self, cascade: str, run: str | None) -> Kept[Scorecard] | None:
        return Kept(view=self.shown, is_old=self.stale > 0, labels=0) if self.shown else None

    def is_old(self, scorecard: Scorecard) -> bool:
        return self.stale > 0

    def stale_labels(self, scorecard: Scorecard) -> int:
        return self.stale

    def refresh(self, cascade: str, run: str) -> None:
        self.refreshed.append((cascade, run))

    def past(self, cascade: str) -> FakePast:
        return FakePast()

    @property
    def labels(self) -> FakeWorkspace:
        return self

    @property
    def oddities(self) -> FakeOddities:
        if self.odd is None:
            self.odd = FakeOddities(
                folder=self.folder, shown=self.shown, kept=planted_screen() if self.screened else None
            )
        return self.odd

    def inlined(self, cascade: str, records: Collection[str]) -> dict[str, str]:
        return {}

    @property
    def failures(self) -> FakeReading:
        return FakeReading(folder=self.folder, shown=self.shown, waits=self.waits)

    def next_labels(self, cascade: str, annotator: str) -> NextLabels | None:
        return self.asked

    def own_labels(self, cascade: str, stage: str, annotator: str) -> list[OwnLabel]:
        return own_labels(self.labels_in(self.queue(cascade, stage), annotator))

    def queue_ids(self, cascade: str) -> list[str]:
        return [f"queue-{name}" for name in STAGES]

    def queue_of(self, cascade: str, key: str) -> Queue | None:
        return self.queue(cascade, key.removeprefix("queue-")) if key in self.queue_ids(cascade) else None

    def queue_item(self, queue: Queue, record: str, annotator: str) -> QueueItem | None:
        known = {f"m{i:04d}": i for i in range(SIZE)}
        return _item(STAGES[queue.stage], known[record]) if record in known else None

    def label_of(self, queue: Queue, annotator: str, record: str) -> Label | None:
        found = self._latest(queue, annotator).get(record)
        return found if found and found.action == "label" else None

    def guideline_change(self, queue: Queue, had: str) -> Change | None:
        if had in ("", card.guideline_hash(queue.guideline)):
            return None
        return Change(since=1763460000.0, before="Read the whole mail.\nOne topic only.", now=queue.guideline)

    def label_stages(self, cascade: str) -> list[Asked]:
        return [
            Asked(name, stage.ask, stage.output.kind, None if self.undrawn else f"queue-{name}")
            for name, stage in STAGES.items()
        ]

    def onward(self, cascade: str, stage: str, annotator: str, *, queue: str = "") -> Onward | None:
        names = [*STAGES]
        place = names.index(stage) + 1
        for name in (*names[place:], *names[: place - 1]):
            left = self.sitting(self.queue(cascade, name), annotator, 0).progress.left
            if left > 0:
                return Onward(stage=name, question=STAGES[name].ask, left=left)
        return None

    def queue(self, cascade: str, stage: str, name: str = "random") -> Queue:
        form = card.form(STAGES[stage], list(DOCUMENTS.values()), module=OWN_FORMS.get(stage, ""))
        return Queue(
            id=f"queue-{stage}",
            cascade=cascade,
            stage=stage,
            purpose="next" if name == "next" else "random",
            created_at=0.0,
            form=json.dumps(form),
            question=STAGES[stage].ask,
            guideline=STAGES[stage].guideline,
            warmup=json.dumps(WARMUP if stage == "tone" else []),
        )

    def sitting(self, queue: Queue, annotator: str, limit: int) -> Sitting:
        latest = self._latest(queue, annotator)
        items = [_item(STAGES[queue.stage], i) for i in range(SIZE)]
        fresh = [item for item in items if item.record not in latest]
        skipped = [item for item in items if item.record in latest and latest[item.record].action == "skip"]
        times = [label.active_ms for label in latest.values() if label.action == "label" and label.active_ms]
        done = sum(label.action == "label" for label in latest.values())
        last = next(reversed(latest.values()), None)
        had = [label.guideline for label in self.labels_in(queue, annotator) if label.guideline]
        pace = median(times) if times else None
        return Sitting(
            items=[*fresh, *skipped][:limit],
            progress=Progress(done=done, skipped=len(latest) - done, total=SIZE, median_ms=pace),
            last=(_item(STAGES[queue.stage], int(last.record[1:])), last) if last else None,
            guideline=had[-1] if had else "" if annotator == "new" else card.guideline_hash(queue.guideline),
        )

    def save_labels(
        self,
        queue: Queue,
        events: Sequence[Mapping[str, Json]],
        annotator: str,
        verified: bool,
    ) -> None:
        for event in events:
            self._label(queue, annotator, event)
        self.keep(queue.id, annotator, events)

    def keep(self, queue: str, annotator: str, events: Sequence[Mapping[str, Json]]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            for event in events:
                file.write(json.dumps([queue, annotator, dict(event)]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def events(self, queue: str) -> list[tuple[str, dict[str, Json]]]:
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        return [(who, event) for name, who, event in map(json.loads, lines) if name == queue]

    @property
    def people(self) -> FakeBench:
        return FakeBench(self)

    @property
    def _file(self) -> Path:
        return self.folder / "labels.jsonl"

    def labels_in(self, queue: Queue, annotator: str) -> list[Label]:
        if not self._file.exists():
            return []
        rows = [json.loads(line) for line in self._file.read_text(encoding="utf-8").splitlines()]
        mine = {event["id"]: event for name, who, event in rows if (name, who) == (queue.id, annotator)}
        return [self._label(queue, annotator, event) for event in mine.values()]

    def _label(self, queue: Queue, annotator: str, event: Mapping[str, Json]) -> Label:
        item = _item(STAGES[queue.stage], int(str(event["record"])[1:]))
        return card.label_from_event(event, queue, item, annotator=annotator, at=0.0)

    def _latest(self, queue: Queue, annotator: str) -> dict[str, Label]:
        latest: dict[str, Label] = {}
        for label in self.labels_in(queue, annotator):
            latest.pop(label.record, None)
            if label.action != "undo":
                latest[label.record] = label
        return latest
