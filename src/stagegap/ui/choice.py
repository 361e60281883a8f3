"""What pages begin with: the cascade and run that the URL names, or what to do where there is nothing to draw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from urllib.parse import urlencode

import streamlit

from stagegap import charts
from stagegap.analysis.views import Scorecard
from stagegap.model.notes import Wanted
from stagegap.model.run import LiveRun, Run, RunStatus
from stagegap.model.wording import counted, plural
from stagegap.tables import figures
from stagegap.ui import background, elements, share, state
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
        no_cascade()
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
        no_run(workspace, opening.cascade, run if run in [known.name for known in opening.runs] else None)
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


EVERY = 2.0
"""Seconds between two looks while a run goes on."""


def draw_run_strip(workspace: Workspace, cascade: str, *, current: str | None) -> bool:
    """Write a line for each run that goes on, newer than the one that is shown, and how the newest ended before its
    time; give whether there is one.
    """
    newer = _newer(workspace, cascade, current)
    ending = newer[0].ending if newer else ""
    if ending:
        note(ending)
    if not any(run.status is RunStatus.RUNNING for run in newer):
        return bool(ending)

    @streamlit.fragment(run_every=EVERY)
    def strip() -> None:
        active = [run for run in _newer(workspace, cascade, current) if run.status is RunStatus.RUNNING]
        if not active and not state.has_dialog():
            streamlit.rerun()
        past = workspace.past(cascade)
        live = {live_run.name: live_run for live_run in past.live()}
        for run in active:
            if run.name not in live:
                note(f"Run {run.name} has started and not ended yet.")
                continue
            note(sentence(live[run.name]))
            elements.learning(past.training(run.name))
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


def _newer(workspace: Workspace, cascade: str, current: str | None) -> Sequence[Run]:
    return list(takewhile(lambda run: run.name != current, workspace.runs.of(cascade)))


POLL = 2.0
"""Seconds between two looks at a store that is expected to change."""


def no_cascade() -> None:
    """Say how to get a first cascade."""
    streamlit.title("No cascade yet", anchor=False)
    streamlit.markdown("Write one under `pipelines/`, or start with the example: `stagegap init`.")


def nothing_to_label() -> None:
    """Say why there is no card."""
    streamlit.title("Nothing to label yet", anchor=False)
    streamlit.markdown("A stage with an `ask` line in the cascade file can be labelled.")


def no_run(workspace: Workspace, cascade: str, run: str | None) -> None:
    """Say how to get results, and look for them until they are there."""
    streamlit.title("No results yet", anchor=False)
    if run is not None:
        note(f"Run {run} has no numbers.")
    streamlit.markdown("Run `stagegap run` in the project folder. This page fills itself when the run ends.")
    draw_run_strip(workspace, cascade, current=None)
    wait(partial(_has_numbers, workspace, cascade, run))


def strips(workspace: Workspace, scorecard: Scorecard) -> None:
    """Write the lines that qualify the numbers below: an active run, newer labels, failures."""
    if draw_run_strip(workspace, scorecard.cascade, current=scorecard.run):
        note(f"The numbers below are those of run {scorecard.run}.")
    newer_labels(workspace, scorecard)
    for sentence in charts.notices(scorecard):
        note(sentence)


def newer_labels(workspace: Workspace, scorecard: Scorecard) -> None:
    """Say that what the numbers rest on has changed, have them computed again, and look until they are there."""
    if workspace.runs.is_old(scorecard):
        newer = workspace.runs.stale_labels(scorecard)
        what = counted(newer, "new label") if newer else "Another output, record or metric"
        note(f"{what} since these numbers. Updating…")
        background.refresh(workspace, scorecard.cascade, scorecard.run)
        wait(partial(_is_current, workspace, scorecard))


def next_labels(workspace: Workspace, scorecard: Scorecard) -> None:
    """Say what decides which stage is worst, with a link to exactly those records: for who plans, not who labels."""
    who = state.asked("who")
    planned = workspace.labels.next_labels(scorecard.cascade, who or "")
    if planned is None or planned.run != scorecard.run or scorecard.verdict.kind == "errors":
        return
    stage = next(iter(planned.wanted), None)
    if stage is None:
        note(planned.sentence)
    else:
        parts = {"cascade": scorecard.cascade, "stage": stage, "queue": "next", **({"who": who} if who else {})}
        query = urlencode(parts)
        elements.link(planned.sentence, f"Label these at {stage}", f"label?{query}")


def person_note(scorecard: Scorecard) -> None:
    """Write under the gap chart how the comparison was made, or what would make it possible."""
    if any(stage.gap.is_measured for stage in scorecard.stages):
        note(
            f"Scored against the same answers, on the {plural(scorecard.noun, 2)} that were labelled several times. "
            "Click a row to see why."
        )
    else:
        elements.link(
            f"No {scorecard.labellers.noun} is measured yet.",
            "Label the records that everybody labels",
            "label?queue=overlap",
        )


def no_list(workspace: Workspace, cascade: str, run: str, stage: str) -> None:
    """Have the list of failures made for a run from before there was one, and look for it until it is there."""
    note("The list of this run is being made. Updating…")
    background.refresh(workspace, cascade, run)
    wait(partial(_has_list, workspace, cascade, run, stage))


def no_screen(workspace: Workspace, scorecard: Scorecard, *, is_older: bool) -> None:
    """Say that a run is being screened, and look until that is done; `is_older`: an older screen is shown meanwhile."""
    note("New labels since this screen. Updating…" if is_older else "Looking at this run. This page fills itself.")
    wait(partial(_has_screen, workspace, scorecard))


def _has_screen(workspace: Workspace, scorecard: Scorecard) -> bool:
    noticing = workspace.oddities.noticed(scorecard.cascade, scorecard.run)
    return noticing is not None and not workspace.oddities.is_stale(noticing.screen)


def comparing(workspace: Workspace, cascade: str, stage: str, who: str) -> None:
    """Say that what people answered is being compared, and look for it until it is there."""
    note("Comparing what labellers answered. This takes a moment the first time…")
    wait(partial(_is_compared, workspace, cascade, stage, who), every=0.5)


def _is_compared(workspace: Workspace, cascade: str, stage: str, who: str) -> bool:
    return workspace.people.notes(cascade, stage, who) is not None


def _has_list(workspace: Workspace, cascade: str, run: str, stage: str) -> bool:
    return workspace.failures.page(cascade, run, Wanted(stage=stage)).total > 0


def _has_numbers(workspace: Workspace, cascade: str, run: str | None) -> bool:
    return workspace.runs.kept_scorecard(cascade, run) is not None


def _is_current(workspace: Workspace, shown: Scorecard) -> bool:
    return not workspace.runs.is_old(shown)


def wait(is_there: Callable[[], bool], *, every: float = POLL) -> None:
    """Look again and again, and draw the page anew once it is there and no dialog would be closed by it."""

    @streamlit.fragment(run_every=every)
    def look() -> None:
        if not state.has_dialog() and is_there():
            streamlit.rerun()

    look()
