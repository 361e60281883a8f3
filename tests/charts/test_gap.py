"""The gap chart: what is drawn, what is said, what is left out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from charts.reading import left, read
from stagegap import charts
from stagegap.model.estimate import unmeasured
from ui import views
from ui.views import est


def test_row_says_system_person_and_gap_with_intervals() -> None:
    row = read(charts.gap(views.scorecard())).row("2  retrieve")
    assert (
        "retrieve: system 63%, 95% interval 59 to 67; person 92%, 90 to 94; "
        "gap +29 points, 95% interval 25 to 34, 600 records."
    ) in row


def test_printed_gap_is_rounded_from_itself_and_no_difference_of_rounded_numbers() -> None:
    card = views.scorecard()
    odd = replace(
        card.stages[0], system=est(0.944, 0.93, 0.96), person=est(0.976, 0.96, 0.99), gap=est(0.032, 0.01, 0.06)
    )
    chart = charts.gap(replace(card, stages=(odd, *card.stages[1:])))
    row = read(chart).row("1  route")
    assert "\n+3\n" in row  # 98% and 94% are printed, the gap itself is 3.2
    assert "gap +3 points" in row


def test_circle_and_diamond_stand_where_the_scores_are() -> None:
    found = read(charts.gap(views.scorecard()))
    dots, diamonds = found.classed("dot")[1:], found.classed("dia")[1:]
    assert [round(left(dot), 1) for dot in dots] == [88.0, 26.0, 74.0]  # the axis starts at 50%
    assert [round(left(diamond), 1) for diamond in diamonds] == [94.0, 84.0, 90.0]


def test_chosen_stage_is_marked_and_can_be_picked() -> None:
    found = read(charts.gap(views.scorecard(), chosen="draft", pickable=True))
    buttons = [attributes for tag, attributes in found.tags if tag == "button"]
    assert [(b["data-v"], b.get("aria-current")) for b in buttons] == [
        ("route", None),
        ("retrieve", None),
        ("draft", "true"),
    ]
    assert len(found.classed("on")) == 1


def test_report_has_nothing_to_press() -> None:
    assert not [tag for tag, _ in read(charts.gap(views.scorecard())).tags if tag == "button"]


def test_person_that_nobody_measured_has_no_diamond_and_says_why() -> None:
    html = charts.gap(views.without_person())
    found = read(html)
    assert found.classed("dia") == []
    assert "person not measured: double-label 40 records" in found.row("1  route")
    assert "to 100%: person not measured" in html


def test_labeller_who_was_measured_is_drawn_also_where_the_gap_is_not_known() -> None:
    card = views.scorecard()
    stage = replace(card.stages[0], gap=unmeasured("too few: every resample gives the same difference"))
    html = charts.gap(replace(card, stages=(stage, *card.stages[1:])))
    found = read(html)
    assert len(found.classed("dia")) == 1 + len(card.stages), "in the key and in each row"
    assert "gap not measured: too few: every resample" in found.row("1  route")
    assert "person not measured" not in html


def test_few_records_are_pale_with_their_count() -> None:
    found = read(charts.gap(views.few()))
    assert "too few to read: 22 of 30" in found.row("1  route")
    assert len([row for tag, row in found.tags if tag == "tr" and row.get("class") == "few"]) == 3


def test_few_double_labels_are_pale_too() -> None:
    card = views.scorecard()
    stage = replace(card.stages[0], gap=est(0.03, -0.1, 0.2, 12))
    assert "too few to read: 12 of 30" in charts.gap(replace(card, stages=(stage,)))


def test_stage_without_a_score_says_why() -> None:
    card = views.without_person()
    stage = replace(card.stages[0], in_place=unmeasured("no references at <route>"))
    html = charts.gap(replace(card, stages=(stage,)))
    assert "no score: no references at &lt;route&gt;" in html
    assert read(html).classed("c") == []


def test_system_ahead_of_people_has_a_negative_gap() -> None:
    card = views.scorecard()
    stage = replace(card.stages[0], system=est(0.9, 0.8, 0.95), person=est(0.8, 0.7, 0.9), gap=est(-0.1, -0.2, 0.0))
    row = read(charts.gap(replace(card, stages=(stage,)))).row("1  route")
    assert "−10" in row
    assert "gap −10 points, 95% interval −20 to 0" in row


@pytest.mark.parametrize(
    ("low", "ticks"),
    [(0.1, ["0%", "20%", "40%", "60%", "80%", "100%"]), (0.72, ["60%", "70%", "80%", "90%", "100%"]),
     (0.97, ["90%", "92%", "94%", "96%", "98%", "100%"])],
)  # fmt: skip
def test_axis_starts_at_a_round_value_below_everything(low: float, ticks: list[str]) -> None:
    card = views.without_person()
    stage = replace(card.stages[0], in_place=est(0.98, low, 1.0))
    assert read(charts.gap(replace(card, stages=(stage,)))).rows[-1].split() == ticks


def test_names_of_stages_cannot_carry_markup() -> None:
    card = views.scorecard()
    html = charts.gap(replace(card, stages=(replace(card.stages[0], stage="<img src=x>"),)), pickable=True)
    assert "<img" not in html
