"""All that a run would refuse of a cascade file and of what it names, before anything runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from stagegap.errors import InputError, Problem, SpecError, near_names
from stagegap.model.cascade import CascadeFile, RecordsSource
from stagegap.model.record import Json
from stagegap.spec.checks import draft_of
from stagegap.spec.documents import Sections
from stagegap.spec.expand import expand
from stagegap.spec.files import located
from stagegap.spec.links import Links, mark, unread
from stagegap.spec.load import build, parts, records_source
from stagegap.spec.nodes import Entries, Findings, Mark, Node, child, plain
from stagegap.spec.outputs import ObjectOutput
from stagegap.spec.schema import Stage, StageBase
from stagegap.stages.code import count_remark
from stagegap.stages.kinds import named
from stagegap.stages.settings import Remark, many

Fields = Callable[[RecordsSource], Mapping[str, int]]
"""In how many records each field has a value. Raises: InputError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What reading finds; nothing of the user's is run."""

    file: CascadeFile | None
    """None where there are problems."""
    problems: tuple[Problem, ...]
    hints: tuple[Problem, ...]
    """What a run takes as it stands."""
    unset: Mapping[str, tuple[Problem, ...]]
    """Variables without a value, by the stage whose calls need them: answers that are known need no call."""
    stages: Mapping[str, Problem]
    """Where each stage stands, as a problem without a message."""


def survey(path: Path, *, environment: Mapping[str, str], fields: Fields) -> Survey:
    """Read a cascade file with prompts, functions and records. Raises: SpecError where there is no file to read."""
    findings, hints = Findings(), Findings()
    root = expand(path, environment=environment, findings=findings)
    if root is None:
        raise SpecError(findings.problems)
    sections, wired, guidelines = parts(root, findings)
    unset: dict[str, tuple[Problem, ...]] = {}
    for name, stage in sections.stages.items():
        if stage is not None:
            lacking = Findings()
            for remark in _remarks(name, stage, sections, environment):
                place = _place(remark, name, sections)
                into = lacking if remark.variable else hints if remark.is_hint else findings
                into.add(place, remark.message, remark.hint)
            if len(lacking):
                unset[name] = lacking.problems
    _check_fields(sections, wired, fields, findings)
    named = [other.score.partition(".")[0] for other in (sections.outcome, *sections.outcomes) if other]
    for name in unread(wired, named) if sections.outcome and wired.is_complete else ():
        message = f"nobody reads the stage {name!r}: it is an outcome of its own, beside the headline."
        hints.add(mark(sections, "stages", name), message, "Name it under `outcomes`, or let a stage read it.")
    marks = {name: mark(sections, "stages", name) for name in sections.stages}
    return Survey(
        file=None if len(findings) else build(sections, wired, path=Path(os.path.abspath(path)), guidelines=guidelines),
        problems=findings.problems,
        hints=hints.problems,
        unset=unset,
        stages={name: Problem(message="", path=at.path, line=at.line) for name, at in marks.items()},
    )


def _place(remark: Remark, stage: str, sections: Sections) -> Mark:
    if remark.path:
        return Mark(os.path.relpath(remark.path), remark.line)
    return mark(sections, "stages", stage, *remark.keys)


def _remarks(name: str, stage: StageBase, sections: Sections, environment: Mapping[str, str]) -> Iterator[Remark]:
    kind = named(stage.uses) if isinstance(stage, Stage) else None
    if isinstance(stage, Stage) and kind is not None:
        yield from _secrets(child(sections.root, "stages", name, "with"), ("with",), environment)
        yield from kind.study(draft_of(sections, stage), environment)
    for metric in many(stage.score) if stage.score is not None else ():
        own = metric.removeprefix("python:")
        remark = None if own == metric else count_remark(own, 2, what="an answer and a reference, as a metric is")
        if remark is not None:
            yield remark
    if isinstance(stage.output, ObjectOutput):
        yield from _schema_remarks(cast("Json", stage.output.schema_), ("output", "schema"))


def _secrets(node: Node | None, keys: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[Remark]:
    """The secrets that have no value: they are looked up at the first call, and never before."""
    for key, entry in node.entries.items() if isinstance(node, Entries) else ():
        value = plain(entry.node)
        if key == "$env" and not environment.get(str(value)):
            near = near_names(str(value), environment)
            hint = near if near.startswith("Did you mean") else ""
            yield Remark(f"the environment variable {value} is not set.", hint, keys=keys, variable=str(value))
        yield from _secrets(entry.node, (*keys, key), environment)


_WORDS = frozenset(
    {
        "definitions",
        "minContains",
        "readOnly",
        "else",
        "$defs",
        "then",
        "$anchor",
        "title",
        "contentMediaType",
        "$comment",
        "$id",
        "$vocabulary",
        "contentEncoding",
        "examples",
        "description",
        "default",
        "$dynamicAnchor",
        "contentSchema",
        "writeOnly",
        "$schema",
        "deprecated",
        "example",
        "maxContains",
    }
)
"""Keywords of JSON Schema that forbid nothing themselves."""


def _schema_remarks(schema: Json, keys: tuple[str, ...]) -> Iterator[Remark]:
    """Schemas that hold no word of JSON Schema, and so forbid nothing, and words that are nearly one."""
    from jsonschema import Draft202012Validator

    if not isinstance(schema, Mapping) or not schema:
        return
    words = {*_WORDS, *Draft202012Validator.VALIDATORS}
    strange = [key for key in schema if key not in words and not key.startswith("x-")]
    if len(strange) == len(schema):
        message = f"this is no JSON schema: {', '.join(map(repr, strange[:3]))} is none of its words."
        near = near_names(strange[0], words)
        hint = "Write `type: object` and the fields under `properties`."
        yield Remark(message, near if near.startswith("Did you mean") else hint, keys=keys)
    else:
        for key in strange:
            near = near_names(key, words)
            if near.startswith("Did you mean"):
                yield Remark(
                    f"{key!r} is no word of JSON Schema and forbids nothing.", near, (*keys, key), is_hint=True
                )
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        yield from _schema_remarks(inner, (*keys, "properties", name))
    yield from _schema_remarks(schema.get("items"), (*keys, "items"))


def _check_fields(sections: Sections, wired: Links, fields: Fields, findings: Findings) -> None:
    """Report fields that stages read and that no record has, and what is wrong with the records."""
    records = sections.records
    if records is None or not all(os.path.isfile(path) for path in located(records.path)):
        return
    try:
        counts = fields(records_source(records, wired))
    except InputError as error:
        for problem in error.problems:
            findings.add(Mark(problem.path, problem.line), problem.message, problem.hint)
        return
    for stage, inputs in wired.inputs.items():
        for name, source in inputs.items():
            if source.origin == "record" and source.name not in counts:
                _no_such(source.name, counts, mark(sections, "stages", stage, "inputs", name), findings)
        when = _condition(sections, stage)
        for source in wired.when_reads[stage]:
            is_asked = f"has(record.{source.name})" in when.replace(" ", "")
            if source.origin == "record" and source.name not in counts and not is_asked:
                _no_such(source.name, counts, mark(sections, "stages", stage, "when"), findings)


def _condition(sections: Sections, stage: str) -> str:
    """The text of a stage's condition; empty without one."""
    model = sections.stages[stage]
    return (model.when if model else None) or ""


def _no_such(name: str, counts: Mapping[str, int], at: Mark, findings: Findings) -> None:
    findings.add(at, f"no record has the field {name!r}.", near_names(name, counts))
