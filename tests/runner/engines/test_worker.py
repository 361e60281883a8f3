from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from runner.engines.recipes import CODE, Broken, FromStages, Refusing
from runner.making import TEXT, Build
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.runner.engines import Chunk, ChunkResult, Recipe
from stagegap.runner.engines.protocol import Worker

CHUNK = Chunk(3, "upper", ({"text": "a"}, {"text": "b"}))


def answered(recipe: Recipe, chunk: Chunk = CHUNK, **fingerprints: str) -> ChunkResult:
    return asyncio.run(Worker(recipe, fingerprints).answer(chunk))


@pytest.fixture
def recipe(making: Build) -> Callable[..., Recipe]:
    def make(name: str) -> Recipe:
        (making.folder / "stages.py").write_text(CODE)
        making.add(name, "python", "text", TEXT, {"function": f"stages.py:{name}"})
        return FromStages(tuple(making.stages), making.folder)

    return make


@pytest.mark.parametrize(("name", "values"), [("upper", ["A", "B"]), ("shout", ["a!", "b!"])])
def test_each_reply_has_its_own_time(recipe: Callable[..., Recipe], name: str, values: list[str]) -> None:
    found = answered(recipe(name), Chunk(3, name, CHUNK.inputs))
    assert (found.id, [reply.value for reply in found.replies]) == (3, values)
    assert all(reply.latency_ms is not None for reply in found.replies)


def test_errors_are_values_that_can_travel(recipe: Callable[..., Recipe]) -> None:
    assert isinstance(answered(Refusing()).error, RunStopped)
    bug = answered(Broken()).error
    assert (type(bug), str(bug)) == (RuntimeError, "ZeroDivisionError: ours")
    other = answered(recipe("upper"), upper="another fingerprint").error
    assert isinstance(other, ConfigurationError)
    assert "of the stage 'upper' differ from those here" in str(other)
