"""Groups, failures, faults: tables of what goes wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape

from charts.reading import read
from stagegap import charts
from stagegap.analysis.views import StageDetail
from stagegap.model.estimate import unmeasured
from ui import views


def retrieve() -> StageDetail:
    return views.scorecard().details[1]


def test_groups_show_rate_counts_and_which_stand_out() -> None:
    found = read(charts.groups(retrieve()))
    assert "fails 70% (117 of 166), 95% interval 62 to 78, above the average with its whole interval." in found.row(
        "topics: two"
    )
    assert "above the average" not in found.row("channel: mail")
    assert len(found.classed("dot")) == 6  # the seventh is left out


def test_groups_stand_in_the_order_of_the_rates_that_are_read() -> None:
    rates = [int(rate) for rate in re.findall(r"fails (\d+)% \(", charts.groups(retrieve()))]
    assert rates == [70, 46, 44, 42, 41, 40]


def test_groups_lead_to_their_failures_where_there_is_a_page_for_them() -> None:
    html = charts.groups(retrieve(), link=lambda group: f"failures?group={group}&x=1")
    assert '<tr class="pick"><th scope="row"><a href="failures?group=topics: two&amp;x=1" target="_self">' in html
    assert "<a " not in charts.groups(retrieve())


def test_groups_without_an_average_have_no_dashed_line() -> None:
    assert charts.groups(replace(retrieve(), average=unmeasured("too few"))).count('class="base"') == 0


def test_group_without_a_rate_says_why() -> None:
    group = replace(retrieve().groups[0], rate=unmeasured("too few: 3 records"), failures=1, n=3)
    assert "too few: 3 records (1 of 3)" in charts.groups(replace(retrieve(), groups=(group,)))


def test_no_groups_is_a_sentence() -> None:
    assert "No groups to compare" in charts.groups(replace(retrieve(), groups=()))


def test_failures_show_each_record_as_plain_text_and_nobodys_answer() -> None:
    html = charts.failures(retrieve(), noun="mail", link=lambda record: f"failures?a=1&record={record}")
    found = read(html)
    assert found.rows[0].split() == ["Mail", "Score", "Id"]
    assert "first fault" in found.row("App crashes")
    assert "first fault" not in found.row("Refund went")
    assert '<a href="failures?a=1&amp;record=m0002" target="_self">' in html
    assert not [tag for tag, _ in found.tags if tag in ("img", "script")]
    assert "&lt;script&gt;hacked=1&lt;/script&gt;" in html
    assert not any(escape(row.system) in html or escape(row.reference) in html for row in retrieve().rows)


def test_no_failures_is_a_sentence() -> None:
    assert "No failures at this stage." in charts.failures(replace(retrieve(), rows=()), noun="mail", link=str)


def test_first_faults_are_counted_of_all_bad_records() -> None:
    assert "first to go wrong in 181 of 266." in read(charts.first_faults(views.scorecard())).row("retrieve")


def test_no_first_faults_is_a_sentence() -> None:
    card = views.scorecard()
    card = replace(card, stages=tuple(replace(stage, first_faults=0) for stage in card.stages))
    assert "No stage went wrong first" in charts.first_faults(card)


def test_matrix_gives_shares_counts_and_an_empty_lower_triangle() -> None:
    found = read(charts.together(views.scorecard()))
    assert found.row("Route").split("\n")[1:9] == ["32", " ", "failures", "78%", " ", "(25 of 32)", "63%", " "]
    assert found.row("Draft").split() == ["Draft", "9", "failures"]


def test_matrix_cell_of_few_records_prints_counts_only() -> None:
    card = replace(views.scorecard(), fault_matrix=((9, 4, 1), (0, 20, 5), (0, 0, 9)))
    assert "4 \nof 9\n" in read(charts.together(card)).row("Route")
    assert "%" not in read(charts.together(card)).row("Route")


def test_steps_list_what_was_fixed_and_broken() -> None:
    assert read(charts.steps(views.scorecard())).row("+ draft corrected").split("\n")[1:3] == ["30", "4"]


def test_style_is_packaged_with_both_themes() -> None:
    assert "light-dark(#0072B2, #56B4E9)" in charts.style()
