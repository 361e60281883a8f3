"""`stagegap show odd`: what it prints."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest

import odd_runs
import odd_screens
import sixty
from cli.conftest import Command
from stagegap.cli.attribution import draw_screen
from stagegap.oddities.screen import noticed


@pytest.fixture
def project(tmp_path: Path, stagegap: Command) -> Path:
    made = sixty.write_sixty(tmp_path)
    sixty.replace_in(made / "stages.py", "def reply", "def broken(question, topic):\n    return ''\n\n\ndef reply")
    sixty.replace_in(made / "cascade.yaml", "stages.py:reply", "stages.py:broken")
    assert stagegap("run").code == 0
    return made


def test_cards_say_what_is_odd_why_and_where(project: Path, stagegap: Command) -> None:
    said = stagegap("show", "odd")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].endswith(" strange.")
    place = lines.index("Empty texts  reply, q < 0.001")
    assert lines[place + 1] == "  reply answered with an empty text on 60 of 60 questions (100%, interval 94 to 100)."
    assert lines[place + 2] == "  An empty answer often is a failure that nobody named."
    assert lines[place + 3] == "  Records: q00, q01, q02, q03, q04 and 55 more"
    assert "no verdict" in said.out


def test_rules_are_listed(project: Path, stagegap: Command) -> None:
    out = stagegap("show", "odd", "--rules").out
    assert "Refusals: more than 1% of the calls were refused. 2 looked at, up to 60 records" in out
    assert "nothing to look at" in out


def test_tries_come_before_the_screen(project: Path, stagegap: Command) -> None:
    out = stagegap("show", "odd", "--without", "--rules").out
    assert "Better without it: the score is higher when" in out
    assert "`stagegap show odd --without`). 4 looked at, up to 60 records" in out
    assert "Without something: points of the score, better, worse" in out
    assert "  the input question, of topic; score of topic: −" in out


def test_cascade_in_which_nothing_learns_says_so(project: Path, stagegap: Command) -> None:
    assert stagegap("show", "odd", "--learn").out.startswith("No stage can be taught with less: ")
    assert "No stage" not in stagegap("show", "odd", "--learn", "--json").out


def test_json_is_the_view(project: Path, stagegap: Command) -> None:
    found = stagegap("show", "odd", "--json").json
    assert found["open"][0]["card"]["key"].count("/") == 2
    assert found["screen"]["tests"] > 5


def test_several_runs_name_theirs(project: Path, stagegap: Command) -> None:
    stagegap("run")
    out = stagegap("show", "odd", "--run", "v1", "--run", "v2").out
    assert "Empty texts  reply, v1, q < 0.001" in out
    assert "Empty texts  reply, v2, q < 0.001" in out


def test_card_that_is_not_odd_is_kept_away_with_the_reason(project: Path, stagegap: Command) -> None:
    assert stagegap("show", "odd").code == 0
    assert (
        "needs" not in stagegap("show", "odd", "--dismiss", "empty/reply/", "--because", "planned", "--as", "ab").error
    )
    said = stagegap("show", "odd").out
    assert said.startswith(("Nothing strange found by", "1 thing", "2 things"))
    assert "Not odd: Empty texts (empty/reply/)\n  “planned” (ab)" in said
    assert stagegap("show", "odd", "--dismiss", "empty/reply/", "--as", "ab").error.startswith(
        "Say why this is not odd"
    )
    assert "near" not in stagegap("show", "odd", "--dismiss", "empty/draft/", "--because", "x", "--as", "ab").out
    assert stagegap("show", "odd", "--dismiss", "empty/reply/", "--because", "x").code == 2


def test_unknown_run_is_a_sentence(project: Path, stagegap: Command) -> None:
    said = stagegap("show", "odd", "--run", "v9")
    assert said.code == 2
    assert "no run 'v9'" in said.error


def test_table_of_scores_is_screened_for_what_cannot_be(tmp_path: Path, stagegap: Command) -> None:
    (tmp_path / "scores.csv").write_text("name,value,n\nstep,12.50%,126\n")
    out = stagegap("show", "odd", "--scores", "scores.csv").out
    assert "A percentage that cannot be  found by rule" in out
    assert stagegap("show", "odd", "--scores", "scores.csv", "--json").json["cards"][0]["subject"] == "step"


def test_ratings_are_screened_for_raters_that_hardly_agree(tmp_path: Path, stagegap: Command) -> None:
    dice = random.Random(1)
    lines = [f"s,r{i},style,p{j},{dice.randint(1, 5)}" for i in range(60) for j in range(3)]
    (tmp_path / "ratings.csv").write_text("\n".join(["system,record,criterion,rater,value", *lines]))
    assert "Labellers hardly agree by style" in stagegap("show", "odd", "--ratings", "ratings.csv").out


def test_learning_curve_is_a_table_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    run = odd_runs.clean(np.random.default_rng(1), 200)
    view = odd_screens.screened(run)
    draw_screen(noticed(view, ()), rules=False)
    out = capsys.readouterr().out
    [curve] = view.curves
    assert f"\nLearning curve  {curve.stage}\n  {curve.sentence}\n" in out
    assert len(re.findall(r"^.*\d+% \(\d+ to \d+\) *$", out, re.MULTILINE)) == len(curve.plot.marks)
