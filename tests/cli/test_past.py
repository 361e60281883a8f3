from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import cast

import pytest

import llm_server
from cli.conftest import Command
from conftest import Copied
from sixty import replace_in, spoil, write_sixty
from stagegap.analysis.curves import RunTraining, TrainingView
from stagegap.analysis.runs import SoFar
from stagegap.cli import execution
from stagegap.errors import ConfigurationError
from stagegap.model.curves import Curve, Training
from stagegap.model.estimate import Estimate
from stagegap.model.run import LiveRun, LiveStage
from stagegap.workspace.past import Past


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_sixty(tmp_path)


@pytest.fixture
def ran(tmp_path: Path, twice: Copied) -> Path:
    """Two runs: the second one lost a fact."""
    return twice(tmp_path)


def test_tags_are_put_on_found_by_and_taken_off(stagegap: Command, ran: Path) -> None:
    said = stagegap("tools", "tag", "v1", "baseline")
    assert said.out.splitlines() == ["v1 has the tags: baseline.", "Next:  stagegap show runs --tag baseline"]
    rows = stagegap("show", "runs", "--tag", "baseline").out.splitlines()
    assert len(rows) == 5
    assert re.search("^v1 .*baseline$", rows[2])
    assert rows[3].startswith("Scores, gaps and gains rest on references")
    assert [row["run"] for row in stagegap("show", "runs", "--text", "BASE", "--json").json["rows"]] == ["v1"]
    assert stagegap("tools", "untag", "v1", "baseline").out.startswith("v1 has no tag.")
    assert stagegap("tools", "tag", "v1", "x", "--json").json == {"run": "v1", "tags": ["x"]}
    assert stagegap("show", "runs", "--since", "1h", "--json").json["rows"]
    assert stagegap("show", "runs", "--since", "2999-01-01").out.startswith("Cascade 'first' has no such run.")
    assert stagegap("show", "runs", "--since", "soon").code == 2


def test_run_shows_what_it_was_made_from(stagegap: Command, ran: Path) -> None:
    out = stagegap("show", "origin", "--run", "v1").out
    assert "60 records (" in out
    assert re.search(r"^topic +python +[0-9a-f]{12}$", out, re.MULTILINE)
    assert re.search(r"^stages.py +code +[0-9a-f]{12} +text$", out, re.MULTILINE)
    assert stagegap("show", "origin", "--run", "v1", "--json").json["made_from"]["records"] == 60


def test_difference_from_the_commit_is_shown(stagegap: Command, made: Path, git) -> None:
    spoil(made)
    stagegap("run")
    out = stagegap("show", "origin", "--run", "v1").out
    assert re.search(r"^Commit [0-9a-f]{12}\+, with a difference of \d+ lines\.$", out, re.MULTILINE)
    assert '+        return "There are some places behind' in out


