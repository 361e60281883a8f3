"""What the Oddities page says and does, without a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mails import write_mails
from odd_noticing import planted_screen
from stagegap.model.answer import Answer, Label
from stagegap.oddities.card import Screen
from stagegap.ui import background
from stagegap.workspace import Workspace
from stagegap.workspace.kept_views import KeptViews
from ui import pages
from ui.pages import charts_of, texts

CASCADE = "support_email"


def odd(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import odd_page

    odd_page.draw(workspace)


def opened(workspace: Workspace, **parameters: str) -> AppTest:
    return pages.opened(odd, workspace, **parameters)


def plant(workspace: Workspace) -> Screen:
    """Keep a screen with four planted oddities, made from what there is."""
    (run, *_) = workspace.runs.of(CASCADE)
    screen = replace(planted_screen(run="v2"), labels_seq=workspace.store.label_count(CASCADE))
    views = KeptViews(workspace.store, workspace.files.path_of, {})
    question = workspace.oddities._question(run)
    views.keep(question, screen, now=views.now(CASCADE, question.runs))
    return screen


@pytest.fixture
def strange(workspace: Workspace) -> Workspace:
    """120 mails, with a screen on which four things look strange."""
    plant(workspace)
    return workspace


def test_first_heading_counts_and_weak_agreement_stands_first(strange: Workspace) -> None:
    test = opened(strange)
    assert test.title[0].value == "4 things look strange"
    said = texts(test)
    assert said.index("Agreement too low") < said.index("Refusals")
    assert "route · found by rule · n = " in said
    assert "it is no verdict" in said
    assert "Write your initials above to say that a card is not odd" in said
    assert test.button(key="flag refused/draft/").disabled


def test_card_is_opened_with_its_plot_and_records(strange: Workspace) -> None:
    test = opened(strange, who="ab")
    test.button(key="open calibration/find/").click().run()
    assert test.query_params["check"] == "calibration/find/"
    said = texts(test)
    assert "Shown when mean confidence and share right differ" in said
    parts = [str(element.proto) for element in test.get("bidi_component")]
    assert any("as sure as it says" in part for part in parts)
    assert test.header[0].value == "m0000"
    next(button for button in test.button if button.label == "All cards").click().run()
    assert "check" not in test.query_params


def test_who_has_not_said_who_they_are_sees_no_answer(strange: Workspace) -> None:
    test = opened(strange, check="refused/draft/")
    said = texts(test)
    assert "This is mail m0000. refund within 30 days" in charts_of(test)
    assert "Write your initials above to see the answers." in said


def test_answers_of_a_record_that_waits_for_a_label_stay_hidden(strange: Workspace) -> None:
    queue = strange.labels.queue(CASCADE, "draft")
    event = {"id": "e", "action": "label", "record": "m0050", "values": {"value": "Yes."}, "active_ms": 5}
    strange.labels.save_labels(queue, [event], "ab")
    assert "still waits for your answer" in texts(opened(strange, check="refused/draft/", who="ab"))


def test_card_that_is_not_odd_goes_away_with_its_reason_and_comes_back(strange: Workspace) -> None:
    test = opened(strange, who="ab")
    assert test.button(key="dismiss refused/draft/").disabled
    test.text_input(key="why refused/draft/").set_value("a test of the filter").run()
    test.button(key="dismiss refused/draft/").click().run()
    assert test.title[0].value == "3 things look strange"
    assert "“a test of the filter” (ab, " in texts(test)
    test.button(key="show refused/draft/").click().run()
    assert test.title[0].value == "4 things look strange"


def test_flagged_card_comes_first(strange: Workspace) -> None:
    test = opened(strange, who="ab")
    test.button(key="flag refused/draft/").click().run()
    said = texts(test)
    assert said.index("Refusals") < said.index("Agreement too low")
    assert "⚑ Flagged by ab." in said
    test.button(key="flag refused/draft/").click().run()
    assert "Flagged" not in texts(test)


def test_run_that_was_not_screened_is_screened_beside_the_page(workspace: Workspace) -> None:
    test = opened(workspace)
    assert test.title[0].value == "Looking for what is strange"
    assert "This page fills itself." in texts(test)
    background.wait()
    test.run()
    assert test.title[0].value.startswith("Nothing strange found by ")


def test_screen_older_than_the_labels_is_made_again(workspace: Workspace) -> None:
    plant(workspace)
    label = Label(id="new", record="m0001", stage="route", annotator="zoe", answer=Answer(value="other"), at=1.0)
    workspace.store.append_labels(CASCADE, [label])
    assert "New labels since this screen. Updating…" in texts(opened(workspace))
    background.wait()
    assert opened(workspace).title[0].value.startswith("Nothing strange found by ")


def test_empty_states_say_what_to_do(strange: Workspace) -> None:
    assert "The card in the link is not on this screen." in texts(opened(strange, check="no/such/"))
    assert "Run v99 in the link is not here. This is the newest." in texts(opened(strange, run="v99"))
    assert "Shown when more than 1% of the calls were refused." in texts(opened(strange, check="refused"))
    assert "is none of these mails" in texts(opened(strange, check="refused/draft/", record="m9999", who="ab"))
    whole = opened(strange, check="weak-agreement/route/", who="ab")
    assert "so it names no mail" in texts(whole)


def test_without_a_run_or_a_cascade_the_page_says_what_to_do(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as empty:
        assert opened(empty).title[0].value == "No cascade yet"
    write_mails(tmp_path, count=20)
    with Workspace.open(tmp_path) as unrun:
        assert opened(unrun).title[0].value == "No results yet"


def test_card_that_grew_since_it_was_dismissed_says_so(workspace: Workspace) -> None:
    screen = plant(workspace)
    small = {"value": 0.0, "low": 0.0, "high": 0.0001}
    cards = tuple(replace(card, statistic=replace(card.statistic, **small)) for card in screen.cards)
    workspace.oddities.say(replace(screen, cards=cards), "refused/draft/", "dismiss", who="ab", reason="a test")
    assert "it is now wholly above what it was then" in texts(opened(workspace))
