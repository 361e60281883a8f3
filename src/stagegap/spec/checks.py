"""What must fit together in a cascade: types, names, scores and files."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import cast

from stagegap import redaction
from stagegap.errors import near_names
from stagegap.model.cascade import RATING, Kind
from stagegap.model.record import Json
from stagegap.spec.documents import Sections
from stagegap.spec.files import check_file, check_function, located
from stagegap.spec.links import mark
from stagegap.spec.nodes import Findings
from stagegap.spec.outputs import (
    BoxesOutput,
    LabelOutput,
    LabelsOutput,
    NumberOutput,
    ObjectOutput,
    RankingOutput,
    SegmentsOutput,
    SpansOutput,
    default_for,
    mismatch,
    output_type,
)
from stagegap.spec.schema import Outcome, PublishedFigure, Stage, StageBase
from stagegap.stages.foundation import VARIABLE, named_files
from stagegap.stages.kinds import Draft, named
from stagegap.stages.schemas import reference_problem
from stagegap.stages.settings import Block, many, texts


def check(sections: Sections, findings: Findings) -> None:
    """Report everything that is well-formed on its own and does not fit the rest."""
    _Checks(sections, findings).all()


def draft_of(sections: Sections, stage: Stage) -> Draft:
    """A stage with what its kind needs to know of the rest of the file."""
    return Draft(
        settings=stage.with_,
        inputs=stage.inputs,
        output=output_type(stage.output),
        corpora={
            corpus: (source.id, source.title, *many(source.text)) if source else ()
            for corpus, source in sections.corpora.items()
        },
        has_references="references" in sections.root.entries,
        has_split=sections.records is None or sections.records.split is not None,
        evaluates=sections.head.evaluate if sections.head else None,
    )


def metrics_of(stage: StageBase) -> tuple[str, ...]:
    """The stage's metrics, those of its type where it names none."""
    return many(stage.score) if stage.score is not None else (default_for(Kind(stage.output.type), k=_k(stage)),)


def is_recorded(stage: StageBase) -> bool:
    """True for a stage whose outputs were written down."""
    kind = named(stage.uses) if isinstance(stage, Stage) else None
    return kind is not None and kind.is_recorded


def written(block: Block | None, *, with_defaults: bool = False) -> dict[str, Json]:
    """The keys of a block that have a value; with defaults, also those that the file leaves out."""
    if block is None:
        return {}
    values = cast("dict[str, Json]", block.model_dump(by_alias=True, exclude_unset=not with_defaults))
    return {key: value for key, value in values.items() if value is not None}


def names_of(metrics: Sequence[str]) -> dict[str, str]:
    """The name by which an outcome may call each metric: a user's function by its own name.

    >>> names_of(["chrf", "python:/a/stages.py:short"])
    {'chrf': 'chrf', 'short': 'python:/a/stages.py:short'}
    """
    return {name.rpartition(":")[2] if name.startswith("python:") else name: name for name in metrics}


def _k(stage: StageBase) -> int | None:
    return stage.output.k if isinstance(stage.output, RankingOutput) else None


