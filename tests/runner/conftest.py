"""What the tests of the runner share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import llm_server
from runner.making import Build, Memory
from stagegap.model.record import Record


@pytest.fixture(scope="session")
def _server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as server:
        yield server


@pytest.fixture
def server(_server: llm_server.LlmServer) -> llm_server.LlmServer:
    """A model that repeats its prompt, until a test says otherwise."""
    _server.answers()
    return _server


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def making(tmp_path: Path) -> Build:
    return Build(tmp_path)


def _records(*texts: str) -> list[Record]:
    return [Record(id=f"r{number}", fields={"text": text}) for number, text in enumerate(texts)]


@pytest.fixture
def records() -> Callable[..., list[Record]]:
    """Records r0, r1, ... with these texts."""
    return _records
