from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.model.record import Json
from stagegap.stages import BatchStage, build
from stagegap.stages.fitted import NoShelf

LABEL = OutputType(kind=Kind.LABEL, values=("orders", "returns", "spam"))
NUMBER = OutputType(kind=Kind.NUMBER, low=0.0, high=3.0)
BOOLEAN = OutputType(kind=Kind.BOOLEAN)
EXAMPLES = [
    ({"text": f"{word} {i}"}, label)
    for i in range(6)
    for word, label in (("where is my parcel", "orders"), ("send it back please", "returns"), ("win a prize", "spam"))
]
Learn = Callable[..., BatchStage]


@pytest.fixture
def learn(make_stage: Callable[..., Stage]) -> Learn:
    def make(
        estimator: str, output: OutputType = LABEL, examples: Sequence[object] = EXAMPLES, **rest: Json
    ) -> BatchStage:
        stage = make_stage("sklearn", output, estimator=estimator, train="train", **rest)
        return build(stage, folder=Path(), corpora={}, examples=examples, environment={})  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize(
    "estimator", ["logistic_regression", "linear_svc", "naive_bayes", "nearest_neighbours", "random_forest"]
)
def test_what_was_learned_is_answered(learn: Learn, estimator: str) -> None:
    replies = learn(estimator).answer_batch([{"text": "my parcel, where"}, {"text": "a prize to win"}])
    assert [reply.value for reply in replies] == ["orders", "spam"]
    assert all(set(reply.alternatives) == set(LABEL.values) - {str(reply.value)} for reply in replies)


def test_confidence_is_the_probability_of_the_label(learn: Learn) -> None:
    sure, lost = learn("logistic_regression").answer_batch([{"text": "win a prize"}, {"text": "unheard of"}])
    assert sure.confidence is not None
    assert lost.confidence is not None
    assert lost.confidence == pytest.approx(1 / 3, abs=1e-6)
    assert 0.6 < sure.confidence <= 1


def test_an_estimator_without_probabilities_gives_no_confidence(learn: Learn) -> None:
    [reply] = learn("linear_svc").answer_batch([{"text": "win a prize"}])
    assert reply.confidence is None


def test_two_labels_are_enough(learn: Learn) -> None:
    stage = learn("linear_svc", examples=[one for one in EXAMPLES if one[1] != "spam"])
    [reply] = stage.answer_batch([{"text": "send back"}])
    assert (reply.value, reply.alternatives) == ("returns", ("orders",))


def test_booleans_are_learned(learn: Learn) -> None:
    examples = [({"text": text}, label == "spam") for (inputs, label) in EXAMPLES for text in inputs.values()]
    replies = learn("logistic_regression", BOOLEAN, examples).answer_batch([{"text": "prize"}, {"text": "parcel"}])
    assert [reply.value for reply in replies] == [True, False]


@pytest.mark.parametrize("estimator", ["ridge", "nearest_neighbours", "random_forest", "dummy"])
def test_numbers_are_learned_and_stay_in_their_range(learn: Learn, estimator: str) -> None:
    examples = [({"text": f"{'very ' * n}urgent"}, n) for n in range(4)] * 3
    [reply] = learn(estimator, NUMBER, examples).answer_batch([{"text": "very " * 30 + "urgent"}])
    assert isinstance(reply.value, float)
    assert 0 <= reply.value <= 3


def test_numbers_without_a_range_are_given_as_they_are(learn: Learn) -> None:
    examples = [({"text": word}, value) for word, value in (("low", -40.0), ("high", 60.0))]
    [reply] = learn("dummy", OutputType(kind=Kind.NUMBER), examples).answer_batch([{"text": "x"}])
    assert reply.value == 10.0


@pytest.mark.parametrize("features", ["tfidf_words", "tfidf_characters", "tfidf_both"])
def test_features_may_be_words_characters_or_both(learn: Learn, features: str) -> None:
    [reply] = learn("logistic_regression", features=features).answer_batch([{"text": "win a prize"}])
    assert reply.value == "spam"


def test_training_is_the_same_every_time_and_whatever_the_order_of_examples(learn: Learn) -> None:
    first, second = learn("random_forest", seed=3), learn("random_forest", examples=EXAMPLES[::-1], seed=3)
    inputs = [{"text": text} for text in ("parcel prize", "back", "?")]
    assert first.answer_batch(inputs) == second.answer_batch(inputs) == first.answer_batch(inputs)
    assert first.fingerprint == second.fingerprint


