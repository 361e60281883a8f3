"""A store that an earlier version made opens, says what it said, and goes on.

`stores/v0.1.tar.xz` is a project made by version 0.1.0, before the rooms of the house were moved: sixty questions
(tests/sixty.py), run v1, blessed and tagged; what was expected; v2, which lost a fact; a comparison; an overlap at
`topic` that two people labelled, 8 disagreements, one of them settled. `stores/v0.1-november.tar.xz` is the same
project after the program of 30 November (5170cec) had taken it over and run v3, with what it printed as JSON in
`figures.json`.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import Command
from sixty import mend
from stagegap.workspace import Workspace

STORES = Path(__file__).parent / "stores"


@pytest.fixture
def v01(stagegap: Command, tmp_path: Path) -> Command:
    """The command line in a project of version 0.1; tells its exit code."""
    unpacked("v0.1.tar.xz", tmp_path)
    return stagegap


def unpacked(name: str, folder: Path) -> None:
    with tarfile.open(STORES / name) as archive:
        archive.extractall(folder, filter="data")
    for part in (folder / "project").iterdir():
        part.rename(folder / part.name)


def estimates(tree: Any, *path: str) -> Iterator[tuple[tuple[str, ...], tuple[Any, Any]]]:
    """Where each estimate stands, with its value and its n."""
    if isinstance(tree, dict) and {"value", "n", "method"} <= tree.keys():
        yield path, (tree["value"], tree["n"])
    for key, part in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from estimates(part, *path, str(key))


def test_figures_of_the_last_version_are_those_of_this_one(stagegap: Command, tmp_path: Path) -> None:
    unpacked("v0.1-november.tar.xz", tmp_path)
    before = json.loads((tmp_path / "figures.json").read_text("utf-8"))
    now = {command: stagegap(*command.split(), "--json").json for command in before}
    known, again = dict(estimates(before)), dict(estimates(now))
    assert len(known) > 40
    # The draws of a corrected gain hang on no rounding since then: the same but for a hundredth of a point.
    within = {path: 1e-4 if path[-1] == "picked" else None for path in known}
    assert {path: again.get(path) for path in known} == {
        path: (pytest.approx(value, abs=within[path], nan_ok=True) if value is not None else None, n)
        for path, (value, n) in known.items()
    }
    assert stagegap("tools", "doctor").code == 0


def test_store_is_whole_and_shows_its_verdict(v01: Command) -> None:
    assert v01("tools", "doctor").code == 0
    shown = v01("show", "--json").json
    assert (shown["run"], shown["n_records"], shown["verdict"]["headline"]) == (
        "v2", 60, "Reply holds this system back",
    )  # fmt: skip
    assert [stage["gain"]["value"] for stage in shown["stages"]] == pytest.approx([0.0, 0.4])
    assert v01("show").out.startswith("Reply holds this system back.\nThe system gets 60% of 60 questions right.")


def test_past_of_the_runs_is_there(v01: Command) -> None:
    assert v01("compare", "v1", "v2").out.startswith("v2 is worse than v1: −30 points (95% interval −43 to −20).")
    runs = v01("show", "runs", "--json").json["rows"]
    assert [(row["run"], row["is_blessed"], row["tags"]) for row in runs] == [
        ("v2", False, []), ("v1", True, ["first try"]),
    ]  # fmt: skip
    came = v01("show", "ledger", "--json").json["rows"]
    assert {row["expectation"]["place"]: row["verdict"] for row in came} == {
        "outcome": "less than expected", "reply": "less than expected",
    }  # fmt: skip
    assert v01("check", "--run", "v2").code == 1


def test_labels_are_there_and_more_can_be_made(v01: Command, tmp_path: Path) -> None:
    with Workspace.open(tmp_path) as opened:
        labels = opened.store.labels("first")
        assert len(labels) == 145
        assert {label.annotator for label in labels} == {"ab", "cd", "ef", "eve"}
        overlap = opened.labels.queue("first", "topic", "overlap")
        items = opened.labels.queue_items(overlap, "gh", 99)
        assert len(items) == 12
        event = {"id": "e1", "record": items[0].record, "action": "label", "values": {"value": "other"}}
        opened.labels.save_labels(overlap, [event], "gh")
        assert len(opened.store.labels("first")) == 146
    assert v01("tools", "doctor").code == 0


def test_next_run_uses_every_answer_of_the_earlier_ones(v01: Command, tmp_path: Path) -> None:
    mend(tmp_path / "pipelines" / "first")
    planned = v01("plan", "--json").json["cells"]
    calls = [sum(stage["calls"] for stage in cell["stages"]) for cell in planned]
    assert calls == [0, 4, 0], "the system's are known; what people settled at topic goes into reply for the first time"
    assert v01("run", "--json").json["run"] == "v3"
    with Workspace.open(tmp_path) as opened:
        assert [run.name for run in opened.runs.of("first")] == ["v3", "v2", "v1"]
    assert v01("check").code == 0
    assert v01("compare", "v1", "v3").out.startswith("v3 gives the same answers as v1.")
