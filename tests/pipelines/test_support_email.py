"""The demo: is its data what its README says, and does the whole way of a record work on it?"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import llm_server
from stagegap.metrics import metric, score
from stagegap.model.answer import Answer, Fact, Output, Reference, Status
from stagegap.model.run import SYSTEM
from stagegap.workspace import Workspace

ROOT = Path(__file__).parents[2]
DATA = ROOT / "data" / "support_email"
Row = Mapping[str, Any]

pytestmark = pytest.mark.xdist_group("demo")  # one run for all of them


def rows(name: str) -> list[Row]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


EMAILS, PRODUCTS, ARTICLES, LABELS = (
    rows(f"{name}.jsonl") for name in ("emails", "products", "articles", "references")
)


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files in a folder of their own, and one run."""
    made = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "pipelines" / "support_email", made / "pipelines" / "support_email")
    shutil.copytree(DATA, made / "data" / "support_email")
    with Workspace(made, environment={}, clock=time.time) as opened:
        opened.runs.new(made / "pipelines" / "support_email" / "cascade.yaml")
    return made


@pytest.fixture
def folder(run_once: Path, tmp_path: Path) -> Path:
    """A copy of the demo with its run, for a test to write into."""
    return Path(shutil.copytree(run_once, tmp_path / "demo"))


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    with Workspace(folder, environment={}, clock=time.time) as opened:
        yield opened


def test_there_is_as_much_as_the_readme_says() -> None:
    assert (len(EMAILS), len(PRODUCTS), len(ARTICLES), len(LABELS)) == (435, 126, 46, 2061)
    readme = (DATA / "README.md").read_text()
    for count in ("435", "126", "46", "2,061", "285"):
        assert count in readme


def test_no_two_mails_are_alike() -> None:
    assert len({" ".join(mail["body"].lower().split()) for mail in EMAILS}) == len(EMAILS)
    assert len({mail["body"][:40].lower() for mail in EMAILS}) > 0.97 * len(EMAILS)


def test_mails_are_as_varied_as_an_inbox() -> None:
    assert set(Counter(mail["language"] for mail in EMAILS)) == {"en", "de", "fr", "es", "nl", "it"}
    kinds = Counter(mail["kind"] for mail in EMAILS)
    assert set(kinds) == {"clear", "two_topics", "vague", "angry", "wrong_name", "typos", "spam"}
    assert min(kinds.values()) >= 20


def test_customers_do_not_stand_on_both_sides_of_the_split() -> None:
    sides = defaultdict(set)
    for mail in EMAILS:
        sides[mail["customer_id"]].add(mail["split"])
    assert all(len(found) == 1 for found in sides.values())


def test_every_mail_is_labelled_and_126_three_times_by_different_people() -> None:
    people = defaultdict(list)
    for label in LABELS:
        people[label["record"], label["stage"]].append(label["annotator"])
    assert set(people) == {(mail["email_id"], stage) for mail in EMAILS for stage in ("route", "retrieve", "draft")}
    assert all(len(set(who)) == len(who) for who in people.values())
    assert Counter(len(who) for who in people.values()) == {1: 3 * 309, 3: 3 * 126}


def test_disagreements_of_people_are_kept() -> None:
    routes = defaultdict(set)
    for label in LABELS:
        if label["stage"] == "route":
            routes[label["record"]].add(label["value"])
    assert any(len(found) > 1 for found in routes.values())


def test_every_reply_holds_the_facts_that_its_writer_asks_for() -> None:
    recall = metric("fact_recall")
    for label in LABELS:
        if label["stage"] == "draft" and label["value"] is not None:
            facts = tuple(Fact(tuple(wordings)) for wordings in label["facts"])
            answer = Answer(value=label["value"], facts=facts)
            assert facts, label["record"]
            reply = Output(record="r", stage="draft", status=Status.OK, value=label["value"])
            reference = Reference(record="r", stage="draft", accepted=(answer,))
            assert score(reply, reference, recall) == 1.0, label["record"]


