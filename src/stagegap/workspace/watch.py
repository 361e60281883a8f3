"""New records from a folder: taken in, run, drawn for people; and what they say beside a reference run."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from stagegap.analysis import evidence as ev
from stagegap.analysis.changes import OUTCOME
from stagegap.analysis.watch import Batch, Stream, WatchView, fold, level_of_reference, unlike, watch_view
from stagegap.errors import ConfigurationError
from stagegap.model.answer import Output
from stagegap.model.cascade import Cascade, CascadeFile
from stagegap.model.record import Json, Record, chance_of
from stagegap.model.run import SYSTEM, Run, RunStatus
from stagegap.model.units import Levels, record_of
from stagegap.runner import Progress, RunOptions, Silent, Stop, asking_about, custom_metrics, drawn_queue
from stagegap.stats.intervals import mean_of
from stagegap.workspace import execution
from stagegap.workspace.attribution import Attribution
from stagegap.workspace.foundation import WATCHED, Foundation
from stagegap.workspace.provenance import first_outputs, run_records
from stagegap.workspace.runs import Runs

SHARE = 0.1
AGAIN = 10
LOSE_AT_MOST = 0.05
SUFFIXES = (".jsonl", ".csv", ".parquet")
"""Of files of records; traces come in any file."""
_Outputs = dict[tuple[str, str], dict[str, Output]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    """One run of the watch: new records, and old ones that were asked again just before."""

    run: Run
    records: tuple[Record, ...]


class Watch:
    """The watch of one cascade. Its records, runs and queues are those of a cascade of its own, `NAME-watch`."""

    def __init__(self, base: Foundation, cascade: str, blessed: Run | None) -> None:
        """`blessed` is held to be the reference; without one the newest run that is done. Raises: NotFound."""
        self._base = base
        self._store = base.store
        self.cascade = cascade
        self.name = f"{cascade}{WATCHED}"
        self._reference = blessed or base.run(cascade)

    @property
    def path(self) -> Path:
        """The file of the watch, beside that of the cascade. Raises: NotFound."""
        path = self._base.files.named(self.cascade)
        return path.with_name(f"{path.stem}{WATCHED}.yaml")

    def take_in(
        self,
        folder: Path,
        *,
        share: float = SHARE,
        again: int = AGAIN,
        progress: Progress | None = None,
        stop: Stop | None = None,
    ) -> int:
        """Run what is new in the folder, draw each record with the chance `share` for people; give how many were new.

        Before them `again` old records that have references are asked anew at every stage. Raises: InputError with
        every problem of the files, ConfigurationError, StoreError.
        """
        if not 0 < share <= 1 or again < 0:
            raise ConfigurationError(f"The share lies between 0 and 1 and --again from 0 on, not {share} and {again}.")
        file = self._write(folder)
        if file is None:
            return 0
        intake = execution.take_in(self._store, file, environment=self._base.environment)
        ours = {record.id for record in self._old}
        known = {record.id for came in self._came() for record in came.records}
        new = [record for record in intake.job.materials.records if record.id not in known | ours]
        if not new:
            return 0
        old = self._next_old(again, known)
        if old:
            self._run(intake, old, RunOptions(fresh=True), progress, stop)
        run = self._run(intake, new, RunOptions(), progress, stop)
        self._draw(intake.job.file, intake, run, new, share)
        return len(new)

    def view(self, *, lose_at_most: float = LOSE_AT_MOST) -> WatchView:
        """Say whether anything fell; nothing is called. Raises: ConfigurationError for a margin that can't be."""
        if not 0 <= lose_at_most < 1:
            raise ConfigurationError(f"--lose-at-most lies between 0 and 100 points, not {100 * lose_at_most:g}.")
        came = self._came()
        old = {record.id for record in self._old}
        batches = [of for of in came if not {record.id for record in of.records} <= old]
        look = Runs(self._base).attribution(self.cascade, self._reference.name)
        streams: list[Stream] = []
        if batches:
            streams += self._scores(look, batches)
            streams += self._same_inputs(look, came, batches)
            streams.append(self._inputs(batches))
        again = self._again_by_batch(came, batches)
        return watch_view(
            streams,
            [
                Batch(run=of.run.name, at=of.run.started_at, records=len(of.records), drawn=self._drawn(of), again=n)
                for of, n in zip(batches, again, strict=True)
            ],
            cascade=self.name,
            base=self._reference.name,
            noun=look.cascade.noun,
            lose_at_most=lose_at_most,
        )

    @property
    def is_begun(self) -> bool:
        """Some records came in already."""
        return bool(self._store.runs(self.name))

    def _write(self, folder: Path) -> CascadeFile | None:
        """Write the watch's cascade file for the files that lie in the folder; None while there is none."""
        if not folder.is_dir():
            raise ConfigurationError(f"{folder} is no folder.")
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        source = self._base.files.named(self.cascade)
        home = source.parent
        files = self._as_records(files, source)
        if files is None:
            return None
        records = cast("Mapping[str, Json]", self._base.files.load(source).resolved["records"])
        paths = records["path"]
        own = list(paths) if isinstance(paths, list) else [paths]
        came = [os.path.relpath(path.resolve(), home.resolve()) for path in files]
        self.path.write_text(
            f"# Written by `stagegap tools watch`: what comes into {folder.name} goes through {self.cascade}.\n"
            f"extends: {source.name}\ncascade: {self.name}\nevaluate: null\n"
            f"records: {{path: {json.dumps([*own, *came], ensure_ascii=False)}}}\n",
            encoding="utf-8",
        )
        return self._base.files.load(self.path)

    def _as_records(self, files: Sequence[Path], source: Path) -> list[Path] | None:
        """The files of records among these and those that traces were made into; None while nothing came.

        Traces for a cascade that an import has made go into its own data, as later imports do: they bring what its
        stages answered. For any other cascade a trace is what went in, and the stages answer it here.
        """
        from stagegap.exchange.spans.arrivals import holds_traces, is_imported, records_of

        folder = self._base.folder
        if is_imported(folder, self.cascade):
            if files:
                Runs(self._base).import_traces(files, name=self.cascade)
            return [] if files else None
        cascade = self._base.files.load(source)
        reads = {
            of.name.split(".")[0]
            for stage in cascade.cascade.stages
            for of in stage.inputs.values()
            if of.origin == "record"
        }
        came: list[Path] = []
        for path in files:
            if holds_traces(path, {*reads, cascade.records.id}):
                made = folder / "data" / self.name / f"{path.name}.jsonl"
                made.parent.mkdir(parents=True, exist_ok=True)
                rows = records_of(path, id=cascade.records.id)
                made.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")
                came.append(made)
            elif path.suffix in SUFFIXES:
                came.append(path)
        return came or None

    def _run(
        self,
        intake: execution.TakenIn,
        records: Sequence[Record],
        options: RunOptions,
        progress: Progress | None,
        stop: Stop | None,
    ) -> Run:
        cells = tuple(cell for cell in intake.job.cells if cell.cell == SYSTEM)
        job = replace(intake.job, records=tuple(records), cells=cells, options=options)
        run, summary = execution.run(
            self._store,
            replace(intake, job=job),
            folder=self._base.folder,
            clock=self._base.clock,
            progress=progress or Silent(),
            stop=stop,
        )
        if run.status is not RunStatus.DONE:
            raise ConfigurationError(f"Run {run.name} of {self.name} stopped: {summary.error}")
        return run

    def _draw(
        self, file: CascadeFile, intake: execution.TakenIn, run: Run, new: Sequence[Record], share: float
    ) -> None:
        """Put the drawn records into a queue of each stage that leads to the outcome."""
        chosen = {record.id: share for record in new if chance_of(self.name, record.id) < share}
        outputs = {name: first_outputs(self._store, run, SYSTEM, name) for name in file.cascade.names}
        materials = replace(intake.job.materials, records=tuple(new))
        for stage in sorted(file.cascade.leading):
            asking = asking_about(file, materials, stage, outputs, run=run.id)
            queue, items = drawn_queue(asking, chosen, id=uuid.uuid4().hex, created_at=self._base.clock())
            if items:
                self._store.create_queue(queue, items)

    @cached_property
    def _old(self) -> tuple[Record, ...]:
        """The records of the reference run, in a random order that stays the same."""
        look = Runs(self._base).attribution(self.cascade, self._reference.name)
        records = run_records(self._store, self._reference, look.cascade)
        return tuple(sorted(records, key=lambda record: chance_of(self.name, record.id)))

    def _next_old(self, again: int, known: set[str]) -> list[Record]:
        """Old records with references that were not asked again yet; each is once."""
        look = Runs(self._base).attribution(self.cascade, self._reference.name)
        outcome = look.cascade.outcome.stage
        labelled = {record for record, stage in look.labelled.references if stage == outcome}
        return [record for record in self._old if record.id in labelled and record.id not in known][:again]

    def _came(self) -> list[_Came]:
        """The runs of the watch that are done, oldest first, with their records."""
        runs = [run for run in reversed(self._store.runs(self.name)) if run.status is RunStatus.DONE]
        return [
            _Came(run=run, records=tuple(run_records(self._store, run, self._base.files.of_run(run).cascade)))
            for run in runs
        ]

    def _outputs(self, came: Sequence[_Came], cascade: Cascade) -> _Outputs:
        """What the runs answered, each record once."""
        outputs: _Outputs = {(str(SYSTEM), name): {} for name in cascade.names}
        for of in came:
            for name in cascade.names:
                outputs[str(SYSTEM), name] |= first_outputs(self._store, of.run, SYSTEM, name)
        return outputs

    def _drawn(self, came: _Came) -> int:
        return len({record for queue in self._queues(came.run) for record in self._items(queue)})

    def _queues(self, run: Run) -> list[str]:
        return [queue.id for queue in self._store.queues(self.name) if queue.run == run.id]

    def _items(self, queue: str) -> list[str]:
        return [item.record for item in self._store.queue_items(queue, "", limit=2**31)]

    def _scores(self, look: Attribution, batches: Sequence[_Came]) -> list[Stream]:
        """The score of each place on what was drawn and answered, beside the reference run's."""
        run = batches[-1].run
        cascade = self._base.files.of_run(run).cascade
        records = [record for of in batches for record in of.records]
        evidence = ev.gather(
            cascade,
            records,
            self._outputs(batches, cascade),
            self._store.settled(cascade),
            custom=custom_metrics(self._base.files.of_run(run)),
            run=run.name,
            seed=run.seed,
        )
        arrived = {record.id: place for place, of in enumerate(batches) for record in of.records}
        drawn = self._drawn_at(batches, cascade)
        places = [OUTCOME, *(name for name in cascade.names if name in cascade.leading)]
        level = level_of_reference(len(places))
        streams: list[Stream] = []
        for place in places:
            stage = cascade.outcome.stage if place == OUTCOME else place
            chosen = drawn.get(stage, frozenset())
            values = _values(evidence, place)
            mine = [record.id in chosen for record in evidence.records]
            times = [self._when(evidence, record.id, stage, arrived[record.id], batches) for record in evidence.records]
            means, at = fold(
                np.where(mine, values, math.nan), np.array(times), [record.unit for record in evidence.records]
            )
            streams.append(
                Stream(
                    kind="score",
                    place=place,
                    values=means,
                    batches=at,
                    waiting=int(sum(mine)) - int((~np.isnan(values[np.array(mine, dtype=np.bool_)])).sum()),
                    reference=mean_of(_values(look.labelled, place), look.labelled.units, level=level),
                    promised=_promised(look.cascade, place),
                )
            )
        return streams

    def _drawn_at(self, batches: Sequence[_Came], cascade: Cascade) -> dict[str, frozenset[str]]:
        levels = Levels.of(cascade)
        runs = {of.run.id for of in batches}
        drawn: dict[str, frozenset[str]] = {}
        for queue in self._store.queues(self.name):
            if queue.run in runs and queue.purpose == "random":
                records = {record_of(levels, queue.stage, item) for item in self._items(queue.id)}
                drawn[queue.stage] = drawn.get(queue.stage, frozenset()) | records
        return drawn

    def _when(self, evidence: ev.Evidence, record: str, stage: str, arrived: int, batches: Sequence[_Came]) -> int:
        """The batch that a score counts for: the newest that was there when the answer came.

        So what is answered late changes nothing of what earlier looks saw, and the order of the bets is that in which
        they could be made.
        """
        at = max((label.at for label in evidence.labels.get((record, stage), {}).values()), default=0.0)
        return max(arrived, sum(of.run.started_at <= at for of in batches) - 1)

    def _same_inputs(self, look: Attribution, came: Sequence[_Came], batches: Sequence[_Came]) -> list[Stream]:
        """Score now less score then at each stage, on old records that the stage received the same input of."""
        then = look.labelled
        old = {record.id for record in self._old}
        again = [of for of in came if {record.id for record in of.records} <= old]
        if not again:
            return []
        order = [of.run.id for of in came]
        starts = [order.index(of.run.id) for of in batches]
        batch_of = {
            record.id: sum(start < order.index(of.run.id) for start in starts) for of in again for record in of.records
        }
        asked = [record for record in then.records if record.id in batch_of]
        cascade = look.cascade
        now = ev.gather(
            cascade,
            asked,
            self._outputs(again, cascade),
            look.settled,
            custom=custom_metrics(self._base.files.of_run(self._reference)),
        )
        then = replace(then, records=tuple(asked), population=None)
        streams: list[Stream] = []
        for name in (name for name in cascade.names if name in cascade.leading):
            change = ev.stage_scores(now, name, SYSTEM) - ev.stage_scores(then, name, SYSTEM)
            same = np.array([_received_the_same(then, now, name, record.id) for record in asked], dtype=np.bool_)
            values, at = fold(
                np.where(same, change, math.nan),
                np.array([min(batch_of[record.id], len(batches) - 1) for record in asked], dtype=np.int64),
                [record.unit for record in asked],
            )
            streams.append(Stream(kind="same input", place=name, values=values, batches=at))
        return streams

    def _again_by_batch(self, came: Sequence[_Came], batches: Sequence[_Came]) -> list[int]:
        """How many old records were asked again just before each batch."""
        counts: list[int] = []
        waiting = 0
        arrivals = {of.run.id for of in batches}
        for of in came:
            if of.run.id in arrivals:
                counts.append(waiting)
                waiting = 0
            else:
                waiting += len(of.records)
        return counts

    def _inputs(self, batches: Sequence[_Came]) -> Stream:
        """How unlike the old records the new ones are, one a unit."""
        old = [words_of(record) for record in _one_a_unit(self._old)]
        new = [[words_of(record) for record in _one_a_unit(of.records)] for of in batches]
        values, at = unlike(old, new)
        return Stream(kind="inputs", place="inputs", values=values, batches=at)


