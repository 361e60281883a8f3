from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stagegap.stages
from stagegap import spec
from stagegap.errors import SpecError
from stagegap.runner.budget import is_paid
from stagegap.spec.schema import stage_model
from stagegap.stages import BatchStage, Reply, build
from stagegap.stages.kinds import kinds, named

SHOUT = """
from stagegap.stages.kinds import StageKind
from stagegap.stages.protocol import Reply
from stagegap.stages.settings import Block, Points, Text
from typing import Annotated

class ShoutWith(Block):
    words: Annotated[Text, Points("the list of words", role="other")]
    mark: Text = "!"

class ShoutStage:
    reads_record = False
    fingerprint = "shout"
    def __init__(self, stage):
        self.mark = stage.parameters["mark"]
    def answer_batch(self, inputs):
        return [Reply(value=one["text"].upper() + self.mark) for one in inputs]

KIND = StageKind(summary="Answers loudly.", settings=ShoutWith, build=lambda stage, around: ShoutStage(stage))
"""
CASCADE = """
cascade: loud
records: {path: records.jsonl}
stages:
  call:
    uses: shout
    with: {words: WORDS}
    inputs: {text: record.text}
    output: {type: text}
outcome: {score: call.fact_recall}
"""


@pytest.fixture
def shout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A kind of stage more: one file in the package of stages."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "shout.py").write_text(SHOUT)
    monkeypatch.setattr(stagegap.stages, "__path__", [*stagegap.stages.__path__, str(tmp_path / "package")])
    for known in (kinds, named, stage_model):
        known.cache_clear()
    yield tmp_path
    sys.modules.pop("stagegap.stages.shout", None)
    stagegap.stages.__dict__.pop("shout", None)
    for known in (kinds, named, stage_model):
        known.cache_clear()


def write(folder: Path, words: str) -> Path:
    (folder / "records.jsonl").write_text('{"id": "1", "text": "fire"}\n')
    (folder / "words.txt").write_text("fire")
    path = folder / "cascade.yaml"
    path.write_text(CASCADE.replace("WORDS", words))
    return path


def test_a_kind_of_stage_is_one_file_that_everything_else_asks(shout: Path) -> None:
    assert "shout" in kinds()
    file = spec.load(write(shout, "words.txt"), environment={})
    stage = file.cascade.stage("call")
    assert (stage.parameters["words"], stage.parameters["mark"]) == (str(shout / "words.txt"), "!")
    assert not is_paid(stage)
    code = build(stage, folder=shout, corpora={}, environment={})
    assert isinstance(code, BatchStage)
    assert code.answer_batch([{"text": "fire"}]) == [Reply(value="FIRE!")]
    definitions = spec.json_schema()["$defs"]
    assert isinstance(definitions, dict)
    assert {"ShoutStage", "ShoutWith"} <= set(definitions)


def test_files_that_a_kind_points_at_must_be_there(shout: Path) -> None:
    with pytest.raises(SpecError, match=r"the list of words '.*word.txt' is not there\. Did you mean words.txt"):
        spec.load(write(shout, "word.txt"), environment={})


def test_the_kinds_are_those_of_the_guide() -> None:
    assert list(kinds()) == ["command", "http", "join", "llm", "python", "recorded", "retrieval", "sklearn"]


@pytest.mark.parametrize("name", ["person", "canonical", "nothing", "a.b", "", "__init__"])
def test_what_no_cascade_file_can_name_is_no_kind(name: str) -> None:
    assert name not in kinds()
    assert stage_model(name) is None
