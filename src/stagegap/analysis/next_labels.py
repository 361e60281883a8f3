"""The labels that decide which stage is worst, for one person: how many, where, and how long they take.

It names no stage as the worst: whoever labels should not know which one is suspected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from stagegap.analysis.need import NeedView, minutes
from stagegap.analysis.verdict import ENOUGH_RECORDS
from stagegap.analysis.wording import counted, listed
from stagegap.model.answer import Label


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLabels:
    """What a person can do for the ranking of the stages."""

    is_decided: bool
    wanted: Mapping[str, int]
    """Labels to make at each stage, in cascade order; stages that need none are left out."""
    minutes: float | None
    """For all of them; None while nobody's pace is known at one of the stages."""
    sentence: str
    run: str
    """Name of the run whose ranking it is."""
    newer: int
    """Labels that were made since this was computed."""


def next_labels(view: NeedView, own: Iterable[Label], *, newer: int = 0) -> NextLabels:
    """Say what the ranking needs, at the pace of the person whose labels are given, or else of everybody."""
    wanted = {row.stage: row.wanted for row in view.stages if row.wanted}
    mine = _pace(own)
    seconds = {row.stage: mine.get(row.stage, row.seconds) for row in view.stages}
    takes = minutes(list(wanted.values()), [seconds[stage] for stage in wanted]) if wanted else None
    advice = _sentence(view, wanted, takes, is_own=all(stage in mine for stage in wanted))
    return NextLabels(
        run=view.run,
        newer=newer,
        is_decided=view.is_decided,
        wanted=wanted,
        minutes=takes,
        sentence=f"{advice} {counted(newer, 'newer label')} not counted yet." if newer else advice,
    )


def _pace(own: Iterable[Label]) -> dict[str, float]:
    """A person's median active seconds a label by stage."""
    times: dict[str, list[int]] = {}
    for label in own:
        if label.action == "label" and label.active_ms is not None:
            times.setdefault(label.stage, []).append(label.active_ms)
    return {stage: median(durations) / 1000 for stage, durations in times.items()}


def _sentence(view: NeedView, wanted: Mapping[str, int], takes: float | None, *, is_own: bool) -> str:
    if view.is_decided:
        return "Which stage is worst is decided. More labels would only sharpen the numbers."
    more = f"{counted(view.proposed, view.noun)} more, labelled at every stage,"
    promised = (
        f"{more} make it possible to name the worst stage"
        if view.n < ENOUGH_RECORDS
        else f"{more} decide in half of the cases which stage is worst, {view.more:,} in nearly all"
    )
    new = max(0, view.proposed - view.unlabelled)
    if not wanted:
        return f"{promised}. Run {view.run} has no unlabelled {view.noun} left, so they must be new."
    parts = listed([f"{count:,} at {stage}" for stage, count in wanted.items()])
    pace = "your pace" if is_own else "the pace so far"
    time = "" if takes is None else f", about {max(1, round(takes)):,} min at {pace}"
    rest = f" {new:,} of them must be new." if new else ""
    return f"{promised}: {parts}{time}.{rest}"
