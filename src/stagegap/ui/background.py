"""Views that are older than the labels are computed again beside the pages, one after another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import streamlit

from stagegap.ui.protocol import Workspace


@dataclass(frozen=True, slots=True)
class _Refreshing:
    pool: ThreadPoolExecutor
    running: dict[tuple[str, ...], Future[None]] = field(default_factory=dict[tuple[str, ...], Future[None]])


@streamlit.cache_resource(show_spinner=False)
def _refreshing() -> _Refreshing:
    return _Refreshing(ThreadPoolExecutor(1, thread_name_prefix="refresh"))


def refresh(workspace: Workspace, cascade: str, run: str) -> None:
    """Start the refresh of a run's view, unless it is on its way; a failed one is tried again."""
    _start(("refresh", cascade, run), partial(workspace.refresh, cascade, run))


def compare_people(workspace: Workspace, cascade: str, stage: str, who: str) -> None:
    """Start comparing what people answered at a stage, unless that is on its way."""
    _start(("people", cascade, stage, who), partial(workspace.people.prepare, cascade, stage, who))


def screen(workspace: Workspace, cascade: str, run: str) -> None:
    """Start the screen of a run, unless it is on its way; a failed one is tried again."""
    _start(("screen", cascade, run), partial(_screened, workspace, cascade, run))


def _screened(workspace: Workspace, cascade: str, run: str) -> None:
    workspace.oddities.screen(cascade, [run])


def _start(key: tuple[str, ...], work: Callable[[], None]) -> None:
    state = _refreshing()
    before = state.running.get(key)
    if before is None or before.done():
        state.running[key] = state.pool.submit(work)


def wait() -> None:
    """Wait until every refresh that was started has ended."""
    futures.wait(_refreshing().running.values())
