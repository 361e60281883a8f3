"""A cascade file -> the cascade, or every problem of it at once; a matrix file -> its variants."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, cast

from pydantic import Field

from stagegap.errors import SpecError, near_names
from stagegap.model.canonical import canonical
from stagegap.model.cascade import (
    RATING,
    Cascade,
    CascadeFile,
    CorpusSource,
    Judge,
    Limits,
    Outcome,
    RatingsSource,
    RecordsSource,
    ReferencesSource,
    Stage,
)
from stagegap.model.media import FieldKind
from stagegap.model.record import Json
from stagegap.spec import schema
from stagegap.spec.checks import bar_of, check, is_recorded, metrics_of, names_of, written
from stagegap.spec.documents import Sections, read, validated
from stagegap.spec.expand import absolute, elsewhere, expand, merge, relative
from stagegap.spec.files import located, read_text
from stagegap.spec.links import Links, links, ordered, unread
from stagegap.spec.nodes import Entries, Entry, Findings, Scalar, child, plain, quoted
from stagegap.spec.outputs import LabelOutput, LabelsOutput, Output, output_type
from stagegap.spec.scalars import substitute
from stagegap.spec.yaml import parse
from stagegap.stages.settings import Block, Free, Text, many


def build(sections: Sections, links: Links, *, path: Path, guidelines: Mapping[str, str]) -> CascadeFile:
    """The loaded file. `guidelines` holds the text of each stage's guideline file."""
    folder = path.parent
    resolved = cast("Mapping[str, Json]", plain(relative(sections.written, folder)))
    assert sections.head, "a file with a problem is not built"
    assert sections.records, "a file with a problem is not built"
    assert sections.outcome, "a file with a problem is not built"
    outcome = _outcome(sections.outcome, sections)
    named = [_outcome(other, sections) for other in sections.outcomes]
    alone = unread(links, {other.stage for other in (outcome, *named)})
    cascade = Cascade(
        name=sections.head.cascade,
        noun=sections.head.noun,
        evaluate=sections.head.evaluate,
        stages=tuple(
            _stage(name, sections, links, guidelines) for name in ordered(links.parents) if name not in sections.judges
        ),
        judges=tuple(_judge(name, sections, links) for name in ordered(links.parents) if name in sections.judges),
        outcome=outcome,
        outcomes=(*named, *(Outcome(stage=name, metric=metrics_of(_judged(name, sections))[0]) for name in alone)),
        targets={name: written(target) for name, target in sections.targets.items()},
        human_baseline=written(sections.human_baseline),
        providers={host: Limits(**limits.model_dump()) for host, limits in sections.providers.items() if limits},
        resources=sections.head.resources,
        fields=_kinds(sections.records),
        fingerprint=fingerprint(resolved),
    )
    return CascadeFile(
        path=str(path),
        folder=str(folder),
        cascade=cascade,
        records=records_source(sections.records, links),
        corpora={name: _corpus(name, corpus) for name, corpus in sections.corpora.items() if corpus},
        references=ReferencesSource(paths=located(sections.references.path)) if sections.references else None,
        ratings=_ratings(sections.ratings) if sections.ratings else None,
        resolved=resolved,
    )


def _ratings(ratings: schema.Ratings) -> RatingsSource:
    low, high = ratings.scale
    names = {"system": ratings.system or "", "person": ratings.person or ""}
    return RatingsSource(paths=located(ratings.path), scale=(low, high), **names)


def _outcome(outcome: schema.Outcome, sections: Sections) -> Outcome:
    stage, _, metric = outcome.score.partition(".")
    is_rated = metric.startswith(RATING)
    return Outcome(
        stage=stage,
        metric=metric if is_rated else names_of(metrics_of(_judged(stage, sections)))[metric],
        good=None if outcome.good is None else bar_of(outcome.good),
    )


def _judged(name: str, sections: Sections) -> schema.StageBase:
    stage = sections.stages[name]
    assert stage, "a file with a problem is not built"
    return stage


def fingerprint(resolved: Mapping[str, Json]) -> str:
    """The hash of a resolved file: 64 hex digits, the same for the same content in any order of keys."""
    return hashlib.sha256(canonical(resolved)).hexdigest()


