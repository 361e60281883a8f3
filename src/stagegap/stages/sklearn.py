"""Stages that learn from references with a scikit-learn estimator, or use a saved one (skops, joblib)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from stagegap.errors import ConfigurationError, near_names
from stagegap.model.canonical import canonical, digest
from stagegap.model.cascade import Kind, Stage
from stagegap.model.record import Json
from stagegap.stages.acceptance import Rejected, check_for, output_identity
from stagegap.stages.fitted import Log, NoShelf, Shelf, learning_problems, logged, prior_of, split_of
from stagegap.stages.kinds import Draft, StageKind, Surroundings
from stagegap.stages.protocol import Inputs, Reply
from stagegap.stages.settings import Block, Free, Points, Problem, Text
from stagegap.stages.templates import joined

Untyped: TypeAlias = Any
"""An object of scikit-learn, which ships no types."""
KINDS = (".skops", ".joblib")


class Saved:
    """The file of an estimator; it is read when it is first asked."""

    def __init__(self, stage: str, file: str, folder: Path) -> None:
        """Raises: ConfigurationError for a file that is none, of another kind, or outside the folder.

        Reading a joblib file runs whatever code stands in it, so only what lies in the project is read, links followed.
        """
        self._stage = stage
        path = folder / file
        self._path = path.resolve()
        start = f"Stage {stage!r}: the saved estimator {file!r}"
        if path.suffix not in KINDS:
            raise ConfigurationError(f"{start} must be a {' or '.join(KINDS)} file.")
        if not self._path.is_relative_to(folder.resolve()):
            raise ConfigurationError(
                f"{start} lies outside {folder}: reading it could run a stranger's code. Copy it into the project."
            )
        if not self._path.is_file():
            raise ConfigurationError(f"{start} is no file.")
        self.digest = sha256(self._path.read_bytes()).hexdigest()

    def read(self) -> Untyped:
        """The estimator. Raises: ConfigurationError where it can't be read, or holds what can't be trusted."""
        start = f"Stage {self._stage!r}: the saved estimator {self._path.name!r}"
        if self._path.suffix == ".joblib":
            try:
                model: Untyped = import_module("joblib").load(self._path)
            except Exception as error:  # what a pickle holds may raise anything
                raise ConfigurationError(f"{start} can't be read: {type(error).__name__}: {error}.") from error
            return model
        if find_spec("skops") is None:
            raise ConfigurationError(f"{start} needs the package skops: pip install skops.")
        skops: Untyped = import_module("skops.io")
        try:
            strange = skops.get_untrusted_types(file=self._path)
            loaded: Untyped = None if strange else skops.load(self._path, trusted=[])
        except Exception as error:  # no archive, or one whose parts do not fit
            raise ConfigurationError(f"{start} can't be read: {type(error).__name__}: {error}.") from error
        if strange:
            raise ConfigurationError(f"{start} holds types that are not known to be safe: {', '.join(strange)}.")
        return loaded


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
    "sgd": ("linear_model", "SGDClassifier", {"loss": "log_loss", "alpha": 1e-5}),
    "neural_network": ("neural_network", "MLPClassifier", {"hidden_layer_sizes": [64], "early_stopping": True}),
    "dummy": ("dummy", "DummyClassifier", {"strategy": "prior"}),
}
REGRESSORS: Mapping[str, Recipe] = {
    "ridge": ("linear_model", "Ridge", {}),
    "nearest_neighbours": ("neighbors", "KNeighborsRegressor", {"metric": "cosine"}),
    "random_forest": ("ensemble", "RandomForestRegressor", {}),
    "neural_network": ("neural_network", "MLPRegressor", {"hidden_layer_sizes": [64], "early_stopping": True}),
    "dummy": ("dummy", "DummyRegressor", {}),
}
ALTERNATIVES = 2
"""Labels given besides the chosen one."""


class SklearnWith(Block):
    """A scikit-learn estimator that learns from references, or one that was saved."""

    train: Text | None = None
    """The split whose references it learns from; not with `saved`."""
    estimator: (
        Literal[
            "logistic_regression",
            "linear_svc",
            "naive_bayes",
            "nearest_neighbours",
            "random_forest",
            "ridge",
            "sgd",
            "neural_network",
            "dummy",
        ]
        | None
    ) = None
    """Which estimator learns; not with `saved`."""
    saved: Annotated[Text | None, Points("the saved estimator", role="other")] = None
    """File of a saved estimator that takes texts, .skops or .joblib, inside the folder of this file."""
    features: Literal["tfidf_words", "tfidf_characters", "tfidf_both"] = "tfidf_words"
    """What the estimator sees of the inputs' text."""
    parameters: dict[Text, Free] = Field(default_factory=dict[str, Free])
    """Passed to the estimator as they stand."""
    seed: int = 0
    """Seed of what the estimator draws at random."""


