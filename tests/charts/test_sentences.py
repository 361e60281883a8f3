"""The sentences beside the charts."""

from __future__ import annotations

from dataclasses import replace

from stagegap import charts
from stagegap.model.estimate import unmeasured
from ui import views


def test_first_fault_sentence_names_stage_and_counts() -> None:
    card = views.scorecard()
    assert charts.first_fault_sentence(card, card.details[1]) == (
        "Retrieve is the first stage to go wrong in 181 of 266 bad mails. It fails most on:"
    )
    bare = replace(card.details[1], groups=())
    assert charts.first_fault_sentence(card, bare).endswith("266 bad mails.")
    assert charts.first_fault_sentence(card, replace(card.details[1], failures=0)).endswith("266 bad mails.")
    none_bad = replace(card, with_first_fault=0)
    assert charts.first_fault_sentence(none_bad, card.details[1]) == (
        "No bad mail is known whose first fault could be at retrieve."
    )


def test_groups_note_says_how_many_were_checked() -> None:
    detail = views.scorecard().details[1]
    assert charts.groups_note(detail) == (
        "Dashed: average, 37%. Blue: the whole interval is above it. 11 groups checked, so one alone is a hint, "
        "not proof. The first 6 are shown."
    )
    assert charts.groups_note(replace(detail, groups=detail.groups[:1], average=unmeasured("x"))) == (
        "Blue: the whole interval is above it. 11 groups checked, so one alone is a hint, not proof."
    )
    assert charts.groups_note(replace(detail, groups=())) == "Declare `slices` in the cascade file to see groups here."


def test_failures_sentence_says_when_not_all_are_here() -> None:
    card = views.scorecard()
    assert charts.failures_sentence(card.details[1]) == (
        "Read the 222 failures of 600, most typical first (the first 10 are here):"
    )
    assert charts.failures_sentence(card.details[0]) == "Read the 3 failures of 600, most typical first:"
    none = replace(card.details[0], failures=0, rows=())
    assert charts.failures_sentence(none) == "Nothing to read: 600 scored here, and none fails."
    assert charts.failures_sentence(replace(none, n=0)) == "Nothing is scored here yet."


def test_lost_anyway_says_what_no_fix_can_win() -> None:
    card = views.scorecard()
    assert charts.lost_anyway(card) == (
        "16% of mails are not good even with every stage corrected. No single fix can win those."
    )
    assert charts.lost_anyway(replace(card, ceiling=views.est(1.0, 1.0, 1.0))) == (
        "With every stage corrected every mail is good: each miss can be won at some stage."
    )
    assert charts.lost_anyway(replace(card, good=None, outcome_name="mean draft.chrf")) == (
        "Stages are corrected one after another. Outcome: mean draft.chrf."
    )
    assert charts.lost_anyway(views.few()) == "With every stage corrected: too few: 22 records."


def test_notices_count_calls_without_an_answer() -> None:
    card = views.scorecard()
    stages = (replace(card.stages[0], failures={"refused": 3, "unparsable": 1, "repaired": 9}), *card.stages[1:2])
    assert charts.notices(replace(card, stages=stages, n_infrastructure=1)) == [
        "1 mail not scored: a call ended without an answer (time-out, 5xx, rate limit). They are in no rate; the next "
        "run tries them again.",
        "Route calls without an answer: 3 refused and 1 unparsable. They count as bad.",
    ]
    assert charts.notices(replace(card, stages=card.stages[:2])) == []


def test_method_names_resamples_seed_and_what_the_file_does_not_say() -> None:
    card = views.scorecard()
    sentences = charts.method(card)
    assert "Intervals: 95%, from 2,000 paired resamples of whole clusters, seed 1." in sentences
    assert sentences[-1] == "The cascade file does not say about who labelled: population and pay."
    assert len(charts.method(replace(card, missing_baseline_fields=()))) == len(sentences) - 1


def test_verdict_is_emphasised_and_escaped() -> None:
    html = charts.emphasised("56% <b>; 1 comes from x, 20 come from xy (95% interval 1 to 2).", stage="xy")
    assert html == "<b>56%</b> &lt;b&gt;; 1 comes from x, <em>20 come from xy</em> (95% interval 1 to 2)."
    assert charts.emphasised("56%", stage=None) == "<b>56%</b>"
