"""Past runs of the starter cascade with sixty questions: made again, told apart, expected."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Copied
from sixty import RIGHT, WRONG, mend, replace_in, spoil, write_sixty
from stagegap.analysis.reproduced import Reproduction
from stagegap.errors import ConfigurationError, NotFound, RunStopped
from stagegap.model.run import SYSTEM, Cell
from stagegap.runner import RunOptions, Silent, Stop
from stagegap.workspace import Workspace
from stagegap.workspace.kept_views import Kept
from stagegap.workspace.past import Hope, Past
from stagegap.workspace.reproduced import reproduce


@pytest.fixture
def made(tmp_path: Path, once: Copied) -> Path:
    return once(tmp_path / "project")


@pytest.fixture
def workspace(made: Path) -> Iterator[Workspace]:
    """With the run v1."""
    with Workspace.open(made) as opened:
        yield opened


@pytest.fixture
def two(tmp_path: Path, twice: Copied) -> Iterator[Workspace]:
    """With a second run, which lost a fact."""
    with Workspace.open(twice(tmp_path / "two")) as opened:
        yield opened


@pytest.fixture
def past(workspace: Workspace) -> Past:
    return workspace.past("first")


def apart(made: Path) -> None:
    """A file of its own for each stage, so that a change of one is no change of the other."""
    text = (made / "stages.py").read_text()
    (made / "topics.py").write_text(text)
    replace_in(made / "cascade.yaml", "stages.py:topic", "topics.py:topic")


def kinds(view: Reproduction) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in view.differences]


def test_run_comes_out_the_same_to_the_byte(past: Past, workspace: Workspace) -> None:
    view = past.reproduce("v1", progress=Silent())
    assert view.is_identical
    assert view.headline == "v1 comes out the same to the byte: 180 outputs"
    assert [(row.cell, row.stage, row.n) for row in view.stages] == [
        ("system", "topic", 60), ("system", "reply", 60), ("reference:topic", "reply", 60),
    ]  # fmt: skip
    assert view.differences == ()
    assert [run.name for run in workspace.runs.of("first")] == ["v1"]


def test_run_of_a_copied_folder_comes_out_the_same(workspace: Workspace, made: Path, tmp_path: Path) -> None:
    """In a process of its own: nothing that this one has in memory can help."""
    workspace.close()
    copy = tmp_path / "second" / "clone"
    shutil.copytree(made.parents[1], copy)
    shutil.rmtree(made.parents[1])
    said = subprocess.run(
        [sys.executable, "-m", "stagegap", "tools", "reproduce", "v1", "--json"],
        cwd=copy,
        capture_output=True,
        check=True,
    )
    view = json.loads(said.stdout)
    assert (view["is_identical"], view["n"], view["differences"]) == (True, 180, [])


def test_git_clone_without_a_store_makes_the_run_again_from_that_of_who_made_it(
    workspace: Workspace, made: Path, tmp_path: Path
) -> None:
    folder = made.parents[1]
    (folder / ".gitignore").write_text(".stagegap\n__pycache__\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        git(folder, *words)
    git(tmp_path, "clone", "-q", str(folder), "clone")
    clone = tmp_path / "clone"
    with Workspace.open(clone) as opened:
        past = opened.past("first")
        with pytest.raises(NotFound, match="reproduce v1 --from FOLDER"):
            past.reproduce("v1", progress=Silent())
        for kept_in in (folder, folder / ".stagegap"):
            view = past.reproduce("v1", kept_in=kept_in, progress=Silent())
            assert (view.is_identical, view.n, view.differences) == (True, 180, ())
        spoil(clone / "pipelines" / "first")
        view = past.reproduce("v1", kept_in=folder, progress=Silent())
        assert (view.is_identical, kinds(view)) == (True, [("code", "stages.py")])
        with pytest.raises(NotFound, match=r"holds 'first' with no run 'v9'\. Known: v1"):
            past.reproduce("v9", kept_in=folder, progress=Silent())
        with pytest.raises(NotFound, match="There is no store in"):
            past.reproduce("v1", kept_in=tmp_path, progress=Silent())
        assert opened.runs.of("first") == []


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ab", "-c", "user.email=ab@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, "-C", str(folder), *words], check=True, capture_output=True)


def test_code_of_then_is_run_and_its_difference_shown(past: Past, made: Path) -> None:
    spoil(made)
    view = past.reproduce("v1", progress=Silent())
    assert view.is_identical
    (code,) = view.differences
    assert (code.kind, code.name) == ("code", "stages.py")
    assert f'-        return "There are {RIGHT} the house' in code.detail
    assert f'+        return "There are {WRONG} the house' in code.detail


def test_records_of_then_are_used(past: Past, workspace: Workspace, made: Path) -> None:
    replace_in(made / "questions.jsonl", "Do you open on Saturday, 0?", "Can I park here?")
    workspace.runs.new(None)
    assert past.reproduce("v1", progress=Silent()).is_identical
    assert past.reproduce("v2", progress=Silent()).is_identical
    view = past.comparison("v1", "v2")
    assert view.refusal is not None
    assert view.refusal.reasons == ("1 question has the same id but other content.",)


def test_function_that_draws_by_chance_does_not_come_out_the_same(workspace: Workspace, past: Past, made: Path) -> None:
    replace_in(made / "stages.py", 'return "A librarian will call you back."', "return str(__import__('uuid').uuid4())")
    workspace.runs.new(None)
    view = past.reproduce("v2", progress=Silent())
    assert not view.is_identical
    assert view.headline == "40 of 180 outputs of v2 come out otherwise, at reply"
    reply = next(row for row in view.stages if (row.cell, row.stage) == ("system", "reply"))
    assert (reply.same, len(reply.examples)) == (40, 5)
    assert reply.examples[0].byte >= len('{"status":"ok","value":"')


def test_file_that_was_not_kept_is_named_and_the_one_of_today_read(
    workspace: Workspace, past: Past, made: Path
) -> None:
    (made / "stages.py").write_text((made / "stages.py").read_text() + "# token: abcdefgh1234\n")
    workspace.runs.new(None)
    spoil(made)
    view = past.reproduce("v2", progress=Silent())
    assert not view.is_identical
    assert kinds(view) == [("code", "stages.py"), ("stage", "reply"), ("stage", "topic")]
    assert view.differences[0].detail == (
        "Its content of then is not kept (holds a secret): the file of today was read."
    )


def test_labels_that_are_others_by_now_are_named(workspace: Workspace, past: Past) -> None:
    workspace.store.origins.put(
        past.run("v1").id, json.dumps({**_body(workspace), "labels": 3, "labels_digest": "0", "records": 61}), {}
    )
    view = past.reproduce("v1", progress=Silent())
    assert kinds(view) == [("data", "records"), ("labels", "labels")]


def _body(workspace: Workspace) -> dict[str, object]:
    run = workspace.runs.of("first")[0]
    return json.loads(workspace.store.origins.body(run.id) or "")


def test_run_from_before_provenance_was_kept_can_not_be_made_again(workspace: Workspace, past: Past) -> None:
    with workspace.store._file.writing() as session:
        session.run("delete from provenance")
    for ask in (lambda: past.reproduce("v1", progress=Silent()), lambda: past.made_from("v1")):
        with pytest.raises(ConfigurationError, match="older than the keeping of what runs are made from"):
            ask()
    assert past.compared_runs().rows[0].run == "v1"


def test_reproducing_that_is_stopped_says_so(workspace: Workspace, past: Past, made: Path) -> None:
    stop = Stop()
    stop.request("enough")
    with pytest.raises(RunStopped, match="v1 was not made again to its end: enough"):
        reproduce(
            workspace.store, past.run("v1"), path=made / "cascade.yaml", environment={}, may_pay=False,
            progress=Silent(), stop=stop,
        )  # fmt: skip


def test_what_changed_runs_the_mixtures_and_names_the_stage(workspace: Workspace, past: Past, made: Path) -> None:
    apart(made)
    workspace.runs.new(None)
    spoil(made)
    replace_in(made / "topics.py", '"open" in words', '"opens" in words or "open" in words')
    workspace.runs.new(None)
    with past.versions("v2", "v3") as versions:
        plan = versions.plan()
        assert [str(cell.cell) for cell in plan.cells] == ["version@v2:topic", "version@v2:reply"]
        assert past.changed("v2", "v3") is None
        view = versions.changed(progress=Silent())
    assert view.headline == "−30 points: −30 from reply"
    assert {row.stage: row.claim.verdict for row in view.stages} == {"topic": "tied", "reply": "regressed"}
    assert past.changed("v2", "v3") == Kept(view=view, is_old=False, labels=120)
    cells = workspace.store.cells(past.run("v3").id)
    assert Cell("version", ("reply",), "v2") in cells
    with past.versions("v2", "v3") as versions:
        assert versions.plan().calls == 0
    workspace.runs.refresh("first", "v3")
    card = workspace.runs.scorecard("first", "v3")
    assert card is not None
    assert card.n_scored == 60


def test_what_changed_refuses_other_records_until_the_shared_ones_are_taken(
    workspace: Workspace, past: Past, made: Path
) -> None:
    spoil(made)
    workspace.runs.new(None, RunOptions(limit=40))
    with pytest.raises(ConfigurationError, match="v2 saw 40 of the 60 questions of v1"), past.versions("v1", "v2"):
        pass
    with past.versions("v1", "v2", use_shared=True) as versions:
        view = versions.changed(progress=Silent())
    assert view.n == 40
    with pytest.raises(ConfigurationError, match="name two"):
        past.versions("v1", "v1")


def test_stages_that_one_version_lacks_can_not_be_mixed(workspace: Workspace, past: Past, made: Path) -> None:
    text = (made / "cascade.yaml").read_text()
    (made / "cascade.yaml").write_text(text.replace('good: ">= 1"', 'good: ">= 0.5"'))
    workspace.runs.new(None)
    with (
        pytest.raises(ConfigurationError, match="different outcomes"),
        past.versions("v1", "v2", use_shared=True),
    ):
        pass


def test_tags_find_a_run_again(past: Past) -> None:
    assert past.tag("v1", " before k ") == ("before k",)
    assert [row.tags for row in past.history().filtered(tag="before k").rows] == [("before k",)]
    assert past.history().filtered(text="BEFORE").rows
    assert past.history().filtered(tag="other").rows == ()
    assert past.history().filtered(since=4e9).rows == ()
    with pytest.raises(NotFound, match="does not carry the tag 'before'"):
        past.tag("v1", "before", is_on=False)
    assert past.tag("v1", "before k", is_on=False) == ()
    with pytest.raises(ConfigurationError, match="needs a name"):
        past.tag("v1", " ")
    with pytest.raises(NotFound, match="no run 'v9'"):
        past.tag("v9", "x")


def test_expectation_is_held_against_the_next_run(workspace: Workspace, past: Past, made: Path) -> None:
    written = past.expect({"reply": Hope(value=-0.3), "outcome": Hope(value=0.5)}, reason="the fact goes")
    assert [(one.place, one.predicted, one.baseline) for one in written] == [
        ("reply", -0.3, "v1"),
        ("outcome", 0.5, "v1"),
    ]
    waiting = past.ledger()
    assert [row.run for row in waiting.rows] == ["", ""]
    assert waiting.calibration.sentence == "No prediction has been held against a run yet."
    spoil(made)
    workspace.runs.new(None)
    mend(made)
    workspace.runs.new(None)
    held = past.ledger()
    assert [(row.run, row.expectation.place, row.verdict) for row in held.rows] == [
        ("v2", "outcome", "less than expected"), ("v2", "reply", "as expected"),
    ]  # fmt: skip
    assert held.rows[1].peek.is_safe
    assert held.rows[1].peek.threshold == 40
    assert past.ledger() == held


def test_outcome_is_filled_in_from_the_swap_of_the_stage(past: Past) -> None:
    stage, outcome = past.expect({"reply": Hope(value=0.05)})
    assert (stage.place, outcome.place) == ("reply", "outcome")
    assert outcome.predicted == pytest.approx(0.05)
    assert outcome.reason == "guess: 50% of the gain with references"
    assert len(past.expect({"reply": Hope(value=0.05)}, guess=False)) == 1
    assert len(past.expect({"outcome": Hope(value=0.05)})) == 1


@pytest.mark.parametrize(
    ("hopes", "message"),
    [
        ({"repy": Hope(value=0.1)}, "'repy' is no stage of run v1"),
        ({"reply": Hope(value=3.0)}, "reply: a difference of scores lies between -1 and 1"),
        ({"reply": Hope(value=0.9)}, "below a perfect score"),
        ({"reply": Hope(value=0.1, low=0.2, high=0.3)}, "leaves out the prediction"),
    ],
)
def test_expectation_that_can_not_be_is_refused(past: Past, hopes: dict[str, Hope], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        past.expect(hopes)


def test_expectation_needs_a_run_to_start_from(tmp_path: Path) -> None:
    with Workspace.open(write_sixty(tmp_path)) as opened, pytest.raises(NotFound, match="has no run that is done"):
        opened.past("first").expect({"reply": Hope(value=0.1)})


def test_comparison_is_computed_once_for_the_same_labels(two: Workspace) -> None:
    workspace, past = two, two.past("first")
    view = past.comparison("v1", "v2")
    assert view.outcome.claim.verdict == "regressed"
    run = past.run("v2").id
    kept = workspace.store.views.find("first", run, "compared with v1")
    assert kept is not None
    workspace.store.views.put("first", run, "compared with v1", replace(kept, body=json.dumps({"spoilt": 1})))
    assert past.comparison("v1", "v2") == view
    assert past.comparison("v1", "v2") == view


def test_many_runs_stand_beside_each_other_by_knobs(two: Workspace) -> None:
    workspace, past = two, two.past("first")
    workspace.runs.new(None, RunOptions(seed=3, limit=30))
    view = past.compared_runs()
    assert view.knobs == ("file stages.py",)
    assert [row.records for row in view.rows] == [60, 60, 30]
    assert view.measures == ("outcome", "topic", "reply")
    assert past.made_from("v1").records == 60
    assert SYSTEM in workspace.store.cells(past.run("v3").id)
