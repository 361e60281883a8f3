"""Share stands on every page and gives away what that page shows."""

from __future__ import annotations

import csv
import io
import json

import pytest
from streamlit.testing.v1 import AppTest

from odd_noticing import noticing, planted_screen
from stagegap import report
from stagegap.analysis.views import Scorecard
from stagegap.ui import background
from stagegap.ui import share as offers
from stagegap.workspace import Workspace
from ui import changes, views


def page(workspace, name):  # AppTest runs the source of this function alone: no annotations
    from importlib import import_module

    import_module(f"stagegap.ui.{name}_page").draw(workspace)


def card_of(workspace: Workspace) -> Scorecard:
    card = workspace.runs.scorecard("support_email")
    assert card is not None
    return card


def shared(workspace: Workspace, name: str) -> AppTest:
    test = AppTest.from_function(page, kwargs={"workspace": workspace, "name": name}, default_timeout=60)
    test.query_params["who"] = "ab"
    test.run()
    background.wait()  # a page that is still comparing draws itself anew when that has ended
    test.run()
    next(button for button in test.button if button.label == "Share").click().run()
    assert not test.exception
    return test


@pytest.mark.parametrize(
    ("name", "texts", "files"),
    [
        ("gap", "failures: what the system answered",
         ["Download report", "Numbers (JSON)", "Numbers (CSV)", "Markdown"]),
        ("failures", "failures: what the system answered", ["Download report", "Numbers (JSON)", "Numbers (CSV)"]),
        ("agree", "", ["Download report", "Numbers (JSON)", "Numbers (CSV)"]),
        ("odd", "failures: what the system answered",
         ["Download report", "Numbers (JSON)", "Numbers (CSV)", "Markdown"]),
    ],
)  # fmt: skip
def test_every_page_about_a_run_has_its_link_and_files(
    workspace: Workspace, name: str, texts: str, files: list[str]
) -> None:
    test = shared(workspace, name)
    assert "run=v2" in test.code[0].value
    assert "who=" not in test.code[0].value
    assert [button.proto.label for button in test.get("download_button")] == files
    boxes = [box.label for box in test.checkbox if box.label.startswith("With the texts of")]
    assert [texts in box for box in boxes] == ([True] if texts else [])
    assert [picker.label for picker in test.selectbox][:1] == ["Run"]


def waiting_page():  # AppTest runs the source of this function alone
    import streamlit

    from stagegap.ui import choice, share

    streamlit.session_state["draws"] = streamlit.session_state.get("draws", 0) + 1
    share.link_button("Nothing else.")
    choice.wait(lambda: streamlit.session_state.pop("there", False))


def test_work_that_ends_beside_an_open_dialog_does_not_close_it() -> None:
    test = AppTest.from_function(waiting_page, default_timeout=60).run()
    test.session_state["there"] = True
    test.run()
    assert test.session_state["draws"] == 3  # drawn anew once what it waited for was there
    test.session_state["there"] = True
    test.button[0].click().run()
    assert test.session_state["draws"] == 4
    assert len(test.code) == 1
    test.run()  # the dialog was closed
    assert test.session_state["draws"] == 6


def test_labelling_gives_away_its_link_and_no_answer(workspace: Workspace) -> None:
    test = shared(workspace, "label")
    assert len(test.code) == 1
    assert list(test.get("download_button")) == []
    assert "stays blind" in " ".join(one.value for one in test.markdown)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_failures_are_shared_by_their_stage(workspace: Workspace) -> None:
    found = offers.of_failures(workspace, card_of(workspace), "draft")
    assert found.name == "support_email-v2-draft"
    assert "<h2>Why draft?</h2>" in found.report(False)
    assert {row["stage"] for row in read(found.csv)} == {"draft"}
    assert (json.loads(found.json)["stage"], json.loads(found.json)["rows"]) == ("draft", [])


def dialog(workspace, card):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import share

    share._dialog(lambda: share.of_run(workspace, card), {})  # the button that opens it counts for one run only


