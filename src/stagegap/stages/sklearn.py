"""Stages that learn from references: TF-IDF of the inputs' text and a scikit-learn estimator; or a saved one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.cascade import Kind, Stage
from stagegap.model.values import Json
from stagegap.stages.acceptance import Rejected, check_for
from stagegap.stages.canonical import canonical, digest
from stagegap.stages.kinds import output_identity
from stagegap.stages.protocol import Inputs, Reply
from stagegap.stages.saved import Saved
from stagegap.stages.texts import joined

Untyped: TypeAlias = Any
"""An object of scikit-learn, which ships no types."""
Example: TypeAlias = tuple[Inputs, Json]
"""Inputs of a record of the training split, and the reference there."""

Recipe: TypeAlias = tuple[str, str, Mapping[str, Json]]
"""Module, class and settings of an estimator."""

CLASSIFIERS: Mapping[str, Recipe] = {
    "logistic_regression": ("linear_model", "LogisticRegression", {"max_iter": 1000, "C": 10.0}),
    "linear_svc": ("svm", "LinearSVC", {}),
    "naive_bayes": ("naive_bayes", "ComplementNB", {}),
    "nearest_neighbours": ("neighbors", "KNeighborsClassifier", {"metric": "cosine"}),
    "random_forest": ("ensemble", "RandomForestClassifier", {}),
    "dummy": ("dummy", "DummyClassifier", {"strategy": "prior"}),
}
REGRESSORS: Mapping[str, Recipe] = {
    "ridge": ("linear_model", "Ridge", {}),
    "nearest_neighbours": ("neighbors", "KNeighborsRegressor", {"metric": "cosine"}),
    "random_forest": ("ensemble", "RandomForestRegressor", {}),
    "dummy": ("dummy", "DummyRegressor", {}),
}
ALTERNATIVES = 2
"""Labels given besides the chosen one."""


class SklearnStage:
    """Answers with a label, a boolean or a number; trained at the first call, the same way every time."""

    reads_record = False

    def __init__(self, stage: Stage, *, examples: Sequence[Example], folder: Path = Path()) -> None:
        self._stage = stage
        self._model: Untyped = None
        self._lock = threading.Lock()
        self._saved: Saved | None = None
        if stage.parameters.get("saved"):
            self._saved = Saved(stage.name, str(stage.parameters["saved"]), folder)
            identity = [self._saved.digest, output_identity(stage.output, None), version("scikit-learn")]
            self.fingerprint = digest(["sklearn saved", *identity])
            return
        estimators = REGRESSORS if stage.output.kind is Kind.NUMBER else CLASSIFIERS
        name = str(stage.parameters["estimator"])
        if stage.output.kind not in (Kind.LABEL, Kind.BOOLEAN, Kind.NUMBER) or name not in estimators:
            raise ConfigurationError(
                f"Stage {stage.name!r}: {name!r} can't learn outputs of type {stage.output.kind}. "
                + (near_names(name, estimators) if name not in estimators else "Types: label, boolean, number.")
            )
        self._recipe = estimators[name]
        self._examples = self._usable(examples)
        parts = [stage.parameters, output_identity(stage.output, None), digest(self._examples), version("scikit-learn")]
        self.fingerprint = digest(["sklearn", *parts])

    def warm_up(self) -> None:
        """Train the estimator, or read the saved one. Raises: ConfigurationError where that fails."""
        with self._lock:
            if self._model is None:
                self._model = self._saved.read() if self._saved else self._trained()

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Predict all inputs at once."""
        self.warm_up()
        texts = [joined(one.values()) for one in inputs]
        if self._stage.output.kind is Kind.NUMBER:
            return [self._number(float(found)) for found in self._model.predict(texts)]
        return self._chosen(texts)

    def _usable(self, examples: Sequence[Example]) -> list[Json]:
        """Give text and reference of each example in an order of their own, so that files may be re-ordered."""
        check = check_for(self._stage.output, ())
        learned: list[Json] = []
        for inputs, reference in examples:
            if reference is None:
                continue
            accepted = check(reference)
            if isinstance(accepted, Rejected):
                raise ConfigurationError(f"Stage {self._stage.name!r} can't learn from a reference: {accepted.reason}")
            learned.append([joined(inputs.values()), accepted.value])
        kinds = {canonical(cast("Sequence[Json]", one)[1]) for one in learned}
        if len(kinds) < 2:
            split = self._stage.parameters.get("train")
            raise ConfigurationError(
                f"Stage {self._stage.name!r} can't learn: the split {split!r} has {len(learned)} references with "
                f"{len(kinds)} different values; at least 2 different values are needed."
            )
        return sorted(learned, key=canonical)

    def _trained(self) -> Untyped:
        module, class_name, defaults = self._recipe
        kind: Untyped = getattr(import_module(f"sklearn.{module}"), class_name)
        settings = {**defaults, **cast("Mapping[str, Json]", self._stage.parameters.get("parameters") or {})}
        try:
            estimator = kind(**settings)
            if "random_state" in estimator.get_params():
                estimator.set_params(random_state=self._stage.parameters.get("seed", 0))
            pairs = [cast("Sequence[Json]", example) for example in self._examples]
            make_pipeline: Untyped = import_module("sklearn.pipeline").make_pipeline
            features = _features(str(self._stage.parameters.get("features", "tfidf_words")))
            return make_pipeline(features, estimator).fit([text for text, _ in pairs], [value for _, value in pairs])
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"Stage {self._stage.name!r} can't be trained: {error}") from None

    def _chosen(self, texts: Sequence[str]) -> list[Reply]:
        has_chance = hasattr(self._model, "predict_proba")
        classes: list[Json] = self._model.classes_.tolist()
        if self._saved:
            self._refuse_strange(classes)
        scorer = self._model.predict_proba if has_chance else self._model.decision_function
        scores: NDArray[np.float64] = np.asarray(scorer(texts))
        if scores.ndim == 1:
            scores = np.column_stack([-scores, scores])
        order = np.argsort(-scores, axis=1, kind="stable")[:, : ALTERNATIVES + 1].tolist()
        return [
            Reply(
                value=classes[first],
                confidence=round(float(row[first]), 6) if has_chance else None,
                alternatives=tuple(classes[place] for place in others),
            )
            for (first, *others), row in zip(order, scores, strict=True)
        ]

    def _refuse_strange(self, classes: Sequence[Json]) -> None:
        """Name a class of a saved estimator that is no value of the stage. Raises: ConfigurationError."""
        check = check_for(self._stage.output, ())
        for one in classes:
            accepted = check(one)
            if isinstance(accepted, Rejected):
                raise ConfigurationError(f"Stage {self._stage.name!r}: a saved estimator's class: {accepted.reason}")

    def _number(self, found: float) -> Reply:
        """Give the number, moved to the nearest end where the declared range ends."""
        low, high = self._stage.output.low, self._stage.output.high
        return Reply(value=float(np.clip(found, -np.inf if low is None else low, np.inf if high is None else high)))


def _features(name: str) -> Untyped:
    vectorizer: Untyped = import_module("sklearn.feature_extraction.text").TfidfVectorizer
    words = vectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")
    characters = vectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    if name == "tfidf_both":
        return import_module("sklearn.pipeline").FeatureUnion([("words", words), ("characters", characters)])
    return characters if name == "tfidf_characters" else words
