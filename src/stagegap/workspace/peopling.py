"""What the Agree page says of people beside what is to be settled: computed when asked, kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from stagegap.analysis.chance import chance_corrected
from stagegap.analysis.contributions import doubt_sentence, hunt_sentence, identity_sentence, own_work
from stagegap.analysis.judging import judged_gap, judging_of
from stagegap.analysis.rated import RatedGap
from stagegap.analysis.references import latest
from stagegap.analysis.settling import beyond_chance
from stagegap.metrics import metric
from stagegap.model.answer import Label
from stagegap.model.record import Record
from stagegap.model.run import SYSTEM
from stagegap.model.sources import CascadeFile
from stagegap.runner.prepare import custom_metrics
from stagegap.stats.clusters import clusters
from stagegap.store import Store
from stagegap.workspace.running import first_outputs
from stagegap.workspace.settling import Bench


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
    """Computes the notes and keeps them; the first time takes as long as it takes."""

    def __init__(self, store: Store, bench: Bench, *, load: Callable[[str], CascadeFile]) -> None:
        self._store = store
        self._bench = bench
        self._load = load
        self._kept: dict[tuple[str, str, str], tuple[tuple[int, int], PeopleNotes]] = {}

    def notes(self, cascade: str, stage: str, who: str) -> PeopleNotes | None:
        """Give the notes as they were computed last; None before that."""
        kept = self._kept.get((cascade, stage, who))
        return kept[1] if kept else None

    def is_current(self, cascade: str, stage: str, who: str) -> bool:
        """Say whether nothing was labelled or judged since the notes were computed."""
        kept = self._kept.get((cascade, stage, who))
        return kept is not None and kept[0] == self._mark(cascade, stage)

    def prepare(self, cascade: str, stage: str, who: str) -> None:
        """Compute the notes, and compare what people answered, so that the page finds both. Raises: NotFound."""
        mark = self._mark(cascade, stage)
        self._bench.settling(cascade, stage)
        labels = self._store.labels(cascade, stage=stage)
        notes = PeopleNotes(
            beyond=self._beyond(cascade, stage, [label for label in labels if not label.targeted]),
            judged=tuple(f"Judged blind by {one.criterion}: {one.sentence}" for one in self.judged(cascade, stage)),
            hunts=self._hunts(cascade, stage, labels),
            own=self._own(cascade, stage, who, labels) if who else "",
            doubts=doubt_sentence(labels, noun=self._load(cascade).cascade.noun),
            identity=identity_sentence(labels),
        )
        self._kept[cascade, stage, who] = (mark, notes)

    def judged(self, cascade: str, stage: str) -> tuple[RatedGap, ...]:
        """Give how the answers of the newest run that is done were judged beside those of people, by criterion."""
        run = self._store.run(cascade)
        made = self._store.judgements(cascade, stage=stage)
        if not made or run is None:
            return ()
        queues = [q for q in self._store.queues(cascade, stage) if q.purpose == "judge" and q.run == run.id]
        records, noun = self._records(cascade, made), self._load(cascade).cascade.noun
        found = [
            judged_gap(
                [label for label in made if label.queue == queue.id],
                records,
                judging_of(queue),
                noun=noun,
                seed=run.seed,
            )
            for queue in queues
        ]
        return tuple(one for one in found if one is not None)

    def _mark(self, cascade: str, stage: str) -> tuple[int, int]:
        return self._store.label_count(cascade), len(self._store.judgements(cascade, stage=stage))

    def _records(self, cascade: str, labels: Iterable[Label]) -> list[Record]:
        """Give the records of labels, and no others: there may be a million."""
        return self._store.records(cascade, ids=sorted({label.record for label in labels}))

    def _beyond(self, cascade: str, stage: str, labels: Sequence[Label]) -> str:
        answers: dict[str, dict[str, Label]] = {}
        for (record, _), people in latest(labels).items():
            for person, label in people.items():
                answers.setdefault(person, {})[record] = label
        records = [one for one in self._records(cascade, labels) if any(one.id in own for own in answers.values())]
        output = self._load(cascade).cascade.stage(stage).output
        codes = clusters(record.unit for record in records).codes
        found = chance_corrected(answers, [one.id for one in records], output, codes, seed=0)
        return beyond_chance(found[0]) if found else ""

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
        found = file.cascade.stage(stage)
        by = metric(found.metrics[0], custom=custom_metrics(file).get(found.metrics[0]))
        outputs = first_outputs(self._store, run, SYSTEM, stage)
        units = {record.id: record.unit for record in self._records(cascade, labels)}
        return tuple(
            hunt_sentence(queue, labels, outputs, by, found.output.kind, units, noun=file.cascade.noun)
            for queue in queues
        )