def _values(evidence: ev.Evidence, place: str) -> NDArray[np.float64]:
    return ev.outcome_scores(evidence, SYSTEM) if place == OUTCOME else ev.stage_scores(evidence, place, SYSTEM)


def _promised(cascade: Cascade, place: str) -> float | None:
    target = cascade.targets.get(place)
    least = target.get("at_least") if isinstance(target, Mapping) else None
    return float(least) if isinstance(least, int | float) else None


def _received_the_same(then: ev.Evidence, now: ev.Evidence, stage: str, record: str) -> bool:
    """True where all stages that it reads answered the same both times."""
    for parent in then.cascade.stage(stage).parents:
        a, b = (side.system(parent).get(record) for side in (then, now))
        if a is None or b is None or (a.status, a.value) != (b.status, b.value):
            return False
    return True


def _one_a_unit(records: Sequence[Record]) -> list[Record]:
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record.unit, record)
    return list(first.values())


def words_of(record: Record) -> frozenset[str]:
    """What the watch knows a record by: the words of each field, and how long it is; without its id and its split."""
    words: set[str] = set()
    for name, value in record.fields.items():
        if value is None or str(value) in (record.id, record.split):
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        cleaned = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()
        words |= {f"{name}:{word}" for word in cleaned[:200]}
        words.add(f"{name} has about {2 ** len(cleaned).bit_length()} words")
    return frozenset(words)