class SklearnStage:
    """Answers with a label, a boolean or a number; trained at the first call, the same way every time."""

    reads_record = False

    stays = False

    def __init__(
        self, stage: Stage, *, examples: Sequence[Example], folder: Path = Path(), shelf: Shelf | None = None
    ) -> None:
        self._stage = stage
        self.training = ""
        self._shelf = shelf or NoShelf()
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
        self.fingerprint = self.training = digest(["sklearn", *parts])

    def warm_up(self) -> None:
        """Train the estimator, or read the saved one. Raises: ConfigurationError where that fails."""
        with self._lock:
            if self._model is None:
                self._model = self._saved.read() if self._saved else self._trained()

    def answer_batch(self, inputs: Sequence[Inputs]) -> Sequence[Reply]:
        """Predict all inputs at once."""
        self.warm_up()
        texts = [joined(call_inputs.values()) for call_inputs in inputs]
        if self._stage.output.kind is Kind.NUMBER:
            return [self._number(float(number)) for number in self._model.predict(texts)]
        return self._chosen(texts)

    def _usable(self, examples: Sequence[Example]) -> list[Json]:
        """Text and reference of each example in an order of their own, so that files may be re-ordered."""
        check = check_for(self._stage.output, ())
        learned: list[Json] = []
        for inputs, reference in examples:
            if reference is None:
                continue
            accepted = check(reference)
            if isinstance(accepted, Rejected):
                raise ConfigurationError(f"Stage {self._stage.name!r} can't learn from a reference: {accepted.reason}")
            learned.append([joined(inputs.values()), accepted.value])
        kinds = {canonical(cast("Sequence[Json]", example)[1]) for example in learned}
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
            make_pipeline: Untyped = import_module("sklearn.pipeline").make_pipeline
            features = _features(str(self._stage.parameters.get("features", "tfidf_words")))
            pipeline = make_pipeline(features, estimator)
            with self._shelf.alone(self.training):
                return self._logged(pipeline)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"Stage {self._stage.name!r} can't be trained: {error}") from None

    def _logged(self, pipeline: Untyped) -> Untyped:
        """The pipeline, trained; what its estimator says of the way is logged. Raises: what scikit-learn raises."""
        pairs = [cast("Sequence[Json]", example) for example in self._examples]
        texts, values = [str(text) for text, _ in pairs], [value for _, value in pairs]
        learn = _by_epochs if self._stage.parameters["estimator"] == "sgd" else _at_once
        prior = prior_of(self._stage, values)
        with logged(self._shelf, self.training, records=len(pairs), prior=prior, reason=str) as log:
            learn(pipeline, texts, values, log)
        return pipeline

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
        for label in classes:
            accepted = check(label)
            if isinstance(accepted, Rejected):
                raise ConfigurationError(f"Stage {self._stage.name!r}: a saved estimator's class: {accepted.reason}")

    def _number(self, number: float) -> Reply:
        """The number, moved to the nearest end where the declared range ends."""
        low, high = self._stage.output.low, self._stage.output.high
        return Reply(value=float(np.clip(number, -np.inf if low is None else low, np.inf if high is None else high)))


EPOCHS = 30
HELD_OUT = 0.1
"""Share of the records that `sgd` keeps aside to be held against, as scikit-learn's own early stopping does."""