@pytest.fixture
def git(made: Path, tmp_path: Path) -> None:
    import subprocess

    names = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for words in (["init", "-q"], ["add", "."], [*names, "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)


def test_reproducing_says_what_differs_and_ends_by_it(stagegap: Command, ran: Path) -> None:
    said = stagegap("tools", "reproduce", "v1")
    assert said.code == 0
    assert said.out.splitlines()[-1] == "Next:  stagegap show origin --run v1"
    assert "v1 comes out the same to the byte: 180 outputs." in said.out
    assert re.search(r"^code +stages\.py +[0-9a-f]{12} +[0-9a-f]{12} *$", said.out, re.MULTILINE)
    replace_in(ran / "stages.py", 'return "A librarian will call you back."', "return str(__import__('uuid').uuid4())")
    stagegap("run")
    other = stagegap("tools", "reproduce", "v3")
    assert other.code == 1
    assert re.search(r"^system reply, record q02: from byte \d+$", other.out, re.MULTILINE)
    assert stagegap("tools", "reproduce", "v3", "--json").json["is_identical"] is False


def test_what_changed_says_the_price_and_shares_the_difference_out(stagegap: Command, ran: Path) -> None:
    planned = stagegap("show", "changed", "v1", "v2", "--plan")
    assert "version@v1:reply" in planned.out
    planned = stagegap("show", "changed", "v1", "v2", "--plan", "--json").json
    assert [cell["cell"]["base"] for cell in planned["cells"]] == [
        "v1", "v1",
    ]  # fmt: skip
    said = stagegap("show", "changed", "v1", "v2")
    assert said.out.splitlines()[0] == "2 mixtures of the two versions, nothing to call."
    assert "version@v1:topic, 100% answered: topic 60 of 60, reply 60 of 60" in said.out
    assert "\n−30 points: −30 from reply.\n" in said.out
    assert re.search(r"^reply +−30 \(−\d+ to −\d+\) .* worse *$", said.out, re.MULTILINE)
    replace_in(ran / "stages.py", '"open" in words', '"opens" in words')
    stagegap("run")
    more = stagegap("show", "changed", "v1", "v3")
    assert re.match(r"2 mixtures of the two versions: 20 calls, 0 of them paid, time (about|unknown)", more.out)
    assert "Gains more than beside the old" in more.out
    assert re.search(r"^reply +topic +0 \(.*\)", more.out, re.MULTILINE)
    again = stagegap("show", "changed", "v1", "v2")
    assert "2 mixtures of the two versions, nothing to call." in again.out
    assert stagegap("show", "changed", "v1", "v2", "--json").json["before"] == "v1"


def test_expectation_is_written_down_and_held_against_what_comes(stagegap: Command, made: Path) -> None:
    stagegap("run")
    assert stagegap("show", "ledger").out.startswith("Nothing was expected yet.")
    said = stagegap("tools", "expect", "reply=+5", "--because", "a better fact")
    assert said.out.splitlines()[:2] == [
        "Expected of the change after v1: reply +5 points: a better fact",
        "Expected of the change after v1: outcome +5 points (2 to 10): guess: 50% of the gain with references",
    ]
    spoil(made)
    stagegap("run")
    out = stagegap("show", "ledger").out
    assert out.startswith("0% of 2 predictions lay inside the interval of what came.")
    assert re.search(r"^v1 → v2  reply +\+5 +−30 \(−\d+ to −\d+\) +less than expected", out, re.MULTILINE)
    assert "v1 → v2, reply. Safe to look at any time: 0 fixed, 18 broken" in out
    assert len(stagegap("show", "ledger", "--json").json["rows"]) == 2
    assert stagegap("tools", "expect", "outcome=1,0,2", "--json").json[0]["low"] == 0.0


@pytest.mark.parametrize("text", ["reply", "reply=", "reply=x", "=5", "reply=1,2", "reply=nan"])
def test_expectation_that_can_not_be_read_shows_the_form(text: str) -> None:
    with pytest.raises(ConfigurationError, match="retrieve=\\+5 or retrieve=5,2,8"):
        execution.hopes([text])


def test_place_stands_once() -> None:
    with pytest.raises(ConfigurationError, match="reply stands twice"):
        execution.hopes(["reply=1", "reply=2"])


class Watched:
    """A past in which a run goes on for some looks."""

    def __init__(self, looks: int, *learned: Training) -> None:
        self._left = looks
        self.learned = learned
        self._ticks = count()

    def live(self) -> list[LiveRun]:
        self._left -= 1
        done = next(self._ticks)
        stage = LiveStage(stage="route", done=done, total=4, cached=1, errors=1, calls=done, latency_ms=9.0, cost=0.1)
        note = LiveRun(
            run="5",
            name="v3",
            cascade="mail",
            pid=1,
            cell="system",
            cells=0,
            of=2,
            seconds=2.0,
            at=1.0,
            stages=(stage,),
        )
        return [note] if self._left >= 0 else []

    def training(self, *runs: str) -> TrainingView:
        return TrainingView(cascade="mail", runs=tuple(RunTraining(run=run, stages=self.learned) for run in runs))

    def so_far(self, live: LiveRun) -> SoFar | None:
        found = Estimate(value=0.5, low=0.1, high=0.9, n=live.stages[0].done, method="made up")
        return (
            SoFar(outcome="x", estimate=found, finished=1, of=4, is_safe=True, sentence="Good so far.")
            if found.n
            else None
        )


def test_what_a_stage_learns_is_followed(capsys: pytest.CaptureFixture[str]) -> None:
    loss = Curve(name="loss", steps=(1.0, 2.0), values=(0.9, 0.5))
    past = Watched(2, Training(stage="route", key="k", records=40, curves=(loss,)))
    execution.follow(cast("Past", past), pause=lambda _: None)
    assert "v3 system, 0% answered. route learns from 40 records: step 2, loss 0.5." in capsys.readouterr().out


def test_run_is_followed_until_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    pauses: list[float] = []
    execution.follow(cast("Past", Watched(3)), pause=pauses.append)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "v3 system, 0% answered.", "v3 system, 20% answered. Good so far.", "v3 system, 50% answered. Good so far.",
        "No run goes on any more.",
    ]  # fmt: skip
    assert len(pauses) == 3
    execution.follow(cast("Past", Watched(0)), pause=pauses.append)
    assert capsys.readouterr().out.splitlines() == ["No run goes on."]


def test_run_is_followed_as_a_table_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    execution.follow(cast("Past", Watched(2)), pause=lambda _: None)
    out = capsys.readouterr().out
    assert "Run v3, part 1 of 2: system" in out
    assert "1/4" in out
    assert "Good so far." in out


def test_runs_that_go_on_are_followed_by_name(stagegap: Command, ran: Path) -> None:
    assert stagegap("show", "runs", "--follow").out == "No run goes on.\n"


def test_cost_that_counts_tokens_from_the_cache_in_full_says_that_it_is_an_upper_bound(
    stagegap: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "pipelines" / "asked"
    folder.mkdir(parents=True)
    (folder / "r.jsonl").write_text('{"id": "1", "text": "a"}\n')
    (folder / "p.j2").write_text("{{ text }}")
    usage = {"prompt_tokens": 1_000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 900}}
    with llm_server.running() as server:
        server.answers(reply="a", more={"usage": usage})
        for price, words in (("", "at most $0.001"), (", cached: 0.1", "$0.00021")):
            (folder / "cascade.yaml").write_text(
                "cascade: asked\nrecords: {path: r.jsonl, id: id}\nstages:\n  topic:\n    uses: llm\n"
                "    with: {model: m, prompt: p.j2, "
                f"base_url: '{server.base_url}', price: {{input: 1, output: 2{price}}}}}\n"
                "    inputs: {text: record.text}\n    output: {type: label, values: [a, b]}\n"
                "outcome: {score: topic.accuracy}\n"
            )
            assert f"1 calls, {words}, " in stagegap("run", "--fresh").out
    said = stagegap("show", "runs")
    assert "The cost is an upper bound: tokens from the provider's cache count in full at topic" in said.out
    assert [row["bounded_by"] for row in stagegap("show", "runs", "--json").json["rows"]] == [[], ["topic"]]
