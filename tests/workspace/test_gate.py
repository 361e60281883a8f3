"""The blessed run, and checks of the starter cascade with sixty questions."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import Copied
from sixty import mend, replace_in, spoil, write_sixty
from stagegap import registry
from stagegap.analysis.checks import junit, markdown
from stagegap.errors import ConfigurationError, NotFound
from stagegap.model.answer import Answer, Fact, Label
from stagegap.model.run import RunStatus
from stagegap.runner import RunOptions
from stagegap.workspace import Workspace
from stagegap.workspace.gate import Checked, Gate


@pytest.fixture
def made(tmp_path: Path, once: Copied) -> Path:
    return once(tmp_path)


@pytest.fixture
def workspace(made: Path) -> Iterator[Workspace]:
    """With the run v1."""
    with Workspace.open(made) as opened:
        yield opened


@pytest.fixture
def spoilt(tmp_path: Path, twice: Copied) -> Iterator[Gate]:
    """With a second run, which lost a fact."""
    with Workspace.open(twice(tmp_path)) as opened:
        yield opened.gate("first")


@pytest.fixture
def gate(workspace: Workspace) -> Gate:
    return workspace.gate("first")


def aim(made: Path, least: float) -> None:
    path = made / "cascade.yaml"
    text = path.read_text().partition("\ntargets:")[0]
    path.write_text(f"{text}\ntargets: {{outcome: {{at_least: {least}}}}}\n")


def status(checked: Checked, name: str) -> str:
    return next(result.status for result in checked.results if result.name == name)


def test_blessed_run_is_a_small_file_beside_the_cascade_file(gate: Gate, made: Path) -> None:
    assert gate.blessed() is None
    assert gate.blessed_run() is None
    blessed = gate.bless("v1")
    path = made / "cascade.blessed.json"
    assert gate.path == path
    assert gate.blessed() == blessed
    assert path.stat().st_size < 2_000
    assert json.loads(path.read_text())["outcome"]["value"] == pytest.approx(0.9)
    assert [row.is_blessed for row in gate.history().rows] == [True]


def test_baseline_moves_only_when_a_run_is_blessed(spoilt: Gate) -> None:
    gate = spoilt
    gate.bless("v1")
    first = gate.check()
    assert (first.run, first.against, first.exit_code) == ("v2", "v1", 1)
    assert first.verdict.startswith("Failed: 2 of 9 checks. outcome: −30 points")
    gate.bless("v2")
    second = gate.check()
    assert (second.against, second.exit_code) == ("v2", 0)


def test_without_a_blessed_run_there_is_nothing_to_pass(gate: Gate) -> None:
    checked = gate.check()
    assert (checked.against, checked.exit_code, status(checked, "regression")) == ("", 5, "not measured")
    assert checked.verdict == "Undecided: 1 of 7 checks. No run is blessed."
    assert checked.results[-1].detail == "`stagegap tools bless v1` holds later runs against this one."


def test_run_can_be_held_against_any_other(spoilt: Gate) -> None:
    assert spoilt.check(against="v1").exit_code == 1
    assert spoilt.check("v1", against="v2").exit_code == 0


def test_targets_of_the_file_as_it_stands_count(gate: Gate, made: Path) -> None:
    gate.bless("v1")
    aim(made, 0.95)
    assert status(gate.check(), "target outcome at_least") == "too few"
    for least, found, code in ((0.99, "failed", 1), (0.85, "passed", 0)):
        aim(made, least)
        checked = gate.check()
        assert (status(checked, "target outcome at_least"), checked.exit_code) == (found, code)
    assert "target" not in {result.kind for result in gate.check("v1").results}, "v1 was made without targets"


@pytest.mark.parametrize("what", ["code", "file"])
def test_run_of_a_system_that_is_no_more_is_not_checked_unless_named(gate: Gate, made: Path, what: str) -> None:
    gate.bless("v1")
    if what == "code":
        spoil(made)
    else:
        replace_in(made / "cascade.yaml", 'good: ">= 1"', 'good: ">= 0.5"')
    with pytest.raises(ConfigurationError, match=r"Run v1 is not of .*cascade\.yaml as it stands"):
        gate.check()
    assert gate.check("v1").exit_code == 0
    if what == "code":
        mend(made)
        assert gate.check().exit_code == 0


def test_options_of_the_run_do_not_make_it_another_system(workspace: Workspace, gate: Gate) -> None:
    workspace.runs.new(None, RunOptions(limit=40, fresh=True))
    assert gate.check().run == "v2"


def test_runs_on_other_records_decide_nothing_until_the_shared_ones_are_taken(workspace: Workspace, gate: Gate) -> None:
    gate.bless("v1")
    workspace.runs.new(None, RunOptions(limit=40))
    refused = gate.check()
    assert (refused.exit_code, status(refused, "regression")) == (5, "not measured")
    assert gate.check(shared=True).exit_code == 0


def test_labels_made_since_are_in_the_check(workspace: Workspace, gate: Gate, made: Path) -> None:
    gate.bless("v1")
    aim(made, 0.8)
    assert gate.check().exit_code == 0
    others = [
        Label(
            id=f"n{i}{p}",
            record=f"q{i:02d}",
            stage="reply",
            annotator=p,
            at=9e9,
            answer=Answer(value="x", facts=(Fact(wordings=("never",)),)),
        )
        for i in range(60)
        for p in ("yy", "zz")
    ]
    workspace.store.append_labels("first", others)
    checked = gate.check("v1", against="v1")
    assert next(r.message for r in checked.results if r.name == "labels outcome") == "outcome: 60 questions scored"
    card = workspace.runs.scorecard("first", "v1")
    assert card is not None
    assert workspace.runs.stale_labels(card) == 0


def test_labels_made_on_the_card_are_found_blind_and_valid(workspace: Workspace, gate: Gate) -> None:
    queue = workspace.labels.queue("first", "topic")
    record = workspace.labels.queue_items(queue, "cd", 1)[0].record
    event = {"id": "e1", "record": record, "action": "label", "values": {"value": "other"}}
    workspace.labels.save_labels(queue, [event], "cd")
    checked = gate.check("v1", against="v1")
    assert (status(checked, "blindness"), status(checked, "validity")) == ("passed", "passed")
    assert next(r.message for r in checked.results if r.kind == "blindness") == "1 label made blind"


def test_run_that_did_not_end_is_neither_blessed_nor_checked(workspace: Workspace, gate: Gate) -> None:
    run = workspace.runs.of("first")[0]
    workspace.store.create_run(replace(run, id="5" * 32, name="", status=RunStatus.STOPPED))
    with pytest.raises(ConfigurationError, match="Run v2 is stopped; only a run that is done can be blessed"):
        gate.bless("v2")
    with pytest.raises(ConfigurationError, match="Run v2 is stopped; only a run that is done can be checked"):
        gate.check("v2")


def test_what_is_not_there_is_named(workspace: Workspace, gate: Gate, made: Path) -> None:
    with pytest.raises(NotFound, match=r"no run 'v9'\. Known: v1\."):
        gate.bless("v9")
    with pytest.raises(NotFound, match="Cascade 'other' has no run that is done"):
        workspace.gate("other").check()
    with pytest.raises(NotFound, match="holds the cascade 'other'"):
        _ = workspace.gate("other").path
    (made / "cascade.blessed.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="names no blessed run"):
        gate.check()


def test_cascade_whose_file_is_gone_has_its_runs_still(gate: Gate, made: Path) -> None:
    gate.bless("v1")
    (made / "cascade.yaml").rename(made / "cascade.txt")
    assert [(row.run, row.is_blessed) for row in gate.history().rows] == [("v1", False)]


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=ab", "-c", "user.email=ab@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, "-C", str(folder), *words], check=True, capture_output=True)


def test_another_clone_finds_the_blessed_run_when_it_was_made_again_at_its_commit(tmp_path: Path) -> None:
    first = tmp_path / "first"
    made = write_sixty(first)
    (first / ".gitignore").write_text(".stagegap\n__pycache__\n")
    git(first, "init", "-q")
    git(first, "add", ".")
    git(first, "commit", "-q", "-m", "start")
    with Workspace.open(made) as opened:
        opened.runs.new(None)
        assert opened.gate("first").bless("v1").is_reproducible
    git(tmp_path, "clone", "-q", "first", "second")
    blessed = (made / "cascade.blessed.json").read_text()
    second = tmp_path / "second" / "pipelines" / "first"
    with Workspace.open(second) as opened:
        gate = opened.gate("first")
        opened.runs.new(None, RunOptions(limit=40))
        opened.runs.new(None)
        (second / "cascade.blessed.json").write_text(blessed)
        spoil(second)
        opened.runs.new(None)
        checked = gate.check()
        assert (checked.run, checked.against, checked.exit_code) == ("v3", "v2", 1)
        assert not checked.by_scores
        elsewhere = blessed.replace(json.loads(blessed)["commit"], "0" * 12)
        (second / "cascade.blessed.json").write_text(elsewhere)
        checked = gate.check()
        assert checked.results[-1].message == "The blessed run v1 is not in this store"
        assert checked.results[-1].detail == (
            "cascade.blessed.csv, which `stagegap tools bless` wrote beside it, is not here: commit it. Or "
            "`stagegap run` at commit 000000000000 makes the run again."
        )
        (second / "cascade.blessed.json").write_text(
            blessed.replace(json.loads(blessed)["commit"], "").replace(json.loads(blessed)["id"], "1")
        )
        assert "only its own store can say more" in gate.check().results[-1].detail
        old = {key: value for key, value in json.loads(blessed).items() if key not in ("scored_by", "program")}
        (second / "cascade.blessed.json").write_text(json.dumps(old | {"id": "1", "commit": ""}))
        (second / "cascade.blessed.csv").write_text((made / "cascade.blessed.csv").read_text())
        assert gate.check().results[-1].status == "not measured", "blessed before scores were written"


@pytest.fixture
def clone(made: Path, gate: Gate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cascade's files with the blessed v1, without its store."""
    gate.bless("v1")
    folder = tmp_path_factory.mktemp("clone") / "pipelines" / "first"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns(".stagegap", "__pycache__"))
    return folder


