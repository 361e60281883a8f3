"""Where an optimiser should work: versions count as what was tried, and what is held out judges what it made."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import llm_server
from conftest import Command
from stagegap.analysis.aim import AimRow, aim_sheet, aim_view, ranked, speaks_for_help
from stagegap.errors import ConfigurationError, RunStopped
from stagegap.library import Project, open_project
from stagegap.model.estimate import Estimate
from stagegap.tables import figures
from stagegap.workspace import Workspace

CASCADE = """
cascade: orders
noun: order
records: {{path: records.jsonl}}
references: {{path: references.jsonl}}
stages:
  size:
    uses: python
    with: {{function: "stages.py:{size}"}}
    inputs: {{text: record.text}}
    output: {{type: label, values: [small, large]}}
  reply:
    uses: llm
    with: {{model: m, base_url: "{url}", prompt: prompt.j2}}
    inputs: {{text: record.text, size: size}}
    output: {{type: text}}
    score: exact
outcome: {{score: reply.exact}}
"""
STAGES = """
def number(text):
    return int(text.split()[1])

def right(text):
    return "small" if number(text) % 2 else "large"

def good(text):
    return right(text) if number(text) % 10 else "small"

def better(text):
    return right(text) if number(text) % 20 else "small"
"""
PROMPT = "{{ size }} order"
BETTER = "{{ size }} parcel"


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=50, method="by hand")


@pytest.fixture(scope="module")
def server() -> Iterator[llm_server.LlmServer]:
    with llm_server.running() as server:
        yield server


def write(folder: Path, url: str, size: str, prompt: str = PROMPT) -> Path:
    home = folder / "pipelines" / "orders"
    home.mkdir(parents=True, exist_ok=True)
    (home / "cascade.yaml").write_text(CASCADE.format(url=url, size=size))
    (home / "stages.py").write_text(STAGES)
    (home / "prompt.j2").write_text(prompt)
    numbers = range(100)
    rows = [{"id": f"o{n}", "text": f"order {n} {'red' if n % 2 else 'blue'} shoes"} for n in numbers]
    (home / "records.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sizes = ["small" if n % 2 else "large" for n in numbers]
    answers = [
        {"record": f"o{n}", "stage": stage, "annotator": "ann", "value": value}
        for n, size in zip(numbers, sizes, strict=True)
        for stage, value in (("size", size), ("reply", f"{size} parcel"))
    ]
    (home / "references.jsonl").write_text("\n".join(map(json.dumps, answers)))
    return home / "cascade.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, server: llm_server.LlmServer) -> Path:
    """v1 answers with another word at the end, so that only there is something to be had; v2 and v3 change size."""
    folder = tmp_path_factory.mktemp("orders")
    write(folder, server.base_url, "good")
    with Workspace.open(folder) as opened:
        for size in ("good", "better", "right"):
            opened.runs.new(write(folder, server.base_url, size))
    return folder


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with open_project(folder) as project:
        yield project


def test_the_stage_with_something_to_be_had_is_named_and_changes_that_helped_are_counted(project: Project) -> None:
    view = project.aim("v1").view
    rows = {row.stage: row for row in view.rows}
    assert view.stage == "reply"
    assert rows["reply"].gain.value == 1.0, "every reply has another word than the reference"
    assert rows["size"].gain.value == 0.0, "a right size changes no reply that is wrong anyway"
    assert [(attempt.before, attempt.after, attempt.stage) for attempt in view.attempts] == [
        ("v1", "v2", "size"),
        ("v2", "v3", "size"),
    ]
    assert (rows["size"].tried, rows["size"].rose, rows["size"].chance) == (2, 0, 1 / 3.25)
    assert (rows["reply"].tried, rows["reply"].chance) == (0, 1 / 1.25)
    assert view.n + view.held_out == 100
    assert 30 < view.held_out < 70


def test_feedback_says_what_would_be_right_and_names_no_record_that_is_held_out(project: Project) -> None:
    look = project.workspace.runs.attribution("orders", "v1")
    held_out = {record.id for record in look.evidence.records if record.is_held_out}
    view = project.aim("v1").view
    assert len(view.feedback) == 20
    assert not held_out & {message.record for message in view.feedback}
    first = view.feedback[0]
    size = first.inputs["size"]
    assert first.answer == f"{size} order"
    right = "small" if int(first.record[1:]) % 2 else "large"
    assert first.text.startswith(f"Right would be: {right} parcel. The end scored 0.00.")


def test_codes_that_people_put_on_a_failure_stand_in_its_feedback_and_in_no_other(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "orders"
    shutil.copytree(folder, copy)
    with open_project(copy) as project:
        first, second = (message.record for message in project.aim("v1").view.feedback[:2])
        for run, stage, record, tag in (
            ("v1", "reply", first, "wrong word"),
            ("v1", "reply", first, "too short"),
            ("v1", "size", second, "of another stage"),
            ("v2", "reply", second, "of another run"),
        ):
            event = {"id": f"{run} {tag}", "action": "add", "record": record, "tag": tag}
            project.workspace.failures.save_codes("orders", run, stage, [event], viewer="ab", verified=True)
        texts = {message.record: message.text for message in project.aim("v1").view.feedback}
        assert "People noted: too short and wrong word." in texts[first]
        assert sum("People noted" in text for text in texts.values()) == 1
        optimiser = project.optimiser("v1")
        scored = optimiser.evaluate([first, second], optimiser.seed, capture_traces=True)
        told = optimiser.make_reflective_dataset(optimiser.seed, scored, ["reply"])["reply"]
        assert ["People noted: too short and wrong word." in str(message["Feedback"]) for message in told] == [
            True,
            False,
        ]


def test_it_is_asked_for_in_the_terminal_as_any_other_view(
    folder: Path, stagegap: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    shown = stagegap("show", "aim", "--run", "v1").out
    assert "An optimiser should work on reply" in shown
    as_json = stagegap("show", "aim", "--run", "v1", "--json").json
    assert (as_json["stage"], as_json["is_over"]) == ("reply", False)
    assert "held-out orders" in stagegap("compare", "v1", "v3", "--held-out").out


def test_ci_reads_it_as_exit_code_and_junit(
    folder: Path, stagegap: Command, monkeypatch: pytest.MonkeyPatch, project: Project, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder)
    xml = tmp_path / "ci" / "aim.xml"
    assert stagegap("show", "aim", "--run", "v1", "--exit-code", "--junit", str(xml)).code == 0
    assert 'classname="stagegap.aim" name="where to work"' in xml.read_text()
    view = project.aim("v1").view
    assert replace(view, stage="", is_over=True).exit_code == 1
    assert replace(view, stage="").exit_code == 5


def test_optimiser_gains_on_the_half_that_it_sees_and_the_other_half_judges_it(
    project: Project, folder: Path, server: llm_server.LlmServer
) -> None:
    optimiser = project.optimiser("v1", paid=True)
    assert optimiser.seed == {"reply": PROMPT}
    batch = [record for record in optimiser.records if int(record[1:]) % 10][:6]
    before = optimiser.evaluate(batch, optimiser.seed, capture_traces=True)
    assert before.scores == [0.0] * 6
    assert optimiser(None, batch, before.scores, 0, optimiser.seed) == ["reply"]
    (message, *_) = optimiser.make_reflective_dataset(optimiser.seed, before, ["reply"])["reply"]
    assert "parcel" in str(message["Feedback"])
    server.answers()
    after = optimiser.evaluate(batch, {"reply": BETTER})
    assert after.scores == [1.0] * 6
    assert after.outputs[0].endswith("parcel")
    assert optimiser.rows[0].tried == optimiser.rows[0].rose == 1
    calls = server.counters()["calls"]
    assert calls == 6, "one a record that was asked about"
    optimiser.evaluate(batch, {"reply": BETTER})
    assert server.counters()["calls"] == calls, "no answer is paid twice"

    project.expect("the word of the references", baseline="v1", reply=90)
    with Workspace.open(folder) as opened:
        run, _ = opened.runs.new(write(folder, server.base_url, "good", BETTER))
    view = project.compare("v1", run.name, held_out=True).view
    assert view.n == project.aim("v1").view.held_out
    assert f"{view.n:,} held-out orders" in view.summary
    assert view.headline.startswith(f"{run.name} is better than v1")
    assert {row.expectation.place for row in project.ledger().view.rows} >= {"reply"}


def test_it_is_over_where_no_stage_is_worth_another_change(project: Project) -> None:
    assert not project.optimiser("v1").is_over
    assert project.optimiser("v1", worth=101).is_over
    assert AimRow(stage="reply", gain=estimate(0.1, 0.05, 0.2), tried=40, rose=0).most < 0.02
    assert AimRow(stage="reply", gain=estimate(0.1, 0.05, 0.2), tried=0, rose=0).most == pytest.approx(0.19)


def test_stop_is_said_where_nothing_is_to_be_had(project: Project) -> None:
    look = project.workspace.runs.attribution("orders", "v1")
    view = aim_view(look.evidence, (), {}, outcome_name="mean reply.exact", worth=1.01)
    assert view.is_over
    assert view.headline == f"Stop: gain x chance of another change is below 101 points at every stage (n = {view.n})"
    assert (view.stage, view.feedback) == ("", ())
    without = replace(look.evidence, outputs={("system", "reply"): {}}, references={})
    unknown = aim_view(without, (), {}, outcome_name="")
    assert unknown.headline.startswith("Not known where to work")
    for nowhere in (view, unknown):
        assert "picked" not in " ".join(aim_sheet(nowhere).sentences)
    named = aim_view(look.evidence, (), {}, outcome_name="")
    sheet = aim_sheet(named)
    assert "The stage is picked as the largest" in " ".join(sheet.sentences)
    gained = figures.figure(named.rows[0].gain, figures.Unit.POINTS)
    assert sheet.tables[0].texts(sheet.tables[0].rows[0])[1].startswith(gained.split(" ")[0]), "as the headline says it"


def test_text_that_is_no_prompt_scores_nothing_and_says_why(project: Project) -> None:
    optimiser = project.optimiser("v1", paid=True)
    broken = {"reply": "{{ siz }}"}
    evaluated = optimiser.evaluate(optimiser.records[:2], broken, capture_traces=True)
    assert evaluated.scores == [0.0, 0.0]
    (message,) = optimiser.make_reflective_dataset(broken, evaluated, ["reply"])["reply"]
    assert "'siz', which is no input of the stage" in str(message["Feedback"])


def test_held_out_records_other_stages_and_unpaid_calls_are_refused(project: Project) -> None:
    optimiser = project.optimiser("v1")
    look = project.workspace.runs.attribution("orders", "v1")
    secret = next(record.id for record in look.evidence.records if record.is_held_out)
    with pytest.raises(ConfigurationError, match="none of the records that an optimiser may see"):
        optimiser.evaluate([secret], optimiser.seed)
    with pytest.raises(ConfigurationError, match="'size' is no stage with a prompt"):
        optimiser.evaluate(optimiser.records[:1], {"size": "x"})
    with pytest.raises(ConfigurationError, match=r"needs up to 1 calls to a paid service\. `paid=True` allows them"):
        optimiser.evaluate(optimiser.records[:1], {"reply": "{{ size }} unpaid"})


def test_what_a_service_never_answered_is_no_score(project: Project, server: llm_server.LlmServer) -> None:
    optimiser = project.optimiser("v1", paid=True)
    server.answers(
        rules=[
            {"when": "all", "status": 429, "body": {"error": {"message": "later"}}, "headers": {"retry-after": "3600"}}
        ]
    )
    try:
        with pytest.raises(RunStopped):
            optimiser.evaluate(optimiser.records[:2], {"reply": "{{ size }} lost"})
    finally:
        server.answers()


def test_stage_in_the_middle_of_a_chain_has_a_gain(mails: Path) -> None:
    with open_project(mails) as project:
        rows = {row.stage: row for row in project.aim().view.rows}
    assert set(rows) == {"route", "retrieve", "draft"}
    assert all(row.gain.is_measured for row in rows.values())
    assert rows["retrieve"].gain.value > 0.2, "it misses the needed article of every third mail"


def test_chance_is_what_is_known_of_it_after_changes_of_which_nobody_knows_whether_they_helped() -> None:
    moved = ((0.06, 0.03), (-0.01, 0.03), (0.01, 0.02))
    row = AimRow(stage="reply", gain=estimate(0.2, 0.1, 0.3), tried=0, rose=0)
    middles = (np.arange(20_000) + 0.5) / 20_000
    chances, shares = scipy.stats.beta.ppf(middles, 1, 0.25), middles * 0.2
    likelihood = np.ones_like(chances)
    for change, error in moved:
        row = row.after(change, error)
        helped = scipy.stats.norm.pdf(change, shares, error).mean()
        likelihood *= chances * helped + (1 - chances) * scipy.stats.norm.pdf(change, 0, error)
    assert (row.tried, row.rose) == (3, 2)
    assert row.chance == pytest.approx(float(likelihood @ chances / likelihood.sum()), abs=1e-4)
    assert row.after(math.nan, math.nan) is row
    assert speaks_for_help(9.0, 0.01, 0.2) == 1.0, "where both densities are 0, a rise is help"
    assert speaks_for_help(0.1, 0.01, -0.1) == 1.0
    assert speaks_for_help(0.0, 0.01, math.nan) == 0.0


def test_stage_that_beyond_doubt_was_not_helped_waits_until_the_others_were_tried_as_often() -> None:
    worst = AimRow(stage="worst", gain=estimate(0.5, 0.4, 0.6), tried=0, rose=0)
    other = AimRow(stage="other", gain=estimate(0.05, 0.02, 0.08), tried=0, rose=0)
    little = AimRow(stage="little", gain=estimate(0.005, 0.0, 0.01), tried=0, rose=0)
    assert ranked([little, other, worst])[0] is worst
    tried = worst.after(0.0, 0.01)
    assert ranked([other, tried])[0] is tried, "one change says little"
    tried = tried.after(0.0, 0.01).after(0.0, 0.01)
    assert tried.worth > other.worth
    assert ranked([little, tried, other])[0] is other
    assert ranked([little, tried])[0] is tried, "nothing is to be had at the other"
    assert not tried.after(0.2, 0.01).is_stuck
