"""What pages begin with: the cascade and the run that the URL names, or the sentence that says what to do first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stagegap.analysis.views import Scorecard
from stagegap.model.run import Run
from stagegap.ui import empty, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A cascade, and a run of it."""

    cascades: Sequence[str]
    """All that there are, for the picker."""
    cascade: str
    runs: Sequence[Run]
    """All of this cascade, newest first."""
    scorecard: Scorecard | None
    """None where no run has numbers, or the one of the link has none."""
    elsewhere: str
    """The sentence on a cascade or run of the link that is not here; empty where both are."""


def chosen(workspace: Workspace) -> tuple[Sequence[str], str] | None:
    """All cascades and the one that the URL names, else the first; without any, say how to get one."""
    cascades = workspace.cascades()
    if not cascades:
        empty.no_cascade()
        return None
    cascade, _ = state.chosen("cascade", cascades, None)
    return cascades, cascade or cascades[0]


def opened(workspace: Workspace) -> Opening | None:
    """The cascade and the run that the URL names, else the first and its newest; None without a cascade."""
    choice = chosen(workspace)
    if choice is None:
        return None
    cascades, cascade = choice
    runs = workspace.runs.of(cascade)
    run, no_run = state.chosen("run", [run.name for run in runs], None)
    return Opening(
        cascades=cascades,
        cascade=cascade,
        runs=runs,
        scorecard=workspace.runs.scorecard(cascade, run),
        elsewhere=_elsewhere(cascade, is_run_here=not no_run),
    )


def scored(workspace: Workspace) -> tuple[Opening, Scorecard] | None:
    """The same and the run's numbers; without numbers, how to get them, and wait for them."""
    opening = opened(workspace)
    if opening is None:
        return None
    if opening.scorecard is None:
        run = state.asked("run")
        empty.no_run(workspace, opening.cascade, run if run in [known.name for known in opening.runs] else None)
        return None
    return opening, opening.scorecard


def say_if_elsewhere(opening: Opening) -> None:
    """Say that the link names something else than what the page shows."""
    if opening.elsewhere:
        note(opening.elsewhere)


def _elsewhere(cascade: str, *, is_run_here: bool) -> str:
    wanted = state.asked("cascade")
    if wanted not in (None, cascade):
        return f"Cascade {wanted} in the link is not here. This is {cascade}."
    return "" if is_run_here else f"Run {state.asked('run')} in the link is not here. This is the newest."
