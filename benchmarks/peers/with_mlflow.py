"""MLflow: a traced function evaluated over a data set; one trace a record, stored in SQLite; no scorer.

The store is made once a process, so a median of several rounds leaves its making out. The limit of 10 calls a second
is lifted, and the trial call that finds out whether the function is traced is left out, because it is. With 64 threads
some traces are lost to a locked database, which MLflow tells as a warning; every record is still called and reported.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}  # read when it is imported

import mlflow
import mlflow.genai

NAME = "mlflow"


def python_stages(texts: Sequence[str], stages: Mapping[str, Callable[..., str]]) -> None:
    """Evaluate a traced function of three stages, one record at a time."""

    @mlflow.trace
    def task(text: str) -> str:
        words = stages["split"](text=text)
        return stages["answer"](text=text, words=words, kind=stages["kind"](text=text, words=words))

    _evaluate(texts, task, at_once=1)


async def with_model(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    ask: Callable[[str], Awaitable[str]],
    at_once: int,
) -> None:
    """Evaluate a traced function of two stages and a call, in threads whose calls go to the caller's loop."""
    loop = asyncio.get_running_loop()

    async def asked(prompt: str) -> str:
        return await ask(prompt)

    @mlflow.trace
    def task(text: str) -> str:
        words = stages["split"](text=text)
        prompt = f"{stages['kind'](text=text, words=words)}: {text}"
        return asyncio.run_coroutine_threadsafe(asked(prompt), loop).result()

    await asyncio.to_thread(_evaluate, texts, task, at_once=at_once)


def _evaluate(texts: Sequence[str], task: Callable[..., str], *, at_once: int) -> None:
    _connect()
    os.environ["MLFLOW_GENAI_EVAL_MAX_WORKERS"] = str(at_once)  # it has no argument for this
    found = mlflow.genai.evaluate(data=[{"inputs": {"text": text}} for text in texts], predict_fn=task, scorers=[])
    assert list(found.result_df["state"]) == ["OK"] * len(texts), "MLflow raises nothing for a failed record"


@functools.cache
def _connect() -> None:
    """Make a store in a temporary folder, which goes when the process ends."""
    os.environ |= {
        "MLFLOW_GENAI_EVAL_PREDICT_RATE_LIMIT": "0",
        "MLFLOW_GENAI_EVAL_SKIP_TRACE_VALIDATION": "true",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "256",  # with 15, 64 threads wait for each other and traces are lost
    }
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    mlflow.set_tracking_uri(f"sqlite:///{folder.name}/mlflow.db")
    made = mlflow.create_experiment("bench", artifact_location=Path(folder.name, "artifacts").as_uri())
    mlflow.set_experiment(experiment_id=made)