class _Checks:
    def __init__(self, sections: Sections, findings: Findings) -> None:
        self._sections = sections
        self._findings = findings

    def all(self) -> None:
        self._data()
        for name, stage in self._sections.stages.items():
            if stage is not None:
                self._stage(name, stage)
        self._units()
        self._outcomes()
        baseline = self._sections.human_baseline
        for kind, what in (baseline.kinds or {}).items() if baseline else ():
            if isinstance(what, PublishedFigure) and what.stage not in self._sections.stages:
                near = near_names(what.stage, self._sections.stages)
                self._add(("human_baseline", "kinds", kind), f"a figure for the unknown stage {what.stage!r}.", near)
        stages = [name for name in self._sections.stages if name not in self._sections.judges]
        for name, target in self._sections.targets.items():
            if target is not None and target.lose_at_most is not None and name != "outcome":
                self._add(
                    ("targets", name, "lose_at_most"),
                    f"{name} can't have lose_at_most: cheaper versions are held to what the end loses.",
                    "Put it under `targets: {outcome: ...}`.",
                )
            if name != "outcome" and name not in stages:
                known = near_names(name, ["outcome", *stages])
                self._add(("targets", name), f"a target for the unknown stage {name!r}.", known)

    def _add(self, keys: tuple[str, ...], message: str, hint: str = "") -> None:
        self._findings.add(mark(self._sections, *keys), message, hint)

    def _files(self, paths: str | list[str], what: str, *keys: str) -> None:
        for path in located(paths):
            check_file(path, what, mark(self._sections, *keys), self._findings)

    def _data(self) -> None:
        sections = self._sections
        if sections.records:
            self._files(sections.records.path, "the file of records", "records", "path")
            folder = sections.records.media
            if folder is not None and not Path(folder).is_dir():
                self._add(("records", "media"), f"{folder!r} is no folder.", "Name the one that the files lie in.")
        if sections.references:
            self._files(sections.references.path, "the file of references", "references", "path")
        if sections.ratings:
            self._files(sections.ratings.path, "the file of ratings", "ratings", "path")
            low, high = sections.ratings.scale
            if not low < high:
                self._add(("ratings", "scale"), f"a scale from {low:g} to {high:g} has no width.", "Write [1, 5].")
        for name, corpus in sections.corpora.items():
            if corpus:
                self._files(corpus.path, f"the file of the corpus {name!r}", "corpora", name, "path")
        if sections.head and sections.head.evaluate and sections.records and not sections.records.split:
            self._add(("evaluate",), "evaluate names a split, and records has no key split.", "Add `split: FIELD`.")

    def _stage(self, name: str, stage: StageBase) -> None:
        here = ("stages", name)
        if not stage.inputs and not is_recorded(stage) and name not in self._sections.judges:
            self._add((*here, "inputs"), f"the stage {name!r} has no inputs.", "Write `inputs: {NAME: record.FIELD}`.")
        if stage.guideline is not None:
            self._files(stage.guideline, "the guideline", *here, "guideline")
        if stage.warmup is not None:
            self._files(stage.warmup, "the warm-up", *here, "warmup")
        if stage.form is not None:
            self._files(stage.form, "the form", *here, "form")
        for key, names in (("rests_on", stage.rests_on), ("score_rests_on", stage.score_rests_on)):
            for text in names:
                self._named(text, (*here, key))
        if isinstance(stage, Stage):
            self._kind(name, stage)
        self._resources(name, stage)
        self._output(name, stage)
        self._scores(name, stage)

    def _named(self, text: str, keys: tuple[str, ...]) -> None:
        """Report what nothing can rest on: files that are not there, and secrets, which no hash may hold."""
        if not text.startswith(VARIABLE):
            try:
                is_there = bool(named_files(text, Path()))
            except (OSError, ValueError):
                is_there = False
            if not is_there:
                check_file(text, "the file", mark(self._sections, *keys), self._findings)
        elif redaction.is_secret(text.removeprefix(VARIABLE)):
            self._add(keys, f"{text!r} looks like a secret, whose value is never kept.", "Name what it stands for.")

    def _kind(self, name: str, stage: Stage) -> None:
        """Report what the stage's kind finds in its settings, and the files that they point at."""
        kind, here, sections = named(stage.uses), ("stages", name), self._sections
        assert kind, "the model of a stage is made from its kind"
        settings = written(stage.with_, with_defaults=True)
        for key, points in kind.pointers.items():
            for text in texts(settings.get(key)):
                at = mark(sections, *here, "with", key)
                if points.form == "function":
                    check_function(text, at, self._findings)
                elif points.form == "file":
                    check_file(text, points.what, at, self._findings)
        fields = sections.records.fields if sections.records else {}
        files = {f"record.{field}" for field, of in fields.items() if of in ("image", "audio", "pdf")}
        for given, source in stage.inputs.items() if not (kind.takes_files or kind.is_recorded) else ():
            if source in files:
                hint = "Stages of the kinds python, command, http and llm can."
                self._add((*here, "inputs", given), f"a stage that uses {stage.uses!r} can't be given a file.", hint)
        if stage.limits and not kind.is_paid(settings):
            self._add((*here, "limits"), "limits are for stages that ask a provider: llm and http.", "Remove it.")
        for problem in kind.check(draft_of(sections, stage)):
            self._add((*here, *problem.keys), problem.message, problem.hint)

    def _units(self) -> None:
        """Report stages that take the same list apart and tell its items apart differently."""
        first: dict[str, tuple[str, str]] = {}
        for name, stage in self._sections.stages.items():
            if stage is None:
                continue
            if stage.each is None:
                if stage.align != "position":
                    self._add(("stages", name, "align"), "align is for stages with `each`.", "Remove it.")
                continue
            other, align = first.setdefault(stage.each, (name, stage.align))
            if align != stage.align:
                message = f"{name!r} and {other!r} take {stage.each!r} apart, by {stage.align} and by {align}."
                self._add(("stages", name, "align"), message, "Write the same for both.")

    def _resources(self, name: str, stage: StageBase) -> None:
        pools = self._sections.head.resources if self._sections.head else {}
        for pool, units in stage.resources.items():
            here = ("stages", name, "resources", pool)
            if pool not in pools:
                hint = near_names(pool, pools) or f"Write `resources: {{{pool}: {units}}}` at the top."
                self._add(here, f"the cascade has no resource {pool!r}.", hint)
            elif units > pools[pool]:
                self._add(here, f"it takes {units} of {pool!r}, which has {pools[pool]}.", "Take fewer.")

    def _output(self, name: str, stage: StageBase) -> None:
        here = ("stages", name, "output")
        match stage.output:
            case LabelOutput(values=values) | LabelsOutput(values=values):
                twice = sorted({a for a, b in pairwise(sorted(values)) if a == b})
                if twice:
                    self._add((*here, "values"), f"the value {twice[0]!r} stands twice.", "Remove one of the two.")
            case RankingOutput(of=corpus) if corpus not in self._sections.corpora:
                hint = near_names(corpus, self._sections.corpora) or "Describe it under `corpora`."
                self._add((*here, "of"), f"unknown corpus {corpus!r}.", hint)
            case BoxesOutput(of=source) | SpansOutput(of=source) | SegmentsOutput(of=source):
                if source is not None and source not in stage.inputs:
                    self._add((*here, "of"), f"{source!r} is no input of the stage.", near_names(source, stage.inputs))
            case NumberOutput(low=low, high=high) if low is not None and high is not None and low >= high:
                self._add((*here, "low"), f"low {low:g} is not below high {high:g}.")
            case ObjectOutput(schema_=schema):
                problem = _schema_problem(schema)
                if problem:
                    self._add((*here, "schema"), f"this is no JSON schema: {problem}.")
            case _:
                pass

    def _scores(self, name: str, stage: StageBase) -> None:
        for position, metric in enumerate(many(stage.score) if stage.score is not None else ()):
            keys = ("stages", name, "score")
            if metric in metrics_of(stage)[:position]:
                self._add(keys, f"the metric {metric!r} stands twice.", "Remove one of the two.")
            if metric.startswith("python:"):
                check_function(metric.removeprefix("python:"), mark(self._sections, *keys), self._findings)
            wrong = mismatch(metric, Kind(stage.output.type), k=_k(stage))
            if wrong:
                self._add(keys, *wrong)

    def _outcomes(self) -> None:
        sections = self._sections
        places = ((sections.outcome, ("outcome",)), *((other, ("outcomes",)) for other in sections.outcomes))
        for outcome, here in places:
            if outcome is not None:
                self._outcome(outcome, here)
        scores = [outcome.score for outcome, _ in places if outcome is not None]
        for score in sorted({score for score in scores if scores.count(score) > 1}):
            self._add(("outcomes",), f"the outcome {score!r} stands twice.", "Remove one of the two.")

    def _outcome(self, outcome: Outcome, here: tuple[str, ...]) -> None:
        if outcome.good is not None and bar_of(outcome.good) > 1:
            self._add((*here, "good"), f"no score reaches {outcome.good!r}: scores end at 1.")
        name, dot, metric = outcome.score.partition(".")
        stages = self._sections.stages
        if not dot or not metric:
            self._add((*here, "score"), f"{outcome.score!r} names no score.", "Write STAGE.METRIC.")
        elif name not in stages:
            hint = near_names(name, stages)
            self._add((*here, "score"), f"the outcome names the unknown stage {name!r}.", hint)
        else:
            stage = stages[name]
            if metric.startswith(RATING):
                self._rated(name, stage, metric.removeprefix(RATING), here)
                return
            known = names_of(metrics_of(stage)) if stage else {metric: metric}
            if metric not in known:
                hint = near_names(metric, known)
                self._add((*here, "score"), f"{metric!r} is no score of the stage {name!r}.", hint)

    def _rated(self, name: str, stage: StageBase | None, criterion: str, here: tuple[str, ...]) -> None:
        ratings = self._sections.ratings
        if not criterion:
            self._add((*here, "score"), "rating@ names no criterion.", "Write STAGE.rating@CRITERION.")
        if "ratings" not in self._sections.root.entries:
            hint = "Add `ratings: {path: ratings.jsonl, scale: [1, 5]}`."
            self._add((*here, "score"), "the outcome is a rating, and the file has no key ratings.", hint)
        elif ratings and ratings.system and stage and not is_recorded(stage):
            message = f"{name} is called, so each run may answer otherwise: one name for all of them can't be right."
            self._add(("ratings", "system"), message, "Name the run as the system in the file of ratings, as v3.")


def bar_of(good: str) -> float:
    """The number of `>= 0.8`."""
    return float(good.strip().removeprefix(">="))


def _schema_problem(schema: dict[str, object]) -> str | None:
    """What is wrong with a JSON schema, where something is."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return error.message[:200]
    return reference_problem(schema)
