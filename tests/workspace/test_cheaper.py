"""Cheaper versions of stages beside a base, on real runs: the margin comes first, each alone, then all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from conftest import Command
from stagegap.analysis.cheaper import Pace
from stagegap.errors import ConfigurationError
from stagegap.library import open_project
from stagegap.runner import RunOptions, Silent
from stagegap.workspace import Past, Workspace

CASCADE = """
cascade: tickets
noun: ticket
records: {{path: records.jsonl}}
references: {{path: references.jsonl}}
stages:
  route:
    uses: python
    with: {{function: "stages.py:{route}"}}
    inputs: {{text: record.text}}
    output: {{type: label, values: [a, b, c]}}
  reply:
    uses: python
    with: {{function: "stages.py:{reply}"}}
    inputs: {{text: record.text, route: route}}
    output: {{type: label, values: [ok, bad]}}
outcome: {{score: reply.accuracy}}
targets: {{{targets}}}
"""
STAGES = '''
import stagegap

def number(text):
    return int(text.split()[1])

def big(text):
    return stagegap.Answered("a", cost=0.01, tokens_in=100)

def small(text):
    """Wrong on 2 of 300."""
    return stagegap.Answered("b" if number(text) < 2 else "a", cost=0.001, tokens_in=100)

def late(text):
    return small(text)

def wide(text):
    return small(text)

def poor(text):
    """Wrong on 60 of 300."""
    return stagegap.Answered("b" if number(text) < 60 else "a", cost=0.001, tokens_in=100)

def other(text):
    """Another word for 60 of 300, which the long reply understands."""
    return stagegap.Answered("c" if number(text) < 60 else "a", cost=0.001, tokens_in=100)

def long(text, route):
    return stagegap.Answered("bad" if route == "b" else "ok", cost=0.02, tokens_in=300)

def short(text, route):
    """Wrong on 2 others."""
    right = route == "a" and not 2 <= number(text) < 4
    return stagegap.Answered("ok" if right else "bad", cost=0.002)
'''
MARGIN = "outcome: {lose_at_most: 5}"


def write(folder: Path, route: str = "big", reply: str = "long", targets: str = MARGIN) -> Path:
    home = folder / "pipelines" / "tickets"
    home.mkdir(parents=True, exist_ok=True)
    (home / "cascade.yaml").write_text(CASCADE.format(route=route, reply=reply, targets=targets))
    (home / "stages.py").write_text(STAGES)
    rows = [{"id": f"t{n}", "text": f"ticket {n}"} for n in range(300)]
    (home / "records.jsonl").write_text("\n".join(map(json.dumps, rows)))
    answers: list[dict[str, object]] = [
        {"record": row["id"], "stage": "reply", "annotator": "ann", "value": "ok"} for row in rows
    ]
    for answer, seconds in zip(answers, (10, 20, 30, 40, 50), strict=False):
        answer["active_ms"] = 1000 * seconds  # the median is half a minute
    (home / "references.jsonl").write_text("\n".join(map(json.dumps, answers)))
    return home / "cascade.yaml"


def run(workspace: Workspace, *version: str, targets: str = MARGIN, limit: int | None = None) -> str:
    made, _ = workspace.runs.new(write(workspace.folder, *version, targets=targets), RunOptions(limit=limit))
    return made.name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1 to v9, as the tests name them."""
    folder = tmp_path_factory.mktemp("tickets")
    write(folder)
    with Workspace.open(folder) as opened:
        for version in (("big", "long"), ("small", "long"), ("poor", "long"), ("big", "short"), ("other", "long")):
            run(opened, *version)
        run(opened, "late", "long", targets="", limit=40)
        run(opened, "late", "long")
        run(opened, "wide", "long", targets="outcome: {lose_at_most: 1}")
        run(opened, "wide", "long")
    return folder


@pytest.fixture
def past(folder: Path) -> Iterator[Past]:
    with Workspace.open(folder) as opened:
        yield opened.past("tickets")


def test_each_candidate_is_held_to_the_margin_and_all_accepted_ones_run_at_once(past: Past) -> None:
    swaps = past.cheaper("v1", ["v2", "v3", "v4"])
    assert swaps.kept() is None
    assert swaps.plan().calls == 2, "a ticket that gets another route asks the short reply anew"
    view = swaps.view(progress=Silent())
    standing = {swap.runs[0]: swap.standing for swap in view.swaps}
    assert standing == {"v2": "not worse", "v3": "worse", "v4": "not worse"}
    assert view.together == ("v4", "v2")
    assert view.joint is not None
    assert view.joint.change.value == pytest.approx(-4 / 300)
    assert view.joint.standing == "not worse"
    assert view.headline == (
        "Reply (v4) and route (v2) may be cheaper, all at once: they lose at most 3.0 points at the end, of 5 "
        "points allowed (one-sided 95%, n = 300), and save $0.027 a ticket (95% interval $0.014 to $0.052)"
    )
    dollars = next(cost for cost in view.joint.costs if cost.kind == "dollars")
    assert dollars.before.value == pytest.approx(0.03)
    assert dollars.after.value == pytest.approx(0.003)
    minutes = next(cost for cost in view.joint.costs if cost.kind == "minutes")
    assert view.pace == Pace(stage="reply", minutes=0.5, n=5)
    assert (minutes.before.value, minutes.after.value) == (0.0, pytest.approx(0.5 * 4 / 300))
    again = past.cheaper("v1", ["v2", "v3", "v4"])
    kept = again.kept()
    assert kept is not None
    assert not kept.is_old
    assert kept.view == view
    assert again.plan().calls == 0


