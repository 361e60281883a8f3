"""What happens between a cascade file and a stored scorecard, and which earlier runs outputs are taken over from."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from stagegap.analysis import views
from stagegap.errors import ConfigurationError, NotFound, RunStopped
from stagegap.metrics import Compared
from stagegap.model.answer import Answer, Label, Status
from stagegap.model.canonical import digest
from stagegap.model.cascade import Cascade, CascadeFile
from stagegap.model.record import Json, Record
from stagegap.model.run import Carry, PastCall, Run, RunStatus
from stagegap.model.units import Levels, record_of
from stagegap.people.reference_rows import followed
from stagegap.people.references import Settled
from stagegap.runner import (
    Announce,
    Basis,
    CellWork,
    Choice,
    Materials,
    Plan,
    Progress,
    RunOptions,
    Silent,
    Stop,
    Summary,
    Work,
    WorkerRecipe,
    cell_works,
    execute,
    forecast,
    given_answers,
    identities,
    paid_stages,
    plan,
    read_materials,
    spread,
    stage_codes,
    unchanged,
)
from stagegap.spec.judges import resolved_blocks
from stagegap.stages.endpoint import Priced
from stagegap.stages.fitted import Shelf
from stagegap.stages.foundation import foundation_of
from stagegap.stages.protocol import StageCode
from stagegap.store import Store
from stagegap.workspace.foundation import signed_in
from stagegap.workspace.kept_views import KeptViews
from stagegap.workspace.provenance import labels_digest, own_cells, provenance, put_metrics
from stagegap.workspace.run_facts import BASIS, noted, put_basis, put_options, put_training
from stagegap.workspace.scorecards import score


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A cascade file with all that running it needs."""

    file: CascadeFile
    materials: Materials
    records: Sequence[Record]
    """Those that are run and scored."""
    codes: Mapping[str, StageCode]
    cells: Sequence[CellWork]
    options: RunOptions
    settled: Settled
    """The references of this job, and the labels that they come from."""
    environment: Mapping[str, str]

    def views(self, store: Store, comparisons: dict[str, Compared] | None = None) -> KeptViews:
        """The views of the cascade, which rest on what lies beside its file."""
        return KeptViews(store, lambda _: Path(self.file.path), self.environment, comparisons)

    @property
    def shown(self) -> Mapping[str, Mapping[str, Answer]]:
        """The references that judges are shown, by stage and record."""
        judged = {judge.of for judge in self.file.cascade.judges if judge.sees_reference}
        answers = given_answers(self.settled.references.values()) if judged else {}
        return {stage: answers.get(stage, {}) for stage in judged}

    def work(self, run: str) -> Work:
        """What the runner executes under that run's id."""
        alone = Work(
            run=run,
            cascade=self.file.cascade.called,
            codes=self.codes,
            corpora=self.materials.corpora,
            records=self.records,
            references=self.shown,
            cells=self.cells,
            fresh=self.options.fresh_of(self.file.cascade.called),
            budget=self.options.budget,
        )
        if not self.options.engine:
            return alone
        recipe = WorkerRecipe.of(self.file, self.materials, list(self.settled.references.values()))
        return spread(alone, Choice.parse(self.options.engine).engine(), recipe)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """A job whose records and references the store has."""

    job: Job
    records_digest: str
    """Of all records of the cascade's files."""
    references: str
    """What has changed in the reference files since the last run, in a sentence; empty where nothing has."""


def read_job(
    store: Store, file: CascadeFile, *, environment: Mapping[str, str], options: RunOptions | None = None
) -> Job:
    """Job of a cascade file as a run would have it; nothing is stored: for whoever plans.

    Without options every record is run, with all that is known used again.
    Raises: ConfigurationError for options that can't be had with this file.
    """
    file, materials, options = _read(file, options)
    labels = with_rows(store, file.cascade.name, materials.labels)
    settled = Settled(labels, file.cascade)
    return _job(file, materials, settled, environment=environment, options=options, shelf=store.fits)


def take_in(
    store: Store, file: CascadeFile, *, environment: Mapping[str, str], options: RunOptions | None = None
) -> TakenIn:
    """Job of a cascade file whose records and references go into the store: for whoever runs. Raises: as `read_job`."""
    file, materials, options = _read(file, options)
    name = file.cascade.name
    imported = store.put_records(name, materials.records)
    owned = store.reference_rows(name)
    change = followed(store.settled(file.cascade).labels, materials.labels, owned)
    if change.owned != owned:
        store.put_reference_rows(name, change.owned)
    store.append_labels(name, change.events)
    settled = store.settled(file.cascade)
    job = _job(file, materials, settled, environment=environment, options=options, shelf=store.fits)
    return TakenIn(job=job, records_digest=imported.digest, references=change.sentence)


