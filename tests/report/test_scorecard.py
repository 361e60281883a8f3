"""A run as one file."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import escape

import numpy as np

import odd_plants
import odd_runs
import odd_screens
from odd_noticing import EVIL, Said, noticing, planted_screen
from stagegap import report
from stagegap.analysis import views as codec
from stagegap.analysis.codes import codes_sheet
from stagegap.analysis.views import Scorecard
from ui import views


def test_report_is_one_file_that_loads_nothing_and_runs_nothing() -> None:
    html = report.html(views.scorecard(), records=True)
    assert "default-src 'none'" in html
    assert re.findall(r"<script(?! type=\"application/json\")", html) == []
    assert re.findall(r"<(?:link|img|iframe|object)\b|\bon\w+=[\"']|url\(|@import", html) == []
    assert len(html.encode()) < 150_000


def test_same_view_gives_the_same_bytes() -> None:
    assert report.html(views.scorecard(), records=True) == report.html(views.scorecard(), records=True)


def test_report_says_verdict_basis_and_how_it_was_made() -> None:
    html = report.html(views.scorecard(), records=False)
    for text in (
        "<h1>Retrieve holds this system back</h1>",
        "<em>20 come from retrieve</em>",
        "support_email, run v14, 18 Nov 2025. 600 mails labelled by 3 people.",
        "<h2>Why retrieve?</h2>",
        "2,000 paired resamples",
    ):
        assert text in html


def test_commands_within_sentences_are_drawn_as_code_and_everything_else_is_escaped() -> None:
    card = views.scorecard()
    says = "Label 25 more <b>: `stagegap label route --as <NAME>`."
    html = report.html(replace(card, verdict=replace(card.verdict, summary=says, advice=says)), records=False)
    read, _, _ = html.partition('<script type="application/json"')
    drawn = "Label 25 more &lt;b&gt;: <code>stagegap label route --as &lt;NAME&gt;</code>."
    assert read.count(drawn) == 2
    assert "`" not in read


def test_without_records_no_text_of_a_record_is_anywhere_in_the_file() -> None:
    card = views.scorecard()
    html = report.html(card, records=False)
    for detail in card.details:
        for row in detail.rows:
            assert row.title[:12] not in html
            assert row.record not in html
    assert "KB-014" not in html


def test_with_records_the_texts_are_escaped() -> None:
    html = report.html(views.scorecard(), records=True)
    assert "10 failures of 222 at retrieve, most typical first" in html
    assert "<code>m0001</code> Refund went to a closed card" in html
    assert "<script>hacked" not in html
    assert "&lt;script&gt;hacked=1" in html


def test_numbers_can_be_read_back_from_the_file() -> None:
    card = replace(views.scorecard(), details=())
    html = report.html(card, records=True)
    block = re.search(r'<script type="application/json" id="data">(.*)</script>', html)
    assert block is not None
    assert codec.from_json(Scorecard, block[1]) == codec.from_json(Scorecard, codec.to_json(card))
    assert json.loads(block[1])["run"] == "v14"


def test_what_people_read_is_a_section_of_its_own_and_says_what_it_rests_on() -> None:
    read = views.read()
    html = report.html(views.scorecard(), records=False, read=read)
    assert f"<h2>{codes_sheet(read).headline}</h2>" in html
    assert '<td role="cell" data-head="First wrong at">retrieve</td>' in html
    assert "A fair sample of v14, read by 1 reader" in html
    assert report.html(views.scorecard(), records=False, read=replace(read, n=0)) == report.html(
        views.scorecard(), records=False
    )


def test_at_most_25_failures_are_shown() -> None:
    card = views.scorecard()
    rows = tuple(replace(card.details[1].rows[0], record=f"x{i}") for i in range(40))
    card = replace(card, details=(replace(card.details[1], rows=rows),))
    assert report.html(card, records=True).count("<details>") == len(report.shown_records(card)) == report.SHOWN


def test_few_records_still_give_a_report() -> None:
    html = report.html(views.few(), records=True)
    assert "Too few records to tell" in html
    assert len(report.shown_records(views.few())) == 3  # no stage has a gain, so the first is explained


def test_advice_stands_under_the_verdict() -> None:
    card = views.scorecard()
    verdict = replace(
        card.verdict, kind="none stands out", stage=None, advice="About 150 more labelled mails would do."
    )
    html = report.html(replace(card, verdict=verdict), records=False)
    assert '<p class="small">About 150 more labelled mails would do.</p>' in html
    assert "<h2>Why retrieve?</h2>" in html  # the likeliest


def test_markdown_is_the_verdict_and_a_table() -> None:
    assert report.markdown(replace(views.scorecard(), cascade="support *email*")) == (
        "## Retrieve holds this system back\n\n"
        "The system gives 56% good replies. References at every stage give 84%. Of these 28 points, 20 come from "
        "retrieve (95% interval 16 to 24), 7 from draft, 1 from route.\n\n"
        "| Stage | System | System, labelled twice | Labeller | Gap | Gain at the end |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |\n"
        "| route | 94% (92 to 96) | 94% (92 to 96) | 97% (96 to 99) | +3 (1 to 6) | +1 (0 to 3) |\n"
        "| retrieve | 63% (59 to 67) | 63% (59 to 67) | 92% (90 to 94) | +29 (25 to 34) | +20 (16 to 24) |\n"
        "| draft | 87% (85 to 90) | 87% (85 to 90) | 95% (93 to 97) | +8 (4 to 11) | +7 (4 to 10) |\n\n"
        "600 mails labelled by 3 people. Two labellers agree on 94% of the 120 mails both labelled (95% interval 88 to "
        "97).\n\n"
        "Draft calls without an answer: 3 refused. They count as bad.\n\n"
        "support \\*email\\*, run v14, 18 Nov 2025.\n"
    )


def test_markdown_says_what_was_not_measured() -> None:
    assert "| Stage | System |\n| --- | ---: |\n| route | 94% (77 to 96) |" in report.markdown(views.few())


def test_agreement_that_is_too_low_stands_before_the_numbers() -> None:
    shown = views.scorecard()
    shown = replace(shown, verdict=replace(shown.verdict, caution="People *hardly* agree."))
    assert "back</h1>\n<p><b>People *hardly* agree.</b></p>\n<p>The system" in report.html(shown, records=False)
    assert "back\n\n**People \\*hardly\\* agree.**\n\nThe system" in report.markdown(shown)


def test_what_looks_strange_has_a_section_and_no_text_of_a_record_without_leave() -> None:
    found = noticing(planted_screen(), ("refused/draft/", "dismiss", "a test"))
    html = report.html(views.scorecard(), records=True, oddities=found)
    assert "<h2>What looks strange?</h2>" in html
    assert "3 things look strange." in html
    assert "Not odd: Refusals. “a test”</p>" in html
    assert "as sure as it says" in html
    assert escape(EVIL) in html
    assert EVIL not in html
    assert "tracker.invalid" not in report.html(views.scorecard(), records=False, oddities=found)
    assert report.odd_examples(found) == {"m0000"}
    assert report.odd_examples(report.without_words(found, {"m0001"})) == {"m0000"}
    assert not report.odd_examples(report.without_words(found, {"m0000"}))


def test_no_person_is_named_in_what_looks_strange() -> None:
    rng = np.random.default_rng(3)
    run = odd_plants.PLANTS["hasty"](odd_runs.clean(rng), rng)
    screen = odd_screens.screened(run)
    flag: Said = ("hasty/draft/ef", "flag", "")
    flagged = noticing(screen, flag)
    assert "One labeller answered draft in under a fifth" in report.html(
        views.scorecard(), records=True, oddities=flagged
    )
    dismissed = noticing(screen, flag, ("hasty/draft/ef", "dismiss", "ill that day"))
    for found in (flagged, dismissed):
        numbers = json.loads(report.numbers_json(views.scorecard(), oddities=found))["oddities"]
        html = report.html(views.scorecard(), records=True, oddities=found).partition("<script")[0]
        said = (html, report.markdown(views.scorecard(), oddities=found), json.dumps(numbers))
        assert not [one for one in said if re.search(r"\b(ef|ab)\b", one)]


def test_what_looks_strange_stands_in_markdown_and_in_the_numbers() -> None:
    found = noticing(planted_screen(), ("refused/draft/", "dismiss", "a *test*"))
    said = report.markdown(views.scorecard(), oddities=found)
    assert (
        "### 3 things look strange\n\n- **Agreement too low for a gap to mean anything** (route, found by rule): "
        in said
    )
    assert "Not odd: Refusals. “a \\*test\\*”" in said
    assert "tracker.invalid" not in said
    numbers = json.loads(report.numbers_json(views.scorecard(), oddities=found))
    assert numbers["oddities"]["open"][0]["card"]["detector"] == "weak-agreement"
    assert "tracker.invalid" not in json.dumps(numbers)
    assert json.loads(report.numbers_json(views.scorecard()))["oddities"] is None
    none = replace(found, open=(), headline="Nothing strange found", dismissed=())
    assert "### Nothing strange found\n\n" in report.markdown(views.scorecard(), oddities=none)


def test_numbers_for_programs_hold_no_text_of_a_record() -> None:
    card = views.scorecard()
    table = report.numbers_csv(replace(card, stages=(replace(card.stages[0], stage="=1+1"), *card.stages[1:])))
    lines = table.splitlines()
    assert lines[0] == "stage,figure,estimate,low,high,n,clusters,method,p,p_adj,verdict,unit"
    assert lines[1].startswith(",system,0.56,")
    assert "'=1+1,in_place,0.94,0.92,0.955,600" in table
    assert "NaN" not in table
    assert codec.from_json(Scorecard, report.numbers_json(card)).system == card.system
    assert "KB-014" not in table + report.numbers_json(card)
