"""What is said of cheaper versions: the margin, Holm, costs, what would decide, all at once."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from replacements import SETUPS, decided
from stagegap.analysis import views
from stagegap.analysis.cheaper import CheaperView, Pace, Trial, cheaper_sheet, cheaper_view, with_joint
from stagegap.charts.cheaper import cheaper_chart
from stagegap.stats.spread import clusters

Floats = NDArray[np.float64]


def trial(
    run: str, *, broken: int, n: int = 400, stages: tuple[str, ...] = ("route",), costs: dict[str, float] | None = None
) -> Trial:
    """A candidate that breaks so many of n right records and costs so much of what the base costs, which is 1."""
    after = np.ones(n)
    after[:broken] = 0
    paid = {kind: (np.ones(n), np.full(n, share)) for kind, share in (costs or {}).items()}
    return Trial(run=run, stages=stages, before=np.ones(n), after=after, costs=paid)


def view_of(*trials: Trial, margin: float | None = 0.02, units: int | None = None) -> CheaperView:
    n = len(trials[0].before) if trials else 400
    return cheaper_view(
        trials,
        clusters(np.arange(n) // (n // units if units else 1)),
        cascade="mail", base="v1", noun="mail", outcome_name="mean x.y", margin=margin, margin_since="v1",
    )  # fmt: skip


def test_lower_limit_is_the_one_sided_95_percent_limit_of_tango() -> None:
    (swap,) = view_of(trial("v2", broken=3)).swaps
    assert swap.change.level == pytest.approx(0.9)
    assert swap.change.value == pytest.approx(-3 / 400)
    assert swap.change.low == pytest.approx(-0.01866, abs=2e-4), "score limit at z = 1.645 of 3 of 400"
    assert swap.p == pytest.approx(0.038, abs=2e-3)
    assert swap.standing == "not worse"


def test_holm_counts_all_candidates() -> None:
    alone = view_of(trial("v2", broken=3)).swaps[0]
    among = view_of(*(trial(f"v{i}", broken=3, stages=(f"s{i}",)) for i in range(2, 6))).swaps[0]
    assert among.p == alone.p
    assert among.p_adjusted == pytest.approx(4 * alone.p)
    assert (alone.standing, among.standing) == ("not worse", "undecided")


def test_one_that_loses_more_is_worse_and_too_few_records_decide_nothing() -> None:
    assert view_of(trial("v2", broken=40)).swaps[0].standing == "worse"
    few = view_of(trial("v2", broken=0, n=29))
    assert few.swaps[0].standing == "too few"
    assert math.isnan(few.swaps[0].p)


def test_an_undecided_one_says_how_many_records_would_decide() -> None:
    view = view_of(trial("v2", broken=0, n=100))
    assert view.swaps[0].standing == "undecided"
    assert view.swaps[0].needed == 310, "a variance of 0.02 x 0.98, and (1.645 + 0.842)^2 / 0.02^2 of it"
    assert "v2: about 310 mails in all would decide it if it loses nothing." in view.summary
    enough = view_of(trial("v2", broken=5))
    assert enough.swaps[0].standing == "undecided"
    assert enough.swaps[0].needed is None, "it is no matter of records: it loses something"


def test_clusters_widen_the_limit() -> None:
    alone, together = (view_of(trial("v2", broken=4), units=units).swaps[0] for units in (None, 20))
    assert together.change.low < alone.change.low
    assert together.change.clusters == 20


def test_the_cheaper_of_two_versions_of_a_stage_is_taken() -> None:
    view = view_of(
        trial("v2", broken=0, costs={"dollars": 0.5}),
        trial("v3", broken=0, costs={"dollars": 0.1}),
        trial("v4", broken=0, stages=("b",)),
    )
    assert view.together == ("v3", "v4")
    assert view.headline == "Route (v3) and b (v4) may each be cheaper; whether all at once is not worked out"


def test_what_saves_nothing_is_said_to_and_is_not_taken() -> None:
    view = view_of(trial("v2", broken=0, costs={"dollars": 1.0}))
    assert view.together == ()
    assert view.headline == "No stage may be cheaper: what is not worse saves nothing beyond chance"
    assert "not worse, and not cheaper" in str(cheaper_sheet(view).tables[0].rows)


@pytest.mark.parametrize(
    ("costs", "words"),
    [
        ({"dollars": 0.25, "tokens": 2.0}, "and saves $0.75 a mail (95% interval $0.71 to $0.79)"),
        ({"dollars": math.nan, "tokens": 0.5}, "and saves 0.50 tokens a mail (95% interval 0.45 to 0.55)"),
        ({"dollars": math.nan, "tokens": math.nan, "seconds": 0.5}, "and saves 0.5 s a mail (95% interval 0.5 s to"),
    ],
)
def test_the_first_cost_that_is_known_of_both_sides_is_said(costs: dict[str, float], words: str) -> None:
    assert words in view_of(trial("v2", broken=0, costs=costs)).headline


def test_nothing_cheaper_says_why() -> None:
    assert view_of(trial("v2", broken=40)).headline == (
        "No stage may be cheaper: every candidate loses more than 2 points"
    )
    assert view_of(trial("v2", broken=6), margin=0.01).headline == (
        "No stage may be cheaper by what is known: no candidate is proven not to lose more than 1 point"
    )
    assert view_of().headline == "No run to hold against v1: no other version of a stage was run"


def test_all_at_once_that_was_not_measured_says_so() -> None:
    both = view_of(trial("v2", broken=0), trial("v3", broken=0, stages=("b",)))
    lost = trial("all", broken=0)
    joint = with_joint(both, Trial(run="all", stages=("route", "b"), before=lost.before, after=lost.after * math.nan),
                       clusters(range(400)))  # fmt: skip
    assert joint.headline == (
        "Route (v2) or b (v3) may be cheaper; of all at once nothing is known: not measured: no record has this score"
    )
    assert views.from_json(CheaperView, views.to_json(joint)) == joint or math.isnan(joint.joint.p)  # type: ignore[union-attr]


def test_planted_losses_are_accepted_about_as_rarely_as_promised() -> None:
    row = decided(SETUPS[0], 100)
    assert row.wrong <= 0.12, "5% and three standard errors"
    assert decided(SETUPS[8], 30).all_good > 0.8


def test_people_answer_anew_what_is_not_right_and_the_picture_has_all_costs() -> None:
    view = view_of(trial("v2", broken=3, costs={"dollars": 0.5, "seconds": 0.8, "minutes": 0.5}))
    sheet = str(cheaper_sheet(replace(view, pace=Pace(stage="reply", minutes=1.5, n=12))).parts)
    assert "not fully right at the end is answered anew by a labeller in 1.5 minutes (median of 12 timed" in sheet
    assert "Minutes of labelling are not known" in str(cheaper_sheet(view).parts)
    (row,) = cheaper_chart(view).rows
    assert row.foot == "A mail costs $1.00 to $0.50; 1.0 s to 0.8 s; 1.00 to 0.50 minutes of labelling."
    assert [mark.role for mark in row.marks] == ["no change", "may be lost", "90% interval", "change"]
    unknown = view_of(trial("v2", broken=0, n=0), margin=None)
    assert cheaper_chart(unknown).rows[0].note == unknown.swaps[0].change.method
    assert cheaper_chart(view_of()).html().count("No other version of a stage was run.") == 1
