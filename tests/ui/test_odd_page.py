"""What the Oddities page says and does, without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from stagegap.ui import background
from ui import views
from ui.fake_workspace import FakeWorkspace


def odd(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import odd_page

    odd_page.draw(workspace)


def opened(workspace: FakeWorkspace, **parameters: str) -> AppTest:
    test = AppTest.from_function(odd, kwargs={"workspace": workspace}, default_timeout=60)
    for name, value in parameters.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def texts(test: AppTest) -> str:
    html = [element.proto.body for element in test.get("html")]
    plain = [one.value for one in (*test.title, *test.header, *test.markdown, *test.text)]
    return "\n".join([*plain, *html]).replace("\\", "")


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    return FakeWorkspace(folder=tmp_path, shown=views.scorecard())


def test_first_heading_counts_and_weak_agreement_stands_first(workspace: FakeWorkspace) -> None:
    test = opened(workspace)
    assert test.title[0].value == "4 things look strange"
    said = texts(test)
    assert said.index("Agreement too low") < said.index("Refusals")
    assert "route · found by rule · n = " in said
    assert "it is no verdict" in said
    assert "Write your initials above to say that a card is not odd" in said
    assert test.button(key="flag refused/draft/").disabled


def test_card_is_opened_with_its_plot_and_records(workspace: FakeWorkspace) -> None:
    test = opened(workspace, who="ab")
    test.button(key="open calibration/find/").click().run()
    assert test.query_params["check"] == "calibration/find/"
    said = texts(test)
    assert "Shown when mean confidence and share right differ" in said
    parts = [str(element.proto) for element in test.get("bidi_component")]
    assert any("as sure as it says" in part for part in parts)
    assert test.header[0].value == "m0000"
    next(button for button in test.button if button.label == "All cards").click().run()
    assert "check" not in test.query_params


def test_who_has_not_said_who_they_are_sees_no_answer(workspace: FakeWorkspace) -> None:
    said = texts(opened(workspace, check="refused/draft/"))
    assert "This is mail m0000. refund within 30 days" in said
    assert "Write your initials above to see the answers." in said


def test_answers_of_a_record_that_waits_for_a_label_stay_hidden(workspace: FakeWorkspace) -> None:
    workspace.waits = ("m0000",)
    assert "still waits for your answer" in texts(opened(workspace, check="refused/draft/", who="ab"))


def test_card_that_is_not_odd_goes_away_with_its_reason_and_comes_back(workspace: FakeWorkspace) -> None:
    test = opened(workspace, who="ab")
    assert test.button(key="dismiss refused/draft/").disabled
    test.text_input(key="why refused/draft/").set_value("a test of the filter").run()
    test.button(key="dismiss refused/draft/").click().run()
    assert test.title[0].value == "3 things look strange"
    assert "“a test of the filter” (ab, 14 Nov 2023)" in texts(test)
    test.button(key="show refused/draft/").click().run()
    assert test.title[0].value == "4 things look strange"


def test_flagged_card_comes_first(workspace: FakeWorkspace) -> None:
    test = opened(workspace, who="ab")
    test.button(key="flag refused/draft/").click().run()
    said = texts(test)
    assert said.index("Refusals") < said.index("Agreement too low")
    assert "⚑ Flagged by ab." in said
    test.button(key="flag refused/draft/").click().run()
    assert "Flagged" not in texts(test)


def test_run_that_was_not_screened_is_screened_beside_the_page(workspace: FakeWorkspace) -> None:
    workspace.screened = False
    test = opened(workspace)
    assert test.title[0].value == "Looking for what is strange"
    assert "This page fills itself." in texts(test)
    background.wait()
    test.run()
    assert test.title[0].value == "4 things look strange"


def test_screen_older_than_the_labels_is_made_again(workspace: FakeWorkspace) -> None:
    workspace.oddities.stale = True
    assert "New labels since this screen. Updating…" in texts(opened(workspace))
    background.wait()
    assert not workspace.oddities.stale


def test_empty_states_say_what_to_do(workspace: FakeWorkspace) -> None:
    assert "The card in the link is not on this screen." in texts(opened(workspace, check="no/such/"))
    assert "Run v99 in the link is not here. This is the newest." in texts(opened(workspace, run="v99"))
    assert "Shown when more than 1% of the calls were refused." in texts(opened(workspace, check="refused"))
    assert "is none of these mails" in texts(opened(workspace, check="refused/draft/", record="m9999", who="ab"))
    whole = opened(workspace, check="weak-agreement/route/", who="ab")
    assert "so it names no mail" in texts(whole)
    workspace.shown = None
    assert opened(workspace).title[0].value == "No results yet"
    workspace.names = []
    assert opened(workspace).title[0].value == "No cascade yet"


def test_card_that_grew_since_it_was_dismissed_says_so(workspace: FakeWorkspace) -> None:
    odd = workspace.oddities
    assert odd.kept is not None
    odd.say(odd.kept, "refused/draft/", "dismiss", who="ab", reason="a test", bound=0.0001)
    assert "it is now wholly above what it was then" in texts(opened(workspace))
