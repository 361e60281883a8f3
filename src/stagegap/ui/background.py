"""What takes longer than a page is worked out beside the pages, one thing after another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import streamlit

from stagegap.errors import StagegapError
from stagegap.workspace import Workspace

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Working:
    pool: ThreadPoolExecutor
    running: dict[Key, Future[object]] = field(default_factory=dict[Key, "Future[object]"])


@streamlit.cache_resource(show_spinner=False)
def _working() -> _Working:
    return _Working(ThreadPoolExecutor(1, thread_name_prefix="beside-the-pages"))


def start(key: Key, work: Callable[[], object]) -> None:
    """Start a piece of work, unless it is on its way; one that failed is tried again."""
    state = _working()
    before = state.running.get(key)
    if before is None or before.done():
        state.running[key] = state.pool.submit(work)


def is_working(key: Key) -> bool:
    """True while a piece of work is on its way."""
    future = _working().running.get(key)
    return future is not None and not future.done()


def failure(key: Key) -> str:
    """The sentence with which a piece of work ended; empty where it did not fail. A bug is raised again."""
    future = _working().running.get(key)
    error = future.exception() if future is not None and future.done() else None
    if error is None:
        return ""
    if isinstance(error, StagegapError):
        return str(error)
    raise error


def refresh(workspace: Workspace, cascade: str, run: str) -> None:
    """Start the refresh of a run's view, unless it is on its way; a failed one is tried again."""
    start(("refresh", cascade, run), partial(workspace.runs.refresh, cascade, run))


def compare_people(workspace: Workspace, cascade: str, stage: str, who: str) -> None:
    """Start comparing what people answered at a stage, unless that is on its way."""
    start(("people", cascade, stage, who), partial(workspace.people.prepare, cascade, stage, who))


def people_failure(cascade: str, stage: str, who: str) -> str:
    """The sentence with which the last comparison of answers ended; empty where it did not fail."""
    return failure(("people", cascade, stage, who))


def screen(workspace: Workspace, cascade: str, run: str) -> None:
    """Start the screen of a run, unless it is on its way; a failed one is tried again."""
    start(("screen", cascade, run), partial(_screened, workspace, cascade, run))


def _screened(workspace: Workspace, cascade: str, run: str) -> None:
    workspace.oddities.screen(cascade, [run])


def wait() -> None:
    """Wait until everything that was started has ended."""
    futures.wait(_working().running.values())
