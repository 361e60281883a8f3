"""Hamilton: stages are the functions of a module, their arguments the wires; executed once a record, no store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from hamilton import ad_hoc_utils, async_driver, driver

NAME = "sf-hamilton"


def python_stages(texts: Sequence[str], stages: Mapping[str, Callable[..., str]]) -> None:
    """Execute a graph of three functions for each record."""

    def words(text: str) -> str:
        return stages["split"](text=text)

    def kind(text: str, words: str) -> str:
        return stages["kind"](text=text, words=words)

    def answer(text: str, words: str, kind: str) -> str:
        return stages["answer"](text=text, words=words, kind=kind)

    graph = driver.Builder().with_modules(ad_hoc_utils.create_temporary_module(words, kind, answer)).build()
    for text in texts:
        graph.execute(["words", "kind", "answer"], inputs={"text": text})


async def with_model(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    ask: Callable[[str], Awaitable[str]],
    at_once: int,
) -> None:
    """Execute an asynchronous graph of two functions and a call, so many records at a time."""

    async def words(text: str) -> str:
        return stages["split"](text=text)

    async def kind(text: str, words: str) -> str:
        return stages["kind"](text=text, words=words)

    async def draft(text: str, kind: str) -> str:
        return await ask(f"{kind}: {text}")

    module = ad_hoc_utils.create_temporary_module(words, kind, draft)
    graph = await async_driver.Builder().with_modules(module).build()
    gate = asyncio.Semaphore(at_once)

    async def one(text: str) -> None:
        async with gate:
            await graph.execute(["words", "kind", "draft"], inputs={"text": text})

    await asyncio.gather(*map(one, texts))