def records_source(records: schema.Records, links: Links) -> RecordsSource:
    """Where the records of a file come from, and what stages read inside their fields."""
    read = [*(source for inputs in links.inputs.values() for source in inputs.values()), *links.each.values()]
    return RecordsSource(
        paths=located(records.path),
        id=records.id,
        cluster=records.cluster,
        split=records.split,
        difficulty=records.difficulty,
        slices=tuple(records.slices),
        kinds=_kinds(records),
        inner=tuple(sorted({source.name for source in read if source.origin == "record" and "." in source.name})),
        media=records.media or os.path.dirname(many(records.path)[0]),
    )


def _kinds(records: schema.Records) -> dict[str, FieldKind]:
    return {name: FieldKind(kind) for name, kind in records.fields.items()}


def _corpus(name: str, corpus: schema.Corpus) -> CorpusSource:
    return CorpusSource(name=name, paths=located(corpus.path), id=corpus.id, title=corpus.title, text=many(corpus.text))


def _stage(name: str, sections: Sections, links: Links, guidelines: Mapping[str, str]) -> Stage:
    stage = sections.stages[name]
    assert isinstance(stage, schema.Stage), "a file with a problem is not built"
    return Stage(
        name=name,
        uses=stage.uses,
        is_recorded=is_recorded(stage),
        inputs=links.inputs[name],
        each=links.each.get(name),
        align=stage.align,
        output=output_type(stage.output),
        metrics=metrics_of(stage),
        parameters=written(stage.with_, with_defaults=True),
        rests_on=tuple(stage.rests_on),
        score_rests_on=tuple(stage.score_rests_on),
        when=stage.when,
        when_reads=links.when_reads[name],
        ask=stage.ask,
        guideline=guidelines.get(name, ""),
        warmup=stage.warmup,
        form=stage.form,
        choices_help=_help(stage.output),
        repeats=stage.repeats,
        batch=stage.batch,
        concurrency=stage.concurrency,
        is_concurrent="concurrency" in stage.model_fields_set,
        timeout_s=stage.timeout,
        is_timed="timeout" in stage.model_fields_set,
        connect_timeout_s=stage.connect_timeout,
        silence_timeout_s=stage.silence_timeout,
        limits=Limits(**stage.limits.model_dump()) if stage.limits else None,
        resources=stage.resources,
    )


def _judge(name: str, sections: Sections, links: Links) -> Judge:
    rules = sections.judges[name]
    model = rules.model
    assert model, "a file with a problem is not built"
    stage = _stage(name, sections, links, {})
    shots: list[Json] = [dict(shot) for shot in rules.teaching.shots]
    return Judge(
        name=rules.name,
        of=rules.of,
        criterion=model.criterion or rules.name,
        stage=replace(stage, parameters={**stage.parameters, "examples": shots}) if shots else stage,
        scale=(model.scale[0], model.scale[1]) if model.scale else None,
        against=model.against,
        taught=rules.teaching.records,
    )


def _help(output: Output) -> dict[str, str]:
    values = output.values if isinstance(output, LabelOutput | LabelsOutput) else None
    return {value: text for value, text in values.items() if text} if isinstance(values, dict) else {}


def load(path: Path, *, environment: Mapping[str, str]) -> CascadeFile:
    """Read a cascade file and what it extends.

    `environment` is what `${NAME}` is looked up in; a secret is not looked up, its name is kept.
    Raises: SpecError with every problem of the files.
    """
    findings = Findings()
    return loaded(expand(path, environment=environment, findings=findings), path, findings)


def restore(resolved: str, *, path: Path, places: Mapping[str, str] | None = None) -> CascadeFile:
    """The cascade that a run was made with, from its resolved file as JSON text.

    `path` is where the file stood: relative paths start in its folder, those aside that `places` gives another place.
    Raises: SpecError, for example when a data file is gone.
    """
    findings = Findings()
    root = parse(resolved, str(path), findings)
    root = elsewhere(root, places) if root and places else root
    return loaded(absolute(root, path.parent) if root else None, path, findings)