def test_the_demo_gives_a_verdict_that_its_own_outputs_bear_out(workspace: Workspace) -> None:
    (run,) = workspace.store.runs("support-email")
    card = workspace.runs.scorecard("support-email", run.name)
    assert card is not None
    assert (card.n_records, card.n_scored, card.n_infrastructure, card.annotators) == (285, 285, 0, 5)
    gains = sum(row.gain.value for row in card.stages)
    assert card.system.value + gains == pytest.approx(card.ceiling.value)
    references = {label["record"]: label["value"] for label in LABELS if label["stage"] == "route"}
    single = {r for r, n in Counter(one["record"] for one in LABELS if one["stage"] == "route").items() if n == 1}
    outputs = [o for o in workspace.store.outputs(run.id, SYSTEM, "route") if o.record in single]
    right = sum(output.value == references[output.record] for output in outputs)
    assert right / len(outputs) == pytest.approx(card.stages[0].in_place.value, abs=0.1)
    best = max(card.stages, key=lambda row: row.gain.value)
    assert (card.verdict.kind == "holds back") == (best.p_first >= 0.9)
    assert all(row.person.is_measured and row.person.n == 126 for row in card.stages)


def test_variant_with_a_language_model_would_call_the_draft_alone(folder: Path) -> None:
    environment = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "none"}
    with Workspace(folder, environment=environment, clock=time.time) as workspace:
        planned = workspace.runs.plan(folder / "pipelines" / "support_email" / "llm.yaml")
    assert {stage.stage for cell in planned.cells for stage in cell.stages if stage.calls} == {"draft"}


@pytest.mark.slow  # the plan of it is in the gate
def test_variant_with_a_language_model_shares_all_but_the_draft(folder: Path) -> None:
    with llm_server.running() as server:
        server.answers(reply="Returns are free within 30 days.")
        environment = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "sk-canary-7f3a"}
        with Workspace(folder, environment=environment, clock=time.time) as workspace:
            pipelines = folder / "pipelines" / "support_email"
            planned = workspace.runs.plan(pipelines / "llm.yaml")
            called = {stage.stage for cell in planned.cells for stage in cell.stages if stage.calls}
            run, summary = workspace.runs.new(pipelines / "llm.yaml")
            drafts = workspace.store.outputs(run.id, SYSTEM, "draft")
            card = workspace.runs.scorecard("support-email-llm")
    assert called == {"draft"}
    assert summary.calls <= planned.paid_calls
    assert {str(draft.value) for draft in drafts if draft.status.has_value} == {"Returns are free within 30 days."}
    assert card is not None
    assert card.stages[2].in_place.is_measured
    kept = [path for path in (folder / ".stagegap").rglob("*") if path.is_file()]
    assert kept
    assert not any(b"sk-canary-7f3a" in path.read_bytes() for path in kept)


def test_faults_planted_in_the_demo_are_found_by_gain_and_parts_and_not_by_first_fault(workspace: Workspace) -> None:
    (run,) = workspace.store.runs("support-email")
    before = workspace.store.views.marks(run.cascade).runs[run.id]
    view = workspace.runs.attribution("support-email").selfcheck(records=60, simulations=60)
    assert workspace.store.views.marks(run.cascade).runs[run.id] == before, "planted faults are not stored"
    assert (view.left_out, view.n) == ((), 60)
    assert view.calls < 4 * 60, "only what a fault changes is called"
    rows = {(row.stage, row.method): row for row in view.rows}
    assert len(rows) == 9
    for (stage, method), row in rows.items():
        assert abs(row.bias) < 0.03, (stage, method)
        assert row.coverage.high >= 0.95, (stage, method)
        if method != "first fault":
            assert row.booked.value >= 0.8, (stage, method)
            assert row.finds_worst.value >= 0.9, (stage, method)
    # Most first faults of the demo stand at route, but references gain most at draft.
    assert {rows[stage, "first fault"].finds_worst.value for stage in ("route", "retrieve", "draft")} == {0.0}
