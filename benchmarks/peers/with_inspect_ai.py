"""Inspect AI: a task of samples, a solver that does the stages and a scorer that calls no model; a log, soon gone.

Its own model classes are left aside and its control channel is off. Beside the log it keeps a buffer and traces in the
user's folder for data, as it comes.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence

from inspect_ai import Task, eval_async
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util._display import init_display_type  # `eval_async` has no parameter for it, as `eval` has

NAME = "inspect-ai"


def python_stages(texts: Sequence[str], stages: Mapping[str, Callable[..., str]]) -> None:
    """Evaluate a solver of three functions."""

    async def last(text: str, words: str, kind: str) -> str:
        return stages["answer"](text=text, words=words, kind=kind)

    asyncio.run(_evaluated(texts, stages, last, at_once=1))


async def with_model(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    ask: Callable[[str], Awaitable[str]],
    at_once: int,
) -> None:
    """Evaluate a solver of two functions and a question, so many samples at a time."""

    async def last(text: str, words: str, kind: str) -> str:  # noqa: ARG001 (the signature of both)
        return await ask(f"{kind}: {text}")

    await _evaluated(texts, stages, last, at_once=at_once)


async def _evaluated(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    last: Callable[[str, str, str], Awaitable[str]],
    *,
    at_once: int,
) -> None:
    @solver
    def cascade() -> Solver:
        async def solve(state: TaskState, _generate: Generate) -> TaskState:
            text = state.input_text
            words = stages["split"](text=text)
            answer = await last(text, words, stages["kind"](text=text, words=words))
            state.output = ModelOutput.from_content(model="none", content=answer)
            return state

        return solve

    task = Task(
        dataset=MemoryDataset([Sample(id=f"r{n}", input=text) for n, text in enumerate(texts)]),
        solver=cascade(),
        scorer=_is_there(),
        name="bench",
    )
    init_display_type("none")
    with tempfile.TemporaryDirectory() as folder:
        logs = await eval_async(task, model=None, max_samples=at_once, log_dir=folder, ctl_server=False)
        if logs[0].status != "success":
            raise RuntimeError(f"Inspect AI gave up: {logs[0].error}")


@scorer(metrics=[accuracy()])
def _is_there() -> Scorer:
    async def score(state: TaskState, _target: Target) -> Score:
        return Score(value=bool(state.output.completion))

    return score