def loaded(root: Entries | None, path: Path, findings: Findings) -> CascadeFile:
    """The cascade of a mapping with absolute paths. Raises: SpecError with every problem found so far."""
    if root is None:
        raise SpecError(findings.problems)
    sections, wired, guidelines = parts(root, findings)
    if findings.problems:
        raise SpecError(findings.problems)
    return build(sections, wired, path=Path(os.path.abspath(path)), guidelines=guidelines)


def parts(root: Entries, findings: Findings) -> tuple[Sections, Links, dict[str, str]]:
    """What a mapping says section by section, how its stages hang together, and the texts of the guidelines."""
    sections = read(root, findings)
    wired = links(sections, findings)
    check(sections, findings)
    return sections, wired, _guidelines(sections, findings)


def _guidelines(sections: Sections, findings: Findings) -> dict[str, str]:
    """The text of each stage's guideline, as people will read it."""
    texts: dict[str, str] = {}
    for name, stage in sections.stages.items():
        if stage and stage.guideline and Path(stage.guideline).is_file():
            texts[name] = read_text(Path(stage.guideline), stage.guideline, findings) or ""
    return texts


MOST_VARIANTS = 50


class _Written(Block):
    base: Text
    """Cascade file that the variants change."""
    variants: Annotated[dict[Text, Free], Field(min_length=1, max_length=MOST_VARIANTS)]
    """Name of the variant -> what it changes of the base's `stages`; nothing for the base itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Variants over the same records."""

    path: str
    variants: Mapping[str, CascadeFile]
    """In the order of the file."""


def load_matrix(path: Path, *, environment: Mapping[str, str]) -> Matrix:
    """Read a matrix file, its base and every variant. Raises: SpecError with every problem of all of them."""
    findings = Findings()
    text = read_text(path, str(path), findings)
    root = parse(text, str(path), findings) if text is not None else None
    if root is None:
        raise SpecError(findings.problems)
    for key, entry in root.entries.items():
        if key != "matrix":
            findings.add(entry.key_mark, f"unknown key {key!r}.", near_names(key, ["matrix"]))
    written = None
    if "matrix" in root.entries:
        written = validated(_Written, root.entries["matrix"], ("matrix",), findings)
    else:
        findings.add(root.mark, "the key matrix is missing.", "It holds `base` and `variants`.")
    variants = child(root, "matrix", "variants")
    if written is None or findings.problems or not isinstance(variants, Entries):
        raise SpecError(findings.problems)
    place = path.parent / written.base
    base = expand(place, environment=environment, findings=findings)
    if base is None:
        raise SpecError(findings.problems)
    cascade_files: dict[str, CascadeFile] = {}
    for name, entry in variants.entries.items():
        changes = _changes(name, entry, base, findings)
        if changes is None:
            continue
        node = substitute(changes, environment, findings)
        assert isinstance(node, Entries), "substitution keeps the shape"
        try:
            folder = Path(os.path.realpath(path)).parent
            cascade_files[name] = loaded(merge(base, absolute(node, folder, base=base)), place, findings)
        except SpecError:
            # Its problems are among the findings; the other variants are looked at first.
            continue
    if findings.problems:
        raise SpecError(findings.problems)
    return Matrix(path=os.path.abspath(path), variants=cascade_files)


def _changes(name: str, entry: Entry, base: Entries, findings: Findings) -> Entries | None:
    """What a variant changes; None where it makes no sense."""
    node = entry.node
    if isinstance(node, Scalar) and node.value is None:
        return Entries({}, node.mark)
    if not isinstance(node, Entries):
        findings.add(entry.key_mark, f"the variant {name!r} must be a mapping.", "Write `stages: {STAGE: {...}}`.")
        return None
    for key, changed in node.entries.items():
        if key != "stages":
            findings.add(
                changed.key_mark,
                f"the variant {name!r} changes {quoted(key)}, and variants change stages only.",
                "Records and outcome are common to all.",
            )
            return None
    known, stages = child(base, "stages"), child(node, "stages")
    names: Mapping[str, Entry] = known.entries if isinstance(known, Entries) else {}
    for stage, changed in stages.entries.items() if isinstance(stages, Entries) else ():
        if stage not in names and child(changed.node, "uses") is None:
            near = near_names(stage, names)
            findings.add(changed.key_mark, f"the variant {name!r} changes the unknown stage {stage!r}.", near)
            return None
    return node
