"""A cascade with a stage that trains, run end to end."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from stagegap.errors import ConfigurationError
from stagegap.model.run import RunStatus
from stagegap.store import Store, back_up, restore
from stagegap.workspace import Workspace

CASCADE = """
cascade: mail
records: {path: mails.jsonl, id: id, split: split}
references: {path: refs.jsonl}
evaluate: test
stages:
  team:
    uses: python
    with: {fit: "learning.py:train", train: train, function: "stages.py:team", settings: {epochs: 3}}
    inputs: {text: record.text}
    output: {type: label, values: [orders, returns]}
outcome: {score: team.accuracy}
"""
LEARNING = """
from dataclasses import dataclass
from pathlib import Path

CALLS = Path(__file__).with_name("calls.txt")


@dataclass
class Model:
    words: dict


def train(records, references, log, *, epochs):
    with CALLS.open("a") as file:
        file.write(f"{len(records)} {len(references)}\\n")
    words = {record["text"].split()[0]: label for record, label in zip(records, references)}
    for step in range(epochs + 1):
        log(step, loss=1 / (step + 1), held_out_loss=float("nan") if step == 2 else 2 / (step + 1))
    return Model(words)
"""
STAGES = """
def team(model, text):
    return model.words[text.split()[0]]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "pipelines" / "mail"
    folder.mkdir(parents=True)
    (folder / "cascade.yaml").write_text(CASCADE)
    (folder / "learning.py").write_text(LEARNING)
    (folder / "stages.py").write_text(STAGES)
    rows = [(f"m{i}", ("orders", "returns")[i % 2], "train" if i < 4 else "test") for i in range(8)]
    records = [{"id": name, "text": f"{label} please {name}", "split": split} for name, label, split in rows]
    references = [{"record": name, "stage": "team", "annotator": "A", "value": label} for name, label, _ in rows]
    write(folder / "mails.jsonl", records)
    write(folder / "refs.jsonl", references)
    return tmp_path


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def replaced(project: Path, name: str, old: str, new: str) -> None:
    path = project / "pipelines" / "mail" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def trainings(project: Path) -> int:
    path = project / "pipelines" / "mail" / "calls.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_what_is_learned_is_made_once_for_the_same_code_settings_and_data(project: Path) -> None:
    with Workspace.open(project) as workspace:
        workspace.runs.plan(None)
        assert trainings(project) == 0
        run, summary = workspace.runs.new(None)
        assert run.status is RunStatus.DONE
        assert summary.error == ""
        assert (project / "pipelines" / "mail" / "calls.txt").read_text() == "4 4\n"
        card = workspace.runs.scorecard("mail")
        assert card is not None
        assert card.stages[0].in_place.value == 1.0
        replaced(project, "stages.py", "return", "return  ")
        workspace.runs.new(None)  # answers anew, with what was learned before
        path = project / "pipelines" / "mail" / "mails.jsonl"
        path.write_text("".join(reversed(path.read_text().splitlines(keepends=True))))
        workspace.runs.new(None)
        assert trainings(project) == 1
        replaced(project, "cascade.yaml", "epochs: 3", "epochs: 4")
        workspace.runs.new(None)
        replaced(project, "mails.jsonl", "please m1", "thanks m1")
        workspace.runs.new(None)
        replaced(project, "learning.py", "1 / (step + 1)", "0.9 / (step + 1)")
        workspace.runs.new(None)
        assert trainings(project) == 4


def test_curves_stay_with_their_runs_and_are_screened(project: Path) -> None:
    with Workspace.open(project) as workspace:
        workspace.runs.new(None)
        replaced(project, "cascade.yaml", "epochs: 3", "epochs: 6")
        workspace.runs.new(None)
        past = workspace.past("mail")
        view = past.training("v1", "v2")
        [[first], [second]] = [run.stages for run in view.runs]
        assert first.sentence == "team has learned from 4 records: step 3, loss 0.25, held_out_loss 0.5."
        assert first.curves[0].steps == (0.0, 1.0, 2.0, 3.0)
        assert second.curves[0].best == (pytest.approx(1 / 7), 6.0)
        assert view.is_over
        screen = workspace.oddities.screen("mail")
        [card] = [card for card in screen.cards if card.detector == "training-apart"]
        assert card.sentence == "held_out_loss of team is no finite number at step 2."
        for file in (project / ".stagegap" / "fits").iterdir():
            file.unlink()
        assert past.training("v1", "v2") == view


