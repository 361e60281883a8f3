from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import joblib
import pytest
import skops.io
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from stagegap.errors import ConfigurationError
from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages import BatchStage, build

LABEL = OutputType(kind=Kind.LABEL, values=("orders", "spam"))
TEXTS = ["where is my parcel", "parcel order late", "win money now", "money prize win"]
MakeStage = Callable[..., Stage]


def saved(folder: Path, make_stage: MakeStage, name: str, output: OutputType = LABEL) -> BatchStage:
    stage = make_stage("sklearn", output, saved=name)
    return cast("BatchStage", build(stage, folder=folder, corpora={}, environment={}))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "route.joblib"
    labels = ["orders", "orders", "spam", "spam"]
    joblib.dump(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, labels), path)
    return path


def test_a_saved_estimator_answers_with_confidence_and_alternatives(model: Path, make_stage: MakeStage) -> None:
    stage = saved(model.parent, make_stage, "route.joblib")
    [orders, spam] = stage.answer_batch([{"text": "my parcel"}, {"text": "win a prize"}])
    assert (orders.value, spam.value, orders.alternatives) == ("orders", "spam", ("spam",))
    assert orders.confidence is not None
    assert 0.5 < orders.confidence < 1
    assert stage.answer_batch([{"text": "my parcel"}]) == [orders]


def test_a_saved_regressor_gives_numbers(tmp_path: Path, make_stage: MakeStage) -> None:
    joblib.dump(make_pipeline(TfidfVectorizer(), Ridge()).fit(TEXTS, [1.0, 1.0, 5.0, 5.0]), tmp_path / "n.joblib")
    stage = saved(tmp_path, make_stage, "n.joblib", OutputType(kind=Kind.NUMBER, low=0.0, high=4.0))
    [low, high] = stage.answer_batch([{"text": "parcel"}, {"text": "money win"}])
    assert float(str(low.value)) < float(str(high.value)) <= 4.0


def test_another_file_makes_another_fingerprint(model: Path, make_stage: MakeStage) -> None:
    first = saved(model.parent, make_stage, "route.joblib").fingerprint
    model.write_bytes(model.read_bytes() + b" ")
    assert saved(model.parent, make_stage, "route.joblib").fingerprint != first


def test_a_file_outside_the_project_is_never_read(model: Path, make_stage: MakeStage) -> None:
    project = model.parent / "project"
    project.mkdir()
    (project / "link.joblib").symlink_to(model)
    for name in ("../route.joblib", str(model), "link.joblib"):
        with pytest.raises(ConfigurationError, match=r"could run a stranger's code\. Copy it into the project"):
            saved(project, make_stage, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [("route.pkl", "must be a .skops or .joblib file"), ("other.joblib", "'other.joblib' is no file")],
)
def test_what_is_no_saved_estimator_is_named(model: Path, make_stage: MakeStage, name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        saved(model.parent, make_stage, name)


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, make_stage: MakeStage) -> None:
    (tmp_path / "broken.joblib").write_bytes(b"no estimator")
    with pytest.raises(ConfigurationError, match=r"the saved estimator 'broken\.joblib' can't be read: "):
        saved(tmp_path, make_stage, "broken.joblib").answer_batch([{"text": "a"}])


def test_a_class_that_is_no_value_of_the_stage_is_named(model: Path, make_stage: MakeStage) -> None:
    output = OutputType(kind=Kind.LABEL, values=("orders", "advice"))
    with pytest.raises(ConfigurationError, match="a saved estimator's class: 'spam' is none of the labels"):
        saved(model.parent, make_stage, "route.joblib", output).answer_batch([{"text": "a"}])


def test_a_skops_file_answers_as_the_joblib_file_of_the_same_estimator(model: Path, make_stage: MakeStage) -> None:
    skops.io.dump(joblib.load(model), model.with_suffix(".skops"))
    asked = [{"text": "my parcel"}, {"text": "win a prize"}]
    by_kind = [saved(model.parent, make_stage, f"route.{kind}").answer_batch(asked) for kind in ("skops", "joblib")]
    assert by_kind[0] == by_kind[1]


def test_a_skops_file_with_a_strangers_type_is_refused_by_its_name(tmp_path: Path, make_stage: MakeStage) -> None:
    labels = ["orders", "orders", "spam", "spam"]
    strange = make_pipeline(FunctionTransformer(strangers), TfidfVectorizer(), LogisticRegression())
    skops.io.dump(strange.fit(TEXTS, labels), tmp_path / "m.skops")
    with pytest.raises(ConfigurationError, match=r"types that are not known to be safe: .*strangers"):
        saved(tmp_path, make_stage, "m.skops").answer_batch([{"text": "a"}])


def strangers(texts: list[str]) -> list[str]:
    return texts


def test_a_skops_file_that_can_not_be_read_is_named(tmp_path: Path, make_stage: MakeStage) -> None:
    (tmp_path / "m.skops").write_bytes(b"no estimator")
    with pytest.raises(ConfigurationError, match=r"the saved estimator 'm\.skops' can't be read: BadZipFile"):
        saved(tmp_path, make_stage, "m.skops").answer_batch([{"text": "a"}])


def test_skops_is_asked_for_where_it_is_missing(
    tmp_path: Path, make_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "skops", None)
    (tmp_path / "m.skops").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="needs the package skops: pip install skops"):
        saved(tmp_path, make_stage, "m.skops").answer_batch([{"text": "a"}])
