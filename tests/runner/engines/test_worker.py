from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable

import pytest

from runner.engines.recipes import CODE, Broken, FromStages, Refusing
from runner.making import TEXT, Build
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.runner.engines import Chunk, ChunkResult, Recipe
from stagegap.runner.engines.protocol import Worker

CHUNK = Chunk(3, "upper", ({"text": "a"}, {"text": "b"}))


def parts(recipe: Recipe, chunk: Chunk = CHUNK, **fingerprints: str) -> list[ChunkResult]:
    async def collected() -> list[ChunkResult]:
        return [part async for part in Worker(recipe, fingerprints).answers(chunk)]

    return asyncio.run(collected())


def answered(recipe: Recipe, chunk: Chunk = CHUNK, **fingerprints: str) -> ChunkResult:
    return parts(recipe, chunk, **fingerprints)[-1]


@pytest.fixture
def recipe(making: Build) -> Callable[..., Recipe]:
    def make(name: str) -> Recipe:
        (making.folder / "stages.py").write_text(CODE)
        making.add(name, "python", "text", TEXT, {"function": f"stages.py:{name}"})
        return FromStages(tuple(making.stages), making.folder)

    return make


def test_each_reply_has_its_own_time(recipe: Callable[..., Recipe]) -> None:
    found = parts(recipe("upper"))
    assert [(part.id, part.first) for part in found] == [(3, 0), (3, 1)]
    assert [reply.value for part in found for reply in part.replies] == ["A", "B"]
    assert all(reply.latency_ms is not None for part in found for reply in part.replies)


def test_a_slow_call_is_reported_when_it_is_answered_and_fast_ones_together(recipe: Callable[..., Recipe]) -> None:
    slow = parts(recipe("slow"), Chunk(3, "slow", CHUNK.inputs * 2, most=256))
    assert [len(part.replies) for part in slow] == [1, 1, 1, 1]
    fast = [len(p.replies) for p in parts(recipe("upper"), Chunk(3, "upper", CHUNK.inputs * 20, most=256))]
    assert (fast[0], sum(fast)) == (1, 40)
    assert len(fast) < 10, "a machine that stalls in between sends what is there"


def test_a_stage_that_takes_lists_gets_its_batches(recipe: Callable[..., Recipe]) -> None:
    found = parts(recipe("listed"), Chunk(3, "listed", CHUNK.inputs * 10, group=8, most=8))
    assert [len(part.replies) for part in found] == [8, 8, 4]


def test_what_only_waits_is_none_of_a_workers(recipe: Callable[..., Recipe]) -> None:
    error = answered(recipe("shout"), Chunk(3, "shout", CHUNK.inputs)).error
    assert str(error) == "TypeError: stage 'shout' only waits, and is asked by the driver"


def test_errors_are_values_that_can_travel(recipe: Callable[..., Recipe]) -> None:
    assert isinstance(answered(Refusing()).error, RunStopped)
    bug = answered(Broken()).error
    assert (type(bug), str(bug)) == (RuntimeError, "ZeroDivisionError: ours")
    other = answered(recipe("upper"), upper="another fingerprint").error
    assert isinstance(other, ConfigurationError)
    assert "of the stage 'upper' differ from those here" in str(other)
    assert f"(there Python {platform.python_version()}, stagegap " in str(other)
