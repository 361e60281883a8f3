"""DSPy: a module that does the stages, called once a record; its own model class is left aside, its cache too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import dspy

NAME = "dspy"


def python_stages(texts: Sequence[str], stages: Mapping[str, Callable[..., str]]) -> None:
    """Call a module of three functions for each record."""

    class Task(dspy.Module):
        def forward(self, text: str) -> dspy.Prediction:
            words = stages["split"](text=text)
            kind = stages["kind"](text=text, words=words)
            return dspy.Prediction(answer=stages["answer"](text=text, words=words, kind=kind))

    task = Task()
    for text in texts:
        task(text=text)


async def with_model(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    ask: Callable[[str], Awaitable[str]],
    at_once: int,
) -> None:
    """Call an asynchronous module of two functions and a question, so many records at a time."""

    class Task(dspy.Module):
        async def aforward(self, text: str) -> dspy.Prediction:
            words = stages["split"](text=text)
            return dspy.Prediction(draft=await ask(f"{stages['kind'](text=text, words=words)}: {text}"))

    task, gate = Task(), asyncio.Semaphore(at_once)

    async def one(text: str) -> None:
        async with gate:
            await task.acall(text=text)

    await asyncio.gather(*map(one, texts))
