"""A comparison and a night as files."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from stagegap import report
from stagegap.analysis import views
from stagegap.analysis.changes import Comparison, Refusal
from stagegap.model.estimate import unmeasured
from ui.changes import comparison, variants_view


def refused() -> Comparison:
    reasons = ("v14 saw 950 of the 1,000 mails of v13.",)
    refusal = Refusal(reasons=reasons, offer="Compare the 950 mails that are the same in both?", shared=950)
    return replace(comparison(), refusal=refusal, headline="")


def data_of(html: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="data">(.*)</script>', html)
    assert found
    return json.loads(found[1])


def test_comparison_is_one_file_without_scripts_and_the_same_every_time() -> None:
    html = report.comparison_html(comparison(), records=True)
    assert html == report.comparison_html(comparison(), records=True)
    assert "<h1>v14 is better than v13: +6 points (95% interval 2 to 10)</h1>" in html
    assert not re.search(r"<script(?! type=.application/json)|<link|<img|src=|\shref=", html)
    assert "Content-Security-Policy" in html
    assert len(html.encode()) < 40_000


def test_worst_records_are_shown_and_left_out_on_demand() -> None:
    view = comparison()
    html = report.comparison_html(view, records=True)
    assert "Got worse at outcome: 40, the worst 25 first" in html
    assert html.count("<details>") == report.shown_changes(view) == 25
    assert "&lt;script&gt;hacked=1&lt;/script&gt;" in html
    bare = report.comparison_html(view, records=False)
    assert "Mail 1" not in bare
    assert "details>" not in bare
    assert len(bare.encode()) < 25_000
    assert data_of(bare)["headline"] == view.headline


def test_records_that_people_are_still_to_label_are_left_out_and_counted() -> None:
    shown = report.without_changes(comparison(), {"m0001", "m0002"})
    html = report.comparison_html(shown, records=True, left_out="2 mails left out: ann is still to answer them.")
    assert "2 mails left out: ann is still to answer them." in html
    assert "m0001" not in html
    everything = report.without_changes(comparison(listed=1), {"m0000"})
    assert report.shown_changes(everything) == 0
    assert "1 mail left out" in report.comparison_html(everything, records=True, left_out="1 mail left out.")


def test_refused_comparison_says_why_and_shows_no_figure() -> None:
    html = report.comparison_html(refused(), records=True)
    assert "<h1>v13 and v14 can&#x27;t be compared as they are</h1>" in html
    assert "v14 saw 950 of the 1,000 mails of v13." in html
    assert "points" not in html.partition("</style>")[2]
    assert report.shown_changes(refused()) == 0
    assert report.comparison_markdown(refused()) == (
        "## v13 and v14 can't be compared as they are\n\n"
        "v14 saw 950 of the 1,000 mails of v13.\n\n"
        "Compare the 950 mails that are the same in both?\n"
    )


def test_markdown_is_the_headline_and_a_table() -> None:
    view = comparison()
    gone = replace(view.stages[0], claim=replace(view.stages[0].claim, change=unmeasured("no references")))
    assert report.comparison_markdown(replace(view, stages=(gone, *view.stages[2:]))) == (
        "## v14 is better than v13: +6 points (95% interval 2 to 10)\n\n"
        "Paired on 600 mails. Retrieve is better, draft is worse.\n\n"
        "| Stage | v13 | v14 | Change | n | Fixed | Broken | Verdict |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
        "| outcome | 56% (52 to 60) | 62% (58 to 66) | +6 (2 to 10) | 600 | 56 | 20 | better |\n"
        "| route | 94% (90 to 98) | 94% (90 to 98) | - | - | - | - | not compared |\n"
        "| draft | 70% (66 to 74) | 66% (62 to 70) | −4 (−7 to −1) | 600 | 6 | 30 | worse |\n\n"
        "support\\_email. Outcome: good replies (draft.fact\\_recall \\>= 0.8). Paired on records that both runs saw, "
        "with the same content and references. Intervals: 95%, from 2,000 paired resamples of whole clusters, seed 0. "
        "Better and worse are claimed after Holm's correction over 4 claims.\n"
    )


def test_night_is_one_file_with_ranks_and_prices() -> None:
    html = report.variants_html(variants_view())
    assert html == report.variants_html(variants_view())
    assert "<h1>Large is the best variant: 62% (95% interval 58 to 66)</h1>" in html
    assert "<li>Groups that can be told apart, best first: large | small</li>" in html
    assert "<li>broken stopped: It stopped.</li><li>Read what large changes: " in html
    assert "look at first" not in report.variants_html(replace(variants_view(), groups=(), look_first=()))
    assert "<td>$0.002 ($0.001 to $0.003), n 600</td>" in html
    assert "<td>not known</td>" in html
    assert len(html.encode()) < 25_000
    free = replace(variants_view(), rows=tuple(replace(row, is_paid=False) for row in variants_view().rows))
    assert "<td>nothing</td>" in report.variants_html(free)


@pytest.mark.parametrize("records", [True, False])
def test_data_inside_is_the_view_to_six_digits(records: bool) -> None:
    plain = views.plain(comparison())
    found = data_of(report.comparison_html(comparison(), records=records))
    outcome, whole = found["outcome"], plain["outcome"]
    assert outcome["before"]["high"] == 0.6  # type: ignore[index]
    assert (outcome["claim"], outcome["flips"]) == (whole["claim"], whole["flips"])  # type: ignore[index]
    assert len(found["lists"][0]["worse"]) == (25 if records else 0)  # type: ignore[index]
