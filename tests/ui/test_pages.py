"""What the pages say and do, without a browser: each empty state, each choice in the address."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import pytest

from stagegap.analysis.need import NextLabels
from stagegap.analysis.views import Scorecard
from stagegap.errors import NotFound, StoreBusy
from stagegap.model.queue import Queue
from stagegap.model.record import Json
from stagegap.workspace.kept_views import Kept
from ui import views
from ui.fake_workspace import FakeWorkspace
from ui.pages import charts_of, opened, texts


def gap(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import gap_page

    gap_page.draw(workspace)


def label(workspace):
    from stagegap.ui import label_page

    label_page.draw(workspace)


@pytest.fixture
def workspace(tmp_path: Path) -> FakeWorkspace:
    return FakeWorkspace(folder=tmp_path, shown=views.scorecard())


def test_first_heading_is_the_verdict_and_the_sentences_follow(workspace: FakeWorkspace) -> None:
    test = opened(gap, workspace)
    assert test.title[0].value == "Retrieve holds this system back"
    said = texts(test)
    assert "<b>56%</b> good replies" in said
    assert ">20 come from retrieve</em>" in said
    assert "600 mails labelled by 3 people." in said
    assert "Draft calls without an answer: 3 refused. They count as bad." in said


def test_why_comes_from_the_address(workspace: FakeWorkspace) -> None:
    assert "Why retrieve?" in texts(opened(gap, workspace))
    assert "Why draft?" in texts(opened(gap, workspace, why="draft"))


def test_switch_writes_the_stage_into_the_address(workspace: FakeWorkspace) -> None:
    test = opened(gap, workspace)
    test.segmented_control(key="pick why").set_value("route").run()
    assert test.query_params["why"] == "route"
    assert "Why route?" in texts(test)


def test_run_picker_writes_the_id_and_not_the_shown_name(workspace: FakeWorkspace) -> None:
    test = opened(gap, workspace)
    assert test.selectbox(key="pick run").options == ["v14, 18 Nov", "v13, 18 Nov"]
    test.selectbox(key="pick run").set_value("v13").run()
    assert test.query_params["run"] == "v13"


def test_several_cascades_can_be_chosen(workspace: FakeWorkspace) -> None:
    workspace.names = ["support_email", "other"]
    test = opened(gap, workspace)
    test.selectbox(key="pick cascade").set_value("other").run()
    assert test.query_params["cascade"] == "other"


def test_unknown_cascade_in_the_address_is_named(workspace: FakeWorkspace) -> None:
    said = texts(opened(gap, workspace, cascade="suport_email"))
    assert "Cascade suport_email in the link is not here. This is support_email." in said


def test_unknown_values_in_the_address_are_named(workspace: FakeWorkspace) -> None:
    said = texts(opened(gap, workspace, run="v99", why="nowhere"))
    assert "Run v99 in the link is not here. This is the newest." in said
    assert "The stage in the link is not in run v14." in said


def test_no_cascade_says_how_to_begin(workspace: FakeWorkspace) -> None:
    workspace.names = []
    for page in (gap, label):
        test = opened(page, workspace)
        assert test.title[0].value == "No cascade yet"
        assert "`stagegap init`" in texts(test)


def test_no_run_says_what_to_run(tmp_path: Path) -> None:
    said = texts(opened(gap, FakeWorkspace(folder=tmp_path, shown=None)))
    assert "No results yet" in said
    assert "`stagegap run`" in said


def test_run_that_has_not_ended_is_named_above_the_older_numbers(workspace: FakeWorkspace) -> None:
    workspace.running = True
    said = texts(opened(gap, workspace))
    assert "Run v15 has started and not ended yet." in said
    assert "The numbers below are those of run v14." in said


def test_first_run_that_has_not_ended_is_named(tmp_path: Path) -> None:
    workspace = FakeWorkspace(folder=tmp_path, shown=None, running=True)
    said = texts(opened(gap, workspace, run="v15"))
    assert "Run v15 has no numbers." in said
    assert "Run v15 has started and not ended yet." in said


def test_newer_labels_are_counted_and_the_view_is_refreshed(workspace: FakeWorkspace) -> None:
    from stagegap.ui import background

    workspace.stale = 12
    said = texts(opened(gap, workspace))
    assert "12 new labels since these numbers. Updating…" in said
    background.wait()
    assert workspace.refreshed == [("support_email", "v14")]


def test_person_that_nobody_measured_has_a_link_to_label(tmp_path: Path) -> None:
    said = texts(opened(gap, FakeWorkspace(folder=tmp_path, shown=views.without_person())))
    assert 'No person is measured yet. <a href="label?queue=overlap"' in said


def test_few_records_show_the_page_all_the_same(tmp_path: Path) -> None:
    test = opened(gap, FakeWorkspace(folder=tmp_path, shown=views.few()))
    assert test.title[0].value == "Too few records to tell"


def test_stage_that_was_never_scored_says_so(tmp_path: Path) -> None:
    card = replace(views.scorecard(), details=())
    assert "No record was scored at retrieve." in texts(opened(gap, FakeWorkspace(folder=tmp_path, shown=card)))


def test_markdown_in_names_is_shown_as_it_is(tmp_path: Path) -> None:
    card = views.scorecard()
    bad = replace(
        card, verdict=replace(card.verdict, headline="![x](http://tracker.invalid/p) holds", summary="<img src=x>")
    )
    test = opened(gap, FakeWorkspace(folder=tmp_path, shown=bad))
    assert test.title[0].value.startswith("\\!\\[x\\]\\(http\\:")
    assert "&lt;img src=x&gt;" in texts(test)


def test_agreement_that_is_too_low_stands_before_every_number(tmp_path: Path) -> None:
    caution = "People hardly agree at route: Krippendorff's alpha 0.05."
    shown = views.scorecard()
    shown = replace(shown, verdict=replace(shown.verdict, caution=caution))
    said = texts(opened(gap, FakeWorkspace(folder=tmp_path, shown=shown)))
    assert said.index(escape(caution)) < said.index("20 come from retrieve") < said.index("600 mails labelled")


def test_failures_of_the_gap_page_lead_to_where_it_is_known_who_looks(workspace: FakeWorkspace) -> None:
    html = charts_of(opened(gap, workspace, why="retrieve"))
    assert "failures?cascade=support_email&amp;run=v14&amp;stage=retrieve&amp;record=m0001" in html
    rows = next(detail.rows for detail in views.scorecard().details if detail.stage == "retrieve")
    assert not any(escape(answer) in html for row in rows for answer in (row.system, row.reference))


def test_share_offers_the_report(workspace: FakeWorkspace) -> None:
    test = opened(gap, workspace)
    next(button for button in test.button if button.label == "Share").click().run()
    assert not test.exception
    assert [box.label for box in test.checkbox] == [
        "With the texts of 10 failures: what the system answered, and what is right"
    ]
    names = [button.label for button in test.get("download_button")]
    assert names == ["Download report", "Numbers (JSON)", "Numbers (CSV)", "Markdown"]
    assert "run=v14" in test.code[0].value


def test_share_leaves_out_what_somebody_is_still_to_label(tmp_path: Path) -> None:
    waiting = FakeWorkspace(folder=tmp_path, shown=views.scorecard(), waits=("m0001", "m0002", "m9999"))
    test = opened(gap, waiting)
    next(button for button in test.button if button.label == "Share").click().run()
    assert "With the texts of 8 failures" in test.checkbox[0].label
    assert "2 mails left out" in texts(test)


@dataclass
class Broken(FakeWorkspace):
    """A workspace whose store is held by another program."""

    def kept_scorecard(self, cascade: str, run: str | None) -> Kept[Scorecard] | None:
        raise StoreBusy("Another program holds the store: a notebook, process 12.")

    def queue(self, cascade: str, stage: str, name: str = "random") -> Queue:
        raise NotFound("Stage 'draft' reads earlier stages, and no run is done yet. Run `stagegap run` first.")


def test_our_own_errors_are_sentences_on_the_page(tmp_path: Path) -> None:
    broken = Broken(folder=tmp_path, shown=None)
    assert "Another program holds the store: a notebook, process 12." in texts(opened(gap, broken))
    assert "no run is done yet" in texts(opened(label, broken, stage="draft", who="ab"))


def test_labelling_asks_for_initials_first(workspace: FakeWorkspace) -> None:
    test = opened(label, workspace)
    assert "Write your initials above." in texts(test)
    test.text_input(key="pick who").set_value("  ab ").run()
    assert test.query_params["who"] == "ab"
    assert "Write your initials above." not in texts(test)


def test_stage_of_the_address_is_asked(workspace: FakeWorkspace) -> None:
    assert "Which articles are needed to answer this mail?" in texts(opened(label, workspace, stage="retrieve"))
    said = texts(opened(label, workspace, stage="nowhere"))
    assert "Which team must answer this mail?" in said
    assert "The stage in the link is not one that people can label here." in said


def test_cascade_without_stages_for_people_says_so(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from ui import fake_workspace

    monkeypatch.setattr(fake_workspace, "STAGES", {})
    assert "Nothing to label yet" in texts(opened(label, workspace))


def wanted(newer: int = 0, **labels: int) -> NextLabels:
    said = "60 mails more decide which stage is worst."
    return NextLabels(is_decided=False, wanted=labels, minutes=35.0, sentence=said, run="v14", newer=newer)


def test_label_page_says_what_decides_the_ranking_and_starts_exactly_that(workspace: FakeWorkspace) -> None:
    workspace.asked = wanted(draft=20)
    test = opened(label, workspace, stage="route", who="ab", record="m0007")
    assert "60 mails more decide which stage is worst." in texts(test)
    next(button for button in test.button if button.label == "Label these at draft").click().run()
    assert {name: test.query_params.get(name) for name in ("queue", "stage", "record")} == {
        "queue": "next", "stage": "draft", "record": None,
    }  # fmt: skip
    assert "These records decide which stage is worst." in texts(test)
    assert not [button for button in test.button if button.label.startswith("Label these")]


def test_newer_labels_are_counted_beside_the_page(workspace: FakeWorkspace) -> None:
    from stagegap.ui import background

    workspace.asked = wanted(newer=2)
    opened(label, workspace, stage="route", who="ab")
    background.wait()
    assert workspace.refreshed == [("support_email", "v14")]


def test_first_visit_says_that_a_sample_is_drawn(workspace: FakeWorkspace) -> None:
    workspace.undrawn = True
    assert not opened(label, workspace, stage="route", who="ab").exception


@dataclass
class Picky(FakeWorkspace):
    """A workspace that can't store one record."""

    def save_labels(self, queue: Queue, events: Sequence[Mapping[str, Json]], annotator: str, verified: bool) -> None:
        if any(event["record"] == "m0001" for event in events):
            raise StoreBusy("Another program holds the store.")
        super().save_labels(queue, events, annotator, verified)


