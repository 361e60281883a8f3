"""Reading whole records of a run: the fair sample, what comes next for whom, what they say, and the codebook."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stagegap.analysis.codes import CodesView, ReadRun, codes_view, read_run
from stagegap.analysis.record_view import RecordView
from stagegap.errors import ConfigurationError, NotFound, near_names
from stagegap.model.answer import Answer, Label
from stagegap.model.cascade import Cascade, Kind, OutputType
from stagegap.model.notes import CodeEvent, Reading
from stagegap.model.queue import Queue, QueueItem
from stagegap.model.record import Json
from stagegap.model.run import SYSTEM, Run
from stagegap.model.units import Levels
from stagegap.people import verdicts
from stagegap.people.codebook import Code, Codebook, code_event, codebook
from stagegap.people.forms import typed_number
from stagegap.people.readings import Readings as Held
from stagegap.people.readings import in_force, next_records, reading_event
from stagegap.stages.acceptance import Rejected, accept
from stagegap.workspace.failures import Failures
from stagegap.workspace.foundation import Foundation
from stagegap.workspace.provenance import run_records
from stagegap.workspace.scorecards import wanted_of

SAMPLE = 2_000
"""Records of a sample at most, as of a label queue: two afternoons."""
SEED = 1
"""Another draw than that of the label queues, so that who does both seldom meets a record twice; the same in each
run, so that two runs are read on the same records."""
NOTHING = in_force(())
HELD = 200
"""Records of the run that was read last that are held as they are drawn, so that none is put together twice."""
AT_ONCE = 16
"""Records that are looked for together: among millions that takes no longer than one does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadItem:
    """A record that somebody is to read."""

    record: str
    view: RecordView | None
    """None as long as the person is to label it blind."""
    waits: tuple[str, ...] = ()
    """Stages at which the person is to label it."""
    own: Reading | None = None
    """What the person said of it, as it stands."""
    codes: tuple[str, ...] = ()
    """That the person put on it, at the stage that the reading names."""
    is_offered: bool = True
    """False for one that was looked up: its reading enters no rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSitting:
    """One person before the sample of a run."""

    run: Run
    noun: str
    """What a record is called in this cascade."""
    stages: tuple[str, ...]
    items: tuple[ReadItem, ...]
    """The next ones; first the one that was looked up, where there is one."""
    last: ReadItem | None
    """What the person said last, to take back."""
    done: int
    passed: int
    """Of those that are done."""
    total: int
    book: Codebook
    corrects: Mapping[str, Box]
    """Stages whose answer can be put right."""


class Readings:
    """What the Read page asks for and stores; a run is named as on screen, `v3`."""

    def __init__(self, base: Foundation, failures: Failures) -> None:
        self._base = base
        self._store = base.store
        self._failures = failures
        self._samples: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._views: tuple[str, Mapping[str, RecordView | None]] = ("", {})
        self._cascades: dict[str, Cascade] = {}

    def book(self, cascade: str) -> Codebook:
        """The codebook of a cascade."""
        return codebook(self._store.failing.codes(cascade))

    def held(self, run: Run) -> Held:
        """What holds of what people said of a run's records."""
        return in_force(self._store.failing.readings(run.cascade, run.id))

    def sample(self, run: Run) -> tuple[str, tuple[str, ...]]:
        """The id of a run's sample and its records in random order; drawn on first use."""
        if run.id not in self._samples:
            queues = self._store.queues(run.cascade)
            queue = next((queue for queue in queues if (queue.purpose, queue.run) == ("read", run.id)), None)
            key = queue.id if queue is not None else self._draw(run)
            items = self._store.queue_items(key, "", limit=2**31)
            self._samples[run.id] = key, tuple(item.record for item in items)
        return self._samples[run.id]

    def _draw(self, run: Run) -> str:
        cascade = self._cascade(run)
        count = 0

        def chosen(of: int) -> Sequence[int]:
            nonlocal count
            count = of
            places: list[int] = np.random.default_rng(SEED).permutation(of)[:SAMPLE].tolist()
            return places

        if Levels.of(cascade).whole is None:  # no stage has an output of every record
            known = sorted(record.id for record in run_records(self._store, run, cascade))
            names = [known[place] for place in chosen(len(known))]
        else:
            names = self._store.failing.sampled(wanted_of(self._store, run, cascade), chosen)
        queue = Queue(
            id=uuid.uuid4().hex,
            cascade=run.cascade,
            stage=cascade.outcome.stage,
            purpose="read",
            created_at=self._base.clock(),
            form="{}",
            seed=SEED,
            run=run.id,
        )
        chance = min(1.0, SAMPLE / count) if count else None
        items = [
            QueueItem(position=place, record=name, payload="{}", probability=chance) for place, name in enumerate(names)
        ]
        self._store.create_queue(queue, items)
        return queue.id

    def sitting(self, cascade: str, run: str | None, who: str, *, ahead: int, record: str | None = None) -> ReadSitting:
        """Where a person is, with the next records as they flowed; `record` is one that was looked up.

        That the person sees what is handed out is noted, so that no label queue offers it to them afterwards; what
        they are still to label blind comes without its answers. Raises: NotFound.
        """
        stored = self._base.run(cascade, run)
        _, sample = self.sample(stored)
        readings, book = self.held(stored), self.book(cascade)
        own = readings.of(who)
        waiting = next_records(sample, readings, who)
        names = waiting[:ahead]
        if record is not None:
            names = [record, *(name for name in names if name != record)]
        last = next(reversed(own), None)
        wanted = [*names, *([last] if last is not None else [])]
        waits = self._see(stored, wanted, who)
        codes = _codes_of(book, who, stored.id)
        views = self._viewed(stored, [name for name in wanted if name not in waits], waiting)
        items = {
            name: ReadItem(
                record=name,
                view=None if name in waits else views[name],
                waits=waits.get(name, ()),
                own=own.get(name),
                codes=tuple(codes.get((name, own[name].stage), ())) if name in own else (),
                is_offered=bool(own[name].queue) if name in own else name != record,
            )
            for name in wanted
        }
        if record is not None and not items[record].waits and items[record].view is None:
            raise NotFound(f"Record {record} is not in run {stored.name}.")
        fair = [reading for reading in own.values() if reading.queue]
        return ReadSitting(
            run=stored,
            noun=self._cascade(stored).noun,
            stages=self._cascade(stored).names,
            items=tuple(item for name in names if (item := items[name]).waits or item.view is not None),
            last=items[last] if last is not None else None,
            done=len(fair),
            passed=sum(reading.verdict == "pass" for reading in fair),
            total=len(sample),
            book=book,
            corrects=corrigible(self._cascade(stored)),
        )

    def _see(self, run: Run, records: Sequence[str], who: str) -> Mapping[str, tuple[str, ...]]:
        """Note that a person sees records, but for those that they are still to label; these with their stages."""
        seen = self._store.failing.seen(run.cascade, who)
        fresh = [name for name in dict.fromkeys(records) if name not in seen]
        if not fresh:
            return {}
        waits = self._failures.still_to_label(run.cascade, fresh, who)
        self._failures.look_at(run, [name for name in fresh if name not in waits], who)
        return waits

    def show(self, cascade: str, run: str | None, record: str, who: str) -> None:
        """Let a person see a record that they were to label: their queues leave it out from here on."""
        self._failures.look_at(self._base.run(cascade, run), [record], who)

    def _viewed(self, run: Run, records: Sequence[str], later: Sequence[str]) -> Mapping[str, RecordView | None]:
        """Records as they flowed, None where the run has none; with one that is to be read, the first of `later`."""
        key, views = self._views
        if key != run.id or any(name not in views for name in records):
            known = dict(views) if key == run.id and len(views) <= HELD else {}
            wanted = [name for name in dict.fromkeys([*records, *later[:AT_ONCE]]) if name not in known]
            views = known | dict.fromkeys(wanted) | self._failures.as_they_flowed(run, wanted)
            self._views = run.id, views
        return views

    def _cascade(self, run: Run) -> Cascade:
        if run.id not in self._cascades:
            self._cascades[run.id] = self._base.files.of_run(run).cascade
        return self._cascades[run.id]

    def save(
        self, cascade: str, run: str | None, events: Sequence[Mapping[str, Json]], who: str, *, verified: bool = False
    ) -> None:
        """Store what the page sent: readings, and codes put on records; when this returns it survives a crash.

        Sent twice, it is stored once. Raises: ConfigurationError for an event that the page can't have made.
        """
        stored, at = self._base.run(cascade, run), self._base.clock()
        stages = self._cascade(stored).names
        queue, sample = self.sample(stored)
        offered = frozenset(sample)
        readings: list[Reading] = []
        codes: list[CodeEvent] = []
        corrections: list[Label] = []
        for event in events:
            if event.get("what") == "verdict":
                corrections += self._correction(stored, event, who, at=at, verified=verified)
            elif event.get("what") == "code":
                stage = str(event.get("stage") or "")
                if stage not in stages:
                    raise ConfigurationError(f"There is no stage {stage!r}. {near_names(stage, stages)}".strip())
                codes.append(code_event(event, stage=stage, annotator=who, at=at, run=stored.id, verified=verified))
            else:
                readings.append(
                    reading_event(
                        event,
                        stages=stages,
                        sample=offered,
                        queue=queue,
                        annotator=who,
                        run=stored.id,
                        at=at,
                        verified=verified,
                    )
                )
        self._store.append_labels(cascade, corrections)
        self._store.failing.append_readings(cascade, readings)
        self._store.failing.append_codes(cascade, codes)

    def _correction(
        self, run: Run, event: Mapping[str, Json], who: str, *, at: float, verified: bool
    ) -> Iterator[Label]:
        """What a reader puts in an output's place, which enters no rate: it was given where something went wrong.

        Taking a reading back takes that back, where there is any. Raises: ConfigurationError.
        """
        cascade, record, stage = self._cascade(run), str(event.get("record") or ""), str(event.get("stage") or "")
        if stage not in corrigible(cascade):
            raise ConfigurationError(f"What is right at {stage!r} can't be said in a box: the Label page asks for it.")
        own = self._store.labels(run.cascade, stage=stage, annotator=who, record=record, task="verdict")
        # The later one counts whatever the clock does: they are ordered by time.
        at = max([at, *(other.at for other in own)])
        label = Label(
            id=str(event["id"]), record=record, stage=stage, annotator=who, answer=None, action="undo", at=at,
            run=run.id, targeted=True, verified=verified, task="verdict",
        )  # fmt: skip
        if event.get("action") == "undo":
            if any(other.run == run.id and not other.queue for other in verdicts.in_force(own)):
                yield label
            return
        outputs = self._store.outputs(run.id, SYSTEM, stage, records=[record])
        output = next((output for output in outputs if output.repeat == 0 and output.status.has_value), None)
        if output is None:
            raise ConfigurationError(f"Stage {stage!r} gave no output for {record!r} that could be put right.")
        of = cascade.stage(stage).output
        documents = self._failures.shows(run).documents.get(of.of or "", {}) if of.kind is Kind.RANKING else ()
        right = Answer(value=typed_correction(of, str(event.get("value") or ""), documents))
        yield replace(label, action="label", answer=verdicts.verdict_on(output.value, "correct", right))

    def uncoded(self, cascade: str, run: str | None, who: str) -> list[Reading]:
        """What a person noted of records that fail and gave no code to, newest first."""
        stored = self._base.run(cascade, run)
        codes = _codes_of(self.book(cascade), who, stored.id)
        own = self.held(stored).of(who).values()
        return [
            reading
            for reading in reversed(list(own))
            if reading.stage and not codes.get((reading.record, reading.stage))
        ]

    def give(
        self, cascade: str, run: str | None, readings: Sequence[Reading], tag: str, who: str, *, verified: bool = False
    ) -> None:
        """Put a code on records that a person has read, at the stage that each reading names."""
        events: list[Mapping[str, Json]] = [
            {"id": uuid.uuid4().hex, "what": "code", "action": "add", "record": r.record, "stage": r.stage, "tag": tag}
            for r in readings
        ]
        self.save(cascade, run, events, who, verified=verified)

    def define(
        self, cascade: str, who: str, tag: str, meaning: Mapping[str, str], *, verified: bool = False
    ) -> Codebook:
        """Say what a code means; what is not said stays as it is. Raises: ConfigurationError."""
        code = next((code for code in self.book(cascade).codes if code.name == " ".join(tag.split())), Code(name=tag))
        meant: dict[str, Json] = {name: getattr(code, name) for name in ("definition", "example", "severity", "cost")}
        return self.change(cascade, who, verified=verified, action="define", tag=tag, **{**meant, **meaning})

    def move(
        self, cascade: str, who: str, tag: str, into: str, *, records: Sequence[str] = (), verified: bool = False
    ) -> Codebook:
        """Give a code another name, which merges where the name is there, or give some of its records to the other.

        Raises: ConfigurationError for a code that is not there, or records that do not carry it.
        """
        if not records:
            return self.change(cascade, who, verified=verified, action="move", tag=tag, into=into)
        book = self.book(cascade)
        carry = {mark.record for mark in book.marks if mark.code == tag}
        others = [record for record in records if record not in carry]
        if tag in book.names and others:
            raise ConfigurationError(f"{', '.join(others)}: no such record carries {tag!r}.")
        for record in records:
            book = self.change(cascade, who, verified=verified, action="split", tag=tag, into=into, record=record)
        return book

    def change(self, cascade: str, who: str, *, verified: bool = False, **change: Json) -> Codebook:
        """Change the codebook for everybody: `action` is define, move, split or retire. The book afterwards.

        Raises: ConfigurationError for a code that is not there, or a change that makes no sense.
        """
        book, name = self.book(cascade), str(change.get("tag") or "")
        if change.get("action") != "define" and " ".join(name.split()) not in book.names:
            hint = near_names(name, book.names)
            raise ConfigurationError(f"The codebook has no code {name!r}. {hint}".strip())
        event = code_event(
            {"id": uuid.uuid4().hex, **change},
            stage="",
            annotator=who,
            at=self._base.clock(),
            run="",
            verified=verified,
        )
        self._store.failing.append_codes(cascade, [event])
        return self.book(cascade)


YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Box:
    """Where a reader says what a stage should have answered."""

    values: tuple[str, ...] = ()
    """Of a closed set."""
    is_many: bool = False
    """Several of them, or a line each."""
    lines: str = "one a line"
    """What a line is."""


def corrigible(cascade: Cascade) -> Mapping[str, Box]:
    """Stages whose answer a reader can put right in a box."""
    boxes = {stage.name: _box(stage.output) for stage in cascade.stages if stage.each is None}
    return {name: box for name, box in boxes.items() if box is not None}


def _box(output: OutputType) -> Box | None:
    match output.kind:
        case Kind.LABEL:
            return Box(output.values)
        case Kind.BOOLEAN:
            return Box(tuple(YES_NO))
        case Kind.TEXT | Kind.TRANSCRIPT | Kind.NUMBER:
            return Box()
        case Kind.LABELS:
            return Box(output.values, is_many=True)
        case Kind.LIST if output.schema is None:
            return Box(is_many=True)
        case Kind.RANKING:
            return Box(is_many=True, lines="the id of a document a line, best first")
        case _:
            return None


def typed_correction(output: OutputType, text: str, documents: Collection[str] = ()) -> Json:
    """What was typed or chosen, several one a line, as a value of the type; `documents` are those that a ranking may
    name. Raises: ConfigurationError.
    """
    value: Json = YES_NO.get(text) if output.kind is Kind.BOOLEAN else text
    try:
        if output.kind is Kind.NUMBER:
            value = typed_number(text)
        if output.kind in (Kind.LABELS, Kind.LIST, Kind.RANKING):
            value = [line.strip() for line in text.splitlines() if line.strip()]
        accepted = accept(output, value, documents)
        if isinstance(accepted, Rejected):
            raise ValueError(accepted.reason)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no answer of the stage: {error}") from None
    return accepted.value