def _at_once(pipeline: Untyped, texts: Sequence[str], values: Sequence[Json], log: Log) -> None:
    """Fit, and log the curves that the estimator kept."""
    pipeline.fit(texts, values)
    losses: Sequence[float] = getattr(pipeline[-1], "loss_curve_", ())
    held_out: Sequence[float] = getattr(pipeline[-1], "validation_scores_", None) or ()
    for step, loss in enumerate(losses, start=1):
        log(step, loss=loss, **({"held_out_score": held_out[step - 1]} if step <= len(held_out) else {}))


def _by_epochs(pipeline: Untyped, texts: Sequence[str], values: Sequence[Json], log: Log) -> None:
    """Teach an estimator with `partial_fit` epoch by epoch, and log each on what it learns from and what it does not.

    Where few records would be kept aside, it learns from all.
    """
    features, estimator = pipeline
    rows: Untyped = features.fit_transform(texts)
    truth: Untyped = np.array(values)
    order = np.random.default_rng(estimator.random_state).permutation(len(texts))
    aside = order[: int(HELD_OUT * len(texts))] if HELD_OUT * len(texts) >= 10 else order[:0]
    own = order[len(aside) :]
    classes = np.unique(truth)
    for epoch in range(1, EPOCHS + 1):
        estimator.partial_fit(rows[own], truth[own], classes=classes)
        values_of: dict[str, float] = {}
        for name, some in (("", own), ("held_out_", aside)):
            if len(some):
                values_of[f"{name}score"] = float(estimator.score(rows[some], truth[some]))
            if len(some) and estimator.loss == "log_loss":
                values_of[f"{name}log_loss"] = _log_loss(estimator, rows[some], truth[some])
        log(epoch, **values_of)


def _log_loss(estimator: Untyped, rows: Untyped, truth: Untyped) -> float:
    chances: NDArray[np.float64] = estimator.predict_proba(rows)
    places: list[int] = [list(estimator.classes_).index(label) for label in truth]
    return float(-np.log(np.maximum(chances[np.arange(len(places)), places], 1e-15)).mean())


def _features(name: str) -> Untyped:
    vectorizer: Untyped = import_module("sklearn.feature_extraction.text").TfidfVectorizer
    words = vectorizer(ngram_range=(1, 2), sublinear_tf=True, strip_accents="unicode")
    characters = vectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    if name == "tfidf_both":
        return import_module("sklearn.pipeline").FeatureUnion([("words", words), ("characters", characters)])
    return characters if name == "tfidf_characters" else words


def build_sklearn(stage: Stage, around: Surroundings) -> SklearnStage:
    """The stage that is trained on the examples, or read from its file."""
    return SklearnStage(stage, examples=around.examples, folder=around.folder, shelf=around.shelf)


def check_sklearn(draft: Draft) -> Iterator[Problem]:
    """What it can't learn, and what it would learn from."""
    settings, kind = draft.of(SklearnWith), draft.output.kind
    if settings.saved is not None:
        if settings.train or settings.estimator:
            yield Problem(("with", "saved"), "a saved estimator learns nothing.", "Remove train and estimator.")
        return
    if settings.estimator is None or settings.train is None:
        yield Problem(("with",), "sklearn needs `train` and `estimator`, or `saved`, the file of an estimator.")
        return
    estimators = REGRESSORS if kind is Kind.NUMBER else CLASSIFIERS
    if kind not in (Kind.LABEL, Kind.BOOLEAN, Kind.NUMBER):
        message = f"sklearn can't learn an output of type {kind}."
        yield Problem(("output",), message, "It learns label, boolean and number.")
    elif settings.estimator not in estimators:
        message = f"{settings.estimator!r} can't learn an output of type {kind}."
        yield Problem(("with", "estimator"), message, near_names(settings.estimator, estimators))
    yield from learning_problems(draft, settings.train, who="sklearn")


KIND = StageKind(
    summary="Answers by a scikit-learn estimator.",
    settings=SklearnWith,
    build=build_sklearn,
    check=check_sklearn,
    learns_from=split_of,
)
