"""What the Gap and the Label page say and do, without a browser: each empty state, each choice in the address."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from pathlib import Path
from uuid import uuid4

from mails import SECRET, write_mails
from sixty import replace_in
from stagegap.analysis.views import Scorecard
from stagegap.model.answer import Answer, Label
from stagegap.model.record import Json
from stagegap.model.run import Run, RunStatus
from stagegap.ui import background
from stagegap.ui import label_page as label_card
from stagegap.workspace import Workspace
from stagegap.workspace.kept_views import KeptViews, scorecard_of
from stagegap.workspace.labels import Onward
from ui.pages import charts_of, opened, texts

CASCADE = "support_email"


def gap(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import gap_page

    gap_page.draw(workspace)


def label(workspace):
    from stagegap.ui import label_page

    label_page.draw(workspace)


def card_of(workspace: Workspace) -> Scorecard:
    card = workspace.runs.scorecard(CASCADE)
    assert card is not None
    return card


def plant(workspace: Workspace, card: Scorecard) -> None:
    """Put a scorecard into the store that no cascade file could lead to."""
    (run, *_) = workspace.runs.of(CASCADE)
    views = KeptViews(workspace.store, workspace.files.path_of, {})
    views.keep(scorecard_of(run), card, now=views.now(CASCADE, [run]))


@contextmanager
def begun(workspace: Workspace) -> Generator[None]:
    """A run that somebody works on as long as the context lasts, and that nobody ends."""
    run = Run(
        id=uuid4().hex, name="", cascade=CASCADE, fingerprint="f", resolved="{}", status=RunStatus.RUNNING,
        started_at=2e9,
    )  # fmt: skip
    with workspace.store.leasing(run):
        workspace.store.create_run(run)
        yield


def say(workspace: Workspace, count: int) -> None:
    """Take new labels in."""
    labels = [
        Label(id=f"new{i}", record=f"m{i:04d}", stage="route", annotator="zoe", answer=Answer(value="other"), at=1.0)
        for i in range(count)
    ]
    workspace.store.append_labels(CASCADE, labels)


def unrun(folder: Path) -> Workspace:
    write_mails(folder, count=20)
    return Workspace.open(folder)


def test_first_heading_is_the_verdict_and_the_sentences_follow(workspace: Workspace) -> None:
    test = opened(gap, workspace)
    assert test.title[0].value == "Retrieve holds this system back"
    said = texts(test)
    assert "<b>60%</b>" in said
    assert ">33 come from retrieve</em>" in said
    assert "120 mails labelled by 2 people." in said


def test_why_comes_from_the_address(workspace: Workspace) -> None:
    assert "Why retrieve?" in texts(opened(gap, workspace))
    assert "Why draft?" in texts(opened(gap, workspace, why="draft"))


def test_switch_writes_the_stage_into_the_address(workspace: Workspace) -> None:
    test = opened(gap, workspace)
    test.segmented_control(key="pick why").set_value("route").run()
    assert test.query_params["why"] == "route"
    assert "Why route?" in texts(test)


def test_run_picker_writes_the_id_and_not_the_shown_name(workspace: Workspace) -> None:
    test = opened(gap, workspace)
    assert [name.partition(",")[0] for name in test.selectbox(key="pick run").options] == ["v2", "v1"]
    test.selectbox(key="pick run").set_value("v1").run()
    assert test.query_params["run"] == "v1"


def test_several_cascades_can_be_chosen(workspace: Workspace) -> None:
    file = workspace.folder / "pipelines" / "support_email" / "cascade.yaml"
    (file.parent / "other.yaml").write_text(file.read_text().replace("cascade: support_email", "cascade: other"))
    test = opened(gap, workspace)
    test.selectbox(key="pick cascade").set_value("other").run()
    assert test.query_params["cascade"] == "other"


def test_unknown_cascade_in_the_address_is_named(workspace: Workspace) -> None:
    said = texts(opened(gap, workspace, cascade="suport_email"))
    assert "Cascade suport_email in the link is not here. This is support_email." in said


def test_unknown_values_in_the_address_are_named(workspace: Workspace) -> None:
    said = texts(opened(gap, workspace, run="v99", why="nowhere"))
    assert "Run v99 in the link is not here. This is the newest." in said
    assert "The stage in the link is not in run v2." in said


def test_no_cascade_says_how_to_begin(tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as empty:
        for page in (gap, label):
            test = opened(page, empty)
            assert test.title[0].value == "No cascade yet"
            assert "`stagegap init`" in texts(test)


def test_no_run_says_what_to_run_and_one_that_has_not_ended_is_named(tmp_path: Path) -> None:
    with unrun(tmp_path) as project:
        said = texts(opened(gap, project))
        assert "No results yet" in said
        assert "`stagegap run`" in said
        with begun(project):
            said = texts(opened(gap, project, run="v1"))
        assert "Run v1 has no numbers." in said
        assert "Run v1 has started and not ended yet." in said


def test_run_that_has_not_ended_is_named_above_the_older_numbers(workspace: Workspace) -> None:
    with begun(workspace):
        said = texts(opened(gap, workspace))
    assert "Run v3 has started and not ended yet." in said
    assert "The numbers below are those of run v2." in said
    said = texts(opened(gap, workspace))
    assert "Run v3 stopped: Its process ended without a word." in said
    assert "The numbers below are those of run v2." in said


def test_newer_labels_are_counted_and_the_view_is_refreshed(workspace: Workspace) -> None:
    say(workspace, 12)
    assert "12 new labels since these numbers. Updating…" in texts(opened(gap, workspace))
    background.wait()
    assert workspace.runs.stale_labels(card_of(workspace)) == 0
    assert "new labels since" not in texts(opened(gap, workspace))


def test_few_records_of_one_person_show_the_page_all_the_same(
    few_mails: Path, copied: Callable[[Path], Workspace]
) -> None:
    few = copied(few_mails)
    test = opened(gap, few)
    said = texts(test)
    assert said.startswith("Too few to read: 20 of 30 mails")
    assert 'No person is measured yet. <a href="label?queue=overlap"' in said


def test_stage_that_was_never_scored_says_so(workspace: Workspace) -> None:
    plant(workspace, replace(card_of(workspace), details=()))
    assert "No record was scored at retrieve." in texts(opened(gap, workspace))


def test_markdown_in_names_is_shown_as_it_is(workspace: Workspace) -> None:
    card = card_of(workspace)
    bad = replace(card.verdict, headline="![x](http://tracker.invalid/p) holds", summary="<img src=x>")
    plant(workspace, replace(card, verdict=bad))
    test = opened(gap, workspace)
    assert test.title[0].value.startswith("\\!\\[x\\]\\(http\\:")
    assert "&lt;img src=x&gt;" in texts(test)


def test_agreement_that_is_too_low_stands_before_every_number(workspace: Workspace) -> None:
    caution = "Labellers hardly agree at route: Krippendorff's alpha 0.05."
    card = card_of(workspace)
    plant(workspace, replace(card, verdict=replace(card.verdict, caution=caution)))
    said = texts(opened(gap, workspace))
    assert said.index(escape(caution)) < said.index("33 come from retrieve") < said.index("120 mails labelled")


def test_failures_of_the_gap_page_lead_to_where_it_is_known_who_looks(workspace: Workspace) -> None:
    html = charts_of(opened(gap, workspace, why="retrieve"))
    rows = next(detail.rows for detail in card_of(workspace).details if detail.stage == "retrieve")
    assert f"failures?cascade=support_email&amp;run=v2&amp;stage=retrieve&amp;record={rows[0].record}" in html
    assert not any(escape(answer) in html for row in rows for answer in (row.system, row.reference))


def test_share_offers_the_report(workspace: Workspace) -> None:
    test = opened(gap, workspace)
    next(button for button in test.button if button.label == "Share").click().run()
    assert not test.exception
    assert "failures: what the system answered, and what is right" in test.checkbox[0].label
    names = [button.proto.label for button in test.get("download_button")]
    assert names == ["Download report", "Numbers (JSON)", "Numbers (CSV)", "Markdown"]
    assert "run=v2" in test.code[0].value


def test_share_leaves_out_what_somebody_is_still_to_label(workspace: Workspace) -> None:
    rows = next(detail.rows for detail in card_of(workspace).details if detail.stage == "retrieve")
    queue = workspace.labels.queue(CASCADE, "retrieve")
    others = (item.record for item in workspace.labels.queue_items(queue, "yz", 200))
    first = next(record for record in others if record not in {row.record for row in rows})
    event = {"id": "e", "action": "label", "record": first, "values": {"value": ["KB-014"]}, "active_ms": 5}
    workspace.labels.save_labels(queue, [event], "yz")
    workspace.runs.refresh(CASCADE, "v2")
    test = opened(gap, workspace)
    next(button for button in test.button if button.label == "Share").click().run()
    assert "left out" in texts(test)


def test_our_own_errors_are_sentences_on_the_page(tmp_path: Path, mails: Path) -> None:
    with unrun(tmp_path / "unrun") as project:
        assert "no run is done yet" in texts(opened(label, project, stage="draft", who="ab"))
    shutil.copytree(mails, tmp_path / "spoilt")
    with Workspace.open(tmp_path / "spoilt") as spoilt:
        assert spoilt.cascades() == [CASCADE]
        (spoilt.folder / ".stagegap" / "store.duckdb").write_bytes(b"no database" * 1000)
        assert "store.duckdb" in texts(opened(gap, spoilt))


def test_labelling_asks_for_initials_first(workspace: Workspace) -> None:
    test = opened(label, workspace)
    assert "Who are you?" in texts(test)
    test.text_input(key="pick who").set_value("  ab ").run()
    assert test.query_params["who"] == "ab"
    assert "Who are you?" not in texts(test)
    assert "not verified" not in texts(test), "what the engineer needs stands elsewhere"


def test_stage_of_the_address_is_asked(workspace: Workspace) -> None:
    assert "Which articles are needed to answer this mail?" in texts(opened(label, workspace, stage="retrieve"))
    said = texts(opened(label, workspace, stage="nowhere"))
    assert "Which team must answer this mail?" in said
    assert "The stage in the link is not one that can be labelled here." in said


def test_cascade_without_stages_for_people_says_so(tmp_path: Path) -> None:
    made = write_mails(tmp_path, count=20)
    text = (made / "cascade.yaml").read_text()
    head, _, _ = text.partition("stages:")
    alone = (
        'stages:\n  triage:\n    uses: python\n    with: {function: "stages.py:route"}\n'
        "    inputs: {subject: record.subject, body: record.body}\n    output: {type: object, schema: {}}\n"
        "    score: exact\noutcome: {score: triage.exact}\n"
    )
    (made / "cascade.yaml").write_text(head.replace("references: {path: references.jsonl}\n", "") + alone)
    with Workspace.open(tmp_path) as project:
        assert "Nothing to label yet" in texts(opened(label, project))


def test_gap_page_says_what_decides_the_ranking_and_leads_to_exactly_that(
    undecided_mails: Path, copied: Callable[[Path], Workspace]
) -> None:
    project = copied(undecided_mails)
    wanted = project.labels.next_labels(CASCADE, "")
    assert wanted is not None
    stage = next(iter(wanted.wanted))
    said = texts(opened(gap, project))
    assert escape(wanted.sentence, quote=False) in said
    assert f"label?cascade={CASCADE}&amp;stage={stage}&amp;queue=next" in said
    said = texts(opened(label, project, stage=stage, who="ab", queue="next"))
    assert "These records help most at the moment." in said
    assert wanted.sentence not in said


def test_decided_ranking_is_said_without_a_link_and_not_to_the_labeller(workspace: Workspace) -> None:
    said = texts(opened(gap, workspace))
    assert "Which stage is worst is decided. More labels would only sharpen the numbers." in said
    assert "queue=next" not in said
    assert "Which stage is worst" not in texts(opened(label, workspace, who="ab"))


def test_gap_page_of_a_stage_that_raises_says_so_once_and_asks_for_no_labels(tmp_path: Path) -> None:
    made = write_mails(tmp_path)
    replace_in(made / "stages.py", "    knows = any(", "    raise ValueError('why it raised')\n    knows = any(")
    with Workspace.open(tmp_path) as project:
        project.runs.new(None)
        page = opened(gap, project)
        said, drawn = texts(page), charts_of(page)
    assert "No verdict: draft raised an error in 120 of 120 calls" in said
    assert said.count("why it raised") == 1
    assert "not measured: draft: 120 of 120 calls raised an error" in drawn
    assert "why it raised" not in drawn
    assert "make it possible to name the worst stage" not in said


def test_who_has_answered_all_is_led_to_the_next_stage_with_work(workspace: Workspace) -> None:
    project = workspace
    question = "Which articles are needed to answer this mail?"
    expected = Onward(stage="retrieve", question=question, left=None)
    assert project.labels.onward(CASCADE, "route", "ab") == expected, "nobody has opened its queue yet"
    project.labels.queue(CASCADE, "retrieve")
    assert project.labels.onward(CASCADE, "route", "ab") == replace(expected, left=120)
    for due, stage in (("", "route"), ("2099-12-05", "draft")):
        asked = project.people.assign(CASCADE, "ab", stage, "random", due=due)
    expected = replace(project.labels.onward(CASCADE, "route", "ab") or expected, question="")
    assert expected == Onward(stage="draft", question="", left=120, queue=asked.queue, due="2099-12-05"), "due first"
    own = project.labels.queue(CASCADE, "draft")
    assert label_card.given(project, own, "ab", acknowledged=[])["due"] == "5 Dec"
    onward = project.labels.onward(CASCADE, "draft", "ab", queue=own.id)
    assert onward is not None
    assert (onward.stage, onward.due) == ("route", "")
    for stage in ("route", "retrieve", "draft"):
        queue = project.labels.queue(CASCADE, stage)
        events: list[dict[str, Json]] = [
            {"id": f"{stage}{item.record}", "action": "skip", "record": item.record}
            for item in project.labels.queue_items(queue, "ab", 200)
        ]
        project.labels.save_labels(queue, events, "ab")
    assert project.labels.onward(CASCADE, "route", "ab") is None
    assert project.labels.onward(CASCADE, "gone", "ab") is None
    given = label_card.given(project, project.labels.queue(CASCADE, "route"), "ab", acknowledged=[])
    assert given["onward"] is None


def test_event_that_cannot_be_stored_holds_up_no_other(workspace: Workspace) -> None:
    queue = workspace.labels.queue(CASCADE, "route")
    records = [item.record for item in workspace.labels.queue_items(queue, "ab", 3)]
    events = [
        {"id": f"e{i}", "action": "label", "record": record, "values": {"value": team}, "active_ms": 5}
        for i, (record, team) in enumerate(zip(records, ("refund", "no such team", "refund"), strict=True))
    ]
    stored, troubles = label_card.store(workspace, queue, events, who="ab", verified=False)
    assert stored == ["e0", "e2"]
    assert len(troubles) == 1
    assert "'no such team' is no choice of the form" in troubles[0]
    made = workspace.store.labels(CASCADE, annotator="ab")
    assert [one.record for one in made] == [records[0], records[2]]


def test_event_of_another_stage_goes_to_its_own_queue(workspace: Workspace) -> None:
    here, there = (workspace.labels.queue(CASCADE, stage) for stage in ("route", "retrieve"))
    record = workspace.labels.queue_items(there, "ab", 1)[0].record
    event = {"id": "e", "queue": there.id, "action": "label", "record": record, "values": {"value": ["KB-014"]}}
    assert label_card.store(workspace, here, [event], who="ab", verified=False) == (["e"], [])
    assert [one.stage for one in workspace.store.labels(CASCADE, annotator="ab")] == ["retrieve"]


def test_card_is_given_payloads_and_nothing_of_the_system(workspace: Workspace) -> None:
    queue = workspace.labels.queue(CASCADE, "draft")
    given = label_card.given(workspace, queue, "ab", acknowledged=[])
    assert len(given["items"]) == label_card.PREFETCH
    assert all(set(item) == {"id", "inputs", "options"} for item in given["items"])
    assert SECRET not in json.dumps(given)
    assert given["last"] is None


def test_card_is_given_the_last_answer_for_undo(workspace: Workspace) -> None:
    queue = workspace.labels.queue(CASCADE, "route")
    first, second = (item.record for item in workspace.labels.queue_items(queue, "ab", 2))
    event = {"id": "e", "action": "label", "record": first, "values": {"value": "refund"}, "active_ms": 9000}
    label_card.store(workspace, queue, [event], who="ab", verified=False)
    given = label_card.given(workspace, queue, "ab", acknowledged=["e"])
    assert given["last"]["item"]["id"] == first
    assert given["last"]["values"]["value"] == "refund"
    assert given["progress"] == {"done": 1, "skipped": 0, "total": 120, "median_ms": 9000}
    assert given["onward"] is None, "so much is left here"
    assert (given["acknowledged"], given["items"][0]["id"]) == (["e"], second)


def test_page_fills_itself_when_the_numbers_arrive(tmp_path: Path) -> None:
    with unrun(tmp_path) as project:
        test = opened(gap, project)
        assert test.title[0].value == "No results yet"
        project.runs.new(None)
        test.run()
        assert texts(test).startswith("Too few to read: 20 of 30 mails")
