"""Phoenix: a task run as an experiment over a data set, on a server of its own that stores it; no evaluator.

The server listens on 127.0.0.1 and is started once a process, so a median of several rounds leaves its start out.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

os.environ |= {"PHOENIX_TELEMETRY_ENABLED": "false", "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false"}

from phoenix.client import AsyncClient, Client

NAME = "arize-phoenix"
START_S = 120.0


def python_stages(texts: Sequence[str], stages: Mapping[str, Callable[..., str]]) -> None:
    """Run an experiment whose task is three functions."""

    def task(input: Mapping[str, str]) -> str:
        text = input["text"]
        words = stages["split"](text=text)
        return stages["answer"](text=text, words=words, kind=stages["kind"](text=text, words=words))

    client = Client(base_url=_server())
    data = client.datasets.create_dataset(**_examples(texts))
    _check(client.experiments.run_experiment(dataset=data, task=task, print_summary=False), texts)


async def with_model(
    texts: Sequence[str],
    stages: Mapping[str, Callable[..., str]],
    ask: Callable[[str], Awaitable[str]],
    at_once: int,
) -> None:
    """Run an experiment whose task is two functions and a call, so many records at a time."""

    async def task(input: Mapping[str, str]) -> str:
        text = input["text"]
        words = stages["split"](text=text)
        return await ask(f"{stages['kind'](text=text, words=words)}: {text}")

    client = AsyncClient(base_url=await asyncio.to_thread(_server))
    data = await client.datasets.create_dataset(**_examples(texts))
    run = client.experiments.run_experiment
    _check(await run(dataset=data, task=task, print_summary=False, concurrency=at_once), texts)


def _examples(texts: Sequence[str]) -> dict[str, Any]:
    return {"name": uuid.uuid4().hex, "inputs": [{"text": text} for text in texts], "timeout": 600}


def _check(found: Mapping[str, Any], texts: Sequence[str]) -> None:
    done = [run for run in found["task_runs"] if not run.get("error")]
    assert len(done) == len(texts), "Phoenix keeps a failed record as a run with an error"


@functools.cache
def _server() -> str:
    """Start a server in a temporary folder and give its address; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    port, grpc = _free_ports()
    places = {"PHOENIX_WORKING_DIR": folder.name, "PHOENIX_HOST": "127.0.0.1"}
    ports = {"PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(grpc)}
    command = [sys.executable, "-m", "phoenix.server.main", "serve"]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, env=os.environ | places | ports, stdout=quiet, stderr=quiet)
    atexit.register(server.wait)
    atexit.register(server.terminate)
    address = f"http://127.0.0.1:{port}"
    until = time.monotonic() + START_S
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/healthz", timeout=10).close()
            return address
        time.sleep(0.1)
    raise RuntimeError("the Phoenix server does not answer")


def _free_ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]
