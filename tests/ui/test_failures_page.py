"""What the Failures page says and does, without a browser: every filter, every empty state, who sees what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from stagegap.errors import StoreBusy
from ui import views
from ui.fake_reading import FakeReading
from ui.fake_workspace import FakeWorkspace


def failures(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import failures_page

    failures_page.draw(workspace)


def opened(workspace: FakeWorkspace, **parameters: str) -> AppTest:
    test = AppTest.from_function(failures, kwargs={"workspace": workspace}, default_timeout=60)
    for name, value in parameters.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def texts(test: AppTest) -> str:
    html = [element.proto.body for element in test.get("html")]
    plain = [one.value for one in (*test.title, *test.header, *test.markdown, *test.text)]
    return "\n".join([*plain, *html]).replace("\\", "")


def data(test: AppTest, part: str) -> str:
    """What the components were given whose key holds `part`."""
    return "\n".join(str(element.proto) for element in test.get("bidi_component") if part in str(element.proto))


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    return FakeWorkspace(folder=tmp_path, shown=views.scorecard())


def tagged(workspace: FakeWorkspace, *tags: tuple[str, str]) -> None:
    workspace.failures.save_tags(
        "support_email",
        "v14",
        "retrieve",
        [{"id": f"e{i}", "action": "add", "record": record, "tag": tag} for i, (record, tag) in enumerate(tags)],
        viewer="ab",
        verified=False,
    )


def test_first_heading_counts_the_failures_of_the_stage_that_holds_back(workspace: FakeWorkspace) -> None:
    test = opened(workspace)
    assert test.title[0].value.startswith("Retrieve fails on ")
    assert test.header[0].value == "m0000"
    assert "This is mail m0000. refund within 30 days" in texts(test)


def test_own_reasons_make_the_heading(workspace: FakeWorkspace) -> None:
    tagged(workspace, ("m0000", "two topics"), ("m0001", "two topics"), ("m0001", "typo"))
    test = opened(workspace, who="ab")
    assert test.title[0].value.replace("\\", "") == "2 of the 2 retrieve failures that you tagged: two topics"
    assert "Fixing all of two topics would win at most" in texts(test)
    assert opened(workspace, who="cd").title[0].value.startswith("Retrieve fails on ")


def test_address_names_stage_record_and_filters(workspace: FakeWorkspace) -> None:
    test = opened(workspace, stage="retrieve", record="m0001", group="language: de", first="", text="refund")
    assert test.header[0].value == "m0001"
    assert test.text_input(key="pick text").value == "refund"
    assert test.selectbox(key="pick group").value == "language: de"
    assert "1 mail, most typical first." in texts(test)


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("run", "v99", "Run v99 in the link is not here. This is the newest."),
        ("stage", "nowhere", "The stage in the link is not in run v14."),
        ("group", "no: such", "The group in the link is none that retrieve is compared by."),
        ("tag", "none", "The tag in the link is none of yours at this stage."),
        ("record", "m9", "Record m9 is not among these failures of retrieve in run v14."),
    ],
)
def test_unknown_value_opens_the_default_and_one_line_says_so(
    workspace: FakeWorkspace, parameter: str, value: str, said: str
) -> None:
    test = opened(workspace, **{parameter: value})
    assert said in texts(test)
    assert test.header[0].value == "m0000"


def test_record_of_a_later_page_is_opened_where_it_stands(workspace: FakeWorkspace) -> None:
    test = opened(workspace, record="n0005")
    assert test.header[0].value == "n0005"
    assert "16 to 22 of 22 mails" in texts(test)


def test_filters_write_into_the_address_and_forget_the_record(workspace: FakeWorkspace) -> None:
    test = opened(workspace, record="m0001", after="0")
    test.checkbox(key="pick first").check().run()
    assert test.query_params == {"first": "1"}
    test.selectbox(key="pick group").set_value("language: de").run()
    assert test.query_params["group"] == "language: de"
    test.selectbox(key="pick group").set_value("").run()
    test.checkbox(key="pick first").uncheck().run()
    assert "group" not in test.query_params
    assert "first" not in test.query_params
    test.checkbox(key="pick people").check().run()
    assert test.header[0].value == "m0001"
    test.text_input(key="pick text").set_value("nowhere to be found").run()
    assert "No mail fits these filters." in data(test, "failures")


def test_tag_filters_the_list(workspace: FakeWorkspace) -> None:
    tagged(workspace, ("m0004", "two topics"))
    test = opened(workspace, who="ab", tag="two topics")
    assert test.header[0].value == "m0004"
    assert "1 mail, most typical first." in texts(test)


def test_another_stage_forgets_the_filters_that_were_for_this_one(workspace: FakeWorkspace) -> None:
    test = opened(workspace, group="language: de", text="refund", record="m0001")
    test.segmented_control(key="pick stage").set_value("route").run()
    assert test.query_params == {"stage": "route", "text": "refund"}


def test_pages_follow_each_other(workspace: FakeWorkspace) -> None:
    test = opened(workspace)
    assert "1 to 8 of 22 mails" in texts(test)
    next(button for button in test.button if button.label == "Next page").click().run()
    assert "9 to 16 of 22 mails" in texts(test)
    assert test.header[0].value == "m0008"
    next(button for button in test.button if button.label == "First page").click().run()
    assert "1 to 8 of 22 mails" in texts(test)


def test_buttons_do_what_the_keys_do(workspace: FakeWorkspace) -> None:
    test = opened(workspace)
    assert test.button(key="failure Previous").disabled
    test.button(key="failure Next").click().run()
    assert test.header[0].value == "m0001"


def test_answers_stand_beside_the_reference_and_the_person_is_noted(workspace: FakeWorkspace) -> None:
    test = opened(workspace, who="ab")
    shown = data(test, "record")
    assert "KB-014" in shown
    assert "ab and cd, settled by what most said" in shown
    assert workspace.failures.looks() == [["m0000", "ab"]]


def test_nobody_sees_answers_before_they_say_who_they_are(workspace: FakeWorkspace) -> None:
    test = opened(workspace, history="1")
    assert "This is mail m0000." in texts(test)
    assert "KB-014" not in data(test, "")
    assert "billing" not in data(test, "")
    assert workspace.failures.looks() == []
    assert "Write your initials above to see the answers." in texts(test)


def test_history_of_every_stage_is_shown_on_request_only(workspace: FakeWorkspace) -> None:
    test = opened(workspace, who="ab")
    assert "first-person" not in data(test, "history")
    test.checkbox(key="pick history").check().run()
    assert test.query_params["history"] == "1"
    shown = data(test, "history")
    assert shown.count("first-person") >= 3
    assert "billing or refund" in shown or "first-person, second-person: settled by what most said" in shown


def test_answers_to_a_record_that_waits_for_that_person_are_shown_on_request_only(workspace: FakeWorkspace) -> None:
    workspace.waits = ("m0000",)
    test = opened(workspace, who="ab")
    assert "This mail still waits for your answer at retrieve." in texts(test)
    assert "This is mail m0000." in texts(test)
    assert "KB-014" not in data(test, "")
    assert workspace.failures.looks() == []
    next(button for button in test.button if button.label == "Show the answers").click().run()
    assert "KB-014" in data(test, "record")
    assert ["m0000", "ab"] in workspace.failures.looks()


def test_marks_can_be_switched_off(workspace: FakeWorkspace) -> None:
    test = opened(workspace, who="ab")
    assert "missing" in data(test, "record")
    test.checkbox(key="pick show").uncheck().run()
    assert test.query_params["show"] == "plain"
    assert 'class="missing"' not in data(test, "record")
    test.checkbox(key="pick show").check().run()
    assert "show" not in test.query_params


def test_record_that_the_run_does_not_have_is_said(workspace: FakeWorkspace) -> None:
    assert "Record m0003 is not in run v14." in texts(opened(workspace, record="m0003"))


def test_no_cascade_no_run_and_no_score_say_what_to_do(workspace: FakeWorkspace, tmp_path: Path) -> None:
    assert "No results yet" in texts(opened(FakeWorkspace(folder=tmp_path, shown=None)))
    assert workspace.shown is not None
    workspace.shown = replace(workspace.shown, details=())
    assert "No record was scored at retrieve." in texts(opened(workspace))
    workspace.names = []
    assert "No cascade yet" in texts(opened(workspace))


def test_list_of_an_older_run_is_made_again(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from stagegap.ui import background

    monkeypatch.setattr(FakeReading, "_failures", lambda self, wanted: [])
    assert "The list of this run is being made." in texts(opened(workspace))
    background.wait()
    assert workspace.refreshed == [("support_email", "v14")]


def test_errors_of_ours_are_a_sentence(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(self: Any, *_: Any) -> Any:
        raise StoreBusy("The store is held by a notebook.")

    monkeypatch.setattr(FakeReading, "tally", busy)
    assert "held by a notebook" in texts(opened(workspace))


def test_tags_that_arrive_are_stored_one_by_one(workspace: FakeWorkspace) -> None:
    from stagegap.ui.failures_page import store

    assert workspace.shown is not None
    events = [
        {"id": "a", "action": "add", "record": "m0000", "tag": "two topics"},
        {"id": "b", "action": "burn", "record": "m0000", "tag": "x"},
        {"id": "c", "action": "rename", "tag": "two topics", "into": "2 topics"},
    ]
    stored, troubles = store(workspace, workspace.shown, "retrieve", events, who="ab", verified=False)
    assert stored == ["a", "c"]
    assert len(troubles) == 1
    assert "can't be changed by 'burn'" in troubles[0]
    assert workspace.failures.tally(workspace.shown, "retrieve", "ab").own.by_record == {"m0000": ("2 topics",)}
