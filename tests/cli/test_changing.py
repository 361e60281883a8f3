"""A day on the starter cascade with sixty questions: bless, spoil, compare, check, mend, check."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from cli.conftest import Command
from conftest import Copied
from sixty import mend, replace_in, spoil, write_sixty
from stagegap.analysis.runs import Blessed
from stagegap.cli.past import draw_blessed
from stagegap.model.estimate import Estimate


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_sixty(tmp_path)


@pytest.fixture
def ran(tmp_path: Path, once: Copied) -> Path:
    """With the run v1."""
    return once(tmp_path)


def test_planted_regression_is_found_and_passes_after_the_fix(stagegap: Command, made: Path, tmp_path: Path) -> None:
    with (made / "cascade.yaml").open("a") as file:
        file.write("\ntargets: {outcome: {at_least: 0.8}}\n")
    stagegap("run")
    blessed = stagegap("tools", "bless", "v1")
    assert (blessed.code, blessed.out.splitlines()[-1]) == (0, "Next:  stagegap check")
    assert "Later runs are held against v1: outcome 90% (80 to 95). Commit " in blessed.out
    assert "No commit holds what was run" in blessed.out
    assert "commit your changes, `stagegap run` (what is known is not called again), and bless" in blessed.out
    good = stagegap("check")
    assert (good.code, good.out.splitlines()[-1]) == (0, "Next:  stagegap show")
    assert "Passed: 8 of 10 checks, 2 not measured. In doubt: the target of outcome. (exit code 0)" in good.out

    spoil(made)
    early = stagegap("check")
    assert early.code == 2
    assert "as it stands. `stagegap run` makes such a run" in early.error
    stagegap("run")
    told = stagegap("compare", "v1", "v2")
    assert told.out.splitlines()[0] == "v2 is worse than v1: −30 points (95% interval −43 to −20)."
    assert re.search(r"^reply .* 0 +18 +worse *$", told.out, re.MULTILINE)
    assert "Got worse at outcome: 18\n" in told.out
    assert told.out.count("100% → 0%") == 10
    assert re.search(r"^file stages\.py +(- +)?line by line below$", told.out, re.MULTILINE)
    assert '-        return "There are 12 places behind' in told.out
    assert '+        return "There are some places behind' in told.out

    failed = stagegap("check", "--junit", "checks.xml", "--markdown", "checks.md")
    assert failed.code == 1
    assert "✗   reply: −30 points (95% interval −43 to −20), worse  (failed)" in failed.out
    assert "    18 questions went from right to wrong." in failed.out
    assert failed.out.splitlines()[-1] == "Next:  stagegap compare v1 v2   or   stagegap show faults"
    suite = parse(tmp_path / "checks.xml").getroot()
    assert (suite.get("name"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "first v2",
        "3",
        "0",
        "2",
    )
    assert (tmp_path / "checks.md").read_text().startswith("**first v2**: Failed: 3 of 10 checks.")

    mend(made)
    assert "Run v3: 60 records, 0 calls" in stagegap("run").out
    assert stagegap("check").code == 0
    assert stagegap("compare", "v2", "v3").out.splitlines()[0].startswith("v3 is better than v2: +30 points")


def test_checks_for_programs(stagegap: Command, ran: Path) -> None:
    said = stagegap("check", "--against", "v1", "--json")
    assert (said.code, said.json["exit_code"], said.json["run"], said.json["against"]) == (0, 0, "v1", "v1")
    assert {result["kind"] for result in said.json["results"]} >= {"labels", "regression"}
    assert stagegap("tools", "bless", "v1", "--json").json["run"] == "v1"
    taken = (ran / "stages.py").relative_to(Path.cwd())
    wrong = stagegap("check", "--junit", f"{taken}/checks.xml")
    assert (wrong.code, wrong.error) == (2, f"{taken}/checks.xml can't be written: File exists.\n")


def test_what_is_not_measured_says_so_and_is_no_pass(stagegap: Command, ran: Path) -> None:
    said = stagegap("check")
    assert said.code == 5
    assert "!   No run is blessed  (not measured)" in said.out
    assert said.out.splitlines()[-1] == "Next:  stagegap show runs   or   stagegap tools bless v1"
    stagegap("tools", "bless", "v1")
    stagegap("run", "--limit", "20")
    few = stagegap("check", "--shared")
    assert (few.code, few.out.splitlines()[-1]) == (5, "Next:  stagegap show need   or   stagegap app")


def test_refused_comparison_gives_reasons_and_an_offer(stagegap: Command, ran: Path) -> None:
    stagegap("run", "--limit", "40")
    refused = stagegap("compare", "v1", "v2")
    assert refused.out.splitlines() == [
        "v1 and v2 can't be compared as they are.",
        "v2 saw 40 of the 60 questions of v1.",
        "Compare the 40 questions that are the same in both?",
        "Next:  stagegap compare v1 v2 --shared",
    ]
    assert stagegap("compare", "v1", "v2", "--json").json["headline"] == ""
    taken = stagegap("compare", "v1", "v2", "--shared")
    assert taken.out.splitlines()[0] == "v2 gives the same answers as v1."
    assert taken.out.splitlines()[-1] == "Next:  stagegap tools bless v2   or   stagegap check"
    assert stagegap("compare", "v1", "v2", "--shared", "--json").json["is_accepted"] is True


def test_two_newest_runs_are_compared_where_none_is_named(stagegap: Command, made: Path) -> None:
    stagegap("run")
    few = stagegap("compare")
    assert (few.code, few.error) == (
        2,
        "Cascade 'first' has only one run that is done, v1. Change something, then `stagegap run` makes another.\n",
    )
    stagegap("run")
    same = stagegap("compare", "v1", "v1")
    assert (same.code, same.error) == (2, "v1 is one run: name two to compare.\n")
    assert stagegap("report", "--compare", "v2").error == same.error.replace("v1", "v2")
    other = stagegap("show", "ledger", "--cascade", "firts")
    assert (other.code, other.error) == (2, "There is no cascade 'firts' here. Did you mean first?\n")
    stagegap("run")
    for words, runs in (((), ("v2", "v3")), (("v1",), ("v1", "v3")), (("v3",), ("v3", "v2"))):
        said = stagegap("compare", *words, "--json").json
        assert (said["before"], said["after"]) == runs
    assert "2 mixtures" not in stagegap("show", "changed").out


def test_stage_that_one_run_lacks_is_not_compared(stagegap: Command, ran: Path) -> None:
    replace_in(ran / "cascade.yaml", "  topic: ", "  subject: ")
    replace_in(ran / "cascade.yaml", "topic: topic}", "topic: subject}")
    references = ran / "references.jsonl"
    references.write_text(references.read_text().replace('"stage": "topic"', '"stage": "subject"'))
    replace_in(ran / "cascade.yaml", 'good: ">= 1"', 'good: ">= 0.5"')
    stagegap("run")
    said = stagegap("compare", "v1", "v2", "--shared")
    assert re.search(r"^subject +- +- +- +- +- +- +not compared *$", said.out, re.MULTILINE)
    assert re.search(r"^outcome\.good +>= 1 +>= 0\.5 *$", said.out, re.MULTILINE)


def test_runs_are_listed_newest_first(stagegap: Command, made: Path) -> None:
    empty = stagegap("show", "runs")
    assert empty.out.splitlines() == ["Cascade 'first' has no such run.", "Next:  stagegap run"]
    stagegap("run")
    stagegap("tools", "bless", "v1")
    assert stagegap("show", "runs").out.splitlines()[-1] == "Next:  stagegap run"
    stagegap("run")
    said = stagegap("show", "runs")
    rows = said.out.splitlines()
    assert rows[0] == "2 runs of first."
    assert rows[1].split() == ["Run", "When", "(UTC)", "Status", "Records", "Cost", "Outcome", "Tags"]
    assert rows[2].startswith("v2")
    assert re.fullmatch(r"v1 +\d{4}-\d\d-\d\d \d\d:\d\d +done +60 +\$0\.00 +90% \(80 to 95\) +blessed", rows[3])
    assert rows[-1] == "Next:  stagegap compare v1 v2   or   stagegap check"
    assert [row["run"] for row in stagegap("show", "runs", "--json").json["rows"]] == ["v2", "v1"]


def test_blessed_run_of_a_commit_is_for_every_store(capsys: pytest.CaptureFixture[str]) -> None:
    nine = Estimate(value=0.9, low=0.8, high=0.95, n=60, method="Wilson")
    made = Blessed(
        cascade="first", run="v1", id="1", fingerprint="f", commit="abc", started_at=0.0, outcome=nine, stages={}
    )
    draw_blessed(made, (Path("b.json"), Path("b.csv")))
    assert (
        capsys.readouterr().out == "Later runs are held against v1: outcome 90% (80 to 95). Commit b.json and b.csv.\n"
    )
