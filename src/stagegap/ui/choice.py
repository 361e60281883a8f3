"""What pages begin with: which cascade and run the URL names, the tool bar, or the sentence that says what to do
first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit

from stagegap.analysis.views import Scorecard
from stagegap.model.run import Run
from stagegap.ui import elements, empty, share, state
from stagegap.ui.elements import note
from stagegap.workspace import Workspace


def draw_toolbar(opened: Opening, offer: Callable[[], share.Offer], *, run: str, drop: Sequence[str] = ()) -> None:
    """Draw the pickers and Share; another run takes the parameters of `drop` out of the address."""
    with streamlit.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        cascade_picker(opened.cascades, opened.cascade, drop=drop)
        elements.picker("Run", "run", {listed.name: elements.dated(listed) for listed in opened.runs}, run, drop=drop)
        share.button(offer, run=run)


def widths(opened: Opening) -> tuple[float, float]:
    """How the width of a page is shared between its title and the toolbar."""
    return (4, 1.6) if len(opened.cascades) == 1 else (4, 2.6)


def cascade_picker(cascades: Sequence[str], cascade: str, *, drop: Sequence[str] = ()) -> None:
    """Draw the picker of cascades where there are several; another one has other stages and runs."""
    if len(cascades) > 1:
        names = dict(zip(cascades, cascades, strict=True))
        elements.picker("Cascade", "cascade", names, cascade, drop=("run", "stage", "why", *drop))


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
    kept = workspace.runs.kept_scorecard(cascade, run)
    return Opening(
        cascades=cascades,
        cascade=cascade,
        runs=runs,
        scorecard=kept.view if kept else None,
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
