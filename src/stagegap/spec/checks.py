"""What must fit together in a cascade: types, names, scores and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import cast
from urllib.parse import urlsplit

from stagegap.errors import near_names
from stagegap.model.cascade import Kind
from stagegap.model.values import Json
from stagegap.spec.documents import Sections
from stagegap.spec.fields import many
from stagegap.spec.files import check_file, check_function
from stagegap.spec.kinds import RetrievalWith
from stagegap.spec.links import mark
from stagegap.spec.nodes import Findings
from stagegap.spec.outputs import LabelOutput, LabelsOutput, NumberOutput, ObjectOutput, RankingOutput
from stagegap.spec.schema import (
    CommandStage,
    HttpStage,
    LlmStage,
    PythonStage,
    RecordedStage,
    RetrievalStage,
    SklearnStage,
    StageBase,
)
from stagegap.spec.scores import default_for, mismatch


def check(sections: Sections, findings: Findings) -> None:
    """Report everything that is well-formed on its own and does not fit the rest."""
    _Checks(sections, findings).all()


def metrics_of(stage: StageBase) -> tuple[str, ...]:
    """Give the stage's metrics, those of its type where it names none."""
    return many(stage.score) if stage.score is not None else (default_for(Kind(stage.output.type), k=_k(stage)),)


