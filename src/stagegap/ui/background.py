"""Views that are older than the labels are computed again beside the pages, one after another."""

from __future__ import annotations

from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import streamlit

from stagegap.ui.protocol import Workspace


@dataclass(frozen=True, slots=True)
class _Refreshing:
    pool: ThreadPoolExecutor
    running: dict[tuple[str, str], Future[None]] = field(default_factory=dict[tuple[str, str], Future[None]])


@streamlit.cache_resource(show_spinner=False)
def _refreshing() -> _Refreshing:
    return _Refreshing(ThreadPoolExecutor(1, thread_name_prefix="refresh"))


def refresh(workspace: Workspace, cascade: str, run: str) -> None:
    """Start the refresh of a run's view, unless it is on its way; a failed one is tried again."""
    state = _refreshing()
    before = state.running.get((cascade, run))
    if before is None or before.done():
        state.running[cascade, run] = state.pool.submit(workspace.refresh, cascade, run)


def screen(workspace: Workspace, cascade: str, run: str) -> None:
    """Start the screen of a run, unless it is on its way; a failed one is tried again."""
    state = _refreshing()
    key = (f"screen {cascade}", run)
    before = state.running.get(key)
    if before is None or before.done():
        state.running[key] = state.pool.submit(_screened, workspace, cascade, run)


def _screened(workspace: Workspace, cascade: str, run: str) -> None:
    workspace.oddities.screen(cascade, [run])


def wait() -> None:
    """Wait until every refresh that was started has ended."""
    futures.wait(_refreshing().running.values())
