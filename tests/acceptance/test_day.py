"""A whole day on the demo, in the terminal: expect, change, run, compare, know what changed, hold the line, report."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sixty import replace_in

ROOT = Path(__file__).parents[2]
Stagegap = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demo, with a target that it reaches; the folder of its cascade."""
    for name in ("pipelines", "data"):
        shutil.copytree(ROOT / name / "support_email", tmp_path / name / "support_email")
    made = tmp_path / "pipelines" / "support_email"
    replace_in(made / "cascade.yaml", "at_least: 0.8", "at_least: 0.1")
    return made


@pytest.fixture
def stagegap(demo: Path) -> Stagegap:
    """Run a command as people do, in a process of its own."""

    def command(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        said = subprocess.run(
            [sys.executable, "-m", "stagegap", *words], cwd=demo.parents[1], capture_output=True, text=True, check=False
        )
        assert said.returncode == code, said.stdout + said.stderr
        return said

    return command


def read(said: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(said.stdout)


@pytest.mark.timeout(900)
def test_a_day_from_expectation_to_report(demo: Path, stagegap: Stagegap, tmp_path: Path) -> None:
    file = str(demo / "cascade.yaml")
    run = ("run", file, "--json")
    stagegap(*run)
    stagegap("bless", "v1")
    stagegap("runs", "tag", "v1", "before the new search")

    stagegap("expect", "retrieve=+3", "--because", "rare words should count more")
    replace_in(demo / "cascade.yaml", "method: bm25", "method: tfidf")
    system = read(stagegap("plan", file, "--json"))["cells"][0]
    assert [(stage["stage"], stage["calls"] > 0) for stage in system["stages"]] == [
        ("route", False), ("retrieve", True), ("draft", True),
    ]  # fmt: skip
    stagegap(*run)

    compared = read(stagegap("compare", "v1", "v2", "--json"))
    assert compared["n"] == 285
    assert {row["stage"]: row["claim"]["verdict"] for row in compared["stages"]} == {
        "route": "tied", "retrieve": "tied", "draft": "tied",
    }  # fmt: skip
    assert "stages.retrieve.with.method" in [one["path"] for one in compared["config"]]
    changed = read(stagegap("changed", "v1", "v2", "--json"))
    assert [row["stage"] for row in changed["stages"] if row["status"] == "changed"] == ["retrieve"]
    assert changed["headline"] == "No measurable difference (n = 285)"
    ledger = read(stagegap("ledger", "--json"))
    assert [(row["run"], row["expectation"]["place"]) for row in ledger["rows"]] == [
        ("v2", "outcome"), ("v2", "retrieve"),
    ]  # fmt: skip
    assert ledger["calibration"]["n"] == 2
    stagegap("check")

    replace_in(demo / "stages.py", "QUOTED = 6", "QUOTED = 1")
    stagegap(*run)
    failed = read(stagegap("check", "--json", "--junit", str(tmp_path / "junit.xml"), code=1))
    assert {one["name"] for one in failed["results"] if one["status"] == "failed"} == {
        "regression outcome", "regression draft",
    }  # fmt: skip
    assert 'failures="2"' in (tmp_path / "junit.xml").read_text()
    broken = read(stagegap("changed", "v2", "v3", "--json"))
    assert {row["stage"]: row["claim"]["verdict"] for row in broken["stages"] if row["status"] == "changed"} == {
        "draft": "regressed"
    }
    replace_in(demo / "stages.py", "QUOTED = 1", "QUOTED = 6")
    stagegap(*run)
    assert read(stagegap("check", "--json"))["verdict"].startswith("Passed")

    again = read(stagegap("reproduce", "v3", "--json"))
    assert again["is_identical"] is True
    assert [one["name"] for one in again["differences"]] == ["stages.py"]
    stagegap("report", "-o", str(tmp_path / "report.html"))
    assert "<h1" in (tmp_path / "report.html").read_text()
    assert [row["run"] for row in read(stagegap("runs", "--tag", "before the new search", "--json"))["rows"]] == ["v1"]
