"""What the tests of stages share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import llm_server
from stagegap.model.cascade import Document, Kind, OutputType, Source, Stage
from stagegap.model.record import Json
from stagegap.stages import Corpus, StageCode, build

MakeStage = Callable[..., Stage]


@pytest.fixture(scope="session")
def _server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as server:
        yield server


@pytest.fixture
def server(_server: llm_server.LlmServer) -> llm_server.LlmServer:
    """A model that repeats its prompt, until a test says otherwise."""
    _server.answers()
    return _server


@pytest.fixture
def make_stage() -> MakeStage:
    def make(uses: str, output: OutputType, inputs: str = "text", **parameters: Json) -> Stage:
        return Stage(
            name="draft",
            uses=uses,
            inputs={name: Source("record", name) for name in inputs.split()},
            output=output,
            metrics=("exact",),
            parameters=parameters,
            timeout_s=20.0,
        )

    return make


@pytest.fixture
def python(tmp_path: Path, make_stage: MakeStage) -> Callable[..., StageCode]:
    """Build a python stage from source text whose function is `draft`."""

    def make(
        code: str, output: OutputType | None = None, inputs: str = "text", **rest: Mapping[str, Corpus]
    ) -> StageCode:
        (tmp_path / "stages.py").write_text(code)
        stage = make_stage("python", output or OutputType(kind=Kind.TEXT), inputs, function="stages.py:draft")
        return build(stage, folder=tmp_path, corpora=rest.get("corpora", {}), environment={})

    return make


@pytest.fixture
def shop() -> Corpus:
    """Four documents: two tents of equal words, a kettle, and one with no department."""
    documents = [
        Document(id="t2", title="Tent", text="blue poles", fields={"departments": ["advice", "repairs"], "kind": "a"}),
        Document(id="t1", title="Tent", text="blue poles", fields={"departments": ["returns"], "kind": "b"}),
        Document(id="k1", title="Kettle", text="steel whistle", fields={"departments": ["advice"], "kind": "a"}),
        Document(id="x1", title="Rug", text="wool and poles of wool", fields={}),
    ]
    return Corpus(name="shop", documents={document.id: document for document in documents})
