"""The whole way: a real cascade, its store, the app, two people at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Server, run_once
from browser.label_card import all_saved
from sixty import write_sixty
from stagegap.workspace import Workspace
from stagegap.workspace.foundation import write_starter

HOLDER = Path(__file__).parents[1] / "store" / "holder.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "support-mail"
    folder.mkdir()
    write_starter(folder)
    run_once(folder)
    return folder


def test_page_shows_the_stored_verdict(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    with Workspace.open(project) as workspace:
        card = workspace.runs.scorecard("first")
    assert card is not None
    page = open_page(serve(is_real=True).url)
    expect(page.locator("h1")).to_have_text(card.verdict.headline)
    expect(page.get_by_text(card.verdict.basis)).to_be_visible()
    for stage in card.stages:
        expect(page.locator(".gap")).to_contain_text(stage.stage)


def test_two_people_label_at_once_and_every_label_is_in_the_store(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(is_real=True)
    pages = {who: open_page(f"{server.url}/label?stage=topic&who={who}") for who in ("yz", "cd")}
    for page in pages.values():
        expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
        page.locator(".card").focus()
    for i in range(6):
        for key, page in zip("12", pages.values(), strict=True):
            expect(page.get_by_text(f"{i} of 6 done")).to_be_visible()
            page.keyboard.press(key)
            page.keyboard.press("Enter")
    for page in pages.values():
        expect(page.get_by_role("heading", name="All answered. Thank you.")).to_be_visible()
        expect(page.locator(".saved")).to_have_text("All saved")
    with Workspace.open(project) as workspace:
        made = [label for label in workspace.store.labels("first", stage="topic") if label.queue]
    assert sorted((label.annotator, label.answer.value) for label in made if label.answer) == [
        *[("cd", "parking")] * 6,
        *[("yz", "opening")] * 6,
    ]
    assert {label.probability for label in made} == {1.0}


def test_planner_leads_to_the_records_that_decide_and_their_labels_say_so(
    tmp_path: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    folder = tmp_path / "support-mail"
    folder.mkdir()
    references = write_sixty(folder) / "references.jsonl"
    rows = [json.loads(line) for line in references.read_text().splitlines()]
    few = [row for row in rows if row["record"] < "q20"]
    references.write_text("".join(json.dumps(row) + "\n" for row in few))
    run_once(folder)
    page = open_page(f"{serve(is_real=True).url}/?who=yz")
    expect(page.get_by_text("10 questions more, labelled at every stage, make it possible")).to_be_visible()
    page.get_by_role("link", name="Label these at topic").click()
    expect(page.get_by_text("These records help most at the moment.")).to_be_visible()
    expect(page.get_by_text("0 of 10 done")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 10 done")).to_be_visible()
    expect(page.locator(".saved")).to_have_text("All saved")
    with Workspace.open(folder) as workspace:
        (label,) = [one for one in workspace.store.labels("first", stage="topic") if one.queue]
    assert label.record >= "q20", "those that are labelled already decide nothing"
    assert label.probability is not None


def test_new_labels_update_the_numbers_on_the_page(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    server = serve(is_real=True)
    page = open_page(f"{server.url}/label?stage=topic&who=yz")
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    page.locator(".card").focus()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".saved")).to_have_text("All saved")
    page.goto(server.url)
    expect(page.get_by_text("1 new label since these numbers. Updating…")).to_be_visible()
    expect(page.get_by_text("Updating…")).to_have_count(0)
    with Workspace.open(project) as workspace:
        card = workspace.runs.scorecard("first")
        assert card is not None
        assert workspace.runs.stale_labels(card) == 0


def test_answers_are_saved_while_another_program_holds_the_store(
    project: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{serve(is_real=True).url}/label?stage=topic&who=eve")
    expect(page.locator(".card[data-record]:not([data-record=''])")).to_be_visible()
    words = [sys.executable, str(HOLDER), str(project / ".stagegap" / "store.duckdb")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"holding\n"
        page.locator(".card").focus()
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"(process {holder.pid})")).to_be_visible()  # who holds it
        all_saved(page)
        holder.kill()
    with Workspace.open(project) as workspace:
        assert [label.annotator for label in workspace.store.labels("first", stage="topic") if label.queue] == ["eve"]