def test_clone_without_the_blessed_run_decides_by_its_scores_as_its_store_does(clone: Path, spoilt: Gate) -> None:
    spoilt.bless("v1")
    known = spoilt.check()
    spoil(clone)
    with Workspace.open(clone) as opened:
        run, _ = opened.runs.new(None)
        checked = opened.gate("first").check()
    assert (checked.run, checked.against, checked.by_scores, checked.exit_code) == (run.name, "v1", True, 1)
    in_store = {r.name: r for r in known.results if r.kind == "regression"}
    for result in (r for r in checked.results if r.kind == "regression"):
        assert result.status == in_store[result.name].status
        if result.status == "failed":
            assert (result.message, result.detail) == (in_store[result.name].message, in_store[result.name].detail)
    assert (clone / "cascade.blessed.csv").stat().st_size < 60 * 60


def test_clone_with_other_records_and_references_is_held_on_the_shared_ones(clone: Path) -> None:
    replace_in(clone / "questions.jsonl", '"id": "q00"', '"id": "new"')
    for _ in ("topic", "reply"):
        replace_in(clone / "references.jsonl", '"record": "q00"', '"record": "new"')
    lines = (clone / "questions.jsonl").read_text().splitlines()
    texts = [json.loads(line) for line in lines]
    texts[1]["text"] += " Please."
    (clone / "questions.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    with Workspace.open(clone) as opened:
        opened.runs.new(None)
        gate = opened.gate("first")
        refused = gate.check()
        assert (refused.exit_code, refused.results[-1].status) == (5, "not measured")
        assert refused.results[-1].message == "v1 can't be held against v1 (blessed) as it is"
        assert refused.results[-1].detail == (
            "v1 (blessed) saw 59 of the 60 questions of v1. v1 saw 59 of the 60 questions of v1 (blessed). "
            "1 question with the same id and other content. Compare the 58 questions that are the same in both? "
            "`--shared` does."
        )
        assert gate.check(shared=True).exit_code == 0


def test_clone_with_another_outcome_or_stage_compares_the_rest(clone: Path) -> None:
    replace_in(clone / "cascade.yaml", 'good: ">= 1"', 'good: ">= 0.5"')
    with Workspace.open(clone) as opened:
        opened.runs.new(None)
        checked = opened.gate("first").check()
        assert "outcome is scored in another way in v1." in checked.results[-1].detail
        by_name = {r.name: r.status for r in opened.gate("first").check(shared=True).results}
        assert (by_name["regression outcome"], by_name["regression topic"]) == ("not measured", "passed")


@pytest.mark.parametrize("text", ["", "record,content\n", "record,content,references,outcome,topic,reply\nq1,a\n"])
def test_spoilt_scores_are_named(clone: Path, text: str) -> None:
    (clone / "cascade.blessed.csv").write_text(text)
    with Workspace.open(clone) as opened:
        opened.runs.new(None)
        with pytest.raises(
            ConfigurationError, match=r"cascade\.blessed\.csv does not hold the scores of the blessed v1"
        ):
            opened.gate("first").check()


def test_target_that_the_interval_doubts_is_said_in_every_face(gate: Gate, made: Path) -> None:
    gate.bless("v1")
    aim(made, 0.85)
    checked = gate.check()
    assert checked.exit_code == 0
    words = "outcome: 90% (95% interval 80 to 95), wanted at least 85%; kept, but its interval doubts it"
    assert next(r.message for r in checked.results if r.is_doubted) == words
    assert checked.verdict == "Passed: 8 of 10 checks, 2 not measured. In doubt: the target of outcome."
    assert words in "\n".join(map(str, registry.view("check").sheet(checked).parts))
    assert words in junit(checked.results, suite="first")
    assert words in markdown(checked.results, title="first")
    aim(made, 0.5)
    assert not any(r.is_doubted for r in gate.check().results)
