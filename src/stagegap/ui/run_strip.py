"""How far the runs are that go on, on every page that shows numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import streamlit

from stagegap.analysis.wording import counted
from stagegap.model.live import LiveRun
from stagegap.model.run import Run, RunStatus
from stagegap.tables import figures
from stagegap.ui.elements import note
from stagegap.workspace import Workspace

EVERY = 2.0
"""Seconds between two looks while a run goes on."""


def draw(workspace: Workspace, cascade: str, *, current: str | None) -> bool:
    """Write a line for each run that goes on, newer than the one that is shown; give whether there is one."""
    if not _active(workspace, cascade, current):
        return False

    @streamlit.fragment(run_every=EVERY)
    def strip() -> None:
        active = _active(workspace, cascade, current)
        if not active:
            streamlit.rerun()
        past = workspace.past(cascade)
        live = {live_run.name: live_run for live_run in past.live()}
        for run in active:
            if run.name not in live:
                note(f"Run {run.name} has started and not ended yet.")
                continue
            note(sentence(live[run.name]))
            so_far = past.so_far(live[run.name])
            if so_far is not None:
                note(so_far.sentence)

    strip()
    return True


def sentence(live: LiveRun) -> str:
    """Say how far a run is: `Run v3, system: draft 412 of 1,000, 3 errors, $1.31, about 2 min left.`"""
    stage = next((stage for stage in live.stages if stage.done < stage.total), None)
    where = f"Run {live.name}, part {min(live.cells + 1, live.of)} of {live.of}, {live.cell}"
    if stage is None:
        return f"{where}: done, computing its numbers."
    done, errors = sum(stage.done for stage in live.stages), sum(stage.errors for stage in live.stages)
    cost = sum(stage.cost for stage in live.stages)
    parts = [f"{stage.stage} {stage.done:,} of {stage.total:,}"]
    parts += [counted(errors, "error")] if errors else []
    parts += [f"${cost:,.2f}"] if cost else []
    if done:
        parts.append(f"about {figures.seconds(live.seconds * (1 - live.share) / live.share)} left of this part")
    return f"{where}: {', '.join(parts)}."


def _active(workspace: Workspace, cascade: str, current: str | None) -> Sequence[Run]:
    newer = takewhile(lambda run: run.name != current, workspace.runs.of(cascade))
    return [run for run in newer if run.status is RunStatus.RUNNING]