def test_what_each_may_do_alone_is_refused_together_where_they_break_each_other(past: Past) -> None:
    view = past.cheaper("v1", ["v4", "v5"]).view()
    assert [swap.standing for swap in view.swaps] == ["not worse", "not worse"]
    assert view.joint is not None
    assert view.joint.standing == "worse"
    assert view.joint.change.value == pytest.approx(-60 / 300)
    assert view.headline == (
        "Reply (v4) or route (v5) may be cheaper, but not all at once: together they may lose 24.1 points of the 5 "
        "points allowed"
    )


def test_answers_that_were_known_before_the_margin_stood_decide_nothing(past: Past) -> None:
    view = past.cheaper("v1", ["v7"]).view()
    (swap,) = view.swaps
    assert (swap.known_before, swap.change.n) == (40, 260)
    assert "v7: 40 tickets left out, answered before the margin was written." in view.summary


def test_a_margin_that_was_widened_after_the_outcome_was_known_counts_as_written_later(past: Past) -> None:
    narrow = past.cheaper("v1", ["v8"]).view()
    wide = past.cheaper("v1", ["v9"]).view()
    assert narrow.margin == 0.01
    assert narrow.swaps[0].standing == "undecided"
    assert wide.margin == 0.05
    assert wide.swaps[0].known_before == 300
    assert wide.swaps[0].standing == "not measured"
    assert wide.swaps[0].change.method == "not measured: all its answers were known before a margin was written"
    assert wide.headline.startswith("No stage may be cheaper by what is known")


def test_without_names_every_version_that_ran_under_a_margin_is_a_candidate(past: Past) -> None:
    view = past.cheaper().single()
    assert view.base == "v1"
    assert [swap.runs for swap in view.swaps] == [("v2",), ("v3",), ("v4",), ("v5",), ("v7",), ("v9",)]
    assert view.margin_since == "v1"


def test_without_a_margin_nothing_is_decided_and_the_sentence_says_what_to_write(past: Past) -> None:
    view = past.cheaper("v1", ["v6"]).view()
    assert view.headline == "No margin was written before the candidates ran, so nothing is decided"
    assert view.swaps[0].change.value == pytest.approx(-2 / 40)
    assert "`targets: {outcome: {lose_at_most: 2}}`" in view.summary


def test_runs_that_are_no_candidates_are_named_with_the_reason(past: Past) -> None:
    view = past.cheaper("v8", ["v9"]).view()
    assert view.headline == "No run to hold against v8: no other version of a stage was run"
    assert view.problems == ("v9 is left out. No stage that reaches the outcome differs from v8.",)
    with pytest.raises(ConfigurationError, match="v1 can't be a candidate beside itself"):
        past.cheaper("v1", ["v1"])


def test_terminal_and_notebook_say_the_same(folder: Path, stagegap: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names = ("show", "cheaper", "v2", "v4", "--base", "v1")
    planned = stagegap(*names, "--plan")
    assert planned.code == 0
    printed = stagegap(*names)
    assert printed.code == 0
    assert "Next:  stagegap compare v1 v4   or   stagegap show changed v1 v4" in printed.out
    assert set(stagegap(*names, "--json").json["together"]) == {"v2", "v4"}
    with open_project(folder) as project:
        shown = project.cheaper("v2", "v4", base="v1")
        assert f"{shown.headline}." in printed.out
        frame = shown.to_frame()
    ends = frame[frame.figure == "points gained at the end"]
    assert ends.verdict.tolist() == ["not worse", "not worse", "not worse"]
    assert ends.stage.tolist() == ["route", "reply", "route + reply"]


def test_ci_reads_the_decision_as_exit_code_and_junit(
    folder: Path, stagegap: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder)
    xml = tmp_path / "cheaper.xml"
    assert stagegap("show", "cheaper", "v2", "v4", "--base", "v1", "--exit-code", "--junit", str(xml)).code == 0
    cases = list(ElementTree.parse(xml).iter("testcase"))
    assert [case.get("name") for case in cases] == ["route (v2)", "reply (v4)", "route and reply (v4, v2)"]
    assert all(case.find("system-out") is not None for case in cases)
    worse = stagegap("show", "cheaper", "v3", "--base", "v1", "--exit-code", "--junit", str(xml))
    [failure] = ElementTree.parse(xml).iter("failure")
    assert (worse.code, failure.get("message")) == (1, "route (v3): worse")
    assert stagegap("show", "cheaper", "v9", "--base", "v8", "--exit-code", "--json").code == 5
    assert stagegap("show", "cheaper", "v3", "--base", "v1").code == 0
