from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stagegap.model.cascade import Kind, OutputType, Stage
from stagegap.stages import build
from stagegap.stages.foundation import foundation_of, named_digest

MakeStage = Callable[..., Stage]


@pytest.fixture
def stage(tmp_path: Path, make_stage: MakeStage) -> Stage:
    (tmp_path / "stages.py").write_text("import rules, yaml\ndef draft(text): return text")
    (tmp_path / "rules.py").write_text("N = 1")
    (tmp_path / "words.json").write_text("[]")
    made = make_stage("python", OutputType(kind=Kind.TEXT), function="stages.py:draft")
    return replace(made, rests_on=("words.json", "env:MODE"))


def fingerprint(stage: Stage, folder: Path, **environment: str) -> str:
    return build(stage, folder=folder, corpora={}, environment=environment).fingerprint


@pytest.fixture
def _importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("_importable")
def test_what_is_named_is_part_of_the_fingerprint(stage: Stage, tmp_path: Path) -> None:
    before = fingerprint(stage, tmp_path, MODE="fast")
    assert fingerprint(stage, tmp_path, MODE="fast", OTHER="x") == before
    assert fingerprint(stage, tmp_path, MODE="slow") != before
    assert fingerprint(stage, tmp_path) != before
    assert fingerprint(replace(stage, rests_on=()), tmp_path, MODE="fast") != before
    (tmp_path / "words.json").write_text('["plum"]')
    assert fingerprint(stage, tmp_path, MODE="fast") != before


@pytest.mark.usefixtures("_importable")
def test_what_a_stage_rests_on_is_told(stage: Stage, tmp_path: Path) -> None:
    code = build(stage, folder=tmp_path, corpora={}, environment={})
    found = foundation_of(stage, code, tmp_path)
    assert found.files == ("stages.py", "rules.py", "words.json")
    assert [name.partition(" ")[0] for name in found.packages] == ["yaml"]
    assert (found.variables, found.unseen) == (("MODE",), ())


def test_a_prompt_and_a_program_are_told_too(tmp_path: Path, make_stage: MakeStage) -> None:
    (tmp_path / "p.j2").write_text("{{ text }}")
    (tmp_path / "rank.py").touch()
    (tmp_path / "words.txt").touch()
    text = OutputType(kind=Kind.TEXT)
    for stage, files in (
        (make_stage("llm", text, model="m", prompt="p.j2", base_url="http://localhost/v1"), ("p.j2",)),
        (make_stage("command", text, command=["python3", "rank.py"], files=["words.txt"]), ("rank.py", "words.txt")),
    ):
        code = build(stage, folder=tmp_path, corpora={}, environment={})
        assert foundation_of(stage, code, tmp_path).files == files


@pytest.mark.parametrize("name", ["data", "data/*.json", "data/**/*.json"])
def test_folders_and_patterns_stand_for_all_that_is_in_them(tmp_path: Path, name: str) -> None:
    (tmp_path / "data" / "inner").mkdir(parents=True)
    for file in ("data/a.json", "data/inner/b.json", "data/.hidden"):
        (tmp_path / file).write_text("1")
    before = named_digest([name], folder=tmp_path, environment={})
    (tmp_path / "data/.hidden").write_text("2")
    assert named_digest([name], folder=tmp_path, environment={}) == before
    (tmp_path / "data/a.json").write_text("2")
    assert named_digest([name], folder=tmp_path, environment={}) != before


def test_nothing_named_is_nothing(tmp_path: Path) -> None:
    assert named_digest([], folder=tmp_path, environment={}) == ""
