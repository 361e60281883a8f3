"""What the Failures page says and does, without a browser: every filter, every empty state, who sees what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from mails import write_mails
from stagegap.model.notes import Wanted
from stagegap.ui import background
from stagegap.workspace import Workspace
from ui import pages
from ui.pages import charts_of, data, texts

CASCADE = "support_email"


def failures(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import failures_page

    failures_page.draw(workspace)


def opened(workspace: Workspace, **parameters: str) -> AppTest:
    return pages.opened(failures, workspace, **parameters)


def listed(workspace: Workspace, **filters: Any) -> list[str]:
    """Failures of `retrieve` in the order in which they are read."""
    return [row.record for row in workspace.failures.page(CASCADE, "v2", Wanted(stage="retrieve", **filters)).rows]


def tagged(workspace: Workspace, *tags: tuple[str, str]) -> None:
    events = [{"id": f"e{i}", "action": "add", "record": record, "tag": tag} for i, (record, tag) in enumerate(tags)]
    workspace.failures.save_codes(CASCADE, "v2", "retrieve", events, viewer="ab", verified=False)


def seen(workspace: Workspace, viewer: str) -> frozenset[str]:
    return frozenset(workspace.store.failing.seen(CASCADE, viewer))


def test_first_heading_counts_the_failures_of_the_stage_that_holds_back(workspace: Workspace) -> None:
    test = opened(workspace)
    assert test.title[0].value.startswith("Retrieve fails on ")
    first = listed(workspace)[0]
    assert test.header[0].value == first
    assert f"This is mail {first}. refund within 30 days" in charts_of(test)


def test_own_reasons_make_the_heading(workspace: Workspace) -> None:
    first, second, *_ = listed(workspace)
    tagged(workspace, (first, "two topics"), (second, "two topics"), (second, "typo"))
    test = opened(workspace, who="ab")
    assert test.title[0].value.replace("\\", "") == "2 of the 2 retrieve failures that you tagged: two topics"
    assert "Fixing all of two topics would win at most" in texts(test)
    assert opened(workspace, who="cd").title[0].value.startswith("Retrieve fails on ")


def test_address_names_stage_record_and_filters(workspace: Workspace) -> None:
    record = listed(workspace, group="language: de", text="refund")[1]
    test = opened(workspace, stage="retrieve", record=record, group="language: de", text="refund")
    assert test.header[0].value == record
    assert test.text_input(key="pick text").value == "refund"
    assert test.selectbox(key="pick group").value == "language: de"


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("run", "v99", "Run v99 in the link is not here. This is the newest."),
        ("stage", "nowhere", "The stage in the link is not in run v2."),
        ("group", "no: such", "The group in the link is none that retrieve is compared by."),
        ("tag", "none", "The tag in the link is none of yours at this stage."),
        ("record", "m9", "Record m9 is not among these failures of retrieve in run v2."),
    ],
)
def test_unknown_value_opens_the_default_and_one_line_says_so(
    workspace: Workspace, parameter: str, value: str, said: str
) -> None:
    test = opened(workspace, **{parameter: value})
    assert said in texts(test)
    assert test.header[0].value == listed(workspace)[0]


def test_filters_write_into_the_address_and_forget_the_record(workspace: Workspace) -> None:
    test = opened(workspace, record=listed(workspace)[1], after="0")
    test.checkbox(key="pick first").check().run()
    assert test.query_params == {"first": "1"}
    test.selectbox(key="pick group").set_value("language: de").run()
    assert test.query_params["group"] == "language: de"
    test.selectbox(key="pick group").set_value("").run()
    test.checkbox(key="pick first").uncheck().run()
    assert "group" not in test.query_params
    assert "first" not in test.query_params
    test.checkbox(key="pick people").check().run()
    assert test.header[0].value == listed(workspace, only_disagreements=True)[0]
    test.text_input(key="pick text").set_value("nowhere to be found").run()
    assert "No mail fits these filters." in data(test, "failures")


def test_tag_filters_the_list(workspace: Workspace) -> None:
    record = listed(workspace)[4]
    tagged(workspace, (record, "two topics"))
    test = opened(workspace, who="ab", tag="two topics")
    assert test.header[0].value == record
    assert "1 mail, most typical first." in texts(test)


def test_another_stage_forgets_the_filters_that_were_for_this_one(workspace: Workspace) -> None:
    test = opened(workspace, group="language: de", text="refund", record=listed(workspace)[1])
    test.segmented_control(key="pick stage").set_value("route").run()
    assert test.query_params == {"stage": "route", "text": "refund"}


def test_buttons_do_what_the_keys_do(workspace: Workspace) -> None:
    test = opened(workspace)
    assert test.button(key="failure Previous").disabled
    test.button(key="failure Next").click().run()
    assert test.header[0].value == listed(workspace)[1]


def test_answers_stand_beside_the_reference_and_the_person_is_noted(workspace: Workspace) -> None:
    shown = data(opened(workspace, who="ab"), "record")
    assert "KB-014" in shown
    assert "first-person and second-person, both agree" in shown
    assert seen(workspace, "ab") == {listed(workspace)[0]}


def test_nobody_sees_answers_before_they_say_who_they_are(workspace: Workspace) -> None:
    test = opened(workspace, history="1")
    assert f"This is mail {listed(workspace)[0]}." in charts_of(test)
    assert "KB-014" not in data(test, "")
    assert "first-person" not in data(test, "")
    assert seen(workspace, "ab") == frozenset()
    assert "Write your initials above to see the answers." in texts(test)


def test_history_of_every_stage_is_shown_on_request_only(workspace: Workspace) -> None:
    test = opened(workspace, who="ab")
    assert "first-person" not in data(test, "history")
    test.checkbox(key="pick history").check().run()
    assert test.query_params["history"] == "1"
    shown = data(test, "history")
    assert shown.count("first-person") >= 3
    assert "both agree" in shown


def test_answers_to_a_record_that_waits_for_that_person_are_shown_on_request_only(workspace: Workspace) -> None:
    queue = workspace.labels.queue(CASCADE, "retrieve")
    first = listed(workspace)[0]
    other = next(item.record for item in workspace.labels.queue_items(queue, "ab", 120) if item.record != first)
    event = {"id": "e", "action": "label", "record": other, "values": {"value": ["KB-014"]}, "active_ms": 5}
    workspace.labels.save_labels(queue, [event], "ab")
    test = opened(workspace, who="ab", record=first)
    assert "This mail still waits for your answer at retrieve." in texts(test)
    assert f"This is mail {first}." in charts_of(test)
    assert "KB-014" not in data(test, "record")
    assert seen(workspace, "ab") == frozenset()
    next(button for button in test.button if button.label == "Show the answers").click().run()
    assert "KB-014" in data(test, "record")
    assert first in seen(workspace, "ab")


def test_marks_can_be_switched_off(workspace: Workspace) -> None:
    test = opened(workspace, who="ab")
    assert "missing" in data(test, "record")
    test.checkbox(key="pick show").uncheck().run()
    assert test.query_params["show"] == "plain"
    assert 'class="missing"' not in data(test, "record")
    test.checkbox(key="pick show").check().run()
    assert "show" not in test.query_params


def test_no_cascade_and_no_run_say_what_to_do(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as empty:
        assert "No cascade yet" in texts(opened(empty))
    write_mails(tmp_path, count=20)
    with Workspace.open(tmp_path) as unrun:
        assert "No results yet" in texts(opened(unrun))


def test_list_of_an_older_run_is_made_again(workspace: Workspace) -> None:
    run = workspace.runs.of(CASCADE)[0]
    workspace.store.failing.put(run.id, [])
    assert "The list of this run is being made." in texts(opened(workspace))
    background.wait()
    assert len(listed(workspace)) == 40


def test_errors_of_ours_are_a_sentence(workspace: Workspace) -> None:
    assert workspace.cascades() == [CASCADE]
    (workspace.folder / ".stagegap" / "store.duckdb").write_bytes(b"no database" * 1000)
    assert "store.duckdb" in texts(opened(workspace))


def test_tags_that_arrive_are_stored_one_by_one(workspace: Workspace) -> None:
    from stagegap.ui.failures_page import store

    card, record = workspace.runs.scorecard(CASCADE), listed(workspace)[0]
    assert card is not None
    events = [
        {"id": "a", "action": "add", "record": record, "tag": "two topics"},
        {"id": "b", "action": "burn", "record": record, "tag": "x"},
        {"id": "c", "action": "rename", "tag": "two topics", "into": "2 topics"},
    ]
    stored, troubles = store(workspace, card, "retrieve", events, who="ab", verified=False)
    assert stored == ["a", "c"]
    assert len(troubles) == 1
    assert "can't be changed by 'burn'" in troubles[0]
    assert workspace.failures.tally(card, "retrieve", "ab").own.by_record == {record: ("2 topics",)}