def _read(file: CascadeFile, options: RunOptions | None) -> tuple[CascadeFile, Materials, RunOptions]:
    options = options or RunOptions()
    file = replace(file, cascade=options.changed(file.cascade))
    return file, read_materials(file), options


def with_rows(store: Store, cascade: str, rows: Sequence[Label]) -> list[Label]:
    """Labels as the store would have them after taking the rows of reference files in."""
    stored = store.labels(cascade)
    change = followed(stored, rows, store.reference_rows(cascade))
    return [*stored, *(label for label in change.events if label.task == "produce")]


def _job(
    file: CascadeFile,
    materials: Materials,
    settled: Settled,
    *,
    environment: Mapping[str, str],
    options: RunOptions,
    shelf: Shelf,
) -> Job:
    references = list(settled.references.values())
    codes = stage_codes(file, materials, references, environment=environment, shelf=shelf)
    if options.budget and options.budget.dollars is not None:
        _check_prices(codes)
    return Job(
        file=file,
        materials=materials,
        records=options.chosen(materials.scored(file.cascade)),
        codes=codes,
        cells=cell_works(file.cascade, references, records=materials.records, rounds=options.rounds),
        options=options,
        settled=settled,
        environment=environment,
    )


def _check_prices(codes: Mapping[str, StageCode]) -> None:
    for name, code in codes.items():
        if isinstance(code, Priced) and not code.has_price:
            raise ConfigurationError(
                f"A budget in dollars can't be held: what a call of the stage {name!r} costs is unknown. "
                "Write `price` under its `with`, or give the budget in calls."
            )


def run(
    store: Store,
    taken_in: TakenIn,
    *,
    folder: Path,
    clock: Callable[[], float],
    progress: Progress | None,
    stop: Stop | None,
    comparisons: dict[str, Compared] | None = None,
) -> tuple[Run, Summary]:
    """Execute the job as a new run; when it is done, compute and store its scorecard.

    `comparisons` is what was compared already, by the code of the metrics.
    With `retry` it goes on in the newest run that is done. Raises: NotFound, ConfigurationError, StoreBusy.
    """
    with ExitStack() as lease:
        if taken_in.job.options.retry:
            begun, job = mended(store, taken_in.job)
            announce = lease.enter_context(store.leasing(begun)).asking
        else:
            begun, announce = begin(store, taken_in, folder=folder, now=clock(), lease=lease)
            job = replace(taken_in.job, cells=carrying(store, taken_in, begun))
        views = job.views(store, comparisons)
        ended, summary = _carried_out(
            store, job, begun, views, announce=announce, clock=clock, progress=progress or Silent(), stop=stop
        )
        return ended, replace(summary, references=taken_in.references)


def _carried_out(
    store: Store,
    job: Job,
    begun: Run,
    views: KeptViews,
    *,
    announce: Announce,
    clock: Callable[[], float],
    progress: Progress,
    stop: Stop | None,
) -> tuple[Run, Summary]:
    try:
        with noted(progress, store.folder, begun, cells=len(job.cells), clock=clock) as watched:
            work = replace(job.work(begun.id), carrier=store.carrying, announce=announce)
            summary = execute(work, sink=store, cache=store, progress=watched, stop=stop)
    except BaseException as error:
        reason = str(error) or type(error).__name__
        store.update_run(replace(begun, status=RunStatus.FAILED, finished_at=clock(), error=reason))
        if isinstance(error, (OSError, MemoryError)):  # no bug: the machine has no more of something
            raise RunStopped(
                f"Run {begun.name} stopped, because the system refused: {reason}. "
                "What was answered is kept; run it again to go on."
            ) from error
        raise
    put_training(store, begun.id, job.codes)
    ended = replace(begun, status=summary.status, finished_at=clock(), error=summary.error)
    try:
        if summary.status is RunStatus.DONE:
            score(store, ended, job.file, views=views)
    finally:  # it is done whether or not its scores can be had: a metric of the user's own may fail
        store.update_run(ended)
    return ended, summary


