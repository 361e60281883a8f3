"""What is asked of runs and kept: one question for each view, so that all faces ask the same."""

from __future__ import annotations

from collections.abc import Sequence

from stagegap.analysis.changes import Comparison, WhatChanged
from stagegap.analysis.need import NeedView
from stagegap.analysis.person_swaps import PersonSwaps
from stagegap.analysis.views import Scorecard
from stagegap.model.estimate import Estimate
from stagegap.model.run import Run
from stagegap.oddities.card import Screen
from stagegap.workspace.kept_views import Question, View

OUTCOME = "outcome"
"""The outcome alone: a scorecard has hundreds of rows that a list of runs does not show."""


def of_run(kind: type[View], name: str, run: Run, *, reads_judgements: bool = False) -> Question[View]:
    """A question that one run answers."""
    return Question(kind=kind, name=name, cascade=run.cascade, run=run, reads_judgements=reads_judgements)


def scorecard_of(run: Run) -> Question[Scorecard]:
    """How far is each stage from a person, and what would correcting it buy?"""
    return of_run(Scorecard, "scorecard", run)


def outcome_of(run: Run) -> Question[Estimate]:
    """How good is the whole?"""
    return of_run(Estimate, OUTCOME, run)


def need_of(run: Run) -> Question[NeedView]:
    """Which labels decide what stage is worst?"""
    return of_run(NeedView, "need", run)


def swaps_of(run: Run) -> Question[PersonSwaps]:
    """What would people in place of stages change?"""
    return of_run(PersonSwaps, "person swaps", run)


def compared_with(before: Run, after: Run) -> Question[Comparison]:
    """What became better or worse between two runs? Kept at the later one."""
    return Question(
        kind=Comparison, name=f"compared with {before.name}", cascade=after.cascade, run=after, beside=(before,)
    )


def changed_since(before: Run, after: Run) -> Question[WhatChanged]:
    """Which stages made the difference between two runs? Kept at the later one."""
    return Question(
        kind=WhatChanged, name=f"changed since {before.name}", cascade=after.cascade, run=after, beside=(before,)
    )


def oddities_of(run: Run, others: Sequence[Run], *, also: str) -> Question[Screen]:
    """What looks strange in a run, beside others on its records? `also` is what was tried, and which checks look."""
    return Question(kind=Screen, name="oddities", cascade=run.cascade, run=run, beside=tuple(others), also=also)