def test_a_training_is_seen_while_it_goes_on(project: Path) -> None:
    body = "    for step in range(epochs + 1):\n"
    wait = "    log(0, loss=1.0)\n    while not CALLS.with_name('go').exists():\n        pass\n"
    replaced(project, "learning.py", body, wait + body)
    with Workspace.open(project) as workspace, Workspace.open(project) as other:
        runner = threading.Thread(target=lambda: workspace.runs.new(None))
        runner.start()
        past, deadline = other.past("mail"), time.monotonic() + 60
        while not (past.newest() and any(s.curves for s in past.training(*past.newest()).runs[0].stages)):
            assert time.monotonic() < deadline
        view = past.training("v1")
        assert not view.is_over
        assert view.runs[0].stages[0].sentence == "team learns from 4 records: step 0, loss 1."
        (project / "pipelines" / "mail" / "go").touch()
        runner.join()
        assert past.training("v1").is_over


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("return Model(words)", "1 / 0", "could not train the stage: ZeroDivisionError: division by zero."),
        ("return Model(words)", "return lambda: 1", "gave what can't be kept: "),
        ("log(step, loss=1 / (step + 1)", "log(step, loss='low'", "loss is a number, found 'low'"),
        ("log(step, loss", "log(step, **{str(i): i for i in range(30)}, loss", "log takes 1 to 20 values of a step"),
        ("log(step,", "log(float('inf'),", "the step is a finite number, found inf"),
    ],
)
def test_a_training_that_fails_ends_the_run_with_its_reason(project: Path, old: str, new: str, says: str) -> None:
    replaced(project, "learning.py", old, new)
    with Workspace.open(project) as workspace:
        with pytest.raises(ConfigurationError, match=r"^Stage 'team': the function '.*learning.py:train'") as refused:
            workspace.runs.new(None)
        assert says in str(refused.value)
        [run] = workspace.runs.of("mail")
        assert run.status is RunStatus.FAILED


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("evaluate: test\n", "", "which the stage learns from, would be scored with all others"),
        ("train: train", "train: test", "which is the one that is scored"),
        ("train: train, ", "", "fit needs `train`, the split that it learns from"),
        ('fit: "learning.py:train", ', "", "train and settings say what `fit` is given, and there is none"),
        ("{epochs: 3}", "{depth: 3}", "can't be called with records, references, log, depth"),
        ("train: train", "train: dev", "no record of the split 'dev' has a reference"),
    ],
)
def test_what_a_stage_can_t_learn_from_is_refused(project: Path, old: str, new: str, says: str) -> None:
    replaced(project, "cascade.yaml", old, new)
    with Workspace.open(project) as workspace, pytest.raises(Exception, match=says):
        workspace.runs.new(None)


def test_an_async_training_is_refused(project: Path) -> None:
    replaced(project, "learning.py", "def train", "async def train")
    with Workspace.open(project) as workspace, pytest.raises(ConfigurationError, match="async: a training is called"):
        workspace.runs.new(None)


def test_what_was_made_is_never_read_from_an_archive(project: Path, tmp_path: Path) -> None:
    with Workspace.open(project) as workspace:
        workspace.runs.new(None)
    archive, place = tmp_path / "store.tar", tmp_path / "elsewhere" / ".stagegap"
    back_up(project / ".stagegap", archive)
    restore(archive, place)
    assert [path.suffix for path in (place / "fits").iterdir()] == [".log"]
    with Store.open(place) as store:
        [run] = store.runs("mail")
        assert run.name == "v1"


def test_what_can_t_be_read_any_more_is_made_again(project: Path) -> None:
    with Workspace.open(project) as workspace:
        workspace.runs.new(None)
        [made] = (project / ".stagegap" / "fits").glob("*.made")
        made.write_bytes(b"no pickle")
        replaced(project, "stages.py", "return", "return  ")
        workspace.runs.new(None)
        assert trainings(project) == 2