def _codes_of(book: Codebook, who: str, run: str) -> dict[tuple[str, str], list[str]]:
    """The codes that a person put on records in a run, by record and stage, in the order of the book."""
    codes: dict[tuple[str, str], list[str]] = {}
    place = {name: i for i, name in enumerate(book.names)}
    for mark in sorted(book.marks, key=lambda mark: place[mark.code]):
        if (mark.annotator, mark.run) == (who, run):
            codes.setdefault((mark.record, mark.stage), []).append(mark.code)
    return codes


def codes_of_run(base: Foundation, run: Run, cascade: Cascade) -> CodesView:
    """What people read of a run, counted by code and first wrong stage, beside the runs that were read before it."""
    store = base.store
    book = codebook(store.failing.codes(cascade.name))
    events: dict[str, list[Reading]] = {}
    for event in store.failing.readings(cascade.name):
        events.setdefault(event.run, []).append(event)
    by_run = {key: in_force(own) for key, own in events.items()}
    records = {record for readings in by_run.values() for record, _ in readings.by_reader}
    units = {record.id: record.unit for record in store.records(cascade.name, ids=sorted(records))}
    samples = {queue.run: queue.id for queue in store.queues(cascade.name) if queue.purpose == "read"}

    def read(of: Run) -> ReadRun:
        readings = by_run.get(of.id, NOTHING)
        items = store.queue_items_of(samples[of.id], sorted(records)) if of.id in samples else ()
        places = {item.record: item.position for item in items}
        return read_run(of.name, readings, book, key=of.id, units=units, places=places)

    before = sorted(
        (other for other in store.runs(cascade.name) if other.id in by_run and other.started_at < run.started_at),
        key=lambda other: other.started_at,
    )
    return codes_view(
        read(run),
        [read(other) for other in before],
        by_run.get(run.id, NOTHING),
        book,
        key=run.id,
        cascade=cascade.name,
        noun=cascade.noun,
        stages=cascade.names,
        seed=run.seed,
    )
