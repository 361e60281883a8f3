"""DeepEval: a loop makes the test cases, then `evaluate` scores them with a metric that calls no model.

Telemetry, `.env` files, key files and uploads are off; what it keeps on disk goes to a temporary folder. Its metrics do
not wait here, so it scores one case after the other; the question is asked while the test cases are made.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence

os.environ.update(  # read when it is imported
    DEEPEVAL_TELEMETRY_OPT_OUT="1",
    DEEPEVAL_DISABLE_DOTENV="1",
    DEEPEVAL_DISABLE_LEGACY_KEYFILE="1",
    DEEPEVAL_NO_INSPECT_PROMPT="1",
    DEEPEVAL_CACHE_FOLDER=tempfile.mkdtemp(),
)
os.environ.pop("CONFIDENT_API_KEY", None)  # with it, results would be uploaded

from deepeval import evaluate
from deepeval.dataset import EvaluationDataset, Golden
from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase

NAME = "deepeval"
atexit.register(shutil.rmtree, os.environ["DEEPEVAL_CACHE_FOLDER"], ignore_errors=True)


class IsThere(BaseMetric):
    """Gives 1 for an answer that is not empty."""

    def __init__(self) -> None:
        self.threshold = 0.5

    def measure(self, test_case: LLMTestCase) -> float:
        self.score = float(bool(test_case.actual_output))
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, test_case: LLMTestCase) -> float:
        return self.measure(test_case)

    def is_successful(self) -> bool:
        return bool(self.success)

    @property
    def __name__(self) -> str:
        return "Is there"


def python_stages(texts: Sequence[str], stages: Mapping[str, Callable[..., str]]) -> None:
    """Make a test case of three functions for each golden, and evaluate them."""
    data = _data(texts)
    for golden in data.goldens:
        text = golden.input
        words = stages["split"](text=text)
        answer = stages["answer"](text=text, words=words, kind=stages["kind"](text=text, words=words))
        data.add_test_case(LLMTestCase(input=text, actual_output=answer))
    _evaluate(data)


async def with_model(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    ask: Callable[[str], Awaitable[str]],
    at_once: int,
) -> None:
    """Make a test case of two functions and a question, so many at a time, and evaluate them beside the loop."""
    data, gate = _data(texts), asyncio.Semaphore(at_once)

    async def one(text: str) -> None:
        async with gate:
            words = stages["split"](text=text)
            draft = await ask(f"{stages['kind'](text=text, words=words)}: {text}")
            data.add_test_case(LLMTestCase(input=text, actual_output=draft))

    await asyncio.gather(*(one(golden.input) for golden in data.goldens))
    await asyncio.to_thread(_evaluate, data)


def _data(texts: Sequence[str]) -> EvaluationDataset:
    return EvaluationDataset(goldens=[Golden(input=text) for text in texts])


def _evaluate(data: EvaluationDataset) -> None:
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a summary and an advertisement in any case
        found = evaluate(
            test_cases=data.test_cases,
            metrics=[IsThere()],
            async_config=AsyncConfig(run_async=False),
            display_config=DisplayConfig(show_indicator=False, print_results=False),
            cache_config=CacheConfig(
                write_cache=False
            ),  # it rewrites the file at each case: time grows with the square
        )
    if not all(result.success for result in found.test_results):
        raise RuntimeError("DeepEval failed a test case whose answer is there")
