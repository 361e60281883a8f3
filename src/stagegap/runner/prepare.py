"""From a cascade file to what a run executes: records, corpora, stage code, cells, and what stages share."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from stagegap.attribution.swaps import lattice_cells, run_cells
from stagegap.errors import ConfigurationError, near_names
from stagegap.exchange.label_files import Known, read_labels, unvouched
from stagegap.exchange.recorded import RecordedFields, read_recorded
from stagegap.exchange.records import read_documents, read_records
from stagegap.metrics import CustomMetric
from stagegap.model.answer import Answer, Label, Output, Reference
from stagegap.model.cascade import Cascade, CascadeFile, Stage
from stagegap.model.record import Json, Record
from stagegap.model.run import SYSTEM
from stagegap.people.references import with_units
from stagegap.plugins import METRICS, Plugin, added, source_of
from stagegap.runner.cases import Settled, given_output, input_reader
from stagegap.runner.work import CellWork
from stagegap.stages.code import code_of, project_folders
from stagegap.stages.corpus import Corpus
from stagegap.stages.fitted import Shelf
from stagegap.stages.foundation import build
from stagegap.stages.function import UserFunction, function_at
from stagegap.stages.kinds import kind_of
from stagegap.stages.pace import Providers
from stagegap.stages.protocol import Inputs, Reply, StageCode


class Pools:
    """The pools of one run; who came first is served first, so that a large wish is not starved by small ones."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self._free = dict(sizes)
        self._waiting: deque[tuple[Mapping[str, int], asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def hold(self, wanted: Mapping[str, int]) -> AsyncGenerator[None]:
        """Wait until all that is wanted is free, and keep it meanwhile; nothing wanted waits for nobody."""
        if not wanted:
            yield
            return
        await self._take(wanted)
        try:
            yield
        finally:
            self._give_back(wanted)

    async def _take(self, wanted: Mapping[str, int]) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._serve()
            else:
                self._give_back(wanted)
            raise

    def _give_back(self, wanted: Mapping[str, int]) -> None:
        for name, units in wanted.items():
            self._free[name] += units
        self._serve()

    def _serve(self) -> None:
        while self._waiting:
            wanted, turn = self._waiting[0]
            if not turn.done() and any(self._free[name] < units for name, units in wanted.items()):
                return
            self._waiting.popleft()
            if not turn.done():
                for name, units in wanted.items():
                    self._free[name] -= units
                turn.set_result(None)


@runtime_checkable
class Pooled(Protocol):
    """A stage that holds what it needs of the resources itself."""

    def use(self, pools: Pools) -> None:
        """Take it from these."""
        ...


CUSTOM = "python:"
"""Begin of the name of a metric that is a user's function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What a cascade file points at, read from its files."""

    records: tuple[Record, ...]
    corpora: Mapping[str, Corpus]
    labels: tuple[Label, ...]
    """From the reference files; the store may hold more."""

    def scored(self, cascade: Cascade) -> tuple[Record, ...]:
        """The records that a run is made on: those of the split that the cascade evaluates."""
        return tuple(r for r in self.records if cascade.evaluate in (None, r.split))

    def known(self, cascade: Cascade) -> Known:
        """What labels are checked against."""
        return _known(cascade, self.records, self.corpora)


def read_materials(file: CascadeFile) -> Materials:
    """Read records, corpora and reference files. Raises: InputError with every problem of a file."""
    records = read_records(file.records)
    corpora = read_corpora(file)
    known = _known(file.cascade, records, corpora)
    paths = file.references.paths if file.references else ()
    labels = tuple(label for path in paths for label in unvouched(read_labels(Path(path), known)))
    return Materials(records=tuple(records), corpora=corpora, labels=labels)


def read_corpora(file: CascadeFile) -> dict[str, Corpus]:
    """Read the documents that stages search. Raises: InputError with every problem of a file."""
    return {name: Corpus(name=name, documents=read_documents(source)) for name, source in file.corpora.items()}


def _known(cascade: Cascade, records: Iterable[Record], corpora: Mapping[str, Corpus]) -> Known:
    documents = {name: corpus.documents for name, corpus in corpora.items()}
    return Known(cascade=cascade, records={record.id for record in records}, documents=documents)


def stage_codes(
    file: CascadeFile,
    materials: Materials,
    references: Iterable[Reference],
    *,
    environment: Mapping[str, str],
    shelf: Shelf | None = None,
) -> dict[str, StageCode]:
    """The code of every stage; a trained one learns from the references of its split, and `shelf` keeps what it made.

    Raises: ConfigurationError when a stage can't work as it stands, InputError for a file of recorded outputs.
    """
    refuse_taught(file.cascade, materials.records)
    answers = given_answers(references)
    providers = Providers(limits=file.cascade.providers)
    codes = {
        stage.name: _stage_code(
            file, stage, materials, answers, environment=environment, providers=providers, shelf=shelf
        )
        for stage in file.cascade.called.stages
    }
    providers.refuse_unused()
    return codes


def refusals(
    file: CascadeFile, materials: Materials, references: Iterable[Reference], *, environment: Mapping[str, str]
) -> dict[str, ConfigurationError]:
    """Why stages can't work as they stand, by stage: all of what `stage_codes` raises the first of."""
    answers = given_answers(references)
    refused: dict[str, ConfigurationError] = {}
    for stage in file.cascade.called.stages:
        try:
            _stage_code(file, stage, materials, answers, environment=environment, providers=Providers(limits={}))
        except ConfigurationError as error:
            refused[stage.name] = error
    for judge in file.cascade.judges:
        try:
            refuse_taught(replace(file.cascade, judges=(judge,)), materials.records)
        except ConfigurationError as error:
            refused[judge.stage.name] = error
    return refused


def refuse_taught(cascade: Cascade, records: Sequence[Record]) -> None:
    """Refuse examples of judges that are no records, or records that measure the judge.

    Raises: ConfigurationError.
    """
    by_id = {record.id: record for record in records} if cascade.judges else {}
    for judge in cascade.judges:
        for name in judge.taught:
            if name not in by_id:
                raise ConfigurationError(
                    f"The judge {judge.name!r} of {judge.of!r} is taught by the record {name!r}, which is none. "
                    f"{near_names(name, by_id)}".strip()
                )
            if cascade.evaluate is not None and by_id[name].split == cascade.evaluate:
                raise ConfigurationError(
                    f"The judge {judge.name!r} of {judge.of!r} is taught by the record {name!r} of the split "
                    f"{cascade.evaluate!r}, which measures it. Teach it by records of another split."
                )


def _stage_code(
    file: CascadeFile,
    stage: Stage,
    materials: Materials,
    answers: Mapping[str, Mapping[str, Answer]],
    *,
    environment: Mapping[str, str],
    providers: Providers,
    shelf: Shelf | None = None,
) -> StageCode:
    return build(
        stage,
        folder=Path(file.folder),
        corpora=materials.corpora,
        examples=_examples(file.cascade, stage, materials, answers),
        recorded=_recorded(stage),
        environment=environment,
        providers=providers,
        media=Path(file.records.media) if file.cascade.fields else None,
        shelf=shelf,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecipe:
    """Makes the code of all stages on a worker, whose own environment has the secrets."""

    file: CascadeFile
    materials: Materials
    references: tuple[Reference, ...]
    root: str
    """Folder of the project where it is run: what the code of stages is made from lies in it."""

    @classmethod
    def of(cls, file: CascadeFile, materials: Materials, references: Iterable[Reference]) -> Self:
        """The recipe; only records that a stage is trained on travel."""
        splits = {kind_of(stage).learns_from(stage.parameters) for stage in file.cascade.stages} - {None}
        records = tuple(record for record in materials.records if record.split in splits)
        known = {record.id for record in records}
        return cls(
            file=file,
            materials=replace(materials, records=records, labels=()),
            references=tuple(reference for reference in references if reference.record in known),
            root=str([*project_folders(Path(file.path))][-2]),
        )

    def __call__(self) -> dict[str, StageCode]:
        """The code of every stage. Raises: ConfigurationError, InputError."""
        return stage_codes(self.file, self.materials, self.references, environment=os.environ)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Files of the project that no worker reads: records, documents and references travel with calls and recipe."""
        corpora = (path for source in self.file.corpora.values() for path in source.paths)
        references = self.file.references.paths if self.file.references else ()
        return (*self.file.records.paths, *corpora, *references)

    def moved(self, root: str) -> Self:
        """The recipe for a machine that has a copy of the project in another folder."""

        def relocated(value: Json) -> Json:
            if isinstance(value, str):
                return root + value.removeprefix(self.root) if Path(value).is_relative_to(self.root) else value
            if isinstance(value, Mapping):
                return {key: relocated(inner) for key, inner in value.items()}
            return [relocated(inner) for inner in value] if isinstance(value, list | tuple) else value

        def relocated_stage(stage: Stage) -> Stage:
            parameters = {key: relocated(value) for key, value in stage.parameters.items()}
            return replace(
                stage, parameters=parameters, rests_on=tuple(str(relocated(name)) for name in stage.rests_on)
            )

        file, cascade = self.file, self.file.cascade
        moved = replace(
            file,
            path=str(relocated(file.path)),
            folder=str(relocated(file.folder)),
            records=replace(file.records, media=str(relocated(file.records.media))),
            cascade=replace(
                cascade,
                stages=tuple(map(relocated_stage, cascade.stages)),
                judges=tuple(replace(judge, stage=relocated_stage(judge.stage)) for judge in cascade.judges),
            ),
        )
        return replace(self, file=moved)


def cell_works(
    cascade: Cascade, references: Iterable[Reference], *, records: Iterable[Record], rounds: int = 0
) -> tuple[CellWork, ...]:
    """The system's own cell and each swap cell of a run with the references that it puts in.

    `rounds` of sampled orders where parallel branches need too many swap sets.
    """
    settled = {(reference.record, reference.stage): reference for reference in references}
    answers = given_answers(with_units(settled, cascade, records).values())
    whole = {judged.outcome.stage: frozenset(lattice_cells(judged, rounds=rounds)) for judged in cascade.by_outcome}
    works = [
        CellWork(
            cell=cell,
            given={name: answers.get(name, {}) for name in cell.stages},
            wants=tuple(stage for stage, cells in whole.items() if cell in cells),
        )
        for cell in run_cells(cascade, rounds=rounds)
    ]
    return (CellWork(cell=SYSTEM), *works)


def custom_metrics(file: CascadeFile) -> dict[str, CustomMetric]:
    """The user's own metric functions by metric name. Raises: ConfigurationError when one can't be loaded."""
    return {name: function.call for name, function in metric_functions(file).items()}


def metric_functions(file: CascadeFile) -> dict[str, UserFunction]:
    """The functions behind metrics of the user's own and of packages, by metric name. Raises: ConfigurationError."""
    names = dict.fromkeys(name for stage in file.cascade.stages for name in stage.metrics)
    functions = {
        name: function_at(name.removeprefix(CUSTOM), Path(file.folder), start=f"The metric {name!r}")
        for name in names
        if name.startswith(CUSTOM)
    }
    for name in names:
        plugin: Plugin[Callable[..., object]] | None = added(METRICS, name)
        if plugin is not None:
            path = Path(source_of(name) or "")
            functions[name] = UserFunction(path=path, call=plugin.value, code=code_of(path))
    return functions


def given_answers(references: Iterable[Reference]) -> dict[str, dict[str, Answer]]:
    """The answer that a reference swap puts in, by stage and record."""
    answers: dict[str, dict[str, Answer]] = {}
    for reference in references:
        answers.setdefault(reference.stage, {})[reference.record] = reference.first
    return answers


def seen_inputs(
    cascade: Cascade, stage: Stage, record: Record, settled: Settled, corpora: Mapping[str, Corpus]
) -> dict[str, Json]:
    """What a stage sees of a record when the outputs before it are as in `settled`."""
    inputs: dict[str, Json] = {}
    for name, source in stage.inputs.items():
        if source.origin == "record":
            inputs[name] = record.fields.get(source.name)
        else:
            inputs[name] = input_reader(cascade, stage, source, corpora)(settled[source.name])[0]
    return inputs


def _examples(
    cascade: Cascade, stage: Stage, materials: Materials, answers: Mapping[str, Mapping[str, Answer]]
) -> Sequence[tuple[Inputs, Json]]:
    """Inputs and reference values of the records that a stage is trained on, in record order."""
    split = kind_of(stage).learns_from(stage.parameters)
    if split is None:
        return ()
    examples: list[tuple[Inputs, Json]] = []
    for record in materials.records:
        answer = answers.get(stage.name, {}).get(record.id)
        settled = _reference_outputs(record.id, stage.parents, answers)
        if record.split == split and answer is not None and answer.value is not None and settled is not None:
            examples.append((seen_inputs(cascade, stage, record, settled, materials.corpora), answer.value))
    return examples


def _reference_outputs(
    record: str, stages: Sequence[str], answers: Mapping[str, Mapping[str, Answer]]
) -> dict[str, Output] | None:
    """The references at the stages in the form of outputs; None where one is missing."""
    if any(record not in answers.get(name, {}) for name in stages):
        return None
    return {name: given_output(record, name, answers[name][record]) for name in stages}


def _recorded(stage: Stage) -> Mapping[str, Reply] | None:
    if not kind_of(stage).is_recorded:
        return None
    keys = (field.name for field in fields(RecordedFields))
    named = {key: str(value) for key in keys if (value := stage.parameters.get(key))}
    path = Path(str(stage.parameters["path"]))
    return read_recorded(path, RecordedFields(**named), stage=stage.name, output=stage.output)