def begin(store: Store, taken_in: TakenIn, *, folder: Path, now: float, lease: ExitStack) -> tuple[Run, Announce]:
    """Store the beginning of a new run, with what it is made from and what it is told besides its file.

    `lease` keeps the run to this process; given back is also who is told what it asks. Runs that were killed are noted
    as ended.
    """
    job = taken_in.job
    store.end_killed(job.file.cascade.name, now=now)
    new = _new_run(job, folder, now)
    announce = lease.enter_context(store.leasing(new)).asking
    made_from, texts = provenance(
        job.file,
        job.materials,
        job.codes,
        job.settled.labels,
        records_digest=taken_in.records_digest,
        folder=folder,
        is_dirty=new.commit.endswith("+"),
        environment=job.environment,
    )
    basis = _basis(job, taken_in.records_digest)
    with store.together():
        begun = store.create_run(new)
        store.origins.keep_records(begun.cascade, taken_in.records_digest, job.materials.records)
        store.origins.put(begun.id, views.to_json(made_from), texts)
        put_metrics(store, begun, job.file)
        put_basis(store, begun.id, basis)
        put_training(store, begun.id, job.codes)
        if job.options != RunOptions():
            put_options(store, begun, job.options)
    store.name_paid(begun.id, paid_stages(job.file.cascade.called))
    return begun, announce


def carrying(store: Store, taken_in: TakenIn, begun: Run) -> tuple[CellWork, ...]:
    """Cells of a run with what they may take over from other runs, as far as those have come."""
    job = taken_in.job
    basis = _basis(job, taken_in.records_digest)
    return with_carries(store, begun.id, job.file.cascade.called, job.cells, basis=basis, settled=job.settled)


def _basis(job: Job, records_digest: str) -> Basis:
    cascade = job.file.cascade.called
    shown = {stage: digest({r: answer.given for r, answer in given.items()}) for stage, given in job.shown.items()}
    stages = identities(cascade, job.codes, job.materials.corpora)
    for judge in job.file.cascade.judges:
        if judge.sees_reference:
            stages[judge.stage.name] = digest([stages[judge.stage.name], shown[judge.of]])
    return Basis(
        stages=stages,
        records=records_digest,
        labels=len(job.settled.labels),
        labels_digest=labels_digest(job.settled.labels),
        fresh=tuple(sorted(job.options.fresh_of(cascade))),
    )


def mended(store: Store, job: Job) -> tuple[Run, Job]:
    """The newest run that is done, and the job for its records that a service failed.

    Raises: NotFound without such a run, ConfigurationError where the cascade file has changed since.
    """
    cascade = job.file.cascade
    last = store.run(cascade.name)
    if last is None:
        raise NotFound(f"Cascade {cascade.name!r} has no run that is done, so there is nothing to mend.")
    if last.fingerprint != cascade.fingerprint:
        raise ConfigurationError(
            f"The cascade file has changed since run {last.name}, so that run can't be mended. Make a new one."
        )
    levels = Levels.of(cascade.called)
    failed = {
        record_of(levels, stage, output.record)
        for cell in own_cells(store, last)
        for stage in cascade.called.names
        for output in store.outputs(last.id, cell, stage)
        if Status.INFRASTRUCTURE in (output.status, output.because)
    }
    store.name_paid(last.id, paid_stages(cascade.called))
    return last, replace(job, records=[record for record in job.records if record.id in failed])


def planned(store: Store, job: Job) -> Plan:
    """The calls that the job needs, and what they will take by what earlier ones with the same settings took."""
    here = replace(job, options=replace(job.options, engine=""), cells=_known_cells(store, job))
    work = replace(here.work(""), carrier=store.carrying)
    folder = Path(job.file.folder)
    foundations = {
        stage.name: foundation_of(stage, work.codes[stage.name], folder) for stage in job.file.cascade.called.stages
    }
    return replace(forecast(plan(work, cache=store), work, past_of(store, job.file)), foundations=foundations)


def _known_cells(store: Store, job: Job) -> tuple[CellWork, ...]:
    """The cells of a job with what a run of it could take over, where a run was made of the very same records."""
    cascade = job.file.cascade.called
    if not store.carrying.sources(cascade.name, BASIS, limit=1):
        return tuple(job.cells)
    known = store.carrying.known_set(job.materials.records)
    if not known:
        return tuple(job.cells)
    basis = _basis(job, known)
    return with_carries(store, "", cascade, job.cells, basis=basis, settled=job.settled)


def past_of(store: Store, file: CascadeFile) -> dict[str, Sequence[PastCall]]:
    """Earlier calls of each stage with the same settings."""
    now = _settings(file.resolved)
    runs = {run.id: _settings(json.loads(run.resolved)) for run in store.runs(file.cascade.name)}
    alike = {name: [run for run, then in runs.items() if then.get(name) == now[name]] for name in now}
    return {name: store.past_calls(same, name) for name, same in alike.items() if same}


