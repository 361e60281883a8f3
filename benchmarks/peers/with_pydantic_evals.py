"""pydantic-evals: a data set of cases, and a task that does the stages; one span a case, no store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from pydantic_evals import Case, Dataset

NAME = "pydantic-evals"


def python_stages(texts: Sequence[str], stages: Mapping[str, Callable[..., str]]) -> None:
    """Evaluate a task of three functions."""

    def task(text: str) -> str:
        words = stages["split"](text=text)
        return stages["answer"](text=text, words=words, kind=stages["kind"](text=text, words=words))

    _data(texts).evaluate_sync(task, max_concurrency=1, progress=False)


async def with_model(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    ask: Callable[[str], Awaitable[str]],
    at_once: int,
) -> None:
    """Evaluate a task of two functions and a call."""

    async def task(text: str) -> str:
        words = stages["split"](text=text)
        return await ask(f"{stages['kind'](text=text, words=words)}: {text}")

    await _data(texts).evaluate(task, max_concurrency=at_once, progress=False)


def _data(texts: Sequence[str]) -> Dataset[str, str, None]:
    return Dataset(name="bench", cases=[Case(name=f"r{n}", inputs=text) for n, text in enumerate(texts)])
