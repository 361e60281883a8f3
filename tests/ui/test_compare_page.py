"""The Compare page on real runs of the starter cascade, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from conftest import Copied
from sixty import replace_in
from stagegap.model.run import LiveRun, LiveStage, RunStatus
from stagegap.runner import RunOptions
from stagegap.tables.table import Rests
from stagegap.ui import background
from stagegap.ui import choice as run_strip
from stagegap.workspace import Workspace
from stagegap.workspace.past import Past


def compare(workspace):  # AppTest runs the source of this function alone: no annotations
    from stagegap.ui import compare_page

    compare_page.draw(workspace)


@pytest.fixture
def workspace(tmp_path: Path, once: Copied) -> Iterator[Workspace]:
    """With the run v1."""
    with Workspace.open(once(tmp_path)) as opened:
        yield opened


@pytest.fixture
def two(tmp_path: Path, twice: Copied) -> Iterator[Workspace]:
    """With a second run, which lost a fact."""
    with Workspace.open(twice(tmp_path)) as opened:
        yield opened


def opened(workspace: Workspace, **parameters: str) -> AppTest:
    test = AppTest.from_function(compare, kwargs={"workspace": workspace}, default_timeout=120)
    for name, value in parameters.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def texts(test: AppTest) -> str:
    html = [element.proto.body for element in test.get("html")]
    plain = [one.value for one in (*test.title, *test.header, *test.markdown, *test.text)]
    return "\n".join([*plain, *html]).replace("\\", "")


def data(test: AppTest, name: str) -> str:
    """What the chart of that name was given."""
    found = [str(one.proto) for one in test.get("bidi_component") if one.proto.id.endswith(f"-chart {name}")]
    return "\n".join(found).replace("\\", "")


def click(test: AppTest, label: str) -> None:
    next(button for button in test.button if button.label == label).click().run()
    assert not test.exception


def test_first_heading_says_whether_the_new_run_is_better(two: Workspace) -> None:
    test = opened(two)
    assert test.title[0].value.replace("\\", "").startswith("v2 is worse than v1: −30 points (95% interval ")
    assert "right to wrong" in data(test, "records outcome worse")
    assert "file stages.py" in data(test, "settings")
    assert "<b>18</b> <small>broken</small>" in data(test, "flips")


def test_share_gives_away_the_two_runs(two: Workspace) -> None:
    test = opened(two)
    click(test, "Share")
    assert "before=v1&run=v2" in test.code[0].value
    names = [button.proto.label for button in test.get("download_button")]
    assert names == ["Download report", "Numbers (JSON)", "Numbers (CSV)", "Markdown"]
    assert "18 questions that got worse" in next(box.label for box in test.checkbox if "texts" in box.label)


def test_list_names_records_and_no_answer_until_somebody_says_who_looks(two: Workspace) -> None:
    test = opened(two)
    assert "Can I park at place 1?" in data(test, "fields")
    assert "Write your initials above to see the answers." in texts(test)
    assert not data(test, "both")
    seen = opened(two, who="ab")
    assert "gone: " in data(seen, "both")
    assert ">some </span>" in data(seen, "both") or ">some</span>" in data(seen, "both")
    assert two.store.failing.seen("first", "ab") == {"q01"}


def test_record_that_still_waits_for_an_answer_shows_none(two: Workspace) -> None:
    queue = two.labels.queue("first", "topic")
    event = {"id": "e1", "record": "q02", "action": "label", "values": {"value": "other"}, "active_ms": 9}
    two.labels.save_labels(queue, [event], "cd")
    test = opened(two, who="cd", record="q01")
    assert "still waits for your answer at topic" in texts(test)
    assert not data(test, "both")
    click(test, "Show the answers")
    assert data(test, "both")


@pytest.mark.parametrize(("chosen", "record"), [("worse", "q01"), ("text", "q40"), ("all", "q01")])
def test_lists_are_chosen_by_the_address(two: Workspace, chosen: str, record: str) -> None:
    test = opened(two, list=chosen, at="reply")
    assert record in data(test, f"records reply {chosen}")


def test_empty_list_says_so(two: Workspace) -> None:
    test = opened(two, list="better", record="q33")
    assert "No question: got better." in data(test, "records outcome better")
    assert "The record in the link is not in this list." in texts(test)


def test_plain_texts_carry_no_marks(two: Workspace) -> None:
    assert 'class=\\"w extra' not in data(opened(two, who="ab", show="plain"), "both").replace("\\\\", "\\")


def test_runs_on_other_records_have_no_headline_until_the_shared_ones_are_taken(workspace: Workspace) -> None:
    workspace.runs.new(None, RunOptions(limit=40))
    test = opened(workspace)
    assert test.title[0].value.replace("\\", "") == "v1 and v2 can't be compared as they are"
    assert "v2 saw 40 of the 60 questions of v1." in texts(test)
    assert Rests.REFERENCES in texts(test), "the runs below have rates"
    assert "What became of each stage?" not in texts(test)
    click(test, "Compare the 40 questions that are the same in both?")
    assert test.query_params["shared"] == "1"
    assert test.title[0].value.replace("\\", "") == "v2 gives the same answers as v1"


def test_which_stage_made_the_difference_is_worked_out_beside_the_page(two: Workspace) -> None:
    test = opened(two)
    click(test, "Work it out")
    background.wait()
    test.run()
    assert "−30 points: −30 from reply." in texts(test)
    assert "reply" in data(test, "contributions")


def test_stages_that_can_not_be_told_apart_say_why(two: Workspace) -> None:
    with two.store._file.writing() as session:
        session.run("delete from provenance")
    test = opened(two)
    click(test, "Work it out")
    background.wait()
    test.run()
    assert "is older than the keeping of what runs are made from" in texts(test)


def test_one_run_is_no_comparison(workspace: Workspace) -> None:
    test = opened(workspace)
    assert test.title[0].value == "Nothing to compare yet"
    assert "Nothing was written down yet." in texts(test)


def test_same_run_twice_asks_for_two(two: Workspace) -> None:
    test = opened(two, before="v2", run="v2")
    assert test.title[0].value == "Choose two runs"


def test_unknown_run_in_the_link_is_named(two: Workspace) -> None:
    assert "The link names a run that is not here." in texts(opened(two, run="v9"))


def test_folder_without_a_cascade_says_how_to_begin(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    with Workspace.open(tmp_path) as empty:
        assert opened(empty).title[0].value == "No cascade yet"


def test_all_settings_are_shown_when_asked_for(two: Workspace) -> None:
    assert "outcome.good" not in data(opened(two), "settings")
    assert "outcome.good" in data(opened(two, settings="all"), "settings")


def test_expectation_is_written_down_on_the_page_and_stands_in_the_ledger(two: Workspace) -> None:
    test = opened(two)
    test.segmented_control[-1].set_value("reply")
    test.number_input[0].set_value(5)
    test.text_input[-1].set_value("a better fact")
    next(button for button in test.button if button.label == "Write it down").click().run()
    assert not test.exception
    written = two.store.origins.expectations("first")
    assert [(one.place, one.predicted) for one in written[:1]] == [("reply", 0.05)]
    assert "a better fact" in data(test, "ledger")


def test_expectation_beyond_a_perfect_score_is_refused_with_a_sentence(two: Workspace) -> None:
    test = opened(two)
    test.segmented_control[-1].set_value("reply")
    test.number_input[0].set_value(99)
    next(button for button in test.button if button.label == "Write it down").click().run()
    assert "below a perfect score" in texts(test)


def test_many_runs_stand_in_a_table_and_two_plots(two: Workspace) -> None:
    replace_in(two.files.by_name()["first"], "noun: question", "noun: request")
    two.runs.new(None)
    test = opened(two, x="noun", y="reply")
    assert "v1 is the best of 3 runs so far" in texts(test)
    assert "reply of 3 runs over noun" in data(test, "scatter")
    assert "best" in data(test, "best")


def test_runs_without_a_knob_say_so(workspace: Workspace) -> None:
    workspace.runs.new(None)
    assert "No setting and no file differs among the runs." in texts(opened(workspace))


LIVE = LiveRun(
    run="5", name="v3", cascade="first", pid=1, cell="system", cells=0, of=3, seconds=10.0, at=1.0,
    stages=(
        LiveStage(stage="route", done=10, total=10, cached=0, errors=0, calls=10, latency_ms=1.0, cost=0.0),
        LiveStage(stage="draft", done=5, total=20, cached=0, errors=2, calls=5, latency_ms=1.0, cost=1.25),
    ),
)  # fmt: skip


def test_strip_says_how_far_a_run_is() -> None:
    assert run_strip.sentence(LIVE) == (
        "Run v3, part 1 of 3, system: draft 5 of 20, 2 errors, $1.25, about 10.0 s left of this part."
    )
    first = replace(LIVE, stages=(replace(LIVE.stages[1], done=0, errors=0, cost=0.0),))
    assert run_strip.sentence(first) == "Run v3, part 1 of 3, system: draft 0 of 20."
    done = replace(LIVE, cells=3, stages=(LIVE.stages[0],))
    assert run_strip.sentence(done) == "Run v3, part 3 of 3, system: done, computing its numbers."


def test_strip_stands_on_the_page_while_a_run_goes_on(two: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    run = two.runs.of("first")[0]
    new = replace(run, id="5" * 32, name="", status=RunStatus.RUNNING)
    with two.store.leasing(new), two.store.leasing(run):
        two.store.create_run(new)
        assert "Run v3 has started and not ended yet." in texts(opened(two))
        monkeypatch.setattr(Past, "live", lambda self: [LIVE])
        assert "Run v3, part 1 of 3, system: draft 5 of 20" in texts(opened(two))
        two.store.update_run(replace(run, status=RunStatus.RUNNING))
        monkeypatch.setattr(Past, "live", lambda self: [replace(LIVE, name="v2")])
        assert "Good questions (reply.fact_recall >= 1) so far: 60% (95% interval" in texts(opened(two))
