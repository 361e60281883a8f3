"""The waterfall: bars from 0, steps that add up, nothing clipped."""

from __future__ import annotations

from dataclasses import replace

from charts.reading import left, read, width
from stagegap import charts
from stagegap.model.estimate import unmeasured
from ui import views
from ui.views import est


def test_printed_steps_add_up_to_the_printed_totals() -> None:
    found = read(charts.ceiling(views.scorecard()))
    printed = [found.row(f"+ {s} corrected").split("\n") for s in ("route", "retrieve", "draft")]
    steps = [next(int(cell) for cell in row if cell.strip().lstrip("+").isdigit()) for row in printed]
    assert steps == [1, 20, 7]
    assert 56 + sum(steps) == 84


def test_steps_stand_on_each_other() -> None:
    bars = read(charts.ceiling(views.scorecard())).classed("bar")
    assert [round(left(bar), 1) for bar in bars] == [0.0, 56.0, 57.4, 77.0, 0.0]
    assert round(width(bars[2]), 1) == 19.6


def test_row_says_gain_interval_fixed_and_broken() -> None:
    row = read(charts.ceiling(views.scorecard())).row("+ retrieve corrected")
    assert "+20 points, 95% interval 16 to 24; 30 become good, 4 become bad." in row


def test_loss_is_drawn_to_the_left_with_its_sign() -> None:
    card = views.scorecard()
    loses = replace(card.stages[0], gain=est(-0.04, -0.07, -0.01))
    wins = replace(card.stages[1], gain=est(0.32, 0.2, 0.4))
    found = read(charts.ceiling(replace(card, stages=(loses, wins))))
    bar = found.classed("bar")[1]
    assert (round(left(bar), 1), round(width(bar), 1)) == (52.0, 4.0)
    assert "−4 points, 95% interval −7 to −1" in found.row("+ route corrected")


def test_stage_that_changes_nothing_gains_0() -> None:
    card = views.scorecard()
    stage = replace(card.stages[0], gain=est(0.0, 0.0, 0.0))
    card = replace(card, stages=(stage,), ceiling=card.system)
    assert "0 points, 95% interval 0 to 0" in read(charts.ceiling(card)).row("+ route corrected")


def test_stages_that_gain_nothing_are_one_row_together() -> None:
    card = views.scorecard()
    flat = [
        replace(card.stages[0], stage=name, gain=est(0.0, -0.11, high)) for name, high in (("a", 0.02), ("b", 0.11))
    ]
    stages = (flat[0], card.stages[1], flat[1])
    html = charts.ceiling(replace(card, stages=stages, ceiling=est(0.756, 0.7, 0.8)), pickable=True)
    assert "nothing: 0 points, 95% intervals within −11 to 11" in read(html).row("+ a and b corrected")
    assert [a["data-v"] for tag, a in read(html).tags if tag == "button"] == ["retrieve"]


def test_stages_that_gain_nothing_alone_and_in_turn_are_one_row_together() -> None:
    card = views.scorecard()
    nothing = est(0.0, -0.11, 0.02)
    flat = [replace(card.stages[0], stage=name, gain=nothing, gain_alone=nothing) for name in ("a", "b")]
    alone = replace(card.stages[1], gain_alone=est(0.2, 0.16, 0.24))
    card = replace(card, stages=(flat[0], alone, flat[1]), ceiling=est(0.756, 0.7, 0.8))
    found = read(charts.both_gains(card))
    assert "nothing: 0 points, 95% intervals within −11 to 2" in found.row("a and b, alone and in turn")
    assert "+20 points, 95% interval 16 to 24, 600 records." in found.row("retrieve, alone")


def test_orange_is_the_stage_that_holds_back_and_not_the_one_that_was_chosen() -> None:
    card = views.scorecard()
    chosen = read(charts.ceiling(card, chosen="route"))
    assert [round(left(bar), 1) for bar in chosen.classed("hot")] == [57.4], "retrieve, from what route leaves"
    undecided = replace(card, verdict=replace(card.verdict, stage=None))
    assert read(charts.ceiling(undecided, chosen="route")).classed("hot") == []


def test_one_person_is_drawn_where_measured() -> None:
    card = replace(views.scorecard(), person=est(0.95, 0.92, 0.97, 126))
    assert "95%, 95% interval 92 to 97, 126 records." in read(charts.ceiling(card)).row("one person")
    assert "one person" not in charts.ceiling(views.scorecard())


def test_steps_without_numbers_say_why_and_there_is_no_total() -> None:
    html = charts.ceiling(views.few())
    found = read(html)
    assert "No gain: too few: 22 records." in found.row("+ draft corrected")
    assert "all corrected" not in html


def test_without_an_outcome_there_is_one_sentence() -> None:
    card = replace(views.scorecard(), system=unmeasured("not measured: no references at <draft>"))
    assert charts.ceiling(card) == (
        '<div class="bc"><p class="none">No outcome yet: not measured: no references at &lt;draft&gt;.</p></div>'
    )


def test_rows_of_stages_can_be_picked_and_totals_cannot() -> None:
    found = read(charts.ceiling(views.scorecard(), chosen="route", pickable=True))
    buttons = [attributes["data-v"] for tag, attributes in found.tags if tag == "button"]
    assert buttons == ["route", "retrieve", "draft"]
    assert len(found.classed("hot")) == 1


def test_what_cannot_be_run_again_is_drawn_between_its_bounds() -> None:
    found = read(charts.ceiling(views.bounded(), chosen="retrieve", pickable=True))
    assert (
        "+5 to +25 points: all unknown outcomes wrong, or all right; 40 unknown. With intervals 3 to 27."
        in found.row("+ retrieve corrected")
    )
    bar = found.classed("open")[1]
    assert (round(left(bar), 1), round(width(bar), 1)) == (60.0, 20.0)
    assert "−2 to +5 points" in found.row("+ route corrected")
    assert "No gain: too few: 3 records." in found.row("+ draft corrected")
    assert charts.lost_anyway(views.bounded()).startswith("Recorded outputs can't be run again")