def names_of(metrics: Sequence[str]) -> dict[str, str]:
    """Give the name by which an outcome may call each metric: a user's function by its own name.

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
        self._outcome()
        for name in self._sections.targets:
            if name != "outcome" and name not in self._sections.stages:
                known = near_names(name, ["outcome", *self._sections.stages])
                self._add(("targets", name), f"a target for the unknown stage {name!r}.", known)

    def _add(self, keys: tuple[str, ...], message: str, hint: str = "") -> None:
        self._findings.add(mark(self._sections, *keys), message, hint)

    def _files(self, paths: str | list[str], what: str, *keys: str) -> None:
        for path in many(paths):
            check_file(path, what, mark(self._sections, *keys), self._findings)

    def _data(self) -> None:
        sections = self._sections
        if sections.records:
            self._files(sections.records.path, "the file of records", "records", "path")
        if sections.references:
            self._files(sections.references.path, "the file of references", "references", "path")
        for name, corpus in sections.corpora.items():
            if corpus:
                self._files(corpus.path, f"the file of the corpus {name!r}", "corpora", name, "path")
        if sections.head and sections.head.evaluate and sections.records and not sections.records.split:
            self._add(("evaluate",), "evaluate names a split, and records has no key split.", "Add `split: FIELD`.")

    def _stage(self, name: str, stage: StageBase) -> None:
        here = ("stages", name)
        if not stage.inputs and not isinstance(stage, RecordedStage):
            self._add((*here, "inputs"), f"the stage {name!r} has no inputs.", "Write `inputs: {NAME: record.FIELD}`.")
        if stage.guideline is not None:
            self._files(stage.guideline, "the guideline", *here, "guideline")
        if stage.warmup is not None:
            self._files(stage.warmup, "the warm-up", *here, "warmup")
        if stage.form is not None:
            self._files(stage.form, "the form", *here, "form")
        is_asking = isinstance(stage, LlmStage | HttpStage) or (
            isinstance(stage, RetrievalStage) and stage.with_.method == "embeddings"
        )
        if stage.limits and not is_asking:
            self._add((*here, "limits"), "limits are for stages that ask a provider: llm and http.", "Remove it.")
        self._resources(name, stage)
        self._output(name, stage)
        self._scores(name, stage)
        match stage:
            case PythonStage():
                for key, function in (("function", stage.with_.function), ("warm_up", stage.with_.warm_up)):
                    if function is not None:
                        check_function(function, mark(self._sections, *here, "with", key), self._findings)
            case SklearnStage():
                self._sklearn(name, stage)
            case RetrievalStage():
                self._retrieval(name, stage)
            case RecordedStage():
                self._files(stage.with_.path, "the file of recorded outputs", *here, "with", "path")
            case LlmStage():
                self._files(stage.with_.prompt, "the prompt", *here, "with", "prompt")
                self._address(stage.with_.base_url, (*here, "with", "base_url"), like="https://HOST/v1")
                if stage.with_.structured and stage.output.type == "text":
                    self._add((*here, "with", "structured"), "a text has no structure.", "Remove the key.")
                if stage.with_.api == "responses" and stage.with_.seed is not None:
                    self._add((*here, "with", "seed"), "the responses interface takes no seed.", "Remove the key.")
            case HttpStage():
                self._address(stage.with_.url, (*here, "with", "url"), like="https://HOST/PATH")
                self._body(name, stage)
            case CommandStage():
                self._files(stage.with_.files, "the file", *here, "with", "files")
            case _:
                pass

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

    def _sklearn(self, name: str, stage: SklearnStage) -> None:
        from stagegap.stages.sklearn import CLASSIFIERS, REGRESSORS

        here, settings, sections = ("stages", name, "with"), stage.with_, self._sections
        kind = stage.output.type
        if settings.saved is not None:
            if settings.train or settings.estimator:
                self._add((*here, "saved"), "a saved estimator learns nothing.", "Remove train and estimator.")
            self._files(settings.saved, "the saved estimator", *here, "saved")
            return
        if settings.estimator is None or settings.train is None:
            self._add(here, "sklearn needs `train` and `estimator`, or `saved`, the file of an estimator.")
            return
        estimators = REGRESSORS if kind == "number" else CLASSIFIERS
        if kind not in ("label", "boolean", "number"):
            self._add(
                ("stages", name, "output"),
                f"sklearn can't learn an output of type {kind}.",
                "It learns label, boolean and number.",
            )
        elif settings.estimator not in estimators:
            self._add(
                (*here, "estimator"),
                f"{settings.estimator!r} can't learn an output of type {kind}.",
                near_names(settings.estimator, estimators),
            )
        if "references" not in sections.root.entries:
            self._add((*here, "train"), "sklearn learns from references, and the file has none.", "Add `references`.")
        if sections.records and not sections.records.split:
            self._add((*here, "train"), "train names a split, and records has no key split.", "Add `split: FIELD`.")
        if sections.head and sections.head.evaluate == settings.train:
            self._add(
                (*here, "train"),
                f"the stage learns from the split {settings.train!r}, which is the one that is scored.",
                "Learn from another split.",
            )

    def _body(self, name: str, stage: HttpStage) -> None:
        from stagegap.stages.templates import TemplateError, ValueTemplate

        keys = ("stages", name, "with", "body")
        if stage.with_.body is None:
            return
        if stage.with_.method == "GET":
            self._add(keys, "GET sends no body.", "Remove it: the inputs are sent in the address.")
        try:
            reads = ValueTemplate(cast("Json", stage.with_.body)).reads
        except TemplateError as error:
            self._add(keys, f"{error}.")
            return
        for read in sorted(reads - set(stage.inputs)):
            self._add(keys, f"body uses {read!r}, which is no input of the stage.", near_names(read, stage.inputs))

    def _address(self, address: str | None, keys: tuple[str, ...], *, like: str) -> None:
        """Report what is no address of an endpoint; the address is not shown, for it may hold a password."""
        if address is None:
            return
        try:
            parts = urlsplit(address)
            has_password, is_web = "@" in parts.netloc, parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            has_password, is_web = False, False
        if has_password:
            hint = "Give the key by `api_key: ${NAME}`." if keys[-1] == "base_url" else "Use `token` or `headers`."
            self._add(keys, f"{keys[-1]} holds a name or password.", hint)
        elif not is_web:
            self._add(keys, f"{keys[-1]} is no address.", f"Write it as {like}.")

    def _embeddings(self, here: tuple[str, str, str], settings: RetrievalWith) -> None:
        if settings.method == "embeddings":
            self._address(settings.base_url, (*here, "base_url"), like="https://HOST/v1")
            if settings.model is None:
                self._add((*here, "method"), "embeddings need a model.", "Write its name as `model`.")
            return
        for key in ("model", "base_url", "api_key", "price"):
            if getattr(settings, key) is not None:
                message = f"{settings.method} ranks by words and asks nobody."
                self._add((*here, key), message, "Remove the key, or write `method: embeddings`.")

    def _retrieval(self, name: str, stage: RetrievalStage) -> None:
        here, settings, output = ("stages", name, "with"), stage.with_, stage.output
        if settings.corpus not in self._sections.corpora:
            hint = near_names(settings.corpus, self._sections.corpora) or "Describe it under `corpora`."
            self._add((*here, "corpus"), f"unknown corpus {settings.corpus!r}.", hint)
        for key, inputs in (("query", settings.query), ("filter", list(settings.filter.values()))):
            for input_name in inputs:
                if input_name not in stage.inputs:
                    hint = near_names(input_name, stage.inputs)
                    self._add((*here, key), f"{key} names the unknown input {input_name!r}.", hint)
        self._embeddings(here, settings)
        corpus = self._sections.corpora.get(settings.corpus)
        shown = (corpus.id, corpus.title, *many(corpus.text)) if corpus else ()
        for field in settings.filter:
            if field in shown:
                message = f"the filter compares {field!r}, which the corpus shows as id, title or text."
                self._add((*here, "filter"), message, "Filter by another field of the documents.")
        if not isinstance(output, RankingOutput):
            self._add(
                ("stages", name, "output"),
                f"retrieval puts out a ranking, found type {output.type}.",
                f"Write `output: {{type: ranking, of: {settings.corpus}, k: {settings.k}}}`.",
            )
            return
        if output.of != settings.corpus:
            self._add(
                ("stages", name, "output", "of"),
                f"the stage searches {settings.corpus!r} and says that it ranks {output.of!r}.",
                f"Write `of: {settings.corpus}`.",
            )
        if output.k is not None and settings.k > output.k:
            self._add(
                (*here, "k"),
                f"the search gives {settings.k} documents, and the output holds {output.k} at most.",
                f"Write `k: {output.k}`.",
            )

    def _outcome(self) -> None:
        outcome = self._sections.outcome
        if outcome is None:
            return
        name, dot, metric = outcome.score.partition(".")
        stages = self._sections.stages
        if not dot or not metric:
            self._add(("outcome", "score"), f"{outcome.score!r} names no score.", "Write STAGE.METRIC.")
        elif name not in stages:
            hint = near_names(name, stages)
            self._add(("outcome", "score"), f"the outcome names the unknown stage {name!r}.", hint)
        else:
            stage = stages[name]
            known = names_of(metrics_of(stage)) if stage else {metric: metric}
            if metric not in known:
                hint = near_names(metric, known)
                self._add(("outcome", "score"), f"{metric!r} is no score of the stage {name!r}.", hint)
        if outcome.good is not None and bar_of(outcome.good) > 1:
            self._add(("outcome", "good"), f"no score reaches {outcome.good!r}: scores end at 1.")


def bar_of(good: str) -> float:
    """Give the number of `>= 0.8`."""
    return float(good.strip().removeprefix(">="))


def _schema_problem(schema: dict[str, object]) -> str | None:
    """Say what is wrong with a JSON schema; references leave the file nowhere."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return error.message[:200]
    outside = [reference for reference in _references(cast("Json", schema)) if not reference.startswith("#")]
    return f"it refers to {outside[0]!r}, outside of itself" if outside else None


def _references(value: Json) -> list[str]:
    if isinstance(value, Mapping):
        own = [v for k, v in value.items() if k in ("$ref", "$dynamicRef") and isinstance(v, str)]
        return own + [found for inner in value.values() for found in _references(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in _references(inner)]
    return []