def test_records_that_somebody_has_yet_to_answer_are_shown_when_asked_and_that_person_is_not_blind_any_more(
    workspace: Workspace,
) -> None:
    card = card_of(workspace)
    shown = report.shown_records(card)
    queue = workspace.labels.queue("support_email", "route")
    first, *_ = (item.record for item in workspace.labels.queue_items(queue, "yz", 200) if item.record not in shown)
    event = {"id": "e1", "action": "label", "record": first, "values": {"value": "refund"}, "active_ms": 5}
    workspace.labels.save_labels(queue, [event], "yz")
    test = AppTest.from_function(dialog, kwargs={"workspace": workspace, "card": card}, default_timeout=60).run()
    next(box for box in test.checkbox if box.label.startswith("With the texts of")).check().run()
    assert any("left out" in one.value for one in test.markdown)
    next(box for box in test.checkbox if box.label.startswith("Also ")).check().run()
    assert any("yz" in one.value and "no longer blind" in one.value for one in test.markdown)
    assert not any("left out" in one.value for one in test.markdown)
    offer = offers.of_run(workspace, card)
    assert offer.unblinding is not None
    waiting = workspace.failures.open_records("support_email", shown).records
    assert waiting
    offer.unblinding.reveal()
    assert not workspace.failures.open_records("support_email", waiting).records
    assert offers.of_run(workspace, card).unblinding is None


def test_agreement_is_shared_without_names(workspace: Workspace) -> None:
    found = offers.of_agreement(views.scorecard(), headline="Two people <agree>", stage="route", notes=("Better.", ""))
    html = found.report(True)
    assert "<h1>Two people &lt;agree&gt;</h1>" in html
    assert "<h2>At route</h2>" in html
    assert "<button" not in html
    assert {row["figure"] for row in read(found.csv)} == {"agreement", "person", "system", "gap"}
    assert "At route" not in offers.of_agreement(views.scorecard(), headline="x", stage="route", notes=()).report(True)


def test_oddities_are_shared_without_records_unless_asked(workspace: Workspace) -> None:
    workspace.oddities.screen("support_email", ["v2"])
    found = offers.of_oddities(workspace, card_of(workspace), noticing(planted_screen(run="v2")))
    assert "What looks strange?" in found.report(False)
    rows = read(found.csv)
    assert [row["is_open"] for row in rows] == ["true"] * 4
    assert all(set(row) >= {"card", "estimate", "low", "high", "n", "p_adj"} for row in rows)
    for text in (found.csv, found.json, found.report(False)):
        assert "m0001" not in text


def test_comparison_is_shared_without_records_unless_asked(workspace: Workspace) -> None:
    queue = workspace.labels.queue("support_email", "route")
    others = [item.record for item in workspace.labels.queue_items(queue, "yz", 200) if item.record != "m0001"]
    events = [
        {"id": record, "action": "label", "record": record, "values": {"value": "refund"}, "active_ms": 5}
        for record in others
    ]
    workspace.labels.save_labels(queue, events, "yz")  # whoever works in a queue is still to label the rest of it
    found = offers.of_comparison(workspace, changes.comparison())  # type: ignore[arg-type]
    assert (found.name, found.left_out) == (
        "support_email-v13-v14",
        "1 mail left out: yz is still to answer it.",
    )
    assert found.unblinding is not None
    assert found.unblinding.what == "Also 1 mail that somebody has yet to answer"
    whole = found.unblinding.report()
    assert found.unblinding.sentence.startswith("yz (1 mail) is no longer blind")
    assert "yz (1 mail) is no longer blind" in whole
    assert "25 mails that got worse" in found.texts
    assert "Mail 2" in found.report(True)
    assert "Mail 1<" not in found.report(True)
    for text in (found.csv, found.json, found.markdown, found.report(False)):
        assert "m0002" not in text
    assert {row["figure"] for row in read(found.csv)} == {"before", "after", "change"}