def test_event_that_cannot_be_stored_holds_up_no_other(tmp_path: Path) -> None:
    from stagegap.ui import label_page

    picky = Picky(folder=tmp_path, shown=None)
    queue = picky.labels.queue("support_email", "route")
    events = [
        {"id": f"e{i}", "action": "label", "record": f"m{i:04d}", "values": {"value": "refund"}, "active_ms": 5}
        for i in range(3)
    ]
    stored, troubles = label_page.store(picky, queue, events, who="ab", verified=False)
    assert (stored, troubles) == (["e0", "e2"], ["Another program holds the store."])
    lines = (tmp_path / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)[2]["id"] for line in lines] == ["e0", "e2"]


def test_event_of_another_stage_goes_to_its_own_queue(workspace: FakeWorkspace) -> None:
    from stagegap.ui import label_page

    here, there = (workspace.labels.queue("support_email", stage) for stage in ("route", "urgent"))
    event = {"id": "e", "queue": there.id, "action": "label", "record": "m0000", "values": {"value": True}}
    assert label_page.store(workspace, here, [event], who="ab", verified=False) == (["e"], [])
    assert [len(workspace.labels_in(queue, "ab")) for queue in (here, there)] == [0, 1]


def test_card_is_given_payloads_and_nothing_of_the_system(workspace: FakeWorkspace) -> None:
    from stagegap.ui import label_page
    from ui.fake_workspace import SECRET

    queue = workspace.labels.queue("support_email", "retrieve")
    data = label_page.given(workspace, queue, "ab", acknowledged=[])
    assert len(data["items"]) == label_page.PREFETCH
    assert all(set(item) == {"id", "inputs", "options"} for item in data["items"])
    assert SECRET not in json.dumps(data)
    assert data["last"] is None


