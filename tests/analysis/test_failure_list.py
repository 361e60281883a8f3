"""Every failure with what it can be chosen by, from a cascade whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from stagegap.analysis.failures import StageFaults, failures_of
from stagegap.analysis.views import SliceRow
from stagegap.model.cascade import Cascade, Kind, Outcome, OutputType, Source, Stage
from stagegap.model.estimate import unmeasured
from stagegap.model.notes import Failure
from stagegap.model.record import Record

CASCADE = Cascade(
    name="c",
    outcome=Outcome(stage="route", metric="m"),
    stages=(
        Stage(
            name="route",
            uses="python",
            inputs={"body": Source("record", "body")},
            output=OutputType(kind=Kind.LABEL),
            metrics=("m",),
        ),
    ),
)
RECORDS = [Record(id=f"r{i}", fields={"body": f"mail {i}"}, cluster="c1" if i < 2 else "") for i in range(4)]
FAULTS = StageFaults(
    stage="route",
    failed=np.array([1.0, 1.0, 0.0, math.nan]),
    scores=np.array([0.5, 0.25, 1.0, math.nan]),
    first_fault=np.array([True, False, False, False]),
    inherits=np.array([False, True, False, False]),
    disagreed=np.array([False, True, True, False]),
    win=np.array([1.0, -1.0, 0.0, math.nan]),
)
GROUPS = {"language: de": np.array([0, 2]), "channel: web": np.array([0, 1, 3])}
SLICES = [
    SliceRow(group="language: de", failures=1, n=2, rate=unmeasured("x"), excess=0.5, stands_out=False),
    SliceRow(group="channel: web", failures=2, n=3, rate=unmeasured("x"), excess=0.1, stands_out=False),
]


def listed(**fields: object) -> list[Failure]:
    return failures_of(replace(FAULTS, **fields), RECORDS, CASCADE, groups=GROUPS, slices=SLICES)


def test_only_failures_are_listed_most_typical_first() -> None:
    first, second = listed()
    assert (first.record, first.title, first.score, first.unit) == ("r0", "mail 0", 0.5, "c1")
    assert (first.first_fault, first.inherits, first.disagreed) == (True, False, False)
    assert first.groups == ("language: de", "channel: web")
    assert (second.record, second.first_fault, second.inherits, second.disagreed) == ("r1", False, True, True)
    assert second.groups == ("channel: web",)


@pytest.mark.parametrize(("win", "told"), [(1.0, 1.0), (0.25, 0.25), (-1.0, 0.0), (math.nan, None)])
def test_what_mending_the_stage_would_win_is_never_negative(win: float, told: float | None) -> None:
    assert listed(win=np.full(4, win))[0].win == told


def test_without_a_ceiling_nothing_is_known_to_be_won() -> None:
    assert listed(win=None)[0].win is None
