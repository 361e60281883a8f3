"""A whole day on the demo in the browser, with the commands of it in a terminal beside."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Server, violations
from sixty import replace_in, spoil, write_sixty

ROOT = Path(__file__).parents[2]


def stagegap(folder: Path, *words: str, code: int = 0) -> str:
    """Run a command as people do in a terminal."""
    said = subprocess.run(
        [sys.executable, "-m", "stagegap", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert said.returncode == code, said.stdout + said.stderr
    return said.stdout


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demo, with a target that it reaches, and one run."""
    folder = tmp_path / "support-mail"
    for name in ("pipelines", "data"):
        shutil.copytree(ROOT / name / "support_email", folder / name / "support_email")
    replace_in(folder / "pipelines" / "support_email" / "cascade.yaml", "at_least: 0.8", "at_least: 0.1")
    stagegap(folder, "run", "--json")
    return folder


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Sixty questions in two runs, of which the later one lost a fact."""
    folder = tmp_path / "support-mail"
    made = write_sixty(folder)
    stagegap(folder, "run", "--json")
    spoil(made)
    stagegap(folder, "run", "--json")
    return folder


def headline(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text, timeout=60_000)


@pytest.mark.timeout(900)
def test_a_day_from_expectation_to_report(
    demo: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    made = demo / "pipelines" / "support_email"
    server = serve(is_real=True)
    page = open_page(f"{server.url}/compare?cascade=support-email")
    headline(page, "Nothing to compare yet")
    page.get_by_text("Expect something of the change after v1").click()
    page.get_by_role("radio", name="retrieve").click()
    page.get_by_label("Points").fill("3")
    page.get_by_label("Because").fill("rare words should count more")
    page.get_by_role("button", name="Write it down").click()
    expect(page.locator(".led")).to_contain_text("rare words should count more")
    expect(page.locator(".led")).to_contain_text("guess: 9% of the gain with references")

    stagegap(demo, "tools", "bless", "v1")
    replace_in(made / "cascade.yaml", "method: bm25", "method: tfidf")
    system = json.loads(stagegap(demo, "plan", "--json"))["cells"][0]
    assert [one["stage"] for one in system["stages"] if one["calls"]] == ["retrieve", "draft"]
    stagegap(demo, "run", "--json")
    page.reload()
    headline(page, "No measurable difference between v1 and v2 (n = 285)")
    expect(page.locator(".set")).to_contain_text("stages.retrieve.with.method")
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_text("No measurable difference (n = 285).", exact=True)).to_be_visible(timeout=90_000)
    expect(page.locator(".led")).to_contain_text("expected")

    replace_in(made / "stages.py", "QUOTED = 6", "QUOTED = 1")
    stagegap(demo, "run", "--json")
    assert "exit code 1" in stagegap(demo, "check", code=1)
    page.goto(f"{server.url}/compare?cascade=support-email&before=v1&run=v3&at=draft&list=worse")
    headline(page, "v3 is worse than v1: −14 points (95% interval −18 to −10)")
    expect(page.locator(".ls tbody tr").first).to_be_visible()
    assert page.locator(".ans").count() == 0
    page.get_by_label("Your initials").fill("ab")
    page.get_by_label("Your initials").press("Enter")
    expect(page.locator(".two .ans")).to_have_count(2)
    second = page.locator(".ls tbody tr").nth(1)
    record = second.locator("code").inner_text()
    second.click()
    expect(page.get_by_role("heading", name=record, exact=True)).to_be_visible()

    replace_in(made / "stages.py", "QUOTED = 1", "QUOTED = 6")
    stagegap(demo, "run", "--json")
    assert "exit code 0" in stagegap(demo, "check")
    page.goto(f"{server.url}/compare?cascade=support-email&before=v1&run=v4&y=draft&x=stages.retrieve.with.method")
    headline(page, "No measurable difference between v1 and v4 (n = 285)")
    expect(page.locator(".rt tbody tr")).to_have_count(4)
    expect(page.get_by_role("img", name="draft of 4 runs over stages.retrieve.with.method")).to_be_visible()
    page.get_by_role("button", name="Share").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download report").click()
    assert download.value.suggested_filename == "support-email-v1-v4.html"
    page.set_content(download.value.path().read_text(encoding="utf-8"))
    headline(page, "No measurable difference between v1 and v4 (n = 285)")
    stagegap(demo, "report", "-o", "report.html")
    page.set_content((demo / "report.html").read_text())
    headline(page, "Draft holds this system back")


def test_axe_finds_no_violation_and_a_phone_needs_no_sideways_scrolling(
    two: Path, serve: Callable[..., Server], open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{serve(is_real=True).url}/compare?who=ab")
    expect(page.locator(".two .ans")).to_have_count(2, timeout=60_000)
    expect(page.locator(".rt")).to_be_visible()
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)
    assert violations(page) == []
    page.set_viewport_size({"width": 420, "height": 900})
    page.reload()
    expect(page.locator(".two .ans")).to_have_count(2, timeout=60_000)
    expect(page.locator(".rt")).to_be_visible()
    expect(page.locator("[data-testid=stStatusWidget]")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_flip_leads_to_its_list(two: Path, serve: Callable[..., Server], open_page: Callable[..., Page]) -> None:
    page = open_page(f"{serve(is_real=True).url}/compare?at=reply&list=all")
    page.get_by_role("button", name="18 broken").click()
    expect(page).to_have_url(re.compile("list=worse"))
    expect(page.get_by_role("region", name="got worse")).to_be_visible()
