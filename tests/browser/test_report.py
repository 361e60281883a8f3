"""Reports in a real browser and on paper: nothing is cut off, what is folded is open, nothing is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from stagegap import report
from stagegap.analysis.record_view import RecordView
from ui import changes, views

A4 = "/MediaBox [0 0 594.95996 841.91998]"
WIDTH = 673
"""A4 without its margins, in CSS pixels."""
REPORTS = {
    "run": report.html(views.scorecard(), records=True),
    "run without records": report.html(views.scorecard(), records=False),
    "comparison": report.comparison_html(changes.comparison(), records=True),
    "night": report.variants_html(changes.variants_view()),
    "bundle": report.bundle(
        views.scorecard(),
        [RecordView(record="m0001", fields=(("body", "a " * 400),), blocks=())],
        left_out="1 mail left out.",
    )["index.html"],
}
CUT = """() => [...document.querySelectorAll("main *")].filter(one => {
    const box = one.getBoundingClientRect();
    const hides = getComputedStyle(one).overflowX !== "visible" && one.scrollWidth > one.clientWidth + 1;
    return !one.closest(".sr, .ax, script") && box.width && (box.right > innerWidth + 1 || hides);
}).map(one => one.outerHTML.slice(0, 150))"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": WIDTH, "height": 950}, offline=True)
    yield context.new_page()
    context.close()


def opened(page: Page, name: str, folder: Path) -> Page:
    path = folder / "report.html"
    path.write_text(REPORTS[name], encoding="utf-8")
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("name", REPORTS)
def test_report_prints_to_a4_and_nothing_is_cut(page: Page, name: str, tmp_path: Path) -> None:
    opened(page, name, tmp_path).emulate_media(media="print")
    assert page.evaluate(CUT) == []
    folded = "() => [...document.querySelectorAll('details dd')].filter(one => !one.checkVisibility()).length"
    assert page.evaluate(folded) == 0
    paper = page.pdf(prefer_css_page_size=True).decode("latin-1")
    pages = len(re.findall(r"/Type\s*/Page\b(?!s)", paper))
    assert paper.count(A4) == pages
    assert 1 <= pages <= {"run": 6, "comparison": 8}.get(name, 3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", REPORTS)
def test_axe_finds_no_violation_in_a_report(page: Page, name: str, scheme: str, tmp_path: Path) -> None:
    opened(page, name, tmp_path).emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []


@pytest.mark.parametrize("name", REPORTS)
def test_phone_reads_a_report_without_sideways_scrolling(page: Page, name: str, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 420, "height": 900})
    assert opened(page, name, tmp_path).evaluate("document.documentElement.scrollWidth") <= 420
