"""A stored run -> the job that made it; made again, and held against what was stored, to the byte."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from stagegap import spec
from stagegap.analysis.changes import line_difference
from stagegap.analysis.reproduced import (
    Difference,
    Reproduction,
    StageOutputs,
    environment_differences,
    reproduction,
    stage_outputs,
)
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.model.answer import Output, Status
from stagegap.model.cascade import Cascade, CascadeFile
from stagegap.model.record import Record
from stagegap.model.run import Provenance, Run, RunStatus
from stagegap.people.references import Settled
from stagegap.runner import (
    Materials,
    Plan,
    Progress,
    RunOptions,
    Stop,
    Work,
    cell_works,
    execute,
    is_paid,
    read_corpora,
    scope_of,
    stage_codes,
)
from stagegap.stages.protocol import Inputs, Reply, StageCode
from stagegap.store import Store
from stagegap.workspace import provenance, run_facts
from stagegap.workspace.execution import Job
from stagegap.workspace.provenance import run_records


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """A run with the job that makes it again."""

    run: Run
    job: Job
    path: Path
    """Where the cascade file stands."""
    made_from: Provenance
    now: Mapping[str, str]
    """Present digest of each file that the cascade points at, by path; empty for one that is gone."""
    texts: Mapping[str, str]
    """Texts as they were, by digest."""

    @property
    def asked_once(self) -> Cascade:
        """The run's cascade, every stage asked once: repeats are no part of a swap or a trial."""
        whole = self.job.file.cascade
        return replace(whole, stages=tuple(replace(stage, repeats=1) for stage in whole.stages))

    def work(self, records: Sequence[Record]) -> Work:
        """Work of a swap or a trial on these records: every stage asked once, what is known used again."""
        alone = replace(self.job, options=RunOptions()).work(self.run.id)
        return replace(alone, cascade=self.asked_once, records=records)


def refuse_to_pay(plan: Plan, *, may_pay: bool, what: str, ways: str = "`--paid` allows them.") -> None:
    """Ask for leave before `what` calls a paid service. Raises: ConfigurationError where it would, without leave."""
    if plan.paid_calls and not may_pay:
        raise ConfigurationError(f"{what} needs up to {plan.paid_calls:,} calls to a paid service. {ways}")


@contextmanager
def restored(store: Store, run: Run, *, path: Path, environment: Mapping[str, str]) -> Generator[Restored]:
    """The job of a stored run, from what the store keeps; files of the project are read where they are the same.

    `path` is where the cascade file stands. Code, prompts and corpora that have changed since stand in a temporary
    folder as long as the context lasts. Raises: ConfigurationError for a run that kept too little, SpecError.
    """
    made_from = provenance.read(store, run.id)
    if made_from is None:
        raise ConfigurationError(
            f"Run {run.name} is older than the keeping of what runs are made from, so it can't be made again. "
            "`stagegap run` makes a run that can."
        )
    now = {source.path: provenance.digest_of(path.parent / source.path) for source in made_from.sources}
    texts = store.origins.texts([source.digest for source in made_from.sources if source.kept == "text"])
    with tempfile.TemporaryDirectory(prefix="stagegap-") as folder:
        places = _written(made_from, now, texts, Path(folder))
        file = _as_it_was(run, spec.restore(run.resolved, path=path, places=places))
        job = _job(store, run, file, made_from, environment)
        yield Restored(run=run, job=job, path=path, made_from=made_from, now=now, texts=texts)