def _settings(resolved: Mapping[str, Json]) -> dict[str, Json]:
    """Kind and settings of each stage, prices aside: they change nothing in a call."""
    return {
        name: [stage["uses"], {key: value for key, value in _with(stage).items() if key != "price"}]
        for name, stage in resolved_blocks(resolved)
    }


def _with(stage: Mapping[str, Json]) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", stage["with"])


def _new_run(job: Job, folder: Path, now: float) -> Run:
    return Run(
        id=uuid.uuid4().hex,
        name="",
        cascade=job.file.cascade.name,
        fingerprint=job.file.cascade.fingerprint,
        resolved=json.dumps(job.file.resolved, ensure_ascii=False),
        status=RunStatus.RUNNING,
        started_at=now,
        records=len(job.records),
        who=signed_in(),
        commit=_commit(folder),
        seed=job.options.seed,
    )


def _commit(folder: Path) -> str:
    """The git commit of the project, with `+` where the work tree differs; empty outside git."""
    try:
        process = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return process.stdout.strip()


LOOK_BACK = 20
"""Runs that are looked at, the newest first."""
SOURCES = 3
"""Runs that one cell takes over from at most: a run that was stopped early, and those that know the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Earlier:
    """An earlier run, with what has changed since."""

    run: str
    basis: Basis
    changed: frozenset[str]
    """Records that are others now."""
    given: Mapping[str, Mapping[str, Answer]] | None
    """What was put in then, by stage and record; None where the labels of then can't be told."""

    def since(self, cell: CellWork) -> frozenset[str] | None:
        """The records that have changed or that another answer is put in for; None where that is unknown."""
        if not cell.given:
            return self.changed
        if self.given is None:
            return None
        other = {
            record
            for stage, answers in cell.given.items()
            for record, answer in answers.items()
            if (then := self.given.get(stage, {}).get(record)) is None or then.value != answer.value
        }
        return self.changed | other


def with_carries(
    store: Store, run: str, cascade: Cascade, cells: Sequence[CellWork], *, basis: Basis, settled: Settled
) -> tuple[CellWork, ...]:
    """The cells of a run with what they may take over from others, as far as those have come.

    Nothing where records are taken apart: their calls are looked up one by one.
    """
    if not Levels.of(cascade).is_flat:
        return tuple(cells)
    earlier = [other for other in _earlier(store, cascade, basis, settled) if other.run != run]
    return tuple(replace(cell, carries=tuple(_carries(cascade, cell, basis, earlier))) for cell in cells)


def _earlier(store: Store, cascade: Cascade, now: Basis, settled: Settled) -> Iterator[_Earlier]:
    """The newest runs, up to one that called stages again: before it other answers may have been given."""
    given: dict[tuple[int, str], Mapping[str, Mapping[str, Answer]] | None] = {}
    for run, body in store.carrying.sources(cascade.name, BASIS, limit=LOOK_BACK):
        then = views.from_json(Basis, body)
        if (then.labels, then.labels_digest) not in given:
            given[then.labels, then.labels_digest] = _given(then, cascade, settled)
        yield _Earlier(
            run=run,
            basis=then,
            changed=frozenset(store.origins.changed(then.records, now.records)),
            given=given[then.labels, then.labels_digest],
        )
        if then.fresh:
            break


def _given(then: Basis, cascade: Cascade, settled: Settled) -> Mapping[str, Mapping[str, Answer]] | None:
    first = settled.labels[: then.labels]
    if labels_digest(first) != then.labels_digest:
        return None
    known = settled if len(first) == len(settled.labels) else Settled(first, cascade)
    return given_answers(known.references.values())


def _carries(cascade: Cascade, cell: CellWork, now: Basis, earlier: Sequence[_Earlier]) -> Iterator[Carry]:
    """The carries of the runs that share the most stages with this one, the newest first."""
    matches: list[tuple[_Earlier, dict[str, int]]] = []
    for source in earlier:
        same = unchanged(
            cascade, cell.cell, wants=cell.wants, then=source.basis.stages, now=now.stages, fresh=frozenset(now.fresh)
        )
        if same:
            matches.append((source, same))
    most = max((len(same) for _, same in matches), default=0)
    for source, same in [pair for pair in matches if len(pair[1]) == most][:SOURCES]:
        without = source.since(cell)
        if without is not None:
            yield Carry(source=source.run, cell=cell.cell, repeats=same, without=without)
