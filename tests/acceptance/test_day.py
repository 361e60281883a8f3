"""A whole day on the demo, in the terminal: expect, change, run, compare, know what changed, hold the line, report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conftest import Command, Said
from sixty import mend, replace_in, spoil, write_sixty

ROOT = Path(__file__).parents[2]


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demo, with a target that it reaches; the folder of its cascade."""
    for name in ("pipelines", "data"):
        shutil.copytree(ROOT / name / "support_email", tmp_path / name / "support_email")
    made = tmp_path / "pipelines" / "support_email"
    replace_in(made / "cascade.yaml", "at_least: 0.8", "at_least: 0.1")
    return made


@pytest.fixture
def day(stagegap: Command) -> Command:
    """Run a command and hold its exit code to what is told, 0 unless something else is."""

    def command(*words: str, code: int = 0) -> Said:
        said = stagegap(*words)
        assert said.code == code, said.out + said.error
        return said

    return command


def test_a_day_on_sixty_questions(day: Command, tmp_path: Path) -> None:
    made = write_sixty(tmp_path)
    run = ("run", "--json")
    day(*run)
    day("tools", "bless", "v1")
    day("tools", "tag", "v1", "before the new words")

    day("tools", "expect", "reply=+3", "--because", "the new words are friendlier")
    spoil(made)
    assert all(stage["calls"] for stage in day("plan", "--json").json["cells"][0]["stages"]), "both stand in the file"
    day(*run)
    failed = day("check", "--json", "--junit", str(tmp_path / "junit.xml"), code=1).json
    assert {row["name"] for row in failed["results"] if row["status"] == "failed"} == {
        "regression outcome", "regression reply",
    }  # fmt: skip
    assert 'failures="2"' in (tmp_path / "junit.xml").read_text()
    broken = day("show", "changed", "v1", "v2", "--json").json
    assert {row["stage"]: row["claim"]["verdict"] for row in broken["stages"] if row["status"] == "changed"} == {
        "topic": "tied", "reply": "regressed",
    }  # fmt: skip
    ledger = day("show", "ledger", "--json").json
    assert {row["expectation"]["place"] for row in ledger["rows"]} == {"outcome", "reply"}

    mend(made)
    day(*run)
    assert day("check", "--json").json["verdict"].startswith("Passed")
    assert day("tools", "reproduce", "v2", "--json").json["is_identical"] is True
    day("report", "-o", str(tmp_path / "report.html"))
    assert "<h1" in (tmp_path / "report.html").read_text()
    assert [row["run"] for row in day("show", "runs", "--tag", "before the new words", "--json").json["rows"]] == ["v1"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_day_from_expectation_to_report(demo: Path, day: Command, tmp_path: Path) -> None:
    file = str(demo / "cascade.yaml")
    run = ("run", file, "--json")
    day(*run)
    day("tools", "bless", "v1")
    day("tools", "tag", "v1", "before the new search")

    day("tools", "expect", "retrieve=+3", "--because", "rare words should count more")
    replace_in(demo / "cascade.yaml", "method: bm25", "method: tfidf")
    system = day("plan", file, "--json").json["cells"][0]
    assert [(stage["stage"], stage["calls"] > 0) for stage in system["stages"]] == [
        ("route", False), ("retrieve", True), ("draft", True),
    ]  # fmt: skip
    day(*run)

    compared = day("compare", "v1", "v2", "--json").json
    assert compared["n"] == 285
    assert {row["stage"]: row["claim"]["verdict"] for row in compared["stages"]} == {
        "route": "tied", "retrieve": "tied", "draft": "tied",
    }  # fmt: skip
    assert "stages.retrieve.with.method" in [one["path"] for one in compared["config"]]
    changed = day("show", "changed", "v1", "v2", "--json").json
    assert [row["stage"] for row in changed["stages"] if row["status"] == "changed"] == ["retrieve"]
    assert changed["headline"] == "No measurable difference (n = 285)"
    ledger = day("show", "ledger", "--json").json
    assert [(row["run"], row["expectation"]["place"]) for row in ledger["rows"]] == [
        ("v2", "outcome"), ("v2", "retrieve"),
    ]  # fmt: skip
    assert ledger["calibration"]["n"] == 2
    day("check")

    replace_in(demo / "stages.py", "QUOTED = 6", "QUOTED = 1")
    day(*run)
    failed = day("check", "--json", "--junit", str(tmp_path / "junit.xml"), code=1).json
    assert {one["name"] for one in failed["results"] if one["status"] == "failed"} == {
        "regression outcome", "regression draft",
    }  # fmt: skip
    assert 'failures="2"' in (tmp_path / "junit.xml").read_text()
    broken = day("show", "changed", "v2", "v3", "--json").json
    assert {row["stage"]: row["claim"]["verdict"] for row in broken["stages"] if row["status"] == "changed"} == {
        "draft": "regressed"
    }
    replace_in(demo / "stages.py", "QUOTED = 1", "QUOTED = 6")
    day(*run)
    assert day("check", "--json").json["verdict"].startswith("Passed")

    again = day("tools", "reproduce", "v3", "--json").json
    assert again["is_identical"] is True
    assert [one["name"] for one in again["differences"]] == ["stages.py"]
    day("report", "-o", str(tmp_path / "report.html"))
    assert "<h1" in (tmp_path / "report.html").read_text()
    assert [row["run"] for row in day("show", "runs", "--tag", "before the new search", "--json").json["rows"]] == [
        "v1"
    ]