def _written(made_from: Provenance, now: Mapping[str, str], texts: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Write what is another by now, and give the place of each by its path in the cascade file."""
    places: dict[str, str] = {}
    for source in made_from.sources:
        if now[source.path] != source.digest and source.digest in texts:
            place = folder / source.digest[:16] / Path(source.path).name
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(texts[source.digest].encode("utf-8"))
            places[source.path] = str(place)
    return places


def _as_it_was(run: Run, file: CascadeFile) -> CascadeFile:
    """The file with what the run was named by: no place of this machine."""
    return replace(file, cascade=replace(file.cascade, fingerprint=run.fingerprint), resolved=json.loads(run.resolved))


def _job(store: Store, run: Run, file: CascadeFile, made_from: Provenance, environment: Mapping[str, str]) -> Job:
    options = replace(run_facts.options(store, run), retry=False, budget=None)
    file = replace(file, cascade=options.changed(file.cascade))
    settled = Settled(store.labels(run.cascade)[: made_from.labels], file.cascade)
    references = list(settled.references.values())
    materials = Materials(
        records=tuple(store.origins.records(made_from.records_digest)),
        corpora=read_corpora(file),
        labels=tuple(settled.labels),
    )
    return Job(
        file=file,
        materials=materials,
        records=_own(run_records(store, run, file.cascade), materials.records),
        codes=stage_codes(file, materials, references, environment=environment, shelf=store.fits),
        cells=cell_works(file.cascade, references, records=materials.records, rounds=options.rounds),
        options=options,
        settled=settled,
        environment=environment,
    )


def _own(ran: Sequence[Record], stored: Sequence[Record]) -> tuple[Record, ...]:
    """The records of a run as they were."""
    ids = {record.id for record in ran}
    return tuple(record for record in stored if record.id in ids)


NOT_CALLED = "not called again: it would be paid, and its input is not the one that was answered"


class _Unasked:
    """Stands in for a paid stage: knows nothing, so that only the store's answers count."""

    def __init__(self, code: StageCode) -> None:
        self.fingerprint = code.fingerprint
        self.reads_record = code.reads_record

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Answer nothing."""
        return [Reply(status=Status.INFRASTRUCTURE, error=NOT_CALLED, is_reusable=False) for _ in inputs]


@dataclass(frozen=True, slots=True)
class _Both:
    """Answers of this making first, then those that were stored."""

    scratch: Store
    stored: Store

    def cached(self, keys: Sequence[str]) -> Mapping[str, Output]:
        """What either knows."""
        outputs = self.scratch.cached(keys)
        return outputs | self.stored.cached([key for key in keys if key not in outputs])


def reproduce(
    store: Store,
    run: Run,
    *,
    path: Path,
    environment: Mapping[str, str],
    may_pay: bool,
    progress: Progress,
    stop: Stop | None = None,
) -> Reproduction:
    """Make a run again from what was stored, and say what differs.

    Nothing of it enters the store. Stages that ask a paid service take their answers from the store, unless
    `may_pay`. Raises: ConfigurationError for a run that kept too little, SpecError, RunStopped.
    """
    with (
        restored(store, run, path=path, environment=environment) as restored_run,
        tempfile.TemporaryDirectory(prefix="stagegap-") as folder,
        Store.open(Path(folder)) as scratch,
    ):
        cascade = restored_run.job.file.cascade.called
        unasked = {s.name for s in cascade.stages if is_paid(s) and not may_pay}
        codes = {name: _Unasked(code) if name in unasked else code for name, code in restored_run.job.codes.items()}
        scratch.put_records(cascade.name, restored_run.job.records)
        again = scratch.create_run(replace(run, name="", status=RunStatus.RUNNING, finished_at=None, error=""))
        work = replace(
            restored_run.job.work(again.id), codes=codes, fresh=frozenset(cascade.names) - unasked, budget=None
        )
        summary = execute(work, sink=scratch, cache=_Both(scratch, store), progress=progress, stop=stop)
        rows = tuple(_rows(store, scratch, run, restored_run, unasked))
    if summary.status is not RunStatus.DONE:
        raise RunStopped(f"{run.name} was not made again to its end: {summary.error}")
    return reproduction(
        cascade.name,
        run.name,
        calls=summary.calls - sum(row.not_called for row in rows),
        stages=rows,
        differences=_differences(store, restored_run),
    )


def _rows(store: Store, scratch: Store, run: Run, restored_run: Restored, unasked: set[str]) -> Iterator[StageOutputs]:
    cascade = restored_run.job.file.cascade.called
    for work in restored_run.job.cells:
        for stage in scope_of(cascade, work.cell).runs:
            then = store.outputs(run.id, work.cell, stage.name)
            now = scratch.outputs(run.id, work.cell, stage.name)
            yield stage_outputs(str(work.cell), stage.name, then, now, is_asked=stage.name not in unasked)


def _differences(store: Store, restored_run: Restored) -> tuple[Difference, ...]:
    then = restored_run.made_from
    return (
        *_files(restored_run),
        *_data(store, restored_run),
        *_stages(restored_run),
        *environment_differences(then.environment, provenance.here()),
    )


def _files(restored_run: Restored) -> Iterator[Difference]:
    """The files that are others by now. Those whose text is kept were read as they were."""
    named = provenance.pointed_at(restored_run.job.file)
    for source in restored_run.made_from.sources:
        now = restored_run.now[source.path]
        if now == source.digest:
            continue
        text = restored_run.texts.get(source.digest)
        if source.path not in named:
            detail = "Code imports it, from where it stands: the file of today was read."
        elif text is None:
            detail = f"Its content of then is not kept ({source.kept}): the file of today was read."
        else:
            detail = _line_by_line(text, restored_run.path.parent / source.path)
        yield Difference(
            kind="code" if source.role == "code" else "prompt" if source.role == "prompt" else "data",
            name=source.path,
            then=source.digest[:12],
            now=now[:12] or "gone",
            detail=detail,
        )


def _data(store: Store, restored_run: Restored) -> Iterator[Difference]:
    """What of records and labels could not be had back as it was."""
    then, job = restored_run.made_from, restored_run.job
    if len(job.materials.records) != then.records:
        yield Difference(
            kind="data",
            name="records",
            then=f"{then.records:,} records",
            now=f"{len(job.materials.records):,} records",
            detail="The store has lost records of then.",
        )
    if provenance.labels_digest(job.settled.labels) != then.labels_digest:
        yield Difference(
            kind="labels",
            name="labels",
            then=f"{then.labels:,} labels",
            now=f"{store.label_count(restored_run.run.cascade):,} labels",
            detail="The labels of then are not the first ones of this store.",
        )


def _stages(restored_run: Restored) -> Iterator[Difference]:
    """The stages that answer by something else than then, although their files are as they were."""
    for name, origin in restored_run.made_from.stages.items():
        now = restored_run.job.codes[name].fingerprint
        if now != origin.fingerprint:
            yield Difference(
                kind="stage",
                name=name,
                then=origin.fingerprint[:12],
                now=now[:12],
                detail="A file that is not kept, a corpus, labels or the version of a library differs.",
            )


def _line_by_line(then: str, path: Path) -> str:
    try:
        now = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "The run was made again with the file of then."
    return f"The run was made again with the file of then.\n{line_difference(then, now)}"
