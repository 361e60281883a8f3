"""No two texts of a chart overlap and nothing leaves its frame, whatever the figures and however wide the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from charts import hostile
from stagegap import charts
from stagegap.tables.figures import Unit
from stagegap.tables.table import Column, Sheet, Table

MEASURE = """() => {
    const problems = []
    for (const frame of document.querySelectorAll("section.frame")) {
        const name = frame.dataset.name
        const say = (what, ...texts) => problems.push(`${name}: ${what}: ${texts.join(" | ")}`)
        const edge = frame.getBoundingClientRect()
        const boxes = []
        const walker = document.createTreeWalker(frame, NodeFilter.SHOW_TEXT)
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const text = node.data.trim(), parent = node.parentElement
            if (!text || parent.closest(".sr, title, caption")) continue
            if (!parent.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true })) continue
            const range = document.createRange()
            range.selectNodeContents(node)
            for (const rect of range.getClientRects()) {
                const seen = clip(rect, parent, frame)
                if (seen.right - seen.left > 1 && seen.bottom - seen.top > 1) boxes.push({ ...seen, node, text })
            }
            if (parent.closest(".ct, .mx")) {
                for (const word of node.data.matchAll(/[^\\s_./:-]+/g)) {
                    if (word[0].length > 24) continue
                    range.setStart(node, word.index)
                    range.setEnd(node, word.index + word[0].length)
                    const tops = new Set([...range.getClientRects()].map(rect => Math.round(rect.top)))
                    if (tops.size > 1) say("a word breaks by letters", word[0])
                }
            }
        }
        for (const mark of frame.querySelectorAll(".t > .c, svg circle")) {
            const rect = mark.getBoundingClientRect()
            boxes.push({ left: rect.left + 1, right: rect.right - 1, top: rect.top + 1, bottom: rect.bottom - 1, mark })
        }
        boxes.sort((a, b) => a.top - b.top)
        for (let i = 0; i < boxes.length; i++) {
            const a = boxes[i]
            if (a.left < edge.left - 0.5 || a.right > edge.right + 0.5 || a.bottom > edge.bottom + 0.5)
                say("leaves its frame", a.text ?? "a mark")
            for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom - 1.5; j++) {
                const b = boxes[j]
                if ((a.mark && b.mark) || (a.node && a.node === b.node)) continue
                if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1)
                    say("overlap", a.text ?? "a mark", b.text ?? "a mark")
            }
        }
    }
    if (document.documentElement.scrollWidth > innerWidth) problems.push("the page scrolls sideways")
    return problems

    function clip(rect, element, frame) {
        const seen = { left: rect.left, right: rect.right, top: rect.top, bottom: rect.bottom }
        for (let e = element; e !== frame; e = e.parentElement) {
            if (getComputedStyle(e).overflowX === "visible") continue
            const box = e.getBoundingClientRect()
            seen.left = Math.max(seen.left, box.left)
            seen.right = Math.min(seen.right, box.right)
            seen.top = Math.max(seen.top, box.top)
            seen.bottom = Math.min(seen.bottom, box.bottom)
        }
        return seen
    }
}"""

NO_CHART = {
    "Pictures": "a type",
    "PICTURED": "a count",
    "card_pictures": "pictures",
    "small_picture": "a picture",
    "as_path": "a name, as data",
    "Element": "a type",
    "Manner": "a type",
    "Show": "a type",
    "SHEETS": "names of files",
    "packaged": "a style sheet",
    "drawn_value": "what `value_html` draws, as data",
    "WHICH": "a heading",
    "template": "a page",
    "which_number": "sentences",
    "coded": "words",
    "vega": "a specification",
    "knob_title": "a word",
    "rank": "words",
    "code_share": "words",
    "code_win": "words",
    "certainty": "words",
    "change": "words",
    "judged": "words",
    "emphasised": "a sentence",
    "contributions_note": "a sentence",
    "failures_sentence": "a sentence",
    "first_fault_sentence": "a sentence",
    "groups_note": "a sentence",
    "list_sentence": "a sentence",
    "ARROW": "a sign",
    "lost_anyway": "a sentence",
    "method": "sentences",
    "notices": "sentences",
    "one_order": "a sentence",
    "win_sentence": "a sentence",
    "worst_list": "data",
    "style": "the style sheet",
    "style_of": "the style sheet",
    "notebook_card": "a sheet with charts in it",
    "sheet_html": "a sheet",
    "tables_html": "a sheet",
    "oddity_list": "sentences with `oddity_plot`",
    "oddities_without_words": "sentences with `oddity_plot`",
    "oddity_records": "a list as `failure_list`",
    "trials": "a list as `checks` with `oddity_plot`",
    "outcomes_of_runs": "`runs_table`",
}
"""What charts hands out besides charts, and what it is."""

DRAWN = list(hostile.drawn())


def test_every_chart_is_among_those_that_are_measured() -> None:
    assert {name for name, _, _ in DRAWN} == {name for name in charts.__all__ if name not in NO_CHART}


@pytest.mark.parametrize("width", [420, 768, 1440])
def test_no_two_texts_overlap_and_nothing_leaves_its_frame(browser: Browser, width: int) -> None:
    frames = "".join(
        f'<section class="frame" data-name="{name}, {hostility}">{html}</section>' for name, hostility, html in DRAWN
    )
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(
        '<!doctype html><meta name="viewport" content="width=device-width"><style>body { margin: 20px; }'
        f".frame {{ margin: 30px 0; max-width: 860px; }}{charts.style()}</style>{frames}"
    )
    problems = page.evaluate(MEASURE)
    page.close()
    assert problems[:40] == [], f"{len(problems)} in all"


@pytest.mark.parametrize("width", [420, 1440])
def test_table_of_many_columns_fits_a_phone_and_says_what_each_figure_is(browser: Browser, width: int) -> None:
    names = ("Version of the stage", "Calls", "Good at the end, points", "Tokens saved", "Decision")
    columns = tuple(Column(name=name, unit=Unit.TEXT) for name in names)
    row = ("retrieve " + "x" * 60, "1,234,567", "+12.3 (-10.0 to 30.1)", "400", "not worse, and 30% cheaper")
    html = charts.tables_html(Sheet(parts=(Table(columns=columns, rows=(row,), title="What may be cheaper"),)))
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(f'<meta name="viewport" content="width=device-width"><style>{charts.style()}</style>{html}')
    frame = page.locator(".sheet")
    widths = frame.evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert widths[0] <= widths[1]
    assert page.get_by_role("cell", name="+12.3").is_visible()
    assert page.get_by_role("columnheader", name="Tokens saved").count() == 1
    page.close()
