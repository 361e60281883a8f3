"""Haystack: stages are components of a pipeline, run once a record, no store; its telemetry is switched off."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"  # read when it is imported

from haystack import Pipeline, component

NAME = "haystack-ai"


def python_stages(texts: Sequence[str], stages: Mapping[str, Callable[..., str]]) -> None:
    """Run a pipeline of three components for each record."""

    @component
    class Answer:
        @component.output_types(answer=str)
        def run(self, text: str, words: str, kind: str) -> dict[str, str]:
            return {"answer": stages["answer"](text=text, words=words, kind=kind)}

    pipeline = _first(stages)
    pipeline.add_component("answer", Answer())
    pipeline.connect("split.words", "answer.words")
    pipeline.connect("kind.kind", "answer.kind")
    for text in texts:
        pipeline.run({"split": {"text": text}, "kind": {"text": text}, "answer": {"text": text}})


async def with_model(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    ask: Callable[[str], Awaitable[str]],
    at_once: int,
) -> None:
    """Run a pipeline of two components and one that asks, so many records at a time."""

    @component
    class Draft:
        @component.output_types(draft=str)
        def run(self, text: str, kind: str) -> dict[str, str]:
            raise NotImplementedError

        @component.output_types(draft=str)
        async def run_async(self, text: str, kind: str) -> dict[str, str]:
            return {"draft": await ask(f"{kind}: {text}")}

    pipeline = _first(stages)
    pipeline.add_component("draft", Draft())
    pipeline.connect("kind.kind", "draft.kind")
    gate = asyncio.Semaphore(at_once)

    async def one(text: str) -> None:
        async with gate:
            await pipeline.run_async({"split": {"text": text}, "kind": {"text": text}, "draft": {"text": text}})

    await asyncio.gather(*map(one, texts))


def _first(stages: Mapping[str, Callable[..., str]]) -> Pipeline:
    @component
    class Split:
        @component.output_types(words=str)
        def run(self, text: str) -> dict[str, str]:
            return {"words": stages["split"](text=text)}

    @component
    class Kind:
        @component.output_types(kind=str)
        def run(self, text: str, words: str) -> dict[str, str]:
            return {"kind": stages["kind"](text=text, words=words)}

    pipeline = Pipeline()
    pipeline.add_component("split", Split())
    pipeline.add_component("kind", Kind())
    pipeline.connect("split.words", "kind.words")
    return pipeline