def test_the_fingerprint_changes_with_examples_and_parameters(learn: Learn) -> None:
    stages = [
        learn("logistic_regression"),
        learn("logistic_regression", examples=EXAMPLES[1:]),
        learn("logistic_regression", parameters={"C": 1.0}),
        learn("naive_bayes"),
    ]
    assert len({stage.fingerprint for stage in stages}) == 4


def test_examples_without_an_answer_are_left_out(learn: Learn) -> None:
    with_none = [*EXAMPLES, ({"text": "?"}, None)]
    assert learn("dummy", examples=with_none).fingerprint == learn("dummy").fingerprint


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([], "the split 'train' has 0 references with 0 different values"),
        ([({"text": "a"}, "spam")] * 5, "has 5 references with 1 different values; at least 2"),
        (
            [({"text": "a"}, "spam"), ({"text": "a"}, "ham")],
            "a reference: 'ham' is none of the labels",
        ),
    ],
)
def test_examples_that_teach_nothing_are_named_at_once(learn: Learn, examples: Sequence[object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        learn("logistic_regression", examples=examples)


@pytest.mark.parametrize(
    ("estimator", "output", "message"),
    [
        ("logistic", LABEL, "'logistic' can't learn outputs of type label. Known: dummy, linear_svc"),
        ("ridge", LABEL, "'ridge' can't learn outputs of type label"),
        ("dummy", OutputType(kind=Kind.TEXT), "of type text. Types: label, boolean, number."),
    ],
)
def test_an_estimator_that_does_not_fit_is_named_at_once(
    learn: Learn, estimator: str, output: OutputType, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        learn(estimator, output)


@pytest.mark.parametrize("parameters", [{"c": 1}, {"C": -1}])
def test_parameters_that_the_estimator_refuses_are_named_at_the_first_call(
    learn: Learn, parameters: dict[str, Json]
) -> None:
    stage = learn("logistic_regression", parameters=parameters)
    with pytest.raises(ConfigurationError, match="can't be trained"):
        stage.answer_batch([{"text": "a"}])


class Logged(NoShelf):
    def __init__(self) -> None:
        self.steps: list[tuple[float, Mapping[str, float]]] = []
        self.error = ""

    def log(self, key: str, step: float, values: Mapping[str, float]) -> None:
        self.steps.append((step, values))

    def end(self, key: str, *, seconds: float, error: str) -> None:
        self.error = error


def logged(
    make_stage: Callable[..., Stage], estimator: str, examples: Sequence[object] = EXAMPLES, **rest: Json
) -> Logged:
    shelf = Logged()
    stage = make_stage("sklearn", LABEL, estimator=estimator, train="train", **rest)
    code = build(stage, folder=Path(), corpora={}, examples=examples, environment={}, shelf=shelf)  # type: ignore[arg-type]
    assert isinstance(code, BatchStage)
    code.answer_batch([{"text": "win a prize"}])
    return shelf


def test_epochs_are_logged_beside_records_that_are_kept_aside(make_stage: Callable[..., Stage]) -> None:
    shelf = logged(make_stage, "sgd", EXAMPLES * 6)
    assert [step for step, _ in shelf.steps] == list(range(1, 31))
    assert set(shelf.steps[-1][1]) == {"score", "log_loss", "held_out_score", "held_out_log_loss"}
    assert 0 < shelf.steps[0][1]["log_loss"] < 1.1
    few = logged(make_stage, "sgd", parameters={"loss": "hinge"})
    assert set(few.steps[-1][1]) == {"score"}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_the_curve_that_an_estimator_keeps_is_logged(make_stage: Callable[..., Stage]) -> None:
    settings: Json = {"max_iter": 3, "hidden_layer_sizes": [2], "n_iter_no_change": 5, "tol": 0.0}
    shelf = logged(make_stage, "neural_network", EXAMPLES * 2, parameters=settings)
    assert [(step, set(values)) for step, values in shelf.steps] == [
        (step, {"loss", "held_out_score"}) for step in (1, 2, 3)
    ]
    assert logged(make_stage, "naive_bayes").steps == []


def test_a_training_that_fails_notes_why(make_stage: Callable[..., Stage]) -> None:
    with pytest.raises(ConfigurationError, match="can't be trained"):
        logged(make_stage, "naive_bayes", parameters={"alpha": "much"})
