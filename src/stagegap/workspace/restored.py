"""A stored run -> the job that made it, with code, prompts, records and labels as they were."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from stagegap import spec
from stagegap.analysis import codec
from stagegap.analysis.references import settle
from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Cascade
from stagegap.model.provenance import Provenance
from stagegap.model.record import Record
from stagegap.model.run import Run
from stagegap.model.sources import CascadeFile
from stagegap.runner import Plan, RunOptions, Work
from stagegap.runner.prepare import Materials, cell_works, read_corpora, stage_codes
from stagegap.store import Store
from stagegap.workspace import provenance
from stagegap.workspace.running import Job, run_records
from stagegap.workspace.stored import OPTIONS


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
    view = store.view(run.id, OPTIONS)
    options = replace(codec.from_json(RunOptions, view[0]) if view else RunOptions(), retry=False, budget=None)
    file = replace(file, cascade=options.changed(file.cascade))
    labels = store.labels(run.cascade)[: made_from.labels]
    references = settle(labels, file.cascade)
    materials = Materials(
        records=tuple(store.origins.records(made_from.records_digest)),
        corpora=read_corpora(file),
        labels=tuple(labels),
    )
    return Job(
        file=file,
        materials=materials,
        records=_own(run_records(store, run, file.cascade), materials.records),
        codes=stage_codes(file, materials, references, environment=environment),
        cells=cell_works(file.cascade, references, rounds=options.rounds),
        options=options,
        labels=labels,
        environment=environment,
    )


def _own(ran: Sequence[Record], stored: Sequence[Record]) -> tuple[Record, ...]:
    """The records of a run as they were."""
    ids = {record.id for record in ran}
    return tuple(record for record in stored if record.id in ids)
