"""Whether a run would take a cascade file as it stands, and all that it would refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stagegap import spec
from stagegap.errors import InputError, Problem, SpecError
from stagegap.exchange.records import read_records
from stagegap.model.cascade import Cascade, CascadeFile, RecordsSource
from stagegap.people.references import settle
from stagegap.runner import read_materials, refusals
from stagegap.workspace import execution
from stagegap.workspace.foundation import Foundation


@dataclass(frozen=True, slots=True, kw_only=True)
class Valid:
    """A file that a run would take."""

    path: str
    cascade: Cascade
    hints: tuple[str, ...]
    """What a run takes as it stands, and somebody may not have meant; each with its place."""


def validate(base: Foundation, path: Path | None) -> Valid:
    """Look at a file as a run would, in three steps, each whole: what is written, what stages are made of, what is left
    to call. The user's code is loaded in the second; nothing is called. Raises: SpecError with all problems of a step.
    """
    survey = spec.survey(base.chosen(path), environment=base.environment, fields=_fields)
    if survey.file is None:
        raise SpecError(survey.problems)
    problems = _unbuilt(base, survey.file, survey.stages)
    if not problems and survey.unset:
        planned = execution.planned(
            base.store, execution.read_job(base.store, survey.file, environment=base.environment)
        )
        called = {stage.stage for cell in planned.cells for stage in cell.stages if stage.calls}
        problems = [problem for stage, lacking in survey.unset.items() if stage in called for problem in lacking]
    if problems:
        raise SpecError(problems)
    return Valid(path=survey.file.path, cascade=survey.file.cascade, hints=tuple(map(str, survey.hints)))


def _fields(source: RecordsSource) -> Counter[str]:
    return Counter(name for record in read_records(source) for name in record.fields)


def _unbuilt(base: Foundation, file: CascadeFile, places: Mapping[str, Problem]) -> list[Problem]:
    """What is wrong with records, references and recorded answers, or else with what stages are made of."""
    try:
        materials = read_materials(file)
    except InputError as error:
        return list(error.problems)
    labels = execution.with_rows(base.store, file.cascade.name, materials.labels)
    refused = refusals(file, materials, settle(labels, file.cascade), environment=base.environment)
    return [replace(places[stage], message=str(error)) for stage, error in refused.items()]