def test_card_is_given_the_last_answer_for_undo(workspace: FakeWorkspace) -> None:
    from stagegap.ui import label_page

    queue = workspace.labels.queue("support_email", "route")
    event = {"id": "e", "action": "label", "record": "m0000", "values": {"value": "refund"}, "active_ms": 9000}
    label_page.store(workspace, queue, [event], who="ab", verified=False)
    data = label_page.given(workspace, queue, "ab", acknowledged=["e"])
    assert data["last"]["item"]["id"] == "m0000"
    assert data["last"]["values"]["value"] == "refund"
    assert data["progress"] == {"done": 1, "total": 120, "median_ms": 9000}
    assert (data["acknowledged"], data["items"][0]["id"]) == (["e"], "m0001")


@dataclass
class Filling(FakeWorkspace):
    """A workspace whose numbers arrive after the first look."""

    looks: int = 0

    def kept_scorecard(self, cascade: str, run: str | None) -> Kept[Scorecard] | None:
        self.looks += 1
        return super().kept_scorecard(cascade, run) if self.looks > 1 else None


def test_page_fills_itself_when_the_numbers_arrive(tmp_path: Path) -> None:
    test = opened(gap, Filling(folder=tmp_path, shown=views.scorecard()))
    assert test.title[0].value == "Retrieve holds this system back"
